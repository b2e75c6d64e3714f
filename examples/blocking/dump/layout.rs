//! Lines of a transcript, made short enough to read.

/// Columns of a quoted text that are shown before it is cut.
const SHOWN: usize = 48;
/// Columns up to which a text is shown whole: cutting less than this away would gain nothing.
const WHOLE: usize = 68;

/// The words of a line: those without blanks, quoted texts, and the sizes that stand for hidden ones.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    core::iter::from_fn(move || {
        rest = rest.trim_start_matches(' ');
        let mut is_escaped = false;
        let is_quoted = rest.starts_with('"');
        let is_size = rest.starts_with('<') && !rest.starts_with("< ");
        let end = rest.char_indices().skip(1).find_map(|(at, character)| {
            let is_end = match character {
                _ if is_escaped => false,
                '"' => is_quoted,
                '>' => is_size,
                ' ' => !is_quoted && !is_size,
                _ => false,
            };
            is_escaped = character == '\\' && !is_escaped;
            is_end.then_some(if character == ' ' { at } else { at.saturating_add(1) })
        });
        let (word, tail) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = tail;
        (!word.is_empty()).then_some(word)
    })
}

/// A word as it is, or for a long text its beginning and how much more there is.
pub(crate) fn shortened(word: &str) -> String {
    let Some(text) = word.strip_prefix('"').filter(|_| word.len() > WHOLE) else { return word.to_owned() };
    let text = text.strip_suffix('"').unwrap_or(text);
    let mut shown = 0_usize;
    let mut more = 0_usize;
    let mut rest = text;
    while let Some(len) = unit(rest) {
        let (_, tail) = rest.split_at_checked(len).unwrap_or((rest, ""));
        rest = tail;
        match text.len().saturating_sub(rest.len()) {
            end @ 0..=SHOWN => shown = end,
            _ => more = more.saturating_add(1),
        }
    }
    format!("\"{}\"... +{more} bytes", text.get(..shown).unwrap_or_default())
}

/// Characters of the first byte of a text: an escape, or one. `None` at its end.
fn unit(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [] => None,
        [b'\\', b'x', ..] => Some(4),
        [b'\\', ..] => Some(2),
        _ => Some(1),
    }
}

/// Fills lines of at most `width` columns with words. A word that is longer has a line of its own.
pub(crate) fn wrapped<'a>(words: impl IntoIterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len().saturating_add(word.len()) < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
