//! When a cluster test runs. All are started at once and wait here for their turn: the longest first, so many at a time as
//! the machine can carry. Measures how long each takes.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How much may run at once: the sum of the weights of [`TESTS`]. `KAMAJI_TEST_CAPACITY` is another number.
const CAPACITY: i32 = 10;

/// Each test, with the seconds that it takes when the suite runs on two processors, and its weight: 1 for one that mostly
/// waits or whose pods find no node, 2 for one control plane, 3 for more than one or with workers, and one more where
/// requests must not fail meanwhile.
#[rustfmt::skip]
const TESTS: [(&str, u32, i32); 54] = [
    ("authority::the_authority_is_changed_with_its_workers_without_a_failed_request_and_back", 450, 3),
    ("certs::certificates_that_have_all_expired_are_made_anew_and_a_renewal_fails_no_request", 378, 2),
    ("snapshot::a_snapshot_is_what_etcd_has_at_one_revision_and_can_be_put_back", 299, 3),
    ("outages::a_management_cluster_that_is_away_busy_or_slow_is_waited_for_and_no_longer_than_was_said", 247, 1),
    ("update::settings_change_while_it_serves_and_what_does_not_work_is_taken_back", 217, 3),
    ("doctor::each_broken_link_is_named_and_what_doctor_says_mends_it", 216, 2),
    ("policies::a_tenants_api_server_reaches_its_workers_and_nothing_of_the_management_cluster", 211, 3),
    ("keys::the_service_account_key_is_changed_without_a_failed_request_and_back", 206, 3),
    ("faults::after_trouble_at_any_request_the_same_command_ends_where_an_undisturbed_one_ends", 201, 2),
    ("keys::the_encryption_key_is_changed_and_every_secret_with_it_and_back", 200, 3),
    ("interrupted::workers_and_their_pods_stay_over_an_upgrade_and_over_the_way_back", 192, 2),
    ("stale::a_delete_and_a_create_an_upgrade_and_a_scale_at_once_do_not_mix", 159, 2),
    ("refusals::a_create_that_cannot_work_says_why", 138, 2),
    ("authority::a_given_authority_is_changed_only_for_another_that_is_given", 132, 2),
    ("workers::workers_join_over_ssh_are_drained_and_taken_out", 116, 3),
    ("interrupted::an_upgrade_that_is_killed_says_where_it_stands_and_ends_in_one_version", 113, 3),
    ("doctor::a_worker_whose_kubelet_stopped_is_named", 112, 2),
    ("days::a_control_plane_sleeps_and_wakes_is_paused_and_tells_who_changed_it", 111, 2),
    ("networks::a_load_balancer_gives_several_addresses_then_others_then_a_name", 108, 2),
    ("update::an_update_that_is_killed_is_told_and_finished_or_taken_back", 105, 2),
    ("upgrade::an_upgrade_of_two_replicas_fails_no_request", 97, 3),
    ("upgrade::an_upgrade_fails_no_request_and_a_version_that_does_not_come_up_is_taken_back", 93, 3),
    ("again::a_second_create_changes_nothing_and_another_wish_is_refused_or_asked_about", 87, 2),
    ("kill::a_create_or_delete_that_is_killed_is_finished_by_the_same_command", 72, 2),
    ("access::people_come_in_by_kubeconfigs_certificates_and_commands", 72, 3),
    ("networks::an_ipv6_only_cluster_serves_workers_that_have_no_ipv4", 71, 2),
    ("stale::who_stood_still_longer_than_its_lock_lives_writes_nothing_more_once_another_took_over", 70, 1),
    ("pods::images_come_from_a_registry_with_a_password_and_without_one_the_cause_is_told", 68, 2),
    ("pods::a_small_control_plane_serves_under_its_limits_and_its_settings_change_one_pod_after_the_other", 67, 3),
    ("networks::a_cluster_of_both_families_is_joined_by_the_other_family", 63, 2),
    ("life::a_control_plane_is_created_used_by_workers_and_people_and_deleted", 62, 3),
    ("tutorial::the_tutorial_is_true", 62, 2),
    ("laptop::an_endpoint_that_goes_while_it_is_asked_is_gone_around", 57, 2),
    ("laptop::kamaji_works_where_only_the_management_api_is_reached", 57, 2),
    ("signals::signals_closed_pipes_and_full_disks_do_no_more_than_end_it", 56, 2),
    ("tutorial::the_session_in_the_readme_is_true", 54, 2),
    ("files::files_and_patches_of_the_user_reach_the_pods_and_the_cluster", 50, 2),
    ("policies::a_policy_follows_the_management_cluster_and_the_rights_of_who_runs_kamaji", 41, 2),
    ("neighbours::deleting_a_control_plane_leaves_its_neighbour_serving_and_nothing_of_itself", 39, 3),
    ("neighbours::a_delete_waits_for_what_others_hold_and_says_who", 35, 1),
    ("doctor::a_datastore_that_is_away_is_named_and_not_what_waits_for_it", 35, 1),
    ("neighbours::a_control_plane_cannot_touch_its_neighbours_data_with_its_own_certificate", 34, 3),
    ("together::of_several_creates_and_deletes_at_once_one_works_and_the_others_are_told_who", 33, 2),
    ("doctor::a_creation_that_was_cut_off_is_named_and_finished", 31, 2),
    ("stale::of_twenty_creates_at_once_nobody_makes_anything_twice", 30, 3),
    ("document::everything_that_a_document_says_is_in_the_objects_and_in_the_cluster", 30, 2),
    ("rights::missing_rights_are_told_together_before_anything_is_written", 28, 2),
    ("refusals::keys_made_by_openssl_are_used_as_they_are", 27, 2),
    ("kill::the_lock_of_a_delete_killed_at_its_end_goes_with_the_next_delete", 22, 2),
    ("kill::the_lock_of_a_create_killed_at_its_end_goes_with_the_next_create", 22, 2),
    ("kill::an_endpoint_that_leads_to_a_pod_early_does_so_only_until_the_next_create", 19, 2),
    ("no_ipv6::ipv6_is_refused_where_the_management_cluster_has_none", 10, 1),
    ("rights::a_viewer_sees_the_fleet_and_no_secret", 7, 1),
    ("doctor::what_is_shared_is_looked_at_without_a_name", 4, 1),
];

