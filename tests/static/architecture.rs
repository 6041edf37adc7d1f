//! The rooms keep to their doors, and every outside crate has one. Who breaks a row of the table in `rooms.rs` learns
//! the file and the line.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::rooms::{ALL, CRATES, ROOMS, VOCABULARY};
use crate::source::{Production, production, root, rust_files, without_comments_and_tests};

/// The two files at the top that are in no room.
const TOP: [&str; 2] = ["main", "lib"];

/// The rooms that the text names by `crate::…`, with the place.
fn rooms_named(file: &Production) -> Vec<(usize, String)> {
    let identifier = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = Vec::new();
    for offset in file.words("crate::") {
        let rest = &file.text[offset + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => named.push((offset, identifier(rest))),
            Some(group) => {
                let mut depth = 1;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 1 => start = true,
                        c if c.is_whitespace() => {}
                        _ => {
                            if start && depth == 1 {
                                named.push((offset, identifier(&group[at..])));
                            }
                            start = false;
                        }
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    named.retain(|(_, name)| ROOMS.iter().any(|room| room.name == name));
    named
}

fn doors_broken(file: &Production) -> Vec<String> {
    let Some(room) = ROOMS.iter().find(|room| room.name == file.room) else {
        return vec![format!("{}: room `{}` is not in ROOMS", file.path, file.room)];
    };
    if room.uses == ALL {
        return Vec::new();
    }
    rooms_named(file)
        .into_iter()
        .filter(|(_, used)| used != room.name && !room.uses.contains(&used.as_str()))
        .map(|(offset, used)| format!("{}:{}: `{}` may not use `{used}`", file.path, file.line(offset), room.name))
        .collect()
}

fn crates_misused(file: &Production) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, doors) in CRATES {
        for offset in file.words(name) {
            let used = file.text[offset + name.len()..].starts_with("::");
            if used && !doors.contains(&file.room.as_str()) {
                wrong.push(format!("{}:{}: `{name}` comes in through {doors:?}", file.path, file.line(offset)));
            }
        }
    }
    wrong
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn in_rooms() -> Vec<Production> {
    production().into_iter().filter(|file| !TOP.contains(&file.room.as_str())).collect()
}

#[test]
fn rooms_only_open_their_own_doors() {
    none(&in_rooms().iter().flat_map(doors_broken).collect::<Vec<_>>());
}

#[test]
fn a_door_in_the_table_is_used_by_somebody() {
    let used: BTreeSet<(String, String)> = in_rooms()
        .iter()
        .flat_map(|file| rooms_named(file).into_iter().map(|(_, used)| (file.room.clone(), used)).collect::<Vec<_>>())
        .collect();
    let unused = ROOMS.iter().filter(|room| room.uses != ALL).flat_map(|room| {
        let used = &used;
        room.uses
            .iter()
            .filter(move |door| !used.contains(&(room.name.to_owned(), (**door).to_owned())))
            .map(move |door| format!("`{}` does not use `{door}` (any more): close the door in ROOMS", room.name))
    });
    none(&unused.collect::<Vec<_>>());
}

#[test]
fn a_room_is_left_by_its_full_name_only() {
    let mut wrong = Vec::new();
    for file in in_rooms() {
        let too_far = "super::".repeat(file.depth() + 1);
        wrong.extend(
            file.words(&too_far).map(|offset| format!("{}:{}: write `crate::…`", file.path, file.line(offset))),
        );
    }
    none(&wrong);
}

#[test]
fn outside_crates_come_in_through_their_doors_only() {
    none(&in_rooms().iter().flat_map(crates_misused).collect::<Vec<_>>());
}

#[test]
fn every_dependency_has_a_door_or_is_vocabulary() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let known = |name: &str| CRATES.iter().any(|(known, _)| *known == name) || VOCABULARY.contains(&name);
    let strangers: Vec<String> = section
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .filter(|name| !known(name))
        .map(|name| format!("`{name}` has no row in CRATES"))
        .collect();
    none(&strangers);
}

#[test]
fn the_rooms_of_the_table_are_those_of_the_library() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let built: BTreeSet<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(ROOMS.iter().map(|room| room.name).collect::<BTreeSet<_>>(), built);
}

#[test]
fn a_planted_violation_is_found() {
    let text = "use crate::{model::Arg,\n    cli::Cli};\nfn a() { kube::now() }\n// use crate::ui;\n#[cfg(test)]\nmod tests {\n    use crate::ui::Ui;\n";
    let planted =
        Production { path: "render/x.rs".into(), room: "render".into(), text: without_comments_and_tests(text) };
    assert_eq!(doors_broken(&planted), ["render/x.rs:1: `render` may not use `cli`"]);
    assert_eq!(crates_misused(&planted), ["render/x.rs:3: `kube` comes in through [\"cluster\"]"]);
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent: Vec<String> = ["src", "tests/offline", "tests/static", "tests/support"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| format!("{} does not begin with `//!`", path.strip_prefix(root()).unwrap().display()))
        .collect();
    none(&silent);
}

/// Who builds a crate, as cargo tells it; empty when nobody does. Cargo.lock would not do: it lists crates that are
/// never built.
fn built_by(name: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "--edges", "normal,build", "--invert", name])
        .output()
        .unwrap();
    String::from_utf8(tree.stdout).unwrap()
}

#[test]
fn there_is_one_tls_provider_one_yaml_parser_and_one_clock() {
    for wanted in ["aws-lc-rs", "serde-saphyr", "jiff"] {
        assert!(!built_by(wanted).is_empty(), "`{wanted}` is not built, or cargo cannot tell");
    }
    for banned in ["ring", "openssl-sys", "native-tls", "serde_yaml", "yaml-rust2", "chrono"] {
        let by = built_by(banned);
        assert!(by.is_empty(), "`{banned}` is built:\n{by}");
    }
}
