//! What somebody probably meant who gave a name that does not exist.

use core::fmt::Write as _;

use strsim::damerau_levenshtein;

/// The most names that are suggested.
const MOST: usize = 3;

/// The end of an error about a name: `; did you mean A, B or C?`, or nothing if no name is like it.
pub(crate) fn meant<'t>(wanted: &str, known: impl IntoIterator<Item = &'t str>) -> String {
    let wanted = wanted.to_lowercase();
    // A third of the letters may differ, and at least one.
    let most = wanted.chars().count().div_ceil(3);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for name in known {
        let lower = name.to_lowercase();
        let is_part = wanted.len() > 2 && lower.contains(&wanted);
        let distance = if is_part { 0 } else { damerau_levenshtein(&wanted, &lower) };
        if distance <= most && !near.iter().any(|(_, other)| *other == name) {
            near.push((distance, name));
        }
    }
    near.sort_unstable();
    near.truncate(MOST);
    let mut text = String::new();
    for (index, (_, name)) in near.iter().enumerate() {
        let before = match index {
            0 => "; did you mean ",
            _ if index.saturating_add(1) == near.len() => " or ",
            _ => ", ",
        };
        let _ = write!(text, "{before}{name}");
    }
    if !near.is_empty() {
        text.push('?');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn the_nearest_names_come_first() {
        let known =
            ["body/empty-chunk", "body/empty-chunks", "framing/zero-length", "framing/zero-length-twice"];
        for (wanted, text) in [
            ("body/emtpy-chunks", "; did you mean body/empty-chunks or body/empty-chunk?"),
            ("BODY/EMPTY-CHUNK", "; did you mean body/empty-chunk or body/empty-chunks?"),
            ("zero-length", "; did you mean framing/zero-length or framing/zero-length-twice?"),
            ("zero", "; did you mean framing/zero-length or framing/zero-length-twice?"),
            ("something-else", ""),
            ("", ""),
        ] {
            assert_eq!(meant(wanted, known), text, "{wanted}");
        }
        assert_eq!(meant("aa", ["ab", "ac", "ad", "ae"]), "; did you mean ab, ac or ad?");
    }
}
