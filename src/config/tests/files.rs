//! Tests files that the configuration names: where they are mounted, and which ones must be supplied.

use super::*;
use crate::model::{FileStorage, MountSource, PatchTarget, PatchType, SuppliedFile};

fn file(path: &str, text: &str) -> SuppliedFile {
    folder_of(path, false, &[("", text)])
}

fn folder(path: &str, files: &[(&str, &str)]) -> SuppliedFile {
    folder_of(path, true, files)
}

fn folder_of(path: &str, folder: bool, files: &[(&str, &str)]) -> SuppliedFile {
    let key = |name: &str| format!("k{}", name.replace('/', "_"));
    SuppliedFile {
        path: path.into(),
        storage: FileStorage::Secret,
        folder,
        keys: files.iter().map(|(name, _)| (key(name), (*name).to_owned())).collect(),
        digest: "d".into(),
        content: Some(files.iter().map(|(name, text)| (key(name), text.as_bytes().to_vec().into())).collect()),
    }
}

fn with(text: &str, supplied: SuppliedFiles) -> Result<Loaded, Error> {
    load(&Source { name: "prod.yaml", text }, Settings { supplied, ..settings() })
}

fn files(files: Vec<SuppliedFile>) -> SuppliedFiles {
    SuppliedFiles { files, ..SuppliedFiles::default() }
}

fn messages(text: &str, supplied: SuppliedFiles) -> String {
    let error = with(text, supplied).map(|_| panic!("this was accepted:\n{text}")).unwrap_err();
    error
        .into_problems()
        .iter()
        .map(|problem| format!("{problem} -> {}", problem.remedy))
        .collect::<Vec<_>>()
        .join("\n")
}

fn argument(name: &str, value: &str) -> String {
    cluster(&format!("apiServer: {{extraArgs: [{{name: {name}, value: '{value}'}}]}}"))
}

fn volume(rest: &str) -> String {
    cluster(&format!("apiServer: {{extraVolumes: [{{name: v, {rest}}}]}}"))
}

const AUDIT: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n";

#[test]
fn a_file_is_mounted_at_the_path_that_the_argument_names() {
    let spec =
        with(&argument("audit-policy-file", "/etc/a.yaml"), files(vec![file("/etc/a.yaml", AUDIT)])).unwrap().spec;
    let [mount] = spec.api_server.mounts.as_slice() else { panic!("{:?}", spec.api_server.mounts) };
    assert_eq!((mount.at.as_str(), mount.read_only), ("/etc/a.yaml", true));
    assert_eq!(mount.source, MountSource::SuppliedFile("/etc/a.yaml".into()));
    assert_eq!(spec.extras.files[0].storage, FileStorage::ConfigMap, "an audit policy cannot contain a secret");
    assert!(spec.controller_manager.mounts.is_empty());
}

#[test]
fn files_that_may_be_confidential_are_stored_in_a_secret() {
    let keep = |argument_: &str, text: &str| {
        let spec = with(&argument(argument_, "/etc/f"), files(vec![file("/etc/f", text)])).unwrap().spec;
        spec.extras.files[0].storage
    };
    assert_eq!(keep("audit-webhook-config-file", "x"), FileStorage::Secret);
    assert_eq!(keep("oidc-ca-file", "x"), FileStorage::ConfigMap);
    assert_eq!(
        keep("oidc-ca-file", "-----BEGIN PRIVATE KEY-----"),
        FileStorage::Secret,
        "a private key in a public file"
    );
}

#[test]
fn a_file_that_several_components_name_is_stored_once() {
    let text = cluster(
        "apiServer: {extraArgs: [{name: allow-metric-labels-manifest, value: /etc/m}]}\n\
         scheduler: {extraArgs: [{name: allow-metric-labels-manifest, value: /etc/m}]}",
    );
    let spec = with(&text, files(vec![file("/etc/m", "x")])).unwrap().spec;
    assert_eq!((spec.api_server.mounts.len(), spec.scheduler.mounts.len(), spec.extras.files.len()), (1, 1, 1));
}

