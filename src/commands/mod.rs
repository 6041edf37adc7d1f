//! One file per verb: the pipeline from arguments to report, and nothing more.

mod certs;
mod completion;
mod config;
mod create;
mod delete;
mod diff;
mod doctor;
mod exec;
mod history;
mod join;
mod kubeconfig;
mod list;
mod node;
mod pause;
mod rbac;
mod render;
mod restore;
mod rollback;
mod scale;
mod shared;
mod snapshot;
mod status;
mod support_bundle;
mod token;
mod update;
mod upgrade;

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::error::Fault;
use shared::context::Context;

/// Runs what was asked; the failure was not told yet.
pub async fn run(cli: Cli) -> Result<ExitCode, (Box<crate::ui::Ui>, Fault)> {
    let mut context = Context::new(cli.common);
    let outcome = match &cli.command {
        Command::Create(args) => create::run(args, &mut context).await,
        Command::Update(args) => update::run(args, &mut context).await,
        Command::Upgrade(args) => upgrade::run(args, &mut context).await,
        Command::Rollback(args) => rollback::run(args, &mut context).await,
        Command::Snapshot(args) => snapshot::run(args, &context).await,
        Command::Restore(args) => restore::run(args, &mut context).await,
        Command::Scale(args) => scale::run(args, &mut context).await,
        Command::Pause(args) => pause::run(args, &context).await,
        Command::Resume(args) => pause::resume(args, &context).await,
        Command::History(args) => history::run(args, &context).await,
        Command::Delete(args) => delete::run(args, &mut context).await,
        Command::Join(args) => join::run(args, &mut context).await,
        Command::List(args) => list::run(args, &context).await,
        Command::Status(args) => status::run(args, &context).await,
        Command::SupportBundle(args) => support_bundle::run(args, &mut context).await,
        Command::Kubeconfig(args) => kubeconfig::run(args, &context).await,
        Command::Node(command) => node::run(command, &mut context).await,
        Command::Token(command) => token::run(command, &mut context).await,
        Command::Render(args) => render::run(args, &mut context).await,
        Command::Rbac(args) => rbac::run(args, &context),
        Command::Config(command) => config::run(command, &context),
        Command::Completion(args) => completion::run(args, &context),
        Command::Diff(args) => {
            let outcome = diff::run(args, &mut context).await;
            return with_code(outcome, context);
        }
        Command::Certs(command) => {
            let outcome = certs::run(command, &mut context).await;
            return with_code(outcome, context);
        }
        Command::Doctor(args) => {
            let outcome = doctor::run(args, &mut context).await;
            return with_code(outcome, context);
        }
        Command::Exec(args) => {
            return exec::run(args, &context).await.map_err(|fault| (Box::new(context.into_ui()), fault));
        }
    };
    match outcome.and_then(|()| context.ui.check_written()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(fault) => Err((Box::new(context.into_ui()), fault)),
    }
}

/// The outcome of a command whose success has more than one exit code.
fn with_code(outcome: Result<ExitCode, Fault>, context: Context) -> Result<ExitCode, (Box<crate::ui::Ui>, Fault)> {
    outcome
        .and_then(|code| context.ui.check_written().map(|()| code))
        .map_err(|fault| (Box::new(context.into_ui()), fault))
}
