//! A place in a text, and in a file.

use std::fmt;

/// A line and a column, both counted from 1; a column is one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Place {
    /// This place in the file of that name.
    #[must_use]
    pub fn in_file(self, name: &str) -> Spot {
        Spot { file: name.to_owned(), at: Some(self) }
    }

    pub(super) fn of_offset(text: &str, offset: usize) -> Self {
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A file, or a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// How the file is called.
    pub file: String,
    /// Where in it; `None` means all of it.
    pub at: Option<Place>,
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(place) => write!(f, "{}:{place}", self.file),
            None => f.write_str(&self.file),
        }
    }
}
