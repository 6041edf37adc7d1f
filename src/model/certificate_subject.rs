//! The subject of a client certificate: a Kubernetes user and their groups.

use super::Error;

/// The maximum length of a common name or organization (RFC 5280, appendix A.1).
const MAX_LENGTH: usize = 64;

/// A user and their groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user name; the certificate's common name.
    pub user: String,
    /// The groups; the certificate's organizations.
    pub groups: Vec<String>,
}

impl Subject {
    /// Parses and validates the names. Names with the prefix `system:` require `allow_system`.
    pub fn parse(user: &str, groups: &[String], allow_system: bool) -> Result<Self, Error> {
        let user = name("user name", user, allow_system)?;
        let mut checked: Vec<String> = Vec::new();
        for group in groups {
            let group = name("group name", group, allow_system)?;
            if !checked.contains(&group) {
                checked.push(group);
            }
        }
        Ok(Self { user, groups: checked })
    }
}

fn name(what: &'static str, text: &str, allow_system: bool) -> Result<String, Error> {
    if text.trim() != text || text.is_empty() || text.chars().count() > MAX_LENGTH || text.chars().any(char::is_control)
    {
        return Err(Error::invalid(
            what,
            text,
            format!("use at most {MAX_LENGTH} characters, no control characters, and no leading or trailing space"),
        ));
    }
    if !allow_system && text.to_lowercase().starts_with("system:") {
        let rule = "names with the prefix `system:` are reserved for Kubernetes, and deleting bindings may not revoke their \
                    permissions; use --allow-system to allow it";
        return Err(Error::invalid(what, text, rule));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_require_allow_system() {
        let groups = |group: &str| vec!["dev".to_owned(), group.to_owned(), "dev".to_owned()];
        for (user, group) in [("jane", "system:masters"), ("system:admin", "x"), ("jane", "System:masters")] {
            let refused = Subject::parse(user, &groups(group), false).unwrap_err().to_string();
            assert!(refused.contains("--allow-system"), "{refused}");
            assert!(Subject::parse(user, &groups(group), true).is_ok());
        }
        assert_eq!(Subject::parse("jane", &groups("ops"), false).unwrap().groups, ["dev", "ops"]);
    }

    #[test]
    fn names_that_do_not_fit_a_certificate_are_refused() {
        for bad in ["", " jane", "jane\n", "a\0b", &"x".repeat(65)] {
            assert!(Subject::parse(bad, &[], true).is_err(), "{bad:?}");
        }
        assert!(Subject::parse(&"ü".repeat(64), &[], false).is_ok());
    }
}
