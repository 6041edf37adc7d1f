//! Modules use only the modules and external crates that the tables in `modules.rs` allow. A failure names the file and
//! the line.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::modules::{ALL, COMMON_CRATES, CRATES, MODULES};
use crate::source::{Production, production, root, rust_files, without_comments_and_tests};

/// The two files of `src/` that belong to no module.
const CRATE_ROOTS: [&str; 2] = ["main", "lib"];

/// The modules that a file names with `crate::…`, with the offset of each.
fn modules_used(file: &Production) -> Vec<(usize, String)> {
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
    named.retain(|(_, name)| MODULES.iter().any(|module| module.name == name));
    named
}

fn forbidden_modules(file: &Production) -> Vec<String> {
    let Some(module) = MODULES.iter().find(|module| module.name == file.module) else {
        return vec![format!("{}: module `{}` is not in MODULES", file.path, file.module)];
    };
    if module.uses == ALL {
        return Vec::new();
    }
    modules_used(file)
        .into_iter()
        .filter(|(_, used)| used != module.name && !module.uses.contains(&used.as_str()))
        .map(|(offset, used)| format!("{}:{}: `{}` may not use `{used}`", file.path, file.line(offset), module.name))
        .collect()
}

fn forbidden_crates(file: &Production) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, users) in CRATES {
        for offset in file.words(name) {
            let used = file.text[offset + name.len()..].starts_with("::");
            if used && !users.contains(&file.module.as_str()) {
                wrong.push(format!("{}:{}: only {users:?} may use `{name}`", file.path, file.line(offset)));
            }
        }
    }
    wrong
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn module_files() -> Vec<Production> {
    production().into_iter().filter(|file| !CRATE_ROOTS.contains(&file.module.as_str())).collect()
}

#[test]
fn modules_use_only_their_declared_dependencies() {
    assert_none(&module_files().iter().flat_map(forbidden_modules).collect::<Vec<_>>());
}

#[test]
fn every_declared_dependency_is_used() {
    let used: BTreeSet<(String, String)> = module_files()
        .iter()
        .flat_map(|file| {
            modules_used(file).into_iter().map(|(_, used)| (file.module.clone(), used)).collect::<Vec<_>>()
        })
        .collect();
    let unused = MODULES.iter().filter(|module| module.uses != ALL).flat_map(|module| {
        let used = &used;
        module
            .uses
            .iter()
            .filter(move |name| !used.contains(&(module.name.to_owned(), (**name).to_owned())))
            .map(move |name| format!("`{}` does not use `{name}`: remove it from MODULES", module.name))
    });
    assert_none(&unused.collect::<Vec<_>>());
}

#[test]
fn other_modules_are_imported_by_their_full_path() {
    let mut wrong = Vec::new();
    for file in module_files() {
        let outside = "super::".repeat(file.depth() + 1);
        wrong.extend(file.words(&outside).map(|offset| {
            format!("{}:{}: use `crate::…` to import from another module", file.path, file.line(offset))
        }));
    }
    assert_none(&wrong);
}

#[test]
fn external_crates_are_used_only_by_their_modules() {
    assert_none(&module_files().iter().flat_map(forbidden_crates).collect::<Vec<_>>());
}

#[test]
fn every_crate_in_cargo_toml_has_a_row() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let known = |name: &str| CRATES.iter().any(|(known, _)| *known == name) || COMMON_CRATES.contains(&name);
    let unknown: Vec<String> = section
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.replace('-', "_"))
        .filter(|name| !known(name))
        .map(|name| format!("`{name}` has no row in CRATES"))
        .collect();
    assert_none(&unknown);
}

#[test]
fn the_table_lists_every_module_of_the_library() {
    let library = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared: BTreeSet<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(MODULES.iter().map(|module| module.name).collect::<BTreeSet<_>>(), declared);
}

#[test]
fn a_violation_is_reported_with_its_line() {
    let text = "use crate::{model::Arg,\n    cli::Cli};\nfn a() { kube::now() }\n// use crate::ui;\n#[cfg(test)]\nmod tests {\n    use crate::ui::Ui;\n";
    let file =
        Production { path: "render/x.rs".into(), module: "render".into(), text: without_comments_and_tests(text) };
    assert_eq!(forbidden_modules(&file), ["render/x.rs:1: `render` may not use `cli`"]);
    assert_eq!(forbidden_crates(&file), ["render/x.rs:3: only [\"cluster\"] may use `kube`"]);
}

#[test]
fn every_file_starts_with_a_module_comment() {
    let undocumented: Vec<String> = ["src", "tests/offline", "tests/static", "tests/support"]
        .into_iter()
        .flat_map(rust_files)
        .filter(|path| !fs::read_to_string(path).unwrap().starts_with("//! "))
        .map(|path| format!("{} does not start with a `//!` comment", path.strip_prefix(root()).unwrap().display()))
        .collect();
    assert_none(&undocumented);
}

/// The crates that pull in `name`, from `cargo tree`; empty if it is not built. Cargo.lock also lists crates that are
/// never built.
fn dependents_of(name: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--locked", "--edges", "normal,build", "--invert", name])
        .output()
        .unwrap();
    String::from_utf8(tree.stdout).unwrap()
}

#[test]
fn there_is_one_tls_provider_one_yaml_parser_and_one_clock() {
    for expected in ["aws-lc-rs", "serde-saphyr", "jiff"] {
        assert!(!dependents_of(expected).is_empty(), "`{expected}` is not built, or `cargo tree` failed");
    }
    for forbidden in ["ring", "openssl-sys", "native-tls", "serde_yaml", "yaml-rust2", "chrono"] {
        let dependents = dependents_of(forbidden);
        assert!(dependents.is_empty(), "`{forbidden}` is built:\n{dependents}");
    }
}
