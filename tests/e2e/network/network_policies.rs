//! What a tenant's administrator can make their API server reach: its own workers, and nothing of the management cluster
//! or of other tenants. Everything is tried with the policy and without it, where it must succeed: else this could not fail.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::support::cluster::management::{management_addresses, script};
use crate::support::command::{Run, Running, start};
use crate::support::{Host, Kube, TestNamespace, eventually, management, run, wait_until};

const METADATA: &str = "169.254.169.254";

/// Something that the tenant has no business with.
struct Target {
    /// Of the traps, its number.
    number: usize,
    what: &'static str,
    scheme: &'static str,
    address: String,
    port: u64,
}

/// A way in which an API server is made to connect somewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Node,
    Pod,
    Service,
    Webhook,
}

const WAYS: [Way; 4] = [Way::Node, Way::Pod, Way::Service, Way::Webhook];

impl Way {
    /// Kubernetes itself sends no proxied request to link-local addresses, and a Service has one family.
    fn takes(self, target: &Target) -> bool {
        match self {
            Self::Webhook => true,
            Self::Node | Self::Pod => target.address != METADATA,
            Self::Service => target.address != METADATA && !target.address.contains(':'),
        }
    }
}

#[test]
fn a_tenants_api_server_reaches_its_workers_and_nothing_in_the_management_cluster() {
    let sandbox = TestNamespace::new("e2e-policies");
    sandbox.create("thief", &[]).ok();
    sandbox.create("owner", &[]).ok();
    let _metadata = metadata_service(&sandbox);
    let tenant = sandbox.tenant("thief");
    let targets = targets(&sandbox);
    lay_traps(&tenant, &targets);

    assert_eq!(reached(&tenant, &targets), Vec::<String>::new(), "with the policy");
    its_own_worker_is_reached(&sandbox, &tenant);
    only_its_own_pods_are_restricted(&sandbox);
    status_tells_of_it(&sandbox);

    let off = sandbox.create("thief", &["--network-policy", "off", "--yes"]).ok();
    assert!(off.stderr.contains("NetworkPolicy e2e-policies/thief-network-policy removed"), "{off}");
    let (guarded, open): (Vec<Target>, Vec<Target>) =
        targets.into_iter().partition(|target| target.what.contains("etcd"));
    let tried: usize = WAYS.map(|way| open.iter().filter(|target| way.takes(target)).count()).iter().sum();
    wait_until("without the policy, everything is reached", Duration::from_secs(120), || {
        let all = reached(&tenant, &open);
        if all.len() == tried { Ok(()) } else { Err(format!("{} of {tried}: {all:#?}", all.len())) }
    });
    assert_eq!(reached(&tenant, &guarded), Vec::<String>::new(), "etcd has a policy of its own");
    let targets = open;
    await_external_name(&tenant, "off", &targets[0], Answer::Reached);

    let on = sandbox.create("thief", &["--yes"]).ok();
    assert!(on.stderr.contains("NetworkPolicy e2e-policies/thief-network-policy created"), "{on}");
    await_external_name(&tenant, "on", &targets[0], Answer::Stopped);
}

