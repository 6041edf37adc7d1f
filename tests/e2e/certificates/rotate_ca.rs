//! The cluster's authority is changed for a new one while workers serve: phase by phase, back again, killed in between.

use std::process::Command;
use std::time::Duration;

use crate::support::cluster::ssh::Way;
use crate::support::command::{Run, run};
use crate::support::faults::proxy::{Request, Timing};
use crate::support::servers::poller::Poller;
use crate::support::{Host, Identity, Kube, Proxy, Ssh, TestNamespace, kubeconfig, management, wait_until};

const NAME: &str = "authority";
const CA: &str = "authority-ca";
const FIRST: &str = "e2e-ca-1";
const SECOND: &str = "e2e-ca-2";
const THIRD: &str = "e2e-ca-3";
const CERTIFICATE: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";

/// A control plane with workers, and the way to them.
struct Scene {
    sandbox: TestNamespace,
    ssh: Ssh,
}

#[test]
fn the_ca_is_rotated_with_its_workers_and_rolled_back_without_a_failed_request() {
    let sandbox = TestNamespace::new("e2e-ca");
    let (first, second, third) = (Host::add(FIRST, &[]), Host::add(SECOND, &[]), Host::add(THIRD, &[]));
    sandbox.create(NAME, &[]).ok();
    let mut ssh = Ssh::new(sandbox.files.path());
    ssh.serve(&first, &Way { user: "root", jump: None, known: true });
    let scene = Scene { sandbox, ssh };
    let tenant = scene.tenant();
    tenant.run(&["create", "configmap", "polled", "--from-literal=count=0"]).ok();
    scene.joins(&first);
    scene.pods_start();
    scene.everything_works("before", &[&first]);
    let (old_ca, old_admin) = (scene.ca(CA), scene.admin_conf());

    scene.go(&["--phase", "use", "--yes"]).exits(4).says(&["comes after phase trust"]);
    let dry = scene.go(&["--phase", "trust", "--dry-run"]).ok();
    assert!(dry.stdout.contains("authority-rotation-key") && scene.left().is_empty(), "{dry}");
    scene.go(&["--phase", "trust"]).exits(8).says(&["--yes"]);

    // A change that is not wanted any more leaves nothing.
    scene.reach(&["--phase", "trust"]);
    scene.reach(&["--back"]);
    assert_eq!((scene.ca(CA), scene.left()), (old_ca.clone(), Vec::new()));
    scene.everything_works("trust and back", &[&first]);
    scene.the_old_files_ask_for_nothing();

    scene.killed_and_reached(&["--phase", "trust"]);
    let new_ca = scene.ca("authority-rotation-key");
    assert_eq!(scene.ca(CA), old_ca, "the old one is where it was");
    for namespace in ["default", "kube-system"] {
        let published =
            tenant.text(&["get", "configmap", "-n", namespace, "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}"]);
        assert!(published.contains(old_ca.trim()) && published.contains(new_ca.trim()), "{namespace}: {published}");
    }
    let status = scene.sandbox.run(&["status", NAME, "-o", "json"]).json();
    assert_eq!(
        (&status["rotation"]["of"], &status["rotation"]["phase"]),
        (&"certificate-authority".into(), &"trust".into())
    );
    scene.everything_works("trust", &[&first]);
    scene.the_old_files_ask_for_nothing();
    let again = scene.go(&["--phase", "trust", "--yes"]).ok();
    assert!(again.stdout.contains("phase trust reached") && again.stdout.contains("--worker-script | ssh"), "{again}");
    assert_eq!(scene.ca("authority-rotation-key"), new_ca, "there is no third one");

    // The worker does not know the new one yet.
    scene.refuses(&["--phase", "use", "--yes"], &[&format!("the kubelet of {FIRST} runs since"), "--force"]);
    let dry = scene.follow(&["--dry-run"]).ok();
    assert!(dry.stdout.contains("would follow"), "{dry}");
    let followed = scene.follow(&[]).ok();
    assert!(followed.stdout.contains("follows now") && followed.stdout.contains(FIRST), "{followed}");
    println!("a worker trusts both after {:.1} s", followed.took.as_secs_f32());
    let both = first.run(&["cat", "/etc/kubernetes/pki/ca.crt"]).text();
    assert!(both.contains(old_ca.trim()) && both.contains(new_ca.trim()), "{both}");
    assert!(scene.follow(&[]).ok().stdout.contains("follows already"));
    scene.joins(&second);
    scene.everything_works("trust, with workers that follow", &[&first, &second]);

    scene.killed_and_reached(&["--phase", "use"]);
    scene.serves_with(&new_ca);
    scene.signed_by(&new_ca, &Identity::of(&scene.tenant()).certificate, "admin.conf");
    scene.everything_works("use", &[&first, &second]);
    scene.old_admin(&old_admin, &both).run(&["get", "nodes"]).ok();
    scene.the_old_files_ask_for_nothing();
    scene.refuses(&["--phase", "drop", "--yes"], &[&format!("the kubelet of {FIRST} has a certificate")]);

    // Back, and forth again with the same new one.
    assert!(scene.follow(&[]).ok().stdout.contains("follows now"));
    scene.signed_by(&new_ca, &certificate_of(&first), FIRST);
    scene.reach(&["--back"]);
    scene.serves_with(&old_ca);
    scene.everything_works("use and back", &[&first, &second]);
    scene.reach(&["--phase", "use"]);
    assert_eq!(scene.ca("authority-rotation-key"), new_ca);
    scene.serves_with(&new_ca);

    // The second worker by the script, as somebody without ssh from here does it.
    scene.refuses(&["--phase", "drop", "--yes"], &[&format!("the kubelet of {SECOND} has a certificate")]);
    scene.follows_by_script(&second);
    scene.signed_by(&new_ca, &certificate_of(&second), SECOND);
    scene.follow(&[]).ok();
    let token_left = second.run(&["test", "-e", "/etc/kubernetes/bootstrap-kubelet.conf"]);
    assert_eq!(token_left.code, Some(1), "no file with a token stays on the machine");
    scene.everything_works("use, with workers that follow", &[&first, &second]);

    scene.killed_while_the_old_one_is_replaced();
    assert_eq!((scene.ca(CA), scene.left()), (new_ca.clone(), Vec::new()));
    scene.serves_with(&new_ca);
    let refused = scene.old_admin(&old_admin, &old_ca).run(&["get", "nodes"]).exits(1);
    assert!(refused.stderr.contains("x509: certificate signed by unknown authority"), "{refused}");
    let refused = scene.old_admin(&old_admin, &new_ca).run(&["get", "nodes"]).exits(1);
    assert!(refused.stderr.contains("Unauthorized") || refused.stderr.contains("must be logged in"), "{refused}");
    scene.everything_works("drop", &[&first, &second]);
    assert!(scene.follow(&[]).ok().stdout.contains("follows already"), "it trusts one only");
    assert_eq!(first.run(&["cat", "/etc/kubernetes/pki/ca.crt"]).text().trim(), new_ca.trim());
    scene.follows_by_script(&second);
    scene.joins(&third);
    scene.everything_works("the end", &[&first, &second, &third]);
    scene.the_old_files_ask_for_nothing();
    scene.sandbox.run(&["certs", "check", NAME]).ok();
    let nothing = scene.go(&["--phase", "drop", "--yes"]).ok();
    assert!(nothing.stdout.contains("there is one certificate authority"), "{nothing}");
}

