//! Text of a peer or of a file, for a terminal.

/// Escapes everything that could control a terminal or misrepresent the text: control characters, line separators,
/// direction marks, and bytes that are not UTF-8. Tabs are kept.
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
