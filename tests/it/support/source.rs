//! The names that libmilter has for the items of the crate, and the first words about them, from the source itself.

use std::fs;
use std::path::Path;

/// An item of the source: a constant, a variant, or a row of a table.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// Its names in C: `doc(alias)`.
    pub(crate) aliases: Vec<String>,
    /// The first paragraph of its documentation.
    pub(crate) doc: String,
    /// The same without marks of links and code.
    pub(crate) text: String,
}

impl Item {
    /// The first alias with a prefix.
    pub(crate) fn alias(&self, prefix: &str) -> Option<&str> {
        self.aliases.iter().map(String::as_str).find(|alias| alias.starts_with(prefix))
    }
}

/// The items after a line of a file under src, up to the end of the block that they are in.
pub(crate) fn items(file: &str, begin: &str) -> Vec<Item> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let source = fs::read_to_string(path).unwrap();
    let (_, rest) =
        source.split_once(&format!("{begin}\n")).unwrap_or_else(|| panic!("{file} has no {begin}"));
    let is_comment =
        |line: &&str| line.trim_start().starts_with("//") && !line.trim_start().starts_with("///");
    let mut lines = rest.lines().filter(|line| !line.is_empty() && !is_comment(line)).peekable();
    let depth = indent(lines.peek().unwrap());
    let mut items = Vec::new();
    let (mut aliases, mut text, mut is_first) = (Vec::new(), String::new(), true);
    for line in lines.take_while(|line| indent(line) >= depth) {
        if indent(line) > depth {
            continue;
        }
        let trimmed = line.trim();
        if let Some(words) = trimmed.strip_prefix("///") {
            is_first &= !words.is_empty();
            if is_first {
                text.push_str(words);
            }
            continue;
        }
        let found =
            trimmed.split("doc(alias = \"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        aliases.extend(found);
        if !trimmed.starts_with('#') {
            let name =
                trimmed.trim_start_matches("pub ").trim_start_matches("const ").trim_start_matches("fn ");
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // The end of an attribute or of a block has none.
            if !name.is_empty() {
                let doc = core::mem::take(&mut text).trim().to_owned();
                items.push(Item { name, aliases: core::mem::take(&mut aliases), text: plain(&doc), doc });
                is_first = true;
            }
        }
    }
    assert!(items.len() > 1, "{file}: {begin} has items");
    items
}

/// Those of several blocks.
pub(crate) fn of_blocks(blocks: &[(&str, &str)]) -> Vec<Item> {
    blocks.iter().flat_map(|(file, begin)| items(file, begin)).collect()
}

/// The item of that name.
pub(crate) fn named<'i>(items: &'i [Item], name: &str) -> &'i Item {
    items.iter().find(|item| item.name == name).unwrap_or_else(|| panic!("{name} is in the source"))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// A text that begins with a capital letter.
pub(crate) fn sentence(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

/// A text without the marks of Markdown: [`Name`](path) is Name.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.trim();
    while let Some((before, tail)) = rest.split_once('`') {
        plain.push_str(before.strip_suffix('[').unwrap_or(before));
        let (code, tail) = tail.split_once('`').unwrap();
        plain.push_str(code);
        rest = tail;
        if before.ends_with('[') {
            rest = rest.strip_prefix(']').unwrap_or(rest);
            if let Some(link) = rest.strip_prefix('(') {
                rest = link.split_once(')').unwrap().1;
            }
        }
    }
    plain.push_str(rest);
    plain.replace('*', "")
}
