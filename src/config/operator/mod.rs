//! The Kamaji operator's `TenantControlPlane`, read into the same spec as a kubeadm file.

pub(super) mod pods;
pub(super) mod service;
pub(super) mod table;
pub mod tenant_control_plane;
pub(super) mod to_kubeadm;
pub(super) mod volumes;
