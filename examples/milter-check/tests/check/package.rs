//! What is published: everything that the program needs.

use std::fs;

use crate::program::package;

#[test]
fn the_documents_are_those_of_the_repository() {
    for (here, there) in [
        ("data/SPEC_NOTES.md", "../../SPEC_NOTES.md"),
        ("data/IMPLEMENTATIONS.md", "../../docs/IMPLEMENTATIONS.md"),
    ] {
        let Ok(there) = fs::read(package(there)) else { continue };
        assert!(fs::read(package(here)).unwrap() == there, "{here} is a link into the repository");
    }
}

#[test]
fn the_readme_names_every_option() {
    let readme = fs::read_to_string(package("README.md")).unwrap();
    for role in ["filter", "mta"] {
        let help = crate::program::run(&[role, "--help"]);
        assert_eq!(help.status, 0);
        let options: Vec<_> = help.out.split_whitespace().filter(|word| word.starts_with("--")).collect();
        assert!(options.len() > 10);
        for option in options {
            let option = option.trim_end_matches([',', '.', ']', ';', ':']);
            assert!(readme.contains(option), "{option} of {role}");
        }
    }
}