/// The least time from one test's start to the next: a control plane takes most of a processor while it starts. The first
/// is held back as long, until the others wait beside it.
const APART: Duration = Duration::from_secs(5);

struct Line {
    /// The rows of the tests that wait.
    waiting: Vec<usize>,
    /// The weight of those that run; more than the capacity when tests that were idle go on.
    carried: i32,
    /// When the last test started, or the first one came.
    last: Option<Instant>,
}

static LINE: Mutex<Line> = Mutex::new(Line { waiting: Vec::new(), carried: 0, last: None });
static MOVED: Condvar = Condvar::new();

thread_local! {
    /// Whether the test of this thread has its turn.
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

/// The turn of a test; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<Running>);

#[derive(Debug)]
struct Running {
    row: usize,
    waited: Duration,
    begun: Instant,
}

impl Turn {
    /// Waits for the turn of the test that calls, which is known by its thread's name. Threads without a name belong to a
    /// test that has its turn already, and so does one that calls twice.
    pub(crate) fn take() -> Self {
        let thread = std::thread::current();
        let Some(name) = thread.name().filter(|name| *name != "main") else { return Self(None) };
        if RUNS.replace(true) {
            return Self(None);
        }
        let row = TESTS.iter().position(|(test, ..)| *test == name);
        let row = row.unwrap_or_else(|| panic!("{name} has no row in TESTS of tests/support/turn.rs"));
        let asked = Instant::now();
        let mut line = LINE.lock().unwrap_or_else(PoisonError::into_inner);
        line.last.get_or_insert(asked);
        line.waiting.push(row);
        while !line.is_next(row) {
            let woken = MOVED.wait_timeout(line, APART / 10).unwrap_or_else(PoisonError::into_inner);
            line = woken.0;
        }
        line.waiting.retain(|waiting| *waiting != row);
        line.carried += TESTS[row].2;
        line.last = Some(Instant::now());
        drop(line);
        MOVED.notify_all();
        Self(Some(Running { row, waited: asked.elapsed(), begun: Instant::now() }))
    }

    /// Lets others have the place of the test while it does nothing but wait for a long time.
    pub(crate) fn idle<T>(&self, wait: impl FnOnce() -> T) -> T {
        let Some(running) = &self.0 else { return wait() };
        let weight = TESTS[running.row].2;
        give_back(weight);
        let value = wait();
        give_back(-weight);
        value
    }

    /// Ends it, and writes down how long it took.
    pub(crate) fn end(&mut self, failed: bool) {
        let Some(running) = self.0.take() else { return };
        let (name, _, weight) = TESTS[running.row];
        let line = format!(
            "{}\t{}\t{name}\t{}\n",
            running.begun.elapsed().as_secs(),
            running.waited.as_secs(),
            if failed { "FAILED" } else { "ok" }
        );
        note(&line);
        give_back(weight);
    }
}

fn give_back(weight: i32) {
    LINE.lock().unwrap_or_else(PoisonError::into_inner).carried -= weight;
    MOVED.notify_all();
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.end(std::thread::panicking());
    }
}

impl Line {
    /// Whether it is the turn of a test: the first in the table of those that wait, once it fits in. What is lighter does
    /// not overtake it, or heavy ones would be left for the end.
    fn is_next(&self, row: usize) -> bool {
        let is_first = self.waiting.iter().min() == Some(&row);
        let fits = self.carried == 0 || self.carried + TESTS[row].2 <= capacity();
        is_first && fits && self.last.is_some_and(|last| last.elapsed() >= APART)
    }
}

fn capacity() -> i32 {
    std::env::var("KAMAJI_TEST_CAPACITY").ok().and_then(|text| text.parse().ok()).unwrap_or(CAPACITY)
}

/// Appends a line to the file that `tests/run` makes a table of.
fn note(line: &str) {
    let Some(file) = std::env::var_os("KAMAJI_TEST_TIMES").map(PathBuf::from) else { return };
    let written =
        OpenOptions::new().create(true).append(true).open(&file).and_then(|mut f| f.write_all(line.as_bytes()));
    if let Err(error) = written {
        eprintln!("{} cannot be written: {error}", file.display());
    }
}
