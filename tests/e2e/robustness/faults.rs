//! Trouble on the way to the management cluster, and with kamaji itself, at every request of every verb that changes
//! something: what passes is ridden out, what does not is told, and the same command, run again, ends where an undisturbed
//! one ends, with the same keys and the same data.
//!
//! Here a sample is tried for two minutes, another one every day; `tests/faults/sweep` tries all. To repeat what failed:
//! `KAMAJI_TEST_FAULT=VERB/TROUBLE/REQUEST`.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::support::TestNamespace;
use crate::support::faults::scenario::{SCENARIOS, Scenario};
use crate::support::faults::sweep::{Plane, Sweep, Verb};

/// The verbs. The states of a control plane are all one verb away from the first one.
const VERBS: [Verb; 13] = [
    Verb {
        name: "create",
        control_plane: Plane::Parked,
        states: ("absent", "made"),
        words: &[
            "create",
            "NAME",
            "--kubeadm-config",
            "FILE",
            "--expose",
            "node-port",
            "--node-selector",
            "kamaji.test/nowhere=true",
            "--wait=false",
            "--timeout",
            "TIME",
        ],
        again: true,
    },
    Verb {
        name: "delete",
        control_plane: Plane::Parked,
        states: ("made", "absent"),
        words: &["delete", "NAME", "--yes", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "pause",
        control_plane: Plane::Real,
        states: ("down", "paused"),
        words: &["pause", "NAME", "--reason", "chaos"],
        again: true,
    },
    Verb {
        name: "resume",
        control_plane: Plane::Real,
        states: ("paused", "down"),
        words: &["resume", "NAME"],
        again: true,
    },
    Verb {
        name: "upgrade",
        control_plane: Plane::Real,
        states: ("down", "new"),
        words: &["upgrade", "NAME", "--to", "v1.37.3", "--yes", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "rollback",
        control_plane: Plane::Real,
        states: ("new", "down"),
        words: &["rollback", "NAME", "--yes", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "update",
        control_plane: Plane::Real,
        states: ("down", "changed"),
        words: &["update", "NAME", "--size", "medium", "--yes", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "un-update",
        control_plane: Plane::Real,
        states: ("changed", "down"),
        words: &["update", "NAME", "--size", "small", "--yes", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "undo",
        control_plane: Plane::Real,
        states: ("changed", "down"),
        words: &["rollback", "NAME", "--yes", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "renew",
        control_plane: Plane::Real,
        states: ("down", "down"),
        words: &["certs", "renew", "NAME", "--yes", "--timeout", "TIME"],
        again: false,
    },
    Verb {
        name: "wake",
        control_plane: Plane::Real,
        states: ("down", "up"),
        words: &["scale", "NAME", "--replicas", "1", "--timeout", "TIME"],
        again: true,
    },
    Verb {
        name: "join",
        control_plane: Plane::Real,
        states: ("up", "up"),
        words: &["join", "NAME", "--timeout", "TIME"],
        again: false,
    },
    Verb {
        name: "sleep",
        control_plane: Plane::Real,
        states: ("up", "down"),
        words: &["scale", "NAME", "--replicas", "0", "--yes", "--timeout", "TIME"],
        again: true,
    },
];

/// So few points say little: more are tried, also where it takes longer.
const TOO_FEW: usize = 3;

/// Verbs that are sampled together, because one brings back what another took away.
const GROUPS: [&[&str]; 5] = [
    &["upgrade", "rollback"],
    &["create", "delete"],
    &["update", "un-update", "undo"],
    &["wake", "join", "sleep"],
    &["pause", "resume", "renew"],
];

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, otherwise: u64) -> u64 {
    variable(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn verb(name: &str) -> &'static Verb {
    VERBS.iter().find(|verb| verb.name == name).unwrap_or_else(|| panic!("no verb is called {name}"))
}

fn scenario(name: &str) -> Scenario {
    SCENARIOS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no trouble is called {name}")).1
}

/// Makes what the verbs need: the real control plane is made only where one of them is tried on it.
fn stage(sandbox: &TestNamespace, verbs: &[&Verb]) -> [(Plane, &'static str); 2] {
    sandbox.quickstart();
    if verbs.iter().any(|verb| verb.control_plane == Plane::Real) {
        sandbox.create(Plane::Real.name(), &[]).ok();
    }
    [(Plane::Parked, "absent"), (Plane::Real, "up")]
}

#[test]
fn after_a_fault_at_any_request_the_same_command_converges() {
    let sandbox = TestNamespace::new("e2e-faults");
    if let Some(point) = variable("KAMAJI_TEST_FAULT") {
        let [name, kind, at] = point.split('/').collect::<Vec<_>>()[..] else { panic!("VERB/TROUBLE/REQUEST") };
        let mut sweep = Sweep::new(&sandbox, &VERBS, &stage(&sandbox, &[verb(name)]));
        let outcome = sweep.point(verb(name), scenario(kind), at.parse().expect("REQUEST is a number"));
        println!("{point}: {outcome:?}");
        assert!(outcome.wrong.is_empty(), "{point}: {:#?}", outcome.wrong);
        return;
    }
    let today = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |age| age.as_secs() / 86_400);
    let seed = number("KAMAJI_TEST_SEED", today);
    let patience = Duration::from_secs(number("KAMAJI_TEST_FAULT_SECONDS", 120));
    let group = GROUPS[usize::try_from(seed % GROUPS.len() as u64).expect("a small number")];
    let verbs: Vec<&Verb> = group.iter().map(|name| verb(name)).collect();
    println!("KAMAJI_TEST_SEED={seed} repeats this: {group:?}");
    let mut sweep = Sweep::new(&sandbox, &VERBS, &stage(&sandbox, &verbs));
    let lengths: Vec<usize> = verbs.iter().map(|verb| sweep.length(verb)).collect();

    let begun = Instant::now();
    let (mut tried, mut failures) = (0, Vec::new());
    let mut dice = Dice(seed);
    let goes_on = |tried: usize| begun.elapsed() < patience || tried <= TOO_FEW;
    while goes_on(tried) {
        for (verb, length) in verbs.iter().zip(&lengths) {
            let (kind, scenario) = SCENARIOS[dice.below(SCENARIOS.len())];
            let at = 1 + dice.below(*length);
            if !sweep.has(verb, scenario, at) || !goes_on(tried) {
                continue;
            }
            let outcome = sweep.point(verb, scenario, at);
            println!("{}/{kind}/{at}: {:?} after {:?}: {}", verb.name, outcome.code, outcome.took, outcome.request);
            tried += 1;
            if !outcome.wrong.is_empty() {
                failures.push(format!("KAMAJI_TEST_FAULT={}/{kind}/{at}: {:#?}", verb.name, outcome.wrong));
            }
        }
    }
    println!("{tried} points in {:?}", begun.elapsed());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(tried > TOO_FEW, "too few points to count: {tried}");
}

/// Numbers that look random and are the same for the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("less than a usize")
    }
}

/// The names that a list chooses: by the whole name, or by how it begins. Without a list all are.
fn chosen<'a>(names: &[&'a str], list: Option<String>) -> Vec<&'a str> {
    let Some(list) = list else { return names.to_vec() };
    let asked: Vec<&str> = list.split(',').collect();
    let begins = |name: &&&str| asked.iter().any(|asked| !names.contains(asked) && name.starts_with(asked));
    names.iter().filter(|name| asked.contains(name) || begins(name)).copied().collect()
}

/// What `tests/faults/sweep` runs: every verb, every kind of trouble, every request, each group of verbs beside the
/// others in a namespace of its own. What is in the file is not tried again.
#[test]
#[ignore = "takes hours; tests/faults/sweep runs it"]
fn sweep() {
    let kinds: Vec<&str> = SCENARIOS.iter().map(|(kind, _)| *kind).collect();
    let verbs: Vec<&str> = VERBS.iter().map(|verb| verb.name).collect();
    let wanted_kinds = chosen(&kinds, variable("KAMAJI_FAULTS_SCENARIOS"));
    let wanted_verbs = chosen(&verbs, variable("KAMAJI_FAULTS_VERBS"));
    let scenarios: Vec<(&str, Scenario)> =
        SCENARIOS.into_iter().filter(|(kind, _)| wanted_kinds.contains(kind)).collect();
    let lanes: Vec<Vec<&Verb>> = GROUPS
        .iter()
        .map(|group| group.iter().map(|name| verb(name)).filter(|verb| wanted_verbs.contains(&verb.name)).collect())
        .filter(|verbs: &Vec<&Verb>| !verbs.is_empty())
        .collect();
    let file = variable("KAMAJI_FAULTS_FILE").expect("KAMAJI_FAULTS_FILE says where outcomes go");
    let small = |name: &str| usize::try_from(number(name, 1)).expect("a small number");
    let (every, beside) = (small("KAMAJI_FAULTS_EVERY"), small("KAMAJI_FAULTS_BESIDE"));
    let done = std::fs::read_to_string(&file).unwrap_or_default();
    let done = done.lines().map(|line| line.split('\t').take(3).collect::<Vec<_>>().join("\t")).collect();
    let book = Book { file: Path::new(&file), taken: Mutex::new(done) };
    std::thread::scope(|scope| {
        for verbs in &lanes {
            for nth in 0..beside {
                let mut scenarios = scenarios.clone();
                // Where some wait for what does not come, others have the processors.
                let first = nth * scenarios.len() / beside;
                scenarios.rotate_left(first);
                let book = &book;
                scope.spawn(move || sweep_group(verbs, &scenarios, every, book, nth));
            }
        }
    });
}

/// The points that were tried or that somebody has taken, and the file that their outcomes go to.
struct Book<'a> {
    file: &'a Path,
    taken: Mutex<BTreeSet<String>>,
}

