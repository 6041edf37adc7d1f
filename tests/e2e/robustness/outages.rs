//! A management cluster that is away, busy, slow, or not what answers: what passes is waited for and told, and the time
//! that was given is kept.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::support::faults::proxy::{Fault, Injection, Request, Timing};
use crate::support::{Identity, Proxy, TestNamespace, management, secrets};

const NAME: &str = "patient";

#[test]
fn an_unavailable_or_slow_management_cluster_is_waited_for_within_the_timeout() {
    let sandbox = TestNamespace::new("e2e-outages");
    let proxy = Proxy::start(&Identity::of(&management()));
    let words = sandbox.parked(NAME);
    let create: Vec<&str> = words.iter().map(String::as_str).collect();
    let delete = ["delete", NAME, "--yes"];
    nobody_there_is_told_at_once(&sandbox);
    every_request_may_fail_once(&sandbox, &proxy, &create, &delete);
    an_outage_is_told_and_waited_for(&sandbox, &proxy, &create, &delete);
    a_server_that_is_busy_for_hours_is_not_waited_for(&sandbox, &proxy, &create);
    a_server_that_stands_still_does_not_make_us_stand_still(&sandbox, &proxy, &create);
    every_answer_may_be_late(&sandbox, &proxy, &create, &delete);
    what_cannot_be_read_is_not_shown(&sandbox, &proxy, &create, &delete);
    nothing_is_made_by_a_wrong_clock(&sandbox, &proxy, &create);
}

/// A14.
fn nothing_is_made_by_a_wrong_clock(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str]) {
    for (ahead, words) in [(-600, "ahead of"), (-86_400, "ahead of"), (172_800, "behind")] {
        proxy.reset();
        proxy.harm_often(usize::MAX, |_| true, Injection::Fault(Fault::Ahead(ahead)));
        sandbox.run_through(proxy, create).exits(1).says(&["the clock of this machine", words, "hint: set the clock"]);
        sandbox.nothing_is_left();
        sandbox.run_through(proxy, &["list"]).ok().says(&["warning:", "s apart"]);
    }
    proxy.reset();
    proxy.harm_often(usize::MAX, |_| true, Injection::Fault(Fault::Ahead(-120)));
    sandbox.run_through(proxy, create).ok().says(&["warning:", "s apart"]);
    proxy.reset();
    sandbox.run(&["delete", NAME, "--yes"]).ok();
}

/// A1.
fn nobody_there_is_told_at_once(sandbox: &TestNamespace) {
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: gone\nclusters: [{name: gone, cluster: {server: 'https://127.0.0.1:9'}}]\n\
                  users: [{name: gone, user: {token: a}}]\ncontexts: [{name: gone, context: {cluster: gone, user: gone}}]\n";
    for config in [config.to_owned(), config.replace("127.0.0.1:9", "no-such-host.invalid:6443")] {
        let file = sandbox.file("gone.conf", &config).display().to_string();
        let refused = sandbox.run(&["list", "--kubeconfig", &file]).exits(5);
        assert!(refused.took < Duration::from_secs(30), "{refused}");
        refused.says(&["context `gone`", "cannot be reached", "hint:"]);
    }
}

/// A4, A5: each request is refused the first time that it is made, in each of these ways.
fn every_request_may_fail_once(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str], delete: &[&str]) {
    let ways = [
        ("busy", Fault::Blocker(503, 1)),
        ("reset", Fault::Reset(Timing::After)),
        ("unheard", Fault::Unheard),
        ("conflict", Fault::Status(409)),
        ("fault", Fault::Status(500)),
    ];
    for (way, fault) in ways {
        for words in [create, delete] {
            proxy.reset();
            let seen = Mutex::new(BTreeMap::<String, usize>::new());
            let first = move |request: &Request| {
                if request.method == "GET" && fault == Fault::Status(409) {
                    return false;
                }
                let mut seen = seen.lock().expect("nobody panics with it");
                let times = seen.entry(format!("{} {}", request.method, request.path)).or_default();
                *times += 1;
                // All objects of a kind are posted to one path: each one's second attempt goes through.
                if request.method == "POST" { *times % 2 == 1 } else { *times == 1 }
            };
            proxy.harm_often(usize::MAX, first, Injection::Fault(fault));
            let run = sandbox.run_through(proxy, words);
            assert_eq!(run.code, Some(0), "{way}: {run}");
            let harmed = proxy.requests().iter().filter(|request| request.harmed).count();
            println!("{way}: {} with {harmed} of {} requests harmed", words[0], proxy.requests().len());
            assert!(harmed > 15, "{way}: too few to count: {harmed}");
        }
        sandbox.nothing_is_left();
    }
}

