//! `kamaji completion`: prints a script that calls kamaji for completions, so that it never becomes outdated.

use super::shared::context::Context;
use crate::cli::CompletionArgs;
use crate::error::{Fault, Kind};

pub(super) fn run(args: &CompletionArgs, context: &Context) -> Result<(), Fault> {
    let shell = args.shell.to_string();
    let script = crate::complete::registration(&shell)
        .ok_or_else(|| Fault::new(Kind::Usage, format!("completion for {shell} is not supported")))?;
    context.ui.result(&script);
    Ok(())
}
