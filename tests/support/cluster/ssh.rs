//! Real OpenSSH servers on test hosts, and the configuration by which ssh finds them. They end with their hosts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::cluster::management::script;
use crate::support::command::{Run, Running, run, start};
use crate::support::{Host, wait_until};

/// The port of every server: not the usual one, so that only the configuration leads there.
const PORT: u16 = 2222;

/// A user's own ssh: keys, known hosts and a configuration file.
pub(crate) struct Ssh {
    folder: PathBuf,
    config: String,
    known: String,
    servers: Vec<Running>,
}

/// How a host is entered.
pub(crate) struct Way<'a> {
    /// Who logs in; who is not root may use sudo without a password.
    pub(crate) user: &'a str,
    /// Through which host.
    pub(crate) jump: Option<&'a str>,
    /// Whether the host's real key is known.
    pub(crate) known: bool,
}

impl Ssh {
    /// Makes keys in a folder.
    #[track_caller]
    pub(crate) fn new(folder: &Path) -> Self {
        let folder = folder.join("ssh");
        fs::create_dir(&folder).expect("a temporary folder takes folders");
        let ssh = Self { folder, config: String::new(), known: String::new(), servers: Vec::new() };
        for key in ["user", "stranger"] {
            ssh.make_key(key);
        }
        ssh
    }

    fn make_key(&self, name: &str) -> String {
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(self.folder.join(name));
        run(keygen).ok();
        fs::read_to_string(self.folder.join(format!("{name}.pub"))).expect("ssh-keygen writes both halves")
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The configuration file, for `ssh -F`.
    pub(crate) fn config(&self) -> String {
        self.path("config")
    }

    /// Starts a server on a host. Who logs in finds the host's kubeadm on the PATH, as on a machine where it is installed.
    #[track_caller]
    pub(crate) fn serve(&mut self, host: &Host, way: &Way<'_>) {
        let name = host.name();
        let host_key = self.make_key(&format!("{name}-host"));
        let environment = host.run(&["sh", "-c", "echo PATH=$PATH HOST_BINARIES=$HOST_BINARIES"]).text();
        let address = host.run(&["hostname", "-I"]).text();
        let address = address.split_whitespace().next().expect("a host has an address").to_owned();
        let file = format!(
            "Port {PORT}\nListenAddress {address}\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\nSetEnv {environment}\n",
            self.path(&format!("{name}-host")),
            self.path("user.pub"),
        );
        let file_name = format!("{name}.sshd");
        fs::write(self.folder.join(&file_name), file).expect("a temporary folder takes files");
        if way.user != "root" {
            // The host's /etc is its own.
            let add = format!(
                "useradd --no-create-home --home-dir /tmp --shell /bin/bash --password '*' {0} && \
                 echo 'Defaults:{0} env_keep += \"HOST_BINARIES\", !secure_path' >/etc/sudoers.d/{0} && \
                 echo '{0} ALL=(ALL) NOPASSWD: ALL' >>/etc/sudoers.d/{0}",
                way.user
            );
            host.run(&["bash", "-c", &add]).ok();
        }
        host.run(&["mkdir", "-p", "/run/sshd"]).ok();
        let mut server = script("run");
        server.args([name, "/usr/sbin/sshd", "-D", "-e", "-f", &self.path(&file_name)]);
        self.servers.push(start(server, ""));
        wait_until("the ssh server listens", Duration::from_secs(60), || {
            let look = host.run(&["bash", "-c", &format!("</dev/tcp/{address}/{PORT}")]);
            if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
        });
        let jump = way.jump.map(|jump| format!("  ProxyJump {jump}\n")).unwrap_or_default();
        self.config.push_str(&format!(
            "Host {name}\n  HostName {address}\n  Port {PORT}\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n\
             \x20 IdentityAgent none\n  UserKnownHostsFile {}\n  HostKeyAlias {name}\n{jump}",
            way.user,
            self.path("user"),
            self.path("known"),
        ));
        let stranger = fs::read_to_string(self.folder.join("stranger.pub")).expect("it was made first");
        self.known.push_str(&format!("{name} {}", if way.known { &host_key } else { &stranger }));
        fs::write(self.folder.join("config"), &self.config).expect("a temporary folder takes files");
        fs::write(self.folder.join("known"), &self.known).expect("a temporary folder takes files");
        // Another user must read the key file on the host.
        for folder in [self.folder.clone(), self.folder.parent().expect("it has one").to_owned()] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
        }
        fs::set_permissions(self.folder.join("user.pub"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    }

    /// Runs ssh itself.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let mut ssh = Command::new("ssh");
        ssh.arg("-F").arg(self.folder.join("config")).arg("-oBatchMode=yes").args(words);
        run(ssh)
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        self.servers.iter_mut().for_each(Running::kill);
    }
}