/// A2.
fn an_outage_is_told_and_waited_for(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str], delete: &[&str]) {
    proxy.reset();
    let begun = Mutex::new(None::<Instant>);
    let away = move |request: &Request| {
        let mut begun = begun.lock().expect("nobody panics");
        if request.method == "POST" && request.path.contains("/secrets") {
            begun.get_or_insert_with(Instant::now);
        }
        begun.is_some_and(|begun| begun.elapsed() < Duration::from_secs(30))
    };
    proxy.harm_often(usize::MAX, away, Injection::Fault(Fault::Reset(Timing::Before)));
    let run = sandbox.run_through(proxy, create).ok();
    assert!(run.took > Duration::from_secs(30), "it was not away: {run}");
    run.says(&["cannot be reached", "trying again"]);
    proxy.reset();
    sandbox.run(delete).ok();
}

/// A3.
fn a_server_that_is_busy_for_hours_is_not_waited_for(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str]) {
    proxy.reset();
    let secrets = |request: &Request| request.path.contains("/secrets");
    proxy.harm_often(usize::MAX, secrets, Injection::Fault(Fault::Blocker(429, 9999)));
    let run = sandbox.run_through(proxy, &[create, &["--timeout", "40s"]].concat()).exits(5);
    assert!(run.took < Duration::from_secs(40), "{run}");
    run.says(&["429", "come back in 9999 s", "hint:"]);

    // One that says how long is left alone for so long.
    proxy.reset();
    proxy.harm_where(secrets, Injection::Fault(Fault::Blocker(429, 7)));
    let run = sandbox.run_through(proxy, create).ok();
    assert!(run.took > Duration::from_secs(7), "{run}");
    proxy.reset();
    sandbox.run(&["delete", NAME, "--yes"]).ok();
}

/// A9.
fn a_server_that_stands_still_does_not_make_us_stand_still(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str]) {
    proxy.reset();
    proxy.harm_often(usize::MAX, |request| request.path.contains("/secrets"), Injection::Fault(Fault::Stall));
    let run = sandbox.run_through(proxy, &[create, &["--timeout", "8s"]].concat()).exits(5);
    assert!(run.took < Duration::from_secs(35), "{run}");
    run.says(&["no answer within", "hint:"]);
    proxy.reset();
    sandbox.run(create).ok();
    sandbox.run(&["delete", NAME, "--yes"]).ok();
}

/// A10.
fn every_answer_may_be_late(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str], delete: &[&str]) {
    for words in [create, delete] {
        proxy.reset();
        proxy.harm_often(usize::MAX, |_| true, Injection::Fault(Fault::Late(400)));
        let run = sandbox.run_through(proxy, words).ok();
        let all = Duration::from_millis(400) * u32::try_from(proxy.requests().len()).expect("not so many");
        println!("{}: {:?}, where one after the other is {all:?} at least", words[0], run.took);
    }
    proxy.reset();
}

/// A8: also who asks for every message sees nothing of a Secret whose answer is cut off.
fn what_cannot_be_read_is_not_shown(sandbox: &TestNamespace, proxy: &Proxy, create: &[&str], delete: &[&str]) {
    sandbox.run(create).ok();
    let hidden: Vec<_> = sandbox.objects("secrets").iter().flat_map(secrets::of_secret).collect();
    assert!(hidden.len() > 10);
    proxy.reset();
    proxy.harm_often(usize::MAX, |request| request.path.contains("/secrets"), Injection::Fault(Fault::Half));
    let run = sandbox.run_through(proxy, &[create, &["-vv"]].concat()).exits(1);
    run.clone().says(&["not a Kubernetes API's", "hint:"]);
    let told: Vec<&str> = hidden.iter().filter(|hidden| hidden.is_in(&run.stderr)).map(|h| h.what.as_str()).collect();
    assert_eq!(told, Vec::<&str>::new());
    proxy.reset();
    sandbox.run(delete).ok();
}
