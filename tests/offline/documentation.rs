//! The `console` blocks of the documentation: each `kamaji` in one is a command line that kamaji accepts, and those that need
//! no cluster are run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use kamaji::cli::Cli;

use crate::console::{Step, agrees, steps};
use crate::program::Place;

/// What needs no cluster.
const ALONE: [&str; 4] = ["config", "completion", "render", "--version"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README and every page of `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for folder in ["", "tutorials", "how-to", "explanation", "reference", "decisions"] {
        let entries = fs::read_dir(root().join("docs").join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(entries.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    pages.sort();
    pages
}

fn steps_of(page: &Path) -> Vec<Step> {
    steps(&fs::read_to_string(page).unwrap())
}

/// The words of each kamaji in a command; what a shell does with its output is no part of them.
fn command_lines(command: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for part in command.replace("\\\n", " ").split("kamaji ").skip(1) {
        let end = part.find(['|', '>', '<', ')', ';', '\n']).unwrap_or(part.len());
        let words = shlex::split(part[..end].trim_end_matches('"')).unwrap();
        lines.push(words.into_iter().take_while(|word| word != "&&").collect());
    }
    lines
}

/// Whether `kamaji` is a program in the command, and not a part of a path or a name.
fn is_ours(command: &str) -> bool {
    command.starts_with("kamaji ") || command.contains("$(kamaji ") || command.contains("/kamaji ")
}

#[test]
fn every_kamaji_in_the_documentation_is_accepted() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        for step in steps_of(&page).iter().filter(|step| is_ours(&step.command)) {
            for words in command_lines(&step.command) {
                count += 1;
                let parsed = Cli::try_parse_from(std::iter::once("kamaji".to_owned()).chain(words));
                // Help and the version are no errors.
                if let Err(error) = parsed
                    && error.use_stderr()
                {
                    wrong.push(format!("{}:{}: {}\n{error}", page.display(), step.line, step.command));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 10, "command lines are found: {count}");
}

#[test]
fn sessions_that_need_no_cluster_are_true() {
    let path = format!("{}:/usr/bin:/bin", Path::new(env!("CARGO_BIN_EXE_kamaji")).parent().unwrap().display());
    let mut count = 0;
    for page in pages() {
        let place = Place::new();
        place.file("prod.yaml", &fs::read_to_string(root().join("examples/quickstart/kubeadm.yaml")).unwrap());
        for step in steps_of(&page) {
            let verb = step.command.strip_prefix("kamaji ").and_then(|rest| rest.split(' ').next());
            let writes_a_file = step.command.starts_with("cat > ");
            if step.machine.is_some() || !(writes_a_file || verb.is_some_and(|verb| ALONE.contains(&verb))) {
                continue;
            }
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("exec 2>&1\n{}", step.command)]).current_dir(place.path());
            let output = shell.env_clear().env("PATH", &path).env("HOME", place.path()).output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            let line = format!("{}:{}: {}", page.display(), step.line, step.command);
            assert!(output.status.success(), "{line}\n{printed}");
            assert!(agrees(&step.shown, &printed), "{line} shows\n{}\nbut it is\n{printed}", step.shown);
            count += 1;
        }
    }
    assert!(count >= 3, "such sessions are found: {count}");
}

#[test]
fn command_lines_are_found_in_what_a_shell_reads() {
    let words = |command| command_lines(command).into_iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert_eq!(words("kamaji list -o json | jq ."), ["list -o json"]);
    assert_eq!(words("ssh root@w \"$(kamaji join prod --ttl 10m)\""), ["join prod --ttl 10m"]);
    assert_eq!(words("kamaji render a > b && kamaji list"), ["render a", "list"]);
    assert!(is_ours("target/debug/kamaji list") && !is_ours("cd kamaji-0.1"));
}
