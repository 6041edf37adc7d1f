//! How people come in: kubeconfigs of many control planes, certificates of their own, commands, the Tab key.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::access::shell_completion;
use crate::support::cluster::management::management_addresses;
use crate::support::command::start;
use crate::support::{Host, Kube, TestNamespace, management, run, wait_until};

const LABEL: &str = "fleet=e2e-access";

#[test]
fn kubeconfigs_user_certificates_and_exec_give_access() {
    let sandbox = TestNamespace::new("e2e-access");
    sandbox.create("east", &["--label", LABEL]).ok();
    sandbox.create("west", &["--label", LABEL]).ok();
    let east = sandbox.tenant("east");
    a_fleet_is_one_file(&sandbox);
    a_user_gets_a_certificate_that_is_stored_nowhere(&sandbox, &east);
    a_command_ends_as_it_ends_and_gets_the_signals(&sandbox);
    nothing_is_left_of_a_command_whose_kamaji_was_killed(&sandbox);
    commands_work_where_only_the_management_api_is_reached(&sandbox);
    east.create("{apiVersion: v1, kind: Node, metadata: {name: tab-worker}}");
    shell_completion::names_are_completed_in_every_shell(&sandbox, "east", "tab-worker");
    shell_completion::nothing_is_said_where_nobody_answers(&sandbox);
    those_that_are_not_ready_are_told(&sandbox);
}

fn contexts(kube: &Kube) -> Vec<String> {
    kube.text(&["config", "get-contexts", "-o", "name"]).lines().map(str::to_owned).collect()
}

fn a_fleet_is_one_file(sandbox: &TestNamespace) {
    let path = sandbox.files.path().join("fleet.conf");
    let file = path.display().to_string();
    for words in [&["kubeconfig", "-A", "-l", LABEL][..], &["kubeconfig", "-l", LABEL], &["kubeconfig", "east", "west"]]
    {
        let written = sandbox.run_as_administrator(&[words, &["--file", &file]].concat()).ok();
        assert!(written.took < Duration::from_secs(30), "{written}");
        let fleet = Kube::with(&path);
        assert_eq!(contexts(&fleet), ["kamaji-e2e-access-east", "kamaji-e2e-access-west"]);
        for context in contexts(&fleet) {
            fleet.run(&["--context", &context, "get", "namespaces"]).ok();
        }
        assert_ne!(fleet.run(&["get", "namespaces"]).code, Some(0), "of several, none is used without a word");
        std::fs::remove_file(&path).expect("it was written");
    }
    let mine = sandbox.file("mine.conf", "");
    let mut merge = sandbox.kamaji_by(&mine, &["kubeconfig", "-l", LABEL, "--merge", "--kubeconfig"]);
    merge.arg(management().kubeconfig());
    sandbox.note(run(merge), false).ok();
    assert_eq!(contexts(&Kube::with(&mine)).len(), 2);
    sandbox.run(&["kubeconfig", "east", "nobody"]).exits(3).says(&["`nobody`"]);
    sandbox.run(&["kubeconfig", "-l", "fleet=none"]).exits(3);
}

