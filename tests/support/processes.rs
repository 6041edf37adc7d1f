//! What every process of the machine has in its command line, those on test hosts too, while something goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Watches until it is stopped.
pub(crate) struct CommandLines {
    stop: Arc<AtomicBool>,
    watch: JoinHandle<BTreeSet<String>>,
}

impl CommandLines {
    /// Begins.
    pub(crate) fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watch = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
                    // A process that ended meanwhile is no matter.
                    if let Ok(bytes) = std::fs::read(entry.path().join("cmdline")) {
                        seen.insert(String::from_utf8_lossy(&bytes).replace('\0', " "));
                    }
                }
                thread::sleep(Duration::from_millis(20));
            }
            seen
        });
        Self { stop, watch }
    }

    /// Ends, and says what was seen.
    pub(crate) fn stop(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.watch.join().expect("the watch does not panic")
    }
}
