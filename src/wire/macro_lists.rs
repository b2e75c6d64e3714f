//! The macros that a filter requests, by stage, at the end of its OPTNEG.

use core::fmt;

use nom::Parser;

use super::code::{MacroStage, command};
use super::decode::Decoder;
use super::error::{BufferTooSmall, DecodeError, Fault, Field};
use super::frame::Frame;
use super::parse::{text, word};
use super::text::Text;
use super::tolerance::{Deviation, Tolerance};
use crate::debug;

/// The stage of a macro list in OPTNEG.
///
/// The numbers are not in the order of the stages: the end of the message is 5, the end of the headers 6. A peer may send
/// a number over 6, which has no meaning.
///
/// # Source
/// `SMFIM_*` in libmilter/mfapi.h. SPEC_NOTES NEG-10.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListStage(u32);

impl ListStage {
    /// For CONNECT.
    #[doc(alias = "SMFIM_CONNECT")]
    pub const CONNECT: Self = Self(0);
    /// For HELO.
    #[doc(alias = "SMFIM_HELO")]
    pub const HELO: Self = Self(1);
    /// For MAIL.
    #[doc(alias = "SMFIM_ENVFROM")]
    pub const MAIL: Self = Self(2);
    /// For RCPT.
    #[doc(alias = "SMFIM_ENVRCPT")]
    pub const RCPT: Self = Self(3);
    /// For DATA.
    #[doc(alias = "SMFIM_DATA")]
    pub const DATA: Self = Self(4);
    /// For the end of the message.
    #[doc(alias = "SMFIM_EOM")]
    pub const END_OF_MESSAGE: Self = Self(5);
    /// For the end of the headers.
    #[doc(alias = "SMFIM_EOH")]
    pub const END_OF_HEADERS: Self = Self(6);

    /// Every stage that exists, with the corresponding stage of MACRO.
    pub const ALL: [(Self, MacroStage); 7] = [
        (Self::CONNECT, MacroStage::CONNECT),
        (Self::HELO, MacroStage::HELO),
        (Self::MAIL, MacroStage::MAIL),
        (Self::RCPT, MacroStage::RCPT),
        (Self::DATA, MacroStage::DATA),
        (Self::END_OF_MESSAGE, MacroStage::END_OF_MESSAGE),
        (Self::END_OF_HEADERS, MacroStage::END_OF_HEADERS),
    ];

    /// The number on the wire. It is over 6 only if a peer sent it.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The corresponding stage of MACRO, if the stage exists.
    #[must_use]
    pub fn macro_stage(self) -> Option<MacroStage> {
        Self::ALL.iter().find(|row| row.0 == self).map(|row| row.1)
    }
}

impl fmt::Debug for ListStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.macro_stage() {
            Some(stage) => stage.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

/// The macro lists of an answer, one for each stage.
///
/// A list has names, separated by blanks. A stage without a list keeps the MTA's default. An empty list requests no macros
/// for its stage; Postfix treats it like no list. If a stage occurs twice, the later list counts.
///
/// # Examples
/// ```
/// use milter_proto::wire::{ListStage, MacroLists};
///
/// let lists = MacroLists::new(b"\0\0\0\x03{rcpt_addr} i\0\0\0\0\x05\0")?;
/// let rcpt = lists.get(ListStage::RCPT).unwrap();
/// assert!(rcpt.as_bytes().split(|&byte| byte == b' ').eq([&b"{rcpt_addr}"[..], b"i"]));
/// assert!(lists.get(ListStage::END_OF_MESSAGE).unwrap().is_empty());
/// assert_eq!(lists.get(ListStage::CONNECT), None);
/// # Ok::<(), milter_proto::wire::DecodeError>(())
/// ```
///
/// # Source
/// `milter_addsymlist` in libmilter/engine.c, `milter_getsymlist` in sendmail/milter.c, `milter8_connect`
/// in Postfix src/milter/milter8.c. SPEC_NOTES NEG-10, NEG-11.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MacroLists<'a>(&'a [u8]);

impl<'a> MacroLists<'a> {
    /// No list: the MTA's defaults at every stage.
    pub const EMPTY: Self = Self(&[]);

    /// Makes lists from bytes in wire form.
    ///
    /// # Errors
    /// [`DecodeError`], with the offset counted from the first list.
    pub fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::decode(&mut Decoder::new(Frame::new(command::OPTNEG, bytes), Tolerance::STRICT), bytes)
    }

