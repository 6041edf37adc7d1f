//! What several commands share: context, selection, input files, and the pipelines of create and upgrade.

pub(super) mod age;
pub(super) mod apply_spec;
pub(super) mod apply_version;
pub(super) mod context;
pub(super) mod control_plane;
pub(super) mod hosts;
pub(super) mod merge_spec;
pub(super) mod mounted_files;
pub(super) mod recreate_command;
pub(super) mod secure_files;
pub(super) mod selection;
pub(super) mod spec_source;
pub(super) mod temp_kubeconfig;