impl Book<'_> {
    /// Takes a point; false if another one has.
    fn take(&self, point: &str) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(point.to_owned())
    }

    fn write(&self, line: &str) {
        let mut out = OpenOptions::new().create(true).append(true).open(self.file).expect("the file can be written");
        out.write_all(line.as_bytes()).expect("the file can be written");
    }
}

/// One group of verbs, by turns, so that one brings back what the other took away. Those of the same group take points
/// out of each other's way.
fn sweep_group(verbs: &[&Verb], scenarios: &[(&str, Scenario)], every: usize, book: &Book, nth: usize) {
    let sandbox = TestNamespace::new(&format!("e2e-faults-{}-{nth}", verbs[0].name));
    let mut sweep = Sweep::new(&sandbox, &VERBS, &stage(&sandbox, verbs));
    let lengths: Vec<usize> = verbs.iter().map(|verb| sweep.length(verb)).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);

    for (kind, scenario) in scenarios {
        for at in (1..=longest).filter(|at| at.is_multiple_of(every)) {
            for (verb, length) in verbs.iter().zip(&lengths) {
                let point = format!("{}\t{kind}\t{at}", verb.name);
                if at > *length || !sweep.has(verb, *scenario, at) || !book.take(&point) {
                    continue;
                }
                let outcome = sweep.point(verb, *scenario, at);
                let code = outcome.code.map_or_else(|| "killed".to_owned(), |code| code.to_string());
                let verdict = if outcome.wrong.is_empty() { "ok".to_owned() } else { outcome.wrong.join("; ") };
                let took = outcome.took.as_secs();
                book.write(&format!("{point}\t{code}\t{took}\t{verdict}\t{}\n", outcome.request.trim()));
            }
        }
    }
}
