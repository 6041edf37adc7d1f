//! Flags for the network isolation of a control plane's pods.

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::model::{Isolation, Policies, parse_denied_range};

const HEADING: &str = "Network of the control plane";

/// Network isolation of the pods.
#[derive(Debug, Clone, Default, Args)]
pub struct IsolationArgs {
    /// Deny the pods access to the management cluster with a NetworkPolicy [default: auto]
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(help_heading = HEADING, long, value_enum, value_name = "WHEN")]
    pub network_policy: Option<PoliciesArg>,
    /// Also deny egress to this CIDR, such as 10.20.0.0/16; workers in it become unreachable too (can be repeated)
    #[arg(help_heading = HEADING, long = "deny-egress", value_name = "CIDR", value_parser = parse_denied_range)]
    pub deny_egress: Vec<IpNet>,
}

/// When to create a NetworkPolicy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PoliciesArg {
    /// Always, with the networks that can be detected in the management cluster
    Auto,
    /// Always; fail if permissions to detect the networks are missing
    On,
    /// Never
    Off,
}

impl IsolationArgs {
    /// Overrides `isolation` with the flags that are set.
    pub fn apply(&self, isolation: &mut Isolation) {
        match self.network_policy {
            Some(PoliciesArg::Auto) => isolation.policies = Policies::Auto,
            Some(PoliciesArg::On) => isolation.policies = Policies::On,
            Some(PoliciesArg::Off) => isolation.policies = Policies::Off,
            None => {}
        }
        isolation.denied.extend(&self.deny_egress);
        isolation.denied.sort_unstable();
        isolation.denied.dedup();
    }
}
