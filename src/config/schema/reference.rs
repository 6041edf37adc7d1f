//! The reference pages of fields, made from the tables, so that they and the validator cannot disagree.

use std::fmt::Write as _;

use super::fields::{Action, ConfigKind, Field, Shape};
use super::lookup::table;
use crate::config::kubeadm::api::KubeadmApi;

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
            ConfigKind::Kubelet | ConfigKind::KubeProxy | ConfigKind::Tenant => format!("`{}`", kind.api_version()),
        };
        let _infallible = write!(page, "\n## {}\n\n{apis}\n\n", kind.as_str());
        write_rows(kind, &mut page);
    }
    page
}

/// The text of `docs/reference/tenantcontrolplane-fields.md`.
#[must_use]
pub fn tenant_fields_reference() -> String {
    let mut page = String::from(
        "# Fields of a TenantControlPlane\n\n\
         What kamaji does with each field of the Kamaji operator's `TenantControlPlane` (`kamaji.clastix.io/v1alpha1`). A\n\
         field that is not listed is an error. What is not said is what the operator would take: two pods, `10.96.0.0/16`\n\
         for services, `10.244.0.0/16` for pods, no addons.\n\n",
    );
    write_rows(ConfigKind::Tenant, &mut page);
    page
}

fn write_rows(kind: ConfigKind, page: &mut String) {
    page.push_str("| field | type | what happens | |\n|---|---|---|---|\n");
    for field in table(kind).iter().filter(|field| field.kind == kind && field.shape != Shape::Struct) {
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
