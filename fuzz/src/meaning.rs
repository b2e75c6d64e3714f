//! Meaning: a frame's value under every tolerance, and back to the same bytes.

use core::fmt::Debug;

use milter_proto::wire::{
    Command, CommandBuf, DecodeError, Decoded, Deviation, Fault, Frame, FrameBuf, OutgoingFrame, ReplyCode,
    Response, ResponseBuf, Tolerance, Verdict, codes,
};

/// Commands or responses: what the laws are about.
trait Meaning<'a>: Copy + Debug + PartialEq {
    fn strict(frame: Frame<'a>) -> Result<Self, DecodeError>;
    fn tolerant(frame: Frame<'a>, tolerance: Tolerance) -> Result<Decoded<'a, Self>, DecodeError>;
    fn bytes(&self) -> OutgoingFrame<'a>;
    fn byte(&self) -> u8;
    fn clean_again(frame: Frame<'_>) -> Option<FrameBuf>;
    fn is_kept(self) -> bool;
}

impl<'a> Meaning<'a> for Command<'a> {
    fn strict(frame: Frame<'a>) -> Result<Self, DecodeError> {
        Self::parse(frame)
    }

    fn tolerant(frame: Frame<'a>, tolerance: Tolerance) -> Result<Decoded<'a, Self>, DecodeError> {
        Self::parse_as(frame, tolerance)
    }

    fn bytes(&self) -> OutgoingFrame<'a> {
        self.encode()
    }

    fn byte(&self) -> u8 {
        self.code()
    }

    fn clean_again(frame: Frame<'_>) -> Option<FrameBuf> {
        Command::parse(frame).ok().map(|value| value.encode().to_frame())
    }

    fn is_kept(self) -> bool {
        CommandBuf::from(self).as_command() == self
    }
}

impl<'a> Meaning<'a> for Response<'a> {
    fn strict(frame: Frame<'a>) -> Result<Self, DecodeError> {
        Self::parse(frame)
    }

    fn tolerant(frame: Frame<'a>, tolerance: Tolerance) -> Result<Decoded<'a, Self>, DecodeError> {
        Self::parse_as(frame, tolerance)
    }

    fn bytes(&self) -> OutgoingFrame<'a> {
        self.encode()
    }

    fn byte(&self) -> u8 {
        self.code()
    }

    fn clean_again(frame: Frame<'_>) -> Option<FrameBuf> {
        Response::parse(frame).ok().map(|value| value.encode().to_frame())
    }

    fn is_kept(self) -> bool {
        ResponseBuf::from(self).as_response() == self
    }
}

/// The first byte is the code, the rest the payload of a command.
pub fn command(data: &[u8]) {
    let Some((&code, payload)) = data.split_first() else { return };
    laws::<Command<'_>>(Frame::new(code, payload), read_command);
}

/// The first byte is the code, the rest the payload of a response.
pub fn response(data: &[u8]) {
    let Some((&code, payload)) = data.split_first() else { return };
    laws::<Response<'_>>(Frame::new(code, payload), read_response);
}

fn laws<'a, T: Meaning<'a>>(frame: Frame<'a>, read: fn(T)) {
    let strict = T::strict(frame);
    match strict {
        Ok(value) => {
            assert_eq!(value.bytes(), frame.encode());
            assert_eq!(value.byte(), frame.code());
        }
        Err(error) => check(error, frame),
    }
    let lenient = T::tolerant(frame, Tolerance::LENIENT);
    for (index, tolerance) in tolerances().enumerate() {
        let decoded = T::tolerant(frame, tolerance);
        match (strict, decoded) {
            (Ok(value), Ok(decoded)) => {
                assert_eq!((decoded.value, decoded.deviation), (value, None), "{tolerance:?}");
            }
            (Ok(value), Err(error)) => panic!("{tolerance:?} refuses {value:?}: {error}"),
            (Err(first), Ok(decoded)) => {
                let Some(deviation) = decoded.deviation else {
                    panic!("{tolerance:?} reads over {first} and does not say so")
                };
                check(deviation, frame);
                assert!(deviation.deviation().is_some_and(|what| tolerance.allows(what)), "{deviation}");
                assert_eq!(deviation.offset(), first.offset(), "{tolerance:?}");
                assert!(first.deviation().is_some(), "{tolerance:?} reads over {first}");
                if !has_macro_lists(frame) {
                    assert_eq!(deviation, first);
                    assert_eq!(lenient.map(|lenient| lenient.value), Ok(decoded.value), "{tolerance:?}");
                }
                // The value may be sent in its clean form, unless it has none.
                let again = decoded.value.bytes().to_frame();
                if deviation.fault() == Fault::Surplus {
                    // What is not surplus is the value. MACRO may lose a name without a value as well.
                    let (clean, rest) = frame.payload().split_at(deviation.offset() as usize);
                    let kept = again.as_frame().payload();
                    let is_whole = kept == clean || frame.code() == codes::command::MACRO;
                    assert!(is_whole && clean.starts_with(kept), "{deviation}");
                    let is_tail =
                        matches!(deviation.deviation(), Some(Deviation::ArgumentTail | Deviation::EditTail));
                    assert!(!is_tail || !rest.contains(&0), "{deviation}");
                }
                if let Some(clean) = T::clean_again(again.as_frame()) {
                    assert_eq!(clean, again);
                }
            }
            (Err(_), Err(error)) => {
                check(error, frame);
                let accepted = error.deviation().is_some_and(|what| tolerance.allows(what));
                assert!(!accepted, "{tolerance:?} allows {error} and refuses it");
            }
        }
        if let Ok(decoded) = decoded {
            assert_eq!(decoded.frame, frame);
            assert_eq!(decoded.encode(), frame.encode());
            assert!(decoded.value.is_kept(), "{:?} is another value once it was stored", decoded.value);
            if index < NAMED {
                read(decoded.value);
            }
        }
    }
}

