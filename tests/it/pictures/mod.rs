//! The pictures of the documents, drawn from tables of the crate.
//!
//! `UPDATE_DIAGRAMS=1 cargo test --test it pictures` draws them again. Look at the result.
#![allow(clippy::integer_division, reason = "half a width is a whole number here")]

mod canvas;
mod effects;
mod laws;
mod life;

use std::fs;
use std::path::Path;

#[test]
fn the_committed_picture_of_a_connection_is_not_stale() {
    compare("src/order/life.svg", &life::draw());
}

#[test]
fn the_committed_picture_of_the_three_laws_is_not_stale() {
    compare("src/order/laws.svg", &laws::draw());
}

#[test]
fn the_committed_picture_of_the_verdicts_is_not_stale() {
    compare("src/order/verdicts.svg", &effects::draw());
}

#[test]
fn the_pictures_that_the_documents_show_are_there() {
    for (document, pictures) in [
        ("README.md", &["src/order/life.svg"][..]),
        ("SPEC_NOTES.md", &["src/order/life.svg", "src/order/laws.svg", "src/order/verdicts.svg"]),
    ] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let shown: Vec<_> = text.split("\n![").skip(1).map(|rest| rest.split_once("](").unwrap()).collect();
        let paths: Vec<_> = shown.iter().map(|(_, rest)| rest.split_once(')').unwrap().0).collect();
        assert_eq!(paths, pictures, "{document}");
        assert!(shown.iter().all(|(alternative, _)| alternative.len() > 20), "{document}: {shown:?}");
        assert!(paths.iter().all(|path| root().join(path).is_file()), "{document}: {paths:?}");
    }
}

fn compare(path: &str, picture: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_DIAGRAMS").is_some() {
        fs::write(&file, picture).unwrap();
    }
    let committed = fs::read_to_string(file).unwrap();
    assert!(committed == picture, "{path}: run UPDATE_DIAGRAMS=1 cargo test --test it pictures");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
