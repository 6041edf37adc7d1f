//! The field table and the page made from it.

use super::*;

#[test]
fn the_table_names_each_field_once_below_a_known_parent() {
    for (index, field) in FIELDS.iter().enumerate() {
        let same = |other: &Field| other.kind == field.kind && other.path == field.path;
        assert!(!FIELDS[..index].iter().any(same), "{}", field.path);
        if let Some((parent, _)) = field.path.rsplit_once('.') {
            let parent = parent.trim_end_matches("[]");
            let known = FIELDS[..index].iter().find(|other| other.kind == field.kind && other.path == parent);
            assert!(matches!(known, Some(Field { shape: Shape::Struct | Shape::Structs, .. })), "{}", field.path);
        }
        assert_eq!(field.action == Action::Refuse, !field.remedy.is_empty(), "{}", field.path);
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

    ## ClusterConfiguration

    `kubeadm.k8s.io/v1beta4`

    | field | type | what happens | |
    |---|---|---|---|
    | `kubernetesVersion` | text | used | required, exact, such as `v1.37.2`; `stable`, `latest` and `ci/…` would give another result tomorrow |
    "#);
}
