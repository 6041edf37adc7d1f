//! Which values of a control plane cannot change, and the record that remembers them.

use kamaji::model::{ControlPlaneSpec, DatastoreName, KeyAlgorithm, KubeVersion};
use kamaji::plan::state::record::{Record, RecordError, immutable_changes};
use serde_json::json;

use crate::control_plane::{MINIMAL, id, now, spec};

fn changes(change: impl Fn(&mut ControlPlaneSpec)) -> Vec<(&'static str, String, String)> {
    let recorded = spec(MINIMAL);
    let mut asked = recorded.clone();
    change(&mut asked);
    immutable_changes(&recorded, &asked).into_iter().map(|change| (change.field, change.is, change.asked)).collect()
}

#[test]
fn values_that_the_data_depends_on_cannot_change() {
    type Case = (&'static str, fn(&mut ControlPlaneSpec), &'static str, &'static str);
    let table: [Case; 8] = [
        ("kubernetesVersion", |s| s.version = KubeVersion { minor: 36, ..s.version }, "v1.37.2", "v1.36.2"),
        (
            "networking.serviceSubnet",
            |s| s.networking.service_subnets = vec!["10.97.0.0/16".parse().unwrap()],
            "10.96.0.0/12",
            "10.97.0.0/16",
        ),
        ("networking.podSubnet", |s| s.networking.pod_subnets.clear(), "10.244.0.0/16", "(none)"),
        (
            "networking.podSubnet",
            |s| s.networking.pod_subnets.push("fd00::/56".parse().unwrap()),
            "10.244.0.0/16",
            "10.244.0.0/16,fd00::/56",
        ),
        ("networking.dnsDomain", |s| s.networking.dns_domain = "other.local".into(), "cluster.local", "other.local"),
        ("clusterName", |s| s.cluster_name = "other".into(), "kubernetes", "other"),
        ("encryptionAlgorithm", |s| s.certificates.algorithm = KeyAlgorithm::Rsa2048, "ECDSA-P256", "RSA-2048"),
        ("--datastore", |s| s.datastore = DatastoreName::parse("other").unwrap(), "default", "other"),
    ];
    for (field, change, is, asked) in table {
        assert_eq!(changes(change), [(field, is.to_owned(), asked.to_owned())]);
    }
}

#[test]
fn everything_else_may_change() {
    let changed = changes(|spec| {
        spec.replicas = 3;
        spec.image_repository = "registry.example.com".into();
        spec.api_server.extra_args.push(kamaji::model::Arg::new("v", "4"));
        spec.addons.kube_proxy = false;
        spec.certificates.leaf_validity /= 2;
    });
    assert_eq!(changed, []);
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    let record = Record::new(id(), spec(MINIMAL), now());
    let object = record.to_object("the documents", Some("7"));
    let read = Record::from_object(&object).unwrap();
    assert_eq!(json!(read), json!(record));
    assert_eq!(object["metadata"]["resourceVersion"], "7");
    assert_eq!(object["data"]["kubeadm.yaml"], "the documents");
}

#[test]
fn a_record_keeps_no_bootstrap_token() {
    let text = format!(
        "{MINIMAL}---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nbootstrapTokens:\n- token: abcdef.0123456789abcdef\n"
    );
    let spec = spec(&text);
    assert_eq!(spec.bootstrap_tokens.len(), 1);
    let object = Record::new(id(), spec, now()).to_object("", None);
    assert!(!object.to_string().contains("0123456789abcdef\""), "{object}");
}

#[test]
fn a_damaged_record_and_one_of_a_newer_kamaji_are_told_apart() {
    let with = |text: &str| Record::from_object(&json!({"data": {"record.json": text}})).unwrap_err();
    assert!(matches!(with("{"), RecordError::Damaged(_)));
    assert!(matches!(with("{\"schema\": 1}"), RecordError::Damaged(_)));
    assert_eq!(with("{\"schema\": 99}"), RecordError::Newer { schema: 99 });
    assert!(matches!(Record::from_object(&json!({})).unwrap_err(), RecordError::Damaged(_)));
}
