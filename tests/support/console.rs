//! Sessions in the documentation: the commands of `console` blocks, and whether what they print is what is shown there.
//!
//! `$ ` is the reader's prompt, `NAME# ` that of root on the machine NAME. What is shown is a sample: ports, tokens, hashes,
//! times, ages and the random ends of names may be others. `[..]` is anything in a line, a line `[...]` any lines.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// One command and what is shown below it.
#[derive(Debug)]
pub(crate) struct Step {
    /// The line of the page.
    pub(crate) line: usize,
    /// The machine, if it is not the reader's.
    pub(crate) machine: Option<String>,
    /// What is typed; a text for `<<'EOF'` is part of it.
    pub(crate) command: String,
    /// What is shown.
    pub(crate) shown: String,
}

static PROMPT: LazyLock<Regex> = LazyLock::new(|| Regex::new("^(?:[$]|([a-z0-9-]+)#) (.+)$").expect("it is valid"));

/// What differs from run to run: how a sample of it looks. Each stands for itself.
const VARIABLE: [&str; 9] = [
    "sha256:[0-9a-f]{64}",                   // the authority that `kubeadm join` is given
    r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b",        // a token
    r":\d{4,5}\b",                           // a port
    r"-[a-z0-9]{6,10}-[a-z0-9]{5}\b",        // the end of a pod's name
    "/[0-9a-f]{32}/",                        // a prefix in the datastore
    r"\b\d+(?:\.\d+)? (?:s|ms|keys|days)\b", // counts that time changes
    r"\b(?:\d+[dhms])+\b",                   // kubectl's ages
    r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",    // a time
    " {2,}",                                 // the space between columns
];

static SAMPLES: LazyLock<Regex> = LazyLock::new(|| {
    let each = VARIABLE.iter().enumerate().map(|(number, pattern)| format!("(?<v{number}>{pattern})"));
    Regex::new(&each.collect::<Vec<_>>().join("|")).expect("they are valid")
});

/// The steps of all `console` blocks of a page.
pub(crate) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut text = false; // for `<<'EOF'`
    for (number, line) in page.lines().enumerate() {
        if let Some(language) = line.strip_prefix("```") {
            inside = language == "console";
        } else if inside {
            let last = steps.last_mut();
            match (PROMPT.captures(line), last) {
                (_, Some(step)) if text || step.command.ends_with('\\') => {
                    step.command = format!("{}\n{line}", step.command);
                    text &= line != "EOF";
                }
                (Some(prompt), _) => {
                    let machine = prompt.get(1).map(|name| name.as_str().to_owned());
                    let command = prompt[2].to_owned();
                    text = command.contains("<<'EOF'");
                    steps.push(Step { line: number + 1, machine, command, shown: String::new() });
                }
                (None, Some(step)) => step.shown += &format!("{line}\n"),
                (None, None) => panic!("line {}: output without a command: {line}", number + 1),
            }
        }
    }
    steps
}

/// A regular expression for a line of which `sample` is one.
fn pattern(sample: &str) -> String {
    let literal = |text: &str| regex::escape(text).replace(r"\[\.\.\]", ".*");
    let mut pattern = String::new();
    let mut end = 0;
    for found in SAMPLES.captures_iter(sample) {
        let whole = found.get(0).expect("group 0 is the match");
        pattern += &literal(&sample[end..whole.start()]);
        pattern += kind(&found);
        end = whole.end();
    }
    pattern + &literal(&sample[end..])
}

fn kind(found: &Captures<'_>) -> &'static str {
    let number = (0..VARIABLE.len()).find(|number| found.name(&format!("v{number}")).is_some());
    VARIABLE[number.expect("one of them matched")]
}

/// The first line of `printed` of which `sample` is one.
pub(crate) fn find_line<'a>(sample: &str, printed: &'a str) -> Option<&'a str> {
    let line = Regex::new(&format!("^{}$", pattern(sample))).expect("it is escaped");
    printed.lines().find(|printed| line.is_match(printed))
}

/// Whether this was printed, when that is shown. Nothing shown says nothing.
pub(crate) fn agrees(shown: &str, printed: &str) -> bool {
    let line = |line: &str| match line.trim() {
        "[...]" => "(?:.*\n)*?".to_owned(),
        _ => pattern(line.trim_end()) + " *\n",
    };
    let whole: String = shown.trim_end().lines().map(line).collect();
    let whole = Regex::new(&format!("^{whole}\n*$")).expect("it is escaped");
    shown.is_empty() || whole.is_match(&format!("{}\n", printed.trim_end()))
}

#[test]
fn samples_stand_for_their_kind_and_all_else_for_itself() {
    let shown = "demo is ready at 10.89.0.2:32564 in 13 s\n[...]\nNAME   AGE\ndemo   3m7s\n";
    assert!(agrees(shown, "demo is ready at 10.89.0.2:30001 in 7 s\na\nb\n\nNAME    AGE\ndemo    12s\n"));
    assert!(agrees(shown, "demo is ready at 10.89.0.2:30001 in 7 s\nNAME  AGE\ndemo  12s"));
    for other in ["demo is ready at 10.89.0.9:30001 in 7 s", "demo is lost at 10.89.0.2:30001 in 7 s", ""] {
        assert!(!agrees(shown, &format!("{other}\nNAME   AGE\ndemo   3m7s\n")), "{other}");
    }
    assert!(!agrees(shown, "demo is ready at 10.89.0.2:30001 in 7 s\nNAME  AGE\ndemo  12s\nand more\n"));
    assert!(agrees("1 of [..] ready\n", "1 of 2 ready\n") && !agrees("1 of [..] ready\n", "2 of 2 ready\n"));
}

#[test]
fn steps_are_what_is_typed() {
    let page = "```console\n$ cat > a <<'EOF'\n$ no prompt\nEOF\n$ b \\\n  c\nshown\n\nmore\nworker-1# d\n```\n```sh\n$ e\n```\n";
    let told: Vec<_> = steps(page).into_iter().map(|step| (step.machine, step.command, step.shown)).collect();
    let step = |machine: Option<&str>, command: &str, shown: &str| {
        (machine.map(str::to_owned), command.to_owned(), shown.to_owned())
    };
    assert_eq!(
        told,
        [
            step(None, "cat > a <<'EOF'\n$ no prompt\nEOF", ""),
            step(None, "b \\\n  c", "shown\n\nmore\n"),
            step(Some("worker-1"), "d", ""),
        ]
    );
}
