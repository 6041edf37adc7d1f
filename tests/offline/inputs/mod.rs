//! What hurts, given to the program itself: refused with a reason, within a second of processor time and 100 MiB.

mod arguments;
mod keys;
mod kubeconfigs;
mod texts;

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::program::{Place, Ran};

/// Runs the program with limits that the kernel keeps: two seconds of processor time, as it is built without
/// optimization, and 100 MiB of data.
fn limited(place: &Place, arguments: &[&str]) -> Ran {
    limited_with(place, arguments, &[("KUBECONFIG", "nowhere")])
}

/// The same with other variables; a home is given by `HOME` only.
fn limited_with(place: &Place, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let plain = place.command(arguments);
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -t 2 -d 102400 && exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    command.env_clear().env("HOME", place.path()).envs(variables.iter().copied());
    command.current_dir(place.path()).stdin(Stdio::null());
    let begun = Instant::now();
    Ran::of(command.output().unwrap(), begun)
}

fn refused(ran: &Ran, what: &str, said: &str) {
    assert_eq!(ran.code, 2, "{what}: {}", ran.stderr);
    assert!(ran.stderr.contains(said), "{what}: `{said}` is not in:\n{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains('\u{1b}'), "{what}: {}", ran.stderr);
    assert!(ran.stderr.len() < 100_000, "{what}: {} bytes", ran.stderr.len());
}
