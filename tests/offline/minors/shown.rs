//! How each minor's objects differ from the next newer one's, for people to read. The newest minor is shown whole in
//! `snapshots/examples` and beside `src/tenant`.

use std::collections::BTreeMap;

use similar::{ChangeTag, TextDiff};

use super::{Rendered, minors, render};
use crate::goldens::readable;

/// Which lines of an object differ, and in which examples.
type Differences = BTreeMap<(String, String), Vec<String>>;

fn texts(rendered: &Rendered) -> BTreeMap<String, String> {
    let texts = rendered.objects().map(|manifest| (manifest.object.to_string(), readable(&manifest.body)));
    // The same text as in `kube-system/kubeadm-config`, on one line.
    texts.filter(|(object, _)| !object.ends_with("-kubeadmconfig")).collect()
}

fn difference(newer: &str, older: &str) -> String {
    let lines = TextDiff::from_lines(newer, older);
    let changes = lines.iter_all_changes().filter_map(|change| match change.tag() {
        ChangeTag::Equal => None,
        ChangeTag::Delete => Some(format!("  - {}\n", change.value().trim())),
        ChangeTag::Insert => Some(format!("  + {}\n", change.value().trim())),
    });
    changes.collect()
}

fn differences(newer: &[Rendered], older: &[Rendered]) -> Differences {
    let mut found = Differences::new();
    for (newer, older) in newer.iter().zip(older) {
        let (newer_texts, older_texts) = (texts(newer), texts(older));
        assert!(newer_texts.keys().eq(older_texts.keys()), "{}: other objects", newer.example);
        for (object, text) in &newer_texts {
            let lines = difference(text, &older_texts[object]);
            if !lines.is_empty() {
                found.entry((object.clone(), lines)).or_default().push(newer.example.clone());
            }
        }
    }
    found
}

/// Which examples have the object.
fn owners(rendered: &[Rendered], object: &str) -> Vec<String> {
    let has = |rendered: &&Rendered| rendered.objects().any(|manifest| manifest.object.to_string() == object);
    rendered.iter().filter(has).map(|rendered| rendered.example.clone()).collect()
}

/// `examples` of all `owners`, in few words.
fn whose(examples: &[String], owners: &[String]) -> String {
    let others: Vec<&str> = owners.iter().filter(|owner| !examples.contains(owner)).map(String::as_str).collect();
    match others.len() {
        0 => "every example".to_owned(),
        count if count < examples.len() => format!("all but {}", others.join(", ")),
        _ => examples.join(", "),
    }
}

fn report(differences: Differences, rendered: &[Rendered]) -> String {
    let shown = |((object, lines), examples): ((String, String), Vec<String>)| {
        format!("{object} ({})\n{lines}", whose(&examples, &owners(rendered, &object)))
    };
    differences.into_iter().map(shown).collect()
}

#[test]
fn each_minor_differs_from_the_next_newer_one_as_agreed() {
    let minors = minors();
    let mut newer = render(*minors.last().unwrap());
    for pair in minors.windows(2).rev() {
        let older = render(pair[0]);
        let text = report(differences(&newer, &older), &newer);
        insta::with_settings!({
            snapshot_path => "../snapshots/minors",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => format!("v1.{}: what is other than in v1.{}", pair[0], pair[1]),
        }, { insta::assert_snapshot!(format!("v1.{}", pair[0]), text); });
        newer = older;
    }
}
