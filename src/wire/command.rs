//! Commands: what an MTA sends to a filter.

use core::net::IpAddr;

use nom::Parser;
use nom::combinator::map;

use super::bits::{Actions, Steps, Version};
use super::code::{MacroStage, command};
use super::decode::{Decoded, Decoder};
use super::error::{DecodeError, Fault, Field};
use super::frame::Frame;
use super::ip;
use super::macros::Macros;
use super::negotiate::Offer;
use super::outgoing::{OutgoingFrame, Pieces};
use super::parse::{Step, byte, half, text, word};
use super::scan::find_nul;
use super::text::{Text, TextList};
use super::tolerance::{Deviation, Tolerance};
use crate::debug::debug_variants;

/// A command, from the MTA to the filter.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Command, Frame};
///
/// let Command::MailFrom { address, arguments } = Command::parse(Frame::new(b'M', b"<a@b.c>\0SIZE=10\0"))? else {
///     panic!();
/// };
/// assert_eq!(address, "<a@b.c>");
/// assert!(arguments.iter().eq(["SIZE=10"]));
/// # Ok::<(), milter_proto::wire::DecodeError>(())
/// ```
///
/// # Source
/// libmilter/engine.c reads them, sendmail/milter.c and Postfix src/milter/milter8.c write them.
/// SPEC_NOTES CMD-1 to CMD-15.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command<'a> {
    /// What the MTA supports. It is the first command of a connection, and is sent only once.
    #[doc(alias = "SMFIC_OPTNEG")]
    #[doc(alias = "xxfi_negotiate")]
    Negotiate(Offer),
    /// Macros for the command that follows. No reply.
    #[doc(alias = "SMFIC_MACRO")]
    Macros(Macros<'a>),
    /// The SMTP client.
    #[doc(alias = "SMFIC_CONNECT")]
    #[doc(alias = "xxfi_connect")]
    Connect {
        /// The host name, or the address in brackets if there is no verified name.
        host: Text<'a>,
        /// Its address.
        peer: Peer<'a>,
    },
    /// The argument of HELO or EHLO. The protocol does not tell which of the two the client sent.
    #[doc(alias = "SMFIC_HELO")]
    #[doc(alias = "xxfi_helo")]
    Helo {
        /// The argument up to the first blank.
        name: Text<'a>,
    },
    /// The sender.
    #[doc(alias = "SMFIC_MAIL")]
    #[doc(alias = "xxfi_envfrom")]
    MailFrom {
        /// The address as the client wrote it, usually in angle brackets; `<>` or empty for bounces. The client chooses
        /// brackets and case: compare without them.
        address: Text<'a>,
        /// The ESMTP arguments, one text for each (`SIZE=10`), not decoded.
        arguments: TextList<'a>,
    },
    /// One recipient.
    #[doc(alias = "SMFIC_RCPT")]
    #[doc(alias = "xxfi_envrcpt")]
    RcptTo {
        /// The address as the client wrote it, usually in angle brackets. The client chooses brackets and case: compare
        /// without them.
        address: Text<'a>,
        /// The ESMTP arguments, one text for each, not decoded.
        arguments: TextList<'a>,
    },
    /// The SMTP command DATA. Since version 4.
    #[doc(alias = "SMFIC_DATA")]
    #[doc(alias = "xxfi_data")]
    Data,
    /// One header.
    #[doc(alias = "SMFIC_HEADER")]
    #[doc(alias = "xxfi_header")]
    Header {
        /// The name: the bytes before the colon, without trailing blanks.
        name: Text<'a>,
        /// The value, without the final line end. A fold is a LF and the blank after it. [`LeadingSpace`](super::LeadingSpace)
        /// tells whether the space after the colon is included.
        value: Text<'a>,
    },
    /// The end of the headers; also sent if there are no headers.
    #[doc(alias = "SMFIC_EOH")]
    #[doc(alias = "xxfi_eoh")]
    EndOfHeaders,
    /// A piece of the body, with CRLF as line ends. A CRLF may be cut in two.
    #[doc(alias = "SMFIC_BODY")]
    #[doc(alias = "xxfi_body")]
    Body {
        /// 1 to 65,535 bytes, or as many as were negotiated ([`DataSize`](super::DataSize)). libmilter closes the
        /// connection on an empty chunk.
        chunk: &'a [u8],
    },
    /// The end of the message. The filter replies with any number of edits, and then one verdict.
    #[doc(alias = "SMFIC_BODYEOB")]
    #[doc(alias = "SMFIC_EOM")]
    #[doc(alias = "xxfi_eom")]
    EndOfMessage {
        /// The last piece of the body. Sendmail and Postfix leave it empty: libmilter may reply twice if it is not.
        chunk: &'a [u8],
    },
    /// An SMTP command that the MTA does not know. Since version 3.
    #[doc(alias = "SMFIC_UNKNOWN")]
    #[doc(alias = "xxfi_unknown")]
    Unknown {
        /// The whole line, without its line end. Postfix before March 2024 sends only the first word.
        line: Text<'a>,
    },
    /// The message is abandoned; the connection goes on. No reply.
    #[doc(alias = "SMFIC_ABORT")]
    #[doc(alias = "xxfi_abort")]
    Abort,
    /// The end of the connection. No reply.
    #[doc(alias = "SMFIC_QUIT")]
    #[doc(alias = "xxfi_close")]
    Quit,
    /// The end of the SMTP session. Another one follows on the connection, with CONNECT and without OPTNEG. No reply.
    #[doc(alias = "SMFIC_QUIT_NC")]
    #[doc(alias = "xxfi_close")]
    QuitNewConnection,
    /// A frame whose code is not a command. libmilter closes the connection.
    Other(Frame<'a>),
}

debug_variants! {
    Command<'_>
    units { Data, EndOfHeaders, Abort, Quit, QuitNewConnection }
    tuples { Negotiate, Macros, Other }
    structs {
        Connect { host, peer },
        Helo { name },
        MailFrom { address, arguments },
        RcptTo { address, arguments },
        Header { name, value },
        Body { chunk },
        EndOfMessage { chunk },
        Unknown { line }
    }
}

impl<'a> Command<'a> {
    /// Decodes a well-formed frame.
    ///
    /// # Errors
    /// [`DecodeError`], with the code, the field and the offset where the payload is malformed. A code that is not a
    /// command is not an error, but [`Other`](Self::Other).
    #[inline]
    pub fn parse(frame: Frame<'a>) -> Result<Self, DecodeError> {
        let mut command = Self::Quit;
        command.decode(&mut Decoder::new(frame, Tolerance::STRICT), frame)?;
        Ok(command)
    }

    /// Decodes a frame, and accepts the deviations that `tolerance` allows, as real receivers do.
    ///
    /// # Errors
    /// The [`DecodeError`] of [`parse`](Self::parse), if `tolerance` does not allow the deviation.
    pub fn parse_as(frame: Frame<'a>, tolerance: Tolerance) -> Result<Decoded<'a, Self>, DecodeError> {
        let mut value = Self::Quit;
        let deviation = value.read(frame, tolerance)?;
        Ok(Decoded { value, deviation, frame })
    }

    /// Decodes a frame into `self`, and returns its deviation.
    // In place, since moving a command through the results of all callers costs more than to decode it.
    #[inline]
    pub(crate) fn read(
        &mut self,
        frame: Frame<'a>,
        tolerance: Tolerance,
    ) -> Result<Option<DecodeError>, DecodeError> {
        let mut decoder = Decoder::new(frame, tolerance);
        self.decode(&mut decoder, frame)?;
        Ok(decoder.deviation())
    }

    #[inline(always)]
    fn decode(&mut self, decoder: &mut Decoder<'a>, frame: Frame<'a>) -> Result<(), DecodeError> {
        use Deviation::{ArgumentTail, CommandSurplus, OfferSurplus};
        let payload = frame.payload();
        match frame.code() {
            command::OPTNEG => *self = decoder.whole(offer, OfferSurplus)?,
            command::MACRO => *self = macros(decoder, payload)?,
            command::CONNECT => *self = connect(decoder, payload)?,
            command::HELO => *self = Self::Helo { name: decoder.last_text(Field::Name, payload)? },
            command::MAIL => {
                let (address, arguments) = decoder.whole(envelope, ArgumentTail)?;
                *self = Self::MailFrom { address, arguments };
            }
            command::RCPT => {
                let (address, arguments) = decoder.whole(envelope, ArgumentTail)?;
                *self = Self::RcptTo { address, arguments };
            }
            command::DATA => {
                decoder.end(payload, CommandSurplus)?;
                *self = Self::Data;
            }
            command::HEADER => {
                let (name, value) = header(decoder, payload)?;
                *self = Self::Header { name, value };
            }
            command::EOH => {
                decoder.end(payload, CommandSurplus)?;
                *self = Self::EndOfHeaders;
            }
            command::BODY => {
                if payload.is_empty() {
                    decoder.tolerate(Deviation::EmptyBody, 0, Field::Chunk, Fault::Empty)?;
                }
                *self = Self::Body { chunk: payload };
            }
            command::BODYEOB => *self = Self::EndOfMessage { chunk: payload },
            command::UNKNOWN => *self = unknown(decoder, payload)?,
            command::ABORT => {
                decoder.end(payload, CommandSurplus)?;
                *self = Self::Abort;
            }
            command::QUIT => {
                decoder.end(payload, CommandSurplus)?;
                *self = Self::Quit;
            }
            command::QUIT_NC => {
                decoder.end(payload, CommandSurplus)?;
                *self = Self::QuitNewConnection;
            }
            _ => *self = Self::Other(frame),
        }
        Ok(())
    }

    /// The code byte of the command.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Negotiate(_) => command::OPTNEG,
            Self::Macros(_) => command::MACRO,
            Self::Connect { .. } => command::CONNECT,
            Self::Helo { .. } => command::HELO,
            Self::MailFrom { .. } => command::MAIL,
            Self::RcptTo { .. } => command::RCPT,
            Self::Data => command::DATA,
            Self::Header { .. } => command::HEADER,
            Self::EndOfHeaders => command::EOH,
            Self::Body { .. } => command::BODY,
            Self::EndOfMessage { .. } => command::BODYEOB,
            Self::Unknown { .. } => command::UNKNOWN,
            Self::Abort => command::ABORT,
            Self::Quit => command::QUIT,
            Self::QuitNewConnection => command::QUIT_NC,
            Self::Other(frame) => frame.code(),
        }
    }

    /// Encodes the command. The frame borrows long fields from it.
    #[inline]
    pub fn encode(&self) -> OutgoingFrame<'a> {
        // Most commands are headers, so these few instructions belong to the caller.
        if let Self::Header { name, value } = *self {
            return OutgoingFrame::texts(command::HEADER, name, value);
        }
        self.encode_fields()
    }

    fn encode_fields(&self) -> OutgoingFrame<'a> {
        let out = Pieces::new(self.code());
        match *self {
            Self::Negotiate(Offer { version, actions, steps }) => out
                .fixed(&version.number().to_be_bytes())
                .fixed(&actions.bits().to_be_bytes())
                .fixed(&steps.bits().to_be_bytes())
                .seal(),
            Self::Macros(macros) => out.fixed(&[macros.stage().byte()]).raw(macros.list().as_bytes()),
            Self::Connect { host, peer } => match peer {
                Peer::Unknown => out.text(host, b"U").seal(),
                Peer::Unix { port, path } => out.text(host, &port_of(b'L', port)).last_text(path),
                Peer::Inet { port, address } => out.text(host, &port_of(b'4', port)).last_text(address),
                Peer::Inet6 { port, address } => out.text(host, &port_of(b'6', port)).last_text(address),
            },
            Self::Helo { name } => out.last_text(name),
            Self::MailFrom { address, arguments } | Self::RcptTo { address, arguments } => {
                out.text(address, &[]).raw(arguments.as_bytes())
            }
            Self::Header { name, value } => OutgoingFrame::texts(command::HEADER, name, value),
            Self::Body { chunk } | Self::EndOfMessage { chunk } => out.raw(chunk),
            Self::Unknown { line } => out.last_text(line),
            Self::Data | Self::EndOfHeaders | Self::Abort | Self::Quit | Self::QuitNewConnection => {
                out.seal()
            }
            Self::Other(frame) => frame.encode(),
        }
    }
}