/// A policy is repaired when it was changed or the cluster has other addresses, and fewer rights open nothing.
#[test]
fn a_policy_follows_the_management_cluster_and_the_permissions_of_the_user() {
    let sandbox = TestNamespace::new("e2e-policy-facts");
    let kube = management();
    sandbox.create("facts", &[]).ok();
    let policy = ["networkpolicy", "-n", &sandbox.namespace, "facts-network-policy"];
    let before = kube.json(&policy);
    let text = before.to_string();
    let service = kube.text(&["get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"]);
    for address in [&management_addresses()[0], &service] {
        assert!(closed(&before).iter().any(|range| range_has(range, address)), "{address} is not closed: {text}");
    }
    let objects = sandbox.everything_settled();
    assert!(sandbox.create("facts", &[]).ok().stdout.contains("unchanged"));
    assert_eq!(sandbox.everything(), objects, "nothing was written");

    // As if the management cluster had got another range since.
    let spec = json!([{"op": "replace", "path": "/spec/egress/3/to/0/ipBlock/except", "value": ["169.254.0.0/16"]}]);
    let patch = ["patch", "networkpolicy", "-n", &sandbox.namespace, "facts-network-policy", "--type=json", "-p"];
    kube.run(&[&patch[..], &[&spec.to_string()]].concat()).ok();
    let status = sandbox.run(&["status", "facts"]).ok();
    assert!(status.stdout.contains("is not closed yet: kamaji update facts -n e2e-policy-facts"), "{status}");
    sandbox.run(&["diff", "facts"]).exits(10);
    let repaired = sandbox.run(&["update", "facts", "--yes"]).ok();
    assert!(repaired.stderr.contains("NetworkPolicy e2e-policy-facts/facts-network-policy changed"), "{repaired}");
    assert_eq!(kube.json(&policy)["spec"], before["spec"]);
    sandbox.run(&["diff", "facts"]).exits(0);

    let closed_by_hand = sandbox.create("facts", &["--yes", "--deny-egress", "10.77.0.0/16"]).ok();
    assert!(closed_by_hand.stderr.contains("facts-network-policy changed"), "{closed_by_hand}");
    assert!(closed(&kube.json(&policy)).contains(&"10.77.0.0/16".to_owned()));
    sandbox.create("facts", &["--yes"]).ok();

    let binding = format!("kamaji-{}", sandbox.namespace);
    kube.run(&["delete", "clusterrolebinding", &binding]).ok();
    let again = sandbox.create("facts", &["--yes"]).ok();
    assert!(again.stdout.contains("unchanged"), "{again}");
    assert_eq!(kube.json(&policy)["spec"], before["spec"], "whoever may read less opens nothing");
    sandbox.create("strict", &["--network-policy", "on"]).exits(1).says(&[
        "the addresses of its nodes",
        "the addresses of its API servers",
        "kamaji rbac -n e2e-policy-facts",
    ]);
    assert!(
        !sandbox.everything().keys().any(|name| name.contains("strict")),
        "it was refused before anything was written"
    );
}

fn closed(policy: &serde_json::Value) -> Vec<String> {
    let except = policy.pointer("/spec/egress/3/to/0/ipBlock/except").and_then(serde_json::Value::as_array);
    let except = except.unwrap_or_else(|| panic!("no ranges are left out: {policy:#}"));
    except.iter().filter_map(|range| range.as_str().map(str::to_owned)).collect()
}

fn range_has(range: &str, address: &str) -> bool {
    let range: ipnet::IpNet = range.parse().expect("a policy has ranges");
    range.contains(&address.parse::<std::net::IpAddr>().expect("an address"))
}

/// What answers at the address where clouds tell secrets: here, on the management host.
struct Metadata(Running);

impl Drop for Metadata {
    fn drop(&mut self) {
        self.0.kill();
        drop(on_management(&["ip", "address", "delete", &format!("{METADATA}/32"), "dev", "lo"]));
    }
}

fn on_management(words: &[&str]) -> Run {
    let mut command = script("run");
    command.arg("mgmt").args(words);
    run(command)
}

fn metadata_service(sandbox: &TestNamespace) -> Metadata {
    on_management(&["ip", "address", "replace", &format!("{METADATA}/32"), "dev", "lo"]).ok();
    let folder = sandbox.files.path().join("metadata");
    std::fs::create_dir(&folder).expect("a temporary folder takes folders");
    let mut serve = script("run");
    serve.args(["mgmt", "busybox", "httpd", "-f", "-p", &format!("{METADATA}:80"), "-h"]).arg(&folder);
    Metadata(start(serve, ""))
}

fn targets(sandbox: &TestNamespace) -> Vec<Target> {
    let kube = management();
    let [v4, v6] = management_addresses();
    let pod = |namespace: &str, selector: &str| {
        kube.text(&["get", "pods", "-n", namespace, "-l", selector, "-o", "jsonpath={.items[0].status.podIP}"])
    };
    let service = kube.json(&["service", "-n", &sandbox.namespace, "owner"]);
    let number = |pointer: &str| service.pointer(pointer).and_then(serde_json::Value::as_u64).expect("a port");
    let text = |pointer: &str| service.pointer(pointer).and_then(|text| text.as_str()).expect("an address").to_owned();
    let cluster_ip = kube.text(&["get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}"]);
    let target =
        |what, scheme, address: &str, port| Target { number: 0, what, scheme, address: address.to_owned(), port };
    let etcd = pod("kamaji-system", "app.kubernetes.io/name=etcd");
    let all = vec![
        target("the management API", "https", &v4, 6443),
        target("the management API over IPv6", "https", &v6, 6443),
        target("the management API's Service", "https", &cluster_ip, 443),
        target(
            "another tenant's API server",
            "https",
            &pod(&sandbox.namespace, "kamaji.clastix.io/name=owner"),
            number("/spec/ports/0/port"),
        ),
        target("another tenant's Service", "https", &text("/spec/clusterIP"), number("/spec/ports/0/port")),
        target("another tenant's node port", "https", &v4, number("/spec/ports/0/nodePort")),
        target("etcd's port for members", "https", &etcd, 2380),
        target("etcd's metrics", "http", &etcd, 2381),
        target("a pod of the management cluster", "http", &pod("kube-system", "k8s-app=kube-dns"), 8080),
        target("a kubelet of the management cluster", "https", &v4, 10250),
        target("the cloud's metadata", "http", METADATA, 80),
    ];
    all.into_iter().enumerate().map(|(number, target)| Target { number, ..target }).collect()
}

