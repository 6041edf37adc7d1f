//! One request and its answer: sent, read to its end, and judged. Retries are in `retry.rs`.

use std::time::Duration;

use http::header::{DATE, HeaderMap, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;

use super::{Connection, Refusal};

/// What an API server says of an API that it does not have. Others that are written in Go say so of any page.
const NO_SUCH_PATH: &str = "404 page not found";

/// What came instead of what was asked for.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What it means.
    pub(crate) refusal: Refusal,
    /// Whether it is worth asking again.
    pub(crate) again: Again,
    /// The server's own account, where it gave one.
    pub(crate) status: Option<Box<Status>>,
}

/// Whether the same request may well be answered later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// No: the answer stands.
    Never,
    /// It may have been a hiccup of the server, or of something on the way.
    Soon,
    /// The server is away or busy, and may have said for how long.
    Later(Option<Duration>),
}

impl Failure {
    fn new(refusal: Refusal, again: Again) -> Self {
        Self { refusal, again, status: None }
    }

    /// What has to be known before could not be found out.
    pub(crate) fn before(refusal: Refusal) -> Self {
        let again = if matches!(refusal, Refusal::Unreachable { .. }) { Again::Later(None) } else { Again::Never };
        Self::new(refusal, again)
    }

    /// Nothing came.
    pub(crate) fn silence(server: &str, limit: Duration) -> Self {
        let why = format!("no answer within {} s", limit.as_secs().max(1));
        Self::new(Refusal::Unreachable { server: server.to_owned(), why }, Again::Later(None))
    }

    /// The client library could not get an answer.
    pub(crate) fn of(error: &kube::Error, what: &str, server: &str) -> Self {
        let refusal = Refusal::of(error, what, server);
        let again = match refusal {
            Refusal::Unreachable { .. } => Again::Later(None),
            Refusal::Unintelligible { .. } => Again::Soon,
            Refusal::Kubeconfig(_)
            | Refusal::Unauthorized { .. }
            | Refusal::Forbidden { .. }
            | Refusal::Conflict { .. }
            | Refusal::LockLost { .. }
            | Refusal::NotFound { .. }
            | Refusal::Refused { .. } => Again::Never,
        };
        Self::new(refusal, again)
    }

    /// The same failure, where the question was about an object: only a Kubernetes API knows that it does not exist.
    pub(crate) fn of_object(self) -> Self {
        let Refusal::NotFound { what, message } = &self.refusal else { return self };
        if self.status.is_some() {
            return self;
        }
        let (what, message) = (what.clone(), message.clone());
        Self::new(Refusal::Refused { what, code: 404, reason: "NotFound".into(), message }, Again::Soon)
    }

    /// The same failure, where a conflict is one of the moment: the request has no condition that it could contradict.
    pub(crate) fn passing(mut self) -> Self {
        if self.refusal.is_conflict() {
            self.again = Again::Soon;
        }
        self
    }

    fn unintelligible(what: &str, server: &str, why: String) -> Self {
        Self::new(Refusal::Unintelligible { what: what.to_owned(), server: server.to_owned(), why }, Again::Soon)
    }

    fn answered(code: StatusCode, pause: Option<Duration>, body: &[u8], what: &str, server: &str) -> Self {
        let parsed = serde_json::from_slice::<Value>(body);
        if let Err(error) = &parsed
            && matches!(code.as_u16(), 400 | 404 | 422)
            && body.trim_ascii_start().starts_with(b"{")
        {
            // Cut off on the way: what the server found wrong, or that there is nothing, is not known.
            return Self::unintelligible(what, server, no_json(error));
        }
        let status = parsed
            .ok()
            .filter(|value| value["kind"] == "Status")
            .and_then(|value| serde_json::from_value::<Status>(value).ok());
        let told = status.as_ref().map(|status| status.message.trim().to_owned()).filter(|text| !text.is_empty());
        let message = told.unwrap_or_else(|| words(body));
        let reason = status.as_ref().map(|status| status.reason.clone()).filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or_else(|| code.canonical_reason().unwrap_or_default().replace(' ', ""));
        let (what, server, number) = (what.to_owned(), server.to_owned(), code.as_u16());
        let (refusal, again) = match number {
            401 => (Refusal::Unauthorized { server, message }, Again::Soon),
            403 => (Refusal::Forbidden { what, message }, Again::Never),
            404 if status.is_some() || message == NO_SUCH_PATH => (Refusal::NotFound { what, message }, Again::Never),
            409 => (Refusal::Conflict { what, message }, Again::Never),
            429 | 502..=504 => (Refusal::Unreachable { server, why: busy(code, &message, pause) }, Again::Later(pause)),
            500 if pause.is_some() => {
                (Refusal::Unreachable { server, why: busy(code, &message, pause) }, Again::Later(pause))
            }
            // 404 in other words is of something on the way, or cut off: whether there is anything is not known.
            404 | 410 | 500.. => (Refusal::Refused { what, code: number, reason, message }, Again::Soon),
            _ => (Refusal::Refused { what, code: number, reason, message }, Again::Never),
        };
        Self { refusal, again, status: status.map(Box::new) }
    }
}

