//! The difference between what lives and what would live: the plan that is shown, and the consent to it.

use serde::Serialize;
use serde_json::Value;

use super::managed_fields::{fields_owned_by_others, other_owner};
use super::value_diff::walk;
use crate::plan::apply::field_change::FieldChange;
use crate::render::{Manifest, ObjectRef};

/// What happens to one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Create,
    /// Some of its fields change.
    Update,
    /// It is removed.
    Delete,
    /// Nothing.
    Unchanged,
    /// Others set or changed it, and it is left as it is.
    Left,
}

impl Action {
    /// The sign in front of the line.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Delete => '-',
            Self::Unchanged => ' ',
            Self::Left => '!',
        }
    }

    /// Whether something is written.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// What happens to one object, or to something that is no object (a user in a datastore, objects inside the tenant).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// For example `Deployment prod/prod` or `etcd default: user and prefix /0a…/`.
    pub what: String,
    /// What happens.
    pub action: Action,
    /// Why, or what follows from it; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The fields that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

impl Change {
    /// A change of something that is not compared field by field.
    #[must_use]
    pub fn of(what: impl std::fmt::Display, action: Action, note: &str) -> Self {
        Self { what: format!("{what}"), action, note: note.to_owned(), fields: Vec::new() }
    }
}

/// Everything that will happen.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The control plane.
    pub control_plane: String,
    /// The changes in order.
    pub changes: Vec<Change>,
    /// What cannot be known before it is done.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What people should know, or do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether anything would be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.changes.iter().all(|change| !change.action.writes())
    }

    /// Consent given by a person, or by `--yes`. The only way to an [`Approved`].
    #[must_use]
    pub fn approve(self) -> Approved {
        Approved(self)
    }
}

/// What others set in an object where the wish says nothing, if there is any.
#[must_use]
pub fn change_owned_by_others(manifest: &Manifest, live: &Value) -> Option<Change> {
    let fields = fields_owned_by_others(manifest, live);
    (!fields.is_empty()).then(|| Change { fields, ..Change::of(&manifest.object, Action::Left, LEFT) })
}

/// What is said about that.
const LEFT: &str = "others set it, and it is left as it is; only they, or you, can take it away";

/// A plan somebody agreed to: the only value with which the engine changes anything.
#[derive(Debug)]
pub struct Approved(Plan);

impl Approved {
    /// The plan that was agreed to.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.0
    }
}

/// Compares a wish with what lives and with what the server says it would become (`None`: not asked).
#[must_use]
pub fn compare(manifest: &Manifest, live: Option<&Value>, preview: Option<&Value>) -> Change {
    let Some(live) = live else { return Change::of(&manifest.object, Action::Create, "") };
    let Some(preview) = preview else { return Change::of(&manifest.object, Action::Unchanged, "") };
    let mut fields = Vec::new();
    walk(&mut Vec::new(), &comparable(live), &comparable(preview), &mut |path, from, to| {
        fields.push(FieldChange { by: other_owner(live, path), ..FieldChange::of(path, from, to) });
    });
    if manifest.is_secret() {
        for change in &mut fields {
            if change.field.starts_with("data") {
                change.from = change.from.take().map(|_| "(hidden)".to_owned());
                change.to = change.to.take().map(|_| "(hidden, changed)".to_owned());
            }
        }
    }
    let action = if fields.is_empty() { Action::Unchanged } else { Action::Update };
    Change { what: manifest.object.to_string(), action, note: note(&manifest.object, &fields), fields }
}

/// What follows from the change, and what is left to people.
fn note(object: &ObjectRef, fields: &[FieldChange]) -> String {
    let any = |start: &str| fields.iter().any(|change| change.field.starts_with(start));
    let settings_of_nodes = object.kind == "ConfigMap" && object.namespace.as_deref() == Some("kube-system");
    let note = match object.name.as_str() {
        _ if object.kind == "Deployment" && any("spec.template") => "replaces its pods, new ones first",
        _ if object.kind == "DaemonSet" && any("spec.template") => "replaces its pods, node by node",
        "kubelet-config" if settings_of_nodes && any("data.") => {
            "workers that joined have it after `kubeadm upgrade node` and a restart of their kubelet, both by you"
        }
        "kube-proxy" if settings_of_nodes && any("data.") => {
            "pods of kube-proxy have it when they start again: kubectl -n kube-system rollout restart daemonset kube-proxy"
        }
        _ => "",
    };
    note.to_owned()
}

/// The object without what the server keeps for itself.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        for key in [
            "managedFields",
            "resourceVersion",
            "generation",
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
        ] {
            metadata.remove(key);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("deployment.kubernetes.io/revision");
            annotations.remove("deprecated.daemonset.template.generation");
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::render::Write;

    fn manifest(kind: &str) -> Manifest {
        let object =
            ObjectRef { api_version: "v1".into(), kind: kind.into(), namespace: Some("a".into()), name: "x".into() };
        Manifest { object, body: json!({}), write: Write::Apply }
    }

    #[test]
    fn what_the_server_counts_is_no_change() {
        let live =
            json!({"metadata": {"resourceVersion": "1", "managedFields": []}, "spec": {"a": 1}, "status": {"x": 1}});
        let preview = json!({"metadata": {"resourceVersion": "2"}, "spec": {"a": 1}});
        assert_eq!(compare(&manifest("Service"), Some(&live), Some(&preview)).action, Action::Unchanged);
    }

    #[test]
    fn a_secrets_values_are_never_in_the_plan() {
        let change =
            compare(&manifest("Secret"), Some(&json!({"data": {"k": "b2xk"}})), Some(&json!({"data": {"k": "bmV3"}})));
        assert_eq!(change.action, Action::Update);
        let shown = format!("{change:?}");
        assert!(!shown.contains("b2xk") && !shown.contains("bmV3"), "{shown}");
    }

    #[test]
    fn a_changed_template_says_that_pods_are_replaced() {
        let live = json!({"spec": {"replicas": 1, "template": {"a": 1}}});
        let change = compare(
            &manifest("Deployment"),
            Some(&live),
            Some(&json!({"spec": {"replicas": 1, "template": {"a": 2}}})),
        );
        assert_eq!(change.fields[0].field, "spec.template.a");
        assert!(change.note.contains("replaces its pods"));
    }
}
