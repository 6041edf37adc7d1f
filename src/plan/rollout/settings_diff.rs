//! What of a wish differs from another one, in the user's words: for the plan, and for the history.

use serde_json::{Map, Value, json};

use crate::model::{Component, ControlPlaneSpec};
use crate::plan::apply::field_change::FieldChange;
use crate::plan::apply::value_diff::{keyed, walk};

/// The settings that differ, but for the version. Values of environment variables are not shown.
#[must_use]
pub fn changes_of_settings(before: &ControlPlaneSpec, after: &ControlPlaneSpec) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    walk(&mut Vec::new(), &settings(before), &settings(after), &mut |path, from, to| {
        let mut change = FieldChange::of(path, from, to);
        // A place in a list says little.
        let named: Vec<&str> = path.iter().map(String::as_str).filter(|step| step.parse::<usize>().is_err()).collect();
        change.field = named.join(".");
        if path.iter().any(|step| step == "extraEnvs") {
            for value in [&mut change.from, &mut change.to] {
                *value = value.take().map(|_| "(hidden)".to_owned());
            }
        }
        changes.push(change);
    });
    changes
}

/// The changes in a few words each.
#[must_use]
pub fn words_of(changes: &[FieldChange]) -> Vec<String> {
    changes.iter().map(FieldChange::words).collect()
}

fn settings(spec: &ControlPlaneSpec) -> Value {
    let digest = |text: &str| Value::from(text.chars().take(8).collect::<String>());
    let files: Map<String, Value> =
        spec.extras.files.iter().map(|file| (file.path.clone(), digest(&file.digest))).collect();
    json!({
        "replicas": spec.replicas,
        "exposure": spec.expose,
        "endpoint": spec.endpoint.as_ref().map(|endpoint| endpoint.to_string().trim_end_matches(":0").to_owned()),
        "bindPort": spec.bind_port,
        "imageRepository": spec.image_repository,
        "certSANs": spec.cert_sans.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "certificates": spec.certificates,
        "apiServer": component(&spec.api_server),
        "controllerManager": component(&spec.controller_manager),
        "scheduler": component(&spec.scheduler),
        "coredns": {"addon": switch(spec.addons.coredns.is_some()), "image": spec.addons.coredns},
        "kube-proxy": {"addon": switch(spec.addons.kube_proxy), "image": spec.addons.kube_proxy_image},
        "KubeletConfiguration": spec.kubelet,
        "patches of KubeletConfiguration": spec.kubelet_patches,
        "KubeProxyConfiguration": spec.kube_proxy,
        "labels": spec.labels,
        "pods": spec.pods,
        "service": spec.service,
        "network": spec.isolation,
        "files": files,
        "volumes": spec.extras.volumes,
        "patches": spec.extras.patches,
    })
}

const fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn component(component: &Component) -> Value {
    json!({
        "extraArgs": keyed(&json!(component.extra_args)),
        "extraEnvs": keyed(&json!(component.extra_envs)),
        "mounts": component.mounts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Settings, Source};
    use crate::model::{Arg, ControlPlaneName, DatastoreName, EnvVar, Namespace, San};

    fn spec() -> ControlPlaneSpec {
        let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.37.2\n";
        let settings = Settings::new(
            ControlPlaneName::parse("a").unwrap(),
            Namespace::parse("a").unwrap(),
            DatastoreName::parse("default").unwrap(),
        );
        config::load(&Source { name: "a", text }, settings).unwrap().spec
    }

    fn words(before: &ControlPlaneSpec, change: impl Fn(&mut ControlPlaneSpec)) -> Vec<String> {
        let mut after = before.clone();
        change(&mut after);
        words_of(&changes_of_settings(before, &after))
    }

    #[test]
    fn a_change_is_told_in_the_words_of_the_kubeadm_file() {
        let before = spec();
        let san = San::parse("api.example.com").unwrap();
        assert_eq!(words(&before, |spec| spec.cert_sans.push(san.clone())), ["certSANs: + api.example.com"]);
        assert_eq!(words(&before, |spec| spec.addons.kube_proxy = false), ["kube-proxy.addon: on -> off"]);
        assert_eq!(words(&before, |spec| spec.replicas = 2), ["replicas: 1 -> 2"]);
        let mut args = before.clone();
        args.api_server.extra_args.push(Arg::new("v", "2"));
        let changed = words(&args, |spec| spec.api_server.extra_args[0].value = "4".into());
        assert_eq!(changed, ["apiServer.extraArgs.v: 2 -> 4"]);
        assert_eq!(words(&before, |_| {}), Vec::<String>::new());
    }

    #[test]
    fn values_of_variables_are_hidden_and_their_change_is_told() {
        let env = |value: &str| EnvVar { name: "PASSWORD".into(), value: value.into() };
        let mut before = spec();
        before.scheduler.extra_envs.push(env("old-secret"));
        let told = words(&before, |spec| spec.scheduler.extra_envs = vec![env("new-secret")]);
        assert_eq!(told, ["scheduler.extraEnvs.PASSWORD: (hidden) -> (hidden)"]);
    }
}
