//! SPEC_NOTES.md and docs/IMPLEMENTATIONS.md as documents: their links, and tables that repeat what captures show.

use std::collections::BTreeSet;

use super::documents::{self, IMPLEMENTATIONS, SPECIFICATION, anchors, ids, root, rules};

#[test]
fn every_id_in_the_text_is_a_link() {
    for name in [SPECIFICATION, IMPLEMENTATIONS] {
        for (number, line) in prose(&documents::document(name)) {
            // The anchor and the definition of a link hold the id, too.
            let line = line.strip_prefix("| ").unwrap_or(&line);
            let rest = match line.split_once("</a>") {
                Some((anchor, rest)) if anchor.starts_with("<a id=") => rest.split_once(' ').unwrap().1,
                _ => line,
            };
            if rest.starts_with('[') && rest.contains("]: ") {
                continue;
            }
            for id in ids(rest) {
                assert!(rest.contains(&format!("[{id}]")), "{name}:{number}: {id} is not a link");
            }
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut links = 0;
    for name in [SPECIFICATION, IMPLEMENTATIONS, "docs/RULES.md", "docs/MILTER_JSON.md"] {
        let text = documents::document(name);
        let here = root().join(name);
        for (number, line) in prose(&text) {
            let inline = line.split("](").skip(1).map(|rest| rest.split_once(')').unwrap().0);
            let definition = line.strip_prefix('[').and_then(|line| line.split_once("]: ")).map(|(_, to)| to);
            for target in inline.chain(definition) {
                links += 1;
                let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
                if path.starts_with("http") {
                    continue;
                }
                let file = if path.is_empty() { here.clone() } else { here.parent().unwrap().join(path) };
                assert!(file.is_file(), "{name}:{number}: {target}: no such file");
                if !fragment.is_empty() {
                    let text = std::fs::read_to_string(file).unwrap();
                    assert!(anchors(&text).contains(fragment), "{name}:{number}: {target}: no such place");
                }
            }
        }
    }
    assert!(links > 1000, "{links} links");
}

#[test]
fn the_specification_uses_words_that_it_explains() {
    let text = documents::document(SPECIFICATION);
    for word in ["behind", "ours", "Ours", "clean", "all the same", "gives up", "agreed"] {
        let is_word = |(_, line): &(usize, String)| {
            let before = line.split(word).map(|piece| piece.chars().next_back());
            let after = line.split(word).skip(1).map(|piece| piece.chars().next());
            let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            before.zip(after).any(|(before, after)| !is_letter(before) && !is_letter(after))
        };
        let found = prose(&text).into_iter().find(is_word);
        assert_eq!(found, None, "{word:?} is not a word of the specification");
    }
}

/// The lines outside of code, with their numbers, and without what is between backticks.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            lines.push((number, line.split('`').step_by(2).collect()));
        }
    }
    lines
}

/// NEG-12.
#[test]
fn the_offers_that_are_listed_are_those_of_the_captures() {
    use crate::support::recorded::{self, capture::Side};
    use milter_proto::wire::{Command, Offer};

    let sessions = recorded::sessions();
    let frames = sessions.flat_map(|session| session.frames(Side::Mta).0);
    let offers = frames.filter_map(|frame| match Command::parse(frame.as_frame()) {
        Ok(Command::Negotiate(Offer { version, actions, steps, .. })) => {
            Some([version.number(), actions.bits(), steps.bits()])
        }
        _ => None,
    });
    let rules = rules();
    let table = &rules.iter().find(|rule| rule.id == "NEG-12").unwrap().text;
    let rows = table.lines().filter_map(|line| {
        let cells = line.split('|').rev().skip(1).take(3).map(str::trim);
        let mut numbers = cells.map(|cell| match cell.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => cell.parse().ok(),
        });
        let (steps, actions, version) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some([version, actions, steps])
    });
    assert_eq!(sorted(rows), sorted(offers));
}

fn sorted(numbers: impl Iterator<Item = [u32; 3]>) -> Vec<[u32; 3]> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[test]
fn every_anchor_is_there_once() {
    for name in [SPECIFICATION, IMPLEMENTATIONS] {
        let text = documents::document(name);
        let ids: Vec<_> =
            text.split("<a id=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{name}");
    }
}
