//! Checks the `console` blocks of the documentation: every `kamaji` command line must parse, and commands that need no
//! cluster must print what the block shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser as _;
use kamaji::cli::Cli;

use crate::console::{Step, agrees, steps};
use crate::program::Sandbox;

/// Subcommands that need no cluster.
const OFFLINE: [&str; 4] = ["config", "completion", "render", "--version"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The README and every page in `docs/`.
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

/// The arguments of each `kamaji` in a shell command, without pipes and redirections.
fn command_lines(command: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for part in command.replace("\\\n", " ").split("kamaji ").skip(1) {
        let end = part.find(['|', '>', '<', ')', ';', '\n']).unwrap_or(part.len());
        let words = shlex::split(part[..end].trim_end_matches('"')).unwrap();
        lines.push(words.into_iter().take_while(|word| word != "&&").collect());
    }
    lines
}

/// Whether the shell command runs `kamaji`, rather than having it in a path or a name.
fn runs_kamaji(command: &str) -> bool {
    command.starts_with("kamaji ") || command.contains("$(kamaji ") || command.contains("/kamaji ")
}

#[test]
fn every_kamaji_command_line_in_the_documentation_parses() {
    let mut failures = Vec::new();
    let mut count = 0;
    for page in pages() {
        for step in steps_of(&page).iter().filter(|step| runs_kamaji(&step.command)) {
            for words in command_lines(&step.command) {
                count += 1;
                let parsed = Cli::try_parse_from(std::iter::once("kamaji".to_owned()).chain(words));
                // clap returns help and version texts as errors too.
                if let Err(error) = parsed
                    && error.use_stderr()
                {
                    failures.push(format!("{}:{}: {}\n{error}", page.display(), step.line, step.command));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 10, "only {count} command lines were found");
}

#[test]
fn sessions_that_need_no_cluster_print_what_is_shown() {
    let path = format!("{}:/usr/bin:/bin", Path::new(env!("CARGO_BIN_EXE_kamaji")).parent().unwrap().display());
    let mut count = 0;
    for page in pages() {
        let sandbox = Sandbox::new();
        sandbox.file("prod.yaml", &fs::read_to_string(root().join("examples/quickstart/kubeadm.yaml")).unwrap());
        for step in steps_of(&page) {
            let verb = step.command.strip_prefix("kamaji ").and_then(|rest| rest.split(' ').next());
            let writes_a_file = step.command.starts_with("cat > ");
            if step.machine.is_some() || !(writes_a_file || verb.is_some_and(|verb| OFFLINE.contains(&verb))) {
                continue;
            }
            let mut shell = Command::new("bash");
            shell.args(["-c", &format!("exec 2>&1\n{}", step.command)]).current_dir(sandbox.path());
            let output = shell.env_clear().env("PATH", &path).env("HOME", sandbox.path()).output().unwrap();
            let printed = String::from_utf8(output.stdout).unwrap();
            let line = format!("{}:{}: {}", page.display(), step.line, step.command);
            assert!(output.status.success(), "{line}\n{printed}");
            assert!(agrees(&step.shown, &printed), "{line} shows\n{}\nbut prints\n{printed}", step.shown);
            count += 1;
        }
    }
    assert!(count >= 3, "only {count} sessions were found");
}

#[test]
fn command_lines_are_found_in_shell_commands() {
    let words = |command| command_lines(command).into_iter().map(|words| words.join(" ")).collect::<Vec<_>>();
    assert_eq!(words("kamaji list -o json | jq ."), ["list -o json"]);
    assert_eq!(words("ssh root@w \"$(kamaji join prod --ttl 10m)\""), ["join prod --ttl 10m"]);
    assert_eq!(words("kamaji render a > b && kamaji list"), ["render a", "list"]);
    assert!(runs_kamaji("target/debug/kamaji list") && !runs_kamaji("cd kamaji-0.1"));
}
