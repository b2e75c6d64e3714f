//! Addresses in the text of an edit: with or without angle brackets, names and comments, alone or in a list.

use alloc::vec::Vec;

/// The addresses of a list, each without brackets, display name and comments. An empty item is left out, `<>` is not.
///
/// # Source
/// RFC 5322, section 3.4, as far as both MTAs read it: SPEC_NOTES EDT-24.
pub(super) fn addresses(list: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut item = Item::default();
    let (mut depth, mut is_quoted, mut is_escaped) = (0_usize, false, false);
    for &byte in list {
        let was_escaped = core::mem::take(&mut is_escaped);
        match byte {
            _ if was_escaped => {}
            b'\\' => is_escaped = true,
            b'"' if depth == 0 => is_quoted = !is_quoted,
            b'(' if !is_quoted => {
                depth = depth.saturating_add(1);
                continue;
            }
            b')' if depth > 0 => {
                depth = depth.saturating_sub(1);
                continue;
            }
            b'<' if depth == 0 && !is_quoted => {
                item = Item { text: Vec::new(), is_bracketed: true, is_closed: false };
                continue;
            }
            b'>' if depth == 0 && !is_quoted && item.is_bracketed => {
                item.is_closed = true;
                continue;
            }
            b',' if depth == 0 && !is_quoted && (!item.is_bracketed || item.is_closed) => {
                found.extend(core::mem::take(&mut item).finish());
                continue;
            }
            _ => {}
        }
        if depth == 0 && !item.is_closed {
            item.text.push(byte);
        }
    }
    found.extend(item.finish());
    found
}

/// The address in an argument of RCPT: in its brackets, or up to the first blank. `None` if it is no address, or a list.
///
/// # Source
/// `milter_addrcpt_par` in sendmail/milter.c: SPEC_NOTES EDT-22.
pub(super) fn argument(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_start();
    let (text, is_bracketed) = match text.strip_prefix(b"<") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut address = Vec::new();
    let (mut is_quoted, mut is_escaped) = (false, false);
    for &byte in text {
        let was_escaped = core::mem::take(&mut is_escaped);
        match byte {
            _ if was_escaped => {}
            b'\\' => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            b'>' if is_bracketed => break,
            b' ' | b'\t' if !is_bracketed => break,
            b',' | b'(' | b'<' => return None,
            _ => {}
        }
        address.push(byte);
    }
    (!address.is_empty()).then_some(address)
}

/// An address of the list, as far as it was read.
#[derive(Default)]
struct Item {
    text: Vec<u8>,
    /// A `<` came, so that what was before it is a name.
    is_bracketed: bool,
    is_closed: bool,
}

impl Item {
    fn finish(self) -> Option<Vec<u8>> {
        let text = self.text.trim_ascii().to_vec();
        (self.is_bracketed || !text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::{addresses, argument};

    #[test]
    fn an_argument_ends_at_its_bracket_or_at_the_first_blank() {
        let found = |text: &str| argument(text.as_bytes()).map(|found| String::from_utf8(found).unwrap());
        for (text, expected) in [
            ("<d@x>", "d@x"),
            ("<d@x>, <e@x>", "d@x"),
            (" d@x e@x", "d@x"),
            ("d@x (c)", "d@x"),
            ("Joe <x@y>", "Joe"),
            ("\"a b, c\"@x", "\"a b, c\"@x"),
            ("<\"a\\\"> b\"@x>", "\"a\\\"> b\"@x"),
            ("d>e@x f", "d>e@x"),
            ("<d e@x>", "d e@x"),
        ] {
            assert_eq!(found(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "  ", "<>", "d@x, e@x", "d@x,e@x", "(c) <d@x>"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_are_found_with_and_without_brackets_names_and_comments() {
        let list = |text: &str| -> Vec<String> {
            let found = addresses(text.as_bytes()).into_iter();
            found.map(|address| String::from_utf8(address).unwrap()).collect()
        };
        assert_eq!(list("a@x"), ["a@x"]);
        assert_eq!(list(" <a@x> "), ["a@x"]);
        assert_eq!(list("<>"), [""]);
        assert_eq!(
            list("Joe <a@x>, b@y (c, d), \"e, f\"@z,, <g@\\>h>"),
            ["a@x", "b@y", "\"e, f\"@z", "g@\\>h"]
        );
        assert_eq!(list("\"Joe, the <b>\" <a@x>"), ["a@x"]);
        assert_eq!(list("(a (b) c) d@x"), ["d@x"]);
        // What has a meaning in one place is text in another.
        assert_eq!(list("a@x (5\" disk), b@y"), ["a@x", "b@y"]);
        assert_eq!(list("\"a(b\"@x, c@y"), ["\"a(b\"@x", "c@y"]);
        assert_eq!(list("a)b@x"), ["a)b@x"]);
        assert_eq!(list("\"a<b\"@x"), ["\"a<b\"@x"]);
        assert_eq!(list("(a <b@c>) d@x"), ["d@x"]);
        assert_eq!(list("a>b@x"), ["a>b@x"]);
        assert_eq!(list("<a(c>d)@x>"), ["a@x"]);
        assert_eq!(list("<\"a>b\"@x>"), ["\"a>b\"@x"]);
        assert!(list("").is_empty() && list(" , ").is_empty() && list("(only)").is_empty());
    }
}
