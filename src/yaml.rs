//! The only YAML door: reading as kubeadm reads, with the position of every key and value, and writing so that
//! kubectl reads the same back. It knows no Kubernetes type; what a value means is decided by who asked for it.
//!
//! Reading is stricter than Go's reader where Go's is silent (duplicate keys, unknown tags) and bounded: every copy
//! that an alias causes is paid from one budget.

mod error;
mod place;
mod read;
mod scalar;
mod tree;

use serde_saphyr::granit_parser::{self, Parser};
use serde_saphyr::ser_options;

pub use crate::yaml::error::Error;
pub use crate::yaml::place::Place;
pub use crate::yaml::place::Spot;
pub use crate::yaml::tree::{Content, Document, Entry, Node, shown, snippet};

use crate::yaml::read::Builder;

/// The longest text that is read.
pub const MAX_BYTES: usize = 1024 * 1024;
/// The most documents in one text.
pub const MAX_DOCUMENTS: usize = 64;
/// The deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 100;

/// How much is read of one text.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// The longest text.
    bytes: usize,
    /// The most keys and values, copies made by aliases and anchors included.
    nodes: usize,
}

const SHORT: Limits = Limits { bytes: MAX_BYTES, nodes: 50_000 };
/// The kubeconfig of a fleet of some thousand control planes.
const LONG: Limits = Limits { bytes: 16 * MAX_BYTES, nodes: 200_000 };

/// Reads every document of `text` that is not empty; `name` is how errors call the text.
pub fn read_documents(name: &str, text: &str) -> Result<Vec<Document>, Error> {
    read_within(SHORT, name, text)
}

/// The same for texts of up to 16 MiB.
pub fn read_long(name: &str, text: &str) -> Result<Vec<Document>, Error> {
    read_within(LONG, name, text)
}

fn read_within(limits: Limits, name: &str, text: &str) -> Result<Vec<Document>, Error> {
    refuse_unreadable(limits, name, text)?;
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut builder = Builder::new(limits, name, text);
    for step in Parser::new_from_str_with_options(text, options) {
        match step {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => return Err(builder.broken(*error.marker(), &error.info())),
        }
    }
    Ok(builder.finish())
}

/// Writes one value as a YAML document without `---`. Keys keep the order of the map.
#[must_use]
pub fn write(value: &serde_json::Value) -> String {
    // Block scalars whose first line starts with a tab are unreadable to kubectl, so there are none.
    let options = ser_options! { prefer_block_scalars: false };
    // A JSON value always has a YAML form; were it not so, JSON is YAML too.
    serde_saphyr::to_string_with_options(value, options).unwrap_or_else(|_| format!("{value}\n"))
}

/// Writes several values as one stream of documents.
#[must_use]
pub fn write_documents(values: &[serde_json::Value]) -> String {
    values.iter().map(write).collect::<Vec<_>>().join("---\n")
}

fn refuse_unreadable(limits: Limits, name: &str, text: &str) -> Result<(), Error> {
    if text.len() > limits.bytes {
        let remedy = if limits.bytes == MAX_BYTES { "at most 1 MiB is read" } else { "at most 16 MiB are read" };
        let what = format!("it has {} bytes", text.len());
        return Err(Error::too_much(Spot { file: name.to_owned(), at: None }, what, remedy));
    }
    let is_bad = |c: char| (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}')) || c == '\u{FFFE}';
    match text.char_indices().find(|(_, c)| is_bad(*c)) {
        None => Ok(()),
        Some((offset, bad)) => {
            let spot = Place::of_offset(text, offset).in_file(name);
            Err(Error::Encoding { spot, character: bad.escape_unicode().to_string() })
        }
    }
}

#[cfg(test)]
mod tests;
