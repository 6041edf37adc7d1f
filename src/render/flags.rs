//! Builds a component's command line: merges the user's flags into kamaji's, like kubeadm.

use crate::model::{Arg, MergeMethod};

/// kamaji's flags, in the order they are rendered.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags(Vec<Arg>);

impl Flags {
    /// Appends a flag.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.push(Arg::new(name, value));
        self
    }

    /// The command line of `binary`. A user flag replaces kamaji's flag of that name or is merged with it; other flags
    /// keep their order. As in kubeadm's `ArgumentsToCommand`, the last of several user flags with a name determines
    /// the merge.
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

    /// The user arguments to append or prepend to a flag that kamaji does not set. Like kubeadm, kamaji ignores them.
    pub(super) fn without_default<'a>(&self, extra: &'a [Arg]) -> Vec<&'a str> {
        let ignored = |arg: &&Arg| !arg.merge.is_replace() && !self.0.iter().any(|flag| flag.name == arg.name);
        extra.iter().filter(ignored).map(|arg| arg.name.as_str()).collect()
    }
}

/// kamaji's value merged with the user's; `None` if the user's replaces it.
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

/// Escapes each `$` as `$$`: otherwise the kubelet expands `$(NAME)`, and unescapes `$$`
/// (`third_party/forked/golang/expansion`).
pub(super) fn literal(value: &str) -> String {
    value.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_flag_replaces_kamajis_and_is_not_expanded() {
        let mut flags = Flags::default();
        flags.set("v", "2").set("bind-address", "0.0.0.0");
        let extra = [Arg::new("v", "$(HOME)")];
        assert_eq!(flags.command("x", &extra), ["x", "--bind-address=0.0.0.0", "--v=$$(HOME)"]);
        assert_eq!(literal("$$(HOME) $a $"), "$$$$(HOME) $$a $$");
    }

    /// The rules of kubeadm 1.37 (`util/arguments.go`): one line per flag, merged without a separator.
    #[test]
    fn values_are_merged_as_by_kubeadm() {
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
        assert_eq!(flags.without_default(&extra), ["profiling"]);
    }
}
