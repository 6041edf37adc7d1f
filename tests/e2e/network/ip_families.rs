//! Address families, names and load balancers: real workers join, and their pods use what the control plane serves.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::cluster::management::{management_addresses, script};
use crate::support::command::start;
use crate::support::{Host, Kube, TestNamespace, management, run, wait_until};

/// A kubeadm file with these ranges.
fn file(sandbox: &TestNamespace, services: &str, pods: &str) -> String {
    let text = format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\nnetworking:\n  \
         serviceSubnet: {services}\n  podSubnet: {pods}\n"
    );
    sandbox.file("networks.yaml", &text).display().to_string()
}

fn endpoint(sandbox: &TestNamespace) -> String {
    sandbox.run(&["list", "-o", "json"]).json()["items"][0]["endpoint"].as_str().expect("it has one").to_owned()
}

/// Joins with the printed line and waits until the node is Ready.
fn join(sandbox: &TestNamespace, name: &str, tenant: &Kube, worker: &Host, endpoint: &str) {
    let line = sandbox.run_for_secrets(&["join", name]).ok().stdout;
    assert!(line.starts_with(&format!("kubeadm join {endpoint} --token ")), "for {endpoint}");
    worker.run(&line.split_whitespace().collect::<Vec<_>>()).ok();
    let node = format!("node/{}", worker.name());
    wait_until("the worker is Ready", Duration::from_secs(120), || {
        let ready = tenant.run(&["wait", "--for=condition=Ready", &node, "--timeout=20s"]);
        if ready.code == Some(0) { Ok(()) } else { Err(ready.to_string()) }
    });
}

/// A pod finds the API server by its name at this address and is answered; its output is read and commands run in it.
fn pods_reach_the_api_server_at(tenant: &Kube, worker: &Host, service_ip: &str) {
    tenant.await_service_account("default");
    tenant.create(&format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: tools}}, spec: {{nodeName: {}, containers: [{{name: tools, \
         image: 'kamaji.test/tools:1', command: [sh, -c, 'echo hello from the pod; sleep 3600']}}]}}}}",
        worker.name()
    ));
    tenant.run(&["wait", "--for=condition=Ready", "pod/tools", "--timeout=120s"]).ok();
    assert_eq!(tenant.text(&["exec", "tools", "--", "echo", "run in the pod"]), "run in the pod");
    tenant.await_output("tools", "hello from the pod");
    wait_until("the pod finds the API server by its name, and it answers", Duration::from_secs(60), || {
        let words = "timeout 5 nslookup kubernetes.default.svc.cluster.local && \
                     timeout 5 nc kubernetes.default.svc.cluster.local 443 </dev/null && echo reached";
        let looked = tenant.run(&["exec", "tools", "--", "sh", "-c", words]);
        let all = [service_ip, "reached"].iter().all(|word| looked.stdout.contains(word));
        if all { Ok(()) } else { Err(looked.to_string()) }
    });
}

/// Type and addresses of the only slice of `default/kubernetes`.
fn behind_the_kubernetes_service(tenant: &Kube) -> Value {
    let slices = tenant.items(&["endpointslices", "-l", "kubernetes.io/service-name=kubernetes"]);
    assert_eq!(slices.len(), 1, "{slices:#?}");
    let endpoints = slices[0]["endpoints"].as_array().cloned().unwrap_or_default();
    json!([slices[0]["addressType"], endpoints.iter().map(|endpoint| &endpoint["addresses"][0]).collect::<Vec<_>>()])
}

/// What openssl says of the certificate served at an address, trusting only the control plane's authority.
fn served_names(sandbox: &TestNamespace, name: &str, connect: &str, verify: [&str; 2]) -> String {
    let ca = sandbox.file("ca.crt", &sandbox.secret_value(&format!("{name}-ca"), "ca.crt"));
    // A pod that is being replaced serves on with its certificate until the Service has let it go.
    let shown = wait_until("the certificate is served", Duration::from_secs(60), || {
        let mut show = Command::new("openssl");
        show.args(["s_client", "-connect", connect, "-verify_return_error"]).args(verify).arg("-CAfile").arg(&ca);
        let shown = run(show);
        if shown.code == Some(0) { Ok(shown) } else { Err(shown.to_string()) }
    });
    let mut names = Command::new("openssl");
    names.args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(sandbox.file("served.crt", &shown.stdout));
    run(names).text()
}

