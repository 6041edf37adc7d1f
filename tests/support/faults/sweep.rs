//! Running verbs through trouble at each of their requests, and comparing what is left with an undisturbed run.
//!
//! A verb takes a control plane from one state to another. Two control planes are used: one whose pods find no node, which
//! costs next to nothing, and one that was real and mostly sleeps. Which verbs there are is a table of the caller.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::lifecycle::killed::kill;
use crate::support::cluster::clients::EtcdClient;
use crate::support::command::Run;
use crate::support::faults::final_state::{FinalState, orphans};
use crate::support::faults::proxy::{Injection, Request};
use crate::support::faults::scenario::Scenario;
use crate::support::secrets::Hidden;
use crate::support::{Identity, Proxy, TestNamespace, management};

/// How much longer than its time a run may take: to begin, to tidy up, on a busy machine.
const GRACE: Duration = Duration::from_secs(60);

/// A control plane of the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plane {
    /// Its pods find no node.
    Parked,
    /// It has served, and can be woken.
    Real,
}

impl Plane {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Real => "real",
        }
    }
}

/// A verb: from one state of a control plane to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verb {
    /// What it is called in tables.
    pub(crate) name: &'static str,
    /// Which control plane it is tried on.
    pub(crate) control_plane: Plane,
    /// The state it begins in, and the state it ends in.
    pub(crate) states: (&'static str, &'static str),
    /// Its words; `NAME`, `FILE` and `TIME` stand for the control plane, the kubeadm file and the time it may take.
    pub(crate) words: &'static [&'static str],
    /// Whether running it again changes nothing: all but what makes something new each time.
    pub(crate) again: bool,
}

/// What an undisturbed run did.
#[derive(Debug, Clone)]
struct Undisturbed {
    requests: Vec<Request>,
    before: FinalState,
    after: FinalState,
}

/// A sweep at work.
pub(crate) struct Sweep<'a> {
    sandbox: &'a TestNamespace,
    proxy: Proxy,
    root: EtcdClient,
    verbs: &'a [Verb],
    states: BTreeMap<Plane, &'static str>,
    known: BTreeMap<&'static str, Undisturbed>,
    /// What was seen last of a control plane, while nothing was done to it since.
    seen: BTreeMap<Plane, FinalState>,
}

/// What became of one point.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The request that was harmed.
    pub(crate) request: String,
    /// How the disturbed run ended.
    pub(crate) code: Option<i32>,
    /// What is wrong.
    pub(crate) wrong: Vec<String>,
    /// How long all of it took.
    pub(crate) took: Duration,
}

