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
    ("certificates::rotate_ca::the_ca_is_rotated_with_its_workers_and_rolled_back_without_a_failed_request", 450, 3),
    ("certificates::renew::expired_certificates_are_renewed_and_a_renewal_fails_no_request", 378, 2),
    ("snapshot::a_snapshot_holds_one_etcd_revision_and_can_be_restored", 299, 3),
    ("robustness::outages::an_unavailable_or_slow_management_cluster_is_waited_for_within_the_timeout", 247, 1),
    ("rollout::update::settings_change_without_downtime_and_a_failing_change_is_rolled_back", 217, 3),
    ("doctor::doctor_names_each_fault_and_its_remedy_fixes_it", 216, 2),
    ("network::network_policies::a_tenants_api_server_reaches_its_workers_and_nothing_in_the_management_cluster", 211, 3),
    ("certificates::rotate_keys::the_service_account_key_is_rotated_and_rolled_back_without_a_failed_request", 206, 3),
    ("robustness::faults::after_a_fault_at_any_request_the_same_command_converges", 201, 2),
    ("certificates::rotate_keys::the_encryption_key_is_rotated_with_every_secret_and_rolled_back", 200, 3),
    ("rollout::interrupted::workers_and_their_pods_survive_an_upgrade_and_its_rollback", 192, 2),
    ("lifecycle::stale_runs::concurrent_delete_create_upgrade_and_scale_do_not_interleave", 159, 2),
    ("lifecycle::refused_creates::a_create_that_cannot_succeed_reports_the_cause", 138, 2),
    ("certificates::rotate_ca::a_supplied_ca_is_rotated_only_to_another_supplied_ca", 132, 2),
    ("workers::workers_join_over_ssh_are_drained_and_removed", 116, 3),
    ("rollout::interrupted::a_killed_upgrade_reports_its_state_and_converges_to_one_version", 113, 3),
    ("doctor::doctor_names_a_worker_whose_kubelet_stopped", 112, 2),
    ("lifecycle::scale_pause_drift::a_control_plane_scales_to_zero_and_back_is_paused_and_reports_drift", 111, 2),
    ("network::ip_families::a_load_balancers_addresses_change_and_become_a_hostname", 108, 2),
    ("rollout::update::a_killed_update_is_reported_and_completed_or_rolled_back", 105, 2),
    ("rollout::upgrade::an_upgrade_of_two_replicas_fails_no_request", 97, 3),
    ("rollout::upgrade::an_upgrade_fails_no_request_and_a_failing_version_is_rolled_back", 93, 3),
    ("lifecycle::idempotence::a_second_create_changes_nothing_and_a_changed_spec_is_refused_or_confirmed", 87, 2),
    ("lifecycle::killed::a_killed_create_or_delete_is_completed_by_the_same_command", 72, 2),
    ("access::kubeconfigs::kubeconfigs_user_certificates_and_exec_give_access", 72, 3),
    ("network::ip_families::an_ipv6_only_cluster_serves_workers_without_ipv4", 71, 2),
    ("lifecycle::stale_runs::a_run_suspended_past_its_lease_writes_nothing_after_another_took_over", 70, 1),
    ("lifecycle::pods::images_are_pulled_with_a_pull_secret_and_without_one_the_cause_is_reported", 68, 2),
    ("lifecycle::pods::a_small_control_plane_serves_within_its_limits_and_rolls_out_settings_pod_by_pod", 67, 3),
    ("network::ip_families::a_dual_stack_cluster_is_joined_over_its_secondary_family", 63, 2),
    ("lifecycle::create_and_delete::a_control_plane_is_created_used_and_deleted", 62, 3),
    ("documentation::the_tutorial_works_as_printed", 62, 2),
    ("access::management_api_only::an_endpoint_lost_during_a_request_is_bypassed", 57, 2),
    ("access::management_api_only::kamaji_works_where_only_the_management_api_is_reachable", 57, 2),
    ("robustness::signals::signals_closed_pipes_and_full_disks_only_end_the_process", 56, 2),
    ("documentation::the_readme_session_works_as_printed", 54, 2),
    ("lifecycle::files_and_patches::files_and_patches_reach_the_pods_and_the_cluster", 50, 2),
    ("network::network_policies::a_policy_follows_the_management_cluster_and_the_permissions_of_the_user", 41, 2),
    ("lifecycle::isolation::deleting_a_control_plane_leaves_nothing_behind_and_its_neighbour_serving", 39, 3),
    ("lifecycle::isolation::a_delete_waits_for_finalizers_and_names_their_owner", 35, 1),
    ("doctor::doctor_names_an_unreachable_datastore_and_not_what_depends_on_it", 35, 1),
    ("lifecycle::isolation::a_tenants_datastore_certificate_opens_no_other_tenants_data", 34, 3),
    ("lifecycle::concurrent_runs::of_concurrent_creates_and_deletes_one_runs_and_the_others_name_its_holder", 33, 2),
    ("doctor::doctor_names_an_interrupted_create_and_the_remedy_completes_it", 31, 2),
    ("lifecycle::stale_runs::twenty_concurrent_creates_create_nothing_twice", 30, 3),
    ("lifecycle::tenant_control_plane::every_field_of_a_tenant_control_plane_reaches_the_objects_and_the_cluster", 30, 2),
    ("access::permissions::missing_permissions_are_reported_together_before_any_write", 28, 2),
    ("lifecycle::refused_creates::keys_generated_by_openssl_are_used_unchanged", 27, 2),
    ("lifecycle::killed::the_next_delete_removes_the_lock_of_one_killed_at_its_end", 22, 2),
    ("lifecycle::killed::the_next_create_removes_the_lock_of_one_killed_at_its_end", 22, 2),
    ("lifecycle::killed::an_endpoint_that_routes_to_an_unready_pod_does_so_only_until_the_next_create", 19, 2),
    ("network::no_ipv6::ipv6_is_refused_where_the_management_cluster_has_none", 10, 1),
    ("access::permissions::a_viewer_sees_the_fleet_and_no_secret", 7, 1),
    ("doctor::doctor_without_a_name_checks_what_is_shared", 4, 1),
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
pub(crate) struct Slot(Option<Running>);

#[derive(Debug)]
struct Running {
    row: usize,
    waited: Duration,
    begun: Instant,
}

impl Slot {
    /// Waits for the turn of the test that calls, which is known by its thread's name. Threads without a name belong to a
    /// test that has its turn already, and so does one that calls twice.
    pub(crate) fn take() -> Self {
        let thread = std::thread::current();
        let Some(name) = thread.name().filter(|name| *name != "main") else { return Self(None) };
        if RUNS.replace(true) {
            return Self(None);
        }
        let row = TESTS.iter().position(|(test, ..)| *test == name);
        let row = row.unwrap_or_else(|| panic!("{name} has no row in TESTS of tests/support/schedule.rs"));
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

impl Drop for Slot {
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
