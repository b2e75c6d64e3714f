//! What goes wrong: frames in the wrong place, and payloads that are not what their code promises.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::parts;
use crate::stream::Frame;

/// One thing that goes wrong, somewhere in a conversation.
#[derive(Clone, Debug)]
pub(super) struct Damage {
    place: Index,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Two frames change places.
    Swap(Index),
    /// A frame is taken away and comes later or earlier.
    Move(Index),
    Double,
    Drop,
    Insert(Frame),
    Spoil(Spoil),
}

/// What happens to one frame.
#[derive(Clone, Debug)]
enum Spoil {
    /// The last NUL is missing, and what stands behind it.
    Unterminate,
    Append(Vec<u8>),
    /// The first text is empty.
    EmptyFirst,
    /// There is no payload.
    Empty,
    /// The payload ends early.
    Shorten(Index),
    Flip(Index, u8),
    /// The payload has that size.
    Resize(usize),
    /// The length field says something else.
    Length(u32),
    Code(u8),
}

pub(super) fn any_damage() -> impl Strategy<Value = Damage> {
    let what = prop_oneof![
        6 => any::<Index>().prop_map(What::Swap),
        4 => any::<Index>().prop_map(What::Move),
        6 => Just(What::Double),
        6 => Just(What::Drop),
        12 => parts::any_command().prop_map(What::Insert),
        2 => parts::odd_connect().prop_map(What::Insert),
        2 => parts::chunk(b'E').prop_map(What::Insert),
        24 => any_spoil().prop_map(What::Spoil),
    ];
    (any::<Index>(), what).prop_map(|(place, what)| Damage { place, what })
}

fn any_spoil() -> impl Strategy<Value = Spoil> {
    prop_oneof![
        3 => Just(Spoil::Unterminate),
        4 => prop::collection::vec(prop_oneof![Just(0), any::<u8>()], 1..6).prop_map(Spoil::Append),
        2 => Just(Spoil::EmptyFirst),
        2 => Just(Spoil::Empty),
        3 => any::<Index>().prop_map(Spoil::Shorten),
        3 => (any::<Index>(), prop_oneof![Just(0), any::<u8>()])
            .prop_map(|(place, byte)| Spoil::Flip(place, byte)),
        2 => select(&[65_535_usize, 65_536, 70_000][..]).prop_map(Spoil::Resize),
        1 => select(&[0_u32, 0x8000_0001, 0xffff_ffff, 65_537, 0x7fff_ffff][..]).prop_map(Spoil::Length),
        1 => prop_oneof![select(&b"SZVcOl4f\x01\x1f"[..]), any::<u8>()].prop_map(Spoil::Code),
    ]
}

impl Damage {
    pub(super) fn apply_to(&self, frames: &mut Vec<Frame>) {
        if frames.is_empty() {
            return;
        }
        let place = self.place.index(frames.len());
        match &self.what {
            What::Swap(other) => {
                let other = other.index(frames.len());
                frames.swap(place, other);
            }
            What::Move(other) => {
                let frame = frames.remove(place);
                frames.insert(other.index(frames.len().saturating_add(1)), frame);
            }
            What::Double => {
                let copy = frames.get(place).cloned();
                copy.into_iter().for_each(|copy| frames.insert(place, copy));
            }
            What::Drop => drop(frames.remove(place)),
            What::Insert(frame) => frames.insert(place, frame.clone()),
            What::Spoil(how) => {
                if let Some(frame) = frames.get_mut(place) {
                    how.apply_to(frame);
                }
            }
        }
    }
}

impl Spoil {
    /// Changes one frame.
    fn apply_to(&self, frame: &mut Frame) {
        let payload = &mut frame.payload;
        match self {
            Self::Unterminate => {
                let end = payload.iter().rposition(|&byte| byte == 0).unwrap_or_default();
                payload.truncate(end);
            }
            Self::Append(bytes) => payload.extend(bytes),
            Self::EmptyFirst => {
                let end = payload.iter().position(|&byte| byte == 0).unwrap_or_default();
                payload.drain(..end);
            }
            Self::Empty => payload.clear(),
            Self::Shorten(place) if !payload.is_empty() => payload.truncate(place.index(payload.len())),
            Self::Flip(place, new) if !payload.is_empty() => {
                let place = place.index(payload.len());
                payload.iter_mut().skip(place).take(1).for_each(|byte| *byte = *new);
            }
            Self::Shorten(_) | Self::Flip(..) => {}
            Self::Resize(size) => payload.resize(*size, 0),
            Self::Length(length) => frame.length = Some(*length),
            Self::Code(code) => frame.code = *code,
        }
    }
}
