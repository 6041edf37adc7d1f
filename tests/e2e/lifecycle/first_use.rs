//! The first control plane of a management cluster makes the datastore. Here it is killed while it does.
//!
//! This is possible only where there is no datastore yet, so it is done once, before the first test of a fresh cluster.

use std::sync::Once;

use serde_json::Value;

use crate::lifecycle::killed::kill;
use crate::support::faults::proxy::{Request, Timing};
use crate::support::{Identity, Proxy, TestNamespace, management};

static ONCE: Once = Once::new();
const NAMESPACE: &str = "kamaji-system";
const NAME: &str = "first";
/// At which requests the creates are killed, one after the other: method, and what the path holds.
const KILLS: [(Timing, &str, &str); 7] = [
    (Timing::After, "POST", "/namespaces/kamaji-system/secrets"),
    (Timing::Before, "PATCH", "/etcd-default-member-certificate"),
    (Timing::After, "PATCH", "/etcd-default-root-client-certificate"),
    (Timing::After, "PATCH", "/statefulsets/etcd-default"),
    (Timing::Before, "PATCH", "/secrets/datastore-default"),
    (Timing::After, "PATCH", "/secrets/datastore-default"),
    (Timing::After, "GET", "/portforward"),
];

/// Sees to it that there is a datastore, and that making it survives being killed.
pub(crate) fn datastore_is_made_once_however_often_it_is_killed() {
    ONCE.call_once(|| {
        if !secret("datastore-default").is_null() {
            println!("there is a datastore already: killing its making is not tried");
            return;
        }
        let sandbox = TestNamespace::at_once("e2e-first");
        let proxy = Proxy::start(&Identity::of(&management()));
        let file = sandbox.quickstart();
        let create = ["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"];
        let mut authority = Value::Null;
        for (moment, method, part) in KILLS {
            let like = move |request: &Request| request.method == method && request.path.contains(part);
            let (_, harmed) = kill(&sandbox, &proxy, &create, moment, like);
            let now = secret("etcd-default-ca");
            println!("first create, killed {moment:?} {harmed}");
            assert!(authority.is_null() || authority == now, "the datastore got a second authority");
            authority = now;
        }
        sandbox.run(&create).ok();
        assert!(!authority.is_null(), "no kill came after the authority was made");
        assert_eq!(secret("etcd-default-ca"), authority, "the datastore got a second authority");
        sandbox.tenant_that_answers(NAME).run(&["get", "namespace", "kube-system"]).ok();
        sandbox.run(&["delete", NAME, "--yes"]).ok();
    });
}

/// The data of a Secret of the datastore; null when there is none.
fn secret(name: &str) -> Value {
    let found = management().run(&["get", "secret", "-n", NAMESPACE, name, "-o", "jsonpath={.data}"]);
    if found.code == Some(0) { Value::String(found.stdout) } else { Value::Null }
}
