//! What cannot work is refused or told with its cause, and nothing is left half done.

use std::process::Command;
use std::time::Duration;

use crate::support::{TestNamespace, management, run, wait_until};

#[test]
fn a_create_that_cannot_succeed_reports_the_cause() {
    let sandbox = TestNamespace::new("e2e-refusals");
    a_missing_namespace_is_named(&sandbox);
    a_service_of_others_is_not_touched(&sandbox);
    an_image_that_cannot_be_pulled_is_told(&sandbox);
    a_crashing_api_server_is_told_with_its_last_words(&sandbox);
    a_wrong_file_is_refused_before_any_server_is_asked(&sandbox);
}

fn a_missing_namespace_is_named(sandbox: &TestNamespace) {
    let file = sandbox.quickstart();
    let refused = sandbox.run(&["create", "alone", "--kubeadm-config", &file, "--namespace", "e2e-nowhere"]);
    refused.exits(3).says(&["namespace `e2e-nowhere` does not exist", "kubectl create namespace e2e-nowhere"]);
}

fn a_service_of_others_is_not_touched(sandbox: &TestNamespace) {
    management().run(&["create", "service", "clusterip", "taken", "--tcp=80", "-n", &sandbox.namespace]).ok();
    let before = wait_until("what follows a Service is there", Duration::from_secs(60), || {
        let all = sandbox.everything();
        let has = |kind: &str| all.keys().any(|name| name.starts_with(kind));
        if has("Endpoints/taken") && has("EndpointSlice/taken") { Ok(all) } else { Err(format!("{all:?}")) }
    });
    sandbox.create("taken", &[]).exits(4).says(&["Service e2e-refusals/taken"]);
    assert_eq!(sandbox.everything(), before);
    sandbox.run(&["delete", "taken", "--yes"]).ok();
    assert_eq!(sandbox.everything(), before, "what others made is not deleted");
}

fn an_image_that_cannot_be_pulled_is_told(sandbox: &TestNamespace) {
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let text = text.replace("kubernetesVersion:", "imageRepository: registry.invalid/none\nkubernetesVersion:");
    let file = sandbox.file("images.yaml", &text).display().to_string();
    let create = ["create", "images", "--kubeadm-config", &file, "--expose", "node-port", "--timeout", "60s"];
    let timed_out = sandbox.run(&create).exits(6);
    assert!(timed_out.took.as_secs() < 75, "--timeout is kept: {timed_out}");
    let pull = timed_out.stderr.contains("ImagePullBackOff") || timed_out.stderr.contains("ErrImagePull");
    assert!(pull && timed_out.stderr.contains("registry.invalid/none/kube-apiserver:v1.37.2"), "{timed_out}");
    let status = sandbox.run(&["status", "images", "-o", "json"]).json();
    assert_eq!(status["healthy"], false);
    sandbox.run(&["delete", "images", "--yes"]).ok();
}

fn a_crashing_api_server_is_told_with_its_last_words(sandbox: &TestNamespace) {
    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let text = text.replace(
        "kubernetesVersion:",
        "apiServer:\n  extraArgs:\n  - {name: no-such-flag, value: here}\nkubernetesVersion:",
    );
    let file = sandbox.file("crash.yaml", &text).display().to_string();
    let create = ["create", "crash", "--kubeadm-config", &file, "--expose", "node-port", "--timeout", "60s"];
    sandbox.run(&create).exits(6).says(&["kube-apiserver", "unknown flag: --no-such-flag"]);
    let shown = sandbox.run(&["status", "crash"]).ok();
    assert!(shown.stdout.contains("unknown flag: --no-such-flag"), "{shown}");
    sandbox.run(&["delete", "crash", "--yes"]).ok();
    sandbox.nothing_is_left_where(|name| !name.contains("/taken"));
}

fn a_wrong_file_is_refused_before_any_server_is_asked(sandbox: &TestNamespace) {
    let file = sandbox.file(
        "wrong.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.12.0\n",
    );
    let file = file.display().to_string();
    let mut nowhere = sandbox.kamaji(&["create", "wrong", "--kubeadm-config", &file]);
    nowhere.env("KUBECONFIG", "/nonexistent");
    sandbox.note(run(nowhere), false).exits(2).says(&["wrong.yaml", "kubernetesVersion"]);
}

#[test]
fn keys_generated_by_openssl_are_used_unchanged() {
    let sandbox = TestNamespace::new("e2e-pki");
    let folder = sandbox.files.path().join("pki");
    std::fs::create_dir(&folder).expect("a temporary folder takes folders");
    let openssl = |words: &str| {
        let mut command = Command::new("openssl");
        command.current_dir(&folder).args(words.split(' '));
        run(command).ok();
    };
    let authority = "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign";
    for name in ["ca", "front-proxy-ca"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout {name}.key -out {name}.crt -subj /CN={name} {authority}"
        ));
    }
    openssl("genrsa -out sa.key 2048");
    openssl("rsa -in sa.key -pubout -out sa.pub");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("openssl wrote it");

    let text = std::fs::read_to_string(sandbox.quickstart()).expect("it was just written");
    let text = text.replace("kubernetesVersion:", "encryptionAlgorithm: RSA-2048\nkubernetesVersion:");
    let file = sandbox.file("rsa.yaml", &text).display().to_string();
    let pki = folder.display().to_string();
    sandbox.run(&["create", "mine", "--kubeadm-config", &file, "--expose", "node-port", "--pki", &pki]).ok();

    assert_eq!(sandbox.secret_value("mine-ca", "ca.crt").trim(), read("ca.crt").trim());
    assert_eq!(sandbox.secret_value("mine-ca", "ca.key").trim(), read("ca.key").trim());
    assert_eq!(sandbox.secret_value("mine-sa-certificate", "sa.key").trim(), read("sa.key").trim());
    assert_eq!(
        sandbox.secret_value("mine-front-proxy-ca-certificate", "front-proxy-ca.crt").trim(),
        read("front-proxy-ca.crt").trim()
    );
    let leaf = sandbox.file("leaf.crt", &sandbox.secret_value("mine-api-server-certificate", "apiserver.crt"));
    let mut verify = Command::new("openssl");
    verify.args(["verify", "-CAfile"]).arg(folder.join("ca.crt")).arg(&leaf);
    run(verify).ok();
    let mut show = Command::new("openssl");
    show.args(["x509", "-noout", "-text", "-in"]).arg(&leaf);
    assert!(run(show).text().contains("rsaEncryption"), "the file asks for RSA");

    // A token that the control plane issues is signed with the given key, so it verifies with the given public key.
    let tenant = sandbox.tenant("mine");
    tenant.await_service_account("default");
    let token = tenant.text(&["create", "token", "default"]);
    let parts: Vec<&str> = token.split('.').collect();
    let signed = sandbox.file("signed", &format!("{}.{}", parts[0], parts[1]));
    let signature = folder.join("signature");
    std::fs::write(&signature, base64_url(parts[2])).expect("a temporary folder takes files");
    let mut verify = Command::new("openssl");
    verify
        .args(["dgst", "-sha256", "-verify"])
        .arg(folder.join("sa.pub"))
        .arg("-signature")
        .arg(&signature)
        .arg(&signed);
    assert_eq!(run(verify).text(), "Verified OK");
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(text).expect("a token's signature is base64")
}
