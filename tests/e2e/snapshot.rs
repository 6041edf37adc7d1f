//! Snapshots hold exactly what etcd has at their revision, while somebody writes; a file is whole or not there; what was
//! saved can be put back, also by a run that was killed on the way.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::lifecycle::killed::kill;
use crate::support::cluster::kubeconfig::{decoded, encoded};
use crate::support::command::start;
use crate::support::faults::proxy::{Request, Timing};
use crate::support::{Etcd, Identity, Kube, Proxy, TestNamespace, management, run, wait_until};

const NAME: &str = "saved";

#[test]
fn a_snapshot_holds_one_etcd_revision_and_can_be_restored() {
    let sandbox = TestNamespace::new("e2e-snapshot");
    sandbox.create(NAME, &[]).ok();
    let tenant = sandbox.tenant(NAME);
    let prefix = format!("/{}/", sandbox.id(NAME));
    let path = sandbox.files.path().join("saved.snapshot");
    let file = path.display().to_string();
    let etcd = Etcd::root();
    many_and_large_objects(&tenant);

    it_is_a_consistent_cut(&sandbox, &etcd, &prefix, &path);
    a_file_is_whole_or_not_there(&sandbox, &path);
    other_files_are_not_replaced(&sandbox, &path);
    damaged_and_foreign_files_change_nothing(&sandbox, &path);

    users_go_on(&tenant);
    what_came_since_is_told_and_asked_for(&sandbox, &file);
    let before = revision(&tenant);
    let uid = tenant.text(&["get", "configmap", "kept", "-o", "jsonpath={.metadata.uid}"]);
    let lost = tenant.text(&["get", "configmap", "later", "-o", "jsonpath={.metadata.resourceVersion}"]);
    let restored = sandbox.run(&["restore", NAME, "--from", &file, "--yes", "-o", "json"]);
    println!("restored in {:.1} s", restored.took.as_secs_f32());
    let report = restored.json();
    assert!(report["removed"].as_u64() > Some(0) && report["putBack"].as_u64() > Some(0), "{report:#}");
    it_is_as_it_was(&sandbox.tenant_that_answers(NAME), &uid);
    assert!(revision(&tenant) > before, "revisions go forwards");
    a_watch_from_before_is_told_to_begin_anew(&tenant, &lost);
    assert_eq!(sandbox.run(&["list", "-o", "json"]).json()["items"][0]["status"], "Ready");
    let kubeadm = sandbox.quickstart();
    let create = sandbox.run(&["create", NAME, "--kubeadm-config", &kubeadm, "--expose", "node-port"]).ok();
    assert!(create.stdout.contains("unchanged"), "{create}");

    a_killed_restore_is_finished_by_the_same_command(&sandbox, &tenant, &file, &uid);
    asleep_it_can_be_saved_and_put_back(&sandbox);
}

/// More than one page of keys, and pages that would be longer than an answer may be.
fn many_and_large_objects(tenant: &Kube) {
    tenant.await_service_account("default");
    let object = |name: String, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}, "data": data});
    let mut items: Vec<Value> =
        (0..600).map(|n| object(format!("small-{n:04}"), json!({"n": n.to_string()}))).collect();
    items.extend((0..8).map(|n| object(format!("large-{n}"), json!({"blob": "x".repeat(900_000)}))));
    items.push(object("kept".into(), json!({"value": "first"})));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let create = tenant.command(&["create", "-f", "-"]);
    start(create, &list).finish(Duration::from_secs(300)).ok();
    tenant.run(&["create", "secret", "generic", "hidden", "--from-literal=word=very-secret-word"]).ok();
}

