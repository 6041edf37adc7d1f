//! The documentation as a site: `docs/SUMMARY.md`, its table of contents, is made from the pages there are, and every link
//! leads somewhere, in the repository as on the site.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::source::root;

/// The parts of the site: a heading, and the folder with its pages.
const PARTS: [(&str, &str); 6] = [
    ("Tutorials", "tutorials"),
    ("How to", "how-to"),
    ("Explanation", "explanation"),
    ("Reference", "reference"),
    ("Decisions", "decisions"),
    ("The project", ""),
];

fn docs() -> PathBuf {
    root().join("docs")
}

/// The pages in a folder, in their order.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let files = entries.map(|entry| entry.unwrap().path());
    let mut pages: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    pages.sort();
    pages
}

fn title(page: &Path) -> String {
    let text = fs::read_to_string(page).unwrap();
    let title = text.lines().find_map(|line| line.strip_prefix("# "));
    title.unwrap_or_else(|| panic!("{} has no title", page.display())).replace('`', "")
}

fn summary() -> String {
    let mut summary = String::from("# Summary\n\n[kamaji](index.md)\n");
    for (heading, folder) in PARTS {
        let _infallible = write!(summary, "\n# {heading}\n\n");
        for page in pages(&docs().join(folder)) {
            let path = page.strip_prefix(docs()).unwrap().display().to_string();
            if path != "index.md" && path != "SUMMARY.md" {
                let _infallible = writeln!(summary, "- [{}]({path})", title(&page));
            }
        }
    }
    summary
}

/// The Markdown that is read as prose: blocks of code are blank, and so is code within a line.
fn prose(text: &str) -> String {
    let mut prose = String::new();
    let mut fenced = false;
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if !fenced && !fence {
            let parts = line.split('`').step_by(2);
            prose.push_str(&parts.collect::<Vec<_>>().join("`"));
        }
        prose.push('\n');
    }
    prose
}

/// Every `[text](target)` with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let prose = prose(text);
    let of_line = |(number, line): (usize, &str)| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| (number + 1, target.to_owned())).collect::<Vec<_>>()
    };
    prose.lines().enumerate().flat_map(of_line).collect()
}

/// What a heading is linked by, on the site and where the repository is shown.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let headings = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with('#')
    });
    let anchor = |line: &str| {
        let kept = line.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

/// A path without `..`.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        if part != Component::ParentDir {
            straight.push(part);
        } else if !straight.pop() {
            break;
        }
    }
    straight
}

fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_owned() } else { straight(&page.parent().unwrap().join(path)) };
    if !file.exists() {
        return Some("is not there".to_owned());
    }
    if page.starts_with(docs()) && !(file.starts_with(docs()) && file.is_file()) {
        return Some("is no page of the site; name it as code instead".to_owned());
    }
    let known = || anchors(&fs::read_to_string(&file).unwrap_or_default()).contains(anchor);
    (!anchor.is_empty() && !known()).then(|| "has no such heading".to_owned())
}

/// Every page a person may read: the site, and the README files beside what they tell of.
fn everything() -> Vec<PathBuf> {
    let mut all = vec![root().join("README.md")];
    for (_, folder) in PARTS {
        all.extend(pages(&docs().join(folder)));
    }
    for folder in ["examples", "tests", "benches"] {
        let Ok(entries) = fs::read_dir(root().join(folder)) else { continue };
        all.extend(entries.map(|entry| entry.unwrap().path().join("README.md")).filter(|path| path.exists()));
    }
    all
}

#[test]
fn the_table_of_contents_names_every_page() {
    let (file, summary) = (docs().join("SUMMARY.md"), summary());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&file, &summary).unwrap();
    }
    assert!(
        fs::read_to_string(file).unwrap_or_default() == summary,
        "docs/SUMMARY.md does not name the pages there are; write it: UPDATE_GENERATED=1 cargo test --test static"
    );
}

#[test]
fn every_link_leads_somewhere() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in everything() {
        for (line, target) in links(&fs::read_to_string(&page).unwrap()) {
            count += 1;
            let place = page.strip_prefix(root()).unwrap().display();
            wrong.extend(broken(&page, &target).map(|why| format!("{place}:{line}: {target} {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "links are found: {count}");
}

#[test]
fn links_and_headings_are_found_as_readers_see_them() {
    let text =
        "# The `one` thing\nSee [it](a.md#b), not `[this](x)`.\n```sh\n[nor](y)\n# no heading\n```\n[that](#c)\n";
    assert_eq!(links(text), [(2, "a.md#b".to_owned()), (7, "#c".to_owned())]);
    assert_eq!(anchors(text), ["the-one-thing".to_owned()].into());
    let page = docs().join("index.md");
    assert_eq!(broken(&page, "gone.md"), Some("is not there".to_owned()));
    assert_eq!(broken(&page, "index.md#gone"), Some("has no such heading".to_owned()));
    assert!(broken(&page, "../README.md").is_some_and(|why| why.contains("no page of the site")));
}
