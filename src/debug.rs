//! `Debug` for bytes, and for structs of more than five fields and maps.
//!
//! The latter are used in place of `derive` and `debug_map` only because `core`'s code for them contains assertions, which
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

/// Bytes that are shown as a byte string, with escapes: `b"Hello\r\n"`.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// `Debug` as derived, except that the fields `chunk` and `payload` are shown as [`Bytes`]. Variants are listed by their kind.
macro_rules! debug_variants {
    (
        $name:ident<'_>
        units { $($unit:ident),* }
        tuples { $($tuple:ident),* }
        structs { $($variant:ident { $($field:ident),* }),* }
    ) => {
        impl core::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self {
                    $(Self::$unit => f.write_str(stringify!($unit)),)*
                    $(Self::$tuple(value) => f.debug_tuple(stringify!($tuple)).field(value).finish(),)*
                    $(Self::$variant { $($field),* } => f
                        .debug_struct(stringify!($variant))
                        $(.field(stringify!($field), $crate::debug::shown!($field, $field)))*
                        .finish(),)*
                }
            }
        }
    };
}
pub(crate) use debug_variants;

/// What a field is shown as.
macro_rules! shown {
    (chunk, $value:ident) => {
        &$crate::debug::Bytes($value)
    };
    (payload, $value:ident) => {
        &$crate::debug::Bytes($value)
    };
    ($field:ident, $value:ident) => {
        $value
    };
}
pub(crate) use shown;

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
