//! `Arbitrary` for the values of the wire.

mod session;

use arbitrary::{Arbitrary, Error, Result, Unstructured};

use crate::Limits;
use crate::transcript::Entry;
use crate::wire::{
    Actions, Answer, Command, DataSize, Deviation, Direction, Edit, EnhancedCode, Frame, FrameBuf,
    LeadingSpace, ListStage, MacroLists, MacroListsBuf, MacroStage, Macros, Offer, Peer, ReplyBuf, ReplyCode,
    ReplyText, Response, Steps, Text, TextList, TextListBuf, Tolerance, Verdict, Version,
};

impl<'a> Arbitrary<'a> for Command<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=15)? {
            0 => Self::Negotiate(u.arbitrary()?),
            1 => Self::Macros(u.arbitrary()?),
            2 => Self::Connect { host: u.arbitrary()?, peer: u.arbitrary()? },
            3 => Self::Helo { name: u.arbitrary()? },
            4 => Self::MailFrom { address: u.arbitrary()?, arguments: u.arbitrary()? },
            5 => Self::RcptTo { address: u.arbitrary()?, arguments: u.arbitrary()? },
            6 => Self::Data,
            7 => Self::Header { name: key(u)?, value: u.arbitrary()? },
            8 => Self::EndOfHeaders,
            9 => Self::Body { chunk: chunk(u)? },
            10 => Self::EndOfMessage { chunk: u.arbitrary()? },
            11 => Self::Unknown { line: u.arbitrary()? },
            12 => Self::Abort,
            13 => Self::Quit,
            14 => Self::QuitNewConnection,
            _ => {
                let frame: Frame<'a> = u.arbitrary()?;
                match Self::parse(frame) {
                    Ok(other @ Self::Other(_)) => other,
                    _ => Self::Other(Frame::new(b'Z', frame.payload())),
                }
            }
        })
    }
}

impl<'a> Arbitrary<'a> for Peer<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=3)? {
            0 => Self::Unknown,
            1 => Self::Unix { port: u.arbitrary()?, path: u.arbitrary()? },
            2 => Self::Inet { port: u.arbitrary()?, address: u.arbitrary()? },
            _ => Self::Inet6 { port: u.arbitrary()?, address: u.arbitrary()? },
        })
    }
}

impl<'a> Arbitrary<'a> for Response<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=7)? {
            0 => Self::Negotiate(u.arbitrary()?),
            1..=3 => Self::Edit(u.arbitrary()?),
            4 => Self::Verdict(u.arbitrary()?),
            5 => Self::Progress,
            6 => Self::MacroList { payload: u.arbitrary()? },
            _ => {
                let frame: Frame<'a> = u.arbitrary()?;
                match Self::parse(frame) {
                    Ok(other @ Self::Other(_)) => other,
                    _ => Self::Other(Frame::new(b'Z', frame.payload())),
                }
            }
        })
    }
}

impl<'a> Arbitrary<'a> for Edit<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=8)? {
            0 => Self::AddHeader { name: key(u)?, value: u.arbitrary()? },
            1 => Self::InsertHeader { index: u.arbitrary()?, name: key(u)?, value: u.arbitrary()? },
            2 => Self::ChangeHeader { index: u.arbitrary()?, name: key(u)?, value: u.arbitrary()? },
            3 => Self::ChangeFrom { address: key(u)?, arguments: u.arbitrary()? },
            4 => Self::AddRcpt { address: key(u)? },
            5 => Self::AddRcptWithArguments { address: key(u)?, arguments: u.arbitrary()? },
            6 => Self::DeleteRcpt { address: key(u)? },
            7 => Self::ReplaceBody { chunk: u.arbitrary()? },
            _ => Self::Quarantine { reason: u.arbitrary()? },
        })
    }
}

impl<'a> Arbitrary<'a> for Verdict<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=8)? {
            0 => Self::Continue,
            1 => Self::Accept,
            2 => Self::Reject,
            3 => Self::Tempfail,
            4 => Self::Discard,
            5 => Self::Skip,
            6 => Self::Shutdown,
            7 => Self::ConnectionFail,
            _ => Self::Reply(u.arbitrary()?),
        })
    }
}