#[test]
fn arguments_can_name_files_in_a_supplied_directory() {
    let supplied = || files(vec![folder("/etc/x", &[("a.yaml", AUDIT), ("b/c", "y")])]);
    assert!(with(&argument("audit-policy-file", "/etc/x/a.yaml"), supplied()).is_ok());
    assert!(
        messages(&argument("audit-policy-file", "/etc/x/z.yaml"), supplied()).contains("--file /etc/x/z.yaml=LOCAL")
    );
    let both = cluster(
        "apiServer:\n  extraArgs: [{name: audit-policy-file, value: /in/b/c}]\n  \
         extraVolumes: [{name: v, hostPath: /etc/x, mountPath: /in, pathType: Directory, readOnly: true}]",
    );
    let bad = messages(&both, supplied());
    assert!(bad.contains("exactly one document") || bad.contains("contains `"), "{bad}");
    let missing = messages(&both.replace("/in/b/c", "/in/z"), supplied());
    assert!(missing.contains("has no file `z`"), "{missing}");
}

#[test]
fn a_volume_mounts_what_is_supplied_for_its_host_path() {
    let text = volume("hostPath: /h, mountPath: /m/, pathType: DirectoryOrCreate");
    let spec = with(&text, files(vec![folder("/h", &[("a", "x")])])).unwrap().spec;
    assert_eq!(spec.api_server.mounts[0].at, "/m");
    let spec = with(&text, files(vec![file("/h/a/b", "x")])).unwrap().spec;
    assert_eq!(spec.api_server.mounts[0].at, "/m/a/b", "a file below the host path");
    let empty = SuppliedFiles { empty: vec!["/h".into()], ..SuppliedFiles::default() };
    let spec = with(&text, empty).unwrap().spec;
    assert_eq!(
        (&spec.api_server.mounts[0].source, spec.api_server.mounts[0].read_only),
        (&MountSource::Empty("/h".into()), false)
    );
    let logs = cluster(
        "apiServer:\n  extraArgs: [{name: audit-log-path, value: /m/audit.log}]\n  \
         extraVolumes: [{name: v, hostPath: /h, mountPath: /m, pathType: DirectoryOrCreate}]",
    );
    assert!(with(&logs, SuppliedFiles { empty: vec!["/h".into()], ..SuppliedFiles::default() }).is_ok());
    assert!(messages(&logs, files(vec![folder("/h", &[("a", "x")])])).contains("is read-only"));
}

