//! Who a client certificate is for: a Kubernetes user and their groups.

use super::Error;

/// How long a common name or an organization may be (RFC 5280, appendix A.1).
const LONGEST: usize = 64;

/// A user with groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The user.
    pub user: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl Subject {
    /// Reads and checks them. Names of Kubernetes itself are refused unless they are allowed.
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
    if text.trim() != text || text.is_empty() || text.chars().count() > LONGEST || text.chars().any(char::is_control) {
        return Err(Error::invalid(
            what,
            text,
            format!("use at most {LONGEST} characters, no control characters, and no space at its ends"),
        ));
    }
    if !allow_system && text.to_lowercase().starts_with("system:") {
        let rule = "what begins with `system:` is Kubernetes' own, and bindings do not take its rights away; \
                    --allow-system allows it";
        return Err(Error::invalid(what, text, rule));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kubernetes_own_needs_to_be_allowed() {
        let groups = |group: &str| vec!["dev".to_owned(), group.to_owned(), "dev".to_owned()];
        for (user, group) in [("jane", "system:masters"), ("system:admin", "x"), ("jane", "System:masters")] {
            let refused = Subject::parse(user, &groups(group), false).unwrap_err().to_string();
            assert!(refused.contains("--allow-system"), "{refused}");
            assert!(Subject::parse(user, &groups(group), true).is_ok());
        }
        assert_eq!(Subject::parse("jane", &groups("ops"), false).unwrap().groups, ["dev", "ops"]);
    }

    #[test]
    fn names_fit_into_a_certificate() {
        for bad in ["", " jane", "jane\n", "a\0b", &"x".repeat(65)] {
            assert!(Subject::parse(bad, &[], true).is_err(), "{bad:?}");
        }
        assert!(Subject::parse(&"ü".repeat(64), &[], false).is_ok());
    }
}
