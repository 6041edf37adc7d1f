//! Two control planes on one datastore: one goes without the other noticing, and neither can touch the other's data. One
//! goes when others let go of its objects.

use std::time::Duration;

use crate::support::cluster::etcd::Etcd;
use crate::support::command::Run;
use crate::support::servers::poller::Poller;
use crate::support::{Identity, TestNamespace, management, secrets, wait_until};

#[test]
fn deleting_a_control_plane_leaves_nothing_behind_and_its_neighbour_serving() {
    let sandbox = TestNamespace::new("e2e-neighbours");
    sandbox.create("stays", &["--replicas", "2"]).ok();
    let stays = sandbox.tenant("stays");
    stays.run(&["create", "configmap", "kept", "--from-literal=value=1"]).ok();
    let root = Etcd::root();
    let (kept_id, kept_prefix) = (sandbox.id("stays"), format!("/{}/", sandbox.id("stays")));
    let registry = |etcd: &Etcd| -> Vec<String> {
        // Leases and events come and go by themselves.
        etcd.keys(&kept_prefix)
            .into_iter()
            .filter(|key| !key.contains("/leases/") && !key.contains("/events/"))
            .collect()
    };
    std::thread::sleep(Duration::from_secs(3));

    let poller = Poller::start(&Identity::of(&stays), "/readyz", "/api/v1/namespaces/default/configmaps/kept");
    sandbox.create("goes", &[]).ok();
    let goes_id = sandbox.id("goes");
    let goes_prefix = format!("/{goes_id}/");
    assert!(root.count(&goes_prefix) > 50);
    let secrets_before: Vec<secrets::Hidden> = sandbox.objects("secrets").iter().flat_map(secrets::of_secret).collect();
    assert!(!secrets_before.is_empty());
    let keys_before = registry(&root);

    sandbox.run(&["delete", "goes", "--yes"]).ok();
    std::thread::sleep(Duration::from_secs(2));
    let seen = poller.stop();
    println!("neighbour: {} answers, {} failures, the longest {:?}", seen.answered, seen.failures.len(), seen.longest);
    assert!(seen.answered > 200, "too few requests to count: {}", seen.answered);
    assert_eq!(seen.failures, Vec::<String>::new(), "of {} requests", seen.answered + seen.failures.len());

    sandbox.nothing_is_left_where(|name| name.contains("/goes"));
    for what in ["user", "role"] {
        let names = root.names(what);
        assert!(!names.contains(&goes_id), "{what} {goes_id} is left");
        assert!(names.contains(&kept_id));
    }
    assert_eq!(root.count(&goes_prefix), 0);
    assert_eq!(registry(&root), keys_before, "the neighbour's keys are the same");
    assert_eq!(stays.text(&["get", "configmap", "kept", "-o", "jsonpath={.data.value}"]), "1");
    let again = sandbox.run(&["delete", "goes", "--yes"]).ok();
    assert!(again.stdout.contains("nothing to delete"), "{again}");
}

