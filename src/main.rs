//! The kamaji program: parse, run, exit code.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use kamaji::cli::Cli;

fn main() -> ExitCode {
    kamaji::complete::answer_shell(Cli::command);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return kamaji::ui::not_understood(&error),
    };
    kamaji::start::prepare(cli.common.verbose);
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() else {
        return ExitCode::FAILURE;
    };
    let code = match runtime.block_on(kamaji::commands::run(cli)) {
        Ok(code) => code,
        Err((ui, fault)) => {
            ui.fault(&fault);
            ExitCode::from(fault.kind().exit_code())
        }
    };
    // Tunnels and renewals still running are of no use any more.
    runtime.shutdown_background();
    code
}
