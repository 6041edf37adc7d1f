//! Generates the reference pages of fields from the tables that validation uses.

use std::fmt::Write as _;

use super::fields::{Action, ConfigKind, Field, Shape};
use super::lookup::table;
use crate::config::kubeadm::api::KubeadmApi;

/// The text of `docs/reference/kubeadm-fields.md`.
#[must_use]
pub fn fields_reference() -> String {
    let mut page = String::from(
        "# Fields of a kubeadm file\n\n\
         How kamaji handles each field of a file for `kubeadm init --config`. Unknown fields, duplicate keys and values of\n\
         the wrong type are errors. A null value is the same as an absent field.\n\n\
         kamaji reads `kubeadm.k8s.io/v1beta3`, `v1beta4` and, with `--allow-experimental-api`, `v1`. The table shows the\n\
         versions of fields that not all of them have. `kamaji config convert` converts a file to a newer version.\n",
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
         How kamaji handles each field of the Kamaji operator's `TenantControlPlane` (`kamaji.clastix.io/v1alpha1`).\n\
         Unknown fields are errors. Defaults are those of the operator: two pods, `10.96.0.0/16` for services,\n\
         `10.244.0.0/16` for pods, no addons.\n\n",
    );
    write_rows(ConfigKind::Tenant, &mut page);
    page
}

fn write_rows(kind: ConfigKind, page: &mut String) {
    page.push_str("| Field | Type | Handling | Notes |\n|---|---|---|---|\n");
    for field in table(kind).iter().filter(|field| field.kind == kind && field.shape != Shape::Struct) {
        let _infallible = writeln!(
            page,
            "| `{}`{} | {} | {} | {} |",
            field.path,
            versions_of(field),
            field.shape.expected().trim_end_matches(" such as 24h0m0s"),
            field.action.as_str(),
            note(field)
        );
    }
}

/// The API versions that have the field, unless all do.
fn versions_of(field: &Field) -> String {
    if field.since == KubeadmApi::OLDEST && field.until == KubeadmApi::NEWEST {
        return String::new();
    }
    let versions: Vec<&str> =
        KubeadmApi::ALL.into_iter().filter(|api| field.is_in(Some(*api))).map(KubeadmApi::version).collect();
    format!(" ({})", versions.join(", "))
}

fn note(field: &Field) -> String {
    let remedy = match (field.remedy, field.action) {
        ("", _) => String::new(),
        (remedy, Action::Refuse) => format!("; {remedy}"),
        (remedy, Action::Use | Action::Map | Action::Warn) => format!("; in newer versions, {remedy}"),
    };
    let silent = field.silent.map_or_else(String::new, |value| format!("; no warning for `{value}`"));
    format!("{}{remedy}{silent}", field.note)
}
