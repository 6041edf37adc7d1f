//! Files that the configuration names: what is mounted where, and what has to be given.

use super::*;
use crate::model::{Keep, MountSource, PatchTarget, PatchType, SuppliedFile};

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
        keep: Keep::Secret,
        folder,
        keys: files.iter().map(|(name, _)| (key(name), (*name).to_owned())).collect(),
        digest: "d".into(),
        content: Some(files.iter().map(|(name, text)| (key(name), text.as_bytes().to_vec().into())).collect()),
    }
}

fn with(text: &str, given: SuppliedFiles) -> Result<Loaded, Error> {
    load(&Source { name: "prod.yaml", text }, Settings { given, ..settings() })
}

fn files(files: Vec<SuppliedFile>) -> SuppliedFiles {
    SuppliedFiles { files, ..SuppliedFiles::default() }
}

fn said(text: &str, given: SuppliedFiles) -> String {
    let error = with(text, given).map(|_| panic!("this was accepted:\n{text}")).unwrap_err();
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
fn a_file_that_an_argument_names_is_mounted_where_it_names_it() {
    let spec =
        with(&argument("audit-policy-file", "/etc/a.yaml"), files(vec![file("/etc/a.yaml", AUDIT)])).unwrap().spec;
    let [mount] = spec.api_server.mounts.as_slice() else { panic!("{:?}", spec.api_server.mounts) };
    assert_eq!((mount.at.as_str(), mount.read_only), ("/etc/a.yaml", true));
    assert_eq!(mount.source, MountSource::SuppliedFiles("/etc/a.yaml".into()));
    assert_eq!(spec.extras.files[0].keep, Keep::ConfigMap, "an audit policy has no place for a secret");
    assert!(spec.controller_manager.mounts.is_empty());
}

#[test]
fn what_may_be_confidential_is_kept_in_a_secret() {
    let keep = |argument_: &str, text: &str| {
        let spec = with(&argument(argument_, "/etc/f"), files(vec![file("/etc/f", text)])).unwrap().spec;
        spec.extras.files[0].keep
    };
    assert_eq!(keep("audit-webhook-config-file", "x"), Keep::Secret);
    assert_eq!(keep("oidc-ca-file", "x"), Keep::ConfigMap);
    assert_eq!(keep("oidc-ca-file", "-----BEGIN PRIVATE KEY-----"), Keep::Secret, "whoever put it there");
}

#[test]
fn one_file_that_several_components_name_is_given_once() {
    let text = cluster(
        "apiServer: {extraArgs: [{name: allow-metric-labels-manifest, value: /etc/m}]}\n\
         scheduler: {extraArgs: [{name: allow-metric-labels-manifest, value: /etc/m}]}",
    );
    let spec = with(&text, files(vec![file("/etc/m", "x")])).unwrap().spec;
    assert_eq!((spec.api_server.mounts.len(), spec.scheduler.mounts.len(), spec.extras.files.len()), (1, 1, 1));
}

#[test]
fn a_folder_holds_what_arguments_name_below_it() {
    let given = || files(vec![folder("/etc/x", &[("a.yaml", AUDIT), ("b/c", "y")])]);
    assert!(with(&argument("audit-policy-file", "/etc/x/a.yaml"), given()).is_ok());
    assert!(said(&argument("audit-policy-file", "/etc/x/z.yaml"), given()).contains("--file /etc/x/z.yaml=LOCAL"));
    let both = cluster(
        "apiServer:\n  extraArgs: [{name: audit-policy-file, value: /in/b/c}]\n  \
         extraVolumes: [{name: v, hostPath: /etc/x, mountPath: /in, pathType: Directory, readOnly: true}]",
    );
    let bad = said(&both, given());
    assert!(bad.contains("not one document") || bad.contains("holds"), "{bad}");
    let missing = said(&both.replace("/in/b/c", "/in/z"), given());
    assert!(missing.contains("has no file `z`"), "{missing}");
}

#[test]
fn a_volume_mounts_what_is_given_for_its_host_path() {
    let text = volume("hostPath: /h, mountPath: /m/, pathType: DirectoryOrCreate");
    let spec = with(&text, files(vec![folder("/h", &[("a", "x")])])).unwrap().spec;
    assert_eq!(spec.api_server.mounts[0].at, "/m");
    let spec = with(&text, files(vec![file("/h/a/b", "x")])).unwrap().spec;
    assert_eq!(spec.api_server.mounts[0].at, "/m/a/b", "a file below the path of the node");
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
    assert!(said(&logs, files(vec![folder("/h", &[("a", "x")])])).contains("can only be read"));
}

#[test]
fn what_was_not_given_is_told_with_the_flag_to_add() {
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
        assert!(error.wants_files(), "{error}");
        for problem in error.into_problems() {
            all.push_str(&format!("{}: {} -> {}\n", problem.field, problem.text, problem.remedy));
        }
    }
    insta::assert_snapshot!(all, @"
    ClusterConfiguration.apiServer.extraArgs[0].value: `audit-policy-file` names a file that was not given -> give it with --file /etc/a.yaml=LOCAL
    ClusterConfiguration.apiServer.extraArgs[0].value: `/var/log/audit/audit.log` is written, and the container can write nowhere -> add --empty-dir /var/log/audit, which ends with the pod
    ClusterConfiguration.apiServer.extraVolumes[0].hostPath: `/h` would be a path of a management node -> give it with --file /h=LOCAL, or --empty-dir /h for a folder to write to
    ClusterConfiguration.apiServer.extraVolumes[0].hostPath: `/h` would be a path of a management node -> give it with --file /h=LOCAL
    ClusterConfiguration.apiServer.extraVolumes[0].hostPath: `/h` would be a path of a management node -> give it with --file /h=LOCAL
    InitConfiguration.patches.directory: the folder `/p` was not given -> give it with --file /p=LOCAL
    ");
}

#[test]
fn places_values_and_kinds_that_cannot_be_are_refused() {
    let given = || files(vec![file("/f", "x")]);
    for (text, fragment) in [
        (argument("audit-policy-file", "a.yaml"), "no absolute path"),
        (argument("audit-policy-file", "/etc/../a.yaml"), "no absolute path"),
        (argument("oidc-ca-file", ""), "no absolute path"),
        (volume("hostPath: /f, mountPath: /proc/x"), "the system's own"),
        (volume("hostPath: /f, mountPath: /"), "the system's own"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/pki"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/pki/ca.crt"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/pki/etcd/x"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /etc/kubernetes/policies/x"), "kamaji mounts its own files"),
        (volume("hostPath: /f, mountPath: /m, pathType: Directory"), "a folder, and what is given is a file"),
        (volume("hostPath: /f, mountPath: /m, pathType: Socket"), "nothing that a pod can be given"),
        (volume("hostPath: f, mountPath: /m"), "not an absolute path"),
        (volume("hostPath: /f, mountPath: '/m:x'"), "not an absolute path"),
        (volume("hostPath: /f"), "needs `mountPath`"),
        (volume("hostPath: /f, mountPath: /m}, {name: v, hostPath: /f, mountPath: /n"), "given twice"),
        (volume("hostPath: /f, mountPath: /m}, {name: w, hostPath: /f, mountPath: /m"), "two volumes"),
        (volume("hostPath: /f, mountPath: /m}, {name: w, hostPath: /f, mountPath: /m/n"), "within each other"),
        (CLUSTER.to_owned(), "--file /f: nothing in the file names this path"),
    ] {
        let said = said(&text, given());
        assert!(said.contains(fragment), "`{fragment}` is not in {said}");
    }
    assert!(with(&volume("hostPath: /f, mountPath: /etc/kubernetes/pki/oidc.crt"), given()).is_ok());
}

