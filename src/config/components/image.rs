//! Names of images in three parts: repository, path, tag. The grammar is that of the container runtimes
//! (`github.com/distribution/reference`): what it does not allow would end in `InvalidImageName` in the pods.

use std::net::Ipv6Addr;

use crate::config::schema::findings::Findings;
use crate::config::schema::view::View;
use crate::yaml::shown;

/// Reads a tag; a wrong one is reported.
pub(crate) fn image_tag(document: &View<'_>, path: &str, findings: &mut Findings<'_>) -> Option<String> {
    let (view, text) = document.text(path)?;
    if text.len() > 128 || !is_tag_text(text) || text.starts_with(['.', '-']) {
        let rule = "is not an image tag: use at most 128 letters, digits, `_`, `.` and `-`";
        findings.refuse(&view, format!("`{}` {rule}", shown(text)), "write it as v1.14.6");
    }
    Some(text.to_owned())
}

/// Whether it can stand in a tag.
pub(crate) fn is_tag_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Reads a repository; a wrong one is reported.
pub(crate) fn repository(document: &View<'_>, path: &str, findings: &mut Findings<'_>) -> Option<String> {
    let (view, text) = document.text(path)?;
    let remedy = "write HOST/PATH, such as registry.k8s.io or registry.example.com:5000/mirror";
    if let Err(rule) = check_repository(text) {
        findings.refuse(&view, format!("`{}` is not an image repository: {rule}", shown(text)), remedy);
    }
    Some(text.to_owned())
}

/// Whether it is a path of an image: components between slashes, without registry or tag.
pub(crate) fn is_path(text: &str) -> bool {
    text.len() <= 200 && text.split('/').all(is_component)
}

fn check_repository(text: &str) -> Result<(), &'static str> {
    const RULE: &str =
        "use lower-case letters and digits between slashes, with single `.`, `_`, `__` or `-` between them";
    if text.contains("://") {
        return Err("leave out the scheme");
    }
    if text.contains('@') {
        return Err("leave out the digest");
    }
    if text.len() > 200 {
        return Err("it is longer than 200 characters");
    }
    let (first, path) = text.split_once('/').map_or((text, None), |(first, path)| (first, Some(path)));
    if path.is_some_and(|path| path.contains(':')) {
        return Err("leave out the tag");
    }
    let (host, port) = match first.rsplit_once(':') {
        Some((host, port)) if !first.ends_with(']') => (host, Some(port)),
        Some(_) | None => (first, None),
    };
    let is_host = is_bracketed_v6(host) || host == "localhost" || (host.contains('.') && host.split('.').all(is_label));
    // Without a path, `x:y` is an image with a tag, unless `x` can only be a host.
    if port.is_some_and(|port| !is_port(port)) || (port.is_some() && path.is_none() && !is_host) {
        return Err("what follows the colon is not a port");
    }
    let first_fits = is_host || (port.is_some() && is_label(host)) || (port.is_none() && is_component(host));
    if first_fits && path.is_none_or(is_path) { Ok(()) } else { Err(RULE) }
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_bracketed_v6(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok())
}

/// A label of a host's name.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// `[a-z0-9]+` joined by one `.`, one or two `_`, or any number of `-`.
fn is_component(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let edges = [text.bytes().next(), text.bytes().last()];
    let between = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit()).filter(|run| !run.is_empty());
    edges.iter().all(|edge| edge.is_some_and(letter))
        && between.into_iter().all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::check_repository;

    #[test]
    fn repositories_have_no_scheme_tag_or_digest() {
        for good in [
            "registry.k8s.io",
            "registry.example.com:5000/mirror/k8s",
            "registry.example.com:5000",
            "localhost:5000/x",
            "localhost/x",
            "registry:5000/x",
            "docker.io/a_b",
            "mirror",
            "mirror/a--b/c__d",
            "[fd00::1]:5000/x",
            "10.0.0.1:5000/x",
            "Registry.example.com/x",
        ] {
            assert_eq!(check_repository(good), Ok(()), "{good}");
        }
        for bad in [
            "http://x",
            "x@sha256:abc",
            "x/y:tag",
            "foo:bar baz",
            "x/",
            "/x",
            "x//y",
            "X",
            "a b",
            "x/../y",
            "x/a..b",
            "x/a._b",
            "x/a___b",
            "a..b/x",
            "foo:tag",
            "r.io:+443/x",
            "r.io:0/x",
            "r.io:/x",
            "[fd00::1",
            "fd00::1/x",
            "r.io:70000/x",
            "",
        ] {
            assert!(check_repository(bad).is_err(), "{bad}");
        }
    }
}
