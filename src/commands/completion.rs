//! `kamaji completion`: the line with which a shell asks kamaji itself, so that it cannot go stale.

use super::context::Context;
use crate::cli::CompletionArgs;

pub(super) fn run(args: &CompletionArgs, context: &Context) {
    use clap::CommandFactory as _;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Cli::command(), "kamaji", &mut script);
    context.ui.result(&String::from_utf8_lossy(&script));
}
