//! Collects problems and warnings while a file is read, so that all of them are reported together.

use super::view::View;
use crate::config::{Error, Problem, Source, Warning};
use crate::yaml::{self, Location, Place};

/// Further problems are only counted: a hostile file could have a hundred thousand.
const MAX_PROBLEMS: usize = 100;
/// Sorts findings without a position last.
const END: Place = Place { line: usize::MAX, column: 0 };

/// The problems and warnings so far.
pub(crate) struct Findings<'a> {
    source: &'a Source<'a>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    omitted: usize,
}

impl<'a> Findings<'a> {
    pub(crate) const fn new(source: &'a Source<'a>) -> Self {
        Self { source, problems: Vec::new(), warnings: Vec::new(), omitted: 0 }
    }

    /// The file's name.
    pub(crate) const fn file(&self) -> &'a str {
        self.source.name
    }

    /// Whether any problem was reported.
    pub(crate) const fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Whether further problems are only counted.
    pub(crate) const fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// Reports a problem at the value.
    pub(crate) fn refuse(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        self.problem(view.node.place, view.field.clone(), text.into(), remedy.into());
    }

    /// Reports a problem at the key: the field is unknown or not supported.
    pub(crate) fn refuse_key(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        self.problem(view.key, view.field.clone(), text.into(), remedy.into());
    }

    /// Reports a problem at a secret value, without showing the line.
    pub(crate) fn refuse_secret(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        let at = view.node.place;
        self.add(at, view.field.clone(), text.into(), remedy.into(), String::new());
    }

    /// Reports a value that names a file that was not supplied.
    pub(crate) fn refuse_missing_file(&mut self, view: &View<'_>, path: &str, text: String, remedy: String) {
        let before = self.problems.len();
        self.refuse(view, text, remedy);
        if let Some(problem) = self.problems.get_mut(before) {
            problem.missing_file = Some(path.to_owned());
        }
    }

    /// Reports a problem of the whole file.
    pub(crate) fn refuse_file(&mut self, text: impl Into<String>, remedy: impl Into<String>) {
        let location = Location { file: self.source.name.to_owned(), at: None };
        let (field, text, remedy, snippet) = (String::new(), text.into(), remedy.into(), String::new());
        self.problems.push(Problem { location, field, text, remedy, snippet, missing_file: None });
    }

    /// Warns about a field that may not do what the user expects.
    pub(crate) fn warn(&mut self, view: &View<'_>, text: impl Into<String>) {
        let location = self.location(view.key);
        self.warnings.push(Warning { location, field: view.field.clone(), text: text.into() });
    }

    /// Maps the fields of a rewritten document to those of the original. An entry applies to its field and all fields
    /// below it; longer entries come first.
    pub(crate) fn rename(&mut self, origins: &[(String, String)]) {
        let renamed = |field: &mut String| {
            let below =
                |from: &str| field.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
            let origin = origins.iter().find_map(|(from, to)| below(from).map(|rest| (rest, to)));
            if let Some((rest, to)) = origin {
                *field = if rest.starts_with('[') { format!("{to}{rest}") } else { to.clone() };
            }
        };
        self.problems.iter_mut().for_each(|problem| renamed(&mut problem.field));
        self.warnings.iter_mut().for_each(|warning| renamed(&mut warning.field));
    }

    /// All findings in file order.
    pub(crate) fn all(mut self) -> (Vec<Problem>, Vec<Warning>) {
        if self.omitted > 0 {
            self.problems.truncate(MAX_PROBLEMS);
            self.refuse_file(format!("there are {} more problems", self.omitted), "");
        }
        self.problems.sort_by_key(|problem| problem.location.at.unwrap_or(END));
        self.warnings.sort_by_key(|warning| warning.location.at.unwrap_or(END));
        (self.problems, self.warnings)
    }

    /// The value and the warnings, or all problems if there are any.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), Error> {
        let (problems, warnings) = self.all();
        match value {
            Some(value) if problems.is_empty() => Ok((value, warnings)),
            Some(_) | None => Err(Error::Problems(problems)),
        }
    }

    fn location(&self, at: Place) -> Location {
        at.in_file(self.source.name)
    }

    fn problem(&mut self, at: Place, field: String, text: String, remedy: String) {
        let snippet = if self.is_full() { String::new() } else { yaml::snippet(self.source.text, at) };
        self.add(at, field, text, remedy, snippet);
    }

    fn add(&mut self, at: Place, field: String, text: String, remedy: String, snippet: String) {
        if self.is_full() {
            self.omitted += 1;
            return;
        }
        let location = self.location(at);
        self.problems.push(Problem { location, field, text, remedy, snippet, missing_file: None });
    }
}
