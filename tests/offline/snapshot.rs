//! A file that is no whole snapshot is refused before any server is asked, with what is wrong with it.

use crate::program::Place;

const WHOLE: &str = concat!(
    r#"{"kind":"ControlPlaneSnapshot","layout":1,"controlPlane":"prod","namespace":"team-a","id":"0123456789abcdef0123456789abcdef","#,
    r#""ca":null,"version":"v1.36.3","driver":"etcd","driverVersion":"3.7.3","revision":4711,"#,
    r#""prefix":"/0123456789abcdef0123456789abcdef/","keys":1,"taken":"2027-06-01T12:00:00Z","writtenBy":"0.1.0"}"#,
    "\n",
    r#"{"key":"LzAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmL2E=","create_revision":7,"mod_revision":9,"version":2,"value":"b25l"}"#,
    "\n",
);

/// As the reference page says: the sum of all bytes before the last line.
fn whole() -> String {
    use sha2::{Digest as _, Sha256};
    let sum: String = Sha256::digest(WHOLE).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{WHOLE}{{\"keys\":1,\"sha256\":\"{sum}\"}}\n")
}

#[test]
fn what_is_no_whole_snapshot_is_refused_with_the_reason() {
    let place = Place::new();
    let whole = whole();
    for (what, text, said) in [
        ("empty", String::new(), "it is no snapshot"),
        ("kubeadm", "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n".into(), "it is no snapshot"),
        ("cut", whole[..whole.len() - 3].into(), "it ends after 1 of 1 keys"),
        ("without the end", WHOLE.into(), "it ends after 1 of 1 keys"),
        ("changed", whole.replace("b25l", "b25m"), "its content is not what was written"),
        ("no base64", whole.replace("b25l", "!!!!"), "line 2: "),
        ("newer", whole.replace("\"layout\":1", "\"layout\":2"), "written by a newer kamaji (layout 2)"),
        ("longer", format!("{whole}more\n"), "line 4: there is something after the last line"),
    ] {
        place.file("prod.snapshot", &text);
        let ran = place.run(&["restore", "prod", "--from", "prod.snapshot", "--yes"]);
        assert_eq!(ran.code, 2, "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains(said) && ran.stderr.contains("prod.snapshot"), "{what}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "{what}: {}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
    let ran = place.run(&["restore", "prod", "--from", "nowhere.snapshot", "--yes"]);
    assert_eq!((ran.code, ran.stderr.contains("nowhere.snapshot does not exist")), (2, true), "{}", ran.stderr);
    let ran = place.run(&["restore", "prod", "--from", ".", "--yes"]);
    assert_eq!((ran.code, ran.stderr.contains("not a regular file")), (2, true), "{}", ran.stderr);
}

#[test]
fn a_whole_snapshot_gets_as_far_as_the_cluster() {
    let place = Place::new();
    place.file("prod.snapshot", &whole());
    let ran = place.run(&["restore", "prod", "--from", "prod.snapshot", "--yes"]);
    assert!(ran.stderr.contains("nowhere"), "the kubeconfig is missed next: {}", ran.stderr);
    assert!(!ran.stderr.contains("snapshot"), "{}", ran.stderr);
}