/// Nodes, pods, Services and webhooks that are the targets, as their tenant's administrator may make them.
fn lay_traps(tenant: &Kube, targets: &[Target]) {
    tenant.await_service_account("default");
    for target in targets {
        let (name, address, port) = (format!("trap-{}", target.number), target.address.as_str(), target.port);
        let bracketed = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let mut objects = vec![json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "trap.policies.test", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "failurePolicy": "Fail", "timeoutSeconds": 5,
                "clientConfig": {"url": format!("https://{bracketed}:{port}/")},
                "objectSelector": {"matchLabels": {"trap": name}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
            }],
        })];
        if Way::Node.takes(target) {
            objects.push(json!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
                "status": {"addresses": [{"type": "InternalIP", "address": address}]},
            }));
            objects.push(json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {"schedulerName": "none", "containers": [{"name": "none", "image": "none"}]},
            }));
        }
        // What a Service leads to must be the address of a pod that it names.
        if Way::Service.takes(target) {
            objects.push(json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                "spec": {"ports": [{"name": "trap", "port": port}]},
            }));
            objects.push(json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
                "addressType": "IPv4", "endpoints": [{
                    "addresses": [address], "targetRef": {"kind": "Pod", "namespace": "default", "name": name},
                }], "ports": [{"name": "trap", "port": port}],
            }));
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        start(tenant.command(&["create", "-f", "-"]), &list.to_string()).finish(Duration::from_secs(60)).ok();
        if Way::Pod.takes(target) {
            let status = json!({"status": {"podIP": address, "podIPs": [{"ip": address}]}}).to_string();
            tenant.run(&["patch", "pod", &name, "--subresource=status", "--type=merge", "-p", &status]).ok();
        }
    }
}

/// Whether a connection came about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Answer {
    /// Somebody answered, whatever that was.
    Reached,
    /// Nobody did.
    Stopped,
}

impl Answer {
    /// What Go says of a connection that did not come about. Every other failure is an answer.
    fn of(text: &str) -> Self {
        let stopped = [
            "connection refused",
            "i/o timeout",
            "deadline exceeded",
            "while waiting for connection",
            "no route to host",
            "unreachable",
        ];
        if stopped.iter().any(|words| text.contains(words)) { Self::Stopped } else { Self::Reached }
    }
}

fn try_one(tenant: &Kube, way: Way, target: &Target) -> Run {
    let Target { number, scheme, port, .. } = target;
    let raw = |path: String| tenant.run(&["get", "--request-timeout=20s", "--raw", &path]);
    match way {
        Way::Node => raw(format!("/api/v1/nodes/{scheme}:trap-{number}:{port}/proxy/metrics")),
        Way::Pod => raw(format!("/api/v1/namespaces/default/pods/{scheme}:trap-{number}:{port}/proxy/metrics")),
        Way::Service => raw(format!("/api/v1/namespaces/default/services/{scheme}:trap-{number}:trap/proxy/metrics")),
        Way::Webhook => {
            let labelled = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
                "name": "bait", "namespace": "default", "labels": {"trap": format!("trap-{number}")}}});
            let create = tenant.command(&["create", "--dry-run=server", "-f", "-"]);
            start(create, &labelled.to_string()).finish(Duration::from_secs(60))
        }
    }
}

/// Whether kubectl's own connection failed, which says nothing of the target. One that lasted until its time ran out is
/// another matter: the API server was still trying.
fn is_unanswered(tried: &Run) -> bool {
    let failed = tried.stderr.contains("Unable to connect to the server");
    tried.stderr.contains("The connection to the server") || (failed && Answer::of(&tried.stderr) == Answer::Reached)
}

