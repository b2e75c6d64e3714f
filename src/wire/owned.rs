//! Commands and responses that own their bytes: an encoded frame, decoded again on demand.
//!
//! There is no second family of types here, so nothing has to follow when a command or a response gets a new variant.

use alloc::vec::Vec;
use core::fmt;

use super::code::{MacroStage, command, response};
use super::command::Command;
use super::edit::Edit;
use super::frame::FrameBuf;
use super::macros::Macros;
use super::reply::{ReplyBuf, ReplyText};
use super::response::{Response, Verdict};
use super::text::Text;
use super::tolerance::{Deviation, Tolerance};

/// What an encoded value can contain: everything that a peer's frame can, except macro lists that end early.
const ENCODED: Tolerance = Tolerance::LENIENT.without(Deviation::MacroListEnd);

/// An encoded command or response.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Encoded {
    frame: FrameBuf,
    /// Whether the value is `Other`, which may hold a frame of a known code.
    is_other: bool,
}

impl Encoded {
    fn from_command(command: &Command<'_>) -> Self {
        Self { frame: command.encode().to_frame(), is_other: matches!(command, Command::Other(_)) }
    }

    fn from_response(response: &Response<'_>) -> Self {
        Self { frame: response.encode().to_frame(), is_other: matches!(response, Response::Other(_)) }
    }

    fn to_command(&self) -> Command<'_> {
        let frame = self.frame.as_frame();
        match (frame.code(), frame.payload()) {
            _ if self.is_other => Command::Other(frame),
            // An empty name. A receiver in the style of libmilter would look for the value after a second NUL.
            (command::HEADER, [0, value @ .., 0]) => {
                Command::Header { name: Text::EMPTY, value: Text::known(value) }
            }
            _ => Command::parse_as(frame, ENCODED).map_or(Command::Other(frame), |decoded| decoded.value),
        }
    }

    fn to_response(&self) -> Response<'_> {
        let frame = self.frame.as_frame();
        if self.is_other {
            return Response::Other(frame);
        }
        Response::parse_as(frame, ENCODED).map_or(Response::Other(frame), |decoded| decoded.value)
    }
}

/// Makes the owned form of a borrowed type: how a value is encoded, and how it is decoded again.
macro_rules! owned {
    (
        $(#[$doc:meta])*
        examples: $(#[$example:meta])*
        $owned:ident, $borrowed:ident, $(#[$method_doc:meta])* $method:ident,
        $value:ident => $encode:expr, $encoded:ident => $decode:expr
    ) => {
        $(#[$doc])*
        ///
        /// # Memory
        /// 40 bytes on 64-bit targets, and on the heap exactly the payload of the encoded frame. Bytes of the original
        /// frame that a [`Tolerance`] dropped are not kept: a proxy that forwards frames unchanged should store a [`FrameBuf`].
        ///
        $(#[$example])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $owned(Encoded);

        impl $owned {
            $(#[$method_doc])*
            #[must_use]
            pub fn $method(&self) -> $borrowed<'_> {
                let $encoded = &self.0;
                $decode
            }
        }

        impl From<$borrowed<'_>> for $owned {
            fn from($value: $borrowed<'_>) -> Self {
                Self($encode)
            }
        }

        impl From<&$borrowed<'_>> for $owned {
            fn from(value: &$borrowed<'_>) -> Self {
                Self::from(*value)
            }
        }

        impl<'a> From<&'a $owned> for $borrowed<'a> {
            fn from(value: &'a $owned) -> Self {
                value.$method()
            }
        }

        impl fmt::Debug for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.$method().fmt(f)
            }
        }
    };
}

owned! {
    /// A [`Command`] that owns its content: for queues, other threads, and tests.
    examples:
    /// # Examples
    /// ```
    /// use milter_proto::wire::{Command, CommandBuf, Text};
    ///
    /// let queue: Vec<CommandBuf> = {
    ///     let name = String::from("mx.example");
    ///     vec![Command::Helo { name: Text::try_from(&*name)? }.into(), Command::Data.into()]
    /// };
    /// let helo = std::thread::spawn(move || queue[0].clone()).join().unwrap();
    /// assert!(matches!(helo.as_command(), Command::Helo { name } if name == "mx.example"));
    /// # Ok::<(), milter_proto::wire::NulInText>(())
    /// ```
    CommandBuf, Command,
    /// Returns the stored command. Each call decodes it again.
    as_command,
    value => Encoded::from_command(&value), encoded => encoded.to_command()
}

owned! {
    /// A [`Response`] that owns its content: for queues, other threads, and tests.
    examples:
    /// # Examples
    /// ```
    /// use milter_proto::wire::{Response, ResponseBuf, Verdict};
    ///
    /// let responses = [ResponseBuf::from(Response::Progress), Verdict::Accept.into()];
    /// assert_eq!(responses[1].as_response(), Response::Verdict(Verdict::Accept));
    /// ```
    ResponseBuf, Response,
    /// Returns the stored response. Each call decodes it again.
    as_response,
    value => Encoded::from_response(&value), encoded => encoded.to_response()
}

