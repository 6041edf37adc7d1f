//! Checks access to the control plane: Service, DNS, API server, endpoint, admin.conf.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::check_graph::{Finding, HealthCheckName, Unavailable};
use super::facts::{ControlPlaneFacts, EndpointFacts};
use crate::model::{Host, LABEL_NAME, ObjectNames};
use crate::pki::{self, Certificate, KeyAndCertificate, Kubeconfig};
use crate::plan::access::exposure::api_server_port;
use crate::plan::apply::live_objects::Live;
use crate::plan::certificates::rotation_keys::signing_ca;
use crate::plan::lifecycle::pod_status::{list, text};
use crate::plan::state::record::Record;
use crate::render::Address;

pub(crate) fn check_access(control_plane: &ControlPlaneFacts) -> Vec<(HealthCheckName, Finding)> {
    let with_address = |check: &dyn Fn(&Record, &Address) -> Finding| match control_plane.record() {
        None => Finding::unknown("the record is missing"),
        Some(record) => match &record.address {
            None => Finding::failed("no address is assigned yet").remedy(control_plane.recreate.clone()),
            Some(address) => check(record, address),
        },
    };
    vec![
        (
            HealthCheckName::Service,
            Finding::of(&control_plane.live, |live| {
                with_address(&|_, address| check_service(control_plane, live, address))
            }),
        ),
        (
            HealthCheckName::Dns,
            Finding::of(&control_plane.endpoint, |endpoint| with_address(&|_, address| check_dns(endpoint, address))),
        ),
        (HealthCheckName::ApiServer, check_api_server(control_plane)),
        (
            HealthCheckName::Endpoint,
            Finding::of(&control_plane.endpoint, |facts| {
                with_address(&|record, address| check_endpoint(control_plane, facts, record, address))
            }),
        ),
        (HealthCheckName::AdminConf, check_admin_conf(control_plane)),
    ]
}

fn check_service(control_plane: &ControlPlaneFacts, live: &Live, address: &Address) -> Finding {
    let Some(service) = live.named("Service", &ObjectNames(&control_plane.name).service()) else {
        return Finding::failed("the Service does not exist").remedy(control_plane.recreate.clone());
    };
    let again = || control_plane.recreate.clone();
    let selector = service.pointer("/spec/selector").and_then(|selector| selector.get(LABEL_NAME));
    if selector.and_then(Value::as_str) != Some(control_plane.name.as_str()) {
        return Finding::failed("the Service does not select the control plane's pods").remedy(again());
    }
    let port = api_server_port(service).and_then(|port| port.get("targetPort")?.as_u64());
    if port != Some(u64::from(address.secure_port)) {
        let port = port.map_or_else(|| "none".to_owned(), |port| port.to_string());
        return Finding::failed(format!("the Service targets port {port}, not {}", address.secure_port))
            .remedy(again());
    }
    let kind = text(service, "/spec/type");
    if kind == "LoadBalancer" && list(service, "/status/loadBalancer/ingress").next().is_none() {
        return Finding::failed("no load balancer has assigned the Service an address")
            .remedy(format!("kubectl describe service -n {} {}", control_plane.namespace, control_plane.name))
            .remedy(format!("or use a node port: {} --expose node-port", control_plane.recreate));
    }
    Finding::ok(format!("{kind} {}", address.endpoint))
}

fn check_dns(endpoint: &EndpointFacts, address: &Address) -> Finding {
    let Host::Name(name) = &address.endpoint.host else {
        return Finding::ok(format!("{} is an address", address.endpoint.host));
    };
    let wanted: Vec<String> = address.extra_ips.iter().map(ToString::to_string).collect();
    match &endpoint.resolved {
        Ok(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            Finding::ok(format!("{name} resolves to {}", found.join(", ")))
        }
        Err(why) => Finding::failed(format!("{name} does not resolve from this machine: {why}")).remedy(format!(
            "create a DNS record for {name} that points to {}",
            if wanted.is_empty() { "the Service's address".to_owned() } else { wanted.join(" or ") }
        )),
    }
}

fn check_api_server(control_plane: &ControlPlaneFacts) -> Finding {
    if control_plane.asleep() {
        return Finding::unknown("scaled to zero");
    }
    let logs =
        format!("kubectl logs -n {} deployment/{} -c kube-apiserver", control_plane.namespace, control_plane.name);
    match &control_plane.reached {
        Err(Unavailable::Failed(why, _)) if why.contains("peer certificate") => {
            Finding::failed(why.clone()).remedy(control_plane.recreate.clone()).remedy(format!(
                "kubectl rollout restart -n {} deployment/{}",
                control_plane.namespace, control_plane.name
            ))
        }
        Err(Unavailable::Failed(why, hints)) if hints.is_empty() => Finding::failed(why.clone()).remedy(logs),
        result => Finding::of(result, |direct| {
            Finding::ok(if *direct { "answers at its endpoint" } else { "answers through the management cluster" })
        }),
    }
}

