//! Generates the pages of `docs/reference` from the code and checks that the committed ones are up to date.
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
use crate::modules::{ALL, COMMON_CRATES, CRATES, MODULES};
use crate::source::root;

/// Every generated page, by its path in `docs/reference`.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut program = Cli::command();
    program.build();
    let mut pages = BTreeMap::from([
        ("cli.md".into(), cli_page::page(&program)),
        ("exit-codes.md".into(), exit_codes()),
        ("kubeadm-fields.md".into(), fields_reference()),
        ("tenantcontrolplane-fields.md".into(), tenant_fields_reference()),
        ("objects.md".into(), objects()),
        ("modules.md".into(), modules()),
    ]);
    for command in std::iter::once(&program).chain(cli_page::all_commands(&program)) {
        let name = cli_page::path(command).replace(' ', "-");
        // Named after the whole command, so that `man kamaji-token-create` finds it.
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

/// The objects of a control plane, with their data keys and when they are written.
fn objects() -> String {
    let spec = spec(MINIMAL);
    let desired = Plane::new(kamaji::model::ControlPlaneSpec { replicas: 2, ..spec.clone() }).desire().unwrap();
    let mut page = String::from(
        "# Objects of a control plane\n\n\
         The objects in the management cluster of a control plane named `prod`. They are in its namespace and carry\n\
         the label `kamaji.clastix.io/name: prod`. Objects that are \"created once\" are immutable.\n\n\
         | kind | name | purpose | keys | written |\n|---|---|---|---|---|\n\
         | ConfigMap | `prod-record` | the record: the spec and kamaji's decisions; no secrets | `record.json`, `kubeadm.yaml` | when it changes |\n",
    );
    let purposes = purposes();
    for object in object_refs(&spec) {
        let manifest = desired.write.iter().find(|manifest| manifest.object == object).unwrap();
        let suffix = object.name.strip_prefix("prod").unwrap();
        let purpose = purposes.iter().find(|(known, text)| known == suffix && text.contains(&object.kind));
        let purpose = purpose.unwrap().1.trim_start_matches(&object.kind).trim_start();
        let written = match manifest.write {
            Write::Apply | Write::ApplyUnlessTaken => "when it changes",
            Write::CreateOnly => "created once",
        };
        let _infallible =
            writeln!(page, "| {} | `{}` | {purpose} | {} | {written} |", object.kind, object.name, keys(manifest));
    }
    page.push_str("\nThe PodDisruptionBudget exists only with two or more replicas.\n");
    page
}

fn keys(manifest: &Manifest) -> String {
    let data = manifest.body["data"].as_object().into_iter().flatten();
    data.map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

/// The suffix and purpose of each derived name, from the table in `src/model/names.rs`.
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

fn modules() -> String {
    let mut page = String::from(
        "# Modules\n\n\
         The top-level modules of `src/` and their dependencies, which the tests in `tests/static` enforce. A pure\n\
         module takes values and returns values; an edge does I/O.\n\n\
         | module | purpose | kind | may use | external crates |\n|---|---|---|---|---|\n",
    );
    for module in MODULES {
        let uses = if module.uses == ALL { "every module".to_owned() } else { quoted(module.uses.iter().copied()) };
        let crates = quoted(CRATES.iter().filter(|(_, users)| users.contains(&module.name)).map(|(name, _)| *name));
        let _infallible =
            writeln!(page, "| `{}` | {} | {} | {uses} | {crates} |", module.name, purpose(module.name), module.kind);
    }
    let _infallible = writeln!(page, "\nEvery module may use {}.", quoted(COMMON_CRATES.iter().copied()));
    page
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The first sentence of a module's documentation.
fn purpose(module: &str) -> String {
    let source = root().join("src");
    let file = [source.join(format!("{module}.rs")), source.join(module).join("mod.rs")];
    let text = file.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap();
    let doc: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let doc = doc.join(" ");
    let sentence = doc.split(". ").next().unwrap().trim_end_matches('.');
    sentence.replace("[`", "`").replace("`]", "`")
}

#[test]
fn the_committed_reference_is_up_to_date() {
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
        "out of date in docs/reference: {}; run UPDATE_GENERATED=1 cargo test --test static",
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
