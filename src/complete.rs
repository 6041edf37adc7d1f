//! Live names for the Tab key: asked of the management cluster, within a second, silent when it does not answer. An edge.

use std::path::PathBuf;
use std::time::Duration;

use clap_complete::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};

use crate::cluster::{Connection, Target};
use crate::model::LABEL_COMPONENT;
use crate::plan::Record;

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "KAMAJI_COMPLETE";
/// How long a person waits for the Tab key.
const PATIENCE: Duration = Duration::from_millis(900);

/// Answers a shell that asks for completions of `command`, and ends the process then; else does nothing.
pub fn answer_shell(command: fn() -> clap::Command) {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// The script by which a shell learns to ask; `None` for a shell that is not known.
#[must_use]
pub fn registration(shell: &str) -> Option<String> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell)?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "kamaji", "kamaji", "kamaji", &mut script).ok()?;
    String::from_utf8(script).ok()
}

/// The names of control planes in the namespace that is being typed, with state and version.
pub(crate) fn control_planes() -> Vec<CompletionCandidate> {
    ask(|connection, typed| async move {
        let namespace = typed.namespace.unwrap_or_else(|| connection.default_namespace().to_owned());
        let selector = format!("{LABEL_COMPONENT}=record");
        let records = connection.list("v1", "ConfigMap", Some(&namespace), &selector).await.ok()?;
        let candidates = records.iter().filter_map(|object| Record::from_object(object).ok()).map(|record| {
            let help = format!("{}  {}", record.step.word(), record.spec.version);
            CompletionCandidate::new(record.spec.name.as_str()).help(Some(help.into()))
        });
        Some(candidates.collect())
    })
}

/// The namespaces of the management cluster.
pub(crate) fn namespaces() -> Vec<CompletionCandidate> {
    ask(|connection, _| async move {
        let namespaces = connection.list("v1", "Namespace", None, "").await.ok()?;
        let names = namespaces.iter().filter_map(|object| object.pointer("/metadata/name")?.as_str());
        Some(names.map(CompletionCandidate::new).collect())
    })
}

/// What the line says already about where to ask.
#[derive(Default)]
struct Typed {
    namespace: Option<String>,
    context: Option<String>,
    kubeconfig: Option<PathBuf>,
}

impl Typed {
    fn read() -> Self {
        let mut typed = Self::default();
        let mut words = std::env::args().skip(1).peekable();
        while let Some(word) = words.next() {
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (word.clone(), words.peek().cloned()),
            };
            match flag.as_str() {
                "-n" | "--namespace" => typed.namespace = value,
                "--context" => typed.context = value,
                "--kubeconfig" => typed.kubeconfig = value.map(PathBuf::from),
                _ => {}
            }
        }
        typed
    }
}

fn ask<F>(question: impl FnOnce(Connection, Typed) -> F) -> Vec<CompletionCandidate>
where
    F: Future<Output = Option<Vec<CompletionCandidate>>>,
{
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    crate::start::prepare(0);
    let search = async {
        let typed = Typed::read();
        let target = Target { kubeconfig: typed.kubeconfig.clone(), context: typed.context.clone() };
        let connection = Connection::open(&target).await.ok()?;
        question(connection, typed).await
    };
    // The timer needs the runtime, so it is set inside.
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, search).await });
    runtime.shutdown_background();
    answer.ok().flatten().unwrap_or_default()
}