/// Every target that was reached, and how.
fn reached(tenant: &Kube, targets: &[Target]) -> Vec<String> {
    let mut all = Vec::new();
    for target in targets {
        for way in WAYS.into_iter().filter(|way| way.takes(target)) {
            let tried = wait_until("kubectl is answered", Duration::from_secs(120), || {
                let tried = try_one(tenant, way, target);
                if is_unanswered(&tried) { Err(tried.to_string()) } else { Ok(tried) }
            });
            // The webhook is none, so whoever answers does not answer as one.
            let namespaced_name = way != Way::Webhook || tried.stderr.contains("failed calling webhook");
            assert!(namespaced_name && !tried.stderr.contains("no endpoints available"), "nothing was tried: {tried}");
            if Answer::of(&tried.stderr) == Answer::Reached {
                all.push(format!(
                    "{} by {way:?}: {}{}",
                    target.what,
                    tried.stdout.lines().next().unwrap_or_default(),
                    tried.stderr.trim()
                ));
            }
        }
    }
    all
}

/// An API that is served by whoever a Service calls its external name: also an address.
fn external_name(tenant: &Kube, name: &str, target: &Target) -> Answer {
    let (group, service) = (format!("{name}.policies.test"), format!("external-{name}"));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": service, "namespace": "default"},
         "spec": {"type": "ExternalName", "externalName": target.address, "ports": [{"port": target.port}]}},
        {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": format!("v1.{group}")},
         "spec": {"group": group, "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 10,
                  "insecureSkipTLSVerify": true, "service": {"name": service, "namespace": "default", "port": target.port}}},
    ]});
    start(tenant.command(&["apply", "-f", "-"]), &list.to_string()).finish(Duration::from_secs(60)).ok();
    let message = wait_until("the API server has tried the API's server", Duration::from_secs(60), || {
        let condition = tenant.json(&["apiservice", &format!("v1.{group}")])["status"]["conditions"][0].clone();
        let message = condition["message"].as_str().unwrap_or_default().to_owned();
        if message.contains("https://") { Ok(message) } else { Err(condition.to_string()) }
    });
    println!("an API served by {}: {message}", target.what);
    Answer::of(&message)
}

/// Waits until it is so: a look of the API server's that was too slow says that it was stopped.
fn await_external_name(tenant: &Kube, name: &str, target: &Target, expected: Answer) {
    wait_until(&format!("an API's server is {expected:?}"), Duration::from_secs(120), || {
        let answer = external_name(tenant, name, target);
        if answer == expected { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

const WEBHOOK: &str = r#"
import http.server, json, ssl, sys

class Webhook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"uid": review["request"]["uid"], "allowed": True, "warnings": ["seen by the worker"]}
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server = http.server.HTTPServer((sys.argv[1], 9443), Webhook)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

/// The same ways, to where they are meant to lead.
fn its_own_worker_is_reached(sandbox: &TestNamespace, tenant: &Kube) {
    let worker = Host::add("e2e-policies", &[]);
    let name = worker.name();
    let line = sandbox.run_for_secrets(&["join", "thief"]).ok().stdout;
    worker.run(&line.split_whitespace().collect::<Vec<_>>()).ok();
    // `kubectl wait` does not wait for what is not there yet.
    wait_until("the worker has its Node", Duration::from_secs(120), || {
        let found = tenant.run(&["get", "node", name]);
        if found.code == Some(0) { Ok(()) } else { Err(found.to_string()) }
    });
    tenant.run(&["wait", "--for=condition=Ready", &format!("node/{name}"), "--timeout=120s"]).ok();
    let address = worker.run(&["hostname", "-I"]).text();
    let address = address.split_whitespace().next().expect("a host has an address");

    tenant.create(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: web, labels: {{app: web}}}}, spec: {{nodeName: {name}, hostNetwork: true, \
         containers: [{{name: web, image: 'kamaji.test/tools:1', command: [sh, -c, 'echo hello from the pod; mkdir /tmp/www; \
         echo served >/tmp/www/index.html; exec httpd -f -p 8081 -h /tmp/www'], ports: [{{containerPort: 8081}}]}}]}}}}"
    ));
    tenant.create("{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8081}]}}");
    tenant.run(&["wait", "--for=condition=Ready", "pod/web", "--timeout=120s"]).ok();
    tenant.await_output("web", "hello from the pod");
    assert_eq!(tenant.text(&["exec", "web", "--", "echo", "run in the pod"]), "run in the pod");
    for (path, expected) in [
        (format!("/api/v1/nodes/{name}/proxy/healthz"), "ok"),
        ("/api/v1/namespaces/default/pods/web:8081/proxy/index.html".to_owned(), "served"),
        ("/api/v1/namespaces/default/services/web:80/proxy/index.html".to_owned(), "served"),
    ] {
        wait_until(&path, Duration::from_secs(30), || {
            let got = tenant.run(&["get", "--raw", &path]);
            if got.stdout.trim() == expected { Ok(()) } else { Err(got.to_string()) }
        });
    }

    let (key, certificate) = (sandbox.files.path().join("webhook.key"), sandbox.files.path().join("webhook.crt"));
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        "/CN=webhook",
    ]);
    make.args(["-addext", &format!("subjectAltName=IP:{address}"), "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    run(make).ok();
    let mut serve = script("run");
    serve.args([name, "python3"]).arg(sandbox.file("webhook.py", WEBHOOK)).arg(address).args([&certificate, &key]);
    let _ends_with_its_host = start(serve, "");
    let trusted =
        crate::support::cluster::kubeconfig::encoded(&std::fs::read_to_string(&certificate).expect("it was made"));
    let webhook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "own"},
        "webhooks": [{
            "name": "own.policies.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "clientConfig": {"url": format!("https://{address}:9443/"), "caBundle": trusted},
            "objectSelector": {"matchLabels": {"own": "yes"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}],
        }],
    });
    tenant.create(&webhook.to_string());
    let bait = "{apiVersion: v1, kind: ConfigMap, metadata: {name: own, namespace: default, labels: {own: 'yes'}}}";
    wait_until("a webhook on the worker is asked", Duration::from_secs(30), || {
        let create = tenant.command(&["create", "--dry-run=server", "-f", "-"]);
        let asked = start(create, bait).finish(Duration::from_secs(60));
        if asked.code == Some(0) && asked.stderr.contains("seen by the worker") {
            Ok(())
        } else {
            Err(asked.to_string())
        }
    });
}

