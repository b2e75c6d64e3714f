//! The texts of `smfi_setreply` and `smfi_setmlreply`, with the checks that libmilter makes.

/// Bytes of one text.
const LONGEST: usize = 980;
/// Texts of one reply.
const MOST: usize = 32;

/// The reply of `smfi_setreply`: code, enhanced code and text, with a blank after each code.
pub(crate) fn single(code: &[u8], enhanced: Option<&[u8]>, text: Option<&[u8]>) -> Option<Vec<u8>> {
    if !is_code(code) || !enhanced.is_none_or(is_enhanced) || !text.is_none_or(is_text) {
        return None;
    }
    let mut reply = [code, b" "].concat();
    reply.extend(enhanced.unwrap_or_default());
    if enhanced.is_some() && text.is_some() {
        reply.push(b' ');
    }
    reply.extend(text.unwrap_or_default());
    Some(reply)
}

/// The reply of `smfi_setmlreply`: both codes stand before every line.
///
/// Without any line libmilter makes a first line that announces another one. So do we.
pub(crate) fn multiline(code: &[u8], enhanced: Option<&[u8]>, lines: &[&[u8]]) -> Option<Vec<u8>> {
    let is_good = is_code(code)
        && enhanced.is_none_or(is_enhanced)
        && lines.len() <= MOST
        && lines.iter().all(|line| is_text(line));
    if !is_good {
        return None;
    }
    let usual: &[u8] = if code.starts_with(b"4") { b"4.0.0" } else { b"5.0.0" };
    let enhanced = enhanced.unwrap_or(usual);
    let Some((last, others)) = lines.split_last() else { return Some([code, b"-", enhanced].concat()) };
    let mut reply = Vec::new();
    for line in others {
        reply.extend([code, b"-", enhanced, b" ", line, b"\r\n"].concat());
    }
    reply.extend([code, b" ", enhanced, b" ", last].concat());
    Some(reply)
}

fn is_code(code: &[u8]) -> bool {
    matches!(code, [b'4' | b'5', b'0'..=b'9', b'0'..=b'9'])
}

fn is_text(text: &[u8]) -> bool {
    text.len() <= LONGEST && !text.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Whether this is `class.subject.detail`. The class need not be that of the reply code.
fn is_enhanced(code: &[u8]) -> bool {
    let is_number = |part: &&[u8]| matches!(part.len(), 1..=3) && part.iter().all(u8::is_ascii_digit);
    let mut parts = code.split(|&byte| byte == b'.');
    matches!(parts.next(), Some(b"2" | b"4" | b"5"))
        && parts.next().as_ref().is_some_and(is_number)
        && parts.next().as_ref().is_some_and(is_number)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::{multiline, single};

    #[test]
    fn one_line() {
        let made = |code: &str, enhanced, text| {
            let bytes = |text: &'static str| text.as_bytes();
            single(code.as_bytes(), Option::map(enhanced, bytes), Option::map(text, bytes))
                .map(|reply| String::from_utf8(reply).unwrap())
        };
        assert_eq!(made("550", Some("5.7.1"), Some("no")).as_deref(), Some("550 5.7.1 no"));
        assert_eq!(made("550", None, Some("no")).as_deref(), Some("550 no"));
        assert_eq!(made("550", Some("4.7.123"), None).as_deref(), Some("550 4.7.123"));
        assert_eq!(made("451", None, None).as_deref(), Some("451 "));
        for code in ["250", "55", "5500", "5x0", ""] {
            assert_eq!(made(code, None, None), None, "{code}");
        }
        for enhanced in ["3.1.1", "5.1", "5.1.1.1", "5..1", "5.1234.1", "", "5.7.1 "] {
            assert_eq!(made("550", Some(enhanced), None), None, "{enhanced}");
        }
        assert_eq!(made("550", None, Some("a\nb")), None);
    }

    #[test]
    fn several_lines() {
        let made = |enhanced: Option<&str>, lines: &[&[u8]]| {
            multiline(b"550", enhanced.map(str::as_bytes), lines)
                .map(|reply| String::from_utf8(reply).unwrap())
        };
        assert_eq!(made(None, &[b"a"]).as_deref(), Some("550 5.0.0 a"));
        assert_eq!(made(Some("5.7.1"), &[b"a", b""]).as_deref(), Some("550-5.7.1 a\r\n550 5.7.1 "));
        assert_eq!(made(None, &[]).as_deref(), Some("550-5.0.0"));
        assert_eq!(made(None, &[&[b'x'; 981]]), None);
        assert!(made(None, &[&b"a"[..]; 32]).is_some());
        assert_eq!(made(None, &[&b"a"[..]; 33]), None);
    }
}
