//! Live names for the Tab key: asked of the management cluster, within a second, silent when it does not answer. An edge.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use clap_complete::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use secrecy::ExposeSecret as _;

use crate::cluster::{Connection, Target};
use crate::engine::access::tenant_connection;
use crate::engine::session::Session;
use crate::engine::state::record_store;
use crate::model::{ControlPlaneName, LABEL_COMPONENT, Namespace};
use crate::plan::state::record::Record;
use crate::plan::workers::node_status::NodeState;

/// The program that is completed.
static COMMAND: OnceLock<fn() -> clap::Command> = OnceLock::new();

/// The variable by which a shell asks for completions.
const VARIABLE: &str = "KAMAJI_COMPLETE";
/// How long a person waits for the Tab key.
const PATIENCE: Duration = Duration::from_millis(900);

/// Answers a shell that asks for completions of `command`, and ends the process then; else does nothing.
pub fn answer_shell(command: fn() -> clap::Command) {
    // Only this function sets it, and it is called once.
    let _set_before = COMMAND.set(command);
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

/// The workers of the control plane that is typed before, with their state.
pub(crate) fn nodes() -> Vec<CompletionCandidate> {
    ask(|connection, typed| async move {
        let namespace = typed.namespace.unwrap_or_else(|| connection.default_namespace().to_owned());
        let namespace = Namespace::parse(&namespace).ok()?;
        let name = ControlPlaneName::parse(&typed.control_plane?).ok()?;
        let session = Session::quiet(&connection, PATIENCE, crate::ambient::clock);
        let (record, kubeconfig) = tokio::try_join!(
            record_store::require_record(&connection, &namespace, &name),
            tenant_connection::kubeconfig(&connection, &namespace, &name, "super-admin.conf"),
        )
        .ok()?;
        let address = record.record.address?;
        let kubeconfig = kubeconfig?;
        let reached = tenant_connection::reach(&session, &namespace, &name, &address, kubeconfig.expose_secret())
            .await
            .ok()?
            .ok()?;
        let nodes = reached.connection.list("v1", "Node", None, "").await.ok()?;
        let version = record.record.spec.version;
        let candidates = nodes.iter().map(|node| NodeState::of(node, version)).map(|worker| {
            let help = format!("{}  {}", worker.status(), worker.kubelet);
            CompletionCandidate::new(worker.name).help(Some(help.into()))
        });
        Some(candidates.collect())
    })
}

/// What the line says already about where to ask.
#[derive(Default)]
struct Typed {
    namespace: Option<String>,
    context: Option<String>,
    kubeconfig: Option<PathBuf>,
    control_plane: Option<String>,
}

impl Typed {
    /// Reads the line as the program itself would, as far as it goes.
    fn read() -> Option<Self> {
        let words: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
        let matches = COMMAND.get()?().ignore_errors(true).try_get_matches_from(words).ok()?;
        let mut deepest = &matches;
        while let Some((_, inner)) = deepest.subcommand() {
            deepest = inner;
        }
        let value = |name: &str| {
            let mut values = deepest.try_get_raw(name).ok()??;
            values.next().and_then(|value| value.to_str()).map(str::to_owned)
        };
        Some(Self {
            namespace: value("namespace"),
            context: value("context"),
            kubeconfig: value("kubeconfig").map(PathBuf::from),
            control_plane: value("name"),
        })
    }
}

fn ask<F>(question: impl FnOnce(Connection, Typed) -> F) -> Vec<CompletionCandidate>
where
    F: Future<Output = Option<Vec<CompletionCandidate>>>,
{
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    crate::start::prepare(0);
    let search = async {
        let typed = Typed::read()?;
        let target = Target { kubeconfig: typed.kubeconfig.clone(), context: typed.context.clone() };
        let connection = Connection::open(&target).await.ok()?;
        question(connection, typed).await
    };
    // The timer needs the runtime, so it is set inside.
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, search).await });
    runtime.shutdown_background();
    answer.ok().flatten().unwrap_or_default()
}
