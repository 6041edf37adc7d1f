//! The plan: the difference between live and desired objects, which the user confirms before anything is written.

use serde::Serialize;
use serde_json::Value;

use super::managed_fields::{fields_owned_by_others, other_manager};
use super::value_diff::diff_values;
use crate::plan::apply::field_change::FieldChange;
use crate::render::{Manifest, ObjectRef};

/// What happens to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is created.
    Create,
    /// Some of its fields change.
    Update,
    /// It is deleted.
    Delete,
    /// Nothing changes.
    Unchanged,
    /// Another field manager owns the fields; kamaji leaves them unchanged.
    Foreign,
}

impl Action {
    /// The sign at the start of the line in a plan.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Delete => '-',
            Self::Unchanged => ' ',
            Self::Foreign => '!',
        }
    }

    /// Whether the action writes to the cluster.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete)
    }
}

/// The change of one object or of something else, such as a datastore user or objects in the tenant cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What changes: for example `Deployment prod/prod` or `etcd default: user and prefix /0a…/`.
    pub target: String,
    /// What happens to it.
    pub action: Action,
    /// The reason or the consequence; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The fields that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
}

impl Change {
    /// A change of something that is not compared field by field.
    #[must_use]
    pub fn of(target: impl std::fmt::Display, action: Action, note: &str) -> Self {
        Self { target: format!("{target}"), action, note: note.to_owned(), fields: Vec::new() }
    }
}

/// All changes that a command will make.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Namespace and name of the control plane.
    pub control_plane: String,
    /// The changes, in order.
    pub changes: Vec<Change>,
    /// Parts that cannot be determined in advance.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// What the user should know or do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether the plan writes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.changes.iter().all(|change| !change.action.writes())
    }

    /// Marks the plan as confirmed, by the user or by `--yes`. The only way to get an [`Approved`].
    #[must_use]
    pub fn approve(self) -> Approved {
        Approved(self)
    }
}

/// The fields of a live object that other managers set and the manifest does not contain, if any.
#[must_use]
pub fn change_owned_by_others(manifest: &Manifest, live: &Value) -> Option<Change> {
    let fields = fields_owned_by_others(manifest, live);
    (!fields.is_empty()).then(|| Change { fields, ..Change::of(&manifest.object, Action::Foreign, FOREIGN_NOTE) })
}

/// The note on such a change.
const FOREIGN_NOTE: &str = "set by another field manager; kamaji does not change it";

/// A confirmed plan. The engine changes nothing without one.
#[derive(Debug)]
pub struct Approved(Plan);

impl Approved {
    /// The confirmed plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.0
    }
}

/// Compares a manifest with the live object and with the result of a dry run (`None`: no dry run, nothing changes).
#[must_use]
pub fn compare(manifest: &Manifest, live: Option<&Value>, preview: Option<&Value>) -> Change {
    let Some(live) = live else { return Change::of(&manifest.object, Action::Create, "") };
    let Some(preview) = preview else { return Change::of(&manifest.object, Action::Unchanged, "") };
    let mut fields = Vec::new();
    diff_values(&mut Vec::new(), &comparable(live), &comparable(preview), &mut |path, from, to| {
        fields.push(FieldChange { manager: other_manager(live, path), ..FieldChange::of(path, from, to) });
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
    Change { target: manifest.object.to_string(), action, note: note(&manifest.object, &fields), fields }
}

/// The consequence of a change, and what the user still has to do.
fn note(object: &ObjectRef, fields: &[FieldChange]) -> String {
    let any = |start: &str| fields.iter().any(|change| change.field.starts_with(start));
    let node_settings = object.kind == "ConfigMap" && object.namespace.as_deref() == Some("kube-system");
    let note = match object.name.as_str() {
        _ if object.kind == "Deployment" && any("spec.template") => "replaces its pods, new ones first",
        _ if object.kind == "DaemonSet" && any("spec.template") => "replaces its pods, node by node",
        "kubelet-config" if node_settings && any("data.") => {
            "for joined workers, run `kubeadm upgrade node` on each and restart its kubelet"
        }
        "kube-proxy" if node_settings && any("data.") => {
            "takes effect after a restart: kubectl -n kube-system rollout restart daemonset kube-proxy"
        }
        _ => "",
    };
    note.to_owned()
}

/// The object without the fields that the server maintains.
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
    fn fields_that_the_server_maintains_are_ignored() {
        let live =
            json!({"metadata": {"resourceVersion": "1", "managedFields": []}, "spec": {"a": 1}, "status": {"x": 1}});
        let preview = json!({"metadata": {"resourceVersion": "2"}, "spec": {"a": 1}});
        assert_eq!(compare(&manifest("Service"), Some(&live), Some(&preview)).action, Action::Unchanged);
    }

    #[test]
    fn values_of_secrets_are_never_in_the_plan() {
        let change =
            compare(&manifest("Secret"), Some(&json!({"data": {"k": "b2xk"}})), Some(&json!({"data": {"k": "bmV3"}})));
        assert_eq!(change.action, Action::Update);
        let shown = format!("{change:?}");
        assert!(!shown.contains("b2xk") && !shown.contains("bmV3"), "{shown}");
    }

    #[test]
    fn a_changed_pod_template_is_noted_as_replacing_pods() {
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
