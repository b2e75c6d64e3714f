//! Which macros an MTA sends, and when.

use crate::wire::{BufferTooSmall, ListStage, MacroLists, MacroStage, Macros, Text, TextList};
#[cfg(feature = "alloc")]
use crate::wire::{MacrosBuf, TextListBuf};

/// Bytes of a list at most: the stage stands before it in the payload.
#[cfg(feature = "alloc")]
const MAX_LIST: usize = 65_534;

/// Selects the macros to send: those that the filter requested, or the MTA's defaults.
///
/// Before each command, get the macros of its stage and send them in the same write. Macros are also sent for commands
/// that the filter declined.
///
/// # Examples
/// ```
/// use milter_proto::macros::{MacroDefaults, MacroRequests};
/// use milter_proto::wire::{MacroLists, MacroStage, Text};
///
/// let lists = MacroLists::new(b"\0\0\0\x02{i} {mail_addr}\0\0\0\0\x01\0")?;
/// let requests = MacroRequests::new(lists);
/// let lookup = |name: Text<'_>| match name.as_bytes() {
///     b"i" => Text::new(b"Q1").ok(),
///     b"{mail_addr}" => Some(Text::EMPTY),
///     _ => None,
/// };
/// let macros = |stage| requests.macros(stage, MacroDefaults::POSTFIX.names(stage), lookup);
/// let for_mail = macros(MacroStage::MAIL).unwrap(); // send Command::Macros(for_mail.as_macros())
/// assert_eq!(for_mail.as_macros().list().as_bytes(), b"{i}\0Q1\0{mail_addr}\0\0");
/// assert_eq!(macros(MacroStage::HELO), None);
///
/// // The same in storage of the caller.
/// let mut storage = [0; 256];
/// let macros = requests.write_macros(MacroStage::RCPT, "i", lookup, &mut storage)?;
/// assert_eq!(macros.unwrap().get("i"), Some(Text::new(b"Q1")?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// `milter_send_macros` in sendmail/milter.c, `milter_macro_lookup` in Postfix src/milter/milter.c.
/// SPEC_NOTES MAC-13 to MAC-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MacroRequests<'a> {
    lists: MacroLists<'a>,
}

impl<'a> MacroRequests<'a> {
    /// Takes the lists of the filter's answer.
    #[must_use]
    pub const fn new(lists: MacroLists<'a>) -> Self {
        Self { lists }
    }

    /// The names that the filter requested for a stage. `None` means that it requested nothing: send your defaults. An
    /// empty list means that it wants no macros.
    #[must_use]
    pub fn names(&self, stage: MacroStage) -> Option<Text<'a>> {
        let list = ListStage::ALL.iter().find(|row| row.1 == stage)?;
        self.lists.get(list.0)
    }

    /// Returns the macros of a stage, to be sent before its command. Names are spelled as the filter requested them. `None`
    /// means that there is nothing to send.
    ///
    /// The arguments are those of [`write_macros`](Self::write_macros).
    ///
    /// # Memory
    /// A filter can ask for one macro any number of times. A macro that would make the list too long for a payload of
    /// 65,535 bytes, which every filter accepts, is left out. So the list has at most 65,534 bytes, and its room is that of
    /// a [`TextListBuf`].
    #[cfg(feature = "alloc")]
    pub fn macros<'v>(
        &self,
        stage: MacroStage,
        default: impl AsRef<[u8]>,
        lookup: impl Fn(Text<'_>) -> Option<Text<'v>>,
    ) -> Option<MacrosBuf> {
        let mut list = TextListBuf::new();
        for [name, value] in pairs(self.chosen(stage, default.as_ref()), lookup) {
            let texts = [list.as_list().as_bytes().len(), name.len(), value.len(), 2];
            if texts.into_iter().fold(0, usize::saturating_add) <= MAX_LIST {
                list.extend([name, value]);
            }
        }
        let macros = Macros::new(stage, list.as_list()).ok()?;
        (!list.as_list().is_empty()).then(|| macros.into())
    }

    /// Writes the macros of a stage into `storage`. Names are spelled as the filter requested them. `Ok(None)` means that
    /// there is nothing to send.
    ///
    /// `default` is the MTA's own choice: names with blanks or commas between them, such as those of
    /// [`MacroDefaults`](super::MacroDefaults). `lookup` is called with names as MTAs spell them: one character without
    /// braces, longer names in braces. A macro for which it returns `None` is left out; one with an empty value is sent.
    ///
    /// # Errors
    /// [`BufferTooSmall`], with the bytes that are needed up to the macro that did not fit.
    pub fn write_macros<'v, 's>(
        &self,
        stage: MacroStage,
        default: impl AsRef<[u8]>,
        lookup: impl Fn(Text<'_>) -> Option<Text<'v>>,
        storage: &'s mut [u8],
    ) -> Result<Option<Macros<'s>>, BufferTooSmall> {
        let pairs = pairs(self.chosen(stage, default.as_ref()), lookup);
        let list = TextList::write(pairs.flatten(), storage)?;
        let macros = Macros::new(stage, list).unwrap_or_else(|_| Macros::none(stage));
        Ok((!list.is_empty()).then_some(macros))
    }

    /// The names that the filter asked for, or the MTA's own choice.
    fn chosen<'d>(&self, stage: MacroStage, default: &'d [u8]) -> &'d [u8]
    where
        'a: 'd,
    {
        self.names(stage).map_or(default, Text::as_bytes)
    }
}

/// The macros of some names that have a value: each a name and its value.
fn pairs<'n, 'v: 'n>(
    names: &'n [u8],
    lookup: impl Fn(Text<'_>) -> Option<Text<'v>>,
) -> impl Iterator<Item = [Text<'n>; 2]> {
    names.split(|&byte| is_separator(byte)).filter(|name| !name.is_empty()).filter_map(move |name| {
        let name = Text::new(name).ok()?;
        Some([name, lookup(name.bare_macro())?])
    })
}

/// Whether a byte separates macro names, for Sendmail and Postfix alike. SPEC_NOTES MAC-15.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\t' | b'\r' | b'\n')
}