#[test]
fn missing_files_are_reported_with_the_flag_to_add() {
    let cases = [
        argument("audit-policy-file", "/etc/a.yaml"),
        argument("audit-log-path", "/var/log/audit/audit.log"),
        volume("hostPath: /h, mountPath: /m"),
        volume("hostPath: /h, mountPath: /m, pathType: File"),
        volume("hostPath: /h, mountPath: /m, readOnly: true"),
        init("patches: {directory: /p/}"),
    ];
    let mut all = String::new();
    for text in cases {
        let error = with(&text, SuppliedFiles::default()).unwrap_err();
        assert!(error.is_only_missing_files(), "{error}");
        for problem in error.into_problems() {
            all.push_str(&format!("{}: {} -> {}\n", problem.field, problem.text, problem.remedy));
        }
    }
    insta::assert_snapshot!(all, @"
    ClusterConfiguration.apiServer.extraArgs[0].value: `audit-policy-file` names a file that was not supplied -> supply it with --file /etc/a.yaml=LOCAL
    ClusterConfiguration.apiServer.extraArgs[0].value: `/var/log/audit/audit.log` is not writable: the container has a read-only file system -> add --empty-dir /var/log/audit, which is deleted with the pod
    ClusterConfiguration.apiServer.extraVolumes[0].hostPath: `/h` is a path on a management cluster node and is not mounted -> supply it with --file /h=LOCAL, or use --empty-dir /h for a writable directory
    ClusterConfiguration.apiServer.extraVolumes[0].hostPath: `/h` is a path on a management cluster node and is not mounted -> supply it with --file /h=LOCAL
    ClusterConfiguration.apiServer.extraVolumes[0].hostPath: `/h` is a path on a management cluster node and is not mounted -> supply it with --file /h=LOCAL
    InitConfiguration.patches.directory: the directory `/p` was not supplied -> supply it with --file /p=LOCAL
    ");
}

#[test]
fn invalid_mount_paths_and_volumes_are_refused() {
    let supplied = || files(vec![file("/f", "x")]);
    for (text, fragment) in [
        (argument("audit-policy-file", "a.yaml"), "not an absolute path"),
        (argument("audit-policy-file", "/etc/../a.yaml"), "not an absolute path"),
        (argument("oidc-ca-file", ""), "not an absolute path"),
        (volume("hostPath: /f, mountPath: /proc/x"), "a system directory"),
        (volume("hostPath: /f, mountPath: /"), "a system directory"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/pki"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/pki/ca.crt"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/pki/etcd/x"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/policies/x"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /m, pathType: Directory"), "a directory, but a file was supplied"),
        (volume("hostPath: /f, mountPath: /m, pathType: Socket"), "`pathType: Socket` is not supported"),
        (volume("hostPath: f, mountPath: /m"), "not an absolute path"),
        (volume("hostPath: /f, mountPath: '/m:x'"), "not an absolute path"),
        (volume("hostPath: /f"), "`mountPath` is required"),
        (volume("hostPath: /f, mountPath: /m}, {name: v, hostPath: /f, mountPath: /n"), "duplicate volume `v`"),
        (volume("hostPath: /f, mountPath: /m}, {name: w, hostPath: /f, mountPath: /m"), "two volumes"),
        (volume("hostPath: /f, mountPath: /m}, {name: w, hostPath: /f, mountPath: /m/n"), "overlap"),
        (CLUSTER.to_owned(), "--file /f: no field refers to this path"),
    ] {
        let messages = messages(&text, supplied());
        assert!(messages.contains(fragment), "`{fragment}` is not in {messages}");
    }
    assert!(with(&volume("hostPath: /f, mountPath: /etc/kubernetes/pki/oidc.crt"), supplied()).is_ok());
}

#[test]
fn a_file_that_prevents_the_component_from_starting_is_refused() {
    let authorization = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n- {type: AlwaysAllow, name: a}\n";
    let cases = [
        ("audit-policy-file", "a: [", "not YAML"),
        ("audit-policy-file", "kind: Policy", "expected Policy of audit.k8s.io"),
        ("audit-policy-file", "", "exactly one document"),
        ("authorization-config", authorization, "allows every request"),
        ("admission-control-config-file", AUDIT, "expected AdmissionConfiguration"),
    ];
    for (name, content, fragment) in cases {
        let messages = messages(&argument(name, "/f"), files(vec![file("/f", content)]));
        assert!(messages.contains(fragment), "`{fragment}` is not in {messages}");
    }
    let scheduler = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
    let text = cluster("scheduler: {extraArgs: [{name: config, value: /s}]}");
    assert!(messages(&text, files(vec![file("/s", scheduler)])).contains("uses only the kubeconfig"));
    let named = format!("{scheduler}clientConnection: {{kubeconfig: /etc/kubernetes/scheduler.conf}}\n");
    assert!(with(&text, files(vec![file("/s", &named)])).is_ok());
}

#[test]
fn an_authentication_file_is_used_with_a_warning_about_anonymous_requests() {
    let text = argument("authentication-config", "/f");
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n";
    let warnings = |more: &str| {
        let loaded = with(&text, files(vec![file("/f", &format!("{head}{more}"))])).unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect::<String>()
    };
    assert!(warnings("jwt: []").contains("not limited to health"));
    assert!(warnings("anonymous: {enabled: false}").contains("need anonymous access to"));
    assert!(warnings("anonymous: {enabled: true, conditions: [{path: /livez}]}").contains("need anonymous access to"));
    assert_eq!(warnings("anonymous: {enabled: true}"), "");
    let both =
        cluster("apiServer: {extraArgs: [{name: authentication-config, value: /f}, {name: oidc-client-id, value: x}]}");
    assert!(messages(&both, files(vec![file("/f", head)])).contains("mutually exclusive"));
}

#[test]
fn files_of_an_earlier_run_need_not_be_supplied_again() {
    let text = argument("audit-policy-file", "/etc/a.yaml");
    let kept = SuppliedFile { content: None, storage: FileStorage::ConfigMap, ..file("/etc/a.yaml", AUDIT) };
    let loaded = with(&text, files(vec![kept.clone()])).unwrap();
    assert_eq!(
        (loaded.spec.extras.files[0].storage, loaded.spec.extras.files[0].content.is_none()),
        (FileStorage::ConfigMap, true)
    );
    assert!(
        with(CLUSTER, files(vec![kept])).unwrap().spec.extras.files.is_empty(),
        "a file that nothing refers to is dropped"
    );
}

#[test]
fn file_contents_are_neither_recorded_nor_shown() {
    let text = argument("audit-webhook-config-file", "/f");
    let loaded = with(&text, files(vec![file("/f", "token: hunter2hunter2")])).unwrap();
    let messages = format!("{loaded:?} {}", serde_json::to_string(&loaded.spec).unwrap());
    assert!(!messages.contains("hunter2"), "{messages}");
}

#[test]
fn patches_are_read_in_kubeadms_order() {
    let supplied = files(vec![folder(
        "/p",
        &[
            ("kube-scheduler1+json.yaml", "- {op: remove, path: /a}"),
            ("kube-apiserver-b.yaml", "a: 1\n---\nb: null\n"),
            ("kube-apiserver-a+merge.json", "{\"a\": 1}"),
            ("sub/kubeletconfiguration.yaml", "maxPods: 1"),
            ("README.md", "text"),
        ],
    )]);
    let loaded = with(&init("patches: {directory: /p}"), supplied).unwrap();
    assert!(loaded.warnings[0].text.contains("README.md"), "{:?}", loaded.warnings);
    let patches = loaded.spec.extras.patches.unwrap().patches;
    let read: Vec<_> = patches.iter().map(|patch| (patch.target, patch.kind)).collect();
    assert_eq!(
        read,
        [
            (PatchTarget::KubeApiserver, PatchType::Merge),
            (PatchTarget::KubeApiserver, PatchType::Strategic),
            (PatchTarget::KubeApiserver, PatchType::Strategic),
            (PatchTarget::KubeScheduler, PatchType::Json),
            (PatchTarget::KubeletConfiguration, PatchType::Strategic),
        ]
    );
    assert!(patches[2].body["b"].is_null() && patches[2].body.get("b").is_some(), "a null removes");
    assert!(loaded.spec.extras.files.is_empty(), "patches are not mounted");
    for (name, content, fragment) in [
        ("etcd.yaml", "a: 1", "no local etcd"),
        ("kube-apiserver+xml.yaml", "a: 1", "unknown patch type"),
        ("kube-apiserver.yaml", "- a", "a patch of this type is a map"),
        ("kube-apiserver+json.yaml", "a: 1", "a patch of this type is a list"),
        ("kube-apiserver.yaml", "a: 1\na: 2", "kube-apiserver.yaml:2:1"),
    ] {
        let messages = messages(&init("patches: {directory: /p}"), files(vec![folder("/p", &[(name, content)])]));
        assert!(messages.contains(fragment), "`{fragment}` is not in {messages}");
    }
}

#[test]
fn arguments_that_kamaji_sets_are_refused_in_patches_too() {
    for name in ["etcd-servers", "client-ca-file", "kubeconfig", "requestheader-x", "token-auth-file", "cluster-name"] {
        assert!(crate::model::is_owned_argument(name), "{name}");
    }
    assert!(!crate::model::is_owned_argument("audit-policy-file"));
}
