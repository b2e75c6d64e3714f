//! The values of macros that an MTA has.

use alloc::vec::Vec;
use core::fmt;

use crate::debug::map;
use crate::wire::Text;

/// Macros by name, from which an MTA sends what a filter asks for.
///
/// A lookup compares the names one after the other: an MTA has a few dozen.
///
/// # Examples
/// ```
/// use milter_proto::macros::MacroValues;
/// use milter_proto::wire::Text;
///
/// let mut values = MacroValues::new();
/// values.set(Text::new(b"{daemon_name}")?, Text::new(b"mx.example")?);
/// assert_eq!(values.get("{daemon_name}"), Some(Text::new(b"mx.example")?));
/// assert_eq!(values.get("j"), None);
/// # Ok::<(), milter_proto::wire::NulInText>(())
/// ```
#[derive(Clone, Default)]
pub struct MacroValues(Vec<(Vec<u8>, Vec<u8>)>);

impl MacroValues {
    /// No macros.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a macro. Spell its name as MTAs do: one character, or several in braces. An empty value is a value: the macro is
    /// sent.
    pub fn set(&mut self, name: Text<'_>, value: Text<'_>) {
        self.remove(name);
        self.0.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
    }

    /// Removes a macro: it is not sent any more.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        self.0.retain(|(known, _)| known != name.as_ref());
    }

    /// The value of a macro.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<Text<'_>> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name.as_ref())?;
        Text::new(value).ok()
    }
}

impl fmt::Debug for MacroValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| Text::new(bytes).unwrap_or_default();
        map(f, self.0.iter().map(|(name, value)| (text(name), text(value))))
    }
}

impl<'t> Extend<(Text<'t>, Text<'t>)> for MacroValues {
    fn extend<I: IntoIterator<Item = (Text<'t>, Text<'t>)>>(&mut self, macros: I) {
        macros.into_iter().for_each(|(name, value)| self.set(name, value));
    }
}

impl<'t> FromIterator<(Text<'t>, Text<'t>)> for MacroValues {
    fn from_iter<I: IntoIterator<Item = (Text<'t>, Text<'t>)>>(macros: I) -> Self {
        let mut values = Self::new();
        values.extend(macros);
        values
    }
}