fn check_endpoint(
    control_plane: &ControlPlaneFacts,
    facts: &EndpointFacts,
    record: &Record,
    address: &Address,
) -> Finding {
    if let Some(why) = why_certificate_invalid(control_plane, record, address) {
        return Finding::failed(format!("the API server's certificate is not valid for {}: {why}", address.endpoint))
            .remedy(control_plane.recreate.clone());
    }
    if control_plane.asleep() {
        return Finding::unknown("scaled to zero");
    }
    let at = &address.endpoint;
    if let Err(why) = &facts.tcp {
        let remedy = format!("open the path to {at} from workers and this machine: firewall, routes, load balancer");
        let text = format!("{at} is not reachable from this machine: {why}");
        // Perhaps only this machine cannot reach it; we cannot tell what workers reach.
        return match control_plane.reached {
            Ok(_) => Finding::warning(format!("{text}; workers must reach it")).remedy(remedy),
            Err(_) => Finding::failed(text).remedy(remedy),
        };
    }
    match &facts.tls {
        Ok(()) => Finding::ok(format!("{at} answers with a certificate signed by the recorded CA")),
        Err(why) => {
            Finding::failed(format!("the server at {at} has no valid certificate of this control plane: {why}"))
                .remedy(format!("openssl s_client -connect {at} -showcerts </dev/null"))
                .remedy("make the load balancer or proxy at this address pass TLS through")
        }
    }
}

/// Why the API server's stored certificate is not valid; `None` if it is valid or could not be read.
fn why_certificate_invalid(control_plane: &ControlPlaneFacts, record: &Record, address: &Address) -> Option<String> {
    let live = control_plane.live.as_ref().ok()?;
    let names = ObjectNames(&control_plane.name);
    let text = |secret: String, key: &str| live.secret_value(&secret, key);
    let ca = text(signing_ca(&record.spec, record.rotation.as_ref()).name, "ca.crt")?;
    let certificate = text(names.api_server(), "apiserver.crt")?.expose_secret().to_owned();
    let pair = KeyAndCertificate { certificate, key: text(names.api_server(), "apiserver.key")? };
    let leaf = pki::leaf_of(Certificate::ApiServer, &record.spec, &record.id, &address.sans());
    pki::renewal_reason(&leaf, &pair, ca.expose_secret(), control_plane.now)
}

fn check_admin_conf(control_plane: &ControlPlaneFacts) -> Finding {
    let Some(record) = control_plane.record() else { return Finding::unknown("the record is missing") };
    if let Ok(live) = &control_plane.live
        && let Some(why) = why_no_admin(control_plane, live, record)
    {
        return Finding::failed(why).remedy(control_plane.recreate.clone());
    }
    if control_plane.asleep() {
        return Finding::unknown("scaled to zero");
    }
    match &control_plane.admin {
        Err(Unavailable::Forbidden(why)) => {
            Finding::failed(format!("admin.conf authenticates but is not authorized: {why}"))
                .remedy(control_plane.recreate.clone())
        }
        result => Finding::of(result, |()| Finding::ok("an authorized request succeeds")),
    }
}

