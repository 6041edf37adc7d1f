//! The snapshot file: its format, a reader that verifies it, and a writer.

pub mod error;
pub mod format;
pub mod reader;
#[cfg(test)]
mod tests;
pub mod writer;
