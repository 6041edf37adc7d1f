//! K1, K6: kamaji is killed at any of its requests; the same command, run again, ends where an unharmed one ends.
//!
//! A run of every point takes hours, so some are tried, spread over all of them. `KAMAJI_TEST_KILLS=N` tries N.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::support::command::{Run, Running};
use crate::support::faults::final_state::{NAMED_AT_RANDOM, orphans};
use crate::support::faults::proxy::{Injection, Request, Timing};
use crate::support::{Etcd, Identity, Proxy, TestNamespace, management, wait_until};

const NAME: &str = "killed";
/// What must never be made twice.
const IDENTITY: [&str; 4] =
    ["killed-ca", "killed-front-proxy-ca-certificate", "killed-sa-certificate", "killed-encryption-config"];
/// The kind of the lock, which has tests of its own.
const LOCK: &str = "Lease/";

#[test]
fn a_killed_create_or_delete_is_completed_by_the_same_command() {
    let sandbox = TestNamespace::new("e2e-kill");
    let proxy = Proxy::start(&Identity::of(&management()));
    let file = sandbox.quickstart();
    let root = Etcd::root();
    let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];
    let delete = ["delete", NAME, "--yes"];

    sandbox.run_through(&proxy, &create).ok();
    let creating = proxy.requests().len();
    let last_write = proxy.requests().iter().rposition(Request::writes).unwrap_or(creating);
    let shape: Vec<String> = names(&sandbox);
    proxy.reset();
    sandbox.run_through(&proxy, &delete).ok();
    let deleting = proxy.requests().len();
    println!("create: {creating} requests, the last write is {last_write}; delete: {deleting}");

    let kills = std::env::var("KAMAJI_TEST_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    for (index, at) in spread(kills, last_write).enumerate() {
        let moment = if index % 2 == 0 { Timing::After } else { Timing::Before };
        let users = root.names("user");
        let (_, harmed) = kill(&sandbox, &proxy, &create, moment, move |request| request.number == at);
        let before = identity(&sandbox);
        println!("create, killed at {at} {moment:?}: {harmed}; then there are {:?}", before.keys().collect::<Vec<_>>());

        let finished = sandbox.run(&create).ok();
        let after = identity(&sandbox);
        for (secret, data) in &before {
            assert_eq!(after.get(secret), Some(data), "{secret} was made twice; killed at {at} {moment:?}: {finished}");
        }
        assert_eq!(after.len(), IDENTITY.len());
        assert_eq!(names(&sandbox), shape, "killed at {at} {moment:?}");
        let id = sandbox.id(NAME);
        assert!(root.names("user").contains(&id) && root.names("role").contains(&id));
        // Neighbours of other tests have a user for a moment before they say that it is theirs.
        wait_until("no user is left of the killed run", Duration::from_secs(60), || {
            let orphans = orphans(root.names("user"), &users, Some(&id));
            if orphans.is_empty() { Ok(()) } else { Err(format!("{orphans:?}, killed at {at} {moment:?}")) }
        });
        sandbox.tenant(NAME).run(&["get", "configmap", "-n", "kube-public", "cluster-info"]).ok();
        let again = sandbox.run(&create).ok();
        assert!(again.stdout.contains("unchanged"), "killed at {at} {moment:?}: {again}");

        // Each of these control planes also has a deletion to be killed in.
        let at = 1 + index * deleting / kills;
        let moment = if index % 2 == 0 { Timing::Before } else { Timing::After };
        let (_, harmed) = kill(&sandbox, &proxy, &delete, moment, move |request| request.number == at);
        println!("delete, killed at {at} {moment:?}: {harmed}");
        sandbox.run(&delete).ok();
        sandbox.nothing_is_left_where(|name| !name.starts_with(LOCK));
        assert!(
            !root.names("user").contains(&id) && !root.names("role").contains(&id),
            "delete killed at {at} {moment:?}"
        );
        assert_eq!(root.count(&format!("/{id}/")), 0, "delete killed at {at} {moment:?}");
    }
}