fn why_no_admin(control_plane: &ControlPlaneFacts, live: &Live, record: &Record) -> Option<String> {
    let secret = ObjectNames(&control_plane.name).admin_kubeconfig();
    let Some(file) = live.secret_value(&secret, "admin.conf") else {
        return Some(format!("Secret {}/{secret} has no admin.conf", control_plane.namespace));
    };
    let (pair, server, authority) = match pki::kubeconfig_client(file.expose_secret()) {
        Ok(parts) => parts,
        Err(error) => return Some(format!("admin.conf is not usable: {error}")),
    };
    let trusted = pki::inspect(&authority).map(|facts| facts.public_key_sha256);
    match (&record.ca, trusted) {
        (Some(recorded), Ok(trusted)) if *recorded != trusted => {
            return Some("admin.conf trusts a CA other than the control plane's".to_owned());
        }
        (_, Err(error)) => return Some(format!("cannot read the CA in admin.conf: {error}")),
        (_, Ok(_)) => {}
    }
    if let Some(address) = &record.address
        && server != address.endpoint.url()
    {
        return Some(format!("admin.conf points to {server}, not {}", address.endpoint.url()));
    }
    let leaf = pki::kubeconfig_leaf(Kubeconfig::Admin);
    pki::renewal_reason(&leaf, &pair, &authority, control_plane.now)
        .map(|why| format!("the certificate in admin.conf: {why}"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::super::check_graph::HealthCheckState;
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
    fn a_service_must_select_the_pods() {
        let control_plane = facts();
        let of = |selector: &str, port: u16, kind: &str, ingress: Value| {
            let body = json!({"spec": {"type": kind, "selector": {LABEL_NAME: selector},
                "ports": [{"name": "kube-apiserver", "targetPort": port}]}, "status": {"loadBalancer": {"ingress": ingress}}});
            check_service(&control_plane, &live("Service", "prod", body), &address(&control_plane)).state
        };
        assert_eq!(of("prod", 6443, "NodePort", json!([])), HealthCheckState::Ok);
        assert_eq!(of("prod", 6443, "LoadBalancer", json!([{"ip": "192.0.2.10"}])), HealthCheckState::Ok);
        assert_eq!(of("prod", 6443, "LoadBalancer", json!([])), HealthCheckState::Failed);
        assert_eq!(of("other", 6443, "NodePort", json!([])), HealthCheckState::Failed);
        assert_eq!(of("prod", 1, "NodePort", json!([])), HealthCheckState::Failed);
        let gone = check_service(&control_plane, &Live::default(), &address(&control_plane));
        assert_eq!((gone.state, gone.remedies), (HealthCheckState::Failed, vec!["recreate".to_owned()]));
    }

    #[test]
    fn an_endpoint_unreachable_only_from_this_machine_is_a_warning() {
        let mut control_plane = facts();
        let record = control_plane.record.clone().unwrap();
        let seen = |tcp: Result<(), &str>, tls: Result<(), &str>| EndpointFacts {
            resolved: Ok(Vec::new()),
            tcp: tcp.map_err(str::to_owned),
            tls: tls.map_err(str::to_owned),
        };
        let of = |control_plane: &ControlPlaneFacts, facts: &EndpointFacts| {
            check_endpoint(control_plane, facts, &record, &address(control_plane))
        };
        assert_eq!(of(&control_plane, &seen(Ok(()), Ok(()))).state, HealthCheckState::Ok);
        control_plane.reached = Ok(false);
        assert_eq!(of(&control_plane, &seen(Err("timed out"), Ok(()))).state, HealthCheckState::Warning);
        control_plane.reached = Err(Unavailable::Failed("no".into(), Vec::new()));
        assert_eq!(of(&control_plane, &seen(Err("timed out"), Ok(()))).state, HealthCheckState::Failed);
        let other = of(&control_plane, &seen(Ok(()), Err("invalid peer certificate: UnknownIssuer")));
        assert!(other.state == HealthCheckState::Failed && other.text.contains("UnknownIssuer"), "{other:?}");
    }

    #[test]
    fn an_unresolvable_name_comes_with_the_addresses_for_its_dns_record() {
        let control_plane = facts();
        let mut address = address(&control_plane);
        let seen = EndpointFacts { resolved: Err("no such host".into()), tcp: Ok(()), tls: Ok(()) };
        assert_eq!(check_dns(&seen, &address).state, HealthCheckState::Ok, "an address needs no name");
        address.endpoint.host = Host::Name("api.example.com".into());
        let finding = check_dns(&seen, &address);
        assert_eq!(finding.state, HealthCheckState::Failed);
        assert_eq!(finding.remedies, ["create a DNS record for api.example.com that points to 10.0.0.20"]);
    }

    #[test]
    fn admin_conf_must_trust_the_recorded_ca() {
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
            check_admin_conf(control_plane)
        };
        assert_eq!(of(&mut control_plane, &right, &url).state, HealthCheckState::Ok);
        let other = of(&mut control_plane, &wrong, &url);
        assert!(other.state == HealthCheckState::Failed && other.text.contains("a CA other than"), "{other:?}");
        assert_eq!(other.remedies, ["recreate"]);
        assert!(
            of(&mut control_plane, &right, "https://192.0.2.99:6443")
                .text
                .contains("points to https://192.0.2.99:6443")
        );
        control_plane.live = Ok(Live::default());
        assert!(check_admin_conf(&control_plane).text.contains("has no admin.conf"));
    }

    #[test]
    fn an_admin_conf_without_permissions_needs_its_binding_recreated() {
        let mut control_plane = facts();
        control_plane.live = Err(Unavailable::Forbidden("no".into()));
        control_plane.admin = Err(Unavailable::Forbidden("not allowed to list nodes".into()));
        let finding = check_admin_conf(&control_plane);
        assert_eq!((finding.state, finding.remedies), (HealthCheckState::Failed, vec!["recreate".to_owned()]));
    }
}
