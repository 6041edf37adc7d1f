//! A component's command line: kamaji's flags, with the user's laid over them as kubeadm does it.

use crate::model::{Arg, MergeMethod};

/// Flags in the order they are rendered.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags(Vec<Arg>);

impl Flags {
    /// Adds a flag.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push(Arg::new(name, value));
        self
    }

    /// The command line of `binary`: a flag that the user gives replaces ours of that name, or is joined with it; the
    /// rest keeps its order. As kubeadm's `ArgumentsToCommand`: the last of several of one name decides about ours.
    pub(super) fn command(&self, binary: &str, extra: &[Arg]) -> Vec<String> {
        let ours = |flag: &Arg| match extra.iter().rev().find(|arg| arg.name == flag.name) {
            None => Some(line(flag)),
            Some(arg) => merged(&flag.value, arg).map(|value| line(&Arg::new(&flag.name, value))),
        };
        std::iter::once(binary.to_owned())
            .chain(self.0.iter().filter_map(ours))
            .chain(extra.iter().filter(|arg| arg.merge.is_replace()).map(line))
            .collect()
    }

    /// Arguments that are to be joined with one of ours which there is not: as with kubeadm, nothing comes of them.
    pub(super) fn without_base<'a>(&self, extra: &'a [Arg]) -> Vec<&'a str> {
        let lost = |arg: &&Arg| !arg.merge.is_replace() && !self.0.iter().any(|flag| flag.name == arg.name);
        extra.iter().filter(lost).map(|arg| arg.name.as_str()).collect()
    }
}

/// Our value joined with the user's; none when the user's stands alone.
fn merged(ours: &str, arg: &Arg) -> Option<String> {
    match arg.merge {
        MergeMethod::Replace => None,
        MergeMethod::Append => Some(format!("{ours}{}", arg.value)),
        MergeMethod::Prepend => Some(format!("{}{ours}", arg.value)),
    }
}

fn line(arg: &Arg) -> String {
    format!("--{}={}", arg.name, literal(&arg.value))
}

/// Doubles each `$`: the kubelet would expand `$(NAME)` as a reference to a variable, and takes `$$` for one `$`
/// (`third_party/forked/golang/expansion`), so that nothing less keeps `$$(NAME)` as it is.
pub(super) fn literal(value: &str) -> String {
    value.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_flag_replaces_ours_and_is_taken_literally() {
        let mut flags = Flags::default();
        flags.set("v", "2").set("bind-address", "0.0.0.0");
        let extra = [Arg::new("v", "$(HOME)")];
        assert_eq!(flags.command("x", &extra), ["x", "--bind-address=0.0.0.0", "--v=$$(HOME)"]);
        assert_eq!(literal("$$(HOME) $a $"), "$$$$(HOME) $$a $$");
    }

    /// The rules are those of kubeadm 1.37 (`util/arguments.go`): one line a flag, joined without anything between.
    #[test]
    fn values_are_joined_as_kubeadm_joins_them() {
        let mut flags = Flags::default();
        flags.set("controllers", "*").set("enable-admission-plugins", "NodeRestriction").set("v", "1");
        let arg = |name: &str, value: &str, merge| Arg { merge, ..Arg::new(name, value) };
        let extra = [
            arg("enable-admission-plugins", ",AlwaysPullImages", MergeMethod::Append),
            arg("controllers", "-nodeipam,", MergeMethod::Prepend),
            arg("profiling", "x", MergeMethod::Append),
            arg("v", "2", MergeMethod::Replace),
            arg("v", "3", MergeMethod::Append),
        ];
        assert_eq!(
            flags.command("x", &extra),
            [
                "x",
                "--controllers=-nodeipam,*",
                "--enable-admission-plugins=NodeRestriction,AlwaysPullImages",
                "--v=13",
                "--v=2"
            ]
        );
        assert_eq!(flags.without_base(&extra), ["profiling"]);
    }
}
