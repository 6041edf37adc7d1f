//! A host of the test cluster: a worker, or somebody's laptop. It ends when the test does.

use std::time::Duration;

use crate::support::cluster::management::script;
use crate::support::command::{Run, run, start};

/// A host; dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Host {
    name: String,
}

impl Host {
    /// Adds a host; `options` are those of `tests/cluster/host add`.
    #[track_caller]
    pub(crate) fn add(name: &str, options: &[&str]) -> Self {
        let mut remove = script("host");
        remove.args(["remove", name]);
        // Left by a run that was killed; usually there is none.
        drop(run(remove));
        let mut add = script("host");
        add.args(["add", name]).args(options);
        run(add).ok();
        Self { name: name.to_owned() }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Lets it reach only these addresses.
    #[track_caller]
    pub(crate) fn restrict(&self, addresses: &[&str]) {
        let mut restrict = script("host");
        restrict.args(["restrict", &self.name]).args(addresses);
        run(restrict).ok();
    }

    /// Runs a command on it.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        let mut command = script("run");
        command.arg(&self.name).args(words);
        start(command, "").finish(Duration::from_secs(180))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut remove = script("host");
        remove.args(["remove", &self.name]);
        // A panic here would hide the one that ended the test.
        drop(start(remove, "").finish(Duration::from_secs(60)));
    }
}