impl<'a> Sweep<'a> {
    /// Begins, with the states that the control planes are in.
    pub(crate) fn new(sandbox: &'a TestNamespace, verbs: &'a [Verb], states: &[(Plane, &'static str)]) -> Self {
        let proxy = Proxy::start(&Identity::of(&management()));
        let states = states.iter().copied().collect();
        Self { sandbox, proxy, root: EtcdClient::root(), verbs, states, known: BTreeMap::new(), seen: BTreeMap::new() }
    }

    fn words(&self, verb: &Verb, time: &str) -> Vec<String> {
        let file = self.sandbox.files.path().join("kubeadm.yaml").display().to_string();
        let word = |word: &&str| match *word {
            "NAME" => verb.control_plane.name().to_owned(),
            "FILE" => file.clone(),
            "TIME" => time.to_owned(),
            word => word.to_owned(),
        };
        verb.words.iter().map(word).collect()
    }

    fn plain(&self, verb: &Verb) -> Run {
        let words = self.words(verb, "120s");
        self.sandbox.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn sight(&self, control_plane: Plane) -> FinalState {
        FinalState::of(self.sandbox, &self.root, control_plane.name())
    }

    /// Brings a control plane to a state, by undisturbed verbs.
    pub(crate) fn bring(&mut self, control_plane: Plane, state: &'static str) {
        while self.states[&control_plane] != state {
            let now = self.states[&control_plane];
            let begins =
                |verb: &&Verb| verb.control_plane == control_plane && verb.states.0 == now && verb.states.1 != now;
            let there = self.verbs.iter().filter(begins).find(|verb| verb.states.1 == state);
            // All states are one verb away from the one that the others begin in.
            let verb = there.or_else(|| self.verbs.iter().find(begins)).expect("a verb leads out of each state");
            self.plain(verb).ok();
            self.seen.remove(&control_plane);
            self.states.insert(control_plane, verb.states.1);
        }
    }

    /// How many requests a verb makes when nothing disturbs it.
    pub(crate) fn length(&mut self, verb: &Verb) -> usize {
        self.undisturbed(verb).requests.len()
    }

    fn undisturbed(&mut self, verb: &Verb) -> Undisturbed {
        if let Some(known) = self.known.get(verb.name) {
            return known.clone();
        }
        self.bring(verb.control_plane, verb.states.0);
        let before = self.sight(verb.control_plane);
        self.seen.remove(&verb.control_plane);
        self.proxy.reset();
        let words = self.words(verb, "120s");
        self.sandbox.run_through(&self.proxy, &words.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        let requests = self.proxy.requests();
        self.states.insert(verb.control_plane, verb.states.1);
        let after = self.sight(verb.control_plane);
        println!(
            "{}: {} requests, {} of them write",
            verb.name,
            requests.len(),
            requests.iter().filter(|r| r.writes()).count()
        );
        let known = Undisturbed { requests, before, after };
        self.known.insert(verb.name, known.clone());
        known
    }

    /// Whether a verb has a request `at` that this can happen to.
    pub(crate) fn has(&mut self, verb: &Verb, scenario: Scenario, at: usize) -> bool {
        self.undisturbed(verb).requests.get(at - 1).is_some_and(|request| scenario.fits(request))
    }

    /// Runs a verb into trouble at its request `at`, then again undisturbed, and says what is wrong.
    pub(crate) fn point(&mut self, verb: &Verb, scenario: Scenario, at: usize) -> Outcome {
        let known = self.undisturbed(verb);
        self.bring(verb.control_plane, verb.states.0);
        let begun = Instant::now();
        let users = self.root.users();
        let before = self.seen.remove(&verb.control_plane).unwrap_or_else(|| self.sight(verb.control_plane));
        let mut wrong: Vec<String> =
            before.against(&known.before).iter().map(|what| format!("before it began: {what}")).collect();

        let (run, request) = self.disturb(verb, scenario, at, known.requests.len());
        let harmed: Vec<Request> = self.proxy.requests().into_iter().filter(|request| request.harmed).collect();
        let limit = GRACE + Duration::from_secs(scenario.timeout().trim_end_matches('s').parse().unwrap_or(60));
        wrong.extend(scenario.judge(&run, limit, &harmed));
        let between = self.sight(verb.control_plane);
        let told = |hidden: &&Hidden| hidden.is_in(&run.stderr) || hidden.is_in(&run.stdout);
        let told = before.hidden.iter().chain(&between.hidden).filter(told);
        wrong.extend(told.map(|hidden| format!("it tells {}", hidden.what)));
        let succeeded = run.code == Some(0) && verb.again;
        if succeeded {
            // To give the lock back is no part of the work; the next run removes it.
            let missed = between.against(&known.after).into_iter().filter(|what| !what.starts_with("Lease/"));
            wrong.extend(missed.map(|what| format!("it succeeded, but {what}")));
        }
        let finished = self.plain(verb);
        if finished.code != Some(0) {
            wrong.push(format!("the same command, run again, fails: {}", first_error(&finished)));
        }
        let after = self.sight(verb.control_plane);
        wrong.extend(after.against(&known.after));
        if !after.shape.is_empty() {
            let lost = |was: &FinalState| {
                after.lost(was).into_iter().filter(|key| was.id == after.id || key == "id").collect()
            };
            let (kept, made): (Vec<String>, Vec<String>) = (lost(&before), lost(&between));
            wrong.extend(kept.into_iter().chain(made).map(|what| format!("{what} was made twice")));
        }
        let mut last = after.clone();
        // What a read left when it failed is what the write before it left.
        let wrote = scenario == Scenario::KillTwice || harmed.iter().any(Request::writes);
        if succeeded {
            wrong.extend(between.rewritten(&after).map(|what| format!("a second run writes {what} again")));
        } else if verb.again && wrote && finished.code == Some(0) {
            let third = self.plain(verb);
            last = self.sight(verb.control_plane);
            wrong.extend(after.rewritten(&last).map(|what| format!("a third run writes {what} again")));
            if third.code != Some(0) {
                wrong.push(format!("a third run fails: {}", first_error(&third)));
            }
        }
        let own = after.id.as_deref().or(between.id.as_deref());
        if own.is_some() {
            let mut left = orphans(self.root.users(), &users, own);
            for _ in 0..60 {
                // Neighbours of other tests have a user for a moment before they say that it is theirs.
                if left.is_empty() {
                    break;
                }
                std::thread::sleep(Duration::from_secs(1));
                left = orphans(self.root.users(), &users, own);
            }
            wrong.extend(left.iter().map(|user| format!("user {user} is left in the datastore")));
        }
        self.states.insert(verb.control_plane, verb.states.1);
        self.seen.insert(verb.control_plane, last);
        if !wrong.is_empty() {
            println!(
                "--- {} {scenario:?} at {at}: {wrong:#?}\nthe disturbed run: {run}\nthe next run: {finished}",
                verb.name
            );
        }
        Outcome { request, code: run.code, wrong, took: begun.elapsed() }
    }

    fn disturb(&self, verb: &Verb, scenario: Scenario, at: usize, length: usize) -> (Run, String) {
        let words = self.words(verb, scenario.timeout());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (first, fault, times) = match scenario {
            Scenario::Kill(moment) => {
                return kill(self.sandbox, &self.proxy, &words, moment, move |request| request.number == at);
            }
            Scenario::KillTwice => {
                use crate::support::faults::proxy::Timing;
                kill(self.sandbox, &self.proxy, &words, Timing::After, move |request| request.number == at);
                let second = 1 + (at + length / 2) % length;
                return kill(self.sandbox, &self.proxy, &words, Timing::Before, move |request| {
                    request.number == second
                });
            }
            Scenario::Once(fault) => (at, fault, 1),
            Scenario::On(fault) => (at, fault, usize::MAX),
        };
        self.proxy.reset();
        self.proxy.harm_often(
            times,
            move |request| request.number >= first && scenario.fits(request),
            Injection::Fault(fault),
        );
        let run = self.sandbox.run_through(&self.proxy, &words);
        let requests = self.proxy.requests();
        let request = requests.iter().find(|request| request.harmed).map(ToString::to_string);
        (run, request.unwrap_or_else(|| "it was done before".to_owned()))
    }
}

fn first_error(run: &Run) -> String {
    run.stderr.lines().find(|line| line.starts_with("error:")).unwrap_or("without a word").to_owned()
}
