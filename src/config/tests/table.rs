//! The field table and the page made from it.

use super::*;

#[test]
fn the_table_names_each_field_once_below_a_known_parent() {
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
fn the_reference_has_a_row_for_every_field_and_no_broken_row() {
    let page = fields_reference();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), FIELDS.iter().filter(|field| field.shape != Shape::Struct).count());
    for row in rows {
        assert_eq!(row.matches('|').count(), 5, "{row}");
    }
    insta::assert_snapshot!(page.lines().take(12).collect::<Vec<_>>().join("\n"), @r#"
    # Fields of a kubeadm file

    What kamaji does with each field of a file for `kubeadm init --config`. A field that is not listed is an error,
    as is a key given twice or a value of another type. A null is the same as leaving the field out.

    Documents of kubeadm may be of `kubeadm.k8s.io/v1beta3`, of `v1beta4`, and with `--allow-experimental-api` of `v1`;
    a field that only some of them have says so. `kamaji config convert` writes a file in a newer one.

    ## ClusterConfiguration

    `kubeadm.k8s.io/v1beta3`, `kubeadm.k8s.io/v1beta4`, `kubeadm.k8s.io/v1`
    "#);
}
