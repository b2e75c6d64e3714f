//! What only the source of the crate holds of its tables: the names in libmilter, and the descriptions.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use milter_proto::wire::{Actions, Steps};

/// An item of a table: a constant or a variant.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) name: String,
    /// Its names in libmilter, of the prefix that was asked for.
    pub(super) c_names: Vec<String>,
    /// Its description.
    pub(super) doc: String,
}

/// Reads the items between a line and the end of its block, as far as they have a name with the prefix.
pub(super) fn items(file: &str, begin: &str, prefix: &str) -> Vec<Item> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    let source = fs::read_to_string(path).unwrap();
    let (_, block) = source.split_once(&format!("{begin}\n")).unwrap_or_else(|| panic!("{file}: no {begin}"));
    let indent = " ".repeat(begin.len() - begin.trim_start().len());
    let item_indent = format!("{indent}    ");
    let mut items = Vec::new();
    let (mut c_names, mut doc) = (Vec::new(), Vec::new());
    for line in block.lines().take_while(|line| *line != format!("{indent}}}")) {
        let Some(line) = line.strip_prefix(&item_indent).filter(|line| !line.starts_with([' ', '}'])) else {
            continue;
        };
        if let Some(text) = line.strip_prefix("/// ") {
            doc.push(text.to_owned());
        } else if let Some(alias) = line.strip_prefix("#[doc(alias = \"") {
            let (alias, _) = alias.split_once('"').unwrap();
            c_names.extend(alias.starts_with(prefix).then(|| alias.to_owned()));
        } else if !line.starts_with(['#', '/']) && !line.is_empty() {
            let name =
                line.trim_start_matches("pub const ").split(|c: char| !c.is_alphanumeric() && c != '_');
            let name = name.into_iter().next().unwrap_or_default().to_owned();
            let (c_names, doc) = (core::mem::take(&mut c_names), core::mem::take(&mut doc).join(" "));
            if !c_names.is_empty() {
                items.push(Item { name, c_names, doc });
            }
        }
    }
    assert!(!items.is_empty(), "{file}: {begin} has no items");
    items
}

/// The bits of [`Actions`], and what is known of each.
pub(super) fn actions() -> &'static [(u32, Item)] {
    static ACTIONS: OnceLock<Vec<(u32, Item)>> = OnceLock::new();
    ACTIONS.get_or_init(|| {
        let bits = Actions::NAMES.iter().map(|(bit, name)| (bit.bits(), *name));
        named(bits, &items("wire/bits.rs", "    Actions {", "SMFIF_"))
    })
}

/// The bits of [`Steps`], and what is known of each.
pub(super) fn steps() -> &'static [(u32, Item)] {
    static STEPS: OnceLock<Vec<(u32, Item)>> = OnceLock::new();
    STEPS.get_or_init(|| {
        let bits = Steps::NAMES.iter().map(|(bit, name)| (bit.bits(), *name));
        named(bits, &items("wire/bits.rs", "    Steps {", "SMFI"))
    })
}

/// Each value with the item of its name.
fn named<'n>(values: impl Iterator<Item = (u32, &'n str)>, items: &[Item]) -> Vec<(u32, Item)> {
    let find =
        |name: &str| items.iter().find(|item| item.name == name).unwrap_or_else(|| panic!("no {name}"));
    values.map(|(value, name)| (value, find(name).clone())).collect()
}
