//! Questions, on stderr, only on a terminal.

use dialoguer::{Confirm, Input};

use crate::error::{Fault, Kind, While as _};

pub(super) fn confirm(question: &str) -> Result<bool, Fault> {
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|error| std::io::Error::other(error.to_string()))
        .while_doing(Kind::Declined, || "ask for confirmation".into())
}

pub(super) fn confirm_by_name(question: &str, name: &str) -> Result<bool, Fault> {
    let typed: String = Input::new()
        .with_prompt(question)
        .allow_empty(true)
        .interact_text()
        .map_err(|error| std::io::Error::other(error.to_string()))
        .while_doing(Kind::Declined, || "ask for confirmation".into())?;
    Ok(typed.trim() == name)
}
