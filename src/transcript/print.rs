//! From a frame to a line.

use core::fmt;

use crate::wire::code::{CODES, Layout, command, response};
use crate::wire::{Command, Direction, Frame, MacroLists, MacroStage, Response, TextList};

/// A frame as one line of ASCII, through `Display`.
///
/// # Examples
/// ```
/// use milter_proto::transcript::Line;
/// use milter_proto::wire::{Direction, Frame};
///
/// let line = Line::new(Direction::ToFilter, Frame::new(b'M', b"<a@b.c>\0SIZE=10\0"));
/// assert_eq!(line.to_string(), r#"> MAIL "<a@b.c>" "SIZE=10""#);
/// assert_eq!(line.hiding_content().to_string(), "> MAIL <7 bytes> <7 bytes>");
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Line<'a> {
    direction: Direction,
    frame: Frame<'a>,
    hides: bool,
}

impl<'a> Line<'a> {
    /// Makes the line of a frame, with its whole content.
    pub const fn new(direction: Direction, frame: Frame<'a>) -> Self {
        Self { direction, frame, hides: false }
    }

    /// Returns the same line for a log, with sizes in place of private content.
    ///
    /// It hides host names, addresses, ESMTP arguments, header values, macro values, bodies, reply texts after the code, and
    /// the payload of malformed and unknown frames. It shows header and macro names, ports, and the numbers of a
    /// negotiation. Such a line cannot be read back.
    pub const fn hiding_content(self) -> Self {
        Self { hides: true, ..self }
    }

    /// The row of the code table, if the payload is well-formed, as the row describes.
    fn layout(&self) -> Option<(&'static str, Layout)> {
        let is_clean = match self.direction {
            Direction::ToFilter => Command::parse(self.frame).is_ok(),
            Direction::ToMta => Response::parse(self.frame).is_ok(),
        };
        let mut rows = CODES.iter().filter(|row| row.code == self.frame.code());
        let row = rows.find(|row| row.direction.is_none_or(|direction| direction == self.direction))?;
        is_clean.then_some((row.name, row.layout))
    }

    /// Writes a text, or its size.
    fn text(&self, f: &mut fmt::Formatter<'_>, text: &[u8], is_private: bool) -> fmt::Result {
        if self.hides && is_private {
            return write!(f, " <{} bytes>", text.len());
        }
        f.write_str(" \"")?;
        for &byte in text {
            match byte {
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                b'\r' => f.write_str("\\r")?,
                b'\n' => f.write_str("\\n")?,
                b'\t' => f.write_str("\\t")?,
                b' '..=b'~' => fmt::Write::write_char(f, char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_str("\"")
    }

    fn texts(&self, f: &mut fmt::Formatter<'_>, list: &[u8]) -> fmt::Result {
        let code = self.frame.code();
        let (is_macro, is_header) = (
            code == command::MACRO,
            matches!(code, command::HEADER | response::ADDHEADER | response::INSHEADER | response::CHGHEADER),
        );
        let mut is_name = is_macro || is_header;
        for text in TextList::new(list).unwrap_or_default() {
            self.text(f, text.as_bytes(), !is_name)?;
            is_name = is_macro && !is_name;
        }
        Ok(())
    }

    fn connect(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.frame.payload();
        let Some(end) = payload.iter().position(|&byte| byte == 0) else { return Ok(()) };
        self.text(f, payload.get(..end).unwrap_or_default(), true)?;
        match payload.get(end.saturating_add(1)..).unwrap_or_default() {
            [family, high, low, address @ ..] => {
                write!(f, " {} {}", char::from(*family), u16::from_be_bytes([*high, *low]))?;
                self.texts(f, address)
            }
            family => family.iter().try_for_each(|&family| write!(f, " {}", char::from(family))),
        }
    }

    fn optneg(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.frame.payload();
        let mut words =
            payload.chunks_exact(4).filter_map(|word| word.try_into().ok().map(u32::from_be_bytes));
        if let (Some(version), Some(actions), Some(steps)) = (words.next(), words.next(), words.next()) {
            write!(f, " {version} {actions:#x} {steps:#x}")?;
        }
        let lists = payload.get(12..).and_then(|lists| MacroLists::new(lists).ok()).unwrap_or_default();
        for (stage, names) in lists.iter() {
            if let Some(stage) = stage.macro_stage() {
                write!(f, " {stage:?}")?;
            }
            self.text(f, names.as_bytes(), false)?;
        }
        Ok(())
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.frame.payload();
        f.write_str(match self.direction {
            Direction::ToFilter => "> ",
            Direction::ToMta => "< ",
        })?;
        let Some((name, layout)) = self.layout() else {
            write!(f, "FRAME {:#04x}", self.frame.code())?;
            return self.text(f, payload, true);
        };
        f.write_str(name)?;
        if let (response::REPLYCODE, true, Some(code)) = (self.frame.code(), self.hides, payload.get(..3)) {
            write!(f, " {}", code.escape_ascii())?;
        }
        match (layout, payload) {
            (Layout::Bare, _) | (Layout::Raw, []) => Ok(()),
            (Layout::Raw, _) => self.text(f, payload, true),
            (Layout::Texts, _) => self.texts(f, payload),
            (Layout::IndexTexts, _) => {
                let Some((&index, texts)) = payload.split_first_chunk() else { return Ok(()) };
                write!(f, " {}", u32::from_be_bytes(index))?;
                self.texts(f, texts)
            }
            (Layout::StageTexts, _) => {
                let Some((&stage, texts)) = payload.split_first() else { return Ok(()) };
                write!(f, " {:?}", MacroStage::new(stage))?;
                self.texts(f, texts)
            }
            (Layout::Connect, _) => self.connect(f),
            (Layout::Optneg, _) => self.optneg(f),
        }
    }
}