#[test]
fn a_supplied_ca_is_rotated_only_to_another_supplied_ca() {
    let sandbox = TestNamespace::new("e2e-ca-given");
    let make = |name: &str| {
        let folder = sandbox.files.path().join(name);
        std::fs::create_dir(&folder).expect("a temporary folder takes folders");
        let words = format!(
            "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout ca.key -out ca.crt -subj /CN={name} -addext \
             basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"
        );
        let mut openssl = Command::new("openssl");
        openssl.args(words.split_whitespace()).current_dir(&folder);
        run(openssl).ok();
        let certificate = std::fs::read_to_string(folder.join("ca.crt")).expect("openssl wrote it");
        (folder.display().to_string(), certificate)
    };
    let ((old, old_ca), (new, new_ca), (other, _)) = (make("old"), make("new"), make("other"));
    sandbox.create("given", &["--pki", &old]).ok();
    let go = |how: &[&str]| sandbox.run(&[&["certs", "rotate-ca", "given", "--yes"], how].concat());

    go(&["--phase", "trust"]).exits(2).says(&["was given with --pki", "--pki DIR"]);
    go(&["--phase", "trust", "--pki", &old]).exits(2).says(&["the authority that control plane `given` has"]);
    let file = sandbox.files.path().join("before.jsonl").display().to_string();
    sandbox.run(&["snapshot", "given", &file]).ok();
    sandbox.tenant("given").run(&["create", "configmap", "later"]).ok();

    go(&["--phase", "trust", "--pki", &new]).ok();
    go(&["--phase", "use", "--pki", &other]).exits(4).says(&["has a new authority already"]);
    let hashes = sandbox.run_for_secrets(&["join", "given", "-o", "json"]).json();
    assert_eq!(hashes["caCertHashes"].as_array().map(Vec::len), Some(2), "{hashes}");
    go(&["--phase", "use"]).ok();
    assert_eq!(sandbox.secret_value("given-ca", "ca.crt").trim(), old_ca.trim());
    go(&["--phase", "drop"]).ok();
    assert_eq!(sandbox.secret_value("given-ca", "ca.crt").trim(), new_ca.trim());
    sandbox.tenant("given").run(&["get", "namespaces"]).ok();
    let check = sandbox.run(&["certs", "check", "given", "-o", "json"]).ok();
    let found = check.stdout.contains("\"CN=new\"") && check.stdout.contains("\"given\"");
    assert!(found && !check.stdout.contains("CN=old"), "{check}");
    go(&["--phase", "trust"]).exits(2).says(&["was given with --pki"]);

    // What was saved before is still its own.
    sandbox.run(&["restore", "given", "--from", &file, "--yes"]).ok();
    let tenant = sandbox.tenant("given");
    tenant.run(&["get", "configmap", "later"]).exits(1);
    let info =
        tenant.text(&["get", "configmap", "-n", "kube-public", "cluster-info", "-o", "jsonpath={.data.kubeconfig}"]);
    assert!(info.contains(&kubeconfig::encoded(&sandbox.secret_value("given-ca", "ca.crt"))), "{info}");
}