/// A text that is not empty: the name of a header, or the address of an edit.
fn key<'a>(u: &mut Unstructured<'a>) -> Result<Text<'a>> {
    let text: Text<'a> = u.arbitrary()?;
    if text.is_empty() { Text::new(b"x").map_err(|_| Error::IncorrectFormat) } else { Ok(text) }
}

/// A piece of a body that is not empty.
fn chunk<'a>(u: &mut Unstructured<'a>) -> Result<&'a [u8]> {
    let bytes: &[u8] = u.arbitrary()?;
    Ok(if bytes.is_empty() { b"\r\n" } else { bytes })
}

impl<'a> Arbitrary<'a> for Frame<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for FrameBuf {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?))
    }
}

/// Any frame, well-formed or not.
impl<'a> Arbitrary<'a> for Entry {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?))
    }
}

/// Bytes up to the first NUL.
impl<'a> Arbitrary<'a> for Text<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(text)
    }

    fn arbitrary_take_rest(u: Unstructured<'a>) -> Result<Self> {
        Ok(text(u.take_rest()))
    }
}

fn text(bytes: &[u8]) -> Text<'_> {
    Text::new(bytes).or_else(|nul| Text::new(bytes.get(..nul.offset).unwrap_or_default())).unwrap_or_default()
}

/// Bytes up to the last NUL.
impl<'a> Arbitrary<'a> for TextList<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(text_list)
    }
}

fn text_list(bytes: &[u8]) -> TextList<'_> {
    TextList::new(bytes)
        .or_else(|tail| TextList::new(bytes.get(..tail.offset).unwrap_or_default()))
        .unwrap_or_default()
}

impl<'a> Arbitrary<'a> for TextListBuf {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary_iter::<Text<'a>>()?.collect()
    }
}

impl<'a> Arbitrary<'a> for Macros<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (stage, list): (_, TextList<'a>) = (u.arbitrary()?, u.arbitrary()?);
        Self::new(stage, list)
            .or_else(|odd| Self::new(stage, text_list(list.as_bytes().get(..odd.offset).unwrap_or_default())))
            .map_err(|_| Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for MacroStage {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(Self::new)
    }
}

/// Bytes in the form of the wire as far as they go; a few lists of our own where they go nowhere.
impl<'a> Arbitrary<'a> for MacroLists<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let bytes: &[u8] = u.arbitrary()?;
        let Err(error) = Self::new(bytes) else {
            return Self::new(bytes).map_err(|_| Error::IncorrectFormat);
        };
        // The offset is that of a list's stage, or of its names four bytes further on.
        let end = usize::try_from(error.offset()).unwrap_or_default();
        let cuts = [end, end.saturating_sub(4)];
        let mut whole = cuts.iter().filter_map(|&cut| Self::new(bytes.get(..cut)?).ok());
        match whole.find(|lists| !lists.as_bytes().is_empty()) {
            Some(lists) => Ok(lists),
            None => Self::new(u.choose(LISTS)?).map_err(|_| Error::IncorrectFormat),
        }
    }
}

const LISTS: &[&[u8]] = &[
    b"",
    b"\0\0\0\0\0",
    b"\0\0\0\x03{rcpt_addr} i\0\0\0\0\x05\0",
    b"\0\0\0\x06i\0\0\0\0\x05i\0\0\0\0\x04i\0\0\0\0\x03i\0\0\0\0\x02i\0\0\0\0\x01i\0\0\0\0\0i\0",
    b"\0\0\0\x02i\0\0\0\0\x02{mail_addr}\0",
];

impl<'a> Arbitrary<'a> for MacroListsBuf {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut lists = Self::new();
        for list in u.arbitrary_iter::<(ListStage, Text<'a>)>()? {
            let (stage, names) = list?;
            lists.push(stage, names);
        }
        Ok(lists)
    }
}

/// One of the stages that exist.
impl<'a> Arbitrary<'a> for ListStage {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&Self::ALL).map(|row| row.0)
    }
}

