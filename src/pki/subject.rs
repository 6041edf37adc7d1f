//! Subjects with several organizations: the groups of a Kubernetes user. The certificate crate keeps one value per
//! attribute, so its certificate gets its real subject here, and its authority's signature again.

use rcgen::SigningKey;
use yasna::DERWriter;
use yasna::models::ObjectIdentifier;

use super::Error;

/// RFC 5280, appendix A.1.
const ORGANIZATION: &[u64] = &[2, 5, 4, 10];
const COMMON_NAME: &[u64] = &[2, 5, 4, 3];
/// Version, serial number, algorithm, issuer and validity come before it (RFC 5280, 4.1).
const SUBJECT: usize = 5;

/// The certificate with another subject, signed by `key`, which signed it before.
pub(super) fn with_subject(
    certificate_der: &[u8],
    common_name: &str,
    organizations: &[String],
    key: &impl SigningKey,
) -> Result<Vec<u8>, Error> {
    let broken = || Error::Malformed { what: "the new certificate".into(), problem: "it is not X.509".into() };
    let certificate = elements(certificate_der).ok_or_else(broken)?;
    let [to_be_signed, algorithm, _] = certificate.as_slice() else { return Err(broken()) };
    let mut parts = elements(to_be_signed).filter(|parts| parts.len() > SUBJECT).ok_or_else(broken)?;
    parts[SUBJECT] = subject(common_name, organizations);
    let to_be_signed = sequence(&parts);
    let signature = key
        .sign(&to_be_signed)
        .map_err(|source| Error::Make { what: "the certificate's signature".to_owned(), source })?;
    let signature = yasna::construct_der(|writer| writer.write_bitvec_bytes(&signature, signature.len() * 8));
    Ok(sequence(&[to_be_signed, algorithm.clone(), signature]))
}

fn elements(sequence: &[u8]) -> Option<Vec<Vec<u8>>> {
    // Not the method by its name: the reader's lifetime differs from call to call.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
    yasna::parse_der(sequence, |reader| reader.collect_sequence_of(|reader| reader.read_der())).ok()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| parts.iter().for_each(|part| writer.next().write_der(part)));
    })
}

fn subject(common_name: &str, organizations: &[String]) -> Vec<u8> {
    let attribute = |writer: DERWriter<'_>, kind: &[u64], value: &str| {
        writer.write_set(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&ObjectIdentifier::from_slice(kind));
                writer.next().write_utf8_string(value);
            });
        });
    };
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            for group in organizations {
                attribute(writer.next(), ORGANIZATION, group);
            }
            attribute(writer.next(), COMMON_NAME, common_name);
        });
    })
}
