//! Which macros an MTA sends, and when.

use crate::wire::{BufferTooSmall, ListStage, MacroLists, MacroStage, Macros, Text, TextList};
#[cfg(feature = "alloc")]
use crate::wire::{MacrosBuf, TextListBuf};

/// The macros that a filter asked for, against what the MTA sends by default.
///
/// Ask for the macros of a stage before each command, and send them in the same write. They are sent
/// for commands that were switched off, too.
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
/// assert_eq!(macros(MacroStage::MAIL).as_list().as_bytes(), b"{i}\0Q1\0{mail_addr}\0\0");
/// assert_eq!(macros(MacroStage::RCPT).as_list().as_bytes(), b"i\0Q1\0");
/// assert!(macros(MacroStage::HELO).as_list().is_empty());
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

    /// The names that the filter asked for at a stage. `None`: it did not, send your own choice; empty:
    /// it wants none.
    #[must_use]
    pub fn names(&self, stage: MacroStage) -> Option<Text<'a>> {
        let list = ListStage::ALL.iter().find(|row| row.1 == stage)?;
        self.lists.get(list.0)
    }

    /// Puts the macros of a stage together, in the spelling that the filter asked for: names and values in turn, as
    /// [`Macros::new`] takes them. Send nothing if the list is empty.
    ///
    /// The arguments are those of [`write_macros`](Self::write_macros).
    #[cfg(feature = "alloc")]
    pub fn macros<'v>(
        &self,
        stage: MacroStage,
        default: impl AsRef<[u8]>,
        lookup: impl Fn(Text<'_>) -> Option<Text<'v>>,
    ) -> TextListBuf {
        let mut list = TextListBuf::new();
        for pair in pairs(self.chosen(stage, default.as_ref()), lookup) {
            list.extend(pair);
        }
        list
    }

    /// Puts the macros of a stage together, as [`Command::Macros`](crate::wire::Command::Macros) sends them. `None`: nothing is
    /// to be sent.
    ///
    /// The arguments are those of [`write_macros`](Self::write_macros).
    ///
    /// # Examples
    /// ```
    /// use milter_proto::macros::MacroRequests;
    /// use milter_proto::wire::{MacroLists, MacroStage, Text};
    ///
    /// let requests = MacroRequests::new(MacroLists::EMPTY);
    /// let lookup = |name: Text<'_>| if name == "i" { Text::new(b"Q1").ok() } else { None };
    /// let macros = requests.collect(MacroStage::MAIL, "i {auth_type}", lookup).unwrap();
    /// assert_eq!(macros.as_macros().get("i"), Some(Text::new(b"Q1")?));
    /// assert_eq!(requests.collect(MacroStage::HELO, "{cipher}", lookup), None);
    /// # Ok::<(), milter_proto::wire::NulInText>(())
    /// ```
    #[cfg(feature = "alloc")]
    pub fn collect<'v>(
        &self,
        stage: MacroStage,
        default: impl AsRef<[u8]>,
        lookup: impl Fn(Text<'_>) -> Option<Text<'v>>,
    ) -> Option<MacrosBuf> {
        let list = self.macros(stage, default, lookup);
        // Names and values come in pairs.
        Macros::new(stage, list.as_list()).ok().filter(|macros| !macros.list().is_empty()).map(Into::into)
    }

    /// Puts the macros of a stage together in storage of the caller, in the spelling that the filter asked for.
    /// `Ok(None)`: nothing is to be sent.
    ///
    /// `default` is the MTA's own choice: names with blanks or commas between them, such as those of
    /// [`MacroDefaults`](super::MacroDefaults). `lookup` gets a name as MTAs spell it, one character bare and longer
    /// ones in braces; a macro without value is left out, one with an empty value is not.
    ///
    /// # Errors
    /// [`BufferTooSmall`], with the room that is needed up to the macro that did not fit.
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
