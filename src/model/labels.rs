//! The labels on every object that belongs to a control plane; keys are those of the Kamaji operator.

use std::collections::BTreeMap;

use super::ControlPlaneName;

/// Names the control plane an object belongs to; the Deployment's and the Service's selector.
pub const LABEL_NAME: &str = "kamaji.clastix.io/name";
/// Always `kamaji`.
pub const LABEL_PROJECT: &str = "kamaji.clastix.io/project";
/// What the object is for, for example `deployment` or `record`.
pub const LABEL_COMPONENT: &str = "kamaji.clastix.io/component";
/// The tool that wrote the object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`LABEL_MANAGED_BY`], and the field manager of our server-side apply.
pub const MANAGER: &str = "kamaji";

/// The labels of an object of control plane `name` that is for `component`.
#[must_use]
pub fn labels(name: &ControlPlaneName, component: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        (LABEL_PROJECT.to_owned(), "kamaji".to_owned()),
        (LABEL_NAME.to_owned(), name.to_string()),
        (LABEL_COMPONENT.to_owned(), component.to_owned()),
        (LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned()),
    ])
}
