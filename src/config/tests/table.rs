//! Tests the kubeadm field table and the reference page generated from it.

use super::*;

#[test]
fn the_table_lists_each_field_once_below_a_known_parent() {
    for (index, field) in FIELDS.iter().enumerate() {
        let overlap = |other: &Field| other.since <= field.until && field.since <= other.until;
        let same = |other: &Field| other.kind == field.kind && other.path == field.path && overlap(other);
        assert!(!FIELDS[..index].iter().any(same), "{}", field.path);
        if let Some((parent, _)) = field.path.rsplit_once('.') {
            let parent = parent.trim_end_matches("[]");
            let known = FIELDS[..index].iter().find(|other| {
                other.kind == field.kind
                    && other.path == parent
                    && other.since <= field.since
                    && field.until <= other.until
            });
            assert!(matches!(known, Some(Field { shape: Shape::Struct | Shape::Structs, .. })), "{}", field.path);
        }
        let again = FIELDS.iter().any(|other| other.path == field.path && other.since > field.until);
        let gone = field.until < KubeadmApi::NEWEST && !again;
        assert_eq!(field.action == Action::Refuse || gone, !field.remedy.is_empty(), "{}", field.path);
        assert!(field.action != Action::Warn || !field.note.is_empty(), "{}", field.path);
    }
}

#[test]
fn the_reference_page_has_a_valid_row_for_every_field() {
    let page = fields_reference();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), FIELDS.iter().filter(|field| field.shape != Shape::Struct).count());
    for row in rows {
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
    insta::assert_snapshot!(page.lines().take(12).collect::<Vec<_>>().join("\n"), @r#"
    # Fields of a kubeadm file

    How kamaji handles each field of a file for `kubeadm init --config`. Unknown fields, duplicate keys and values of
    the wrong type are errors. A null value is the same as an absent field.

    kamaji reads `kubeadm.k8s.io/v1beta3`, `v1beta4` and, with `--allow-experimental-api`, `v1`. The table shows the
    versions of fields that not all of them have. `kamaji config convert` converts a file to a newer version.

    ## ClusterConfiguration

    `kubeadm.k8s.io/v1beta3`, `kubeadm.k8s.io/v1beta4`, `kubeadm.k8s.io/v1`
    "#);
}
