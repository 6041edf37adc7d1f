//! The words of the domain as types: what a control plane is, once it has been validated. Pure: no I/O, no clock.
//!
//! Text becomes one of these at the door (`config`, `cli`) and stays so.

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
pub use display::{NamespacedName, format_holder, format_time, host_of_process};
pub use error::Error;
pub use labels::{
    ANNOTATION_ID, LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_NAME, LABEL_PROJECT, MANAGER, labels, parse_label,
};
pub use leaf_certificates::LeafName;
pub use names::parse_object_name;
pub use names::{ControlPlaneId, ControlPlaneName, DatastoreName, Namespace, ObjectNames};
pub use network::{Endpoint, Family, Host, Networking, San, is_v6};
pub use nodes::{NodeName, Skew};
pub use permissions::{CLUSTER, CONTROL_PLANES, DATASTORE_MAKE, DATASTORE_USE, FLEET_VIEW, Right};
pub use pods::placement::{check_label, check_toleration, parse_node_selector, parse_toleration};
pub use pods::quantity::Quantity;
pub use pods::settings::{
    Images, Metadata, PodSettings, ProbeNumbers, Probes, ServicePort, ServiceSettings, Toleration, is_taken,
    parse_priority_class, parse_pull_secret, pods_in_words,
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
    Extras, Keep, Mount, MountSource, Patch, PatchTarget, PatchType, Patches, PodVolume, SuppliedFile, SuppliedFiles,
    parse_given_path,
};
pub use spec::flags::{Gate, flag_goes_away, gate_in, listed_flags};
pub use spec::isolation::{Isolation, Policies, metadata_ranges, parse_closed_range};
pub use version::KubeVersion;