    /// Takes the lists at the end of a payload.
    pub(super) fn decode(decoder: &mut Decoder<'a>, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if rest.len() < 5 {
                decoder.end(rest, Deviation::MacroListEnd)?;
                break;
            }
            let (tail, (stage, _)) = decoder.run((word(Field::ListStage), text(Field::ListNames)), rest)?;
            if ListStage(stage).macro_stage().is_none() {
                // Who may end the lists here does: what follows need not be a list.
                let ends =
                    decoder.allows(Deviation::MacroListEnd) || !decoder.allows(Deviation::MacroListStage);
                let what = if ends { Deviation::MacroListEnd } else { Deviation::MacroListStage };
                decoder.tolerate(what, rest.len(), Field::ListStage, Fault::UnknownValue)?;
                if ends {
                    break;
                }
            }
            rest = tail;
        }
        let len = bytes.len().saturating_sub(rest.len());
        Ok(Self(bytes.get(..len).unwrap_or_default()))
    }

    /// Writes lists into `storage`. Names are separated by blanks.
    ///
    /// # Errors
    /// [`BufferTooSmall`], with the bytes that are needed up to the list that did not fit.
    pub fn write<'t>(
        lists: impl IntoIterator<Item = (ListStage, Text<'t>)>,
        storage: &'a mut [u8],
    ) -> Result<Self, BufferTooSmall> {
        let mut len = 0_usize;
        for (stage, names) in lists {
            let available = storage.len();
            let needed = len.saturating_add(names.len()).saturating_add(5);
            let Some(entry) = storage.get_mut(len..needed) else {
                return Err(BufferTooSmall { needed, available });
            };
            let bytes = stage.0.to_be_bytes().into_iter().chain(names.as_bytes().iter().copied()).chain([0]);
            entry.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
            len = needed;
        }
        Ok(Self(storage.get(..len).unwrap_or_default()))
    }

    /// The lists, in order.
    pub fn iter(self) -> impl Iterator<Item = (ListStage, Text<'a>)> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (tail, (stage, names)) = (word(Field::ListStage), text(Field::ListNames)).parse(rest).ok()?;
            rest = tail;
            Some((ListStage(stage), names))
        })
    }

    /// The list for a stage: the last one, if there are several.
    #[must_use]
    pub fn get(self, stage: ListStage) -> Option<Text<'a>> {
        self.iter().filter(|list| list.0 == stage).last().map(|list| list.1)
    }

    /// The lists in wire form.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for MacroLists<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug::map(f, self.iter())
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use alloc::vec::Vec;
    use core::fmt;

    use super::{ListStage, MacroLists, Text};

    /// Macro lists to which lists can be added.
    ///
    /// # Memory
    /// At most twice the bytes of the lists; while they grow, the old and the new memory exist at the same time. The
    /// caller limits their length. A copy of [`MacroLists`] has exactly the bytes of the lists.
    #[derive(Clone, Default, PartialEq, Eq, Hash)]
    pub struct MacroListsBuf(Vec<u8>);

    impl MacroListsBuf {
        /// Makes a value without lists.
        #[must_use]
        pub const fn new() -> Self {
            Self(Vec::new())
        }

        /// Adds a list: names, separated by blanks. An empty list requests no macros.
        pub fn push(&mut self, stage: ListStage, names: Text<'_>) {
            self.0.extend_from_slice(&stage.0.to_be_bytes());
            self.0.extend_from_slice(names.as_bytes());
            self.0.push(0);
        }

        /// The lists, borrowed.
        #[must_use]
        pub fn as_lists(&self) -> MacroLists<'_> {
            MacroLists(&self.0)
        }
    }

    impl<'a> From<&'a MacroListsBuf> for MacroLists<'a> {
        fn from(lists: &'a MacroListsBuf) -> Self {
            lists.as_lists()
        }
    }

    impl fmt::Debug for MacroListsBuf {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.as_lists().fmt(f)
        }
    }

    impl From<MacroLists<'_>> for MacroListsBuf {
        fn from(lists: MacroLists<'_>) -> Self {
            Self(lists.0.to_vec())
        }
    }
}

#[cfg(feature = "alloc")]
pub use owned::MacroListsBuf;
