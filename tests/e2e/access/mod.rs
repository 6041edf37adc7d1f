//! Access to a control plane: kubeconfigs, permissions, shell completion.

mod kubeconfigs;
mod management_api_only;
mod permissions;
mod shell_completion;
