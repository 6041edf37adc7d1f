//! The way in: Service, name, API server, endpoint, admin.conf.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::check_graph::{Finding, LinkName, Unavailable};
use super::facts::{ControlPlaneFacts, EndpointFacts};
use crate::model::{Host, LABEL_NAME, ObjectNames};
use crate::pki::{self, Certificate, KeyAndCertificate, Kubeconfig};
use crate::plan::access::exposure::api_server_port;
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::rotation_keys::signing_authority;
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::state::record::Record;
use crate::render::Address;

pub(crate) fn judge(control_plane: &ControlPlaneFacts) -> Vec<(LinkName, Finding)> {
    let with_address = |judge: &dyn Fn(&Record, &Address) -> Finding| match control_plane.record() {
        None => Finding::unknown("it is not known without a record"),
        Some(record) => match &record.address {
            None => Finding::broken("there is no address yet").remedy(control_plane.recreate.clone()),
            Some(address) => judge(record, address),
        },
    };
    vec![
        (
            LinkName::Service,
            Finding::of(&control_plane.live, |live| with_address(&|_, address| service(control_plane, live, address))),
        ),
        (
            LinkName::Dns,
            Finding::of(&control_plane.endpoint, |endpoint| with_address(&|_, address| dns(endpoint, address))),
        ),
        (LinkName::ApiServer, api_server(control_plane)),
        (
            LinkName::Endpoint,
            Finding::of(&control_plane.endpoint, |seen| {
                with_address(&|record, address| endpoint(control_plane, seen, record, address))
            }),
        ),
        (LinkName::AdminConf, admin_conf(control_plane)),
    ]
}

fn service(control_plane: &ControlPlaneFacts, live: &Live, address: &Address) -> Finding {
    let Some(service) = live.named("Service", &ObjectNames(&control_plane.name).service()) else {
        return Finding::broken("the Service does not exist").remedy(control_plane.recreate.clone());
    };
    let again = || control_plane.recreate.clone();
    let selector = service.pointer("/spec/selector").and_then(|selector| selector.get(LABEL_NAME));
    if selector.and_then(Value::as_str) != Some(control_plane.name.as_str()) {
        return Finding::broken("the Service does not select the control plane's pods").remedy(again());
    }
    let port = api_server_port(service).and_then(|port| port.get("targetPort")?.as_u64());
    if port != Some(u64::from(address.secure_port)) {
        let port = port.map_or_else(|| "none".to_owned(), |port| port.to_string());
        return Finding::broken(format!("the Service leads to port {port}, not {}", address.secure_port))
            .remedy(again());
    }
    let kind = text(service, "/spec/type");
    if kind == "LoadBalancer" && list(service, "/status/loadBalancer/ingress").next().is_none() {
        return Finding::broken("no load balancer gives the Service an address")
            .remedy(format!("kubectl describe service -n {} {}", control_plane.namespace, control_plane.name))
            .remedy(format!("or without one: {} --expose node-port", control_plane.recreate));
    }
    Finding::ok(format!("{kind} {}", address.endpoint))
}

fn dns(endpoint: &EndpointFacts, address: &Address) -> Finding {
    let Host::Name(name) = &address.endpoint.host else {
        return Finding::ok(format!("{} is an address", address.endpoint.host));
    };
    let wanted: Vec<String> = address.also.iter().map(ToString::to_string).collect();
    match &endpoint.resolved {
        Ok(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Finding::ok(format!("{name} is {}", found.join(", ")))
        }
        Err(why) => Finding::broken(format!("{name} does not resolve here: {why}")).remedy(format!(
            "make a DNS record of {name} for {}",
            if wanted.is_empty() { "the Service's address".to_owned() } else { wanted.join(" or ") }
        )),
    }
}

fn api_server(control_plane: &ControlPlaneFacts) -> Finding {
    if control_plane.asleep() {
        return Finding::unknown("it sleeps");
    }
    let logs =
        format!("kubectl logs -n {} deployment/{} -c kube-apiserver", control_plane.namespace, control_plane.name);
    match &control_plane.reached {
        Err(Unavailable::Failed(why, _)) if why.contains("peer certificate") => {
            Finding::broken(why.clone()).remedy(control_plane.recreate.clone()).remedy(format!(
                "kubectl rollout restart -n {} deployment/{}",
                control_plane.namespace, control_plane.name
            ))
        }
        Err(Unavailable::Failed(why, hints)) if hints.is_empty() => Finding::broken(why.clone()).remedy(logs),
        seen => Finding::of(seen, |direct| {
            Finding::ok(if *direct { "answers at its endpoint" } else { "answers through the management cluster" })
        }),
    }
}

