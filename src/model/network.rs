//! Addresses: endpoints, subject alternative names, and the ranges of pods and services.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Error;

/// An address family, as Kubernetes names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `IPv4`.
    V4,
    /// `IPv6`.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// As in a Service's `ipFamilies` and a slice's `addressType`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A host as clients write it: an IP address or a DNS name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name, lower case.
    Name(String),
}

impl Host {
    /// Reads an address that clients can connect to; wildcards, 0.0.0.0, multicast and loopback are refused.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            let link_local = match ip {
                IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
                IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.to_ipv4_mapped().is_some(),
            };
            if bare != text && ip.is_ipv4() {
                return Err(Error::invalid("address", text, "only IPv6 addresses stand in brackets"));
            }
            if ip.is_unspecified() || ip.is_multicast() || ip.is_loopback() || link_local {
                return Err(Error::invalid("address", text, "workers must be able to connect to it"));
            }
            return Ok(Self::Ip(ip));
        }
        dns_name("address", text, false).map(Self::Name)
    }

    /// The IP address, if it is one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for Host {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

/// Host and port of an API server, as workers and users reach it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `HOST`, `HOST:PORT`, `[V6]:PORT`; without a port it is `default_port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, Error> {
        let split = match text.rsplit_once(':') {
            Some((host, _)) if host.contains(':') && !host.ends_with(']') => None,
            other => other,
        };
        let (host, port) = match split {
            None => (text, default_port),
            Some((host, port)) => (host, parse_port("port", port)?),
        };
        Ok(Self { host: Host::parse(host)?, port })
    }

    /// `https://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{self}")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            Host::Ip(IpAddr::V4(_)) | Host::Name(_) => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Reads a port from 1 to 65535.
pub(crate) fn parse_port(what: &'static str, text: &str) -> Result<u16, Error> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse::<u16>()
        .ok()
        .filter(|port| digits && *port > 0)
        .ok_or_else(|| Error::invalid(what, text, "a port is a number from 1 to 65535"))
}

/// A subject alternative name of the API server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum San {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name; its first label may be `*`.
    Dns(String),
}

impl San {
    /// Reads an IP address or a DNS name, which may start with `*.`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            // In a certificate, an IPv4 address has four bytes however it is written.
            return Ok(Self::Ip(ip.to_canonical()));
        }
        dns_name("subject alternative name", text, true).map(Self::Dns)
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Dns(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for San {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<San> for String {
    fn from(san: San) -> Self {
        san.to_string()
    }
}

impl From<Host> for San {
    fn from(host: Host) -> Self {
        match host {
            Host::Ip(ip) => Self::Ip(ip),
            Host::Name(name) => Self::Dns(name),
        }
    }
}

/// A DNS-1123 subdomain, lower-cased.
pub(crate) fn dns_name(what: &'static str, text: &str, wildcard: bool) -> Result<String, Error> {
    let lower = text.to_ascii_lowercase();
    let checked = if wildcard { lower.strip_prefix("*.").unwrap_or(&lower) } else { &lower };
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = checked.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if checked.len() <= 253 && !numeric && checked.split('.').all(label_fits) {
        Ok(lower)
    } else {
        Err(Error::invalid(
            what,
            text,
            "it is neither an IP address nor a DNS name (lower-case labels of letters, digits and `-`)",
        ))
    }
}

/// kubeadm's `networking`, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Networking {
    /// One range, or two of different families; the first is the primary.
    pub service_subnets: Vec<IpNet>,
    /// None, one, or two ranges in the order of the families of `service_subnets`.
    pub pod_subnets: Vec<IpNet>,
    /// The DNS domain of the cluster, for example `cluster.local`.
    pub dns_domain: String,
}

impl Networking {
    /// The first address of the primary service range: the address of `default/kubernetes`.
    #[must_use]
    pub fn kubernetes_service_ip(&self) -> IpAddr {
        self.nth_service_ip(1)
    }

    /// The tenth address of the primary service range: the address of the cluster's DNS (kubeadm's rule).
    #[must_use]
    pub fn dns_service_ip(&self) -> IpAddr {
        self.nth_service_ip(10)
    }

    /// The family of the primary service range: that of the Service `default/kubernetes`, which has no other
    /// (kubernetes/enhancements, KEP-563).
    #[must_use]
    pub fn primary_family(&self) -> Family {
        Family::of(self.kubernetes_service_ip())
    }

    /// Whether Services have addresses of both families.
    #[must_use]
    pub const fn dual_stack(&self) -> bool {
        self.service_subnets.len() > 1
    }

    /// The first service address of each range, in order.
    #[must_use]
    pub fn first_service_ips(&self) -> Vec<IpAddr> {
        self.service_subnets.iter().map(|net| nth(net, 1)).collect()
    }

    fn nth_service_ip(&self, n: u32) -> IpAddr {
        nth(self.service_subnets.first().expect("a validated spec has a service range"), n)
    }
}

fn nth(net: &IpNet, n: u32) -> IpAddr {
    match net {
        IpNet::V4(net) => IpAddr::from((u32::from(net.network()).wrapping_add(n)).to_be_bytes()),
        IpNet::V6(net) => IpAddr::from((u128::from(net.network()).wrapping_add(u128::from(n))).to_be_bytes()),
    }
}

/// Whether a range is of IPv6.
#[must_use]
pub const fn is_v6(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_read_names_and_both_families() {
        let shown = |text: &str| Endpoint::parse(text, 6443).map(|e| e.to_string());
        assert_eq!(shown("api.example.com").unwrap(), "api.example.com:6443");
        assert_eq!(shown("10.0.0.1:31000").unwrap(), "10.0.0.1:31000");
        assert_eq!(shown("[fd00::1]:6443").unwrap(), "[fd00::1]:6443");
        assert_eq!(shown("fd00::1").unwrap(), "[fd00::1]:6443");
        for bad in [
            "",
            "0.0.0.0",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "10.0.0.1:+6443",
            "10.0.0.1:",
            "127.0.0.1",
            "::",
            "224.0.0.1",
            "a b",
            "1.2.3",
            "https://x",
            "169.254.1.1",
            "[10.0.0.1]:6443",
            "[api.example.com]:6443",
            "[fd00::1",
            "fe80::1",
            "[fe80::1%eth0]:6443",
            "::ffff:10.0.0.1",
        ] {
            assert!(shown(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn service_addresses_follow_kubeadm() {
        let networking = Networking {
            service_subnets: vec!["10.96.0.0/12".parse().unwrap(), "fd00:1::/108".parse().unwrap()],
            pod_subnets: vec![],
            dns_domain: "cluster.local".into(),
        };
        assert_eq!(networking.kubernetes_service_ip().to_string(), "10.96.0.1");
        assert_eq!(networking.dns_service_ip().to_string(), "10.96.0.10");
        assert_eq!(networking.first_service_ips()[1].to_string(), "fd00:1::1");
        assert_eq!(networking.primary_family(), Family::V4);
    }

    #[test]
    fn sans_take_wildcards_and_refuse_hostile_text() {
        assert!(San::parse("*.example.com").is_ok());
        assert!(San::parse("fd00::1").is_ok());
        assert_eq!(San::parse("::ffff:192.0.2.1").unwrap().to_string(), "192.0.2.1");
        for bad in ["", "*", "a.*.b", "x\ny", "DNS:foo bar", "..", "foo/../bar"] {
            assert!(San::parse(bad).is_err(), "{bad}");
        }
    }
}
