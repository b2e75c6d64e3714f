//! The pictures of the documents, drawn from tables of the crate.
//!
//! `UPDATE_DIAGRAMS=1 cargo test --test it pictures` draws them again. Look at the result.
#![allow(clippy::integer_division, reason = "half a width is a whole number here")]

mod canvas;
#[cfg(all(feature = "std", not(miri)))]
mod chain;
mod effects;
#[cfg(all(feature = "std", not(miri)))]
mod frame;
mod laws;
mod life;
#[cfg(feature = "alloc")]
mod macros;
#[cfg(all(feature = "std", not(miri)))]
mod negotiation;
#[cfg(all(feature = "std", not(miri)))]
mod recordings;
#[cfg(all(feature = "std", not(miri)))]
mod session;

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
#[cfg(all(feature = "std", not(miri)))]
fn the_committed_picture_of_a_session_is_not_stale() {
    compare("docs/pictures/session.svg", &session::draw());
}

#[test]
#[cfg(all(feature = "std", not(miri)))]
fn the_committed_picture_of_a_frame_is_not_stale() {
    compare("docs/pictures/frame.svg", &frame::draw());
}

#[test]
#[cfg(all(feature = "std", not(miri)))]
fn the_committed_picture_of_a_negotiation_is_not_stale() {
    compare("docs/pictures/negotiation.svg", &negotiation::draw());
}

#[test]
#[cfg(all(feature = "std", not(miri)))]
fn the_committed_picture_of_two_filters_is_not_stale() {
    compare("docs/pictures/chain.svg", &chain::draw());
}

#[test]
#[cfg(feature = "alloc")]
fn the_committed_picture_of_the_macros_is_not_stale() {
    compare("docs/pictures/macros.svg", &macros::draw());
}

#[test]
fn the_pictures_that_the_documents_show_are_there() {
    let mut shown = included();
    for (document, needed) in [
        ("README.md", &["src/order/life.svg"][..]),
        ("SPEC_NOTES.md", &["src/order/life.svg", "src/order/laws.svg", "src/order/verdicts.svg"]),
    ] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let images: Vec<_> = text.split("\n![").skip(1).map(|rest| rest.split_once("](").unwrap()).collect();
        let paths: Vec<_> = images.iter().map(|(_, rest)| rest.split_once(')').unwrap().0).collect();
        assert!(needed.iter().all(|path| paths.contains(path)), "{document} shows {paths:?}");
        assert!(images.iter().all(|(alternative, _)| alternative.len() > 20), "{document}: {images:?}");
        assert!(paths.iter().all(|path| root().join(path).is_file()), "{document}: {paths:?}");
        shown.extend(paths.into_iter().map(str::to_owned));
    }
    let unused: Vec<_> = pictures().into_iter().filter(|picture| !shown.contains(picture)).collect();
    assert!(unused.is_empty(), "no document shows {unused:?}");
}

#[test]
fn every_picture_has_a_title_and_a_description_and_scales() {
    for picture in pictures() {
        let text = fs::read_to_string(root().join(&picture)).unwrap();
        for element in ["title", "desc"] {
            let (_, rest) = text.split_once(&format!("<{element}>")).unwrap();
            let (content, _) = rest.split_once(&format!("</{element}>")).unwrap();
            assert!(content.len() > 20, "{picture}: <{element}>{content}");
        }
        assert!(text.contains("viewBox=") && text.contains("prefers-color-scheme:dark"), "{picture}");
    }
}

/// The pictures of the repository.
fn pictures() -> Vec<String> {
    let mut pictures: Vec<_> = ["docs/pictures", "src/order"]
        .into_iter()
        .flat_map(|folder| {
            let names = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
            names.map(move |name| format!("{folder}/{}", name.to_str().unwrap()))
        })
        .filter(|path| path.ends_with(".svg"))
        .collect();
    pictures.sort();
    pictures
}

/// The pictures that the documentation of the crate includes.
fn included() -> Vec<String> {
    let mut folders = vec![root().join("src")];
    let mut included = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.split("include_str!(\"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
                let paths = names.filter(|name| name.ends_with(".svg")).map(|name| folder.join(name));
                included.extend(paths.map(|path| path.canonicalize().unwrap()));
            }
        }
    }
    let root = root().canonicalize().unwrap();
    let relative = included.iter().map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap());
    relative.map(|path| path.replace('\\', "/")).collect()
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
