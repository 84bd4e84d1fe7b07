//! Every link leads somewhere, and every test, module and command that is named exists.

use std::path::Path;

use crate::pages::{PAGES, anchors, code_spans, commands, links, read, root};

#[test]
fn every_link_within_the_repository_leads_to_a_file_and_a_heading() {
    for page in PAGES {
        let text = read(page);
        for link in links(&text).iter().filter(|link| !link.starts_with("https://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => root().join(page),
                path => root().join(page).parent().unwrap().join(path),
            };
            assert!(target.exists(), "{page}: {link} leads nowhere");
            if !anchor.is_empty() {
                let headings = anchors(&std::fs::read_to_string(&target).unwrap());
                assert!(
                    headings.iter().any(|heading| heading == anchor),
                    "{page}: {link}: only {headings:?}"
                );
            }
        }
    }
}

#[test]
fn every_test_and_module_that_is_named_exists() {
    let sources = sources(&root().join("src")) + &sources(&root().join("tests/operator"));
    let text = read("docs/how-it-decides.md") + &read("SECURITY.md");
    let mut seen = 0;
    for span in code_spans(&text) {
        if span.matches('_').count() >= 4
            && span.chars().all(|c| c.is_ascii_lowercase() || "_0123456789".contains(c))
        {
            seen += 1;
            assert!(sources.contains(&format!("fn {span}(")), "no test is called {span}");
        } else if let Some((folder, module)) = span.split_once("::") {
            seen += 1;
            let path = root().join("src").join(folder).join(module);
            assert!(path.is_dir() || path.with_extension("rs").is_file(), "there is no module {span}");
        }
    }
    assert!(seen > 20, "the page names its proofs");
}

fn sources(folder: &Path) -> String {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(
            |path| {
                if path.is_dir() { sources(&path) } else { std::fs::read_to_string(path).unwrap_or_default() }
            },
        )
        .collect()
}

#[test]
fn every_make_target_that_is_named_is_in_the_list_that_make_prints() {
    let makefile = read("Makefile");
    let mut named: Vec<String> = Vec::new();
    for page in PAGES {
        let text = read(page);
        let typed = commands(&text).into_iter().map(|typed| typed.command);
        named.extend(
            typed.chain(code_spans(&text)).filter_map(|c| c.strip_prefix("make ").map(str::to_owned)),
        );
    }
    assert!(named.iter().any(|target| target == "demo"));
    for target in named {
        let listed =
            makefile.lines().any(|line| line.starts_with(&format!("{target}: ")) && line.contains(" ## "));
        assert!(listed, "there is no `make {target}`");
    }
}

#[test]
fn the_build_of_the_image_sees_every_member_of_the_workspace() {
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let let_in = read(".dockerignore");
    for member in members.trim_end_matches(']').split(", ").map(|member| member.trim_matches('"')) {
        assert!(let_in.lines().any(|line| line == format!("!{member}")), "cargo will not find {member}");
    }
}
