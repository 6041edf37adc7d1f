//! Several people at once: one works, the others are told who does, and nothing is made twice.

use std::time::Duration;

use crate::support::command::{Run, start};
use crate::support::{Etcd, TestNamespace, management};

const NAME: &str = "shared";

#[test]
fn of_concurrent_creates_and_deletes_one_runs_and_the_others_name_its_holder() {
    let sandbox = TestNamespace::new("e2e-together");
    let file = sandbox.quickstart();
    let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];
    let runs = at_once(&sandbox, &[&create, &create, &create]);
    assert!(runs.iter().any(|run| run.code == Some(0)), "nobody succeeded: {}", told(&runs));
    for run in runs.iter().filter(|run| run.code != Some(0)) {
        run.clone().exits(4).says(&["is being changed by", "run the command again"]);
    }
    let again = sandbox.run(&create).ok();
    assert!(again.stdout.contains("unchanged"), "it is whole: {again}");
    let secrets = management().items(&["secrets", "-n", &sandbox.namespace]);
    let made =
        |suffix: &str| secrets.iter().filter(|secret| secret["metadata"]["name"] == format!("{NAME}{suffix}")).count();
    assert_eq!(made("-ca"), 1);
    sandbox.tenant(NAME).run(&["get", "namespaces"]).ok();
    let id = sandbox.id(NAME);

    let delete = ["delete", NAME, "--yes"];
    let runs = at_once(&sandbox, &[&delete, &create, &delete]);
    for run in &runs {
        assert!(matches!(run.code, Some(0 | 4)), "{}", told(&runs));
    }
    sandbox.run(&delete).ok();
    sandbox.nothing_is_left();
    let root = Etcd::root();
    assert!(!root.names("user").contains(&id));
    assert_eq!(root.count(&format!("/{id}/")), 0);
}

fn at_once(sandbox: &TestNamespace, lines: &[&[&str]]) -> Vec<Run> {
    let running: Vec<_> = lines.iter().map(|words| start(sandbox.kamaji(words), "")).collect();
    running.into_iter().map(|running| sandbox.note(running.finish(Duration::from_secs(180)), false)).collect()
}

fn told(runs: &[Run]) -> String {
    runs.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
