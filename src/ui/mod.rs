//! Terminal output: results on stdout, everything else on stderr. No other module prints or prompts.

mod output;
mod progress;
mod prompt;

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;

use crate::error::{Fault, Kind, While as _};
use crate::plan::apply::plan::{Action, Plan};
use crate::plan::doctor::check_graph::HealthCheckState;

pub use output::{Format, Report, Table};
pub use progress::{Announcer, Progress};

/// When to use colors.
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

/// The terminal.
#[derive(Debug)]
pub struct Ui {
    /// The output format of results.
    pub format: Format,
    interactive: bool,
    live: bool,
    announcer: Announcer,
    write_error: Mutex<Option<std::io::Error>>,
}

impl Ui {
    /// Detects the capabilities of the terminal.
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
            write_error: Mutex::new(None),
        }
    }

    /// Whether the user can be prompted.
    #[must_use]
    pub const fn can_ask(&self) -> bool {
        self.interactive
    }

    /// An observer that shows the engine's events.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(self.live, &self.announcer)
    }

    /// Prints lines without disturbing the progress display.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }

    /// Prints a result.
    pub fn report(&self, report: &impl Report) {
        self.result(&output::render(report, self.format));
    }

    /// Prints text that is itself the result, such as a join command.
    pub fn result(&self, text: &str) {
        if let Err(error) = output::write_stdout(text) {
            *self.write_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
        }
    }

    /// Fails if a result could not be written.
    pub fn check_written(&self) -> Result<(), Fault> {
        match self.write_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            Some(error) => Err(error).while_doing(Kind::Failed, || "write the result".into()),
            None => Ok(()),
        }
    }

    /// Prints a message to stderr.
    pub fn say(&self, text: &str) {
        write_stderr(&format!("{}\n", safe(text)));
    }

    /// Prints a warning to stderr.
    pub fn warn(&self, text: &str) {
        write_stderr(&format!("{} {}\n", console::style("warning:").yellow().bold().for_stderr(), safe(text)));
    }

    /// Prints a plan to stderr.
    pub fn show_plan(&self, plan: &Plan) {
        for line in plan_lines(plan) {
            write_stderr(&format!("{line}\n"));
        }
    }

    /// Asks a yes/no question. Call only if [`Ui::can_ask`].
    pub fn confirm(&self, question: &str) -> Result<bool, Fault> {
        prompt::confirm(question)
    }

    /// Asks the user to type `name`. Call only if [`Ui::can_ask`].
    pub fn confirm_by_name(&self, question: &str, name: &str) -> Result<bool, Fault> {
        prompt::confirm_by_name(question, name)
    }

    /// Prints an error.
    pub fn fault(&self, fault: &Fault) {
        write_stderr(&fault_text(fault));
    }
}

/// Prints a command-line error or the requested help. Escapes control characters in the arguments.
#[must_use]
pub fn exit_for_usage_error(error: &clap::Error) -> std::process::ExitCode {
    let has_control_characters = |word: std::ffi::OsString| safe(&word.to_string_lossy()) != word.to_string_lossy();
    if error.use_stderr() && std::env::args_os().any(has_control_characters) {
        write_stderr(&safe(&error.render().to_string()));
    } else {
        // The stream may be closed; ignore the write error.
        drop(error.print());
    }
    std::process::ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

/// A failure as text: message, causes and hints.
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

/// The plan as text, one line per change; unchanged objects are only counted.
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
        let line = format!("  {} {}{note}", change.action.sign(), safe(&change.target));
        lines.push(match change.action {
            Action::Create => console::style(line).green().for_stderr().to_string(),
            Action::Update => console::style(line).yellow().for_stderr().to_string(),
            Action::Delete => console::style(line).red().for_stderr().to_string(),
            Action::Foreign => console::style(line).magenta().for_stderr().to_string(),
            Action::Unchanged => line,
        });
        for field in &change.fields {
            let value = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), one_line);
            let by = field.manager.as_ref().map(|by| format!("  (set by {})", safe(by))).unwrap_or_default();
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

/// A JSON value as a single line: multi-line text is shortened to its first line and the number of lines.
fn one_line(value: &str) -> String {
    let text = serde_json::from_str::<String>(value).unwrap_or_default();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.count()) {
        (Some(first), more) if more > 0 => safe(&format!("{first} ... ({} lines)", more + 1)),
        _ => safe(value),
    }
}

/// A result as text without colors, for a file.
#[must_use]
pub fn render_plain(report: &impl Report, format: Format) -> String {
    console::strip_ansi_codes(&output::render(report, format)).into_owned()
}

/// `ok` or `NOT OK`, colored.
#[must_use]
pub fn mark(ok: bool) -> String {
    if ok { console::style("ok").green().to_string() } else { console::style("NOT OK").red().bold().to_string() }
}

/// The state of a doctor check, colored and padded to a fixed width.
#[must_use]
pub fn state_mark(state: HealthCheckState) -> String {
    match state {
        HealthCheckState::Ok => console::style("ok     ").green().to_string(),
        HealthCheckState::Warning => console::style("warning").yellow().to_string(),
        HealthCheckState::Failed => console::style("FAILED ").red().bold().to_string(),
        HealthCheckState::Unknown => "?      ".to_owned(),
    }
}

/// Escapes terminal control characters in untrusted text. Newlines and tabs are kept.
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

/// Writes to stderr, ignoring errors.
pub(crate) fn write_stderr(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_printed_with_causes_and_hints() {
        let fault = Fault::new(Kind::Failed, "inner").context("outer").hint("do this");
        assert_eq!(
            console::strip_ansi_codes(&fault_text(&fault)),
            "error: outer\n  caused by: inner\n  hint: do this\n"
        );
    }

    #[test]
    fn a_multi_line_value_is_shortened_to_one_line() {
        assert_eq!(one_line("\"a: 1\\nb: 2\\n\""), "a: 1 ... (2 lines)");
        assert_eq!((one_line("\"a\\n\""), one_line("3")), ("\"a\\n\"".to_owned(), "3".to_owned()));
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}\n"), "a\\u{1b}[31mb\\u{202e}\n");
    }
}