fn port_of(family: u8, port: u16) -> [u8; 3] {
    let [high, low] = port.to_be_bytes();
    [family, high, low]
}

/// The address of an SMTP client, in CONNECT.
///
/// # Source
/// `st_connectinfo` in libmilter/engine.c, `milter_connect` in sendmail/milter.c. SPEC_NOTES CMD-3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer<'a> {
    /// `U`: no socket, or none of a known kind.
    #[doc(alias = "SMFIA_UNKNOWN")]
    Unknown,
    /// `L`: a unix-domain socket.
    #[doc(alias = "SMFIA_UNIX")]
    Unix {
        /// Real MTAs always send 0.
        port: u16,
        /// The path; it may be empty.
        path: Text<'a>,
    },
    /// `4`: IPv4.
    #[doc(alias = "SMFIA_INET")]
    Inet {
        /// The client's port.
        port: u16,
        /// Four decimal numbers. libmilter closes the connection on a text that is not an address.
        address: Text<'a>,
    },
    /// `6`: IPv6.
    #[doc(alias = "SMFIA_INET6")]
    Inet6 {
        /// The client's port.
        port: u16,
        /// With the prefix `IPv6:` from Sendmail, without it from Postfix.
        address: Text<'a>,
    },
}

impl Peer<'_> {
    /// Parses the IP address. Returns `None` if there is none, or if it is malformed. The prefix `IPv6:` is ignored, in any
    /// case of letters.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Unknown | Self::Unix { .. } => None,
            Self::Inet { address, .. } => ip::v4(address.as_bytes()).map(IpAddr::V4),
            Self::Inet6 { address, .. } => {
                let text = address.as_bytes();
                let bare = match text.split_at_checked(5) {
                    Some((prefix, bare)) if prefix.eq_ignore_ascii_case(b"IPv6:") => bare,
                    _ => text,
                };
                ip::v6(bare).map(IpAddr::V6)
            }
        }
    }
}

