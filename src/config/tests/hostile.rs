//! Files made to hurt: secrets in the wrong place, sizes out of proportion, and noise.

use std::fmt::Write as _;
use std::time::Instant;

use proptest::prelude::*;
use secrecy::ExposeSecret as _;

use super::*;

#[test]
fn no_token_is_kept_shown_or_repeated() {
    let secret = "9f3c2a5b8d1e4f7a";
    let loaded = loaded(&DEFAULTS.replace("0123456789abcdef", secret));
    assert_eq!(loaded.spec.bootstrap_tokens[0].token.expose_secret(), "abcdef.9f3c2a5b8d1e4f7a");
    let said = format!("{loaded:?} {} {:?}", loaded.documents, serde_json::to_string(&loaded.spec).unwrap());
    assert!(!said.contains(secret), "{said}");
    for text in [
        init("bootstrapTokens:\n- token: abcdef.9f3c2a5b8d1e4f7aX"),
        init("bootstrapTokens:\n- token: [abcdef.9f3c2a5b8d1e4f7a]"),
        init("bootstrapTokens:\n- {ttl: 1x, token: abcdef.9f3c2a5b8d1e4f7a}"),
        init("bootstrapTokens:\n- abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapTokens:\n- token:abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapTokens:\n- token: abcdef.9f3c2a5b8d1e4f7a\n- token: abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapTokens:\n- abcdef.9f3c2a5b8d1e4f7a: x"),
        init("bootstrapTokens: abcdef.9f3c2a5b8d1e4f7a"),
        init("bootstrapToken: abcdef.9f3c2a5b8d1e4f7a"),
        init("certificateKey: 9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a"),
        init("certificatekey:\n  9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a9f3c2a5b8d1e4f7a"),
        init("skipPhases: {token: abcdef.9f3c2a5b8d1e4f7a}"),
        init("bootstrapTokens:\n- token: \"abcdef.9f3c2a5b8d1e4f7a\n"),
        cluster("clusterName: abcdef.9f3c2a5b8d1e4f7a:"),
    ] {
        let Err(error) = read(&text) else { panic!("{text}") };
        let said = format!("{error} {error:?} {:?}", error.hints());
        assert!(!said.contains(secret), "{said}");
    }
}

fn repeated(times: usize, line: impl Fn(usize) -> String) -> String {
    (0..times).map(line).collect()
}

#[test]
fn hostile_files_are_refused_quickly() {
    let many_unknown = repeated(20_000, |i| {
        format!(
            "networkingg{i}: 1
"
        )
    });
    let many_sans = repeated(20_000, |i| {
        format!(
            "  - n{i}.example
"
        )
    });
    let ranges = "1.0.0.0/8,".repeat(40_000);
    for text in [
        cluster(&many_unknown),
        cluster(&format!("apiServer:\n  certSANs:\n{many_sans}  - 'a b'")),
        cluster(&format!("networking: {{podSubnet: '{ranges}', serviceSubnet: '{ranges}'}}")),
        cluster(&format!("clusterName: {}", "x".repeat(900_000))),
        cluster(&format!("clusterName:\n{}", "  - a\n".repeat(20_000))),
        "apiVersion: &a x\nkind: [*a]\n".to_owned(),
    ] {
        let start = Instant::now();
        let error = read(&text).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?} for {}", start.elapsed(), &text[..200.min(text.len())]);
        assert!(error.problems().len() <= 101 && error.to_string().len() < 100_000);
    }
}

proptest! {
    #[test]
    fn no_text_makes_loading_panic(text in "(\\PC|[\n\t \\[\\]{}&*:?!|>'\"#%,-]){0,120}") {
        let _either_is_fine = read(&text);
        let _either_is_fine = read(&cluster(&text));
        let _either_is_fine = read(&init(&text));
    }

    #[test]
    fn no_value_of_a_field_makes_loading_panic(
        index in 0..FIELDS.len(),
        value in "(\\PC|[0-9./:,a-z-]){0,40}",
        quoted in any::<bool>(),
    ) {
        let field = &FIELDS[index];
        let mut lines = String::new();
        let words: Vec<&str> = field.path.split('.').collect();
        let mut indent = 0;
        for (depth, word) in words.iter().enumerate() {
            let list = word.strip_suffix("[]");
            let _infallible = write!(lines, "{}{}:", " ".repeat(indent), list.unwrap_or(word));
            indent += 2;
            if depth + 1 < words.len() {
                lines.push('\n');
                if list.is_some() {
                    let _infallible = writeln!(lines, "{}-", " ".repeat(indent));
                    indent += 2;
                }
            }
        }
        let value = if quoted { format!("{value:?}") } else { value };
        let text = format!("---\napiVersion: {}\nkind: {}\n{lines} {value}\n", field.kind.api_version(), field.kind.as_str());
        let text = if field.kind == ConfigKind::Cluster { text } else { format!("{CLUSTER}{text}") };
        let _either_is_fine = read(&text);
    }

    #[test]
    fn no_damage_to_a_good_file_makes_loading_panic(at in 0..DEFAULTS.len(), length in 0..40_usize, patch in "(\\PC|[\n :-]){0,8}") {
        let mut text = DEFAULTS.to_owned();
        if text.is_char_boundary(at) {
            let end = (at + length).min(text.len());
            if text.is_char_boundary(end) {
                text.replace_range(at..end, &patch);
            }
        }
        if let Ok(loaded) = read(&text) {
            prop_assert!(!loaded.documents.contains("0123456789abcdef"));
        }
    }
}