/// Somebody writes a key at the very beginning and then one at the very end, all the time.
fn it_is_a_consistent_cut(sandbox: &TestNamespace, etcd: &Etcd, prefix: &str, path: &Path) {
    let file = path.display().to_string();
    let (first, last) = (format!("{prefix}!first"), format!("{prefix}~last"));
    let end = AtomicBool::new(false);
    let taken = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let etcd = Etcd::tenant(&sandbox.namespace, NAME);
            let mut number = 0;
            while !end.load(Ordering::Acquire) {
                number += 1;
                etcd.run(&["put", &first, &number.to_string()]).ok();
                etcd.run(&["put", &last, &number.to_string()]).ok();
            }
            number
        });
        wait_until("the writer writes", Duration::from_secs(30), || {
            if etcd.count(&last) == 1 { Ok(()) } else { Err("nothing yet".into()) }
        });
        let taken = sandbox.run(&["snapshot", NAME, &file, "-o", "json"]);
        end.store(true, Ordering::Release);
        let reached = writer.join().expect("the writer does not fail");
        println!("snapshot in {:.2} s, while a writer got to {reached}", taken.took.as_secs_f32());
        taken.json()
    });
    let lines = lines(path);
    let header: Value = serde_json::from_str(&lines[0]).expect("the first line is JSON");
    let revision = header["revision"].as_i64().expect("it says its revision").to_string();
    let count = lines.len() as u64 - 2;
    assert_eq!((&taken["revision"], &taken["keys"]), (&header["revision"], &header["keys"]));
    assert_eq!(header["keys"], count);
    assert_eq!((&header["kind"], &header["version"]), (&json!("ControlPlaneSnapshot"), &json!("v1.37.2")));

    // What etcdctl says of that revision is, key by key, what the lines are.
    let get = etcd.run(&["get", "--prefix", prefix, "--rev", &revision, "-w", "json"]).json();
    let there = get["kvs"].as_array().expect("etcd has keys");
    assert_eq!(there.len() as u64, count);
    let mut leased = 0;
    for (line, pair) in lines[1..].iter().zip(there) {
        let mut line: Value = serde_json::from_str(line).expect("each line is JSON");
        if let Some(ttl) = line.as_object_mut().and_then(|line| line.remove("ttl")) {
            assert!(ttl.as_u64().is_some_and(|ttl| ttl <= 86_400), "{ttl}");
            leased += 1;
        }
        // etcdctl leaves out what is zero or empty.
        line.as_object_mut().expect("a line is an object").retain(|_, value| *value != json!(0) && *value != json!(""));
        assert_eq!(&line, pair);
    }
    assert!(leased > 0, "events end by themselves, and that is kept");
    let value = |key: &str| {
        let line = lines.iter().find(|line| line.contains(&format!("{{\"key\":\"{}\"", encoded(key))));
        let line: Value = serde_json::from_str(line.expect("the writer's key is there")).expect("it is JSON");
        decoded(line["value"].as_str().unwrap_or_default()).parse::<u64>().expect("the writer writes numbers")
    };
    let (first_value, last_value) = (value(&first), value(&last));
    assert!(first_value == last_value || first_value == last_value + 1, "no cut: {first_value} and {last_value}");

    let mut sum = Command::new("sh");
    sum.args(["-c", "head -n -1 \"$1\" | sha256sum", "sh", &file]);
    let sum = run(sum).text();
    let end: Value = serde_json::from_str(&lines[lines.len() - 1]).expect("the last line is JSON");
    assert_eq!(format!("{}  -", end["sha256"].as_str().unwrap_or_default()), sum);
    assert_eq!((end["keys"].as_u64(), &end["sha256"]), (Some(count), &taken["sha256"]));

    let mode = std::fs::metadata(path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(beside(path), [path.file_name().expect("it has one").to_string_lossy()], "nothing else is left");
    let bytes: String = lines.iter().flat_map(|line| line.split('"')).map(plain).collect();
    assert!(bytes.contains("small-0042") && !bytes.contains("very-secret-word"), "Secrets are encrypted");
    for key in [&first, &last] {
        etcd.run(&["del", key]).ok();
    }
}

/// A field as text, if it is base64.
fn plain(field: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::prelude::BASE64_STANDARD.decode(field).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).expect("a snapshot is text").lines().map(str::to_owned).collect()
}

/// The names of snapshots and of what is half written.
fn beside(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path.parent().expect("it is in a folder")).expect("a folder can be read");
    let names = entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("snapshot")).collect()
}

/// What will be a snapshot when it is whole.
fn half_written(path: &Path) -> Option<PathBuf> {
    let mut files = beside(path).into_iter().map(|name| path.with_file_name(name));
    files.find(|file| file.extension().is_some_and(|end| end == "tmp"))
}

/// Kills a run that replaces a snapshot; whether that came before it was done.
fn is_killed_while_it_writes(sandbox: &TestNamespace, path: &Path) -> bool {
    let before = std::fs::read(path).expect("it is there");
    let file = path.display().to_string();
    let mut running = start(sandbox.kamaji(&["snapshot", NAME, &file]), "");
    wait_until("it writes", Duration::from_secs(60), || {
        let size = half_written(path).and_then(|half| std::fs::metadata(half).ok()).map_or(0, |meta| meta.len());
        if size > 0 || running.ended().is_some() { Ok(()) } else { Err("nothing yet".into()) }
    });
    running.kill();
    let _ = running.finish(Duration::from_secs(10));
    let Some(half) = half_written(path) else { return false };
    assert_eq!(std::fs::read(path).expect("it is there"), before, "the snapshot from before is whole");
    std::fs::remove_file(half).expect("it can be removed");
    true
}

