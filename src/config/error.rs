//! Errors about configuration files: each problem with its location, field, reason and hint. Secrets are never shown.

use std::fmt;

use crate::error::{Advice, Kind};
use crate::yaml::{self, Location};

/// One problem in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `prod.yaml:12:5`, or `prod.yaml` if something is missing.
    pub location: Location,
    /// `ClusterConfiguration.networking.podSubnet`; empty if the problem concerns the whole document.
    pub field: String,
    /// What is wrong.
    pub text: String,
    /// How to fix it; empty if `text` says so.
    pub remedy: String,
    /// The line with a marker below, starting with a line break; empty if it is not shown.
    pub snippet: String,
    /// The path of a file that was not supplied, if that is the whole problem.
    pub missing_file: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.location)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}{}", self.text, self.snippet)
    }
}

/// A file that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// All problems found in it.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
}

impl Error {
    /// The problems; empty if the text is not YAML.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Yaml(_) => &[],
            Self::Problems(problems) => problems,
        }
    }

    /// Whether the only problem is files that were not supplied; an earlier run may have recorded them.
    #[must_use]
    pub fn is_only_missing_files(&self) -> bool {
        !self.problems().is_empty() && self.problems().iter().all(|problem| problem.missing_file.is_some())
    }

    /// The problems; text that is not YAML has exactly one.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        match self {
            Self::Yaml(error) => {
                let remedy = error.hints().into_iter().next().unwrap_or_default();
                let (location, text, snippet) = (error.location().clone(), error.fact(), error.snippet().to_owned());
                vec![Problem { location, field: String::new(), text, remedy, snippet, missing_file: None }]
            }
            Self::Problems(problems) => problems,
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    match all.as_slice() {
        [one] => one.clone(),
        many => format!("{} problems:\n{}", many.len(), many.join("\n")),
    }
}

impl Advice for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Yaml(_) | Self::Problems(_) => Kind::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Yaml(error) => error.hints(),
            Self::Problems(problems) => {
                let mut hints: Vec<String> = Vec::new();
                for problem in problems {
                    let hint = match (problems.len(), problem.field.as_str()) {
                        (1, _) | (_, "") => problem.remedy.clone(),
                        (_, field) => format!("{field}: {}", problem.remedy),
                    };
                    if !problem.remedy.is_empty() && !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                hints
            }
        }
    }
}
