//! Time as the certificate crates speak it: whole seconds. The only place that knows their types.

use std::time::Duration;

use jiff::Timestamp;

/// How far before "now" certificates start, for clocks that are behind; kubeadm's `CertificateBackdate`.
pub(super) const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// `time + span`, or the last time there is.
pub(super) fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// `time - span`, or the first time there is.
pub(super) fn before(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// As `rcgen` wants it. Years outside its range become the epoch, which no caller asks for.
pub(super) fn to_rcgen(time: Timestamp) -> ::time::OffsetDateTime {
    ::time::OffsetDateTime::from_unix_timestamp(time.as_second()).unwrap_or(::time::OffsetDateTime::UNIX_EPOCH)
}

/// As `x509_parser` gives it; a time beyond ours is the last one there is.
pub(super) fn from_x509(time: x509_parser::time::ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}