/// While the first pod starts, the endpoint leads to it although it is not ready.
#[test]
fn an_endpoint_that_routes_to_an_unready_pod_does_so_only_until_the_next_create() {
    let sandbox = TestNamespace::new("e2e-early");
    let proxy = Proxy::start(&Identity::of(&management()));
    let file = sandbox.quickstart();
    let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];
    let leads_early = || {
        let service = management().json(&["service", "-n", &sandbox.namespace, NAME]);
        service.pointer("/spec/publishNotReadyAddresses") == Some(&Value::Bool(true))
    };
    let pods_are_made = AtomicBool::new(false);
    let at_the_end = move |request: &Request| {
        let writes = |part: &str| request.writes() && request.path.contains(part);
        pods_are_made.fetch_or(writes("/deployments/"), Relaxed);
        writes("/services/") && pods_are_made.load(Relaxed)
    };
    kill(&sandbox, &proxy, &create, Timing::Before, at_the_end);
    assert!(leads_early(), "the kill came too late");
    sandbox.run(&create).ok();
    assert!(!leads_early());
    assert!(sandbox.run(&create).ok().stdout.contains("unchanged"));
}

#[test]
fn the_next_create_removes_the_lock_of_one_killed_at_its_end() {
    let sandbox = TestNamespace::new("e2e-create-lock");
    let file = sandbox.quickstart();
    the_lock_goes_with_the_next(&sandbox, &["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]);
}

#[test]
fn the_next_delete_removes_the_lock_of_one_killed_at_its_end() {
    let sandbox = TestNamespace::new("e2e-delete-lock");
    sandbox.create(NAME, &["--wait=false"]).ok();
    the_lock_goes_with_the_next(&sandbox, &["delete", NAME, "--yes"]);
}

fn the_lock_goes_with_the_next(sandbox: &TestNamespace, words: &[&str]) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let giving_back = |request: &Request| request.method == "DELETE" && request.path.contains("/leases/");
    kill(sandbox, &proxy, words, Timing::Before, giving_back);
    assert!(sandbox.everything().contains_key("Lease/killed-lock"), "the kill came too late");
    sandbox.run(words).ok();
    assert!(!sandbox.everything().contains_key("Lease/killed-lock"), "the lock stays");
}

/// `count` numbers from 1 to `last`, evenly apart.
fn spread(count: usize, last: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |index| 1 + (index * 2 + 1) * (last - 1) / (count * 2))
}

/// Runs kamaji and kills it at the first request that is like this. Says which one it was.
pub(crate) fn kill(
    sandbox: &TestNamespace,
    proxy: &Proxy,
    words: &[&str],
    moment: Timing,
    like: impl Fn(&Request) -> bool + Send + 'static,
) -> (Run, String) {
    proxy.reset();
    let victim = strike(sandbox, proxy, words, moment, like, Running::kill);
    let code = loop {
        match victim.lock().expect("nobody panics with it").as_mut().and_then(Running::ended) {
            Some(status) => break status.code(),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let running = victim.lock().expect("nobody panics with it").take().expect("it was started");
    let run = sandbox.note(running.collected(code), false);
    assert!(run.code.is_none() || run.code == Some(0), "{run}");
    let request = proxy.requests().iter().find(|request| request.harmed).map(ToString::to_string);
    match (run.code, request) {
        (None, Some(request)) => (run, request),
        (None, None) => panic!("killed by nobody knows what: {run}"),
        (Some(_), _) => (run, "it was done before".to_owned()),
    }
}

/// Starts kamaji, and does something to it at the first request that is like this.
pub(crate) fn strike(
    sandbox: &TestNamespace,
    proxy: &Proxy,
    words: &[&str],
    moment: Timing,
    like: impl Fn(&Request) -> bool + Send + 'static,
    blow: impl FnOnce(&mut Running) + Send + 'static,
) -> Arc<Mutex<Option<Running>>> {
    let victim = Arc::new(Mutex::new(None::<Running>));
    let target = Arc::clone(&victim);
    let call = move || {
        // The first request may come before the line below has put the process here.
        for _ in 0..1000 {
            if let Some(running) = target.lock().expect("nobody panics with it").as_mut() {
                return blow(running);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    proxy.harm_where(like, Injection::Call(moment, Box::new(call)));
    *victim.lock().expect("nobody panics with it") = Some(sandbox.start_through(proxy, words));
    victim
}

/// The data of the Secrets that must never be made twice.
fn identity(sandbox: &TestNamespace) -> BTreeMap<String, Value> {
    let secrets = sandbox.objects("secrets");
    let named = secrets
        .iter()
        .map(|secret| (secret["metadata"]["name"].as_str().unwrap_or_default().to_owned(), secret["data"].clone()));
    named.filter(|(name, _)| IDENTITY.contains(&name.as_str())).collect()
}

/// What there is, without what Kubernetes names at random, and without the lock.
fn names(sandbox: &TestNamespace) -> Vec<String> {
    sandbox.every_object_but(&NAMED_AT_RANDOM).into_keys().filter(|name| !name.starts_with(LOCK)).collect()
}
