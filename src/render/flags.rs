//! A component's command line: kamaji's flags, with the user's laid over them as kubeadm does it.

use crate::model::Arg;

/// Flags in the order they are rendered.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags(Vec<Arg>);

impl Flags {
    /// Adds a flag.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push(Arg { name: name.to_owned(), value: value.into() });
        self
    }

    /// The command line of `binary`: a flag that the user gives replaces ours of that name (kubeadm's
    /// `ArgumentsToCommand`); the rest keeps its order.
    pub(super) fn command(&self, binary: &str, extra: &[Arg]) -> Vec<String> {
        let given = |name: &str| extra.iter().any(|arg| arg.name == name);
        std::iter::once(binary.to_owned())
            .chain(self.0.iter().filter(|flag| !given(&flag.name)).map(line))
            .chain(extra.iter().map(line))
            .collect()
    }
}

fn line(arg: &Arg) -> String {
    format!("--{}={}", arg.name, literal(&arg.value))
}

/// Escapes `$(`, which the kubelet would expand as a reference to a variable.
pub(super) fn literal(value: &str) -> String {
    value.replace("$(", "$$(")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_flag_replaces_ours_and_is_taken_literally() {
        let mut flags = Flags::default();
        flags.set("v", "2").set("bind-address", "0.0.0.0");
        let extra = [Arg { name: "v".into(), value: "$(HOME)".into() }];
        assert_eq!(flags.command("x", &extra), ["x", "--bind-address=0.0.0.0", "--v=$$(HOME)"]);
    }
}
