//! No two files of `src/` import each other, neither directly nor through others.
//!
//! A `mod.rs` may use what its children define, and they may use what it defines: together they are one module.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Production, production, without_comments_and_tests};

/// A path as segments, from `crate` on.
type Path = Vec<String>;

/// The files of the library by module path, with what each imports.
struct Modules {
    files: BTreeMap<Path, Imports>,
}

struct Imports {
    /// The path below `src/`.
    file: String,
    /// Every path that is imported or written out, absolute.
    paths: Vec<Path>,
    /// Names that the module passes on with `pub use`, and where they come from.
    exports: BTreeMap<String, Path>,
}

impl Modules {
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
            paths.extend(written_out(&source.text).iter().map(|path| absolute(path, &module)));
            files.insert(module, Imports { file: source.path.clone(), paths, exports });
        }
        Self { files }
    }

    /// The module that defines what a path leads to, through re-exports.
    fn definer(&self, path: &Path) -> Option<&Path> {
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

    /// What each module needs of others. A module and its `mod.rs` are one.
    fn edges(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let edges = |(module, imports): (&Path, &Imports)| -> BTreeSet<&Path> {
            let targets = imports.paths.iter().filter_map(|path| self.definer(path));
            targets.filter(|target| !target.starts_with(module) && !module.starts_with(target)).collect()
        };
        self.files.iter().map(|entry| (entry.0, edges(entry))).collect()
    }

    /// The groups of files that import each other in a circle, as text.
    fn circles(&self) -> Vec<String> {
        let edges = self.edges();
        let reached: BTreeMap<&Path, BTreeSet<&Path>> =
            edges.keys().map(|start| (*start, reachable(&edges, start))).collect();
        let mut groups = BTreeSet::new();
        for (module, far) in &reached {
            let group: BTreeSet<&Path> = far.iter().copied().filter(|other| reached[other].contains(module)).collect();
            if !group.is_empty() {
                groups.insert(group);
            }
        }
        let told = |group: &BTreeSet<&Path>| {
            let lines = group.iter().flat_map(|module| {
                let within = edges[*module].iter().filter(|target| group.contains(**target));
                within.map(|target| format!("  {} uses {}", self.files[*module].file, self.files[*target].file))
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        groups.iter().map(told).collect()
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

/// A path as it is written in a module, from `crate` on; a name of another crate stays as it is.
fn absolute(path: &[String], module: &Path) -> Path {
    let up = path.iter().take_while(|segment| *segment == "super").count();
    match path.first().map(String::as_str) {
        Some("super") => module[..module.len().saturating_sub(up)].iter().chain(&path[up..]).cloned().collect(),
        Some("self") => module.iter().chain(&path[1..]).cloned().collect(),
        Some("crate") | None => path.to_vec(),
        Some(_) => module.iter().chain(path).cloned().collect(),
    }
}

/// The imports of a text: whether they are passed on, the path, and another name for it.
fn uses(text: &str) -> Vec<(bool, Path, Option<String>)> {
    let mut found = Vec::new();
    for statement in text.split(';') {
        let Some(at) = statement.rfind("use ").filter(|at| is_statement(&statement[..*at])) else { continue };
        let public = statement[..at].trim_end().rsplit('\n').next().is_some_and(|line| line.trim().starts_with("pub"));
        let tree = &statement[at + "use ".len()..];
        if !tree.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_:{},*".contains(c)) {
            continue; // a text that contains the word
        }
        let mut leaves = Vec::new();
        expand(tree, &mut Vec::new(), &mut leaves);
        found.extend(leaves.into_iter().map(|(path, alias)| (public, path, alias)));
    }
    found
}

/// Whether what stands before `use` on its line is nothing, or a visibility.
fn is_statement(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    line.is_empty() || line.starts_with("pub")
}

/// Takes `a::{b, c as d}` apart.
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

/// The paths that code names without an import.
fn written_out(text: &str) -> Vec<Path> {
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
fn no_files_import_each_other_in_a_circle() {
    let circles = Modules::of(&production()).circles();
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n\n"));
}

#[test]
fn a_planted_circle_is_found() {
    let file = |path: &str, text: &str| Production {
        path: path.into(),
        room: "plan".into(),
        text: without_comments_and_tests(text),
    };
    let planted = [
        file("plan/mod.rs", "pub mod a;\npub use b::B;\nmod b;\n"),
        file("plan/a.rs", "use crate::plan::B;\n"),
        file("plan/b.rs", "use super::c::{D, E as F};\n"),
        file("plan/c.rs", "fn c() { super::a::run() }\n"),
    ];
    let circles = Modules::of(&planted).circles();
    assert_eq!(circles.len(), 1);
    assert_eq!(circles[0], "  plan/a.rs uses plan/b.rs\n  plan/b.rs uses plan/c.rs\n  plan/c.rs uses plan/a.rs");
    assert!(Modules::of(&planted[..3]).circles().is_empty());
}
