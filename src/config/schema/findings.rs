//! What was found while a file is read: problems and warnings, gathered so that all are told at once.

use super::view::View;
use crate::config::{Error, Problem, Source, Warning};
use crate::yaml::{self, Place, Spot};

/// More problems than this are only counted: nobody reads them, and a hostile file could have a hundred thousand.
const MOST: usize = 100;
/// Behind every place in a file.
const END: Place = Place { line: usize::MAX, column: 0 };

/// Problems and warnings so far.
pub(crate) struct Findings<'a> {
    source: &'a Source<'a>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    left_out: usize,
}

impl<'a> Findings<'a> {
    pub(crate) const fn new(source: &'a Source<'a>) -> Self {
        Self { source, problems: Vec::new(), warnings: Vec::new(), left_out: 0 }
    }

    /// How the file is called.
    pub(crate) const fn file(&self) -> &'a str {
        self.source.name
    }

    /// Whether anything is wrong so far.
    pub(crate) const fn has_problems(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Whether further problems would only be counted.
    pub(crate) const fn is_full(&self) -> bool {
        self.problems.len() >= MOST
    }

    /// The value is wrong.
    pub(crate) fn refuse(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        self.problem(view.node.place, view.field.clone(), text.into(), remedy.into());
    }

    /// The key is wrong: unknown, or nothing that a hosted control plane has.
    pub(crate) fn refuse_key(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        self.problem(view.key, view.field.clone(), text.into(), remedy.into());
    }

    /// The value is wrong and secret: the line is not shown.
    pub(crate) fn refuse_secret(&mut self, view: &View<'_>, text: impl Into<String>, remedy: impl Into<String>) {
        let at = view.node.place;
        self.add(at, view.field.clone(), text.into(), remedy.into(), String::new());
    }

    /// The value names a file that was not given; it would be right if it were.
    pub(crate) fn want(&mut self, view: &View<'_>, path: &str, text: String, remedy: String) {
        let before = self.problems.len();
        self.refuse(view, text, remedy);
        if let Some(problem) = self.problems.get_mut(before) {
            problem.wants = Some(path.to_owned());
        }
    }

    /// A document is not there.
    pub(crate) fn missing(&mut self, text: impl Into<String>, remedy: impl Into<String>) {
        let spot = Spot { file: self.source.name.to_owned(), at: None };
        let (field, text, remedy, snippet) = (String::new(), text.into(), remedy.into(), String::new());
        self.problems.push(Problem { spot, field, text, remedy, snippet, wants: None });
    }

    /// The field does not do what its author may expect.
    pub(crate) fn warn(&mut self, view: &View<'_>, text: impl Into<String>) {
        let spot = self.spot(view.key);
        self.warnings.push(Warning { spot, field: view.field.clone(), text: text.into() });
    }

    /// Calls fields of a document that was made of another by the names in that one. An entry stands for the field and
    /// all below it; longer ones come first.
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

    /// Everything found, in the order of the file.
    pub(crate) fn all(mut self) -> (Vec<Problem>, Vec<Warning>) {
        if self.left_out > 0 {
            self.problems.truncate(MOST);
            self.missing(format!("there are {} more problems", self.left_out), "");
        }
        self.problems.sort_by_key(|problem| problem.spot.at.unwrap_or(END));
        self.warnings.sort_by_key(|warning| warning.spot.at.unwrap_or(END));
        (self.problems, self.warnings)
    }

    /// `value` and the warnings, unless there is a problem.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Warning>), Error> {
        let (problems, warnings) = self.all();
        match value {
            Some(value) if problems.is_empty() => Ok((value, warnings)),
            Some(_) | None => Err(Error::Problems(problems)),
        }
    }

    fn spot(&self, at: Place) -> Spot {
        at.in_file(self.source.name)
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
        let spot = self.spot(at);
        self.problems.push(Problem { spot, field, text, remedy, snippet, wants: None });
    }
}