#[test]
fn a_file_that_would_keep_the_component_from_starting_is_refused() {
    let authorization = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n- {type: AlwaysAllow, name: a}\n";
    let cases = [
        ("audit-policy-file", "a: [", "not YAML"),
        ("audit-policy-file", "kind: Policy", "and not Policy of audit.k8s.io"),
        ("audit-policy-file", "", "not one document"),
        ("authorization-config", authorization, "lets everybody do everything"),
        ("admission-control-config-file", AUDIT, "and not AdmissionConfiguration"),
    ];
    for (name, content, fragment) in cases {
        let said = said(&argument(name, "/f"), files(vec![file("/f", content)]));
        assert!(said.contains(fragment), "`{fragment}` is not in {said}");
    }
    let scheduler = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
    let text = cluster("scheduler: {extraArgs: [{name: config, value: /s}]}");
    assert!(said(&text, files(vec![file("/s", scheduler)])).contains("finds its kubeconfig only"));
    let named = format!("{scheduler}clientConnection: {{kubeconfig: /etc/kubernetes/scheduler.conf}}\n");
    assert!(with(&text, files(vec![file("/s", &named)])).is_ok());
}

#[test]
fn an_authentication_file_is_used_as_given_with_a_word_about_anonymous_requests() {
    let text = argument("authentication-config", "/f");
    let head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n";
    let warnings = |more: &str| {
        let loaded = with(&text, files(vec![file("/f", &format!("{head}{more}"))])).unwrap();
        loaded.warnings.iter().map(ToString::to_string).collect::<String>()
    };
    assert!(warnings("jwt: []").contains("not limited to health"));
    assert!(warnings("anonymous: {enabled: false}").contains("ask anonymously for"));
    assert!(warnings("anonymous: {enabled: true, conditions: [{path: /livez}]}").contains("ask anonymously for"));
    assert_eq!(warnings("anonymous: {enabled: true}"), "");
    let both =
        cluster("apiServer: {extraArgs: [{name: authentication-config, value: /f}, {name: oidc-client-id, value: x}]}");
    assert!(said(&both, files(vec![file("/f", head)])).contains("takes either"));
}

