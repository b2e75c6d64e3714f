//! The files of src/: what one imports from another, and that no two of them need each other.
#![allow(clippy::string_slice, reason = "the sources are ASCII where they are cut")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The module of each file: `wire::reply` for src/wire/reply/mod.rs, and nothing for src/lib.rs.
fn modules() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut modules = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().with_extension("");
                let parts: Vec<_> = name.iter().map(|part| part.to_str().unwrap()).collect();
                let parts = parts.strip_suffix(&["mod"]).unwrap_or(&parts);
                let name = if parts == ["lib"] { String::new() } else { parts.join("::") };
                modules.insert(name, code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    modules
}

/// The source without comments and without its tests.
fn code(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    source.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Every path of the `use` statements, with whether it is public: `crate::wire::{Text, code::name}` are two.
fn imports(code: &str) -> Vec<(bool, String)> {
    let mut found = Vec::new();
    let statements = code
        .match_indices("use ")
        .filter(|(at, _)| code[..*at].chars().next_back().is_none_or(|before| before.is_whitespace()));
    for (at, _) in statements {
        let Some((statement, _)) = code[at + 4..].split_once(';') else { continue };
        let line = code[..at].rsplit('\n').next().unwrap();
        let compact: String = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        expand("", &compact, &mut |path| found.push((line.trim_start().starts_with("pub"), path)));
    }
    found
}

/// Tells each path of a tree of imports.
fn expand(prefix: &str, tree: &str, tell: &mut impl FnMut(String)) {
    let tree = tree.trim();
    let Some((front, inner)) = tree.split_once('{') else {
        return tell(format!("{prefix}{}", tree.split(" as ").next().unwrap()));
    };
    let inner = inner.strip_suffix('}').unwrap();
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inner.char_indices().chain([(inner.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&format!("{prefix}{front}"), &inner[start..at], tell);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The file that a path leads to, through what other files make public.
fn origin(
    path: &str,
    from: &str,
    modules: &BTreeMap<String, String>,
    public: &BTreeMap<(String, String), String>,
) -> Option<String> {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut place: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
    match parts.first() {
        Some(&"crate") => place.clear(),
        Some(&"self" | &"super") => {}
        // A module of the same folder, or another crate.
        Some(first) if modules.contains_key(&[&place[..], &[*first]].concat().join("::")) => {
            parts.insert(0, "self")
        }
        _ => return None,
    }
    while let Some(&("crate" | "self" | "super")) = parts.first() {
        if parts.remove(0) == "super" {
            place.pop();
        }
    }
    while !parts.is_empty() {
        let part = parts.remove(0);
        let below = [&place[..], &[part]].concat();
        let here = place.join("::");
        match public.get(&(here.clone(), part.to_owned())) {
            // A name that a file and something in it share: `accept::accept`.
            Some(path) if parts.is_empty() || !modules.contains_key(&below.join("::")) => {
                return origin(path, &here, modules, public);
            }
            _ if modules.contains_key(&below.join("::")) => place = below,
            _ => break,
        }
    }
    Some(place.join("::"))
}

#[test]
fn no_two_files_import_from_each_other_however_far_around() {
    let modules = modules();
    let mut public = BTreeMap::new();
    for (module, code) in &modules {
        for (is_public, path) in imports(code) {
            let name = path.rsplit("::").next().unwrap();
            if is_public && path.contains("::") {
                public.insert((module.clone(), name.to_owned()), path.clone());
            }
        }
    }
    let mut needs: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (module, code) in &modules {
        let used = imports(code).into_iter().filter(|(is_public, _)| !is_public);
        let used = used.filter_map(|(_, path)| origin(&path, module, &modules, &public));
        needs.insert(module, used.filter(|other| other != module).collect());
    }
    assert!(needs["filter::session"].contains("order::state"), "imports are found: {needs:?}");
    assert!(needs["monitor"].contains("wire::frame"), "through what a folder makes public: {needs:?}");

    // Files that need only files that are gone, go. What is left needs itself.
    loop {
        let gone: Vec<&str> = needs
            .iter()
            .filter(|(_, others)| others.iter().all(|other| !needs.contains_key(other.as_str())))
            .map(|(&module, _)| module)
            .collect();
        if gone.is_empty() {
            break;
        }
        gone.into_iter().for_each(|module| drop(needs.remove(module)));
    }
    assert!(needs.is_empty(), "these files need each other, or what does: {needs:#?}");
}
