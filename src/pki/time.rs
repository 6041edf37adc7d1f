//! Converts times to and from the types of the certificate crates, in whole seconds.

use std::time::Duration;

use jiff::Timestamp;

/// Certificates are valid from this long before now, to tolerate clock skew; kubeadm's `CertificateBackdate`.
pub(super) const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// `time + span`, saturating.
pub(super) fn after(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// `time - span`, saturating.
pub(super) fn before(time: Timestamp, span: Duration) -> Timestamp {
    time.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// Converts to `rcgen`'s type. Years out of range become the epoch; no caller passes one.
pub(super) fn to_rcgen(time: Timestamp) -> ::time::OffsetDateTime {
    ::time::OffsetDateTime::from_unix_timestamp(time.as_second()).unwrap_or(::time::OffsetDateTime::UNIX_EPOCH)
}

/// Converts from `x509_parser`'s type, saturating.
pub(super) fn from_x509(time: x509_parser::time::ASN1Time) -> Timestamp {
    Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
}
