//! Reads and writes YAML. Reading resolves scalars like kubeadm and keeps the position of every key and value; written
//! YAML reads back the same in kubectl. No other module uses the YAML library.
//!
//! Reading is stricter than Go's parser (duplicate keys and unknown tags are errors) and bounded: every copy that an
//! alias creates counts against one budget.

mod error;
mod place;
mod read;
mod scalar;
mod tree;

use serde_saphyr::granit_parser::{self, Parser};
use serde_saphyr::ser_options;

pub use error::Error;
pub use place::{Location, Place};
pub use tree::{Content, Document, Entry, Node, shown, snippet};

use read::Builder;

/// The maximum size of a text.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The maximum number of documents in a text.
pub const MAX_DOCUMENTS: usize = 64;
/// The maximum nesting of lists and maps.
pub const MAX_DEPTH: usize = 100;

/// Limits for one text.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// The size of the text.
    bytes: usize,
    /// The number of keys and values, including copies created by aliases and anchors.
    nodes: usize,
}

const SHORT: Limits = Limits { bytes: MAX_BYTES, nodes: 50_000 };
/// Large enough for a kubeconfig of some thousand control planes.
const LONG: Limits = Limits { bytes: 16 * MAX_BYTES, nodes: 200_000 };

/// Reads all documents of `text` that are not empty; `name` names the text in errors.
pub fn read_documents(name: &str, text: &str) -> Result<Vec<Document>, Error> {
    read_with_limits(SHORT, name, text)
}

/// Like [`read_documents`], for texts of up to 16 MiB.
pub fn read_long(name: &str, text: &str) -> Result<Vec<Document>, Error> {
    read_with_limits(LONG, name, text)
}

fn read_with_limits(limits: Limits, name: &str, text: &str) -> Result<Vec<Document>, Error> {
    check_input(limits, name, text)?;
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut builder = Builder::new(limits, name, text);
    for step in Parser::new_from_str_with_options(text, options) {
        match step {
            Ok((event, span)) => builder.handle(event, span)?,
            Err(error) => return Err(builder.parser_error(*error.marker(), &error.info())),
        }
    }
    Ok(builder.finish())
}

/// Writes one value as a YAML document without `---`. Keys keep the order of the map.
#[must_use]
pub fn write(value: &serde_json::Value) -> String {
    // kubectl cannot read block scalars whose first line starts with a tab.
    let options = ser_options! { prefer_block_scalars: false };
    // Every JSON value can be written as YAML; the fallback is JSON, which is valid YAML.
    serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|_| format!("{value}\n"))
}

/// Writes several values as a stream of YAML documents.
#[must_use]
pub fn write_documents(values: &[serde_json::Value]) -> String {
    values.iter().map(write).collect::<Vec<_>>().join("---\n")
}

fn check_input(limits: Limits, name: &str, text: &str) -> Result<(), Error> {
    if text.len() > limits.bytes {
        let remedy =
            if limits.bytes == MAX_BYTES { "reduce it to at most 1 MiB" } else { "reduce it to at most 16 MiB" };
        let what = format!("{} bytes", text.len());
        return Err(Error::too_large(Location { file: name.to_owned(), at: None }, what, remedy));
    }
    let is_bad = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}')) || c == '\u{FFFE}';
    match text.char_indices().find(|(_, c)| is_bad(*c)) {
        None => Ok(()),
        Some((offset, bad)) => {
            let location = Place::of_offset(text, offset).in_file(name);
            Err(Error::Encoding { location, character: bad.escape_unicode().to_string() })
        }
    }
}

#[cfg(test)]
mod tests;
