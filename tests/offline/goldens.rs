//! Compares the rendered objects of all examples with readable snapshots, one file per object. Omits Secrets, whose
//! keys are random. Update the snapshots with `INSTA_UPDATE=always cargo test --test offline`.

use kamaji::render::CHECKSUM;
use kamaji::yaml;
use serde_json::{Value, json};

use crate::examples;

/// The object as YAML, with `ConfigMap` texts as plain lines and without the checksum of random keys.
pub(crate) fn readable(body: &Value) -> String {
    let mut body = body.clone();
    if let Some(checksum) =
        body.pointer_mut("/spec/template/metadata/annotations").and_then(|all| all.get_mut(CHECKSUM))
    {
        *checksum = json!("(of the mounted files)");
    }
    let texts = body["kind"] == "ConfigMap";
    let texts = texts.then(|| body.as_object_mut().unwrap().remove("data").unwrap());
    let texts = texts.iter().flat_map(|data| data.as_object().unwrap());
    let shown: String =
        texts.fold(String::new(), |shown, (key, text)| format!("{shown}--- {key}\n{}\n", text.as_str().unwrap()));
    yaml::write(&body) + &shown
}

#[test]
fn the_examples_match_the_snapshots() {
    for example in examples::all().iter().filter(|example| example.name != "quickstart") {
        for manifest in example.desired.write.iter().filter(|manifest| !manifest.is_secret()) {
            let object = &manifest.object;
            insta::with_settings!({
                snapshot_path => format!("snapshots/examples/{}", example.name),
                prepend_module_to_snapshot => false,
                omit_expression => true,
                description => object.to_string(),
            }, { insta::assert_snapshot!(
                format!("{}-{}", object.kind, object.name).to_lowercase(),
                readable(&manifest.body)
            ); });
        }
    }
}

#[test]
fn the_examples_produce_no_warnings() {
    for example in examples::all() {
        assert!(example.warnings.is_empty(), "{}: {:?}", example.name, example.warnings);
    }
}
