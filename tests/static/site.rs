//! Generates `docs/SUMMARY.md`, the table of contents of the site, and checks every link of the documentation, in the
//! repository and on the site.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::source::root;

/// The sections of the site: heading and folder.
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

/// The pages in a folder, sorted by name.
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

/// Markdown with code blocks and inline code blanked.
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

/// Every link target with its line number.
fn links(text: &str) -> Vec<(usize, String)> {
    let prose = prose(text);
    let of_line = |(number, line): (usize, &str)| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| (number + 1, target.to_owned())).collect::<Vec<_>>()
    };
    prose.lines().enumerate().flat_map(of_line).collect()
}

/// The anchors of the headings, as mdBook and GitHub derive them.
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

/// Resolves `..` in a path.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        if part != Component::ParentDir {
            normal.push(part);
        } else if !normal.pop() {
            break;
        }
    }
    normal
}

/// Why a link is broken, if it is.
fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_owned() } else { normalize(&page.parent().unwrap().join(path)) };
    if !file.exists() {
        return Some("does not exist".to_owned());
    }
    if page.starts_with(docs()) && !(file.starts_with(docs()) && file.is_file()) {
        return Some("is not a page of the site; name it as code instead".to_owned());
    }
    let known = || anchors(&fs::read_to_string(&file).unwrap_or_default()).contains(anchor);
    (!anchor.is_empty() && !known()).then(|| "does not have this heading".to_owned())
}

/// The pages of the site and the README files.
fn all_pages() -> Vec<PathBuf> {
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
fn the_table_of_contents_is_up_to_date() {
    let (file, summary) = (docs().join("SUMMARY.md"), summary());
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        fs::write(&file, &summary).unwrap();
    }
    assert!(
        fs::read_to_string(file).unwrap_or_default() == summary,
        "docs/SUMMARY.md is out of date; run UPDATE_GENERATED=1 cargo test --test static"
    );
}

#[test]
fn every_link_has_a_target() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in all_pages() {
        for (line, target) in links(&fs::read_to_string(&page).unwrap()) {
            count += 1;
            let place = page.strip_prefix(root()).unwrap().display();
            wrong.extend(broken(&page, &target).map(|why| format!("{place}:{line}: {target} {why}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "only {count} links found");
}

#[test]
fn links_and_headings_in_code_are_ignored() {
    let text =
        "# The `one` thing\nSee [it](a.md#b), not `[this](x)`.\n```sh\n[nor](y)\n# no heading\n```\n[that](#c)\n";
    assert_eq!(links(text), [(2, "a.md#b".to_owned()), (7, "#c".to_owned())]);
    assert_eq!(anchors(text), ["the-one-thing".to_owned()].into());
    let page = docs().join("index.md");
    assert_eq!(broken(&page, "gone.md"), Some("does not exist".to_owned()));
    assert_eq!(broken(&page, "index.md#gone"), Some("does not have this heading".to_owned()));
    assert!(broken(&page, "../README.md").is_some_and(|why| why.contains("not a page of the site")));
}