fn a_user_gets_a_certificate_that_is_stored_nowhere(sandbox: &TestNamespace, east: &Kube) {
    let before = sandbox.everything_settled();
    let path = sandbox.files.path().join("jane.conf");
    let file = path.display().to_string();
    let words =
        ["kubeconfig", "east", "--user", "jane@example.com", "--group", "viewers", "--group", "ops", "--ttl", "1h"];
    let told = sandbox
        .run(&[&words[..], &["--file", &file, "-o", "json"]].concat())
        .says(&["cannot be revoked before"])
        .json();
    let jane = Kube::with(&path);
    let whoami: Value = jane.run(&["auth", "whoami", "-o", "json"]).json();
    assert_eq!(whoami["status"]["userInfo"]["username"], "jane@example.com");
    let groups = whoami["status"]["userInfo"]["groups"].to_string();
    assert_eq!(groups, "[\"viewers\",\"ops\",\"system:authenticated\"]");
    jane.run(&["get", "pods"]).exits(1).says(&["Forbidden"]);
    east.run(&["create", "rolebinding", "v", "--clusterrole=view", "--group=ops"]).ok();
    wait_until("the binding holds", Duration::from_secs(60), || {
        let look = jane.run(&["get", "pods"]);
        if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
    });

    let certificate = sandbox.file("jane.crt", &crate::support::Identity::of(&jane).certificate);
    let ca = sandbox.file("east-ca.crt", &sandbox.secret_value("east-ca", "ca.crt"));
    let openssl = |words: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(words).arg(&certificate);
        run(openssl).text()
    };
    assert!(openssl(&["verify", "-purpose", "sslclient", "-CAfile", &ca.display().to_string()]).ends_with("OK"));
    let subject = openssl(&["x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in"]);
    assert_eq!(subject, "subject=CN=jane@example.com,O=ops,O=viewers");
    let end = openssl(&["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"]);
    let end = end.trim_start_matches("notAfter=").replace(' ', "T");
    assert_eq!(told["items"][0]["expires"], end, "{told:#}");
    let end: jiff::Timestamp = end.parse().expect("a time");
    let left = end.as_second() - jiff::Timestamp::now().as_second();
    assert!((3500..=3600).contains(&left), "an hour, not {left} s");

    for (words, said) in [
        (&["--user", "jane", "--group", "system:masters"][..], "--allow-system"),
        (&["--user", "system:admin"], "--allow-system"),
        (&["--user", "jane", "--ttl", "1m"], "10 minutes"),
        (&["--user", "jane", "--ttl", "87800h"], "the authority itself ends on"),
        (&["--user", "admin", "--group", "ops"], "--user jane"),
    ] {
        let refused = sandbox.run(&[&["kubeconfig", "east"], words].concat()).exits(2).says(&[said]);
        assert_eq!(refused.stdout, "");
    }
    let allowed = ["kubeconfig", "east", "--user", "jane", "--group", "system:masters", "--allow-system"];
    sandbox.run_for_secrets(&allowed).ok();
    assert_eq!(sandbox.everything(), before, "nothing of it is in the management cluster");
}

fn a_command_ends_as_it_ends_and_gets_the_signals(sandbox: &TestNamespace) {
    sandbox.run(&["exec", "east", "--", "sh", "-c", "exit 37"]).exits(37);
    sandbox.run(&["exec", "east", "--", "sh", "-c", "kill -9 $$"]).exits(137);
    sandbox.run(&["exec", "east", "--", "no-such-program"]).exits(3);
    // What programs that care look at: a regular file that nobody else reads.
    let look = "test -f $KUBECONFIG && stat -L -c %a $KUBECONFIG && cat $KUBECONFIG >/dev/null";
    assert_eq!(sandbox.run(&["exec", "east", "--", "sh", "-c", look]).text(), "600");
    for (signal, code) in [("TERM", 40), ("HUP", 41), ("USR1", 42), ("INT", 43)] {
        let started = sandbox.files.path().join(signal);
        let script =
            format!("trap 'exit {code}' {signal}; touch '{}'; while :; do sleep 0.05; done", started.display());
        // In a session of its own, as a service has it: no terminal sends the signal to the command as well.
        let mut command = Command::new("setsid");
        let kamaji = sandbox.kamaji(&["exec", "east", "--", "sh", "-c", &script]);
        command.env_clear().envs(kamaji.get_envs().filter_map(|(key, value)| Some((key, value?))));
        command.arg("--wait").arg(kamaji.get_program()).args(kamaji.get_args());
        let running = start(command, "");
        wait_until("the command runs", Duration::from_secs(20), || {
            if started.exists() { Ok(()) } else { Err("no".to_owned()) }
        });
        send(signal, &id_of_kamaji(&script));
        sandbox.note(running.finish(Duration::from_secs(20)), false).exits(code);
    }
}

/// The process of kamaji that runs this script.
fn id_of_kamaji(script: &str) -> String {
    let is_it = |id: &str| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        line.starts_with(env!("CARGO_BIN_EXE_kamaji")) && line.contains(script)
    };
    let processes = std::fs::read_dir("/proc").expect("there is /proc").filter_map(Result::ok);
    let mut names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    names.find(|id| is_it(id)).expect("kamaji runs")
}