#[test]
fn an_ipv6_only_cluster_serves_workers_without_ipv4() {
    let sandbox = TestNamespace::new("e2e-net-ipv6");
    let [v4, v6] = management_addresses();
    let file = file(&sandbox, "fd00:10:96::/112", "fd00:10:244::/56");
    let create = ["create", "six", "--kubeadm-config", &file, "--expose", "node-port"];
    let refused = sandbox.run(&[&create[..], &["--endpoint", "192.0.2.1:443"]].concat()).exits(2);
    refused.says(&["nothing at the endpoint `192.0.2.1` has an IPv6 address", "hint: give an endpoint with an IPv6"]);
    assert!(sandbox.everything().is_empty(), "it was refused before anything was written");

    let created = sandbox.run(&create).ok();
    assert!(created.stdout.starts_with(&format!("six is ready: v1.37.2 at [{v6}]:")), "{created}");
    let endpoint = endpoint(&sandbox);
    let names = served_names(&sandbox, "six", &endpoint, ["-verify_ip", &v6]);
    assert!(names.contains("IP Address:FD00:10:96:0:0:0:0:1") && !names.contains(&v4), "{names}");
    let tenant = sandbox.tenant("six");
    assert_eq!(behind_the_kubernetes_service(&tenant), json!(["IPv6", [v6]]));

    let worker = Host::add("e2e-net-six", &["--ipv6"]);
    join(&sandbox, "six", &tenant, &worker, &endpoint);
    pods_reach_the_api_server_at(&tenant, &worker, "fd00:10:96::1");
    let again = sandbox.run(&create).ok();
    assert!(again.stdout.starts_with("six: unchanged"), "{again}");
    println!("created in {:.1} s", created.took.as_secs_f32());
}

#[test]
fn a_dual_stack_cluster_is_joined_over_its_secondary_family() {
    let sandbox = TestNamespace::new("e2e-net-both");
    let [v4, v6] = management_addresses();
    let file = file(&sandbox, "fd00:10:96::/112,10.96.0.0/16", "fd00:10:244::/56,10.244.0.0/16");
    let create = ["create", "both", "--kubeadm-config", &file, "--expose", "node-port", "--endpoint", &v4];
    sandbox.run(&create).ok();
    let endpoint = endpoint(&sandbox);
    assert!(endpoint.starts_with(&format!("{v4}:")), "{endpoint}");
    let tenant = sandbox.tenant("both");
    assert_eq!(behind_the_kubernetes_service(&tenant), json!(["IPv6", [v6]]));

    let worker = Host::add("e2e-net-both", &[]);
    join(&sandbox, "both", &tenant, &worker, &endpoint);
    pods_reach_the_api_server_at(&tenant, &worker, "fd00:10:96::1");
    let node = tenant.json(&["node", worker.name()]);
    assert_eq!(node["spec"]["podCIDRs"].as_array().map(Vec::len), Some(2), "a range of each family: {node:#}");
    tenant.create(
        "{apiVersion: v1, kind: Service, metadata: {name: both}, spec: {ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]}}",
    );
    let again = sandbox.run(&create).ok();
    assert!(again.stdout.starts_with("both: unchanged"), "{again}");
}