fn offer(input: &[u8]) -> Step<'_, Command<'_>> {
    let words = (word(Field::Version), word(Field::Actions), word(Field::Steps));
    map(words, |(version, actions, steps)| {
        Command::Negotiate(Offer::new(
            Version::new(version),
            Actions::from_bits(actions),
            Steps::from_bits(steps),
        ))
    })
    .parse(input)
}

#[inline(never)]
fn connect<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<Command<'a>, DecodeError> {
    let (rest, host) = decoder.text(Field::Host, payload)?;
    let (rest, family) = match decoder.run(byte(Field::Family), rest)? {
        (rest, b'U') => {
            decoder.end(rest, Deviation::CommandSurplus)?;
            return Ok(Command::Connect { host, peer: Peer::Unknown });
        }
        (rest, family @ (b'L' | b'4' | b'6')) => (rest, family),
        _ => return Err(decoder.error(rest.len(), Field::Family, Fault::UnknownValue)),
    };
    let (rest, port) = decoder.run(half(Field::Port), rest)?;
    let address = decoder.last_text(Field::Address, rest)?;
    let peer = match family {
        b'L' => Peer::Unix { port, path: address },
        b'4' => Peer::Inet { port, address },
        _ => Peer::Inet6 { port, address },
    };
    Ok(Command::Connect { host, peer })
}

