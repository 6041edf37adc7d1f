//! Harm that the proxy does without knowing whom it serves: answers of its own, answers that are late, lost or broken.

use std::io::Error;
use std::time::Duration;

use futures::stream;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Response, StatusCode, header};

use super::Timing;
use super::forward::Answer;

/// Harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server never sees the request; this is answered as an API server would.
    Status(u16),
    /// The same with `Retry-After`, in seconds.
    Blocker(u16, u64),
    /// The server has carried it out; 504 is answered.
    Unheard,
    /// The connection breaks off.
    Reset(Timing),
    /// Nothing comes, for longer than anybody waits.
    Stall,
    /// The connection breaks off in the middle of the server's answer.
    Broken,
    /// Half of the server's answer, as if it were all of it.
    Half,
    /// A web page, with 200.
    Page,
    /// An error of Kubernetes, with 200.
    Wrapped,
    /// JSON that means nothing, with 200.
    Nonsense,
    /// The server is asked only after so many milliseconds.
    Late(u64),
    /// The server's clock is so many seconds ahead of what it is.
    Ahead(i64),
}

impl Fault {
    /// Whether the server sees the request.
    pub(super) fn reaches_server(self) -> bool {
        match self {
            Self::Unheard | Self::Reset(Timing::After) | Self::Broken | Self::Half | Self::Late(_) | Self::Ahead(_) => {
                true
            }
            Self::Status(_)
            | Self::Blocker(..)
            | Self::Reset(Timing::Before)
            | Self::Stall
            | Self::Page
            | Self::Wrapped
            | Self::Nonsense => false,
        }
    }

    /// What comes instead of asking the server.
    pub(super) async fn instead(self) -> Result<Answer, Error> {
        match self {
            Self::Status(code) => Ok(answer(code, None, status(code))),
            Self::Blocker(code, seconds) => Ok(answer(code, Some(seconds), status(code))),
            Self::Page => Ok(page()),
            Self::Wrapped => Ok(answer(200, None, status(500))),
            Self::Nonsense => Ok(answer(200, None, "{\"hello\":[1,2,3]}".to_owned())),
            Self::Stall => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Err(Error::other("nobody waited"))
            }
            Self::Unheard | Self::Reset(_) | Self::Broken | Self::Half | Self::Late(_) | Self::Ahead(_) => {
                Err(Error::other("broken off before it was passed on"))
            }
        }
    }

    /// What becomes of the server's answer.
    pub(super) async fn instead_of(self, given: Answer) -> Result<Answer, Error> {
        match self {
            Self::Late(_) => Ok(given),
            Self::Ahead(seconds) => {
                let mut given = given;
                let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
                let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now);
                let date = date.expect("it can be written").parse().expect("it is a valid header");
                given.headers_mut().insert(header::DATE, date);
                Ok(given)
            }
            Self::Unheard => {
                given.into_body().collect().await?;
                Ok(answer(504, None, status(504)))
            }
            Self::Broken => {
                let (head, body) = given.into_parts();
                let half = half(&body.collect().await?.to_bytes());
                let frames = [Ok(Frame::data(half)), Err(Error::other("broken off in the middle"))];
                Ok(Response::from_parts(head, StreamBody::new(stream::iter(frames)).boxed()))
            }
            Self::Half => {
                let (mut head, body) = given.into_parts();
                let half = half(&body.collect().await?.to_bytes());
                head.headers.remove(header::CONTENT_LENGTH);
                head.headers.remove(header::TRANSFER_ENCODING);
                Ok(Response::from_parts(head, whole(half)))
            }
            Self::Status(_)
            | Self::Blocker(..)
            | Self::Reset(_)
            | Self::Stall
            | Self::Page
            | Self::Wrapped
            | Self::Nonsense => {
                given.into_body().collect().await?;
                Err(Error::other("broken off after it was carried out"))
            }
        }
    }
}

fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

fn whole(body: Bytes) -> http_body_util::combinators::BoxBody<Bytes, Error> {
    Full::new(body).map_err(|never| match never {}).boxed()
}

fn answer(code: u16, retry_after: Option<u64>, text: String) -> Answer {
    let mut answer = Response::new(whole(Bytes::from(text)));
    *answer.status_mut() = StatusCode::from_u16(code).expect("a fault has a valid code");
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn page() -> Answer {
    let mut page = answer(200, None, "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>".to_owned());
    page.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/html"));
    page
}

fn status(code: u16) -> String {
    let (reason, message) = match code {
        401 => ("Unauthorized", "Unauthorized"),
        403 => ("Forbidden", "secrets is forbidden: User \"chaos\" cannot do this"),
        409 => {
            ("Conflict", "the object has been modified; please apply your changes to the latest version and try again")
        }
        410 => ("Expired", "The provided continue parameter is too old to display a consistent list result"),
        422 => ("Invalid", "it is invalid: spec.chaos: Invalid value: 1"),
        429 => ("TooManyRequests", "Too many requests, please try again later."),
        500 => ("InternalError", "Internal error occurred: chaos"),
        503 => ("ServiceUnavailable", "apiserver not ready"),
        504 => ("Timeout", "request did not complete within the allotted timeout"),
        _ => ("", "chaos"),
    };
    serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
    .to_string()
}