#[test]
fn a_delete_waits_for_finalizers_and_names_their_owner() {
    const HELD: [(&str, &str); 2] = [("service", "held"), ("secret", "held-ca")];
    let sandbox = TestNamespace::new("e2e-held");
    sandbox.create("held", &["--wait=false"]).ok();
    let kube = management();
    let patch = |(kind, name): (&str, &str), patch: &str| {
        kube.run(&["patch", kind, name, "-n", &sandbox.namespace, "--type=merge", "-p", patch]).ok();
    };
    for held in HELD {
        patch(held, r#"{"metadata":{"finalizers":["example.org/others"]}}"#);
    }
    let delete = ["delete", "held", "--yes", "--timeout", "15s"];
    let told = "held by whoever put the finalizer example.org/others on it";
    let run = sandbox.run(&delete).exits(6).says(&["timed out waiting for the objects to go", told]);
    for (_, name) in HELD {
        assert!(run.stderr.contains(&format!("e2e-held/{name} is {told}")), "{run}");
    }
    let kept = sandbox.everything();
    assert!(kept.contains_key("ConfigMap/held-record"), "the record goes last: {:?}", kept.keys());
    assert!(!kept.contains_key("Secret/held-sa-certificate"), "the rest is gone: {:?}", kept.keys());

    patch(HELD[0], r#"{"metadata":{"finalizers":null}}"#);
    sandbox.run(&delete).exits(6).says(&[told]);
    patch(HELD[1], r#"{"metadata":{"finalizers":null}}"#);
    sandbox.run(&delete).ok();
    let left: Vec<String> = sandbox.everything().into_keys().filter(|key| key.contains("/held")).collect();
    assert_eq!(left, Vec::<String>::new());
}

/// D2: what an API server that was broken into could try with its own certificate.
#[test]
fn a_tenants_datastore_certificate_opens_no_other_tenants_data() {
    let sandbox = TestNamespace::new("e2e-isolation");
    sandbox.create("thief", &[]).ok();
    sandbox.create("owner", &[]).ok();
    let owner = format!("/{}/", sandbox.id("owner"));
    let root = Etcd::root();
    let key = format!("{owner}configmaps/kube-system/kubeadm-config");
    let victim = root.run(&["get", &key, "--print-value-only"]).text();
    assert!(!victim.is_empty(), "there is something to steal");
    // What the API server keeps for a while hangs on leases; this is one that the test can name.
    let granted = root.run(&["lease", "grant", "600"]).text();
    let lease = granted.split(' ').nth(1).expect("etcdctl says `lease ID granted …`").to_owned();
    root.run(&["put", &format!("--lease={lease}"), &format!("{owner}leased"), "until later"]).ok();
    let owner_id = sandbox.id("owner");

    let thief = Etcd::tenant(&sandbox.namespace, "thief");
    let own = format!("/{}/", sandbox.id("thief"));
    thief.run(&["get", &own, "--prefix", "--keys-only", "--limit=1"]).ok();

    let end = range_end(&owner);
    let (first, new) = (format!("{own}a"), format!("{owner}new"));
    // Not in here, because etcd asks for no right at all: alarms, and the list of members.
    let cases: Vec<Vec<&str>> = vec![
        vec!["get", &key],
        vec!["get", "--prefix", &owner],
        vec!["get", "--prefix", "/"],
        vec!["get", "--from-key", ""],
        vec!["get", &owner, &end],
        vec!["get", &first, "zzz"],
        vec!["get", "--prefix", &owner, "--count-only", "--write-out=fields"],
        vec!["put", &key, "stolen"],
        vec!["put", &new, "planted"],
        vec!["del", &key],
        vec!["del", "--prefix", &owner],
        vec!["del", "--prefix", "/"],
        vec!["watch", "--prefix", &owner],
        vec!["watch", "--prefix", "/"],
        vec!["watch", &key],
        vec!["lease", "revoke", &lease],
        vec!["lease", "keep-alive", "--once", &lease],
        vec!["lease", "timetolive", "--keys", &lease],
        vec!["snapshot", "save", "stolen.db"],
        vec!["compaction", "1"],
        vec!["defrag"],
        vec!["user", "list"],
        vec!["user", "get", "root"],
        vec!["user", "add", "friend:friend"],
        vec!["user", "grant-role", &owner_id, "root"],
        vec!["user", "delete", &owner_id],
        vec!["role", "list"],
        vec!["role", "get", &owner_id],
        vec!["role", "grant-permission", &owner_id, "readwrite", "/", "--prefix"],
        vec!["role", "delete", &owner_id],
        vec!["auth", "disable"],
        vec!["member", "add", "mine", "--peer-urls=https://192.0.2.1:2380"],
        vec!["move-leader", "1"],
    ];
    let mut done = Vec::new();
    for case in &cases {
        let tried = answered(|| thief.run(case));
        let refused = tried.stderr.contains("permission denied")
            || tried.stderr.contains("watch is canceled")
            || tried.stdout.contains("permission denied");
        if tried.code == Some(0) || !refused {
            done.push(tried.to_string());
        }
    }
    // A transaction: one part that is allowed does not carry one that is not.
    for inside in [format!("get {key}"), format!("put {key} stolen"), format!("del {key}")] {
        let tried = answered(|| thief.run_with(&["txn"], &format!("\nget {first}\n{inside}\n\n\n")));
        if tried.code == Some(0) || !tried.stderr.contains("permission denied") {
            done.push(tried.to_string());
        }
        let compared = format!("value(\"{key}\") = \"x\"\n\nget {first}\n\nget {first}\n\n");
        let tried = answered(|| thief.run_with(&["txn"], &compared));
        if tried.code == Some(0) || !tried.stderr.contains("permission denied") {
            done.push(tried.to_string());
        }
    }
    assert!(done.is_empty(), "these were not refused:\n{}", done.join("\n"));
    assert_eq!(root.run(&["get", &key, "--print-value-only"]).text(), victim);
    assert!(root.run(&["lease", "timetolive", &lease]).ok().stdout.contains("remaining"));
    sandbox.tenant("owner").run(&["get", "namespaces"]).ok();
}

/// What etcd answers, in the end: to hear nothing is not to be refused.
fn answered(ask: impl Fn() -> Run) -> Run {
    wait_until("etcd answers", Duration::from_secs(180), || {
        let tried = ask();
        let said = tried.stderr.to_lowercase();
        let lost = ["deadline exceeded", "unavailable"].iter().any(|words| said.contains(words));
        let unheard = tried.code != Some(0) && lost && !said.contains("permission denied");
        if unheard { Err(tried.to_string()) } else { Ok(tried) }
    })
}

/// The end of the range that holds all keys with a prefix.
fn range_end(prefix: &str) -> String {
    let mut bytes = prefix.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    String::from_utf8(bytes).expect("`/` has a successor in ASCII")
}