fn a_file_is_whole_or_not_there(sandbox: &TestNamespace, path: &Path) {
    let file = path.display().to_string();
    assert!((0..5).any(|_| is_killed_while_it_writes(sandbox, path)), "each run was done before it was killed");
    let again = sandbox.run(&["snapshot", NAME, &file]).ok();
    assert!(again.stdout.contains("put it back: kamaji restore saved"), "{again}");
    sandbox.run(&["snapshot", NAME, "/dev/full"]).exits(2).says(&["not a regular file"]);
    sandbox.run(&["snapshot", "nobody", &format!("{file}.2")]).exits(3);
    assert_eq!(beside(path).len(), 1);
}

fn other_files_are_not_replaced(sandbox: &TestNamespace, path: &Path) {
    let other = sandbox.file("notes.txt", "mine\n");
    sandbox.run(&["snapshot", NAME, &other.display().to_string()]).exits(2).says(&["exists and is not replaced"]);
    assert_eq!(std::fs::read_to_string(other).expect("it is there"), "mine\n");
    let text = std::fs::read_to_string(path).expect("a snapshot is text");
    let foreign = sandbox.file("foreign.snapshot", &text.replacen(&sandbox.id(NAME), &"0".repeat(32), 1));
    sandbox
        .run(&["snapshot", NAME, &foreign.display().to_string()])
        .exits(2)
        .says(&["is not of control plane `saved`"]);
    std::fs::remove_file(foreign).expect("it can be removed");
}

fn damaged_and_foreign_files_change_nothing(sandbox: &TestNamespace, path: &Path) {
    let before = versions(sandbox);
    let text = std::fs::read_to_string(path).expect("a snapshot is text");
    let restore = |name: &str, text: &str| {
        let file = sandbox.file(name, text).display().to_string();
        let run = sandbox.run(&["restore", NAME, "--from", &file, "--yes"]);
        std::fs::remove_file(file).expect("it can be removed");
        run.exits(2)
    };
    restore("cut.snapshot", &text[..text.len() / 2]).says(&["cut.snapshot cannot be used", "it ends after"]);
    restore("changed.snapshot", &text.replacen("eHh4eHh4", "eHh4eHh5", 1)).says(&["not what was written"]);
    restore("kubeadm.snapshot", "apiVersion: v1\n").says(&["no snapshot"]);
    sandbox.run(&["restore", NAME, "--from", "/nowhere", "--yes"]).exits(2).says(&["does not exist"]);
    sandbox.create("other", &["--wait=false"]).ok();
    let file = path.display().to_string();
    let other = sandbox.run(&["restore", "other", "--from", &file, "--yes"]);
    assert!(matches!(other.code, Some(2 | 4)), "{other}");
    sandbox.run(&["delete", "other", "--yes"]).ok();
    assert_eq!(versions(sandbox), before, "nothing was changed");
}

/// The resourceVersions of what makes the control plane.
fn versions(sandbox: &TestNamespace) -> Vec<String> {
    let everything = sandbox.everything();
    let own = |name: &str| name.contains(&format!("/{NAME}")) && !name.starts_with("Lease/");
    everything.into_iter().filter(|(name, _)| own(name)).map(|(name, version)| format!("{name} {version}")).collect()
}

fn users_go_on(tenant: &Kube) {
    tenant.run(&["patch", "configmap", "kept", "-p", "{\"data\":{\"value\":\"second\"}}"]).ok();
    tenant.run(&["delete", "configmap", "small-0042", "large-3"]).ok();
    tenant.run(&["create", "configmap", "later", "--from-literal=a=1"]).ok();
    tenant.run(&["delete", "secret", "hidden"]).ok();
}

fn what_came_since_is_told_and_asked_for(sandbox: &TestNamespace, file: &str) {
    let before = versions(sandbox);
    let dry = sandbox.run(&["restore", NAME, "--from", file, "--dry-run", "-o", "json"]);
    assert!(dry.stderr.contains("is lost") && dry.stderr.contains("v1.37.2"), "{dry}");
    let report = dry.json();
    assert_eq!(report["changed"], false);
    assert!(report["putBack"].as_u64() >= Some(4) && report["removed"].as_u64() >= Some(1), "{report:#}");
    assert!(report["unchanged"].as_u64() > Some(600), "{report:#}");
    sandbox.run(&["restore", NAME, "--from", file]).exits(8).says(&["--yes"]);
    assert_eq!(versions(sandbox), before, "nothing was changed");
}