#[inline(never)]
fn macros<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<Command<'a>, DecodeError> {
    let (rest, stage) = decoder.run(byte(Field::Stage), payload)?;
    let (list, tail) = TextList::split(rest);
    decoder.end(tail, Deviation::ArgumentTail)?;
    let (macros, odd) = Macros::split(MacroStage::new(stage), list);
    if odd.is_some() {
        let left = rest.len().saturating_sub(macros.list().as_bytes().len());
        decoder.tolerate(Deviation::UnpairedMacro, left, Field::Macros, Fault::Odd)?;
    }
    Ok(Command::Macros(macros))
}

/// An address, and texts up to the last NUL.
#[inline]
fn envelope(input: &[u8]) -> Step<'_, (Text<'_>, TextList<'_>)> {
    let (rest, address) = text(Field::Address).parse(input)?;
    let (arguments, tail) = TextList::split(rest);
    Ok((tail, (address, arguments)))
}

// Always inline: half of all commands are headers.
#[inline(always)]
fn header<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<(Text<'a>, Text<'a>), DecodeError> {
    let (mut rest, name) = decoder.text(Field::Name, payload)?;
    if name.is_empty() {
        decoder.tolerate(Deviation::EmptyHeaderName, payload.len(), Field::Name, Fault::Empty)?;
        // libmilter looks for the end of the name from the second byte on.
        rest = decoder.text(Field::Name, rest)?.0;
    }
    Ok((name, decoder.last_text(Field::Value, rest)?))
}

fn unknown<'a>(decoder: &mut Decoder<'a>, payload: &'a [u8]) -> Result<Command<'a>, DecodeError> {
    if !payload.is_empty() && find_nul(payload).is_none() {
        decoder.tolerate(Deviation::LineUnterminated, payload.len(), Field::Line, Fault::Unterminated)?;
        return Ok(Command::Unknown { line: Text::known(payload) });
    }
    decoder.whole(map(text(Field::Line), |line| Command::Unknown { line }), Deviation::CommandSurplus)
}
