//! Formats control planes, lock holders and times for messages.

use std::fmt;

use jiff::Timestamp;

use super::{ControlPlaneName, ControlPlaneSpec, Namespace};

/// A control plane's name and namespace, for messages and hints. Boxed to keep error types small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacedName(Box<(ControlPlaneName, Namespace)>);

impl NamespacedName {
    /// Combines a name and a namespace.
    #[must_use]
    pub fn new(name: &ControlPlaneName, namespace: &Namespace) -> Self {
        Self(Box::new((name.clone(), namespace.clone())))
    }

    /// The command-line arguments that select it whatever the context's namespace is: `prod -n team-a`.
    #[must_use]
    pub fn argument(&self) -> String {
        let (name, namespace) = &*self.0;
        format!("{name} -n {namespace}")
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.0, f)
    }
}

impl ControlPlaneSpec {
    /// The name and namespace, for messages.
    #[must_use]
    pub fn namespaced_name(&self) -> NamespacedName {
        NamespacedName::new(&self.name, &self.namespace)
    }
}

/// A time with second precision: `2026-11-29 09:36:40 UTC`.
#[must_use]
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Formats the holder of a lock or record, `HOST/PID/MACHINE`, as `process 17 on laptop`. Other text is returned as is.
#[must_use]
pub fn format_holder(name: &str) -> String {
    match host_and_id(name) {
        Some((host, id)) => format!("process {id} on {host}"),
        None => name.to_owned(),
    }
}

/// The host of a holder `HOST/PID/MACHINE`. Other text is returned as is.
#[must_use]
pub fn holder_host(name: &str) -> &str {
    host_and_id(name).map_or(name, |(host, _)| host)
}

fn host_and_id(name: &str) -> Option<(&str, u32)> {
    let mut parts = name.rsplitn(3, '/').skip(1);
    let id = parts.next()?.parse().ok()?;
    parts.next().filter(|host| !host.is_empty()).map(|host| (host, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_shown_as_process_and_host() {
        assert_eq!(format_holder("laptop/17/9e409415.4026531836"), "process 17 on laptop");
        assert_eq!(format_holder("a/b/17/x"), "process 17 on a/b");
        assert_eq!(holder_host("laptop/17/9e409415.4026531836"), "laptop");
        for other in ["", "laptop", "laptop/17", "laptop/x/y", "/17/x"] {
            assert_eq!((format_holder(other).as_str(), holder_host(other)), (other, other));
        }
    }

    #[test]
    fn times_are_shown_to_the_second() {
        assert_eq!(format_time("2026-11-29T09:36:40.785960333Z".parse().unwrap()), "2026-11-29 09:36:40 UTC");
    }

    #[test]
    fn arguments_include_the_namespace() {
        let control_plane =
            NamespacedName::new(&ControlPlaneName::parse("prod").unwrap(), &Namespace::parse("team-a").unwrap());
        assert_eq!(
            (control_plane.to_string(), control_plane.argument()),
            ("prod".to_owned(), "prod -n team-a".to_owned())
        );
    }
}
