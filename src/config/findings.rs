//! What was found while a file is read: problems and warnings, gathered so that all are told at once.

use super::view::View;
use super::{Error, Problem, Source, Warning};
use crate::yaml::{self, Place};

/// Problems and warnings so far.
pub(super) struct Findings<'a> {
    source: &'a Source<'a>,
    problems: Vec<(Place, Problem)>,
    warnings: Vec<(Place, Warning)>,
}

impl<'a> Findings<'a> {
    pub(super) const fn new(source: &'a Source<'a>) -> Self {
        Self { source, problems: Vec::new(), warnings: Vec::new() }
    }

    /// How the file is called.
    pub(super) const fn file(&self) -> &'a str {
        self.source.name
    }

    /// Whether anything is wrong so far.
    pub(super) const fn has_problems(&self) -> bool {
        !self.problems.is_empty()
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
        self.problem(view.node.place, view.field.clone(), text.into(), remedy.into());
        if let Some((_, problem)) = self.problems.last_mut() {
            problem.snippet = String::new();
        }
    }

    /// Something is not there.
    pub(super) fn missing(&mut self, field: &str, text: impl Into<String>, remedy: impl Into<String>) {
        let problem = Problem {
            place: self.source.name.to_owned(),
            field: field.to_owned(),
            text: text.into(),
            remedy: remedy.into(),
            snippet: String::new(),
        };
        self.problems.push((Place { line: usize::MAX, column: 0 }, problem));
    }

    /// The field does not do what its author may expect.
    pub(super) fn warn(&mut self, view: &View<'_>, text: impl Into<String>) {
        let place = view.key.in_file(self.source.name);
        self.warnings.push((view.key, Warning { place, field: view.field.clone(), text: text.into() }));
    }

    /// `value` and the warnings, unless there is a problem.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<(T, Vec<Warning>), Error> {
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
        let place = at.in_file(self.source.name);
        let snippet = yaml::snippet(self.source.text, at);
        self.problems.push((at, Problem { place, field, text, remedy, snippet }));
    }
}
