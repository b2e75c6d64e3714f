//! The texts of the rules, from the specification.

use std::collections::HashMap;
use std::sync::LazyLock;

use pulldown_cmark::{Event as MarkdownEvent, Options, Parser, Tag, TagEnd};

/// The repository with the documents of the rules, if it is public.
const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");

const SPECIFICATION: (&str, &str) = ("SPEC_NOTES.md", include_str!("../data/SPEC_NOTES.md"));
const IMPLEMENTATIONS: (&str, &str) = ("docs/IMPLEMENTATIONS.md", include_str!("../data/IMPLEMENTATIONS.md"));

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    /// Markdown, in one or several paragraphs.
    pub(crate) text: String,
    /// Its place in the repository: `SPEC_NOTES.md#frm-3`.
    pub(crate) place: String,
}

static RULES: LazyLock<HashMap<String, Rule>> = LazyLock::new(|| {
    let documents = [SPECIFICATION, IMPLEMENTATIONS];
    let rules = documents.into_iter().flat_map(|(name, text)| read(name, text));
    rules.map(|rule| (rule.id.clone(), rule)).collect()
});

/// The rule of an id such as FRM-3.
pub(crate) fn rule(id: &str) -> Option<&'static Rule> {
    RULES.get(id)
}

/// The ids of all rules.
pub(crate) fn ids() -> impl Iterator<Item = &'static str> {
    RULES.keys().map(String::as_str)
}

/// The rules of a document. One begins with an anchor: `<a id="frm-1"></a>**FRM-1** `, or in a table
/// `| <a id="tol-1"></a>TOL-1 | `; it ends before the next one, before a heading, and in a table with its row.
fn read(name: &str, document: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut is_in_rule = false;
    let mut header = "";
    for line in document.lines() {
        if line.starts_with("| id |") {
            header = line;
        }
        if line.starts_with('#') || line.starts_with("<!--") {
            is_in_rule = false;
        }
        if let Some((anchor, text)) = anchor(line) {
            let (id, text) = text.split_once(' ').unwrap_or((text, ""));
            let id = id.trim_matches('*').to_owned();
            let place = format!("{name}#{anchor}");
            let is_row = line.starts_with('|');
            let text = if is_row { cells(text, header) } else { text.to_owned() };
            rules.push(Rule { id, text, place });
            is_in_rule = !is_row;
        } else if let (true, Some(rule)) = (is_in_rule, rules.last_mut()) {
            rule.text.push('\n');
            rule.text.push_str(line);
        }
    }
    for rule in &mut rules {
        rule.text.truncate(rule.text.trim_end().len());
    }
    rules
}

/// The cells of a row that tell what programs do. The first column may be named after one; the last is about this crate.
fn cells(row: &str, header: &str) -> String {
    let cells: Vec<_> = row.trim_matches([' ', '|']).split(" | ").collect();
    let program = match header.split('|').nth(2).map(str::trim) {
        Some(name @ ("libmilter" | "Sendmail" | "Postfix")) => format!("{name} "),
        _ => String::new(),
    };
    let most = cells.len().saturating_sub(1).max(1);
    format!("{program}{}", cells.get(..most).unwrap_or_default().join(": "))
}

/// The anchor at the beginning of a line, and what follows it.
fn anchor(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("| ").unwrap_or(line);
    line.strip_prefix("<a id=\"")?.split_once("\"></a>")
}

impl Rule {
    /// Where it can be read, if that is known.
    pub(crate) fn link(&self) -> Option<String> {
        link(REPOSITORY, &self.place)
    }

    /// The link, or the place in the repository.
    pub(crate) fn address(&self) -> String {
        self.link().unwrap_or_else(|| self.place.clone())
    }

    /// The text as HTML. Links to other rules become plain text.
    pub(crate) fn html(&self) -> String {
        let mut options = Options::empty();
        options.insert(Options::ENABLE_TABLES);
        // Links of the documents lead nowhere outside of them.
        let events = Parser::new_ext(&self.text, options);
        let events = events.filter(|event| {
            !matches!(event, MarkdownEvent::Start(Tag::Link { .. }) | MarkdownEvent::End(TagEnd::Link))
        });
        let mut text = String::new();
        pulldown_cmark::html::push_html(&mut text, events);
        text
    }

    /// The text without the marks of Markdown.
    pub(crate) fn plain(&self) -> String {
        self.text.replace(['`', '*'], "").replace("\\|", "|")
    }
}

/// The page of a place in a repository, as GitHub, GitLab and others show it.
fn link(repository: &str, place: &str) -> Option<String> {
    let repository = repository.trim_end_matches('/').trim_end_matches(".git");
    (!repository.is_empty()).then(|| format!("{repository}/blob/HEAD/{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_anchors_of_the_documents() {
        assert_eq!(rule("FRM-3").unwrap().place, "SPEC_NOTES.md#frm-3");
        assert_eq!(rule("DEV-1").unwrap().place, "docs/IMPLEMENTATIONS.md#dev-1");
        for rule in RULES.values() {
            let (name, anchor) = rule.place.split_once('#').unwrap();
            let document = [SPECIFICATION, IMPLEMENTATIONS].into_iter().find(|it| it.0 == name).unwrap().1;
            assert_eq!(document.matches(&format!("<a id=\"{anchor}\"></a>")).count(), 1, "{}", rule.id);
        }
    }

    #[test]
    fn links_lead_into_the_repository_if_there_is_one() {
        let wanted = Some("https://example.org/milter/blob/HEAD/SPEC_NOTES.md#frm-3".to_owned());
        for repository in
            ["https://example.org/milter", "https://example.org/milter/", "https://example.org/milter.git"]
        {
            assert_eq!(link(repository, "SPEC_NOTES.md#frm-3"), wanted);
        }
        assert_eq!(link("", "SPEC_NOTES.md#frm-3"), None);
    }
}
