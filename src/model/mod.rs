//! The domain types: a validated control plane spec and its parts. Pure: no I/O, no clock.
//!
//! `config` and `cli` parse text into these types; the rest of the program works with the types only.

mod certificate_subject;
mod display;
mod error;
mod labels;
mod leaf_certificates;
mod names;
mod network;
mod nodes;
mod permissions;
mod pods;
mod preflight_checks;
mod releases;
mod spec;
mod version;

pub use certificate_subject::Subject;
pub use display::{NamespacedName, format_holder, format_time, holder_host};
pub use error::Error;
pub use labels::{
    ANNOTATION_ID, LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_NAME, LABEL_PROJECT, MANAGER, labels, parse_label,
};
pub use leaf_certificates::CertificateName;
pub use names::parse_object_name;
pub use names::{ControlPlaneId, ControlPlaneName, DatastoreName, Namespace, ObjectNames};
pub use network::{Endpoint, Family, Host, Networking, San, is_v6};
pub use nodes::{NodeName, Skew};
pub use permissions::{CLUSTER, CONTROL_PLANES, DATASTORE_CREATE, DATASTORE_USE, FLEET_VIEW, Permission};
pub use pods::placement::{check_label, check_toleration, parse_node_selector, parse_toleration};
pub use pods::quantity::Quantity;
pub use pods::settings::{
    Images, Metadata, PodSettings, ProbeNumbers, Probes, ServicePort, ServiceSettings, Toleration, format_pod_count,
    is_reserved_key, parse_priority_class, parse_pull_secret,
};
pub use pods::sizes::{Amounts, ComponentName, ResourceName, Resources, Size, parse_amount, parse_component_amounts};
pub use preflight_checks::CheckName;
pub use releases::{KUBEADM_V1BETA3, KUBEADM_V1BETA4, RELEASES, Release, release_of};
pub use spec::certificates::{CertificatePolicy, KeyAlgorithm};
pub use spec::control_plane::{
    AddonImage, Addons, Arg, BootstrapToken, Component, ControlPlaneSpec, CoreDns, EnvVar, Exposure, MergeMethod,
    TokenId, is_owned_argument, parse_token,
};
pub use spec::edits::{ArgEdit, Edit, Edits, parse_arg_edit, parse_san_edit};
pub use spec::files::{
    Extras, FileStorage, Mount, MountSource, Patch, PatchTarget, PatchType, Patches, PodVolume, SuppliedFile,
    SuppliedFiles, parse_supplied_path,
};
pub use spec::flags::{GateStatus, gate_status, is_flag_removed, listed_flags};
pub use spec::isolation::{Isolation, Policies, metadata_ranges, parse_denied_range};
pub use version::KubeVersion;