fn certificate_of(host: &Host) -> String {
    host.run(&["sed", "-n", "/BEGIN CERTIFICATE/,/END CERTIFICATE/p", CERTIFICATE]).text()
}

impl Scene {
    fn tenant(&self) -> Kube {
        self.sandbox.tenant(NAME)
    }

    fn ca(&self, secret: &str) -> String {
        self.sandbox.secret_value(secret, "ca.crt")
    }

    fn admin_conf(&self) -> Identity {
        Identity::of(&self.tenant())
    }

    fn go(&self, how: &[&str]) -> Run {
        self.sandbox.run(&[&["certs", "rotate-ca", NAME], how].concat())
    }

    /// Refuses because of a worker. Of one whose kubelet is not heard in time, something else would be said.
    fn refuses(&self, how: &[&str], said: &[&str]) {
        self.sandbox.workers_that_answer(NAME);
        self.go(how).exits(4).says(said);
    }

    /// The first worker follows over ssh.
    fn follow(&self, more: &[&str]) -> Run {
        let config = self.ssh.config();
        self.go(&[&["--host", FIRST, "--ssh-config", &config], more].concat())
    }

    fn follows_by_script(&self, host: &Host) {
        let script = self.sandbox.run_for_secrets(&["certs", "rotate-ca", NAME, "--worker-script"]).text();
        let file = self.sandbox.file("worker.sh", &script).display().to_string();
        host.run(&["sh", &file]).ok();
        host.run(&["sh", "-c", "ls /var/lib/kubelet/pki/*.before /etc/kubernetes/*.before"]).exits(2);
    }

