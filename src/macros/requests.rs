//! Which macros an MTA sends, and when.

use crate::wire::{BufferTooSmall, ListStage, MacroLists, MacroStage, Macros, Text};

/// The macros that a filter asked for, against what the MTA sends by default.
///
/// Ask for the macros of a stage before each command, and send them in the same write. They are sent
/// for commands that were switched off, too.
///
/// # Examples
/// ```
/// use milter_proto::macros::MacroRequests;
/// use milter_proto::wire::{MacroLists, MacroStage, Text};
///
/// let lists = MacroLists::new(b"\0\0\0\x02{i} {mail_addr}\0\0\0\0\x01\0")?;
/// let requests = MacroRequests::new(lists);
/// let lookup = |name: Text<'_>| match name.as_bytes() {
///     b"i" => Text::new(b"Q1").ok(),
///     b"{mail_addr}" => Some(Text::EMPTY),
///     _ => None,
/// };
/// let mut storage = [0; 256];
/// let macros = requests.macros(MacroStage::MAIL, b"i", lookup, &mut storage)?;
/// assert_eq!(macros.unwrap().list().as_bytes(), b"{i}\0Q1\0{mail_addr}\0\0");
/// assert_eq!(requests.macros(MacroStage::HELO, b"{tls_version}", lookup, &mut storage)?, None);
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

    /// Puts the macros of a stage together, in the spelling that the filter asked for.
    ///
    /// `default` is the MTA's own choice: names with blanks or commas between them. `lookup` gets a
    /// name as MTAs spell it, one character bare and longer ones in braces; a macro without value is left
    /// out, one with an empty value is not. `Ok(None)`: nothing is to be sent.
    ///
    /// # Errors
    /// [`BufferTooSmall`], with the room that is needed up to the macro that did not fit.
    pub fn macros<'v, 's>(
        &self,
        stage: MacroStage,
        default: &[u8],
        lookup: impl Fn(Text<'_>) -> Option<Text<'v>>,
        storage: &'s mut [u8],
    ) -> Result<Option<Macros<'s>>, BufferTooSmall> {
        let names = self.names(stage).map_or(default, Text::as_bytes);
        let names = names.split(|&byte| is_separator(byte)).filter(|name| !name.is_empty());
        let pairs = names.filter_map(|name| {
            let name = Text::new(name).ok()?;
            Some([name, lookup(name.bare_macro())?])
        });
        let list = crate::wire::TextList::write(pairs.flatten(), storage)?;
        let macros = Macros::new(stage, list).unwrap_or_else(|_| Macros::none(stage));
        Ok((!list.is_empty()).then_some(macros))
    }
}

/// Whether a byte separates macro names, for Sendmail and Postfix alike. SPEC_NOTES MAC-15.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\t' | b'\r' | b'\n')
}
