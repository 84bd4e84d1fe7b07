//! The pages, and what can be read out of Markdown without a parser: links, tables, code.

use std::path::{Path, PathBuf};

/// All pages that are written for users of the operator.
pub const PAGES: [&str; 8] = [
    "README.md",
    "docs/reference.md",
    "docs/how-it-decides.md",
    "docs/one-objects-life.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "deploy/README.md",
    "simulator/README.md",
];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The part of a page from a heading to the next one of the same or a higher level.
pub fn chapter(page: &str, heading: &str) -> String {
    let text = read(page);
    let level = heading.split(' ').next().unwrap().len();
    let mut lines = text.lines().skip_while(|line| *line != heading).skip(1).peekable();
    assert!(lines.peek().is_some(), "{page} has no chapter {heading:?}");
    let mut in_block = false;
    let goes_on = |line: &&str| {
        in_block ^= line.starts_with("```");
        // Within a block it is a comment.
        in_block || !line.starts_with('#') || line.bytes().take_while(|b| *b == b'#').count() > level
    };
    lines.take_while(goes_on).collect::<Vec<_>>().join("\n")
}

/// The rows of all tables in a text, without their heads. Cells are trimmed.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_rule = |i: usize| lines.get(i).is_some_and(|line| line.starts_with("|---"));
    (0..lines.len())
        .filter(|i| lines[*i].starts_with('|') && !is_rule(*i) && !is_rule(i + 1))
        .map(|i| lines[i].trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What stands between backticks, outside of blocks.
pub fn code_spans(text: &str) -> Vec<String> {
    let mut in_block = false;
    let prose: Vec<&str> = text
        .lines()
        .filter(|line| {
            let fence = line.starts_with("```");
            in_block ^= fence;
            !in_block && !fence
        })
        .collect();
    // A span may go over the end of a line.
    prose.join(" ").split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The blocks of code in this language.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if line == format!("```{language}") {
                found.push(body.join("\n"));
            }
        }
    }
    found
}

/// A command of a `console` block, and what is printed after it.
#[derive(Debug, Clone)]
pub struct Typed {
    pub command: String,
    pub printed: String,
}

/// All commands of a page, in order. A backslash at the end of a line, or a line that begins with a pipe, goes on with it.
pub fn commands(text: &str) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    for block in blocks(text, "console") {
        let mut open = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                found.push(Typed { command: command.to_owned(), printed: String::new() });
            } else if let Some(last) = found.last_mut() {
                let to = if open || line.trim_start().starts_with("| ") {
                    &mut last.command
                } else {
                    &mut last.printed
                };
                to.push('\n');
                to.push_str(line);
            }
            open = line.ends_with('\\');
        }
    }
    found
}

/// The targets of all links.
pub fn links(text: &str) -> Vec<String> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .collect()
}

/// The anchors of all headings, as GitHub makes them.
pub fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}