/// Why a server that answered could not do it now.
fn busy(code: StatusCode, message: &str, pause: Option<Duration>) -> String {
    let mut text = code.to_string();
    if !message.is_empty() && !text.eq_ignore_ascii_case(message) && !text.ends_with(message) {
        text = format!("{text}: {message}");
    }
    match pause {
        Some(pause) if pause > Duration::from_secs(1) => {
            format!("{text}; it asks to come back in {} s", pause.as_secs())
        }
        Some(_) | None => text,
    }
}

/// Where an answer ends to be JSON. The parser's own words can quote the answer, which may hold secrets.
fn no_json(error: &serde_json::Error) -> String {
    format!("it is not JSON from line {}, column {} on", error.line(), error.column())
}

/// The words of somebody who is not a Kubernetes API.
fn words(body: &[u8]) -> String {
    const ENOUGH: usize = 200;
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return "a web page, not the answer of a Kubernetes API: is there a proxy on the way?".to_owned();
    }
    let mut short: String = text.chars().take(ENOUGH).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // The other form, a date, is sent by no API server.
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// The server's clock.
fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
}

/// Why an answer is no object of a kind.
fn other_kind(answer: &Value, kind: &str) -> Option<String> {
    match answer["kind"].as_str() {
        Some(found) if found == kind => None,
        Some(found) => Some(format!("it is a {found}, not a {kind}")),
        None => Some(format!("it should be a {kind}, and is nothing that has a kind")),
    }
}

/// Why an answer does not say that an object of a kind ends or has gone.
fn not_removed(answer: &Value, kind: &str) -> Option<String> {
    if answer["kind"] != "Status" {
        return other_kind(answer, kind);
    }
    (answer["status"] != "Success").then(|| "it is a Status, but not one of success".to_owned())
}

impl Connection {
    /// Sends a request, and reads what comes.
    pub(crate) async fn exchange(&self, what: &str, request: Request<Vec<u8>>) -> Result<Vec<u8>, Failure> {
        let lost = |error: &kube::Error| Failure::of(error, what, self.server());
        let answer: Response<Body> = self.client().send(request.map(Body::from)).await.map_err(|e| lost(&e))?;
        let (code, pause) = (answer.status(), retry_after(answer.headers()));
        if let Some(time) = date(answer.headers()) {
            self.shared.learn_time(time);
        }
        let body = answer.into_body().collect_bytes().await.map_err(|e| lost(&e))?;
        if code.is_success() {
            return Ok(body.to_vec());
        }
        Err(Failure::answered(code, pause, &body, what, self.server()))
    }

    /// The same, where the answer is JSON.
    pub(crate) async fn exchange_json(&self, what: &str, request: Request<Vec<u8>>) -> Result<Value, Failure> {
        let body = self.exchange(what, request).await?;
        serde_json::from_slice(&body).map_err(|error| Failure::unintelligible(what, self.server(), no_json(&error)))
    }

    /// The same, where the answer is an object of this kind. A page of something on the way is none, nor is a Status.
    pub(crate) async fn exchange_object(
        &self,
        what: &str,
        request: Request<Vec<u8>>,
        kind: &str,
    ) -> Result<Value, Failure> {
        let object = self.exchange_json(what, request).await?;
        match other_kind(&object, kind) {
            None => Ok(object),
            Some(why) => Err(Failure::unintelligible(what, self.server(), why)),
        }
    }

