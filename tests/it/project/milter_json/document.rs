//! docs/MILTER_JSON.md describes every key of the file, and no other.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::root;

#[test]
fn every_key_of_the_file_has_a_row_in_the_document_and_every_row_a_key() {
    let file: Value = serde_json::from_str(&read("docs/milter.json")).unwrap();
    let document = read("docs/MILTER_JSON.md");
    let chapters = chapters(&document);
    let mut used = BTreeSet::new();
    keys(&file, "the whole file", &chapters, &mut used);
    let described = rows(&document);
    let missing: Vec<_> = used.difference(&described).collect();
    let surplus: Vec<_> = described.difference(&used).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "without a row: {missing:?}; without a key: {surplus:?}"
    );
}

#[test]
fn every_example_of_the_document_is_in_the_file() {
    let file: Value = serde_json::from_str(&read("docs/milter.json")).unwrap();
    let document = read("docs/MILTER_JSON.md");
    let mut count = 0;
    for block in document.split("```json\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let example: Value = serde_json::from_str(block).unwrap();
        assert!(contains(&file, &example), "{block} is in the file");
        count += 1;
    }
    assert!(count >= 20, "{count} examples");
}

#[test]
fn the_document_tells_the_format_and_names_every_type_and_effect() {
    let file: Value = serde_json::from_str(&read("docs/milter.json")).unwrap();
    let document = read("docs/MILTER_JSON.md");
    assert!(document.contains(&format!("This is format {}.", super::FORMAT)));
    for table in ["types", "effects"] {
        for row in file[table].as_array().unwrap() {
            let name = row["name"].as_str().unwrap();
            assert!(document.contains(&format!("| `{name}` |")), "{table}: {name}");
        }
    }
}

#[test]
fn what_the_file_names_is_in_it() {
    let file: Value = serde_json::from_str(&read("docs/milter.json")).unwrap();
    let names = |table: &str, key: &str| -> BTreeSet<String> {
        let rows = file[table].as_array().unwrap().iter();
        rows.filter_map(|row| row[key].as_str()).map(str::to_owned).collect()
    };
    for (table, rows) in file.as_object().unwrap() {
        let Some(rows) = rows.as_array() else { continue };
        let names = names(table, "name");
        let count = rows.iter().filter(|row| row["name"].is_string()).count();
        assert_eq!(names.len(), count, "{table}: each name occurs once");
        let is_identifier = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        assert!(names.iter().all(is_identifier), "{table}: {names:?}");
    }
    let mut checked = 0;
    let mut check = |value: &Value, names: &BTreeSet<String>| {
        for name in value.as_array().map_or(core::slice::from_ref(value), Vec::as_slice) {
            if let Some(name) = name.as_str() {
                assert!(names.contains(name), "{name} is one of {names:?}");
                checked += 1;
            }
        }
    };
    let (commands, responses) = (names("commands", "name"), names("responses", "name"));
    let (steps, stages) = (names("steps", "name"), names("stages", "name"));
    for row in file["commands"].as_array().unwrap() {
        check(&row["replies"], &responses);
        check(&row["declined_by"], &steps);
        check(&row["reply_dropped_by"], &steps);
        check(&row["wait"], &names("waits", "name"));
    }
    for row in file["responses"].as_array().unwrap() {
        check(&row["action"], &names("actions", "name"));
        check(&row["step"], &steps);
    }
    for message in file["commands"].as_array().into_iter().chain(file["responses"].as_array()).flatten() {
        for field in message["fields"].as_array().unwrap() {
            check(&field["type"], &names("types", "name"));
            if let Some(values) = field["values"].as_str() {
                let (table, key) = values.split_once('.').unwrap();
                assert!(file[table][0][key].is_number(), "{values}");
            }
        }
    }
    for row in file["steps"].as_array().unwrap() {
        check(&row["declines"], &commands);
        check(&row["drops_reply_of"], &commands);
    }
    for row in file["actions"].as_array().unwrap() {
        check(&row["edits"], &responses);
    }
    for law in file["laws"].as_array().unwrap() {
        for row in law["transitions"].as_array().unwrap() {
            check(&row["command"], &commands);
            check(&row["stage"], &stages);
            check(&row["next"], &stages);
        }
        for row in law["passes_over"].as_array().unwrap() {
            check(&row["step"], &steps);
        }
    }
    for row in file["verdict_effects"].as_array().unwrap() {
        check(&row["command"], &commands);
        check(&row["verdict"], &responses);
        check(&row["effect"], &names("effects", "name"));
        check(&row["next"], &stages);
        check(&row["libmilter_next"], &stages);
    }
    assert!(checked > 1500, "{checked} names");
}

/// Whether a value is the other one, or has it within.
fn contains(value: &Value, other: &Value) -> bool {
    value == other
        || match value {
            Value::Array(items) => items.iter().any(|item| contains(item, other)),
            Value::Object(pairs) => pairs.values().any(|value| contains(value, other)),
            _ => false,
        }
}

/// The keys of an object and of all within it, each with its chapter: that of the nearest key that has one.
fn keys(value: &Value, chapter: &str, chapters: &BTreeSet<String>, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| keys(item, chapter, chapters, found)),
        Value::Object(pairs) => {
            for (key, value) in pairs {
                found.insert((chapter.to_owned(), key.clone()));
                keys(value, if chapters.contains(key) { key } else { chapter }, chapters, found);
            }
        }
        _ => {}
    }
}

/// The chapters that describe keys: those whose headings are keys.
fn chapters(document: &str) -> BTreeSet<String> {
    headings(document).into_iter().flat_map(|(_, names)| names).collect()
}

/// The rows of the tables of keys: chapter and key.
fn rows(document: &str) -> BTreeSet<(String, String)> {
    let mut rows = BTreeSet::new();
    let lines: Vec<&str> = document.lines().collect();
    for (at, names) in headings(document) {
        let rest = lines[at + 1..].iter().take_while(|line| !line.starts_with('#'));
        let mut is_table = false;
        for line in rest {
            is_table = line.starts_with("| key |") || is_table && line.starts_with('|');
            let key = line.strip_prefix("| `").and_then(|rest| rest.split_once('`'));
            if let (true, Some((key, _))) = (is_table, key) {
                rows.extend(names.iter().map(|name| (name.clone(), key.to_owned())));
            }
        }
    }
    rows
}

/// The headings about keys, by line: `## The whole file`, or keys between backticks.
fn headings(document: &str) -> Vec<(usize, Vec<String>)> {
    let of = |(at, line): (usize, &str)| {
        let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
        let keys: Vec<String> = heading.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let whole = heading.eq_ignore_ascii_case("the whole file").then(|| heading.to_lowercase());
        Some((at, keys.into_iter().chain(whole).collect()))
    };
    document.lines().enumerate().filter_map(of).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}
