//! The objects of every example as people read them, one a file. Secrets are not among them: their keys are new at each
//! run. `INSTA_UPDATE=always cargo test --test offline` writes them.

use kamaji::render::CHECKSUM;
use kamaji::yaml;
use serde_json::{Value, json};

use crate::examples;

/// Texts in `ConfigMaps` are shown as lines; the checksum over new keys is left out.
pub(crate) fn readable(body: &Value) -> String {
    let mut body = body.clone();
    if let Some(checksum) =
        body.pointer_mut("/spec/template/metadata/annotations").and_then(|all| all.get_mut(CHECKSUM))
    {
        *checksum = json!("(over the mounted files)");
    }
    let texts = body["kind"] == "ConfigMap";
    let texts = texts.then(|| body.as_object_mut().unwrap().remove("data").unwrap());
    let texts = texts.iter().flat_map(|data| data.as_object().unwrap());
    let shown: String =
        texts.fold(String::new(), |shown, (key, text)| format!("{shown}--- {key}\n{}\n", text.as_str().unwrap()));
    yaml::write(&body) + &shown
}

#[test]
fn the_examples_are_rendered_as_agreed() {
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
fn the_examples_have_nothing_to_warn_about() {
    for example in examples::all() {
        assert!(example.warnings.is_empty(), "{}: {:?}", example.name, example.warnings);
    }
}
