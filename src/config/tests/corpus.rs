//! The files under `tests/fixtures/kubeadm`: what is said about each is a snapshot beside them, and the folder says
//! whether it is accepted. `tests/kubeadm-corpus` asks the real kubeadm about the same files.

use std::fmt::Write as _;
use std::path::Path;

use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "the corpus is files")]
fn every_file_of_the_corpus_is_accepted_or_refused_as_its_folder_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../../tests/fixtures/kubeadm/said");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.remove_input_file();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kubeadm");
    settings.bind(|| {
        for folder in ["accepted", "refused"] {
            let mut paths: Vec<_> =
                std::fs::read_dir(corpus.join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            for path in paths {
                let text = std::fs::read_to_string(&path).unwrap();
                let name = path.file_name().unwrap().to_str().unwrap();
                let checked = validate(
                    &Source { name, text: &text },
                    text.contains("kubeadm.k8s.io/v1\n"),
                    &SuppliedFiles::default(),
                );
                assert_eq!(checked.problems.is_empty(), folder == "accepted", "{name}: {:#?}", checked.problems);
                assert!(checked.problems.iter().all(|problem| !problem.remedy.is_empty()), "{name}: no remedy");
                let mut said = String::new();
                for problem in &checked.problems {
                    writeln!(said, "{problem}\n    hint: {}", problem.remedy).unwrap();
                }
                for warning in &checked.warnings {
                    writeln!(said, "warning: {warning}").unwrap();
                }
                insta::assert_snapshot!(format!("{folder}-{}", name.trim_end_matches(".yaml")), said);
            }
        }
    });
}