    fn left(&self) -> Vec<String> {
        self.sandbox.everything().into_keys().filter(|name| name.contains("rotation")).collect()
    }

    fn joins(&self, host: &Host) {
        let join = self.sandbox.run_for_secrets(&["join", NAME]).text();
        host.run(&join.split_whitespace().collect::<Vec<_>>()).ok();
        self.is_ready(host);
    }

    fn is_ready(&self, host: &Host) {
        let node = format!("node/{}", host.name());
        wait_until("the worker is Ready", Duration::from_secs(120), || {
            let look = self.tenant().run(&["wait", "--for=condition=Ready", &node, "--timeout=5s"]);
            if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
        });
    }

    /// Goes to a phase while everybody is asking.
    fn reach(&self, how: &[&str]) {
        self.unnoticed(how, || {
            let run = self.go(&[how, &["--yes"]].concat()).ok();
            println!("{} in {:.1} s", how.join(" "), run.took.as_secs_f32());
        });
    }

    fn unnoticed(&self, how: &[&str], act: impl FnOnce()) {
        self.sandbox.workers_that_answer(NAME);
        let poller = Poller::with_a_watch(&Identity::of(&self.tenant()), "/readyz", "polled");
        std::thread::sleep(Duration::from_secs(1));
        act();
        let seen = poller.stop();
        assert_eq!(seen.failures, Vec::<String>::new(), "{how:?}, of {} requests", seen.answered);
        assert!(seen.answered > 100, "too few requests to count: {seen:?}");
    }

