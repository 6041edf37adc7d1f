//! `kamaji config`: kubeadm files checked, converted and explained. Asks no cluster.

use std::path::Path;

use serde::Serialize;

use super::shared::context::Context;
use super::shared::{mounted_files, secure_files};
use crate::cli::{ConfigCommand, ConvertArgs, PrintDefaultsArgs, ValidateArgs};
use crate::config;
use crate::config::operator::tenant_control_plane;
use crate::config::{Checked, Problem, Source, Warning};
use crate::error::{Fault, Kind};
use crate::model::SuppliedFiles;
use crate::ui::{Format, Report};
use crate::yaml::Spot;

pub(super) fn run(command: &ConfigCommand, context: &Context) -> Result<(), Fault> {
    match command {
        ConfigCommand::Validate(args) => validate(args, context),
        ConfigCommand::Convert(args) => convert(args, context),
        ConfigCommand::PrintDefaults(args) => print_defaults(args, context),
    }
}

fn convert(args: &ConvertArgs, context: &Context) -> Result<(), Fault> {
    if args.to.is_experimental() && !args.allow_experimental_api {
        return Err(Fault::new(Kind::Usage, format!("{} is experimental", args.to))
            .hint("allow it with --allow-experimental-api"));
    }
    let (name, text) = secure_files::read_text(&args.file)?;
    let source = Source { name: &name, text: &text };
    context.ui.result(&config::convert(&source, args.to, args.allow_experimental_api)?);
    Ok(())
}

fn print_defaults(args: &PrintDefaultsArgs, context: &Context) -> Result<(), Fault> {
    context.ui.result(&config::print_defaults(args.kubernetes_version)?);
    Ok(())
}

fn validate(args: &ValidateArgs, context: &Context) -> Result<(), Fault> {
    let mut report = Validation { files: Vec::new() };
    let mut problems = Vec::new();
    let given = mounted_files::read(&args.given)?;
    for path in &args.files {
        let (name, checked) = check(path, args.allow_experimental_api, &given);
        for warning in &checked.warnings {
            context.ui.warn(&warning.to_string());
        }
        report.files.push(FileReport::of(name, &checked));
        problems.extend(checked.problems);
    }
    context.ui.report(&report);
    if problems.is_empty() {
        return Ok(());
    }
    match context.ui.format {
        Format::Table | Format::Wide | Format::Name => Err(config::Error::Problems(problems).into()),
        // The problems are in the report.
        Format::Json | Format::Yaml => {
            let wrong = report.files.iter().filter(|file| !file.valid).count();
            let (files, count) = (report.files.len(), problems.len());
            Err(Fault::new(Kind::Usage, format!("{wrong} of {files} files cannot be used: problems: {count}")))
        }
    }
}

/// Reads and checks one file; one that cannot be read has one problem.
fn check(path: &Path, allow_experimental: bool, given: &SuppliedFiles) -> (String, Checked) {
    match secure_files::read_text(path) {
        Ok((name, text)) => {
            let source = Source { name: &name, text: &text };
            let checked = if tenant_control_plane::is_one(&source) {
                tenant_control_plane::validate(&source, given)
            } else {
                config::validate(&source, allow_experimental, given)
            };
            (name, checked)
        }
        Err(fault) => {
            let file = path.display().to_string();
            let problem = Problem {
                spot: Spot { file: file.clone(), at: None },
                field: String::new(),
                text: fault.to_string(),
                remedy: fault.hints().join("; "),
                snippet: String::new(),
                wants: None,
            };
            (file, Checked { problems: vec![problem], warnings: Vec::new() })
        }
    }
}

/// The result of `validate`. Its JSON is a public interface.
#[derive(Debug, Serialize)]
struct Validation {
    files: Vec<FileReport>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    valid: bool,
    problems: Vec<Finding>,
    warnings: Vec<Finding>,
}

/// A problem or a warning. Line and column are counted from 1; null when the whole file is meant.
#[derive(Debug, Serialize)]
struct Finding {
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    /// Empty when the whole document is meant.
    field: String,
    text: String,
    /// What to do; empty when the text says it, and for warnings.
    remedy: String,
}

impl FileReport {
    fn of(file: String, checked: &Checked) -> Self {
        Self {
            file,
            valid: checked.problems.is_empty(),
            problems: checked.problems.iter().map(Finding::of_problem).collect(),
            warnings: checked.warnings.iter().map(Finding::of_warning).collect(),
        }
    }
}

impl Finding {
    fn new(spot: &Spot, field: &str, text: &str, remedy: &str) -> Self {
        Self {
            file: spot.file.clone(),
            line: spot.at.map(|place| place.line),
            column: spot.at.map(|place| place.column),
            field: field.to_owned(),
            text: text.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    fn of_problem(problem: &Problem) -> Self {
        Self::new(&problem.spot, &problem.field, &problem.text, &problem.remedy)
    }

    fn of_warning(warning: &Warning) -> Self {
        Self::new(&warning.spot, &warning.field, &warning.text, "")
    }
}

impl Report for Validation {
    fn text(&self, _wide: bool) -> String {
        let count = |number: usize, one: &str| match number {
            1 => format!("1 {one}"),
            many => format!("{many} {one}s"),
        };
        let line = |file: &FileReport| {
            let verdict = if file.valid { "valid".to_owned() } else { count(file.problems.len(), "problem") };
            let warnings = match file.warnings.len() {
                0 => String::new(),
                some => format!(", {}", count(some, "warning")),
            };
            format!("{}: {verdict}{warnings}\n", crate::ui::safe(&file.file))
        };
        self.files.iter().map(line).collect()
    }

    fn names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.file.clone()).collect()
    }
}
