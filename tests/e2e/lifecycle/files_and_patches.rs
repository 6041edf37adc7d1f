//! Files and patches of the user: in the pods, and judged by what the components do with them.

use std::process::Command;

use serde_json::Value;

use crate::support::{TestNamespace, eventually, management, run};

const NAME: &str = "files";
const AUDIT: &str = "/etc/kubernetes/audit.yaml";

#[test]
fn files_and_patches_reach_the_pods_and_the_cluster() {
    let sandbox = TestNamespace::new("e2e-files");
    let file = kubeadm_file(&sandbox, true);
    a_file_that_was_not_given_is_told_with_its_flag(&sandbox, &file);
    let created = sandbox.run(&[&create(&file)[..], &refs(&given(&sandbox))].concat()).ok();
    println!("created in {:.1} s", created.took.as_secs_f32());
    its_audit_policy_decides_what_is_logged(&sandbox);
    its_admission_and_authentication_are_the_users(&sandbox);
    its_pods_and_addons_are_patched(&sandbox);
    a_second_run_needs_no_file_again(&sandbox, &file);
    a_file_that_is_changed_or_not_named_any_more(&sandbox);
    sandbox.run(&["delete", NAME, "--yes"]).ok();
    sandbox.nothing_is_left();
}

fn create(file: &str) -> [&str; 8] {
    ["create", NAME, "--kubeadm-config", file, "--expose", "node-port", "--yes", "--timeout=4m"]
}

fn refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// The quickstart's file with everything that needs files.
fn kubeadm_file(sandbox: &TestNamespace, admission: bool) -> String {
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let admission = if admission {
        "  - {name: admission-control-config-file, value: /etc/kubernetes/admission/config.yaml}\n"
    } else {
        ""
    };
    let arguments = format!(
        "apiServer:\n  extraArgs:\n  - {{name: audit-policy-file, value: {AUDIT}}}\n{admission}  \
         - {{name: authentication-config, value: /etc/kubernetes/pki/authentication.yaml}}\nkubernetesVersion:"
    );
    let text = text.replace("kubernetesVersion:", &arguments)
        + "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\npatches: {directory: /etc/kubernetes/patches}\n";
    sandbox.file("files.yaml", &text).display().to_string()
}

fn policy(sandbox: &TestNamespace, rules: &str) -> String {
    let text = format!("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n{rules}\n- level: None\n");
    format!("--file={AUDIT}={}", sandbox.file("audit.yaml", &text).display())
}

fn given(sandbox: &TestNamespace) -> Vec<String> {
    let folder = |name: &str, files: &[(&str, &str)]| {
        let folder = sandbox.files.path().join(name);
        std::fs::create_dir_all(&folder).expect("a temporary folder takes folders");
        for (file, text) in files {
            std::fs::write(folder.join(file), text).expect("a temporary folder takes files");
        }
        folder.display().to_string()
    };
    let admission = folder(
        "admission",
        &[
            (
                "config.yaml",
                "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n\
                 - {name: PodSecurity, path: pod-security.yaml}\n",
            ),
            (
                "pod-security.yaml",
                "apiVersion: pod-security.admission.config.k8s.io/v1\nkind: PodSecurityConfiguration\n\
                 defaults: {enforce: baseline, enforce-version: latest}\n",
            ),
        ],
    );
    let patches = folder(
        "patches",
        &[
            (
                "kube-apiserver.yaml",
                "metadata: {annotations: {example.com/owner: team-a}}\nspec: {containers: [{name: kube-apiserver, env: [{name: OWN, value: env}]}]}\n",
            ),
            (
                "kube-controller-manager+json.yaml",
                "- {op: add, path: /spec/containers/0/command/-, value: --concurrent-gc-syncs=7}\n",
            ),
            ("kube-scheduler+merge.json", "{\"metadata\": {\"annotations\": {\"example.com/merged\": \"yes\"}}}\n"),
            (
                "corednsdeployment.yaml",
                "spec: {replicas: 1, template: {spec: {containers: [{name: coredns, resources: {limits: {memory: 200Mi}}}]}}}\n",
            ),
            ("kubeletconfiguration+merge.yaml", "maxPods: 33\n"),
            (
                "kubeproxydaemonset+json.json",
                "[{\"op\": \"add\", \"path\": \"/metadata/annotations\", \"value\": {\"example.com/proxy\": \"yes\"}}]\n",
            ),
        ],
    );
    let authentication = sandbox.file(
        "authentication.yaml",
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\nanonymous:\n  enabled: true\n  conditions:\n  \
         - path: /livez\n  - path: /readyz\n  - path: /healthz\n  - path: /version\n  \
         - path: /api/v1/namespaces/kube-public/configmaps/cluster-info\n",
    );
    vec![
        policy(sandbox, "- {level: Request, resources: [{group: '', resources: [configmaps]}]}"),
        format!("--file=/etc/kubernetes/admission={admission}"),
        format!("--file=/etc/kubernetes/pki/authentication.yaml={}", authentication.display()),
        format!("--file=/etc/kubernetes/patches={patches}"),
    ]
}

fn a_file_that_was_not_given_is_told_with_its_flag(sandbox: &TestNamespace, file: &str) {
    let refused = sandbox.run(&create(file)).exits(2);
    refused.says(&[
        "4 problems",
        "files.yaml:",
        "--file /etc/kubernetes/audit.yaml=LOCAL",
        "--file /etc/kubernetes/patches=LOCAL",
    ]);
    assert!(sandbox.everything().is_empty(), "nothing was changed");
}

