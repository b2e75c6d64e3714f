//! Texts that do harm where they are written as they are: in an SMTP reply, a header, a log, on a terminal.

/// Line ends and what may follow them, orders to a terminal, bytes that are no UTF-8 or only look like it.
const SEQUENCES: &[&[u8]] = &[
    b"\r\n250 2.0.0 ok",
    b"\r\n",
    b"\r",
    b"\n",
    b"\n\r",
    b"\r\n\r\n",
    b"\r\n.\r\n",
    b"\nBcc: eve@example.org",
    b"\n[9] < ACCEPT",
    b"%\r%\n%",
    b"%%\r\n%%",
    b"\x1b[2J\x1b]0;title\x07",
    b"\x08\x08\x08\x7f\x7f",
    // LF, twice and three times too long; half a surrogate; five bytes; cut short; no first byte.
    b"\xc0\x8a",
    b"\xe0\x80\x8a",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x8a",
    b"\xe2\x80",
    b"\x8d\x8a",
    // U+434A: a `d` and a line end, where the high bit is taken off.
    b"\xe4\x8d\x8a250 ok",
    b"\"\\' \"",
];

/// Controls that UTF-8 has besides those of ASCII, line separators, and marks that turn text around.
const CHARACTERS: &[core::ops::RangeInclusive<char>] = &[
    '\u{80}'..='\u{9f}',
    '\u{ad}'..='\u{ad}',
    '\u{61c}'..='\u{61c}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2069}',
    '\u{feff}'..='\u{feff}',
    '\u{e0020}'..='\u{e0029}',
];

/// Every byte, and all of the above. A NUL stands in the last two of them only.
pub(crate) fn texts() -> impl Iterator<Item = Vec<u8>> {
    let bytes: Vec<u8> = (1..=u8::MAX).collect();
    let characters = CHARACTERS.iter().map(|range| range.clone().collect::<String>().into_bytes());
    let sequences = SEQUENCES.iter().map(|sequence| sequence.to_vec());
    let with_nul = [(0..=u8::MAX).collect(), b"a\0\r\n250 ok\0".to_vec()];
    [bytes].into_iter().chain(characters).chain(sequences).chain(with_nul)
}

/// The same without a NUL: what a text on the wire can be.
pub(crate) fn texts_without_nul() -> impl Iterator<Item = Vec<u8>> {
    texts().filter(|text| !text.contains(&0))
}

/// Whether a terminal shows these lines as they are, and does nothing else.
pub(crate) fn is_harmless(shown: &str) -> bool {
    let is_hostile = |character| CHARACTERS.iter().any(|range| range.contains(&character));
    !shown.chars().any(|character| {
        (character.is_control() && !matches!(character, '\n' | '\t')) || is_hostile(character)
    })
}

/// Whether these are lines of printable ASCII.
pub(crate) fn is_ascii(shown: &str) -> bool {
    shown.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n'))
}
