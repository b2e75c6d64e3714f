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

#[test]
fn the_list_of_the_readme_is_what_the_program_shows() {
    let readme = fs::read_to_string(package("README.md")).unwrap();
    let example = readme.split("```text\n$ milter-check ").nth(1).unwrap().split("```").next().unwrap();
    let (arguments, out) = example.split_once('\n').unwrap();
    let done = crate::program::run(&arguments.split(' ').collect::<Vec<_>>());
    assert_eq!((done.status, done.out.as_str()), (0, out), "{done:?}");
}