    /// Killed before the Deployment is written, and gone on with; meanwhile nothing else may change it.
    fn killed_and_reached(&self, how: &[&str]) {
        let proxy = Proxy::start(&Identity::of(&management()));
        let like = |request: &Request| request.method == "PATCH" && request.path.contains("/deployments/");
        let words = [&["certs", "rotate-ca", NAME, "--yes"], how].concat();
        self.unnoticed(how, || {
            let (_, harmed) = crate::lifecycle::killed::kill(&self.sandbox, &proxy, &words, Timing::Before, like);
            assert!(harmed.contains("PATCH"), "{harmed}");
            let made = self.ca("authority-rotation-key");
            self.sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["are being changed", how[1]]);
            let run = self.go(&[how, &["--yes"]].concat()).ok();
            println!("{} after a kill before {harmed} in {:.1} s", how.join(" "), run.took.as_secs_f32());
            assert_eq!(self.ca("authority-rotation-key"), made, "it is made once");
        });
    }

    fn killed_while_the_old_one_is_replaced(&self) {
        let proxy = Proxy::start(&Identity::of(&management()));
        let like = |request: &Request| request.method == "POST" && request.path.contains("/secrets");
        let words = ["certs", "rotate-ca", NAME, "--yes", "--phase", "drop"];
        self.unnoticed(&words, || {
            let (_, harmed) = crate::lifecycle::killed::kill(&self.sandbox, &proxy, &words, Timing::Before, like);
            assert!(harmed.contains("POST"), "{harmed}");
            assert!(!self.sandbox.everything().contains_key(&format!("Secret/{CA}")), "the kill came too late");
            self.sandbox.run(&["scale", NAME, "--replicas", "2"]).exits(4).says(&["are being changed", "--phase drop"]);
            self.go(&["--back", "--yes"]).exits(4).says(&["--phase drop"]);
            let run = self.follow(&["--phase", "drop", "--yes"]).ok();
            assert!(run.stdout.contains("follows now"), "{run}");
        });
    }

    fn the_old_files_ask_for_nothing(&self) {
        let file = self.sandbox.quickstart();
        let again = self.sandbox.run(&["create", NAME, "--kubeadm-config", &file, "--expose", "node-port"]).ok();
        assert!(again.stdout.contains("unchanged"), "{again}");
        self.sandbox.run(&["diff", NAME]).ok();
    }

    /// openssl's word on who signed a certificate.
    fn signed_by(&self, ca: &str, certificate: &str, what: &str) {
        let mut openssl = Command::new("openssl");
        openssl.args(["verify", "-CAfile"]).arg(self.sandbox.file("by.crt", ca));
        openssl.arg(self.sandbox.file("of.crt", certificate));
        let verified = run(openssl);
        assert_eq!(verified.code, Some(0), "{what}: {verified}");
    }

    fn serves_with(&self, ca: &str) {
        let server = Identity::of(&self.tenant()).server;
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_client", "-connect", &server, "-verify_return_error", "-CAfile"])
            .arg(self.sandbox.file("serves.crt", ca));
        let said = run(openssl);
        assert!(said.stdout.contains("Verification: OK"), "{said}");
    }

    /// With the certificate that was handed out at the beginning.
    fn old_admin(&self, identity: &Identity, ca: &str) -> Kube {
        let Identity { server, certificate, key, .. } = identity;
        let encoded = kubeconfig::encoded;
        let user = serde_json::json!({
            "client-certificate-data": encoded(certificate), "client-key-data": encoded(key)});
        self.kube(server, ca, &user)
    }

    fn kube(&self, server: &str, ca: &str, user: &serde_json::Value) -> Kube {
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {
                "server": format!("https://{server}"), "certificate-authority-data": kubeconfig::encoded(ca)}}],
            "users": [{"name": "it", "user": user}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        });
        Kube::with(&self.sandbox.file("it.conf", &config.to_string()))
    }

    fn pods_start(&self) {
        let tenant = self.tenant();
        tenant.await_service_account("default");
        tenant.create(
            "{apiVersion: v1, kind: Pod, metadata: {name: tools, labels: {app: tools}}, spec: {containers: [{name: tools, \
             image: 'kamaji.test/tools:1', command: [sh, -c, 'echo hello from the pod; echo page >/index.html; \
             httpd -f -p 8080 -h /']}]}}",
        );
        tenant.run(&["wait", "--for=condition=Ready", "pod/tools", "--timeout=120s"]).ok();
    }

    /// What users and workers do: as the administrator of today, in pods, by name.
    fn everything_works(&self, when: &str, hosts: &[&Host]) {
        println!("everything works: {when}");
        let tenant = self.tenant();
        for host in hosts {
            self.is_ready(host);
        }
        // Some phases make these pods anew.
        for addon in ["daemonset/kube-proxy", "deployment/coredns"] {
            tenant.run(&["rollout", "status", "-n", "kube-system", addon, "--timeout=120s"]).ok();
        }
        tenant.await_ending_pods("kube-system");
        tenant.await_output("tools", "hello from the pod");
        assert_eq!(tenant.text(&["exec", "tools", "--", "echo", "run in it"]), "run in it", "{when}");

        // With what the pod has been given, and not with what it was given at its start.
        let given = |file: &str| {
            let path = format!("/var/run/secrets/kubernetes.io/serviceaccount/{file}");
            tenant.run(&["exec", "tools", "--", "cat", &path]).stdout.trim().to_owned()
        };
        let server = Identity::of(&tenant).server;
        wait_until("the pod's own files lead to the API server", Duration::from_secs(150), || {
            let pod = self.kube(&server, &given("ca.crt"), &serde_json::json!({"token": given("token")}));
            let who = pod.run(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]);
            if who.stdout.contains("system:serviceaccount:default:default") { Ok(()) } else { Err(who.to_string()) }
        });

        // A Service that is new: DNS and kube-proxy hear of it from the API server.
        let service = format!("s-{}", when.bytes().filter(u8::is_ascii_lowercase).map(char::from).collect::<String>());
        tenant.run(&["expose", "pod", "tools", "--port=80", "--target-port=8080", "--name", &service]).ok();
        let page = format!("timeout 5 wget -qO- http://{service}/index.html");
        wait_until("a new Service answers by its name", Duration::from_secs(120), || {
            let got = tenant.run(&["exec", "tools", "--", "sh", "-c", &page]);
            if got.stdout.contains("page") { Ok(()) } else { Err(format!("{when}: {got}")) }
        });
    }
}
