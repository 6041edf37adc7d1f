//! The reference page of fields, made from the table, so that the page and the validator cannot disagree.

use std::fmt::Write as _;

use super::FIELDS;
use super::api::KubeadmApi;
use super::fields::{Action, ConfigKind, Field, Shape};

/// The text of `docs/reference/kubeadm-fields.md`.
#[must_use]
pub fn fields_reference() -> String {
    let mut page = String::from(
        "# Fields of a kubeadm file\n\n\
         What kamaji does with each field of a file for `kubeadm init --config`. A field that is not listed is an error,\n\
         as is a key given twice or a value of another type. A null is the same as leaving the field out.\n\n\
         Documents of kubeadm may be of `kubeadm.k8s.io/v1beta3`, of `v1beta4`, and with `--allow-experimental-api` of `v1`;\n\
         a field that only some of them have says so. `kamaji config convert` writes a file in a newer one.\n",
    );
    for kind in ConfigKind::ALL {
        let apis = match kind {
            ConfigKind::Cluster | ConfigKind::Init => KubeadmApi::ALL.map(|api| format!("`{api}`")).join(", "),
            ConfigKind::Kubelet | ConfigKind::KubeProxy => format!("`{}`", kind.api_version()),
        };
        let _infallible = write!(page, "\n## {}\n\n{apis}\n\n", kind.as_str());
        page.push_str("| field | type | what happens | |\n|---|---|---|---|\n");
        for field in FIELDS.iter().filter(|field| field.kind == kind && field.shape != Shape::Struct) {
            let _infallible = writeln!(
                page,
                "| `{}`{} | {} | {} | {} |",
                field.path,
                apis_of(field),
                field.shape.expected().trim_end_matches(" such as 24h0m0s"),
                field.action.as_str(),
                note(field)
            );
        }
    }
    page
}

/// Which APIs have the field, unless all do.
fn apis_of(field: &Field) -> String {
    if field.since == KubeadmApi::OLDEST && field.until == KubeadmApi::NEWEST {
        return String::new();
    }
    let having: Vec<&str> =
        KubeadmApi::ALL.into_iter().filter(|api| field.is_in(Some(*api))).map(KubeadmApi::version).collect();
    format!(" ({})", having.join(", "))
}

fn note(field: &Field) -> String {
    let remedy = match (field.remedy, field.action) {
        ("", _) => String::new(),
        (remedy, Action::Refuse) => format!("; {remedy}"),
        (remedy, Action::Use | Action::Map | Action::Warn) => format!("; in newer APIs, {remedy}"),
    };
    let silent = field.silent.map_or_else(String::new, |value| format!("; no warning for `{value}`"));
    format!("{}{remedy}{silent}", field.note)
}