/// What its API servers logged; nothing when one of their pods goes while they are read.
fn logs(sandbox: &TestNamespace) -> String {
    let label = format!("kamaji.clastix.io/name={NAME}");
    let read = management().run(&["logs", "-n", &sandbox.namespace, "-l", &label, "-c", "kube-apiserver", "--tail=-1"]);
    if read.code == Some(0) { read.stdout } else { String::new() }
}

/// kamaji's own policy logs neither the first stage of a request nor what is in a `ConfigMap`.
fn its_audit_policy_decides_what_is_logged(sandbox: &TestNamespace) {
    sandbox.tenant(NAME).run(&["create", "configmap", "watched", "--from-literal=marker=seen-by-the-audit"]).ok();
    eventually("the audit log has the request as the user's policy wants it", || {
        let logs = logs(sandbox);
        let mut lines =
            logs.lines().filter(|line| line.contains("\"audit.k8s.io/v1\"") && line.contains("seen-by-the-audit"));
        lines.any(|line| line.contains("\"level\":\"Request\"") && line.contains("requestObject"))
    });
    eventually("the first stage of requests is logged too", || {
        logs(sandbox).lines().any(|line| line.contains("\"stage\":\"RequestReceived\""))
    });
}

fn its_admission_and_authentication_are_the_users(sandbox: &TestNamespace) {
    let tenant = sandbox.tenant(NAME);
    tenant.await_service_account("default");
    let pod = "{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"root\"}, \"spec\": {\"hostNetwork\": true, \"containers\": [{\"name\": \"a\", \"image\": \"a\"}]}}";
    let path = sandbox.file("pod.json", pod).display().to_string();
    tenant.run(&["create", "-f", &path]).exits(1).says(&["violates PodSecurity \"baseline"]);
    let endpoint =
        sandbox.run(&["list", "-o", "json"]).json()["items"][0]["endpoint"].as_str().expect("it has one").to_owned();
    let status = |path: &str| {
        let mut ask = Command::new("curl");
        ask.args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", &format!("https://{endpoint}{path}")]);
        run(ask).text()
    };
    assert_eq!((status("/version"), status("/api")), ("200".to_owned(), "401".to_owned()));
}

fn its_pods_and_addons_are_patched(sandbox: &TestNamespace) {
    let pods = sandbox.objects("pods");
    let [pod] = pods.as_slice() else { panic!("{} pods", pods.len()) };
    assert_eq!(pod["metadata"]["annotations"]["example.com/owner"], "team-a");
    assert_eq!(pod["metadata"]["annotations"]["example.com/merged"], "yes");
    let container = |name: &str| {
        let all = pod["spec"]["containers"].as_array().expect("it has containers");
        all.iter().find(|container| container["name"] == name).expect("it is there").clone()
    };
    assert_eq!(container("kube-apiserver")["env"][0], serde_json::json!({"name": "OWN", "value": "env"}));
    let has = |name: &str, line: &str| {
        container(name)["command"].as_array().expect("a command").iter().any(|argument| argument == line)
    };
    assert!(has("kube-controller-manager", "--concurrent-gc-syncs=7"));
    assert!(has("kube-apiserver", "--audit-policy-file=/etc/kubernetes/audit.yaml"));
    let mounts = container("kube-apiserver")["volumeMounts"].to_string();
    assert!(mounts.contains(AUDIT) && mounts.contains("/etc/kubernetes/admission"), "{mounts}");

    let tenant = sandbox.tenant(NAME);
    let coredns = tenant.json(&["deployment", "-n", "kube-system", "coredns"]);
    assert_eq!(coredns["spec"]["replicas"], 1);
    assert_eq!(
        coredns.pointer("/spec/template/spec/containers/0/resources/limits/memory"),
        Some(&Value::from("200Mi"))
    );
    let proxy = tenant.json(&["daemonset", "-n", "kube-system", "kube-proxy"]);
    assert_eq!(proxy["metadata"]["annotations"]["example.com/proxy"], "yes");
    let kubelet = tenant.json(&["configmap", "-n", "kube-system", "kubelet-config"]);
    assert!(kubelet["data"]["kubelet"].as_str().is_some_and(|text| text.contains("maxPods: 33")), "{kubelet}");
}

fn a_second_run_needs_no_file_again(sandbox: &TestNamespace, file: &str) {
    let before = sandbox.everything();
    let again = sandbox.run(&create(file)).ok();
    assert_eq!(again.stdout.lines().next().map(|line| line.starts_with("files: unchanged")), Some(true), "{again}");
    again.says(&["/etc/kubernetes/audit.yaml: the file given earlier is kept"]);
    assert_eq!(sandbox.everything(), before);
}

fn a_file_that_is_changed_or_not_named_any_more(sandbox: &TestNamespace) {
    let objects = |sandbox: &TestNamespace| {
        let all = sandbox.everything().into_keys();
        all.filter(|name| name.contains("/files-file-")).collect::<Vec<_>>()
    };
    assert_eq!(objects(sandbox).len(), 3, "patches are in the record: {:?}", objects(sandbox));
    let file = kubeadm_file(sandbox, false);
    let changed = policy(sandbox, "- {level: Metadata, resources: [{group: '', resources: [namespaces]}]}");
    let run =
        sandbox.run(&[&create(&file)[..], &[&changed]].concat()).ok().says(&["replaces its pods, new ones first"]);
    println!("changed in {:.1} s", run.took.as_secs_f32());
    assert_eq!(objects(sandbox).len(), 2, "{:?}", objects(sandbox));
    // The pod with the old policy serves on for some seconds.
    management().await_ending_pods(&sandbox.namespace);
    sandbox.tenant(NAME).run(&["create", "namespace", "now-watched"]).ok();
    eventually("the audit log follows the new policy", || {
        logs(sandbox).lines().any(|line| line.contains("now-watched") && line.contains("\"level\":\"Metadata\""))
    });
}
