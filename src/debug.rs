//! `Debug` for structs of more than five fields and for maps.
//!
//! Used in place of `derive` and `debug_map` only because `core`'s code for them contains assertions, which
//! `tests/proofs` reports as panics (a single derived struct is inlined and passes, a second one does not).

use core::fmt;

/// `Debug` as derived, for any number of fields.
///
/// Of more than five, `core` asserts that they have as many names as values.
macro_rules! debug_fields {
    ($name:ident$(<$lifetime:lifetime>)? { $($field:ident),* }) => {
        impl core::fmt::Debug for $name$(<$lifetime>)? {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                let Self { $($field),* } = self;
                f.debug_struct(stringify!($name))$(.field(stringify!($field), $field))*.finish()
            }
        }
    };
}
pub(crate) use debug_fields;

/// Shows pairs as the entries of a map, of which `core` asserts that every key has its value.
pub(crate) fn map<K: fmt::Debug, V: fmt::Debug>(
    f: &mut fmt::Formatter<'_>,
    pairs: impl Iterator<Item = (K, V)>,
) -> fmt::Result {
    f.debug_set().entries(pairs.map(|(key, value)| Entry(key, value))).finish()
}

struct Entry<K, V>(K, V);

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Entry<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        f.write_str(": ")?;
        self.1.fmt(f)
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests {
    use alloc::format;
    use core::fmt;

    #[test]
    fn fields_are_shown_as_the_derived_debug_shows_them() {
        struct Fields<'a> {
            first: &'a str,
            second: Option<u8>,
        }
        debug_fields!(Fields<'_> { first, second });

        let ours = Fields { first: "a", second: Some(2) };
        let theirs = {
            #[derive(Debug)]
            struct Fields<'a> {
                #[expect(dead_code, reason = "it is shown")]
                first: &'a str,
                #[expect(dead_code, reason = "it is shown")]
                second: Option<u8>,
            }
            Fields { first: "a", second: Some(2) }
        };
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        assert_eq!(format!("{ours:#?}"), format!("{theirs:#?}"));
    }

    #[test]
    fn pairs_are_shown_as_a_map_is() {
        struct Ours<'a>(&'a [(&'a str, Option<u8>)]);
        struct Theirs<'a>(&'a [(&'a str, Option<u8>)]);
        impl fmt::Debug for Ours<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                super::map(f, self.0.iter().copied())
            }
        }
        impl fmt::Debug for Theirs<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_map().entries(self.0.iter().copied()).finish()
            }
        }
        for pairs in [&[][..], &[("i", None)], &[("i", Some(1)), ("j\n", None)]] {
            assert_eq!(format!("{:?}", Ours(pairs)), format!("{:?}", Theirs(pairs)));
            assert_eq!(format!("{:#?}", Ours(pairs)), format!("{:#?}", Theirs(pairs)));
            assert_eq!(format!("{:3?}", Ours(pairs)), format!("{:3?}", Theirs(pairs)));
        }
    }
}