fn revision(tenant: &Kube) -> u64 {
    tenant.json(&["configmaps"])["metadata"]["resourceVersion"]
        .as_str()
        .and_then(|version| version.parse().ok())
        .unwrap_or_else(|| {
            let raw: Value =
                serde_json::from_str(&tenant.text(&["get", "--raw", "/api/v1/namespaces/default/configmaps"]))
                    .expect("it is JSON");
            raw["metadata"]["resourceVersion"]
                .as_str()
                .and_then(|version| version.parse().ok())
                .expect("a list has one")
        })
}

fn it_is_as_it_was(tenant: &Kube, uid: &str) {
    let kept = tenant.json(&["configmap", "kept"]);
    assert_eq!((&kept["data"]["value"], &kept["metadata"]["uid"]), (&json!("first"), &json!(uid)));
    assert_eq!(tenant.text(&["get", "configmap", "small-0042", "-o", "jsonpath={.data.n}"]), "42");
    assert_eq!(tenant.text(&["get", "configmap", "large-3", "-o", "jsonpath={.data.blob}"]).len(), 900_000);
    tenant.run(&["get", "configmap", "later"]).exits(1);
    let secret = tenant.text(&["get", "secret", "hidden", "-o", "jsonpath={.data.word}"]);
    assert_eq!(decoded(&secret), "very-secret-word", "what was encrypted is read again");
    assert_eq!(tenant.items(&["configmaps"]).len(), 600 + 8 + 1 + 1, "and kube-root-ca.crt");
}

/// Else it would wait for events that it will never get.
fn a_watch_from_before_is_told_to_begin_anew(tenant: &Kube, resource_version: &str) {
    let path =
        format!("/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=3&resourceVersion={resource_version}");
    let watch = tenant.run(&["get", "--raw", &path]);
    let said = format!("{}{}", watch.stdout, watch.stderr);
    assert!(said.contains("too old") || said.contains("\"DELETED\"") || said.contains("410"), "{watch}");
}

type Like = fn(&Request) -> bool;

fn a_killed_restore_is_finished_by_the_same_command(sandbox: &TestNamespace, tenant: &Kube, file: &str, uid: &str) {
    let proxy = Proxy::start(&Identity::of(&management()));
    let words = ["restore", NAME, "--from", file, "--yes"];
    let points: [(&str, usize, Like); 3] = [
        ("the record", 1, |request| request.method == "PUT" && request.path.contains("/configmaps/")),
        ("the stop", 1, |request| request.method == "PATCH" && request.path.contains("/deployments/")),
        ("the start", 2, |request| request.method == "PATCH" && request.path.contains("/deployments/")),
    ];
    for (what, which, like) in points {
        users_go_on(tenant);
        let seen = AtomicUsize::new(0);
        let like = move |request: &Request| {
            request.writes() && like(request) && seen.fetch_add(1, Ordering::AcqRel) + 1 == which
        };
        let (_, harmed) = kill(sandbox, &proxy, &words, Timing::After, like);
        println!("restore, killed at {what}: {harmed}");
        let status = sandbox.run(&["status", NAME, "-o", "json"]).json();
        assert_eq!(status["unfinished"]["interrupted"], true, "killed at {what}: {status:#}");
        assert!(status["unfinished"]["state"].as_str().is_some_and(|state| state.contains("restore")), "{status:#}");
        let list = sandbox.run(&["list"]).ok();
        assert!(list.stdout.contains("Restoring") && list.stdout.contains("interrupted"), "{list}");
        sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["is being restored", "kamaji restore"]);
        sandbox.run(&["upgrade", NAME, "--to", "v1.37.1", "--allow-patch-downgrade", "--yes"]).exits(4);
        sandbox.run(&["snapshot", NAME, &format!("{file}.half")]).exits(4);
        sandbox.run(&words).ok();
        it_is_as_it_was(&sandbox.tenant_that_answers(NAME), uid);
        let list = sandbox.run(&["list", "-o", "json"]).json();
        assert_eq!((&list["items"][0]["status"], &list["items"][0]["unfinished"]), (&json!("Ready"), &Value::Null));
    }
}

fn asleep_it_can_be_saved_and_put_back(sandbox: &TestNamespace) {
    sandbox.run(&["scale", NAME, "--replicas", "0", "--yes"]).ok();
    let file = sandbox.files.path().join("asleep").display().to_string();
    sandbox.run(&["snapshot", NAME, &file]).ok();
    let restored = sandbox.run(&["restore", NAME, "--from", &file, "--yes", "-o", "json"]).json();
    // Events may have ended meanwhile.
    assert_eq!((&restored["removed"], &restored["changed"]), (&json!(0), &json!(true)), "{restored:#}");
    assert!(sandbox.objects("pods").is_empty(), "it sleeps on");
    assert_eq!(sandbox.run(&["list", "-o", "json"]).json()["items"][0]["status"], "Asleep");
}
