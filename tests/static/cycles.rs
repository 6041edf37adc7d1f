//! Detects import cycles between the files of `src/`, direct or through other files.
//!
//! A `mod.rs` and the files below it may use each other: they count as one module.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Production, production, without_comments_and_tests};

/// The segments of a module path, starting with `crate`.
type Path = Vec<String>;

/// The imports of each file, by module path.
struct ImportGraph {
    files: BTreeMap<Path, Imports>,
}

struct Imports {
    /// The path relative to `src/`.
    file: String,
    /// Every path that is imported or used inline, absolute.
    paths: Vec<Path>,
    /// Names re-exported with `pub use`, with the path they come from.
    exports: BTreeMap<String, Path>,
}

impl ImportGraph {
    fn of(sources: &[Production]) -> Self {
        let mut files = BTreeMap::new();
        for source in sources {
            let module = module_of(&source.path);
            let (mut paths, mut exports) = (Vec::new(), BTreeMap::new());
            for (public, path, alias) in uses(&source.text) {
                let absolute = absolute(&path, &module);
                let name = alias.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
                if public {
                    exports.insert(name, absolute);
                } else {
                    paths.push(absolute);
                }
            }
            paths.extend(inline_paths(&source.text).iter().map(|path| absolute(path, &module)));
            files.insert(module, Imports { file: source.path.clone(), paths, exports });
        }
        Self { files }
    }

    /// The module that defines the item at `path`, following re-exports.
    fn defining_module(&self, path: &Path) -> Option<&Path> {
        let mut path = path.clone();
        for _ in 0..8 {
            let depth = (1..=path.len()).rev().find(|depth| self.files.contains_key(&path[..*depth]))?;
            let (module, imports) = self.files.get_key_value(&path[..depth])?;
            match path.get(depth).and_then(|name| imports.exports.get(name)) {
                Some(target) => path = target.clone(),
                None => return Some(module),
            }
        }
        None
    }

    /// The modules that each module imports from, without its own parents and children.
    fn edges(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let edges = |(module, imports): (&Path, &Imports)| -> BTreeSet<&Path> {
            let targets = imports.paths.iter().filter_map(|path| self.defining_module(path));
            targets.filter(|target| !target.starts_with(module) && !module.starts_with(target)).collect()
        };
        self.files.iter().map(|entry| (entry.0, edges(entry))).collect()
    }

    /// The import cycles, one text each.
    fn cycles(&self) -> Vec<String> {
        let edges = self.edges();
        let reachable_from: BTreeMap<&Path, BTreeSet<&Path>> =
            edges.keys().map(|start| (*start, reachable(&edges, start))).collect();
        let mut groups = BTreeSet::new();
        for (module, targets) in &reachable_from {
            let group: BTreeSet<&Path> =
                targets.iter().copied().filter(|other| reachable_from[other].contains(module)).collect();
            if !group.is_empty() {
                groups.insert(group);
            }
        }
        let describe = |group: &BTreeSet<&Path>| {
            let lines = group.iter().flat_map(|module| {
                let within = edges[*module].iter().filter(|target| group.contains(**target));
                within.map(|target| format!("  {} uses {}", self.files[*module].file, self.files[*target].file))
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        groups.iter().map(describe).collect()
    }
}

fn reachable<'a>(edges: &BTreeMap<&'a Path, BTreeSet<&'a Path>>, start: &'a Path) -> BTreeSet<&'a Path> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(module) = open.pop() {
        open.extend(edges[module].iter().copied().filter(|target| found.insert(*target)));
    }
    found
}

fn module_of(file: &str) -> Path {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    std::iter::once("crate").chain(path.split('/').filter(|part| *part != "lib")).map(str::to_owned).collect()
}

/// Resolves `super`, `self` and relative paths to a path from `crate`.
fn absolute(path: &[String], module: &Path) -> Path {
    let up = path.iter().take_while(|segment| *segment == "super").count();
    match path.first().map(String::as_str) {
        Some("super") => module[..module.len().saturating_sub(up)].iter().chain(&path[up..]).cloned().collect(),
        Some("self") => module.iter().chain(&path[1..]).cloned().collect(),
        Some("crate") | None => path.to_vec(),
        Some(_) => module.iter().chain(path).cloned().collect(),
    }
}

/// The `use` statements of a file: whether each is public, its path, and its alias.
fn uses(text: &str) -> Vec<(bool, Path, Option<String>)> {
    let mut found = Vec::new();
    for statement in text.split(';') {
        let Some(at) = statement.rfind("use ").filter(|at| is_statement(&statement[..*at])) else { continue };
        let public = statement[..at].trim_end().rsplit('\n').next().is_some_and(|line| line.trim().starts_with("pub"));
        let tree = &statement[at + "use ".len()..];
        if !tree.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c)) {
            continue; // a string literal that contains "use "
        }
        let mut leaves = Vec::new();
        expand(tree, &mut Vec::new(), &mut leaves);
        found.extend(leaves.into_iter().map(|(path, alias)| (public, path, alias)));
    }
    found
}

/// Whether only a visibility, or nothing, precedes `use` on its line.
fn is_statement(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    line.is_empty() || line.starts_with("pub")
}

/// Expands `a::{b, c as d}` into single paths.
fn expand(tree: &str, prefix: &mut Path, leaves: &mut Vec<(Path, Option<String>)>) {
    let tree = tree.trim();
    let segments = |text: &str| -> Path {
        text.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    if let Some(open) = tree.find('{') {
        let deep = prefix.len();
        prefix.extend(segments(&tree[..open]));
        let inner = tree[open + 1..].trim_end();
        let inner = inner.strip_suffix('}').unwrap_or(inner);
        let (mut depth, mut from) = (0_u32, 0);
        for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    if !inner[from..at].trim().is_empty() {
                        expand(&inner[from..at], prefix, leaves);
                    }
                    from = at + 1;
                }
                _ => {}
            }
        }
        prefix.truncate(deep);
        return;
    }
    let (path, alias) =
        tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim().to_owned())));
    let own = segments(path).into_iter().filter(|segment| segment != "self" && segment != "*");
    let path: Path = prefix.iter().cloned().chain(own).collect();
    if !path.is_empty() {
        leaves.push((path, alias));
    }
}

/// The paths that code uses without an import.
fn inline_paths(text: &str) -> Vec<Path> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':')) {
                continue;
            }
            let path: String =
                text[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
            found.push(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
        }
    }
    found
}

#[test]
fn no_two_files_import_each_other() {
    let cycles = ImportGraph::of(&production()).cycles();
    assert!(cycles.is_empty(), "{} import cycles:\n{}", cycles.len(), cycles.join("\n\n"));
}

#[test]
fn an_import_cycle_is_found() {
    let file = |path: &str, text: &str| Production {
        path: path.into(),
        module: "plan".into(),
        text: without_comments_and_tests(text),
    };
    let files = [
        file("plan/mod.rs", "pub mod a;\npub use b::B;\nmod b;\n"),
        file("plan/a.rs", "use crate::plan::B;\n"),
        file("plan/b.rs", "use super::c::{D, E as F};\n"),
        file("plan/c.rs", "fn c() { super::a::run() }\n"),
    ];
    let cycles = ImportGraph::of(&files).cycles();
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0], "  plan/a.rs uses plan/b.rs\n  plan/b.rs uses plan/c.rs\n  plan/c.rs uses plan/a.rs");
    assert!(ImportGraph::of(&files[..3]).cycles().is_empty());
}
