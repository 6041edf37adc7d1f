//! What the Tab key gives in real shells: names that are asked of the clusters, at once, and nothing where nobody answers.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::command::Run;
use crate::support::{TestNamespace, management, run, wait_until};

/// The shells, each with the program, its options and a script that prints what the Tab key gives after the words in
/// `$LINE`.
const SHELLS: [(&str, &str, &[&str], &str); 5] = [
    (
        "bash",
        "bash",
        &["--norc", "-c"],
        r#"source <(kamaji completion bash)
read -ra COMP_WORDS <<<"$LINE"; if [[ $LINE == *' ' ]]; then COMP_WORDS+=(''); fi
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9
_clap_complete_kamaji kamaji "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}""#,
    ),
    // A person at a terminal: what is typed, and the Tab key.
    (
        "zsh",
        "zsh",
        &["-f", "-c"],
        r#"zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "unsetopt beep; PS1='>'; autoload -Uz compinit; compinit -u -D; source <(kamaji completion zsh); echo rea''dy"
until [[ $said == *ready* ]]; do zpty -r -t shell chunk && said+=$chunk || sleep 0.02; done
said=
zpty -w -n shell "$LINE"$'\t'
for ((i = 0; i < 60; i++)); do
  while zpty -r -t shell chunk; do said+=$chunk; done
  sleep 0.02
done
zpty -d shell
print -r -- "$said""#,
    ),
    ("fish", "fish", &["--no-config", "-c"], "kamaji completion fish | source; complete --do-complete \"$LINE\""),
    // Its editor exists on a terminal only; the place where completers are kept is made here.
    (
        "elvish",
        "elvish",
        &["-norc", "-c"],
        r"use str
var edit: = (ns [&completion:=(ns [&arg-completer=[&]])])
eval &ns=(ns [&edit:=$edit:]) (kamaji completion elvish | slurp)
$edit:completion:arg-completer[kamaji] (str:split ' ' $E:LINE)",
    ),
    // Debian has no PowerShell: this is what the script for it runs, and what it takes the answer's columns from.
    (
        "powershell",
        "bash",
        &["--norc", "-c"],
        r#"if [[ $LINE == *' ' ]]; then LINE+="''"; fi
script=$(kamaji completion powershell)
[[ $script == *'& kamaji -- $args'* ]] || { echo 'the script runs something else'; exit 1; }
eval "KAMAJI_COMPLETE=powershell kamaji -- $LINE" | cut -f 1"#,
    ),
];

/// `control_plane` is a control plane, `node` one of its workers.
pub(crate) fn names_are_completed_in_every_shell(sandbox: &TestNamespace, control_plane: &str, node: &str) {
    let admin = management().kubeconfig().display().to_string();
    let namespace = &sandbox.namespace;
    for (shell, ..) in SHELLS {
        for (line, wanted) in [
            (format!("kamaji -n {namespace} status {}", &control_plane[..2]), control_plane),
            (format!("kamaji node drain -n {namespace} {control_plane} {}", &node[..2]), node),
            (format!("kamaji node uncordon {control_plane} other --namespace={namespace} {}", &node[..2]), node),
        ] {
            // A shell on a terminal shows what it adds to what was typed.
            let added = if shell == "zsh" { &wanted[2..] } else { wanted };
            // On a machine that is busy with other tests a second may be too short, and then nothing is said.
            wait_until(&format!("{shell} completes to {wanted}"), Duration::from_secs(30), || {
                let ran = tab(sandbox, shell, &line, &admin);
                if ran.stdout.contains(added) { Ok(()) } else { Err(ran.to_string()) }
            });
        }
    }
}

/// Where there is no cluster, no kubeconfig, or a server that takes connections and says nothing.
pub(crate) fn nothing_is_said_where_nobody_answers(sandbox: &TestNamespace) {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = silent.local_addr().expect("it is bound");
    let kubeconfig = |name: &str, server: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{token: t}}}}]\n"
        );
        sandbox.file(name, &text).display().to_string()
    };
    let nowhere = [
        "/nonexistent".to_owned(),
        kubeconfig("away", "https://127.0.0.1:1"),
        kubeconfig("silent", &format!("https://{address}")),
    ];
    for (shell, ..) in SHELLS.into_iter().filter(|(shell, ..)| *shell != "zsh") {
        for kubeconfig in &nowhere {
            for line in ["kamaji status ", "kamaji node drain prod "] {
                // A busy machine may take longer once.
                wait_until(&format!("{shell} is done at once"), Duration::from_secs(30), || {
                    let ran = tab(sandbox, shell, line, kubeconfig).ok();
                    // Options need no cluster; fish tells what they are for behind them.
                    let is_name = |line: &&str| !line.is_empty() && !line.starts_with('-');
                    let said = ran.stdout.lines().map(str::trim).filter(is_name).count();
                    assert_eq!((said, ran.stderr.as_str()), (0, ""), "{shell}: {ran}");
                    // The shell itself starts within it, and kamaji twice.
                    if ran.took < Duration::from_millis(2500) { Ok(()) } else { Err(ran.to_string()) }
                });
            }
        }
    }
}

/// What the Tab key gives after a line.
fn tab(sandbox: &TestNamespace, shell: &str, line: &str, kubeconfig: &str) -> Run {
    let (_, program, options, script) =
        SHELLS.into_iter().find(|(name, ..)| *name == shell).expect("it is in the table");
    let programs = Path::new(env!("CARGO_BIN_EXE_kamaji")).parent().expect("a program is in a folder");
    let mut command = Command::new(program);
    command.env_clear().env("HOME", sandbox.files.path()).env("KUBECONFIG", kubeconfig).env("TERM", "xterm");
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display())).env("LINE", line);
    command.args(options).arg(script).current_dir(sandbox.files.path());
    run(command)
}
