//! Why a kubeadm file cannot be used: every problem with its place, field, reason and remedy. No secret is repeated.

use std::fmt;

use crate::error::{Advice, Kind};
use crate::yaml::{self, Spot};

/// One thing that is wrong in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `prod.yaml:12:5`, or `prod.yaml` when something is missing.
    pub spot: Spot,
    /// `ClusterConfiguration.networking.podSubnet`; empty when the whole document is meant.
    pub field: String,
    /// The fact.
    pub text: String,
    /// What to do; empty when the fact says it.
    pub remedy: String,
    /// The line with a mark below, starting with a line break; empty when it is not shown.
    pub snippet: String,
    /// The path of a file that was not given, where that is all that is wrong.
    pub wants: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.spot)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "{}{}", self.text, self.snippet)
    }
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// It says things that cannot be done; all of them are listed.
    #[error("{}", listed(.0))]
    Problems(Vec<Problem>),
}

impl Error {
    /// The problems; none when the text is not even YAML.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Yaml(_) => &[],
            Self::Problems(problems) => problems,
        }
    }

    /// Whether files that the text names would make it right, perhaps those that an earlier run was given.
    #[must_use]
    pub fn wants_files(&self) -> bool {
        !self.problems().is_empty() && self.problems().iter().all(|problem| problem.wants.is_some())
    }

    /// The problems; a text that is not even YAML has one.
    #[must_use]
    pub fn into_problems(self) -> Vec<Problem> {
        match self {
            Self::Yaml(error) => {
                let remedy = error.hints().into_iter().next().unwrap_or_default();
                let (spot, text, snippet) = (error.spot().clone(), error.fact(), error.snippet().to_owned());
                vec![Problem { spot, field: String::new(), text, remedy, snippet, wants: None }]
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
