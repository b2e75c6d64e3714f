//! Text of a peer or of a file, for people.

/// Text with everything escaped that a terminal might obey, or that would show it as what it is not: control
/// characters, line separators, marks of direction, and bytes that are no UTF-8. Tabs stay.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\t' | '"' | '\'' => out.push(character),
                _ => out.extend(character.escape_debug()),
            }
        }
        out.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    out
}
