//! What of a network the pods of a control plane may reach, and who reaches them: the wish. The rules are `render`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::Error;

/// Whether a `NetworkPolicy` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policies {
    /// Yes, with what can be found out about the management cluster.
    #[default]
    Auto,
    /// Yes, and only if everything about the management cluster that it needs may be read.
    On,
    /// No.
    Off,
}

/// The wish about networks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Isolation {
    /// Whether there is a policy.
    #[serde(default)]
    pub policies: Policies,
    /// Ranges that the pods must not reach, besides those of the management cluster.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<IpNet>,
}

impl Isolation {
    /// Whether it is what nobody asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where clouds tell secrets to whoever asks from a machine: never an address of a worker.
#[must_use]
pub fn metadata_ranges() -> Vec<IpNet> {
    let v4 = |a, b, c, d, length| IpNet::new(Ipv4Addr::new(a, b, c, d).into(), length);
    let v6 = |text: [u16; 8], length| IpNet::new(Ipv6Addr::from(text).into(), length);
    let ranges = [
        // Link-local: 169.254.169.254 of AWS, GCP, Azure, OpenStack and others; and its like of IPv6.
        v4(169, 254, 0, 0, 16),
        v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
        // AWS, GCP and Oracle over IPv6.
        v6([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254], 128),
        v6([0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254], 128),
        v6([0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
        // Azure's wire server, Alibaba's metadata.
        v4(168, 63, 129, 16, 32),
        v4(100, 100, 100, 200, 32),
    ];
    ranges.into_iter().map(|range| range.expect("the lengths fit")).collect()
}

/// Reads a range that is to be closed, or one address.
pub fn parse_closed_range(text: &str) -> Result<IpNet, Error> {
    let refuse = |rule: &str| Error::invalid("range", text, rule);
    let range = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| refuse("write it as 10.0.0.0/8, fd00::/8 or one address"))?;
    if range.prefix_len() == 0 {
        return Err(refuse("it would close everything, workers too; name what is to be closed"));
    }
    if range.trunc() != range {
        return Err(refuse(&format!("bits are set behind its length; {} is the range", range.trunc())));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_written_or_refused() {
        assert_eq!(parse_closed_range("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(parse_closed_range("fd00::/8").unwrap().to_string(), "fd00::/8");
        assert_eq!(parse_closed_range("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        for bad in ["", "0.0.0.0/0", "::/0", "10.0.0.1/8", "10.0.0.0/33", "example.com", "10.0.0.0/8,11.0.0.0/8"] {
            assert!(parse_closed_range(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_record_without_the_wish_has_the_default() {
        let read: Isolation = serde_json::from_str("{}").unwrap();
        assert!(read.is_default());
        let desired = Isolation { policies: Policies::Off, closed: vec!["10.0.0.0/8".parse().unwrap()] };
        let text = serde_json::to_string(&desired).unwrap();
        assert_eq!(text, r#"{"policies":"off","closed":["10.0.0.0/8"]}"#);
        assert_eq!(serde_json::from_str::<Isolation>(&text).unwrap(), desired);
    }
}
