//! How control planes, processes and moments are told to people.

use std::fmt;

use jiff::Timestamp;

use super::{ControlPlaneName, ControlPlaneSpec, Namespace};

/// A control plane as errors name it: its name, and what a command is given for it. Boxed, because errors are to be small.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacedName(Box<(ControlPlaneName, Namespace)>);

impl NamespacedName {
    /// That of this name in this namespace.
    #[must_use]
    pub fn new(name: &ControlPlaneName, namespace: &Namespace) -> Self {
        Self(Box::new((name.clone(), namespace.clone())))
    }

    /// As the argument of a command, which then means the same one whatever the context's namespace is: `prod -n team-a`.
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
    /// How errors name it.
    #[must_use]
    pub fn namespaced_name(&self) -> NamespacedName {
        NamespacedName::new(&self.name, &self.namespace)
    }
}

/// A moment to the second: `2026-11-29 09:36:40 UTC`.
#[must_use]
pub fn format_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A process that locks and records name `HOST/PID/MACHINE`: `process 17 on laptop`. Any other text as it is.
#[must_use]
pub fn format_holder(name: &str) -> String {
    match host_and_id(name) {
        Some((host, id)) => format!("process {id} on {host}"),
        None => name.to_owned(),
    }
}

/// The host alone of such a process. Any other text as it is.
#[must_use]
pub fn host_of_process(name: &str) -> &str {
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
    fn a_process_is_told_by_its_id_and_host() {
        assert_eq!(format_holder("laptop/17/9e409415.4026531836"), "process 17 on laptop");
        assert_eq!(format_holder("a/b/17/x"), "process 17 on a/b");
        assert_eq!(host_of_process("laptop/17/9e409415.4026531836"), "laptop");
        for other in ["", "laptop", "laptop/17", "laptop/x/y", "/17/x"] {
            assert_eq!((format_holder(other).as_str(), host_of_process(other)), (other, other));
        }
    }

    #[test]
    fn a_moment_is_told_to_the_second() {
        assert_eq!(format_time("2026-11-29T09:36:40.785960333Z".parse().unwrap()), "2026-11-29 09:36:40 UTC");
    }

    #[test]
    fn a_control_plane_is_an_argument_with_its_namespace() {
        let control_plane =
            NamespacedName::new(&ControlPlaneName::parse("prod").unwrap(), &Namespace::parse("team-a").unwrap());
        assert_eq!(
            (control_plane.to_string(), control_plane.argument()),
            ("prod".to_owned(), "prod -n team-a".to_owned())
        );
    }
}
