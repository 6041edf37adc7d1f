//! Everything a person sees: results on stdout, all other talk on stderr. Nobody else prints, asks or draws. An edge.

mod output;
mod progress;
mod prompt;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;

use crate::error::{Fault, Kind, While as _};
use crate::plan::apply::plan::{Action, Plan};
use crate::plan::doctor::check_graph::LinkState;

pub use output::{Format, Report, Table};
pub use progress::{Announcer, Progress};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The terminal, as this run uses it.
#[derive(Debug)]
pub struct Ui {
    /// How results are written.
    pub format: Format,
    interactive: bool,
    live: bool,
    announcer: Announcer,
    unwritten: Mutex<Option<std::io::Error>>,
}

impl Ui {
    /// Looks at the terminal once.
    #[must_use]
    pub fn new(format: Format, color: Color) -> Self {
        match color {
            Color::Auto => {}
            Color::Always => {
                console::set_colors_enabled(true);
                console::set_colors_enabled_stderr(true);
            }
            Color::Never => {
                console::set_colors_enabled(false);
                console::set_colors_enabled_stderr(false);
            }
        }
        let stderr = std::io::stderr().is_terminal();
        Self {
            format,
            interactive: stderr && std::io::stdin().is_terminal(),
            live: stderr && console::user_attended_stderr(),
            announcer: Announcer::default(),
            unwritten: Mutex::new(None),
        }
    }

    /// Whether a question can be asked.
    #[must_use]
    pub const fn can_ask(&self) -> bool {
        self.interactive
    }

    /// A listener for the engine's events.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(self.live, &self.announcer)
    }

    /// For those who have something to say while others work.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }

    /// Writes a result.
    pub fn report(&self, report: &impl Report) {
        self.result(&output::render(report, self.format));
    }

    /// Writes text that is itself the result, such as a join command.
    pub fn result(&self, text: &str) {
        if let Err(error) = output::write_stdout(text) {
            *self.unwritten.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
        }
    }

    /// Fails when a result could not be written.
    pub fn check_written(&self) -> Result<(), Fault> {
        match self.unwritten.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            Some(error) => Err(error).while_doing(Kind::Failed, || "write the result".into()),
            None => Ok(()),
        }
    }

    /// Talks.
    pub fn say(&self, text: &str) {
        write_stderr(&format!("{}\n", safe(text)));
    }

    /// Warns.
    pub fn warn(&self, text: &str) {
        write_stderr(&format!("{} {}\n", console::style("warning:").yellow().bold().for_stderr(), safe(text)));
    }

    /// Shows what would happen.
    pub fn show_plan(&self, plan: &Plan) {
        for line in plan_lines(plan) {
            write_stderr(&format!("{line}\n"));
        }
    }

    /// Asks a question that can be answered with yes or no. Only where [`Ui::can_ask`].
    pub fn confirm(&self, question: &str) -> Result<bool, Fault> {
        prompt::confirm(question)
    }

    /// Asks for the name to be typed. Only where [`Ui::can_ask`].
    pub fn confirm_by_name(&self, question: &str, name: &str) -> Result<bool, Fault> {
        prompt::confirm_by_name(question, name)
    }

    /// Tells a failure.
    pub fn fault(&self, fault: &Fault) {
        write_stderr(&fault_text(fault));
    }
}

