//! Finds the field table of a document kind.

use super::fields::{ConfigKind, Field};
use crate::config::kubeadm::table::FIELDS;
use crate::config::operator::table::TENANT_FIELDS;

/// The table with the fields of a kind.
pub(crate) const fn table(kind: ConfigKind) -> &'static [Field] {
    match kind {
        ConfigKind::Cluster | ConfigKind::Init | ConfigKind::Kubelet | ConfigKind::KubeProxy => FIELDS,
        ConfigKind::Tenant => TENANT_FIELDS,
    }
}