fn endpoint(control_plane: &ControlPlaneFacts, seen: &EndpointFacts, record: &Record, address: &Address) -> Finding {
    if let Some(why) = certificate(control_plane, record, address) {
        return Finding::broken(format!("the API server's certificate does not do for {}: {why}", address.endpoint))
            .remedy(control_plane.recreate.clone());
    }
    if control_plane.asleep() {
        return Finding::unknown("it sleeps");
    }
    let at = &address.endpoint;
    if let Err(why) = &seen.tcp {
        let remedy = format!("let workers and this machine reach {at}: firewall, routes, load balancer");
        let said = format!("{at} does not answer from here: {why}");
        // It may be that only this machine is outside; what workers reach is not known here.
        return match control_plane.reached {
            Ok(_) => Finding::warning(format!("{said}; workers must reach it")).remedy(remedy),
            Err(_) => Finding::broken(said).remedy(remedy),
        };
    }
    match &seen.tls {
        Ok(()) => Finding::ok(format!("{at} answers, with a certificate of the recorded authority")),
        Err(why) => Finding::broken(format!("what answers at {at} does not prove to be this control plane: {why}"))
            .remedy(format!("openssl s_client -connect {at} -showcerts </dev/null"))
            .remedy("let whatever stands there (a balancer, another server) pass connections on unopened"),
    }
}

/// Why the certificate that is kept for the API server does not do; `None` also where it was not seen.
fn certificate(control_plane: &ControlPlaneFacts, record: &Record, address: &Address) -> Option<String> {
    let live = control_plane.live.as_ref().ok()?;
    let names = ObjectNames(&control_plane.name);
    let text = |secret: String, key: &str| live.secret_value(&secret, key);
    let ca = text(signing_authority(&record.spec, record.rotation.as_ref()).name, "ca.crt")?;
    let certificate = text(names.api_server(), "apiserver.crt")?.expose_secret().to_owned();
    let pair = KeyAndCertificate { certificate, key: text(names.api_server(), "apiserver.key")? };
    let leaf = pki::leaf_of(Certificate::ApiServer, &record.spec, &record.id, &address.sans());
    pki::why_not_usable(&leaf, &pair, ca.expose_secret(), control_plane.now)
}

fn admin_conf(control_plane: &ControlPlaneFacts) -> Finding {
    let Some(record) = control_plane.record() else { return Finding::unknown("it is not known without a record") };
    if let Ok(live) = &control_plane.live
        && let Some(why) = why_no_admin(control_plane, live, record)
    {
        return Finding::broken(why).remedy(control_plane.recreate.clone());
    }
    if control_plane.asleep() {
        return Finding::unknown("it sleeps");
    }
    match &control_plane.admin {
        Err(Unavailable::NotAllowed(why)) => {
            Finding::broken(format!("admin.conf is known, and may not do anything: {why}"))
                .remedy(control_plane.recreate.clone())
        }
        seen => Finding::of(seen, |()| Finding::ok("an authorised request is answered")),
    }
}

