//! The texts of the rules, from the specification.

use std::collections::HashMap;
use std::sync::LazyLock;

use pulldown_cmark::{Event as MarkdownEvent, Options, Parser, Tag, TagEnd};

/// Where the documents of the rules are. A rule is `SPEC_NOTES.md#frm-3` there.
pub(crate) const DOCUMENTS: &str = "";

const SPECIFICATION: (&str, &str) = ("SPEC_NOTES.md", include_str!("../data/SPEC_NOTES.md"));
const IMPLEMENTATIONS: (&str, &str) = ("docs/IMPLEMENTATIONS.md", include_str!("../data/IMPLEMENTATIONS.md"));

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: String,
    /// Markdown, in one or several paragraphs.
    pub(crate) text: String,
    /// Its place, relative to [`DOCUMENTS`].
    pub(crate) link: String,
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
            let link = format!("{name}#{anchor}");
            let is_row = line.starts_with('|');
            let text = if is_row { cells(text, header) } else { text.to_owned() };
            rules.push(Rule { id, text, link });
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
