//! What `InitConfiguration` means for a hosted control plane: tokens, the port, skipped addons, the wait.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::schema::duration;
use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::model::{BootstrapToken, parse_token};
use crate::yaml::{Content, shown};

const DEFAULT_PORT: u16 = 6443;
const HTTPS: u16 = 443;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_GROUP: &str = "system:bootstrappers:kubeadm:default-node-token";
/// What `kubeadm config print init-defaults` prints.
const PUBLIC_TOKEN: &str = "abcdef.0123456789abcdef";

/// The meaning of an `InitConfiguration`.
pub(crate) struct Init {
    pub(crate) tokens: Vec<BootstrapToken>,
    pub(crate) bind_port: u16,
    pub(crate) skip_coredns: bool,
    pub(crate) skip_kube_proxy: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) dry_run: bool,
}

/// Reads the document; without one, kubeadm's defaults.
pub(crate) fn read(view: Option<&View<'_>>, findings: &mut Findings<'_>) -> Init {
    let mut init = Init {
        tokens: Vec::new(),
        bind_port: DEFAULT_PORT,
        skip_coredns: false,
        skip_kube_proxy: false,
        timeout: None,
        dry_run: false,
    };
    let Some(view) = view else { return init };
    init.tokens = tokens(view, findings);
    init.bind_port = bind_port(view, findings).unwrap_or(DEFAULT_PORT);
    init.timeout = timeout(view, findings);
    init.dry_run = view.is_true("dryRun");
    for phase in view.list("skipPhases") {
        match phase.node.text() {
            Some("addon") => (init.skip_coredns, init.skip_kube_proxy) = (true, true),
            Some("addon/coredns") => init.skip_coredns = true,
            Some("addon/kube-proxy") => init.skip_kube_proxy = true,
            Some(other) => {
                findings.warn(&phase, format!("ignored: the phase `{}` cannot be skipped here", shown(other)));
            }
            None => {}
        }
    }
    init
}

fn bind_port(init: &View<'_>, findings: &mut Findings<'_>) -> Option<u16> {
    let view = init.at("localAPIEndpoint.bindPort")?;
    let Content::Number(number) = &view.node.content else { return None };
    let port = number.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|port| *port > 0);
    match port {
        None if number.is_f64() => {}
        None => {
            findings.refuse(&view, format!("{number} is not a port"), "write a number from 1 to 65535, such as 6443");
        }
        Some(port) if port < 1024 && port != HTTPS => {
            let text = format!("port {port} is another service's by custom, and firewalls take it for that");
            findings.refuse(&view, text, "write 443, or a number from 1024 to 65535, such as 6443");
        }
        Some(_) => {}
    }
    port
}

fn timeout(init: &View<'_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let (view, text) = init.text("timeouts.controlPlaneComponentHealthCheck")?;
    let signed = duration::parse(text).ok()?;
    if signed.negative || signed.length.is_zero() {
        findings.refuse(&view, format!("`{}` leaves no time", shown(text)), "write it as 4m0s");
        return None;
    }
    Some(signed.length)
}

fn tokens(init: &View<'_>, findings: &mut Findings<'_>) -> Vec<BootstrapToken> {
    let mut first_places: HashMap<String, String> = HashMap::new();
    let mut tokens = Vec::new();
    for item in init.list("bootstrapTokens") {
        let Some((id, token)) = token(&item, findings) else { continue };
        let place = item.key.in_file(findings.file()).to_string();
        if let Some(first) = first_places.insert(id.clone(), place) {
            findings.refuse_secret(
                &item,
                format!("a token with the id `{id}` is already at {first}"),
                "keep one of the two",
            );
        }
        tokens.push(token);
    }
    tokens
}

fn token(item: &View<'_>, findings: &mut Findings<'_>) -> Option<(String, BootstrapToken)> {
    let Some((view, text)) = item.text("token") else {
        if item.at("token").is_none_or(|token| token.node.text().is_some())
            && matches!(item.node.content, Content::Map(_))
        {
            findings.refuse_secret(item, "a bootstrap token needs a `token`", "make one with `kubeadm token generate`");
        }
        return None;
    };
    let ttl = ttl(item, findings);
    let usages = words(item, "usages", &["signing", "authentication"], findings, |usage| {
        matches!(usage, "signing" | "authentication").then_some(()).ok_or("a usage is `signing` or `authentication`")
    });
    if !usages.iter().any(|usage| usage == "authentication") {
        let view = item.at("usages").unwrap_or_else(|| item.clone());
        findings.refuse(&view, "nobody can join with a token that is not for `authentication`", "add `authentication`");
    }
    let groups = words(item, "groups", &[DEFAULT_GROUP], findings, check_group);
    match parse_token(text) {
        Ok((id, _)) => {
            if text == PUBLIC_TOKEN {
                let text = "everybody knows this token: it is the example that kubeadm prints, and whoever reaches the \
                    API server can join a node with it; make another with `kamaji token generate`";
                findings.warn(&view, text);
            }
            let description = item.text("description").map_or("", |(_, text)| text).to_owned();
            Some((id, BootstrapToken { token: text.to_owned().into(), ttl, usages, groups, description }))
        }
        Err(error) => {
            findings.refuse_secret(&view, error.to_string(), "make one with `kubeadm token generate`");
            None
        }
    }
}

fn ttl(item: &View<'_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let Some((view, text)) = item.text("ttl") else { return Some(DAY) };
    match duration::parse(text) {
        Ok(signed) if signed.negative => {
            findings.refuse(&view, format!("`{}` is over before it begins", shown(text)), "write it as 24h0m0s");
            None
        }
        Ok(signed) if signed.length.is_zero() => {
            findings.warn(&view, "the token never expires: whoever finds it can join a node for ever");
            None
        }
        Ok(signed) => Some(signed.length),
        Err(_) => None,
    }
}

fn check_group(group: &str) -> Result<(), &'static str> {
    const RULE: &str =
        "a group starts with `system:bootstrappers:` and goes on with lower-case letters, digits, `:` and `-`";
    let rest = group.strip_prefix("system:bootstrappers:").ok_or(RULE)?;
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b':' | b'-');
    let ends_well = rest.bytes().last().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if rest.len() <= 256 && rest.bytes().all(fits) && ends_well { Ok(()) } else { Err(RULE) }
}

fn words(
    item: &View<'_>,
    path: &str,
    default: &[&str],
    findings: &mut Findings<'_>,
    check: impl Fn(&str) -> Result<(), &'static str>,
) -> Vec<String> {
    let mut words = Vec::new();
    for view in item.list(path) {
        let Some(text) = view.node.text() else { continue };
        if let Err(rule) = check(text) {
            findings.refuse(&view, format!("`{}` is not valid", shown(text)), rule);
        }
        words.push(text.to_owned());
    }
    if words.is_empty() { default.iter().map(ToString::to_string).collect() } else { words }
}
