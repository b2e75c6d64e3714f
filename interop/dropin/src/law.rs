//! Which law a filter is held to: that of libmilter, or one that no SMTP client can turn against it.

use std::sync::OnceLock;

use milter_proto::filter::{Policy, Receiving, Sending};

/// The environment variable that chooses the law.
const VARIABLE: &str = "MILTER_PROTO_LAW";

/// The law of all connections of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Law {
    /// Does what libmilter does, with those of its bugs that an MTA can see.
    Libmilter,
    /// Handles and answers every command, in whatever order it comes.
    Robust,
}

impl Law {
    /// The chosen law, and `Err` with the value if it is not one that exists.
    pub(crate) fn chosen() -> Result<Self, String> {
        static CHOSEN: OnceLock<Result<Law, String>> = OnceLock::new();
        CHOSEN.get_or_init(|| Self::named(std::env::var_os(VARIABLE).as_deref())).clone()
    }

    fn named(name: Option<&std::ffi::OsStr>) -> Result<Self, String> {
        match name.and_then(std::ffi::OsStr::to_str) {
            None if name.is_none() => Ok(Self::Libmilter),
            Some("libmilter" | "") => Ok(Self::Libmilter),
            Some("robust") => Ok(Self::Robust),
            _ => {
                let name = name.unwrap_or_default().to_string_lossy();
                Err(format!("{VARIABLE} is {name:?}, and must be \"libmilter\" or \"robust\""))
            }
        }
    }

    pub(crate) const fn policy(self) -> Policy {
        match self {
            Self::Libmilter => Policy::LIBMILTER,
            // What C programs send is not always well-formed, and it is what the MTA got from them so far.
            Self::Robust => Policy::new(Receiving::Robust, Sending::Libmilter),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::Law;

    #[test]
    fn names() {
        assert_eq!(Law::named(None), Ok(Law::Libmilter));
        assert_eq!(Law::named(Some(OsStr::new("libmilter"))), Ok(Law::Libmilter));
        assert_eq!(Law::named(Some(OsStr::new("robust"))), Ok(Law::Robust));
        assert!(Law::named(Some(OsStr::new("strict"))).unwrap_err().contains("\"strict\""));
    }
}
