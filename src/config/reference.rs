//! The reference page of fields, made from the table, so that the page and the validator cannot disagree.

use std::fmt::Write as _;

use super::FIELDS;
use super::fields::{ConfigKind, Field, Shape};

/// The text of `docs/reference/kubeadm-fields.md`.
#[must_use]
pub fn fields_reference() -> String {
    let mut page = String::from(
        "# Fields of a kubeadm file\n\n\
         What kamaji does with each field of a file for `kubeadm init --config`. A field that is not listed is an error,\n\
         as is a key given twice or a value of another type. A null is the same as leaving the field out.\n",
    );
    for kind in ConfigKind::ALL {
        let _infallible = write!(page, "\n## {}\n\n`{}`\n\n", kind.as_str(), kind.api_version());
        page.push_str("| field | type | what happens | |\n|---|---|---|---|\n");
        for field in FIELDS.iter().filter(|field| field.kind == kind && field.shape != Shape::Struct) {
            let _infallible = writeln!(
                page,
                "| `{}` | {} | {} | {} |",
                field.path,
                field.shape.expected().trim_end_matches(" such as 24h0m0s"),
                field.action.as_str(),
                note(field)
            );
        }
    }
    page
}

fn note(field: &Field) -> String {
    let remedy = if field.remedy.is_empty() { String::new() } else { format!("; {}", field.remedy) };
    let silent = field.silent.map_or_else(String::new, |value| format!("; no warning for `{value}`"));
    format!("{}{remedy}{silent}", field.note)
}
