//! The flags about what networks the pods of a control plane reach.

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use crate::model::{Isolation, Policies, parse_closed_range};

const HEADING: &str = "Network of the control plane";

/// What the pods may reach.
#[derive(Debug, Clone, Default, Args)]
pub struct IsolationArgs {
    /// Keep the pods away from the management cluster with a NetworkPolicy [default: auto]
    #[expect(clippy::doc_markdown, reason = "this comment is the help, where backticks would be printed")]
    #[arg(help_heading = HEADING, long, value_enum, value_name = "WHEN")]
    pub network_policy: Option<PoliciesArg>,
    /// Keep them away from this range too, such as 10.20.0.0/16; workers in it are not reached either (can be repeated)
    #[arg(help_heading = HEADING, long = "deny-egress", value_name = "CIDR", value_parser = parse_closed_range)]
    pub deny_egress: Vec<IpNet>,
}

/// When there is a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PoliciesArg {
    /// Always, with what can be found out about the management cluster
    Auto,
    /// Always; refused where something that it needs may not be read
    On,
    /// Never
    Off,
}

impl IsolationArgs {
    /// Lays what was typed over the wish.
    pub fn apply(&self, isolation: &mut Isolation) {
        match self.network_policy {
            Some(PoliciesArg::Auto) => isolation.policies = Policies::Auto,
            Some(PoliciesArg::On) => isolation.policies = Policies::On,
            Some(PoliciesArg::Off) => isolation.policies = Policies::Off,
            None => {}
        }
        isolation.closed.extend(&self.deny_egress);
        isolation.closed.sort_unstable();
        isolation.closed.dedup();
    }
}
