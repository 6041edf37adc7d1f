//! `kamaji exec`: a command with a kubeconfig that works from here, directly or through the management cluster.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::shared::context::Context;
use super::shared::control_plane;
use super::shared::temp_kubeconfig::TempKubeconfig;
use crate::cli::ExecArgs;
use crate::error::{Fault, Kind, While as _};
use crate::pki;

const SHORT: Duration = Duration::from_secs(30);

pub(super) async fn run(args: &ExecArgs, context: &Context) -> Result<ExitCode, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = control_plane::record(&session, &management, &args.name).await?;
    let reached = control_plane::reach(&session, &record).await?;
    let kubeconfig = control_plane::kubeconfig(&management.connection, &record, args.user.file()).await?;
    let kubeconfig = match reached.local() {
        None => kubeconfig,
        Some(local) => {
            let (client, _, ca) = pki::kubeconfig_client(kubeconfig.expose_secret())?;
            let server = format!("https://{local}");
            pki::kubeconfig_via(record.spec.name.as_str(), &server, "kubernetes", &ca, &client)
        }
    };
    drop(progress);
    let handed = TempKubeconfig::new(&kubeconfig)?;
    // Listening begins before the command does: none is lost.
    let mut passed = Passed::listen()?;
    let status = passed.along_to(start(&args.command, &handed)?).await?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn start(command: &[OsString], handed: &TempKubeconfig) -> Result<Child, Fault> {
    let (program, arguments) = command.split_first().expect("clap asks for at least one word");
    let started = tokio::process::Command::new(program).args(arguments).env("KUBECONFIG", handed.path()).spawn();
    let kind = match &started {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kind::NotFound,
        Ok(_) | Err(_) => Kind::Failed,
    };
    started.while_doing(kind, || format!("run {}", program.to_string_lossy()))
}

/// Signals that the command gets when kamaji does. kamaji itself stays until the command ends: the tunnel is its.
struct Passed {
    terminate: Signal,
    hang_up: Signal,
    user_1: Signal,
    user_2: Signal,
    interrupt: Signal,
    quit: Signal,
    /// Whether a terminal sends the last two to the command as well.
    on_terminal: bool,
}

impl Passed {
    fn listen() -> Result<Self, Fault> {
        let to = |kind| signal(kind).while_doing(Kind::Failed, || "listen for signals".into());
        Ok(Self {
            terminate: to(SignalKind::terminate())?,
            hang_up: to(SignalKind::hangup())?,
            user_1: to(SignalKind::user_defined1())?,
            user_2: to(SignalKind::user_defined2())?,
            interrupt: to(SignalKind::interrupt())?,
            quit: to(SignalKind::quit())?,
            on_terminal: super::shared::temp_kubeconfig::has_terminal(),
        })
    }

    async fn along_to(&mut self, mut child: Child) -> Result<ExitStatus, Fault> {
        use rustix::process::Signal as Sent;
        loop {
            let sent = tokio::select! {
                status = child.wait() => return status.while_doing(Kind::Failed, || "wait for the command".into()),
                _ = self.terminate.recv() => Some(Sent::TERM),
                _ = self.hang_up.recv() => Some(Sent::HUP),
                _ = self.user_1.recv() => Some(Sent::USR1),
                _ = self.user_2.recv() => Some(Sent::USR2),
                _ = self.interrupt.recv() => (!self.on_terminal).then_some(Sent::INT),
                _ = self.quit.recv() => (!self.on_terminal).then_some(Sent::QUIT),
            };
            let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
            if let (Some(sent), Some(id)) = (sent, id) {
                // It may have ended this moment; then its status comes next.
                let _ended = rustix::process::kill_process(id, sent);
            }
        }
    }
}