fn why_no_admin(control_plane: &ControlPlaneFacts, live: &Live, record: &Record) -> Option<String> {
    let secret = ObjectNames(&control_plane.name).admin_kubeconfig();
    let Some(file) = live.secret_value(&secret, "admin.conf") else {
        return Some(format!("Secret {}/{secret} has no admin.conf", control_plane.namespace));
    };
    let (pair, server, authority) = match pki::kubeconfig_client(file.expose_secret()) {
        Ok(parts) => parts,
        Err(error) => return Some(format!("admin.conf cannot be used: {error}")),
    };
    let trusted = pki::inspect(&authority).map(|facts| facts.public_key_sha256);
    match (&record.ca, trusted) {
        (Some(recorded), Ok(trusted)) if *recorded != trusted => {
            return Some("admin.conf trusts another certificate authority than the control plane's".to_owned());
        }
        (_, Err(error)) => return Some(format!("the certificate authority in admin.conf cannot be read: {error}")),
        (_, Ok(_)) => {}
    }
    if let Some(address) = &record.address
        && server != address.endpoint.url()
    {
        return Some(format!("admin.conf leads to {server}, not to {}", address.endpoint.url()));
    }
    let leaf = pki::kubeconfig_leaf(Kubeconfig::Admin);
    pki::why_not_usable(&leaf, &pair, &authority, control_plane.now)
        .map(|why| format!("the certificate in admin.conf: {why}"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::super::check_graph::LinkState;
    use super::super::tests::facts;
    use super::*;
    use crate::render::ObjectRef;

    fn live(kind: &str, name: &str, body: Value) -> Live {
        let mut live = Live::default();
        let object = ObjectRef {
            api_version: "v1".into(),
            kind: kind.into(),
            namespace: Some("team-a".into()),
            name: name.into(),
        };
        live.insert(object, body);
        live
    }

    fn address(control_plane: &ControlPlaneFacts) -> Address {
        control_plane.record.as_ref().unwrap().address.clone().unwrap()
    }

    #[test]
    fn a_service_must_lead_to_the_pods() {
        let control_plane = facts();
        let of = |selector: &str, port: u16, kind: &str, ingress: Value| {
            let body = json!({"spec": {"type": kind, "selector": {LABEL_NAME: selector},
                "ports": [{"name": "kube-apiserver", "targetPort": port}]}, "status": {"loadBalancer": {"ingress": ingress}}});
            service(&control_plane, &live("Service", "prod", body), &address(&control_plane)).state
        };
        assert_eq!(of("prod", 6443, "NodePort", json!([])), LinkState::Ok);
        assert_eq!(of("prod", 6443, "LoadBalancer", json!([{"ip": "192.0.2.10"}])), LinkState::Ok);
        assert_eq!(of("prod", 6443, "LoadBalancer", json!([])), LinkState::Broken);
        assert_eq!(of("other", 6443, "NodePort", json!([])), LinkState::Broken);
        assert_eq!(of("prod", 1, "NodePort", json!([])), LinkState::Broken);
        let gone = service(&control_plane, &Live::default(), &address(&control_plane));
        assert_eq!((gone.state, gone.remedies), (LinkState::Broken, vec!["recreate".to_owned()]));
    }

    #[test]
    fn an_endpoint_that_only_we_do_not_reach_is_a_warning() {
        let mut control_plane = facts();
        let record = control_plane.record.clone().unwrap();
        let seen = |tcp: Result<(), &str>, tls: Result<(), &str>| EndpointFacts {
            resolved: Ok(Vec::new()),
            tcp: tcp.map_err(str::to_owned),
            tls: tls.map_err(str::to_owned),
        };
        let of = |control_plane: &ControlPlaneFacts, seen: &EndpointFacts| {
            endpoint(control_plane, seen, &record, &address(control_plane))
        };
        assert_eq!(of(&control_plane, &seen(Ok(()), Ok(()))).state, LinkState::Ok);
        control_plane.reached = Ok(false);
        assert_eq!(of(&control_plane, &seen(Err("timed out"), Ok(()))).state, LinkState::Warning);
        control_plane.reached = Err(Unavailable::Failed("no".into(), Vec::new()));
        assert_eq!(of(&control_plane, &seen(Err("timed out"), Ok(()))).state, LinkState::Broken);
        let other = of(&control_plane, &seen(Ok(()), Err("invalid peer certificate: UnknownIssuer")));
        assert!(other.state == LinkState::Broken && other.text.contains("UnknownIssuer"), "{other:?}");
    }

    #[test]
    fn a_name_that_does_not_resolve_says_for_what_to_make_it() {
        let control_plane = facts();
        let mut address = address(&control_plane);
        let seen = EndpointFacts { resolved: Err("no such host".into()), tcp: Ok(()), tls: Ok(()) };
        assert_eq!(dns(&seen, &address).state, LinkState::Ok, "an address needs no name");
        address.endpoint.host = Host::Name("api.example.com".into());
        let finding = dns(&seen, &address);
        assert_eq!(finding.state, LinkState::Broken);
        assert_eq!(finding.remedies, ["make a DNS record of api.example.com for 10.0.0.20"]);
    }

    #[test]
    fn admin_conf_must_trust_the_recorded_authority() {
        let mut control_plane = facts();
        let (right, wrong) = (crate::plan::doctor::tests::authority(1), crate::plan::doctor::tests::authority(2));
        let fingerprint = pki::inspect(&right.certificate).unwrap().public_key_sha256;
        let mut record = control_plane.record.clone().unwrap();
        record.ca = Some(fingerprint);
        let url = address(&control_plane).endpoint.url();
        control_plane.record = Ok(record);
        let of = |control_plane: &mut ControlPlaneFacts, trusted: &KeyAndCertificate, server: &str| {
            let leaf = pki::kubeconfig_leaf(Kubeconfig::Admin);
            let policy = crate::model::CertificatePolicy::default();
            let pair = pki::issue_leaf(&leaf, trusted, &policy, control_plane.now).unwrap();
            let text = pki::kubeconfig_yaml("c", "kubernetes-admin", server, &trusted.certificate, &pair);
            let data = base64::prelude::BASE64_STANDARD.encode(text.expose_secret());
            control_plane.live = Ok(live("Secret", "prod-admin-kubeconfig", json!({"data": {"admin.conf": data}})));
            admin_conf(control_plane)
        };
        assert_eq!(of(&mut control_plane, &right, &url).state, LinkState::Ok);
        let other = of(&mut control_plane, &wrong, &url);
        assert!(other.state == LinkState::Broken && other.text.contains("another certificate authority"), "{other:?}");
        assert_eq!(other.remedies, ["recreate"]);
        assert!(
            of(&mut control_plane, &right, "https://192.0.2.99:6443").text.contains("leads to https://192.0.2.99:6443")
        );
        control_plane.live = Ok(Live::default());
        assert!(admin_conf(&control_plane).text.contains("has no admin.conf"));
    }

    #[test]
    fn one_who_is_known_and_may_nothing_needs_its_binding_again() {
        let mut control_plane = facts();
        control_plane.live = Err(Unavailable::NotAllowed("no".into()));
        control_plane.admin = Err(Unavailable::NotAllowed("not allowed to list nodes".into()));
        let finding = admin_conf(&control_plane);
        assert_eq!((finding.state, finding.remedies), (LinkState::Broken, vec!["recreate".to_owned()]));
    }
}