impl<'a> Arbitrary<'a> for Version {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(Self::new)
    }
}

/// Any bits, the unknown ones included.
impl<'a> Arbitrary<'a> for Actions {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(Self::from_bits)
    }
}

/// Any bits, the unknown ones included.
impl<'a> Arbitrary<'a> for Steps {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.arbitrary().map(Self::from_bits)
    }
}

impl<'a> Arbitrary<'a> for DataSize {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Kib64, Self::Kib256, Self::Mib1]).copied()
    }
}

impl<'a> Arbitrary<'a> for Offer {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self::new(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for Answer<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let answer = Self::new(u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
        Ok(answer.with_macro_lists(u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for ReplyCode {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Self::new(u.int_in_range(400..=599)?).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for EnhancedCode {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let class = u.int_in_range(4..=5)?;
        enhanced(class, u)
    }
}

fn enhanced(class: u8, u: &mut Unstructured<'_>) -> Result<EnhancedCode> {
    let (subject, detail) = (u.int_in_range(0..=999)?, u.int_in_range(0..=999)?);
    EnhancedCode::new(class, subject, detail).ok_or(Error::IncorrectFormat)
}

/// Bytes that are a reply, as far as they are one; a few replies of our own where they are none.
impl<'a> Arbitrary<'a> for ReplyText<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let bytes: &[u8] = u.arbitrary()?;
        let reply =
            Self::parse(bytes).or_else(|error| Self::parse(bytes.get(..error.offset).unwrap_or_default()));
        match reply {
            Ok(reply) => Ok(reply),
            Err(_) => Self::parse(u.choose(REPLIES)?).map_err(|_| Error::IncorrectFormat),
        }
    }
}

const REPLIES: &[&[u8]] = &[
    b"550 ",
    b"550 5.7.1 go away",
    b"451 4.7.1 try again",
    b"421-4.3.2 100%% busy\r\n421 4.3.2 %%%%",
    b"599-\r\n599-one\r\n599 5.999.999 \xff",
    b"400 4 is the class",
];

impl<'a> Arbitrary<'a> for ReplyBuf {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let code: ReplyCode = u.arbitrary()?;
        let status = if u.arbitrary()? { Some(enhanced(code.class(), u)?) } else { None };
        let count = u.int_in_range(1..=ReplyText::MAX_LINES)?;
        let lines = (0..count).map(|_| u.arbitrary().map(line)).collect::<Result<alloc::vec::Vec<_>>>()?;
        Self::new(code, status, lines).map_err(|_| Error::IncorrectFormat)
    }
}

/// The longest front of `bytes` that any reply can have as a line.
fn line(bytes: &[u8]) -> &[u8] {
    // A digit could be taken for a code of another class, and every % counts twice.
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = bytes.get(digits..).unwrap_or_default();
    let end = text.iter().position(|byte| !matches!(byte, b'\t' | b' '..=b'~')).unwrap_or(text.len());
    text.get(..end.min(ReplyText::MAX_LINE_LEN >> 1)).unwrap_or_default()
}

impl<'a> Arbitrary<'a> for Limits {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let sizes =
            Self::DEFAULT.with_max_receive_payload(u.arbitrary()?).with_max_send_payload(u.arbitrary()?);
        Ok(sizes.with_max_edits(u.arbitrary()?).with_max_progress(u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for Direction {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::ToFilter, Self::ToMta]).copied()
    }
}

impl<'a> Arbitrary<'a> for LeadingSpace {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Stripped, Self::Preserved]).copied()
    }
}

impl<'a> Arbitrary<'a> for Deviation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&Self::ALL).copied()
    }
}

/// Any subset of the deviations.
impl<'a> Arbitrary<'a> for Tolerance {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut bits: u32 = u.arbitrary()?;
        Ok(Deviation::ALL.into_iter().fold(Self::STRICT, |tolerance, deviation| {
            bits = bits.rotate_right(1);
            if bits & 1 == 0 { tolerance } else { tolerance.with(deviation) }
        }))
    }
}
