//! `kamaji completion`: the script by which a shell asks kamaji itself, so that it cannot go stale.

use super::shared::context::Context;
use crate::cli::CompletionArgs;
use crate::error::{Fault, Kind};

pub(super) fn run(args: &CompletionArgs, context: &Context) -> Result<(), Fault> {
    let shell = args.shell.to_string();
    let script = crate::complete::registration(&shell)
        .ok_or_else(|| Fault::new(Kind::Usage, format!("there are no completions for {shell}")))?;
    context.ui.result(&script);
    Ok(())
}
