//! What a failed call to etcd means: from the client's error to ours. Pure; etcd's own words are kept.

use std::error::Error as _;

use etcd_client::Error as ClientError;

use super::Error;

/// The words of etcd (rpctypes/error.go) that the driver reacts to.
pub(super) const USER_EXISTS: &str = "user name already exists";
pub(super) const USER_NOT_FOUND: &str = "user name not found";
pub(super) const ROLE_EXISTS: &str = "role name already exists";
pub(super) const ROLE_NOT_FOUND: &str = "role name not found";
pub(super) const ROLE_NOT_GRANTED: &str = "role is not granted to the user";
pub(super) const PERMISSION_NOT_GRANTED: &str = "permission is not granted to the role";
pub(super) const AUTH_OFF: &str = "authentication is not enabled";
pub(super) const AUTH_FAILED: &str = "authentication failed";
/// Users or roles changed while a request was under way; etcd refuses it, whoever's it is.
pub(super) const AUTH_CHANGED: &str = "revision of auth store is old";

/// The revision asked for is not kept any more.
pub(super) const COMPACTED: &str = "required revision has been compacted";
/// An answer was longer than the client takes.
pub(super) const TOO_LARGE: &str = "message length too large";

const DENIED: [&str; 3] = ["permission denied", "user name is empty", "invalid auth token"];
const NOT_READY: [&str; 8] = [
    AUTH_CHANGED,
    "no leader",
    "leader changed",
    "timed out",
    "too many requests",
    "server stopped",
    "unhealthy cluster",
    "not capable",
];
const OUR_CERTIFICATE: &str = "received fatal alert";
const THEIR_CERTIFICATE: [&str; 2] = ["invalid peer certificate", "received corrupt message"];

/// Which etcd is meant.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) endpoint: String,
    pub(super) server_name: String,
}

impl Address {
    /// The meaning of an error of the client while `doing` something.
    pub(super) fn explain(&self, doing: &str, error: &ClientError) -> Error {
        if let ClientError::GRpcStatus(status) = error {
            return match status.source() {
                None => self.answer(doing, &printable(status.message())),
                Some(cause) => self.broken(&printable(&chain(cause))),
            };
        }
        if let ClientError::TransportError(cause) = error {
            return self.unusable(&printable(&chain(cause)));
        }
        let reason = printable(&error.to_string());
        Error::Failed { endpoint: self.endpoint.clone(), doing: doing.to_owned(), reason }
    }

    /// No answer in time.
    pub(super) fn silent(&self, doing: &str, seconds: u64) -> Error {
        Error::NotReady {
            endpoint: self.endpoint.clone(),
            doing: doing.to_owned(),
            reason: format!("no answer in {seconds} s"),
        }
    }

    /// The server answered with a refusal.
    fn answer(&self, doing: &str, words: &str) -> Error {
        let (endpoint, doing, reason) = (self.endpoint.clone(), doing.to_owned(), words.to_owned());
        let one_of = |list: &[&str]| list.iter().any(|known| words.contains(known));
        if words.contains("database space exceeded") {
            Error::Full { endpoint, doing, reason }
        } else if words.contains(COMPACTED) {
            Error::Compacted { endpoint, doing }
        } else if one_of(&DENIED) {
            Error::Denied { endpoint, doing, reason }
        } else if one_of(&NOT_READY) {
            Error::NotReady { endpoint, doing, reason }
        } else {
            Error::Failed { endpoint, doing, reason }
        }
    }

    /// There is no connection, or it broke.
    fn broken(&self, words: &str) -> Error {
        let (endpoint, reason) = (self.endpoint.clone(), words.to_owned());
        if THEIR_CERTIFICATE.iter().any(|known| words.contains(known)) {
            Error::Untrusted { endpoint, server_name: self.server_name.clone(), reason }
        } else if words.contains(OUR_CERTIFICATE) {
            Error::CertificateRefused { endpoint, reason }
        } else {
            Error::Unreachable { endpoint, reason }
        }
    }

    /// The connection could not even be tried.
    fn unusable(&self, words: &str) -> Error {
        Error::Identity { endpoint: self.endpoint.clone(), reason: words.to_owned() }
    }
}

/// The same error; but where etcd misses a user although none was asked for, it is ours that it misses.
pub(super) fn about_us(error: Error) -> Error {
    if let Error::Failed { endpoint, doing, reason } = &error
        && reason.contains(USER_NOT_FOUND)
    {
        return Error::Denied { endpoint: endpoint.clone(), doing: doing.clone(), reason: reason.clone() };
    }
    error
}

/// The texts of an error and its causes, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|said| said.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ").trim_start_matches("transport error: ").to_owned()
}

/// A server's text without control characters: it ends on a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Address {
        Address { endpoint: "127.0.0.1:2379".into(), server_name: "etcd-default".into() }
    }

    #[test]
    fn answers_of_etcd_are_sorted_by_what_helps() {
        let answer = |words: &str| here().answer("write", words);
        assert!(matches!(answer("etcdserver: mvcc: database space exceeded"), Error::Full { .. }));
        assert!(matches!(answer("etcdserver: permission denied"), Error::Denied { .. }));
        assert!(matches!(answer("etcdserver: no leader"), Error::NotReady { .. }));
        assert!(answer("etcdserver: user name already exists").says(USER_EXISTS));
        assert!(!answer("etcdserver: permission denied").says(USER_EXISTS));
        assert!(matches!(about_us(answer("etcdserver: user name not found")), Error::Denied { .. }));
    }

    #[test]
    fn broken_connections_say_whose_certificate_is_wrong() {
        let broken = |words: &str| here().broken(words);
        let name = "invalid peer certificate: certificate not valid for name \"x\"";
        assert!(matches!(broken(name), Error::Untrusted { .. }));
        assert!(matches!(broken("received fatal alert: CertificateRequired"), Error::CertificateRefused { .. }));
        assert!(matches!(broken("tcp connect error: Connection refused"), Error::Unreachable { .. }));
        assert!(broken("connection error: stream closed because of a broken pipe").is_hang_up());
        assert!(!broken("tcp connect error: Connection refused").is_hang_up());
    }

    #[test]
    fn an_answer_cannot_send_control_characters_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a [31mb c");
    }
}
