//! Text that others wrote (logs, messages of servers) without what opens something: keys in PEM, bearer tokens, JSON web
//! tokens, bootstrap tokens, passwords in addresses and in `key: value`. What stands in Secrets is left out elsewhere.

const HIDDEN: &str = "[redacted]";

/// The text with every secret in it replaced.
pub(in crate::plan) fn redact(text: &str) -> String {
    let text = without_pem(text);
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(&without_tokens(&without_assignments(&without_url_passwords(line))));
    }
    out
}

/// Whole PEM blocks, also certificates: nobody needs them in a report, and a chain may hold a key.
fn without_pem(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const END: &str = "-----END ";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        out.push_str(&rest[..at]);
        out.push_str(HIDDEN);
        let block = &rest[at + BEGIN.len()..];
        let Some(end) = block.find(END) else { return out };
        let tail = &block[end + END.len()..];
        // `NAME-----`; a block that is cut off there ends with the text.
        rest = tail.find("-----").map_or("", |dashes| &tail[dashes + 5..]);
    }
    out.push_str(rest);
    out
}

/// `scheme://user:password@host`.
fn without_url_passwords(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?')).unwrap_or(after.len());
        // A password may itself hold an `@`; the last one ends it. One with a `/` is caught up to the next `@` below.
        let authority = &after[..end];
        match authority.rfind('@') {
            Some(sign) => {
                let user = authority[..sign].split(':').next().unwrap_or_default();
                let secret = authority[..sign].contains(':');
                out.push_str(&if secret { format!("{user}:{HIDDEN}") } else { HIDDEN.to_owned() });
                out.push_str(&authority[sign..]);
            }
            None => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// What follows a word that names a secret: `password=…`, `"token": "…"`, `Authorization: Bearer …`.
fn without_assignments(line: &str) -> String {
    const WORDS: [&str; 11] = [
        "password",
        "passwd",
        "secret",
        "token",
        "authorization",
        "bearer",
        "api-key",
        "apikey",
        "private-key",
        "key-data",
        "credential",
    ];
    let lower = line.to_ascii_lowercase();
    let mut out = String::with_capacity(line.len());
    let mut done = 0;
    while let Some((start, word)) =
        WORDS.iter().filter_map(|word| Some((lower[done..].find(word)? + done, *word))).min_by_key(|(at, _)| *at)
    {
        let behind = start + word.len();
        let value = value_at(&line[behind..], word).map(|(from, to)| (behind + from, behind + to));
        let (from, to) = value.unwrap_or((behind, behind));
        out.push_str(&line[done..from]);
        if to > from {
            out.push_str(HIDDEN);
        }
        done = to;
    }
    out.push_str(&line[done..]);
    out
}

/// Where the value is behind the name of a secret, if one is assigned there. A bearer's stands behind a space, and that of
/// `Authorization` has spaces in it.
fn value_at(rest: &str, word: &str) -> Option<(usize, usize)> {
    let named = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let word_goes_on = &rest[..rest.len() - named.len()];
    let names_a_file = ["file", "dir", "Name", "name", "Ref"].iter().any(|end| word_goes_on.ends_with(end));
    // `--authorization-mode` and the like tell nothing that opens anything.
    if names_a_file || (word == "authorization" && !word_goes_on.is_empty()) {
        return None;
    }
    let mut behind = named.trim_start_matches(['"', '\'', '\\', ' ']);
    match behind.strip_prefix([':', '=']) {
        Some(assigned) => behind = assigned.trim_start_matches([' ', '"', '\'', '\\']),
        None if word == "bearer" && named.starts_with(' ') => {}
        None => return None,
    }
    // `Authorization: Bearer xyz`: the word itself is no secret, what is behind it is found as a bearer's.
    if behind.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("bearer ")) {
        return None;
    }
    let from = rest.len() - behind.len();
    let spaces = word == "authorization";
    let length =
        behind.find(|c: char| (c.is_whitespace() && !spaces) || matches!(c, '"' | '\'' | ',' | '}' | ']' | '&' | '\\'));
    let to = from + length.unwrap_or(behind.len());
    if behind.starts_with(['[', '{']) || ["true", "false", "null"].contains(&&rest[from..to]) {
        return None;
    }
    (to > from).then_some((from, to))
}

/// JSON web tokens and bootstrap tokens, wherever they stand.
fn without_tokens(line: &str) -> String {
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(part_of_token) {
        let word = &rest[at..];
        let end = word.find(|c| !part_of_token(c)).unwrap_or(word.len());
        out.push_str(&rest[..at]);
        out.push_str(if is_token(&word[..end]) { HIDDEN } else { &word[..end] });
        rest = &word[end..];
    }
    out.push_str(rest);
    out
}

fn is_token(word: &str) -> bool {
    let word = word.trim_matches(['.', '=', '/']);
    let parts: Vec<&str> = word.split('.').collect();
    let small = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    match parts.as_slice() {
        [id, secret] => small(id, 6) && small(secret, 16),
        [head, body, _] => head.starts_with("eyJ") && body.len() > 10,
        // Base64 of PEM (`-----BEGIN`), of a kubeconfig's key for example.
        [one] => one.starts_with("LS0tLS1CRUdJTi"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_is_hidden_wherever_it_stands() {
        for (text, clean) in [
            ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
            ("authorization: basic dXNlcjpwYXNz", "authorization: [redacted]"),
            ("curl -H 'Authorization: Bearer xyz'", "curl -H 'Authorization: Bearer [redacted]'"),
            ("postgres://kine:s3c@ret@db:5432/x?a=b", "postgres://kine:[redacted]@db:5432/x?a=b"),
            ("https://user@host/path", "https://[redacted]@host/path"),
            ("password=hunter2 next", "password=[redacted] next"),
            ("{\"token\": \"abc\", \"a\": 1}", "{\"token\": \"[redacted]\", \"a\": 1}"),
            ("DB_PASSWORD: x", "DB_PASSWORD: [redacted]"),
            ("client-key-data: LS0tLS1CRUdJTiBFQyBQ", "client-key-data: [redacted]"),
            ("joined with abcdef.0123456789abcdef now", "joined with [redacted] now"),
            ("got eyJhbGciOi.eyJzdWIiOiJ4.sig-_x, bad", "got [redacted], bad"),
            ("data LS0tLS1CRUdJTiBDRVJU end", "data [redacted] end"),
        ] {
            assert_eq!(redact(text), clean, "{text}");
        }
    }

    #[test]
    fn a_key_in_pem_goes_as_a_whole_also_when_it_is_cut_off() {
        let key = "a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQEE\n-----END EC PRIVATE KEY-----\nb";
        assert_eq!(redact(key), "a\n[redacted]\nb");
        assert_eq!(redact("x -----BEGIN PRIVATE KEY-----\nMHcC"), "x [redacted]");
    }

    #[test]
    fn what_opens_nothing_is_left_as_it_is() {
        for text in [
            "E1125 19:10:12.1 dial tcp 10.89.0.2:31234: connect: connection refused",
            "Secret team-a/prod-ca does not exist",
            "https://10.0.0.1:6443/api/v1/nodes?limit=500",
            "secrets \"prod-ca\" is forbidden",
            "token has expired",
            "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key",
            "secretName: prod-ca",
            "--authorization-mode=Node,RBAC --enable-bootstrap-token-auth=true",
            "\"image_pull_secrets\": [], \"credential-id\":[\"X509SHA256=ab\"]",
            "k8s.gcr.io/kube-apiserver:v1.37.2",
            "/0123456789abcdef0123456789abcdef/",
            "system:serviceaccount:kube-system:token-cleaner",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
