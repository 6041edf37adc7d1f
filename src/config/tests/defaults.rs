//! Tests that `print-defaults` prints the defaults that kamaji uses.

use super::*;
use crate::model::{KubeVersion, RELEASES};

#[test]
fn the_printed_defaults_give_the_same_spec_as_a_minimal_file() {
    for release in RELEASES {
        let version = KubeVersion { major: 1, minor: release.minor, patch: 0 };
        let printed = loaded(&print_defaults(version).unwrap());
        let minimal = loaded(&CLUSTER.replace("v1.37.2", &version.to_string()));
        assert_eq!(printed.warnings, []);
        let mut spec = serde_json::to_value(&printed.spec).unwrap();
        let expected = serde_json::to_value(&minimal.spec).unwrap();
        // The printed file sets these explicitly; in a minimal file, kubeadm and kube-proxy choose them.
        assert_eq!(spec["addons"]["coredns"]["image_tag"], release.coredns_tag);
        assert_eq!(spec["kube_proxy"]["mode"].as_str(), release.kube_proxy_mode);
        spec["addons"] = expected["addons"].clone();
        spec["kube_proxy"] = expected["kube_proxy"].clone();
        assert_eq!(spec, expected);
    }
    assert!(print_defaults(KubeVersion { major: 1, minor: 29, patch: 0 }).is_err());
}

#[test]
fn the_corpus_contains_the_printed_defaults() {
    let corpus_file = include_str!("../../../tests/fixtures/kubeadm/accepted/kamaji-defaults.yaml");
    assert_eq!(corpus_file, print_defaults(EXAMPLE_VERSION).unwrap());
}
