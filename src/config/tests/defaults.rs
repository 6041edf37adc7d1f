//! What `print-defaults` says is what holds.

use super::*;
use crate::model::{KubeVersion, RELEASES};

#[test]
fn the_printed_defaults_are_those_of_a_file_that_says_nothing() {
    for release in RELEASES {
        let version = KubeVersion { major: 1, minor: release.minor, patch: 0 };
        let printed = loaded(&print_defaults(version).unwrap());
        let silent = loaded(&CLUSTER.replace("v1.37.2", &version.to_string()));
        assert_eq!(printed.warnings, []);
        let mut spec = serde_json::to_value(&printed.spec).unwrap();
        let wanted = serde_json::to_value(&silent.spec).unwrap();
        // Said by kubeadm and kube-proxy of that minor when the file does not.
        assert_eq!(spec["addons"]["coredns"]["image_tag"], release.coredns_tag);
        assert_eq!(spec["kube_proxy"]["mode"].as_str(), release.kube_proxy_mode);
        spec["addons"] = wanted["addons"].clone();
        spec["kube_proxy"] = wanted["kube_proxy"].clone();
        assert_eq!(spec, wanted);
    }
    assert!(print_defaults(KubeVersion { major: 1, minor: 29, patch: 0 }).is_err());
}

#[test]
fn the_corpus_has_the_printed_defaults_so_that_kubeadm_reads_them_too() {
    let kept = include_str!("../../../tests/fixtures/kubeadm/accepted/kamaji-defaults.yaml");
    assert_eq!(kept, print_defaults(EXAMPLE_VERSION).unwrap());
}
