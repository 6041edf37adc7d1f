//! Results: one value, five ways to write it.

use std::io::Write as _;

use serde::Serialize;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// The table with more columns.
    Wide,
    /// JSON; stable, for scripts.
    Json,
    /// YAML; stable, for scripts.
    Yaml,
    /// Names only, one a line.
    Name,
}

/// Rows under headings.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The headings; none for free text.
    pub headings: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// A result of a command. Its JSON is a public interface.
pub trait Report: Serialize {
    /// The text for people.
    fn text(&self, wide: bool) -> String;
    /// The names in it, as `controlplane/NAME`.
    fn names(&self) -> Vec<String>;
}

impl Table {
    /// The table as aligned text, without borders.
    #[must_use]
    pub fn draw(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        if !self.headings.is_empty() {
            table.set_header(self.headings.iter());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { super::safe(cell) }));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        let drawn = table.to_string();
        drawn.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

pub(super) fn render(report: &impl Report, format: Format) -> String {
    match format {
        Format::Table => report.text(false),
        Format::Wide => report.text(true),
        Format::Json => {
            let mut text = serde_json::to_string_pretty(report).expect("a report serializes to JSON");
            text.push('\n');
            text
        }
        Format::Yaml => crate::yaml::write(&serde_json::to_value(report).expect("a report serializes to JSON")),
        Format::Name => report.names().iter().map(|name| format!("{name}\n")).collect(),
    }
}

/// Writes to stdout. A reader that went away (`| head`) is no failure of ours; a full disk is.
pub(super) fn write_stdout(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