#[test]
fn what_an_earlier_run_was_given_counts() {
    let text = argument("audit-policy-file", "/etc/a.yaml");
    let kept = SuppliedFile { content: None, keep: Keep::ConfigMap, ..file("/etc/a.yaml", AUDIT) };
    let loaded = with(&text, files(vec![kept.clone()])).unwrap();
    assert_eq!(
        (loaded.spec.extras.files[0].keep, loaded.spec.extras.files[0].content.is_none()),
        (Keep::ConfigMap, true)
    );
    assert!(with(CLUSTER, files(vec![kept])).unwrap().spec.extras.files.is_empty(), "it goes when nothing names it");
}

#[test]
fn the_content_of_a_file_is_neither_recorded_nor_shown() {
    let text = argument("audit-webhook-config-file", "/f");
    let loaded = with(&text, files(vec![file("/f", "token: hunter2hunter2")])).unwrap();
    let said = format!("{loaded:?} {}", serde_json::to_string(&loaded.spec).unwrap());
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn patches_are_read_in_kubeadms_order() {
    let given = files(vec![folder(
        "/p",
        &[
            ("kube-scheduler1+json.yaml", "- {op: remove, path: /a}"),
            ("kube-apiserver-b.yaml", "a: 1\n---\nb: null\n"),
            ("kube-apiserver-a+merge.json", "{\"a\": 1}"),
            ("sub/kubeletconfiguration.yaml", "maxPods: 1"),
            ("README.md", "text"),
        ],
    )]);
    let loaded = with(&init("patches: {directory: /p}"), given).unwrap();
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
    assert!(loaded.spec.extras.files.is_empty(), "patches are mounted nowhere");
    for (name, content, fragment) in [
        ("etcd.yaml", "a: 1", "no etcd of its own"),
        ("kube-apiserver+xml.yaml", "a: 1", "no such patch type"),
        ("kube-apiserver.yaml", "- a", "a patch of its type is a map"),
        ("kube-apiserver+json.yaml", "a: 1", "a patch of its type is a list"),
        ("kube-apiserver.yaml", "a: 1\na: 2", "kube-apiserver.yaml:2:1"),
    ] {
        let said = said(&init("patches: {directory: /p}"), files(vec![folder("/p", &[(name, content)])]));
        assert!(said.contains(fragment), "`{fragment}` is not in {said}");
    }
}

#[test]
fn every_argument_that_is_refused_as_kamajis_is_so_in_patches_too() {
    for name in ["etcd-servers", "client-ca-file", "kubeconfig", "requestheader-x", "token-auth-file", "cluster-name"] {
        assert!(crate::model::is_owned_argument(name), "{name}");
    }
    assert!(!crate::model::is_owned_argument("audit-policy-file"));
}
