//! Reads the Rust files of the repository, and strips comments and tests from them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder with `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files in `folder` and its subfolders, sorted.
pub(crate) fn rust_files(folder: &str) -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort();
    files
}

/// A file of `src/` without comments and tests. Blank lines replace comments, so line numbers do not change.
pub(crate) struct Production {
    /// The path relative to `src/`, for example `plan/mod.rs`.
    pub(crate) path: String,
    /// The top-level module; `main` or `lib` for the crate roots.
    pub(crate) module: String,
    pub(crate) text: String,
}

impl Production {
    /// How many times `super::` can be repeated in this file without leaving its top-level module.
    pub(crate) fn depth(&self) -> usize {
        let below_module = self.path.split('/').count() - 1;
        if self.path.ends_with("/mod.rs") { below_module - 1 } else { below_module }
    }

    /// The line number of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.text[..offset].matches('\n').count() + 1
    }

    /// The offsets at which `name` starts a word.
    pub(crate) fn words<'a>(&'a self, name: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.text.match_indices(name).map(|(offset, _)| offset).filter(|offset| {
            let before = self.text[..*offset].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '"' | '$'))
        })
    }
}

/// Every file of `src/` except test modules.
pub(crate) fn production() -> Vec<Production> {
    let files = rust_files("src");
    let source = root().join("src");
    let read: Vec<(PathBuf, String)> =
        files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let tests: BTreeSet<PathBuf> = read.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &Path| path.ancestors().any(|part| tests.contains(&part.with_extension("")));
    read.iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| {
            let path = path.strip_prefix(&source).unwrap().to_str().unwrap().to_owned();
            let module = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            Production { path, module, text: without_comments_and_tests(text) }
        })
        .collect()
}

/// The `#[cfg(test)]` modules declared by a file that have a file of their own, as paths without extension.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let folder = if path.ends_with("mod.rs") { path.parent().unwrap().to_owned() } else { path.with_extension("") };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter(|pair| pair[0] == "#[cfg(test)]")
        .filter_map(|pair| pair[1].trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';'))
        .map(|name| folder.join(name))
        .collect()
}

/// Cuts off the test module at the end of a file and blanks comments.
pub(crate) fn without_comments_and_tests(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let next = lines.peek().copied().unwrap_or_default();
        if line.trim() == "#[cfg(test)]" && next.trim().starts_with("mod ") && next.trim().ends_with('{') {
            break;
        }
        let comment = line.trim_start().starts_with("//");
        let code = if comment { "" } else { line.split(" // ").next().unwrap_or_default() };
        kept.push_str(code);
        kept.push('\n');
    }
    kept
}