/// A pod of somebody else in the same namespace reaches what it did before, an API server among it, but not what is
/// nobody's business: controller manager, scheduler, etcd.
fn only_its_own_pods_are_restricted(sandbox: &TestNamespace) {
    let kube = management();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "bystander", "namespace": sandbox.namespace, "labels": {"app": "bystander"}},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "tools", "image": "kamaji.test/tools:1", "command": ["sleep", "3600"],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    });
    kube.await_service_account(&sandbox.namespace);
    kube.create(&pod.to_string());
    kube.run(&["wait", "-n", &sandbox.namespace, "--for=condition=Ready", "pod/bystander", "--timeout=120s"]).ok();
    let address = |namespace: &str, selector: &str| {
        kube.text(&["get", "pods", "-n", namespace, "-l", selector, "-o", "jsonpath={.items[0].status.podIP}"])
    };
    let thief = address(&sandbox.namespace, "kamaji.clastix.io/name=thief");
    let port =
        kube.text(&["get", "service", "-n", &sandbox.namespace, "thief", "-o", "jsonpath={.spec.ports[0].port}"]);
    let etcd = address("kamaji-system", "app.kubernetes.io/name=etcd");
    let connects = |address: &str, port: &str| {
        let command = format!("timeout 5 nc {address} {port} </dev/null && echo reached");
        let tried = kube.run(&["exec", "-n", &sandbox.namespace, "bystander", "--", "sh", "-c", &command]);
        tried.stdout.contains("reached")
    };
    for (what, address, port, expected) in [
        ("the management API", management_addresses()[0].as_str(), "6443", true),
        ("the tenant's API server", &thief, port.as_str(), true),
        ("the tenant's controller manager", &thief, "10257", false),
        ("the tenant's scheduler", &thief, "10259", false),
        ("etcd", &etcd, "2379", false),
        ("etcd's port for members", &etcd, "2380", false),
        ("etcd's metrics", &etcd, "2381", false),
    ] {
        if expected {
            eventually(&format!("{what} at {address}:{port} is reached"), || connects(address, port));
        } else {
            assert!(!connects(address, port), "{what} at {address}:{port} is reached");
        }
    }
    kube.run(&["delete", "pod", "-n", &sandbox.namespace, "bystander", "--grace-period=1"]).ok();
}

fn status_tells_of_it(sandbox: &TestNamespace) {
    let status = sandbox.run(&["status", "thief", "-o", "json"]).json();
    let sections = status["sections"].as_array().cloned().unwrap_or_default();
    let policy = sections.iter().find(|section| section["name"] == "network policy").expect("status tells of it");
    assert_eq!(policy["ok"], true, "{policy:#}");
    // Here it runs beside the kubelets, where nobody sees it.
    assert_eq!(policy["summary"], "written; whether anything here enforces it is not known");
    assert!(policy.get("items").is_none(), "everything about this cluster is known: {policy:#}");
}
