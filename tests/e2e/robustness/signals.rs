//! K9, K11: signals, readers that go away, full disks, little memory.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::lifecycle::killed::strike;
use crate::support::command::Running;
use crate::support::faults::proxy::Timing;
use crate::support::{Identity, Proxy, TestNamespace, management, run};

const NAME: &str = "signalled";

#[test]
fn signals_closed_pipes_and_full_disks_only_end_the_process() {
    let sandbox = TestNamespace::new("e2e-signals");
    let words = sandbox.parked(NAME);
    let create: Vec<&str> = words.iter().map(String::as_str).collect();
    a_signal_ends_it_and_the_next_run_goes_on(&sandbox, &create);
    readers_may_go_away(&sandbox);
    a_full_disk_leaves_the_kubeconfig_as_it_was(&sandbox);
    it_needs_little_memory(&sandbox);
}

fn a_signal_ends_it_and_the_next_run_goes_on(sandbox: &TestNamespace, create: &[&str]) {
    let proxy = Proxy::start(&Identity::of(&management()));
    for (index, signal) in ["INT", "TERM", "HUP"].into_iter().enumerate() {
        proxy.reset();
        let at = 25 + 15 * index;
        let (struck, sent) = mpsc::channel();
        let blow = move |running: &mut Running| {
            running.signal(signal);
            struck.send(()).expect("the test waits for it");
        };
        let victim = strike(sandbox, &proxy, create, Timing::After, move |request| request.number == at, blow);
        sent.recv_timeout(Duration::from_secs(60)).expect("there is such a request");
        let running = victim.lock().expect("nobody panics with it").take().expect("it was started");
        let ended = sandbox.note(running.finish(Duration::from_secs(30)), false);
        assert_eq!(ended.code, None, "{signal} ends it: {ended}");
        sandbox.run(create).ok();
        let authority = sandbox.secret_value("signalled-ca", "ca.crt");
        sandbox.run(create).ok();
        assert_eq!(sandbox.secret_value("signalled-ca", "ca.crt"), authority);
        assert!(!sandbox.everything().contains_key("Lease/signalled-lock"));
    }
}

fn readers_may_go_away(sandbox: &TestNamespace) {
    let shell = |line: &str| {
        let mut command = Command::new("bash");
        let kamaji = env!("CARGO_BIN_EXE_kamaji");
        let words = sandbox.kamaji(&[]);
        let environment = words.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
        command.env_clear().envs(environment).env("PATH", "/usr/bin:/bin");
        command.args(["-c", &line.replace("KAMAJI", &format!("{kamaji} -n {}", sandbox.namespace))]);
        sandbox.note(run(command), false)
    };
    for command in ["list", "status signalled -o json", "render signalled --kubeadm-config kubeadm.yaml"] {
        let line =
            format!("cd {}; set -o pipefail; KAMAJI {command} | head -c 1 >/dev/null", sandbox.files.path().display());
        let piped = shell(&line);
        assert!(!piped.stderr.contains("panicked"), "{piped}");
    }
    let closed = shell("KAMAJI list >&-");
    assert!(closed.code.is_some() && !closed.stderr.contains("panicked"), "{closed}");
    let silent = shell("KAMAJI list >/dev/null 2>&-");
    assert_eq!(silent.code, Some(0), "{silent}");
    let full = shell("KAMAJI list >/dev/full");
    full.exits(1).says(&["write the result", "No space left on device"]);
}

fn a_full_disk_leaves_the_kubeconfig_as_it_was(sandbox: &TestNamespace) {
    // Its pods never ran, but its kubeconfig is there; `create` did not wait, so it is not handed out as ready.
    let small = sandbox.files.path().join("small");
    std::fs::create_dir(&small).expect("a temporary folder takes folders");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=16k", "tmpfs"]).arg(&small);
    run(mount).ok();
    let _unmounted = Unmount(small.clone());
    let target = small.join("config");
    let before = "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n";
    std::fs::write(&target, before).expect("there is a page left");
    std::fs::write(small.join("filler"), vec![b'x'; 12 * 1024]).expect("there are three pages");

    sandbox.create("whole", &[]).ok();
    let mut command = sandbox.kamaji(&["kubeconfig", "whole", "--file", &target.display().to_string()]);
    command.stdin(Stdio::null());
    let refused = sandbox.note(run(command), true);
    assert!(refused.code.is_some_and(|code| code != 0), "it cannot have been written: {refused}");
    refused.says(&["No space left on device"]);
    assert_eq!(std::fs::read_to_string(&target).expect("it is still there"), before);
    let left: Vec<_> =
        std::fs::read_dir(&small).expect("it is a folder").filter_map(Result::ok).map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is left behind: {left:?}");
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).status());
    }
}

fn it_needs_little_memory(sandbox: &TestNamespace) {
    const ENOUGH: u64 = 64 * 1024;
    for words in [&["list", "-A"][..], &["status", "whole"], &["delete", "whole", "--yes"]] {
        let mut running = sandbox.start(words);
        let mut peak = 0;
        while running.ended().is_none() {
            peak = running.peak_memory().unwrap_or(peak).max(peak);
            std::thread::sleep(Duration::from_millis(2));
        }
        println!("{words:?}: {peak} KiB");
        assert!(peak > 0 && peak < ENOUGH, "{words:?}: {peak} KiB");
    }
}
