//! Reading as kubeadm reads, hostile texts, and writing so that kubectl reads the same.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn only(text: &str) -> Node {
    let mut documents = read_documents("f.yaml", text).unwrap();
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0).root
}

fn refusal(text: &str) -> String {
    read_documents("f.yaml", text).unwrap_err().to_string()
}

#[test]
fn plain_scalars_are_what_go_reads() {
    // Each was held against sigs.k8s.io/yaml 1.6 (go.yaml.in/yaml/v2).
    let cases = [
        ("y", json!(true)),
        ("Yes", json!(true)),
        ("on", json!(true)),
        ("TRUE", json!(true)),
        ("n", json!(false)),
        ("off", json!(false)),
        ("False", json!(false)),
        ("yEs", json!("yEs")),
        ("tRUE", json!("tRUE")),
        ("0644", json!(420)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("0b101", json!(5)),
        ("-0b101", json!(-5)),
        ("1_000", json!(1000)),
        ("+5", json!(5)),
        ("-0", json!(0)),
        ("08", json!(8.0)),
        ("1e3", json!(1000.0)),
        (".5", json!(0.5)),
        (".5_0", json!(0.5)),
        ("._5", json!("._5")),
        ("0_7", json!(7)),
        ("1_", json!(1)),
        ("-0x1f", json!(-31)),
        ("+0644", json!(420)),
        ("0b", json!("0b")),
        (".e3", json!(".e3")),
        ("0777.5", json!(777.5)),
        ("1.", json!(1.0)),
        ("6443.0", json!(6443.0)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("1.37.2", json!("1.37.2")),
        ("1:30", json!("1:30")),
        ("2001-01-01", json!("2001-01-01")),
        ("1e999", json!("1e999")),
        ("-", json!([null])),
        ("+", json!("+")),
        (".", json!(".")),
        ("0x", json!("0x")),
        ("12e", json!("12e")),
        ("v1.37.2", json!("v1.37.2")),
        ("'y'", json!("y")),
        ("\"0644\"", json!("0644")),
        ("!!str 5", json!("5")),
        ("! 5", json!("5")),
        ("!!int 5", json!(5)),
        ("!!float 5", json!(5)),
        ("!!bool yes", json!(true)),
    ];
    for (text, expected) in cases {
        assert_eq!(only(text).to_json(), expected, "{text}");
    }
    for null in ["", "~", "null", "NULL", "# nothing", "---\n---\n...\n"] {
        assert!(read_documents("f.yaml", null).unwrap().is_empty(), "{null}");
    }
    for bad in [".nan", "-.inf", "!!int x", "!!binary aGk=", "!secret x", "!!map [a]"] {
        assert!(read_documents("f.yaml", bad).is_err(), "{bad}");
    }
}

#[test]
fn every_key_and_value_knows_its_place() {
    let root = only("# top\na:\n  - ä: 1\n    b: {c: d}\n");
    let item = &root.get("a").unwrap().value.items()[0];
    assert_eq!(item.get("ä").unwrap().place.to_string(), "3:5");
    assert_eq!(item.get("ä").unwrap().value.place.to_string(), "3:8");
    let inner = item.get("b").unwrap().value.get("c").unwrap();
    assert_eq!((inner.place.to_string(), inner.value.place.to_string()), ("4:9".into(), "4:12".into()));
}

#[test]
fn crlf_a_byte_order_mark_and_a_trailing_end_are_fine() {
    assert_eq!(only("\u{feff}a: 1\r\nb: x\r\n...\r\n").to_json(), json!({"a": 1, "b": "x"}));
}

#[test]
fn a_key_given_twice_is_refused_with_both_places() {
    insta::assert_snapshot!(refusal("a:\n  pod: 1\n  net: 2\n  pod: 3\n"), @r#"
    f.yaml:4:3: the key `pod` is given twice, first at 2:3
      4 |   pod: 3
        |   ^
    "#);
    assert!(refusal("{a: 1, 'a': 2}").contains("given twice"));
    assert!(refusal("? a\n: 1\n? \"a\"\n: 2\n").contains("given twice"));
}

#[test]
fn aliases_and_merges_are_copies() {
    let root = only("base: &b {x: 1, y2: 2}\nmerged: {<<: *b, x: 3}\nlist: {<<: [*b, {z: 4}]}\ncopy: *b\n");
    let expected = json!({
        "base": {"x": 1, "y2": 2}, "merged": {"x": 3, "y2": 2},
        "list": {"x": 1, "y2": 2, "z": 4}, "copy": {"x": 1, "y2": 2},
    });
    assert_eq!(root.to_json(), expected);
    assert_eq!(root.get("copy").unwrap().value.place.to_string(), "4:7");
    assert_eq!(only("k: &k name\n*k : 1\n").to_json(), json!({"k": "name", "name": 1}));
    for bad in ["a: &a [*a]", "a: *b", "a: {<<: 5}", "&a a: *a\n? [b]\n: 1"] {
        assert!(read_documents("f.yaml", bad).is_err(), "{bad}");
    }
    assert!(read_documents("f.yaml", "a: &a 1\n---\nb: *a\n").is_err(), "anchors end with their document");
}

#[test]
fn what_is_not_yaml_is_refused_with_its_place() {
    let cases = [
        "a: [1\n",
        "a: b: c",
        "a:\n\t- b",
        "\"open",
        "{a: 1",
        "a: 'x",
        "@x",
        "%YAML 3.0\n---\na",
        "y: 1",
        "~: 1",
        "[a]: 1",
        "{a: 1}: 2",
        "a\u{0}b: 1",
        "a\u{1b}[31m: 1",
        "\u{fffe}a",
    ];
    let said: Vec<String> = cases.iter().map(|text| refusal(text)).collect();
    insta::assert_snapshot!(said.join("\n"), @r#"
    f.yaml:1:4: not valid YAML: unclosed bracket '['
      1 | a: [1
        |    ^
    f.yaml:1:5: not valid YAML: mapping values are not allowed in this context
      1 | a: b: c
        |     ^
    f.yaml:2:2: not valid YAML: tabs disallowed within this context (block indentation)
      2 |  - b
        |  ^
    f.yaml:1:1: not valid YAML: unclosed quote
      1 | "open
        | ^
    f.yaml:1:1: not valid YAML: unclosed bracket '{'
      1 | {a: 1
        | ^
    f.yaml:1:4: not valid YAML: unclosed quote
      1 | a: 'x
        |    ^
    f.yaml:1:1: not valid YAML: unexpected character: `@'
      1 | @x
        | ^
    f.yaml:1:1: not valid YAML: unsupported YAML major version
      1 | %YAML 3.0
        | ^
    f.yaml:1:1: not valid YAML: a key must be text, and this one reads as the boolean true; put it in quotes
      1 | y: 1
        | ^
    f.yaml:1:1: not valid YAML: a key must be text, and this one reads as null; put it in quotes
      1 | ~: 1
        | ^
    f.yaml:1:1: not valid YAML: a key must be text, and this one reads as a list; put it in quotes
      1 | [a]: 1
        | ^
    f.yaml:1:1: not valid YAML: a key must be text, and this one reads as a map; put it in quotes
      1 | {a: 1}: 2
        | ^
    f.yaml:1:2: not valid YAML: the character \u{0} is not text
    f.yaml:1:2: not valid YAML: the character \u{1b} is not text
    f.yaml:1:1: not valid YAML: the character \u{fffe} is not text
    "#);
}

#[test]
fn a_line_that_may_hold_a_secret_is_not_shown() {
    for text in [
        "token: abcdef.0123456789abcdef: x",
        "x: [abcdef.0123456789abcdef",
        "certificateKey: ]",
        "- t\n- abcdef.0123456789abcdef: &",
        "abcdef.0123456789abcdef: 1\nabcdef.0123456789abcdef: 2",
    ] {
        let error = read_documents("f.yaml", text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("0123456789"), "{error}");
    }
    let tree = read_documents("f.yaml", "token: abcdef.0123456789abcdef").unwrap();
    assert!(!format!("{tree:?}").contains("0123456789"));
}

fn repeated(times: usize, line: impl Fn(usize) -> String) -> String {
    (0..times).map(line).collect()
}

fn refused_quickly(what: &str, text: &str) {
    let start = Instant::now();
    let result = read_documents("f.yaml", text);
    assert!(start.elapsed() < Duration::from_secs(5), "{what} took {:?}", start.elapsed());
    let error = result.map(|documents| documents.len()).expect_err(what);
    assert!(error.to_string().len() < 1000, "{what}: {error}");
}

#[test]
fn hostile_texts_are_refused_in_less_than_a_second() {
    let laughs = repeated(10, |level| match level {
        0 => format!("a0: &a0 [{}]\n", ["lol"; 9].join(", ")),
        _ => format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 9].join(", ")),
    });
    refused_quickly("billion laughs", &laughs);
    let long = "x".repeat(500_000);
    refused_quickly("one long text many times", &format!("a: &a {long}\nb: [{}]", "*a, ".repeat(1000)));
    let nested = repeated(90, |i| format!("&n{i} ["));
    refused_quickly("anchors within anchors", &format!("{nested}{}{}", "1, ".repeat(45_000), "]".repeat(90)));
    refused_quickly("too long", &"a".repeat(MAX_BYTES + 1));
    refused_quickly("1000 lists deep", &"[".repeat(1000));
    refused_quickly("1000 block lists deep", &"- ".repeat(1000));
    refused_quickly("1000 maps deep", &repeated(1000, |i| format!("{}a:\n", " ".repeat(i))));
    refused_quickly("a million brackets", &"[".repeat(MAX_BYTES));
    refused_quickly("a million braces", &"{".repeat(MAX_BYTES));
    refused_quickly("half a million explicit keys", &"? ".repeat(MAX_BYTES / 2));
    refused_quickly("65 documents", &"--- a\n".repeat(65));
    refused_quickly("100000 empty documents", &"---\n".repeat(100_000));
    refused_quickly("too many values", &"- 1\n".repeat(250_000));
    refused_quickly("deep through aliases", &{
        let chain = repeated(59, |i| format!("a{}: &a{} [[*a{i}]]\n", i + 1, i + 1));
        format!("a0: &a0 [1]\n{chain}")
    });
}

#[test]
fn large_harmless_texts_are_read_in_less_than_a_second() {
    for text in [
        "# comment\n".repeat(100_000),
        format!("a: |\n{}", "  text\n".repeat(100_000)),
        "\"".to_owned() + &"x\\n".repeat(300_000) + "\"",
    ] {
        let start = Instant::now();
        read_documents("f.yaml", &text).unwrap();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn what_is_written_reads_the_same() {
    for text in [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "Y",
        "N",
        "1_000",
        "1__0",
        "0644",
        "0o17",
        "\"y\"",
        "'y'",
        "~",
        "null",
        "",
        " ",
        "=",
        "<<",
        "1e3",
        ".5",
        ".nan",
        "1:30",
        "2001-01-01",
        "- a",
        "a: b",
        "#x",
        "x #y",
        "\t",
        "\ta\nb",
        "a\n",
        "a\n\n",
        "\n",
        "---",
        "...",
        "&a",
        "*a",
        "!t",
        "%x",
        "@x",
        "`x",
        "{}",
        "[]",
        "é",
        "😀",
        "a\u{85}b",
        "\u{2028}",
        "trailing ",
        "0x1F",
        "+1",
        "-",
    ] {
        let value = json!({"v": text, "l": [text], text: 1});
        let written = write(&value);
        assert_eq!(only(&written).to_json(), value, "{text:?}\n{written}");
    }
}

#[test]
fn several_documents_are_written_as_one_stream() {
    let values = [json!({"a": 1}), json!({"b": []})];
    let written = write_documents(&values);
    assert_eq!(written, "a: 1\n---\nb: []\n");
    let back: Vec<Value> = read_documents("f", &written).unwrap().iter().map(|d| d.root.to_json()).collect();
    assert_eq!(back, values);
}

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ -~]{0,20}", "[yYnNoOfFtT0-9_.:+eE~<=-]{0,6}", "(\\PC|\n|\t){0,12}",];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_written_and_read_is_itself(value in any_json()) {
        let written = write(&value);
        let back = read_documents("f", &written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        let back = back.first().map_or(Value::Null, |document| document.root.to_json());
        prop_assert_eq!(back, value, "{}", written);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "(\\PC|[\n\t \\[\\]{}&*:?!|>'\"#%,-]){0,120}") {
        let _either_is_fine = read_documents("f", &text);
    }
}
