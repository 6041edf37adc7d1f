//! Which minors know which flag of a control plane's programs. The lists are what the real programs say, written by
//! `tests/minors/facts`.

const LISTS: [(&str, &str); 3] = [
    ("kube-apiserver", include_str!("flags/kube-apiserver.flags")),
    ("kube-controller-manager", include_str!("flags/kube-controller-manager.flags")),
    ("kube-scheduler", include_str!("flags/kube-scheduler.flags")),
];

/// Whether a flag that `from` knows is gone in `to`; both are minors, for example 36 and 37. What neither list tells is no.
#[must_use]
pub fn flag_goes_away(program: &str, flag: &str, from: u64, to: u64) -> bool {
    knows(program, flag, from) && !knows(program, flag, to)
}

fn knows(program: &str, flag: &str, minor: u64) -> bool {
    let list = LISTS.iter().find(|(name, _)| *name == program).map_or("", |(_, list)| list);
    list.lines().filter_map(|line| line.split_once(' ')).any(|(minors, name)| name == flag && holds(minors, minor))
}

/// Whether `30-36` or `37` holds the minor.
fn holds(minors: &str, minor: u64) -> bool {
    let (first, last) = minors.split_once('-').unwrap_or((minors, minors));
    let number = |text: &str| text.parse::<u64>().ok();
    number(first).zip(number(last)).is_some_and(|(first, last)| (first..=last).contains(&minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_the_next_minor_dropped_goes_away() {
        let program = "kube-controller-manager";
        assert!(flag_goes_away(program, "concurrent-service-syncs", 36, 37));
        assert!(!flag_goes_away(program, "concurrent-service-syncs", 35, 36));
        assert!(!flag_goes_away(program, "profiling", 36, 37));
        assert!(!flag_goes_away(program, "nobody-knows-it", 36, 37));
    }
}
