//! kubeadm documents: reading, converting and editing them.

pub(super) mod api;
pub(super) mod cluster;
pub(super) mod convert;
pub(super) mod defaults;
pub(super) mod document_kind;
pub(super) mod documents;
pub(super) mod edit;
pub(super) mod init;
pub(super) mod network;
pub(super) mod node_ranges;
pub(super) mod nodes;
pub(super) mod table;
