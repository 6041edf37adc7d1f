//! IP families, load balancers and network policies.

mod ip_families;
mod network_policies;
mod no_ipv6;