#[test]
fn a_load_balancers_addresses_change_and_become_a_hostname() {
    let sandbox = TestNamespace::new("e2e-net-lb");
    let file = file(&sandbox, "10.96.0.0/16,fd00:10:96::/112", "10.244.0.0/16,fd00:10:244::/56");
    let create = ["create", "lb", "--yes", "--kubeadm-config", &file, "--expose", "load-balancer"];
    let creating = start(sandbox.kamaji(&create), "");
    wait_until("the Service is there", Duration::from_secs(60), || {
        let look = management().run(&["get", "service", "-n", &sandbox.namespace, "lb"]);
        if look.code == Some(0) { Ok(()) } else { Err(look.to_string()) }
    });
    let first = balance(&sandbox, &["--both"]);
    sandbox.note(creating.finish(Duration::from_secs(200)), false).ok();
    assert_eq!(endpoint(&sandbox), format!("{}:6443", first[0]));
    served_names(&sandbox, "lb", &format!("[{}]:6443", first[1]), ["-verify_ip", &first[1]]);

    let second = balance(&sandbox, &["--both", "--another"]);
    sandbox.run(&create).ok().says(&["certificate apiserver"]);
    old_pods_are_gone(&sandbox);
    assert_eq!(endpoint(&sandbox), format!("{}:6443", second[0]));
    served_names(&sandbox, "lb", &format!("{}:6443", second[0]), ["-verify_ip", &second[0]]);
    let pods = pods(&sandbox);
    assert_eq!(behind_the_kubernetes_service(&sandbox.tenant("lb")), json!(["IPv4", [second[0]]]));
    let again = sandbox.run(&create).ok();
    assert!(again.stdout.starts_with("lb: unchanged"), "{again}");
    assert_eq!(pods, self::pods(&sandbox), "once is enough");

    // Only hosts that look for it there know the name, so kamaji runs on one.
    let third = balance(&sandbox, &["--both", "--another", "--name", "lb.example.com"]);
    let worker = Host::add("e2e-net-lb", &[]);
    let know = |ip: &str| {
        worker.run(&["sh", "-c", &format!("sed /lb.example/d /etc/hosts >/run/h; cat /run/h >/etc/hosts; echo {ip} lb.example.com >>/etc/hosts")]).ok();
    };
    let kubeconfig = format!("KUBECONFIG={}", management().kubeconfig().display());
    let home = format!("HOME={}", sandbox.files.path().display());
    let on_worker = |words: &[&str]| {
        let line = [&["env", "-i", &kubeconfig, &home, env!("CARGO_BIN_EXE_kamaji"), "-n", &sandbox.namespace], words]
            .concat();
        sandbox.note(worker.run(&line), false).ok()
    };
    know(&third[0]);
    on_worker(&create);
    old_pods_are_gone(&sandbox);
    assert_eq!(endpoint(&sandbox), "lb.example.com:6443");
    served_names(&sandbox, "lb", &format!("{}:6443", third[0]), ["-verify_hostname", "lb.example.com"]);
    // kubectl of this machine does not know the name.
    let text = sandbox.secret_value("lb-admin-kubeconfig", "admin.conf");
    assert!(text.contains("server: https://lb.example.com:6443"), "kubeconfigs have the name");
    let named =
        text.replace("lb.example.com:6443\n", &format!("{}:6443\n    tls-server-name: lb.example.com\n", third[0]));
    let tenant = Kube::with(&sandbox.file("named.conf", &named));
    assert_eq!(behind_the_kubernetes_service(&tenant), json!(["IPv4", [third[0]]]));
    join(&sandbox, "lb", &tenant, &worker, "lb.example.com:6443");
    pods_reach_the_api_server_at(&tenant, &worker, "10.96.0.1");

    // The name leads to another machine of the balancer's.
    let pods = self::pods(&sandbox);
    know(&second[0]);
    let moved = on_worker(&create);
    assert!(!moved.stderr.contains("certificate"), "{moved}");
    assert_eq!(behind_the_kubernetes_service(&tenant), json!(["IPv4", [second[0]]]));
    assert_eq!(pods, self::pods(&sandbox), "the API server need not know");
}

/// Gives the Service `lb` addresses, and says which.
fn balance(sandbox: &TestNamespace, options: &[&str]) -> Vec<String> {
    let mut command = script("load-balancer");
    command.args(options).args([&sandbox.namespace, "lb"]);
    run(command).text().lines().map(str::to_owned).collect()
}

/// A pod that is let go serves on with its certificate until nobody is sent to it any more.
fn old_pods_are_gone(sandbox: &TestNamespace) {
    management().await_ending_pods(&sandbox.namespace);
}

/// The pods that are to stay; one that is let go serves on for a while.
fn pods(sandbox: &TestNamespace) -> Vec<String> {
    let all = sandbox.objects("pods");
    let stay = all.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    stay.map(|pod| pod["metadata"]["uid"].to_string()).collect()
}
