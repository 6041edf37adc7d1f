//! `kamaji exec`: a command with a kubeconfig that works from here, directly or through the management cluster.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::signal::unix::{SignalKind, signal};

use super::context::Context;
use super::plane;
use crate::cli::{ExecArgs, KubeconfigUser};
use crate::error::{Fault, Kind, While as _};
use crate::pki;

const SHORT: Duration = Duration::from_secs(30);

pub(super) async fn run(args: &ExecArgs, context: &Context) -> Result<ExitCode, Fault> {
    let management = context.management().await?;
    let progress = context.ui.progress();
    let session = management.session(&progress, SHORT);
    let record = plane::record(&session, &management, &args.name).await?;
    let reached = plane::reach(&session, &record).await?;
    let file = match args.user {
        KubeconfigUser::Admin => "admin.conf",
        KubeconfigUser::SuperAdmin => "super-admin.conf",
    };
    let kubeconfig = plane::kubeconfig(&management.connection, &record, file).await?;
    let kubeconfig = match reached.local() {
        None => kubeconfig,
        Some(local) => {
            let (client, _, ca) = pki::kubeconfig_client(kubeconfig.expose_secret())?;
            let server = format!("https://{local}");
            pki::kubeconfig_via(record.spec.name.as_str(), &server, "kubernetes", &ca, &client)
        }
    };
    drop(progress);
    let handed = Handed::new(&kubeconfig)?;
    let (program, arguments) = args.command.split_first().expect("clap asks for at least one word");
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .env("KUBECONFIG", &handed.path)
        .spawn()
        .while_doing(Kind::NotFound, || format!("run {}", program.to_string_lossy()))?;
    // The terminal sends Ctrl-C to the child as well; kamaji stays until it ends, to close the tunnel after it.
    let mut terminate = signal(SignalKind::terminate()).while_doing(Kind::Failed, || "listen for signals".into())?;
    let mut interrupt = signal(SignalKind::interrupt()).while_doing(Kind::Failed, || "listen for signals".into())?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.while_doing(Kind::Failed, || "wait for the command".into())?,
            _ = terminate.recv() => child.start_kill().while_doing(Kind::Failed, || "end the command".into())?,
            _ = interrupt.recv() => {}
        }
    };
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// A kubeconfig that no other user can read, and that is gone when kamaji is, however it ends: where the system lets a
/// process show its open files, the file has no name any more when the command starts.
struct Handed {
    path: PathBuf,
    named: bool,
    _file: std::fs::File,
}

impl Handed {
    fn new(text: &SecretString) -> Result<Self, Fault> {
        use std::os::fd::AsRawFd as _;
        let what = || "write a kubeconfig for the command".to_owned();
        let name = format!("kamaji-exec-{}-{}", std::process::id(), fresh());
        let path = std::env::temp_dir().join(name);
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .while_doing(Kind::Failed, what)?;
        let written = file.write_all(text.expose_secret().as_bytes()).and_then(|()| file.sync_all());
        let shown = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        let can_be_shown = std::fs::metadata(&shown).is_ok_and(|meta| meta.permissions().mode() & 0o777 == 0o600);
        if written.is_err() || can_be_shown {
            std::fs::remove_file(&path).while_doing(Kind::Failed, what)?;
        }
        written.while_doing(Kind::Failed, what)?;
        let path = if can_be_shown { shown } else { path };
        Ok(Self { path, named: !can_be_shown, _file: file })
    }
}

fn fresh() -> String {
    crate::ambient::Ambient::real().word(12)
}

impl Drop for Handed {
    fn drop(&mut self) {
        if self.named {
            // Nobody can be told here; the file is readable by this user only.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
