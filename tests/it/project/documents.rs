//! The two documents of the protocol as texts: their rules, headings and links.

use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The chapters of the rules.
pub(super) const CHAPTERS: [&str; 17] = [
    "FRM", "CMD", "RSP", "NEG", "MAC", "RPL", "HDR", "BDY", "ORD", "SCP", "EDT", "TIM", "END", "CHN", "POL",
    "TOL", "DEV",
];

pub(super) const SPECIFICATION: &str = "SPEC_NOTES.md";
pub(super) const IMPLEMENTATIONS: &str = "docs/IMPLEMENTATIONS.md";

/// A rule, where it stands.
pub(super) struct Rule {
    pub(super) id: String,
    /// [`SPECIFICATION`] or [`IMPLEMENTATIONS`].
    pub(super) document: &'static str,
    /// The chapter's heading.
    pub(super) heading: String,
    /// From its id to the next rule or heading.
    pub(super) text: String,
}

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(super) fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The rules of both documents, in their order. A rule begins with an anchor: `<a id="frm-1"></a>**FRM-1** `, or in a
/// table `| <a id="tol-1"></a>TOL-1 | `.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for document in [SPECIFICATION, IMPLEMENTATIONS] {
        let mut heading = String::new();
        let mut is_in_rule = false;
        for line in self::document(document).lines() {
            if let Some(title) = line.strip_prefix("## ") {
                heading = title.to_owned();
            }
            if line.starts_with('#') {
                is_in_rule = false;
            }
            if let Some(id) = anchor(line) {
                rules.push(Rule { id, document, heading: heading.clone(), text: String::new() });
                is_in_rule = true;
            }
            if is_in_rule {
                let rule = rules.last_mut().unwrap();
                rule.text.push_str(line);
                rule.text.push('\n');
            }
        }
    }
    rules
}

/// The id of the rule that begins with this line. The anchor and the id that the reader sees are the same.
fn anchor(line: &str) -> Option<String> {
    let line = line.strip_prefix("| ").unwrap_or(line);
    let (anchor, rest) = line.strip_prefix("<a id=\"")?.split_once("\"></a>")?;
    let shown = match rest.strip_prefix("**") {
        Some(rest) => rest.split_once("** ")?.0,
        None => rest.split_once(" |")?.0,
    };
    assert_eq!(anchor, shown.to_lowercase(), "the anchor of a rule is its id");
    assert!(split(shown).is_some(), "{shown} is not the id of a rule");
    Some(shown.to_owned())
}

/// The chapter and the number of an id.
pub(super) fn split(id: &str) -> Option<(&str, u32)> {
    let (chapter, number) = id.split_once('-')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    (CHAPTERS.contains(&chapter) && is_number).then(|| (chapter, number.parse().unwrap()))
}

/// The ids that a text names, each end of a range included.
pub(super) fn ids(text: &str) -> Vec<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| split(word).is_some())
        .map(str::to_owned)
        .collect()
}

/// The headings of a document as a reader of GitHub gets them: level, title, name of the link.
pub(super) fn headings(text: &str) -> Vec<(usize, &str, String)> {
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    let mut headings = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        }
        let title = line.trim_start_matches('#').trim();
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        if is_code || level == 0 {
            continue;
        }
        let mut slug: String = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let count = used.entry(slug.clone()).or_default();
        *count += 1;
        if *count > 1 {
            write!(slug, "-{}", *count - 1).unwrap();
        }
        headings.push((level, title, slug));
    }
    headings
}

/// What a link into a document may name.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let explicit = text.split("<a id=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0.to_owned());
    explicit.chain(headings(text).into_iter().map(|(_, _, slug)| slug)).collect()
}

/// The contents of the specification, for its top.
pub(super) fn contents(text: &str) -> String {
    let mut list = String::new();
    let headings = headings(text);
    let chapters =
        headings.iter().enumerate().filter(|(_, (level, title, _))| *level == 2 && *title != "Contents");
    for (index, (_, title, slug)) in chapters {
        let sections = headings[index + 1..].iter().take_while(|(level, ..)| *level > 2);
        let sections = sections.filter(|(level, ..)| *level == 3);
        let sections: Vec<String> = sections.map(|(_, title, slug)| format!("[{title}](#{slug})")).collect();
        let separator = if sections.is_empty() { "" } else { ": " };
        writeln!(list, "* [{title}](#{slug}){separator}{}", sections.join(" · ")).unwrap();
    }
    list
}

/// The definitions of the links to the rules that a document names: `[FRM-1]: #frm-1`.
pub(super) fn links(name: &str) -> String {
    let text = document(name);
    let (text, _) = text.split_once("<!-- generated: links -->").unwrap_or((&text, ""));
    let homes: BTreeMap<String, &str> = rules().into_iter().map(|rule| (rule.id, rule.document)).collect();
    let named: BTreeSet<String> = text
        .split('[')
        .skip(1)
        .filter_map(|rest| rest.split_once(']'))
        .filter(|(id, _)| split(id).is_some())
        .map(|(id, _)| id.to_owned())
        .collect();
    let mut list = String::new();
    let mut named: Vec<(&str, u32)> = named.iter().map(|id| split(id).unwrap()).collect();
    named.sort_unstable();
    for (chapter, number) in named {
        let id = format!("{chapter}-{number}");
        let home = homes.get(&id).unwrap_or_else(|| panic!("{name} names {id}, which does not exist"));
        let path = match (name, *home) {
            (here, home) if here == home => "",
            (SPECIFICATION, home) => home,
            _ => "../SPEC_NOTES.md",
        };
        writeln!(list, "[{id}]: {path}#{}", id.to_lowercase()).unwrap();
    }
    list
}

/// A text with its ids as links: `[FRM-1]`.
pub(super) fn with_links(text: &str) -> String {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut linked = String::new();
    for piece in text.split_inclusive(|c| !is_of_word(c)) {
        let word = piece.trim_end_matches(|c| !is_of_word(c));
        match (split(word), piece.strip_prefix(word)) {
            (Some(_), Some(after)) => write!(linked, "[{word}]{after}").unwrap(),
            _ => linked.push_str(piece),
        }
    }
    linked
}
