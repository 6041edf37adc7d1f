//! C1 to C3: several at once on one control plane, and one that stood still while another took over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lifecycle::killed::strike;
use crate::support::command::{Run, Running};
use crate::support::faults::proxy::{Request, Timing};
use crate::support::{Identity, Proxy, TestNamespace, management, wait_until};

const NAME: &str = "held";
/// Longer than a lock lives that nobody renews.
const STANDSTILL: Duration = Duration::from_secs(26);

#[test]
fn a_run_suspended_past_its_lease_writes_nothing_after_another_took_over() {
    let sandbox = TestNamespace::new("e2e-stale");
    let words = sandbox.parked(NAME);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (proxy, stopped) = stop_in_the_middle(&sandbox, &words);
    // Its lock runs out; this one waits for that, and does the work.
    let other = sandbox.run(&words).ok();
    assert!(other.stderr.contains("holds the lock since"), "{other}");
    let (done, asked) = (settled(&sandbox), proxy.requests().len());

    let late = go_on(&sandbox, &stopped);
    late.exits(4).says(&["the lock", "was lost", "run the command again"]);
    let after: Vec<Request> = proxy.requests().split_off(asked);
    let written: Vec<String> =
        after.iter().filter(|r| r.writes() && !r.path.contains("/leases/")).map(ToString::to_string).collect();
    assert_eq!(written, Vec::<String>::new(), "it wrote after its lock was lost");
    assert_eq!(settled(&sandbox), done);
    sandbox.run(&["delete", NAME, "--yes"]).ok();

    // Nobody else came: the lock is renewed before the next write, and the work goes on.
    let (_proxy, stopped) = stop_in_the_middle(&sandbox, &words);
    std::thread::sleep(STANDSTILL);
    go_on(&sandbox, &stopped).ok();
    assert!(!sandbox.everything().contains_key("Lease/held-lock"), "the lock was given back");
    sandbox.run(&["delete", NAME, "--yes"]).ok();
}

/// Stops a `create` at the first Secret that it makes, under its lock.
fn stop_in_the_middle(sandbox: &TestNamespace, words: &[&str]) -> (Proxy, Arc<Mutex<Option<Running>>>) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let like = |request: &Request| request.method == "POST" && request.path.contains("/secrets");
    let stopped = strike(sandbox, &proxy, words, Timing::After, like, |running| running.signal("STOP"));
    wait_until(
        "it is stopped",
        Duration::from_secs(60),
        || if proxy.is_spent() { Ok(()) } else { Err("not yet".into()) },
    );
    // What was under way to the server arrives.
    std::thread::sleep(Duration::from_secs(2));
    assert!(sandbox.everything().contains_key("Lease/held-lock"), "it was stopped too late");
    (proxy, stopped)
}

fn go_on(sandbox: &TestNamespace, stopped: &Mutex<Option<Running>>) -> Run {
    let running = stopped.lock().expect("nobody panics with it").take().expect("it was started");
    running.signal("CONT");
    sandbox.note(running.finish(Duration::from_secs(180)), false)
}

/// What there is, without what the cluster's controllers write.
fn settled(sandbox: &TestNamespace) -> BTreeMap<String, String> {
    let mut all = sandbox.everything();
    all.retain(|name, _| ["Secret/", "ConfigMap/", "Service/", "Lease/"].iter().any(|kind| name.starts_with(kind)));
    all
}

#[test]
fn twenty_concurrent_creates_create_nothing_twice() {
    let sandbox = TestNamespace::new("e2e-twenty");
    let words = sandbox.parked(NAME);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let running: Vec<Running> = (0..20).map(|_| sandbox.start(&words)).collect();
    let runs: Vec<Run> =
        running.into_iter().map(|running| sandbox.note(running.finish(Duration::from_secs(300)), false)).collect();
    assert!(runs.iter().any(|run| run.code == Some(0)), "nobody succeeded: {}", runs[0]);
    for run in runs.iter().filter(|run| run.code != Some(0)) {
        run.clone().says(&["hint: run the"]);
        // A busy machine may not get a connection in time.
        assert!(matches!(run.code, Some(4 | 5)), "{run}");
    }
    sandbox.run(&words).ok();
    let made = |key: &str| sandbox.everything().keys().filter(|name| name.ends_with(key)).count();
    assert_eq!([made("Secret/held-ca"), made("ConfigMap/held-record"), made("Lease/held-lock")], [1, 1, 0]);
    let ca = sandbox.secret_value("held-ca", "ca.crt");
    let authority = sandbox.file("ca.crt", &ca).display().to_string();
    let leaf = sandbox.secret_value("held-api-server-certificate", "apiserver.crt");
    let mut verify = std::process::Command::new("openssl");
    verify.args(["verify", "-CAfile", &authority]).arg(sandbox.file("leaf.crt", &leaf));
    crate::support::run(verify).ok();
    sandbox.run(&["delete", NAME, "--yes"]).ok();
    sandbox.nothing_is_left();
}

#[test]
fn concurrent_delete_create_upgrade_and_scale_do_not_interleave() {
    let sandbox = TestNamespace::new("e2e-mixed");
    sandbox.create(NAME, &[]).ok();
    sandbox.run(&["scale", NAME, "--replicas", "0", "--yes"]).ok();
    let upgrade = ["upgrade", NAME, "--to", "v1.37.3", "--yes"];
    // Both want something else of the same pods.
    let sleep = ["pause", NAME];
    let runs = at_once(&sandbox, &[&upgrade, &sleep, &["resume", NAME]]);
    each_is_done_or_told(&runs);
    sandbox.run(&["resume", NAME]).ok();
    sandbox.run(&upgrade).ok();
    let image = &management().json(&["deployment", "-n", &sandbox.namespace, NAME])["spec"]["template"]["spec"];
    assert!(image.to_string().contains("kube-apiserver:v1.37.3"), "{image}");

    // A version that nobody has: who scales first waits for pods that cannot start.
    let wake = ["scale", NAME, "--replicas", "1", "--timeout", "90s"];
    let runs = at_once(&sandbox, &[&["rollback", NAME, "--yes"], &wake]);
    each_is_done_or_told(&runs[..1]);
    if runs[1].code == Some(6) {
        runs[1].clone().says(&["v1.37.3"]);
    } else {
        each_is_done_or_told(&runs[1..]);
    }
    // Whoever came first: it gets a version that there is.
    let back = ["upgrade", NAME, "--to", "v1.37.2", "--allow-patch-downgrade", "--skip-check", "health", "--yes"];
    sandbox.run(&back).ok();
    sandbox.run(&["scale", NAME, "--replicas", "1"]).ok();
    sandbox.tenant(NAME).run(&["get", "namespaces"]).ok();

    let runs = at_once(&sandbox, &[&["delete", NAME, "--yes"], &["join", NAME, "--timeout", "20s"]]);
    runs[0].clone().ok();
    assert!(runs[1].code.is_some_and(|code| (0..=8).contains(&code)), "{}", runs[1]);
    sandbox.nothing_is_left();
}

fn at_once(sandbox: &TestNamespace, lines: &[&[&str]]) -> Vec<Run> {
    let running: Vec<Running> = lines.iter().map(|words| sandbox.start(words)).collect();
    running.into_iter().map(|running| sandbox.note(running.finish(Duration::from_secs(300)), true)).collect()
}

fn each_is_done_or_told(runs: &[Run]) {
    for run in runs {
        let told = run.code == Some(4) && run.stderr.contains("hint:");
        assert!(run.code == Some(0) || told, "{run}");
    }
}
