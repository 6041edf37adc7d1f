//! What was found while a file is read: problems and warnings, gathered so that all are told at once.

use super::view::View;
use super::{Error, Problem, Source, Warning};
use crate::yaml::{self, Place};

/// More problems than this are only counted: nobody reads them, and a hostile file could have a hundred thousand.
const MOST: usize = 100;
/// Behind every place in a file.
const END: Place = Place { line: usize::MAX, column: 0 };

/// Problems and warnings so far.
pub(super) struct Findings<'a> {
    source: &'a Source<'a>,
    problems: Vec<(Place, Problem)>,
    warnings: Vec<(Place, Warning)>,
    left_out: usize,
}

impl<'a> Findings<'a> {
    pub(super) const fn new(source: &'a Source<'a>) -> Self {
        Self { source, problems: Vec::new(), warnings: Vec::new(), left_out: 0 }
    }

    /// How the file is called.
    pub(super) const fn file(&self) -> &'a str {
        self.source.name
    }

    /// Whether anything is wrong so far.
    pub(super) const fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Whether further problems would only be counted.
    pub(super) const fn is_full(&self) -> bool {
        self.problems.len() >= MOST
    }

    /// The value is wrong.
    pub(super) fn refuse(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        self.problem(view.node.place, view.field.clone(), text.into(), remedy.into());
    }

    /// The key is wrong: unknown, or nothing that a hosted control plane has.
    pub(super) fn refuse_key(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        self.problem(view.key, view.field.clone(), text.into(), remedy.into());
    }

    /// The value is wrong and secret: the line is not shown.
    pub(super) fn refuse_secret(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        let at = view.node.place;
        self.add(at, view.field.clone(), text.into(), remedy.into(), String::new());
    }

    /// A document is not there.
    pub(super) fn missing(&mut self, text: impl Into<String>, remedy: impl Into<String>) {
        let (place, text, remedy) = (self.source.name.to_owned(), text.into(), remedy.into());
        let problem = Problem { place, field: String::new(), text, remedy, snippet: String::new() };
        self.problems.push((END, problem));
    }

    /// The field does not do what its author may expect.
    pub(super) fn warn(&mut self, view: &View<'_>, text: impl Into<String>) {
        let place = view.key.in_file(self.source.name);
        self.warnings.push((view.key, Warning { place, field: view.field.clone(), text: text.into() }));
    }

    /// `value` and the warnings, unless there is a problem.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<(T, Vec<Warning>), Error> {
        if self.left_out > 0 {
            self.problems.truncate(MOST);
            self.missing(format!("there are {} more problems", self.left_out), "");
        }
        self.problems.sort_by_key(|(place, _)| *place);
        self.warnings.sort_by_key(|(place, _)| *place);
        match value {
            Some(value) if self.problems.is_empty() => {
                Ok((value, self.warnings.into_iter().map(|(_, warning)| warning).collect()))
            }
            Some(_) | None => Err(Error::Problems(self.problems.into_iter().map(|(_, problem)| problem).collect())),
        }
    }

    fn problem(&mut self, at: Place, field: String, text: String, remedy: String) {
        let snippet = if self.is_full() { String::new() } else { yaml::snippet(self.source.text, at) };
        self.add(at, field, text, remedy, snippet);
    }

    fn add(&mut self, at: Place, field: String, text: String, remedy: String, snippet: String) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let place = at.in_file(self.source.name);
        self.problems.push((at, Problem { place, field, text, remedy, snippet }));
    }
}
