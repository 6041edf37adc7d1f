//! The pages under `docs/reference` are made from the code and committed. When they differ, this test tells which;
//! `UPDATE_GENERATED=1 cargo test --test static` writes them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use kamaji::cli::Cli;
use kamaji::config::{fields_reference, tenant_fields_reference};
use kamaji::error::{DIFFERENCES, DIFFERENCES_MEANING, Kind};
use kamaji::plan::lifecycle::desired::object_refs;
use kamaji::render::{Manifest, Write};

use crate::cli_page;
use crate::control_plane::{MINIMAL, Plane, spec};
use crate::rooms::{ALL, CRATES, ROOMS, VOCABULARY};
use crate::source::root;

/// Every generated page by its path below `docs/reference`.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut program = Cli::command();
    program.build();
    let mut pages = BTreeMap::from([
        ("cli.md".into(), cli_page::page(&program)),
        ("exit-codes.md".into(), exit_codes()),
        ("kubeadm-fields.md".into(), fields_reference()),
        ("tenantcontrolplane-fields.md".into(), tenant_fields_reference()),
        ("objects.md".into(), objects()),
        ("rooms.md".into(), rooms()),
    ]);
    for command in std::iter::once(&program).chain(cli_page::every(&program)) {
        let name = cli_page::path(command).replace(' ', "-");
        // The page is called as the whole command is, so that `man kamaji-token-create` finds it.
        let page = clap_mangen::Man::new(command.clone().name(name.clone()).display_name(name.clone()));
        let mut text = Vec::new();
        page.render(&mut text).unwrap();
        pages.insert(Path::new("man").join(format!("{name}.1")), String::from_utf8(text).unwrap());
    }
    pages
}

fn exit_codes() -> String {
    let mut page = String::from("# Exit codes\n\n| code | |\n|---|---|\n| 0 | done |\n");
    for kind in Kind::ALL {
        let _infallible = writeln!(page, "| {} | {} |", kind.exit_code(), kind.meaning());
    }
    let _infallible = writeln!(page, "| {DIFFERENCES} | {DIFFERENCES_MEANING} |");
    page
}

/// The objects of a control plane, their keys, and how they are written.
fn objects() -> String {
    let spec = spec(MINIMAL);
    let desired = Plane::new(kamaji::model::ControlPlaneSpec { replicas: 2, ..spec.clone() }).desire().unwrap();
    let mut page = String::from(
        "# Objects of a control plane\n\n\
         What there is in the management cluster for a control plane called `prod`. All of them are in its namespace and\n\
         carry the label `kamaji.clastix.io/name: prod`. An object that is \"made once\" is immutable: it is never changed.\n\n\
         | kind | name | what it is | keys | written |\n|---|---|---|---|---|\n\
         | ConfigMap | `prod-record` | the record: what was asked for and decided; no secrets | `record.json`, `kubeadm.yaml` | when it changes |\n",
    );
    let purposes = purposes();
    for object in object_refs(&spec) {
        let manifest = desired.write.iter().find(|manifest| manifest.object == object).unwrap();
        let suffix = object.name.strip_prefix("prod").unwrap();
        let purpose = purposes.iter().find(|(known, text)| known == suffix && text.contains(&object.kind));
        let purpose = purpose.unwrap().1.trim_start_matches(&object.kind).trim_start();
        let written = match manifest.write {
            Write::Apply | Write::ApplyUnlessTaken => "when it changes",
            Write::CreateOnly => "made once",
        };
        let _infallible =
            writeln!(page, "| {} | `{}` | {purpose} | {} | {written} |", object.kind, object.name, keys(manifest));
    }
    page.push_str("\nThe PodDisruptionBudget exists with two replicas or more.\n");
    page
}

fn keys(manifest: &Manifest) -> String {
    let data = manifest.body["data"].as_object().into_iter().flatten();
    data.map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// Suffix and meaning of each derived name, from the table in `src/model/names.rs`.
fn purposes() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("src/model/names.rs")).unwrap();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines
        .windows(2)
        .filter_map(|pair| {
            let meaning = pair[0].strip_prefix("/// The ")?.trim_end_matches('.');
            let (_, suffix) = pair[1].strip_suffix("\";")?.split_once(" => \"")?;
            Some((suffix.to_owned(), meaning.replace('`', "")))
        })
        .collect()
}

fn rooms() -> String {
    let mut page = String::from(
        "# Rooms\n\n\
         The source is divided into rooms: the modules at the top of `src/`. Data goes one way through them, and the tests\n\
         in `tests/static` keep it so. A pure room takes values and returns values; an edge touches the world.\n\n\
         | room | what it is for | kind | may use | outside crates |\n|---|---|---|---|---|\n",
    );
    for room in ROOMS {
        let uses = if room.uses == ALL { "every room".to_owned() } else { quoted(room.uses.iter().copied()) };
        let crates = quoted(CRATES.iter().filter(|(_, doors)| doors.contains(&room.name)).map(|(name, _)| *name));
        let _infallible =
            writeln!(page, "| `{}` | {} | {} | {uses} | {crates} |", room.name, opening(room.name), room.kind);
    }
    let _infallible = writeln!(page, "\nEvery room may use {}.", quoted(VOCABULARY.iter().copied()));
    page
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The first sentence of a room's own documentation.
fn opening(room: &str) -> String {
    let source = root().join("src");
    let file = [source.join(format!("{room}.rs")), source.join(room).join("mod.rs")];
    let text = file.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap();
    let doc: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let doc = doc.join(" ");
    let sentence = doc.split(". ").next().unwrap().trim_end_matches('.');
    sentence.replace("[`", "`").replace("`]", "`")
}

#[test]
fn the_committed_reference_is_what_the_code_says() {
    let folder = root().join("docs/reference");
    let update = std::env::var_os("UPDATE_GENERATED").is_some();
    let mut stale = Vec::new();
    for (path, page) in pages() {
        let file = folder.join(&path);
        if fs::read_to_string(&file).ok().as_ref() == Some(&page) {
            continue;
        }
        if update {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, page).unwrap();
        } else {
            stale.push(path.display().to_string());
        }
    }
    assert!(
        stale.is_empty(),
        "docs/reference differs from the code in {}; write it: UPDATE_GENERATED=1 cargo test --test static",
        stale.join(", ")
    );
}

#[test]
fn every_page_of_the_reference_is_generated() {
    let pages = pages();
    for folder in ["", "man"] {
        for entry in fs::read_dir(root().join("docs/reference").join(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = Path::new(folder).join(entry.file_name());
            assert!(path == Path::new("man") || pages.contains_key(&path), "nothing generates {}", path.display());
        }
    }
}
