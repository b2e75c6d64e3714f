//! What the tests share. Here: short ways to write texts and frames, and to run frames through.

pub(crate) mod alphabet;
#[cfg(all(feature = "std", not(miri)))]
pub(crate) mod example;
pub(crate) mod hostile;
#[cfg(all(feature = "std", not(miri)))]
pub(crate) mod layout;
#[cfg(feature = "alloc")]
pub(crate) mod libmilter;
#[cfg(feature = "alloc")]
pub(crate) mod memory;
pub(crate) mod offers;
pub(crate) mod pair;
#[cfg(all(feature = "std", not(miri)))]
pub(crate) mod parsed;
#[cfg(feature = "alloc")]
pub(crate) mod recorded;
#[cfg(all(feature = "std", unix, not(miri)))]
pub(crate) mod running;
pub(crate) mod sides;
#[cfg(all(feature = "std", not(miri)))]
pub(crate) mod source;
pub(crate) mod strategies;

use milter_proto::Limits;
use milter_proto::wire::{Assembler, Buffer, Frame, FrameError, OutgoingFrame, ReplyText, Text, TextList};

/// A frame as bytes, put together without the crate.
pub(crate) fn wire(code: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len() + 1).expect("a test payload is short");
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.push(code);
    bytes.extend_from_slice(payload);
    bytes
}

/// The bytes of an encoded frame, in every feature set.
pub(crate) fn bytes_of(frame: &OutgoingFrame<'_>) -> Vec<u8> {
    frame.segments().collect::<Vec<_>>().concat()
}

/// The one frame that these bytes are.
pub(crate) fn whole(bytes: &[u8]) -> Frame<'_> {
    let (frame, rest) = Frame::split(bytes, Limits::DEFAULT).expect("it can be cut").expect("it is whole");
    assert!(rest.is_empty());
    frame
}

pub(crate) fn text(bytes: &[u8]) -> Text<'_> {
    Text::new(bytes).expect("a test text holds no NUL")
}

pub(crate) fn list(bytes: &[u8]) -> TextList<'_> {
    TextList::new(bytes).expect("a test list ends with NUL")
}

pub(crate) fn reply(bytes: &[u8]) -> ReplyText<'_> {
    ReplyText::parse(bytes).expect("a test reply is well formed")
}

/// A frame that outlives its input: code and payload.
pub(crate) type Owned = (u8, Vec<u8>);

/// Feeds the pieces one after the other. Gives the frames up to the end or the error.
pub(crate) fn feed<'p, S: Buffer>(
    assembler: &mut Assembler<S>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Owned>, Option<FrameError>) {
    let mut frames = Vec::new();
    for piece in pieces {
        let mut input = piece;
        loop {
            match assembler.next_frame(&mut input) {
                Ok(Some(frame)) => frames.push(own(frame)),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(input.is_empty(), "Ok(None) means that everything was taken");
    }
    (frames, None)
}

pub(crate) fn own(frame: Frame<'_>) -> Owned {
    (frame.code(), frame.payload().to_vec())
}

/// Sees that a frame comes out the same, whatever it is cut into and whatever follows it, and that
/// `check` likes it every time.
pub(crate) fn in_every_way<S: Buffer>(
    frame: (u8, &[u8]),
    storage: impl Fn() -> S,
    mut check: impl FnMut(Frame<'_>),
) {
    let whole = wire(frame.0, frame.1);
    let expected = Frame::new(frame.0, frame.1);

    let mut assembler = Assembler::new(storage());
    let mut input = &whole[..];
    let cut = assembler.next_frame(&mut input).expect("a frame").expect("it is whole");
    assert_eq!(cut, expected, "whole");
    check(cut);
    assert!(input.is_empty());

    let mut assembler = Assembler::new(storage());
    let (last, first) = whole.split_last().expect("a frame has bytes");
    for byte in first {
        assert_eq!(assembler.next_frame(&mut core::slice::from_ref(byte)), Ok(None));
    }
    let cut = assembler.next_frame(&mut core::slice::from_ref(last)).expect("a frame");
    let cut = cut.expect("its last byte has come");
    assert_eq!(cut, expected, "byte by byte");
    check(cut);

    let followed = [&whole[..], b"\0\0\0\x03Zzz"].concat();
    let mut assembler = Assembler::new(storage());
    let mut input = &followed[..];
    let cut = assembler.next_frame(&mut input).expect("a frame").expect("it is whole");
    assert_eq!(cut, expected, "with a tail");
    check(cut);
    assert_eq!(assembler.next_frame(&mut input), Ok(Some(Frame::new(b'Z', b"zz"))));
}