    /// The same, where an object of this kind is removed: what comes is the object while it ends, or a Status of success.
    pub(crate) async fn exchange_removal(
        &self,
        what: &str,
        request: Request<Vec<u8>>,
        kind: &str,
    ) -> Result<(), Failure> {
        let answer = self.exchange_json(what, request).await?;
        match not_removed(&answer, kind) {
            None => Ok(()),
            Some(why) => Err(Failure::unintelligible(what, self.server(), why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Advice as _;

    fn answered(code: u16, pause: Option<u64>, body: &str) -> Failure {
        let code = StatusCode::from_u16(code).unwrap();
        Failure::answered(code, pause.map(Duration::from_secs), body.as_bytes(), "read it", "the server")
    }

    #[test]
    fn what_passes_is_asked_again_and_what_stands_is_not() {
        let again = |code, body| answered(code, None, body).again;
        for code in [429, 502, 503, 504] {
            assert_eq!(again(code, ""), Again::Later(None), "{code}");
        }
        for code in [401, 404, 410, 500] {
            assert_eq!(again(code, ""), Again::Soon, "{code}");
        }
        for code in [400, 403, 409, 422] {
            assert_eq!(again(code, ""), Again::Never, "{code}");
        }
        assert_eq!(again(404, "404 page not found\n"), Again::Never, "an API that the server does not have");
        assert_eq!(again(404, "404 page "), Again::Soon, "half of it");
        let missing = r#"{"kind":"Status","status":"Failure","reason":"NotFound","code":404}"#;
        assert_eq!(again(404, missing), Again::Never, "no such object");
        assert_eq!(answered(503, Some(30), "").again, Again::Later(Some(Duration::from_secs(30))));
    }

    #[test]
    fn only_a_kubernetes_api_says_that_an_object_does_not_exist() {
        let status =
            r#"{"kind":"Status","status":"Failure","reason":"NotFound","message":"pods \"a\" not found","code":404}"#;
        assert!(matches!(answered(404, None, status).refusal, Refusal::NotFound { .. }));
        let page = answered(404, None, "<html>not here</html>").refusal;
        assert!(matches!(page, Refusal::Refused { code: 404, .. }));
        assert!(page.to_string().contains("a web page"), "{page}");
        let unknown = answered(404, None, "404 page not found\n");
        assert!(matches!(unknown.refusal, Refusal::NotFound { .. }), "an API that the server does not have");
        assert!(matches!(unknown.of_object().refusal, Refusal::Refused { code: 404, .. }));
    }

    #[test]
    fn what_was_cut_off_says_neither_that_nothing_is_there_nor_what_is_wrong() {
        for code in [400, 404, 422] {
            let cut = answered(code, None, r#"{"kind":"Status","status":"Failure","reason":"NotFou"#);
            assert!(matches!(cut.refusal, Refusal::Unintelligible { .. }), "{code}");
            assert_eq!(cut.again, Again::Soon, "{code}");
            assert!(!cut.refusal.to_string().contains("NotFou"), "{code}");
        }
    }

    #[test]
    fn only_the_object_or_a_status_of_success_says_that_it_was_removed() {
        let said = |answer: &str| not_removed(&serde_json::from_str(answer).unwrap(), "Secret").is_none();
        assert!(said(r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"}}"#));
        assert!(said(r#"{"kind":"Status","apiVersion":"v1","status":"Success","details":{"name":"a"}}"#));
        for answer in [
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500}"#,
            r#"{"kind":"Status","apiVersion":"v1"}"#,
            r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}"#,
            r#"{"hello":[1,2,3]}"#,
            "[]",
        ] {
            assert!(!said(answer), "{answer}");
        }
    }

    #[test]
    fn a_page_of_a_proxy_is_not_printed() {
        let refusal = answered(502, Some(9999), "<html><body>Bad gateway</body></html>").refusal;
        let text = refusal.to_string();
        assert!(!text.contains("<html>") && text.contains("502") && text.contains("come back in 9999 s"), "{text}");
        assert!(!refusal.hints().is_empty());
    }
}
