//! Macros: what the MTA knows about a message beyond the SMTP dialogue.

use core::fmt;

use thiserror::Error;

use super::code::MacroStage;
use super::scan::has_odd_nuls;
use super::text::{Text, TextList};
use crate::debug;

/// The macros of one stage: names and values, sent before the command that they belong to.
///
/// An empty list is common: Sendmail and Postfix send one before HELO without TLS. Macros are also sent for commands that
/// the filter declined, and which therefore do not follow.
///
/// # Examples
/// ```
/// use milter_proto::wire::{Macros, MacroStage, Text, TextList};
///
/// let list = TextList::new(b"i\0QUEUE1\0{auth_type}\0\0")?;
/// let macros = Macros::new(MacroStage::MAIL, list)?;
/// assert_eq!(macros.get("{i}"), Some(Text::new(b"QUEUE1")?));
/// assert_eq!(macros.get("{auth_type}"), Some(Text::EMPTY));
/// assert_eq!(macros.get("auth_type"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Source
/// `st_macros` and `dec_argv` in libmilter/engine.c. SPEC_NOTES MAC-1 to MAC-6.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Macros<'a> {
    stage: MacroStage,
    list: TextList<'a>,
}

impl<'a> Macros<'a> {
    /// Makes macros from a list of names and values in turn.
    ///
    /// # Errors
    /// [`UnpairedMacro`] if the last name has no value.
    pub fn new(stage: MacroStage, list: TextList<'a>) -> Result<Self, UnpairedMacro> {
        match Self::split(stage, list) {
            (macros, None) => Ok(macros),
            (macros, Some(_)) => Err(UnpairedMacro { offset: macros.list.as_bytes().len() }),
        }
    }

    /// No macros.
    #[must_use]
    pub const fn none(stage: MacroStage) -> Self {
        Self { stage, list: TextList::EMPTY }
    }

    /// The pairs of a list, and the name that has no value.
    #[inline]
    pub(super) fn split(stage: MacroStage, list: TextList<'a>) -> (Self, Option<Text<'a>>) {
        // Every text of a list has its NUL, so there is no need to look for the texts.
        if !has_odd_nuls(list.as_bytes()) {
            return (Self { stage, list }, None);
        }
        let (list, name) = list.split_last();
        (Self { stage, list }, name)
    }

    /// The command that these macros belong to.
    #[must_use]
    pub const fn stage(self) -> MacroStage {
        self.stage
    }

    /// The names and values in turn.
    #[must_use]
    pub const fn list(self) -> TextList<'a> {
        self.list
    }

    /// The pairs of name and value, in their order. A name is bare (`i`) or in braces (`{auth_type}`),
    /// as the MTA's configuration or the filter's request spells it.
    pub fn iter(self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> {
        let mut texts = self.list.iter();
        core::iter::from_fn(move || Some((texts.next()?, texts.next()?)))
    }

    /// The value of the first macro of this name. For a name of one character, braces do not matter: `i` and `{i}` are the
    /// same. Longer names must be spelled as they were sent.
    ///
    /// # Source
    /// `smfi_getsymval` in libmilter/smfi.c. SPEC_NOTES MAC-5.
    #[must_use]
    #[doc(alias = "smfi_getsymval")]
    pub fn get(self, name: impl AsRef<[u8]>) -> Option<Text<'a>> {
        self.value_of(name.as_ref())
    }

    pub(crate) fn value_of(self, name: &[u8]) -> Option<Text<'a>> {
        let wanted = bare(name);
        self.iter().find(|(name, _)| bare(name.as_bytes()) == wanted).map(|(_, value)| value)
    }
}

impl<'a> Text<'a> {
    /// A macro name of one character without its braces; any other name as it is.
    pub(crate) fn bare_macro(self) -> Self {
        Self::known(bare(self.as_bytes()))
    }
}

/// A name of one character without its braces.
fn bare(name: &[u8]) -> &[u8] {
    match name {
        [b'{', character, b'}'] => core::slice::from_ref(character),
        _ => name,
    }
}

impl fmt::Debug for Macros<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ", self.stage)?;
        debug::map(f, self.iter())
    }
}

/// The last name of a list of macros has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[error("the macro name at offset {offset} has no value")]
pub struct UnpairedMacro {
    /// Where in the list the name begins, in bytes.
    pub offset: usize,
}
