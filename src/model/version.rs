//! A Kubernetes version, `v1.37.2`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Error;

/// An exact released Kubernetes version. Build tags and pre-releases are refused: images of them have other names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KubeVersion {
    /// Always 1 so far.
    pub major: u64,
    /// The minor, for example 37.
    pub minor: u64,
    /// The patch, for example 2.
    pub patch: u64,
}

impl KubeVersion {
    /// Reads `v1.37.2` or `1.37.2`. Names such as `stable-1` are refused, because they would mean a look-up.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |rule: &str| Error::invalid("Kubernetes version", text, rule);
        let bare = text.strip_prefix('v').unwrap_or(text);
        if !bare.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(refuse("write an exact version such as v1.37.2: a channel would give another result tomorrow"));
        }
        let version = semver::Version::parse(bare).map_err(|_| refuse("write it as v1.37.2"))?;
        if !version.pre.is_empty() || !version.build.is_empty() {
            return Err(refuse("only released versions without suffix are supported, such as v1.37.2"));
        }
        Ok(Self { major: version.major, minor: version.minor, patch: version.patch })
    }

    /// `1.37`.
    #[must_use]
    pub fn minor_text(self) -> String {
        format!("{}.{}", self.major, self.minor)
    }
}

impl fmt::Display for KubeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl TryFrom<String> for KubeVersion {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<KubeVersion> for String {
    fn from(version: KubeVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exact() {
        assert_eq!(KubeVersion::parse("1.37.2").unwrap().to_string(), "v1.37.2");
        for bad in
            ["", "v1.37", "stable-1", "latest", "1.37.2-rc.0", "1.37.2+k3s1", "v1.037.2", "vv1.37.2", "ci/latest"]
        {
            assert!(KubeVersion::parse(bad).is_err(), "{bad}");
        }
    }
}