/// An error names the frame, and points into its payload or at its end.
fn check(error: DecodeError, frame: Frame<'_>) {
    assert_eq!(error.code(), frame.code());
    assert!(error.offset() as usize <= frame.payload().len(), "{error}");
    assert!(error.to_string().is_ascii());
}

/// A tolerance of macro lists says where they end, so that two tolerances can read different lists.
fn has_macro_lists(frame: Frame<'_>) -> bool {
    frame.code() == codes::response::OPTNEG
}

/// Tolerances with a name; reading values under all others as well would cost most of the time.
const NAMED: usize = 5;

fn tolerances() -> impl Iterator<Item = Tolerance> {
    let named: [_; NAMED] = [
        Tolerance::STRICT,
        Tolerance::LIBMILTER,
        Tolerance::SENDMAIL,
        Tolerance::POSTFIX,
        Tolerance::LENIENT,
    ];
    let alone = Deviation::ALL.map(|deviation| Tolerance::STRICT.with(deviation));
    let without = Deviation::ALL.map(|deviation| Tolerance::LENIENT.without(deviation));
    named.into_iter().chain(alone).chain(without)
}

/// Reads everything that a command offers.
fn read_command(command: Command<'_>) {
    _ = format!("{command:?}");
    match command {
        Command::Connect { peer, .. } => _ = peer.ip(),
        Command::MailFrom { arguments, .. } | Command::RcptTo { arguments, .. } => {
            let len: usize = arguments.iter().map(|text| text.len() + 1).sum();
            assert_eq!(len, arguments.as_bytes().len());
        }
        Command::Macros(macros) => {
            let len: usize = macros.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
            assert_eq!(len, macros.list().as_bytes().len());
            for (name, _) in macros.iter() {
                assert!(macros.get(name).is_some());
            }
        }
        _ => {}
    }
}

/// Whatever a filter sends, its client gets one reply, of one code, without control bytes.
fn is_one_reply(plain: &[u8], code: ReplyCode) {
    let mut lines = plain.split(|&byte| byte == b'\n').rev();
    let last = lines.next().unwrap();
    let rest = lines.map(|line| (line.strip_suffix(b"\r").unwrap(), b'-'));
    for (line, separator) in rest.chain([(last, b' ')]) {
        let (digits, text) = line.split_at(3);
        assert_eq!(digits, code.to_string().as_bytes());
        assert!(text.first().is_none_or(|&byte| byte == separator), "{}", plain.escape_ascii());
        assert!(
            !text.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'),
            "{}",
            plain.escape_ascii()
        );
    }
}

/// Reads everything that a response offers.
fn read_response(response: Response<'_>) {
    _ = format!("{response:?}");
    match response {
        Response::Negotiate(answer) => {
            let lists = answer.macro_lists;
            let len: usize = lists.iter().map(|(_, names)| names.len() + 5).sum();
            assert_eq!(len, lists.as_bytes().len());
            for (stage, _) in lists.iter() {
                assert!(lists.get(stage).is_some());
            }
        }
        Response::Edit(edit) => _ = edit.action(),
        Response::Verdict(Verdict::Reply(reply)) => {
            assert!((400..600).contains(&reply.code().number()));
            let bytes = reply.as_text().as_bytes();
            let plain = reply.unescaped().bytes().count();
            assert!(plain <= bytes.len());
            assert!(reply.unescaped().to_string().is_ascii());
            is_one_reply(&reply.unescaped().bytes().collect::<Vec<_>>(), reply.code());
            let lines: usize = reply.lines().map(|line| line.text().bytes().count()).sum();
            assert!(lines <= plain);
            for line in reply.lines() {
                let status = line.enhanced();
                assert!(status.is_none_or(|status| matches!(status.class(), 4 | 5)), "{status:?}");
            }
        }
        _ => {}
    }
}
