//! Generates `docs/reference/cli.md` from the clap definition: every command with its options, defaults and examples.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

/// The page for a command on which `build` was called.
pub(crate) fn page(program: &Command) -> String {
    let mut page = String::from("# Commands\n\n");
    let _infallible = writeln!(page, "{}\n", text(program.get_long_about()));
    page.push_str("| command | |\n|---|---|\n");
    for command in all_commands(program).iter().filter(|command| !command.has_subcommands()) {
        let path = path(command);
        let _infallible = writeln!(page, "| [`{path}`](#{}) | {} |", path.replace(' ', "-"), text(command.get_about()));
    }
    page.push_str(&examples(program));
    page.push_str("\n## Global options\n\n");
    page.push_str(&options(program.get_arguments().filter(|arg| arg.is_global_set())));
    for command in all_commands(program).iter().filter(|command| !command.has_subcommands()) {
        page.push_str(&section(command));
    }
    page.push_str("\nExit codes: [exit-codes.md](exit-codes.md).\n");
    page
}

/// All subcommands of `command`, each followed by its own subcommands.
pub(crate) fn all_commands(command: &Command) -> Vec<&Command> {
    let visible = command.get_subcommands().filter(|command| command.get_name() != "help" && !command.is_hide_set());
    visible.flat_map(|command| std::iter::once(command).chain(all_commands(command))).collect()
}

/// The full command, for example `kamaji token create`.
pub(crate) fn path(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).to_owned()
}

fn section(command: &Command) -> String {
    let about = text(command.get_long_about().or(command.get_about()));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim().trim_start_matches("Usage: ");
    let mut section = format!("\n## {}\n\n{about}\n\n```text\n{usage}\n```\n", path(command));
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        let _infallible = writeln!(section, "\nAlso: {}.", aliases.join(", "));
    }
    let own = || command.get_arguments().filter(|arg| !arg.is_global_set() && !arg.is_hide_set() && !is_built_in(arg));
    if own().next().is_some() {
        section.push('\n');
        section.push_str(&options(own()));
    }
    section + &examples(command)
}

fn is_built_in(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version)
}

fn options<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut table = String::from("| option | | default |\n|---|---|---|\n");
    for arg in args {
        let help = text(arg.get_help());
        let values: Vec<String> = possible_values(arg).map(|value| format!("`{value}`")).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
        let required = if arg.is_required_set() { "required".to_owned() } else { default(arg) };
        let _infallible = writeln!(table, "| {} | {}{values} | {required} |", name(arg), help.replace('|', "\\|"));
    }
    table
}

fn possible_values(arg: &Arg) -> impl Iterator<Item = String> {
    let takes_value = arg.get_action().takes_values();
    let shown = arg.get_possible_values().into_iter().filter(move |value| takes_value && !value.is_hide_set());
    shown.map(|value| value.get_name().to_owned())
}

fn name(arg: &Arg) -> String {
    let value: String =
        arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let Some(long) = arg.get_long() else { return format!("`<{value}>`") };
    let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    let value = match (arg.get_action().takes_values(), arg.is_require_equals_set()) {
        (false, _) => String::new(),
        (true, false) => format!(" <{value}>"),
        (true, true) => format!("[=<{value}>]"),
    };
    format!("{short}`--{long}{value}`")
}

fn default(arg: &Arg) -> String {
    let values: Vec<String> = arg
        .get_default_values()
        .iter()
        .filter(|value| arg.get_action().takes_values() && !value.is_empty())
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    values.join(", ")
}

/// The examples from the text after the help, without what follows them.
fn examples(command: &Command) -> String {
    let after = text(command.get_after_help());
    let Some(rest) = after.strip_prefix("Examples:\n") else { return String::new() };
    let lines: Vec<&str> = rest.lines().take_while(|line| !line.is_empty()).map(str::trim_start).collect();
    format!("\n```sh\n{}\n```\n", lines.join("\n"))
}

fn text(styled: Option<&clap::builder::StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}