fn send(signal: &str, id: &str) {
    let mut kill = Command::new("kill");
    kill.args(["-s", signal, id]);
    run(kill).ok();
}

fn nothing_is_left_of_a_command_whose_kamaji_was_killed(sandbox: &TestNamespace) {
    let temporary = sandbox.files.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a temporary folder takes folders");
    // Of a kamaji that was killed where memory cannot be shown, as a folder with the id of a process that is no more.
    std::fs::create_dir(temporary.join("kamaji-exec-4194999-left")).expect("a temporary folder takes folders");
    let told = temporary.join("told");
    let script = format!("echo $KUBECONFIG >'{}'; sleep 60", told.display());
    let mut command = sandbox.kamaji(&["exec", "east", "--", "sh", "-c", &script]);
    command.env("TMPDIR", &temporary);
    let mut running = start(command, "");
    let path = wait_until("the command runs", Duration::from_secs(20), || {
        let text = std::fs::read_to_string(&told).unwrap_or_default();
        if text.ends_with('\n') { Ok(text.trim().to_owned()) } else { Err("no".to_owned()) }
    });
    assert!(std::fs::read_to_string(&path).is_ok_and(|text| text.contains("client-key-data")), "it was there: {path}");
    running.kill();
    wait_until("kamaji is gone", Duration::from_secs(5), || running.ended().map_or(Err("no".to_owned()), |_| Ok(())));
    assert!(std::fs::metadata(&path).is_err(), "{path} is still there");
    let left = std::fs::read_dir(&temporary).expect("it is there").filter_map(Result::ok);
    let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name != "told").collect();
    assert!(left.is_empty(), "{left:?}");
}

fn commands_work_where_only_the_management_api_is_reached(sandbox: &TestNamespace) {
    let laptop = Host::add("e2e-access-laptop", &["--without-kubelet"]);
    let [address, _] = management_addresses();
    laptop.restrict(&[&format!("{address}:6443")]);
    let kubeconfig = format!("KUBECONFIG={}", management().kubeconfig().display());
    let home = format!("HOME={}", sandbox.files.path().display());
    let kubectl = crate::support::cluster::management::kubectl().display().to_string();
    let kamaji = |words: &[&str]| {
        let line = [&["env", "-i", &kubeconfig, &home, env!("CARGO_BIN_EXE_kamaji"), "-n", &sandbox.namespace], words];
        sandbox.note(laptop.run(&line.concat()), false)
    };
    let server =
        kamaji(&["exec", "east", "--", &kubectl, "config", "view", "--minify", "-o", "jsonpath={..server}"]).text();
    assert!(server.starts_with("https://127.0.0.1:"), "through the management cluster, not {server}");
    assert!(
        kamaji(&["exec", "east", "--", &kubectl, "get", "ns", "-o", "name"]).text().contains("namespace/kube-system")
    );
    assert!(kamaji(&["node", "list", "east"]).text().starts_with("no workers yet"));
}

fn those_that_are_not_ready_are_told(sandbox: &TestNamespace) {
    management().run(&["scale", "deployment", "west", "-n", &sandbox.namespace, "--replicas=0"]).ok();
    wait_until("no pod is ready", Duration::from_secs(60), || {
        let deployment = management().json(&["deployment", "west", "-n", &sandbox.namespace]);
        if deployment["status"]["readyReplicas"].is_null() { Ok(()) } else { Err(deployment["status"].to_string()) }
    });
    let begun = Instant::now();
    let printed = sandbox.run_as_administrator(&["kubeconfig", "-A", "-l", LABEL]).exits(7);
    let printed = printed.says(&["e2e-access/west: none of its pods is ready", "1 of 2"]);
    println!("two kubeconfigs in {:.1} s", begun.elapsed().as_secs_f32());
    let fleet = Kube::with(&sandbox.file("fleet.conf", &printed.stdout));
    fleet.run(&["--context", "kamaji-e2e-access-east", "get", "namespaces"]).ok();
    assert_eq!(contexts(&fleet).len(), 2);
}
