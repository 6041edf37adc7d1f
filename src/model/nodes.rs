//! Workers: their names, and which versions of kubelet go with a control plane.

use std::fmt;

use super::{Error, KubeVersion};

/// The name of a Node: a DNS-1123 subdomain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeName(String);

impl NodeName {
    /// Reads and checks the name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let part = |part: &str| {
            let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            edge(part.chars().next())
                && edge(part.chars().next_back())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        };
        if text.len() <= 253 && text.split('.').all(part) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "use lower-case letters, digits, `-` and `.`; kamaji node list shows the names";
        Err(Error::invalid("node name", text, rule))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for NodeName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// How a kubelet's version stands to that of its control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// The same minor.
    Same,
    /// So many minors older.
    Older(u64),
    /// So many minors newer.
    Newer(u64),
    /// The kubelet's version cannot be read.
    Unknown,
}

impl Skew {
    /// How many minors older a kubelet may be (<https://kubernetes.io/releases/version-skew-policy/#kubelet>).
    pub const OLDEST: u64 = 3;

    /// Compares a kubelet's own words, such as `v1.36.3` or `v1.35.1-gke.100`, with the control plane's version.
    #[must_use]
    pub fn of(kubelet: &str, control_plane: KubeVersion) -> Self {
        let mut numbers = kubelet.trim_start_matches('v').split('.').map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) if major == control_plane.major => match minor {
                minor if minor > control_plane.minor => Self::Newer(minor - control_plane.minor),
                minor if minor < control_plane.minor => Self::Older(control_plane.minor - minor),
                _ => Self::Same,
            },
            _ => Self::Unknown,
        }
    }

    /// Whether Kubernetes supports it; what is unknown is not complained about.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        match self {
            Self::Same | Self::Unknown => true,
            Self::Older(minors) => minors <= Self::OLDEST,
            Self::Newer(_) => false,
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same => f.write_str("same"),
            Self::Older(minors) if self.is_allowed() => write!(f, "{minors} older"),
            Self::Older(minors) => write!(f, "{minors} older: too old"),
            Self::Newer(minors) => write!(f, "{minors} newer: not allowed"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubelets_may_be_three_minors_older_and_never_newer() {
        let control_plane = KubeVersion::parse("v1.36.3").unwrap();
        for (kubelet, shown, allowed) in [
            ("v1.36.9", "same", true),
            ("v1.36.3", "same", true),
            ("v1.36.0-rc.1", "same", true),
            ("v1.36.3+k3s1", "same", true),
            ("v1.33.1+vendor", "3 older", true),
            ("v1.32.12", "4 older: too old", false),
            ("v1.37.0", "1 newer: not allowed", false),
            ("v2.1.0", "unknown", true),
            ("devel", "unknown", true),
            ("", "unknown", true),
        ] {
            let skew = Skew::of(kubelet, control_plane);
            assert_eq!((skew.to_string().as_str(), skew.is_allowed()), (shown, allowed), "{kubelet}");
        }
    }

    #[test]
    fn node_names_are_dns_names() {
        assert_eq!(NodeName::parse("ip-10-0-0-1.eu.internal").unwrap().as_str(), "ip-10-0-0-1.eu.internal");
        for bad in ["", "Worker", "a..b", "-a", "a_b", "a/b", "a\u{1b}[31m", &"a".repeat(254)] {
            assert!(NodeName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
