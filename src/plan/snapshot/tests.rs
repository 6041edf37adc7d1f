//! What was written is read back, and nothing else is.

use std::io::Cursor;

use super::error::SnapshotError;
use super::format::*;
use super::reader::SnapshotReader;
use super::writer::SnapshotWriter;
use crate::model::{ControlPlaneId, KubeVersion, Namespace};

fn header(keys: u64) -> SnapshotHeader {
    SnapshotHeader {
        kind: KIND.to_owned(),
        layout: LAYOUT,
        control_plane: "prod".into(),
        namespace: Namespace::parse("team-a").unwrap(),
        id: ControlPlaneId::parse("0123456789abcdef0123456789abcdef").unwrap(),
        ca: Some("ab".repeat(32)),
        version: KubeVersion::parse("v1.36.3").unwrap(),
        driver: "etcd".into(),
        driver_version: "3.7.3".into(),
        revision: 4711,
        prefix: "/0123456789abcdef0123456789abcdef/".into(),
        keys,
        taken: "2027-06-01T12:00:00Z".parse().unwrap(),
        written_by: "0.1.0".into(),
    }
}

fn entry(name: &str, value: &[u8], lease: Option<Lease>) -> SnapshotEntry {
    let key = format!("{}{name}", header(0).prefix).into_bytes();
    SnapshotEntry { key, value: value.to_vec(), create_revision: 7, mod_revision: 9, version: 2, lease }
}

fn entries() -> Vec<SnapshotEntry> {
    vec![
        entry("registry/a", b"\0binary\xff\n", None),
        entry("registry/b", &vec![b'x'; 1_600_000], None),
        entry("registry/events/c", b"", Some(Lease { id: i64::MAX, seconds: 3500 })),
    ]
}

fn written(header: &SnapshotHeader, entries: &[SnapshotEntry]) -> Vec<u8> {
    let (mut writer, mut bytes) = SnapshotWriter::begin(header);
    for entry in entries {
        bytes.extend(writer.entry(entry));
    }
    bytes.extend(writer.end());
    bytes
}

fn verified(bytes: &[u8]) -> Result<(SnapshotHeader, SnapshotEnd), SnapshotError> {
    SnapshotReader::open(Cursor::new(bytes))?.verify()
}

#[test]
fn what_was_written_is_read_back() {
    let bytes = written(&header(3), &entries());
    let mut reader = SnapshotReader::open(Cursor::new(&bytes)).unwrap();
    assert_eq!(reader.header(), &header(3));
    let mut read = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        read.push(entry);
    }
    assert_eq!(read, entries());
    assert_eq!(reader.end().unwrap().keys, 3);
    assert_eq!(verified(&bytes).unwrap().0, header(3));
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let few = [entry("a", b"one", None), entry("b", b"two", Some(Lease { id: 5, seconds: 1 }))];
    let bytes = written(&header(2), &few);
    for length in 0..bytes.len() {
        assert!(verified(&bytes[..length]).is_err(), "cut off after {length} bytes of {}", bytes.len());
    }
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(verified(&changed).is_err(), "byte {at} was changed");
    }
    let twice = [bytes.clone(), bytes.clone()].concat();
    assert!(matches!(verified(&twice), Err(SnapshotError::Damaged { .. })));
}

#[test]
fn keys_of_others_keys_out_of_order_and_a_wrong_number_are_refused() {
    let mut foreign = entry("a", b"", None);
    foreign.key = b"/ffffffffffffffffffffffffffffffff/a".to_vec();
    assert!(verified(&written(&header(1), &[foreign])).unwrap_err().to_string().contains("prefix"));
    let turned = [entry("b", b"", None), entry("a", b"", None)];
    assert!(verified(&written(&header(2), &turned)).unwrap_err().to_string().contains("order"));
    assert_eq!(
        verified(&written(&header(2), &[entry("a", b"", None)])),
        Err(SnapshotError::Truncated { keys: 1, of: 2 })
    );
}

#[test]
fn other_files_and_newer_layouts_are_told_apart() {
    for other in [&b""[..], b"\n", b"{}\n", b"apiVersion: v1\n", b"\x1f\x8b\x08", b"{\"kind\":\"Secret\"}\n"] {
        assert_eq!(verified(other), Err(SnapshotError::NotOne), "{other:?}");
    }
    let newer = SnapshotHeader { layout: LAYOUT + 1, ..header(0) };
    assert_eq!(verified(&written(&newer, &[])), Err(SnapshotError::Newer { layout: 2 }));
}

#[test]
fn an_error_does_not_repeat_what_is_in_the_file() {
    let text = String::from_utf8(written(&header(1), &[entry("a", b"one", None)])).unwrap();
    let broken = text.replace("\"value\":", "\"my-secret\":");
    let error = verified(broken.as_bytes()).unwrap_err();
    assert!(!error.to_string().contains("my-secret"), "{error}");
}

#[test]
fn a_file_of_lines_is_what_its_page_says() {
    let lines = String::from_utf8(written(&header(1), &[entry("a", b"one", None)])).unwrap();
    let expected = concat!(
        r#"{"kind":"ControlPlaneSnapshot","layout":1,"controlPlane":"prod","namespace":"team-a","id":"0123456789abcdef0123456789abcdef","#,
        r#""ca":"abababababababababababababababababababababababababababababababab","version":"v1.36.3","driver":"etcd","#,
        r#""driverVersion":"3.7.3","revision":4711,"prefix":"/0123456789abcdef0123456789abcdef/","keys":1,"#,
        r#""taken":"2027-06-01T12:00:00Z","writtenBy":"0.1.0"}"#,
        "\n",
        r#"{"key":"LzAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmL2E=","create_revision":7,"mod_revision":9,"version":2,"value":"b25l"}"#,
        "\n",
        r#"{"keys":1,"sha256":"6583df85fe4f73fb8b152b58833ffadfd37881d61b81aa8b81928934bc1e348b"}"#,
        "\n",
    );
    assert_eq!(lines, expected);
}