/// Tells what is wrong with a command line, or prints the help that it asks for. What was typed could steer a terminal.
#[must_use]
pub fn not_understood(error: &clap::Error) -> std::process::ExitCode {
    let steers = |word: std::ffi::OsString| safe(&word.to_string_lossy()) != word.to_string_lossy();
    if error.use_stderr() && std::env::args_os().any(steers) {
        write_stderr(&safe(&error.render().to_string()));
    } else {
        // Where nobody reads, nobody can be told.
        drop(error.print());
    }
    std::process::ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

/// A failure as people read it: what, why, what next.
#[must_use]
pub fn fault_text(fault: &Fault) -> String {
    let mut text = String::new();
    for (depth, cause) in fault.causes().iter().enumerate() {
        let label = if depth == 0 { "error:" } else { "  caused by:" };
        let label = console::style(label).red().bold().for_stderr();
        text.push_str(&format!("{label} {}\n", safe(cause)));
    }
    for hint in fault.hints() {
        text.push_str(&format!("  {} {}\n", console::style("hint:").cyan().bold().for_stderr(), safe(hint)));
    }
    text
}

/// The plan, a line per change; what does not change is counted only.
#[must_use]
pub fn plan_lines(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("Plan for control plane {}:", plan.control_plane)];
    let mut unchanged = 0;
    for change in &plan.changes {
        if change.action == Action::Unchanged {
            unchanged += 1;
            continue;
        }
        let note = if change.note.is_empty() { String::new() } else { format!("  ({})", change.note) };
        let line = format!("  {} {}{note}", change.action.sign(), safe(&change.what));
        lines.push(match change.action {
            Action::Create => console::style(line).green().for_stderr().to_string(),
            Action::Update => console::style(line).yellow().for_stderr().to_string(),
            Action::Delete => console::style(line).red().for_stderr().to_string(),
            Action::Left => console::style(line).magenta().for_stderr().to_string(),
            Action::Unchanged => line,
        });
        for field in &change.fields {
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), shown);
            let by = field.by.as_ref().map(|by| format!("  (set by {})", safe(by))).unwrap_or_default();
            lines.push(format!("      {}: {} -> {}{by}", safe(&field.field), value(&field.from), value(&field.to)));
        }
    }
    for note in &plan.notes {
        lines.push(format!("  note: {}", safe(note)));
    }
    for unknown in &plan.unknown {
        lines.push(format!("  ? {}", safe(unknown)));
    }
    if unchanged > 0 {
        lines.push(format!("  {unchanged} unchanged"));
    }
    lines
}

/// A value as JSON has it; of text with many lines the first, and their number.
fn shown(value: &str) -> String {
    let text = serde_json::from_str::<String>(value).unwrap_or_default();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.count()) {
        (Some(first), more) if more > 0 => safe(&format!("{first} ... ({} lines)", more + 1)),
        _ => safe(value),
    }
}

/// A result as text for a file: without colours.
#[must_use]
pub fn rendered(report: &impl Report, format: Format) -> String {
    console::strip_ansi_codes(&output::render(report, format)).into_owned()
}

/// A word that tells at a glance whether something is well.
#[must_use]
pub fn mark(ok: bool) -> String {
    if ok { console::style("ok").green().to_string() } else { console::style("NOT OK").red().bold().to_string() }
}

/// The same for a link of a chain, always as wide.
#[must_use]
pub fn state_mark(state: LinkState) -> String {
    match state {
        LinkState::Ok => console::style("ok     ").green().to_string(),
        LinkState::Warning => console::style("warning").yellow().to_string(),
        LinkState::Broken => console::style("BROKEN ").red().bold().to_string(),
        LinkState::Unknown => "?      ".to_owned(),
    }
}

/// Text from elsewhere, without what could steer a terminal. Line breaks stay.
#[must_use]
pub fn safe(text: &str) -> String {
    text.chars()
        .flat_map(|c| -> Box<dyn Iterator<Item = char>> {
            if c != '\n'
                && c != '\t'
                && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            {
                Box::new(c.escape_default())
            } else {
                Box::new(std::iter::once(c))
            }
        })
        .collect()
}

/// Writes to stderr. There is nobody to tell when that fails.
pub(crate) fn write_stderr(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_cause_and_hint() {
        let fault = Fault::new(Kind::Failed, "inner").context("outer").hint("do this");
        assert_eq!(
            console::strip_ansi_codes(&fault_text(&fault)),
            "error: outer\n  caused by: inner\n  hint: do this\n"
        );
    }

    #[test]
    fn a_value_with_many_lines_takes_one() {
        assert_eq!(shown("\"a: 1\\nb: 2\\n\""), "a: 1 ... (2 lines)");
        assert_eq!((shown("\"a\\n\""), shown("3")), ("\"a\\n\"".to_owned(), "3".to_owned()));
    }

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}\n"), "a\\u{1b}[31mb\\u{202e}\n");
    }
}
