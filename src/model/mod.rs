//! The words of the domain as types: what a control plane is, once it has been validated. Pure: no I/O, no clock.
//!
//! Text becomes one of these at the door (`config`, `cli`) and stays so.

mod certificates;
mod checks;
mod cluster;
mod edits;
mod error;
mod files;
mod flags;
mod isolation;
mod labels;
mod leaves;
mod names;
mod network;
mod nodes;
mod placement;
mod pods;
mod quantity;
mod releases;
mod rights;
mod sizes;
mod subject;
mod told;
mod version;

pub use certificates::{CertificatePolicy, KeyAlgorithm};
pub use checks::CheckName;
pub use cluster::{
    AddonImage, Addons, Arg, BootstrapToken, Component, ControlPlaneSpec, CoreDns, EnvVar, Exposure, MergeMethod,
    TokenId, is_owned_argument, parse_token,
};
pub use edits::{ArgEdit, Edit, Edits, parse_arg_edit, parse_san_edit};
pub use error::Error;
pub use files::{
    Extras, Given, GivenFile, Keep, Mount, MountSource, Patch, PatchTarget, PatchType, Patches, PodVolume,
    parse_given_path,
};
pub use flags::{Gate, flag_goes_away, gate_in, listed_flags};
pub use isolation::{Isolation, Policies, metadata_ranges, parse_closed_range};
pub use labels::{
    ANNOTATION_ID, LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_NAME, LABEL_PROJECT, MANAGER, labels, parse_label,
};
pub use leaves::LeafName;
pub use names::{ControlPlaneName, DatastoreName, Namespace, ObjectNames, PlaneId};
pub use network::{Endpoint, Family, Host, Networking, San};
pub use nodes::{NodeName, Skew};
pub use placement::{check_label, check_toleration, parse_node_selector, parse_toleration};
pub use pods::{
    Images, Metadata, PodSettings, ProbeNumbers, Probes, ServicePort, ServiceSettings, Toleration, is_taken,
    parse_object_name, parse_priority_class, parse_pull_secret, pods_in_words,
};
pub use quantity::Quantity;
pub use releases::{KUBEADM_V1BETA3, KUBEADM_V1BETA4, RELEASES, Release, release_of};
pub use rights::{CLUSTER, CONTROL_PLANES, DATASTORE_MAKE, DATASTORE_USE, FLEET_VIEW, Right};
pub use sizes::{Amounts, ComponentName, ResourceName, Resources, Size, parse_amount, parse_component_amounts};
pub use subject::Subject;
pub use told::{Called, host_of_process, moment, process};
pub use version::KubeVersion;
