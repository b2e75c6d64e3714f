//! The values of macros that an MTA has.

use alloc::vec::Vec;

use crate::wire::Text;

/// Macros by name, from which an MTA sends what a filter asks for.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MacroValues(
    /// Names and values, in the order of the names.
    Vec<(Vec<u8>, Vec<u8>)>,
);

impl MacroValues {
    /// No macros.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets a macro. Spell its name as MTAs do: one character, or several in braces. An empty value is a value: the macro is
    /// sent.
    pub fn set(&mut self, name: Text<'_>, value: Text<'_>) {
        let (name, value) = (name.as_bytes(), value.as_bytes().to_vec());
        match self.place(name) {
            Ok(place) => self.0.get_mut(place).into_iter().for_each(|known| known.1.clone_from(&value)),
            Err(place) => self.0.insert(place.min(self.0.len()), (name.to_vec(), value)),
        }
    }

    /// Removes a macro: it is not sent any more.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        self.0.retain(|(known, _)| known != name.as_ref());
    }

    /// The value of a macro.
    #[must_use]
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<Text<'_>> {
        Text::new(&self.0.get(self.place(name.as_ref()).ok()?)?.1).ok()
    }

    /// Where the macro is, or where it would be.
    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.as_slice().cmp(name))
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