owned! {
    /// An [`Edit`] that owns its content: for edits that are prepared before the end of the message.
    examples:
    /// # Examples
    /// ```
    /// use milter_proto::FilterSession;
    /// use milter_proto::wire::{Edit, EditBuf, Frame, Text, Verdict, VerdictBuf};
    ///
    /// let name = Text::new(b"X-Spam")?;
    /// let edit = EditBuf::from(Edit::AddHeader { name, value: Text::new(b"no")? });
    /// let verdict = VerdictBuf::from(Verdict::Continue);
    /// # let mut session = FilterSession::new();
    /// # session.receive(Frame::new(b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"))?;
    /// # let options = milter_proto::filter::Options::all_commands();
    /// # let _ = session.negotiate(&options.require(milter_proto::wire::Actions::ADD_HEADERS))?;
    /// # for (code, payload) in [(b'M', &b"<>\0"[..]), (b'R', b"<a@b>\0"), (b'T', b""), (b'N', b"")] {
    /// #     session.receive(Frame::new(code, payload))?;
    /// #     let _ = session.send(&verdict)?;
    /// # }
    ///
    /// session.receive(Frame::new(b'E', b""))?; // the end of the message
    /// let mut out = Vec::new();
    /// session.send(&edit)?.append_to(&mut out);
    /// session.send(&verdict)?.append_to(&mut out);
    /// assert_eq!(out, b"\0\0\0\x0bhX-Spam\0no\0\0\0\0\x01c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    EditBuf, Edit,
    /// Returns the stored edit. Each call decodes it again.
    as_edit,
    value => Encoded::from_response(&Response::Edit(value)),
    encoded => {
        // Only an edit was encoded. If it were anything else, the message should be held.
        let fallback = Edit::Quarantine { reason: Text::EMPTY };
        if let Response::Edit(edit) = encoded.to_response() { edit } else { fallback }
    }
}

owned! {
    /// A [`Verdict`] that owns its reply text: for verdicts from another thread, or verdicts that are needed later.
    examples:
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyText, Verdict, VerdictBuf};
    ///
    /// let verdict = VerdictBuf::from(Verdict::Reply(ReplyText::parse(b"550 5.7.1 go away")?));
    /// assert!(matches!(verdict.as_verdict(), Verdict::Reply(reply) if reply.code().number() == 550));
    /// # Ok::<(), milter_proto::wire::ReplyError>(())
    /// ```
    VerdictBuf, Verdict,
    /// Returns the stored verdict. Each call decodes it again.
    as_verdict,
    value => Encoded::from_response(&Response::Verdict(value)),
    encoded => {
        // Only a verdict was encoded. If it were anything else, nothing should be accepted.
        if let Response::Verdict(verdict) = encoded.to_response() { verdict } else { Verdict::Tempfail }
    }
}

owned! {
    /// [`Macros`] that own their names and values.
    ///
    /// For the macros of a whole connection, use a [`MacroStore`](crate::macros::MacroStore).
    examples:
    /// # Examples
    /// ```
    /// use milter_proto::wire::{MacroStage, Macros, MacrosBuf, Text, TextList};
    ///
    /// let macros = Macros::new(MacroStage::MAIL, TextList::new(b"i\0QUEUE1\0")?)?;
    /// let kept = MacrosBuf::from(macros);
    /// assert_eq!(kept.as_macros().get(Text::new(b"i")?), Some(Text::new(b"QUEUE1")?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    MacrosBuf, Macros,
    /// Returns the stored macros.
    as_macros,
    value => Encoded::from_command(&Command::Macros(value)),
    encoded => {
        // Only macros were encoded.
        let none = Macros::none(MacroStage::new(encoded.frame.as_frame().code()));
        if let Command::Macros(macros) = encoded.to_command() { macros } else { none }
    }
}

impl VerdictBuf {
    /// CONTINUE. It needs no heap memory.
    ///
    /// # Examples
    /// ```
    /// use milter_proto::wire::{ReplyBuf, Verdict, VerdictBuf};
    ///
    /// let reply = ReplyBuf::new("550".parse()?, Some("5.7.1".parse()?), ["go away"])?;
    /// let mut verdict = VerdictBuf::CONTINUE;
    /// assert_eq!(verdict.as_verdict(), Verdict::Continue);
    /// verdict = VerdictBuf::from(&reply);
    /// assert_eq!(verdict.as_verdict(), Verdict::Reply(reply.as_reply()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "SMFIR_CONTINUE")]
    #[doc(alias = "SMFIS_CONTINUE")]
    pub const CONTINUE: Self =
        Self(Encoded { frame: FrameBuf::new(response::CONTINUE, Vec::new()), is_other: false });
}

/// Makes an owned form of a value that is a part of the borrowed form.
macro_rules! from_parts {
    ($($part:ty => $owned:ident, $borrowed:ident;)*) => {
        $(impl From<$part> for $owned {
            fn from(part: $part) -> Self {
                Self::from($borrowed::from(part))
            }
        })*
    };
}

from_parts! {
    ReplyText<'_> => VerdictBuf, Verdict;
    &ReplyBuf => VerdictBuf, Verdict;
    Edit<'_> => ResponseBuf, Response;
    Verdict<'_> => ResponseBuf, Response;
    ReplyText<'_> => ResponseBuf, Response;
    &ReplyBuf => ResponseBuf, Response;
}

impl<'a> From<&'a ReplyBuf> for ReplyText<'a> {
    fn from(reply: &'a ReplyBuf) -> Self {
        reply.as_reply()
    }
}

impl<'a> From<&'a ReplyBuf> for Verdict<'a> {
    fn from(reply: &'a ReplyBuf) -> Self {
        Self::Reply(reply.as_reply())
    }
}

impl<'a> From<&'a ReplyBuf> for Response<'a> {
    fn from(reply: &'a ReplyBuf) -> Self {
        Self::from(reply.as_reply())
    }
}

impl<'a> From<&'a EditBuf> for Response<'a> {
    fn from(edit: &'a EditBuf) -> Self {
        Self::Edit(edit.as_edit())
    }
}

impl<'a> From<&'a VerdictBuf> for Response<'a> {
    fn from(verdict: &'a VerdictBuf) -> Self {
        Self::Verdict(verdict.as_verdict())
    }
}
