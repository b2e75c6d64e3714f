//! What a filter did on one connection.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::rules::RuleSet;

/// What came back, what was called, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) replies: Vec<u8>,
    pub(crate) callbacks: Vec<Callback>,
    pub(crate) outcome: Outcome,
}

impl Observation {
    /// What was said and called, but for abort callbacks and the macros that are seen at the end.
    pub(crate) fn without_aborts(mut self) -> Self {
        self.callbacks.retain(|callback| callback.name != "abort");
        if let Some(last) = self.callbacks.last_mut() {
            last.macros.clear();
        }
        self
    }

    /// The same without what abort callbacks see of macros.
    pub(crate) fn without_macros_at_abort(mut self) -> Self {
        let aborts = self.callbacks.iter_mut().filter(|callback| callback.name == "abort");
        aborts.for_each(|callback| callback.macros.clear());
        self
    }

    /// The same with other arguments in the place of some.
    pub(crate) fn renamed(mut self, names: &[(String, String)]) -> Self {
        for argument in self.callbacks.iter_mut().flat_map(|callback| &mut callback.arguments) {
            if let Some((_, real)) = names.iter().find(|(stand_in, _)| stand_in == argument) {
                argument.clone_from(real);
            }
        }
        self
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The filter closed it.
    Closed,
    /// The deadline passed.
    Silent,
    /// The program is gone.
    Died(String),
    /// The lines of callbacks make no sense.
    Muddled(String),
}

/// One line of `--events`, in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) macros: Vec<String>,
}

impl Callback {
    /// Reads a line: the number of its connection, and what was called.
    pub(crate) fn read(line: &str, rules: &RuleSet) -> Option<(u64, Self)> {
        let mut fields = line.split(' ');
        let number = fields.next()?.parse().ok()?;
        let name = fields.next()?.to_owned();
        let is_macro = |field: &&str| {
            let value = rules.shown_macros().find_map(|name| field.strip_prefix(name));
            value.is_some_and(|value| value.starts_with('='))
        };
        let fields: Vec<&str> = fields.collect();
        let count = fields.iter().rev().take_while(|field| is_macro(field)).count();
        let (arguments, macros) = fields.split_at(fields.len().saturating_sub(count));
        let owned = |fields: &[&str]| fields.iter().map(|&field| field.to_owned()).collect();
        let mut callback = Self { name, arguments: owned(arguments), macros: owned(macros) };
        callback.make_comparable();
        Some((number, callback))
    }

    /// Leaves out what libmilter's callback does not get: the words of an offer, the port of a unix
    /// socket, the spelling of an IP address.
    fn make_comparable(&mut self) {
        match (self.name.as_str(), self.arguments.as_mut_slice()) {
            ("negotiate", _) => self.arguments.clear(),
            ("connect", [_, peer]) => {
                let mut parts = peer.splitn(3, ':');
                if let (Some(family), Some(port), Some(address)) = (parts.next(), parts.next(), parts.next())
                {
                    let port = if family == "L" { "0" } else { port };
                    *peer = format!("{family}:{port}:{}", canonical(family, address));
                }
            }
            _ => {}
        }
    }
}

impl core::fmt::Display for Callback {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.name)?;
        self.arguments.iter().chain(&self.macros).try_for_each(|field| write!(f, " {field}"))
    }
}

/// Addresses that stand for one that libmilter does not take, or reads in its own way.
pub(crate) const STAND_INS: [(u8, &str); 3] =
    [(b'4', "192.0.2.255"), (b'6', "2001:db8::ffff"), (b'L', "/stand/in")];

/// Bytes as the lines of callbacks have them.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let one = |&byte: &u8| match byte {
        b'\\' | ..=0x20 | 0x7f.. => format!("\\x{byte:02x}"),
        _ => char::from(byte).to_string(),
    };
    bytes.iter().map(one).collect()
}

/// An address in the one spelling of the standard library; `?` for one that needs an opinion.
fn canonical(family: &str, address: &str) -> String {
    let bare = match address.split_at_checked(5) {
        Some((prefix, bare)) if prefix.eq_ignore_ascii_case("IPv6:") => bare,
        _ => address,
    };
    let known = match family {
        "4" => address.parse::<Ipv4Addr>().map(|address| address.to_string()).ok(),
        "6" => bare.parse::<Ipv6Addr>().map(|address| address.to_string()).ok(),
        _ if address == "\"\"" => Some(String::new()),
        // sun_path has 108 bytes, with the NUL.
        _ => Some(address.to_owned()).filter(|path| path.len() < 108),
    };
    let is_stand_in = |known: &String| STAND_INS.iter().any(|row| row.1 == known);
    known.filter(|known| !is_stand_in(known)).unwrap_or_else(|| "?".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Callback;
    use crate::rules::RuleSet;

    const RULES: RuleSet = RuleSet { name: "test", arguments: &["--show-macros", "i {x}"] };

    #[test]
    fn macros_stand_behind_the_arguments() {
        let (number, callback) = Callback::read("7 mail <a> SIZE=1 i=Q {x}=\"\"", &RULES).unwrap();
        assert_eq!(number, 7);
        assert_eq!(callback.arguments, ["<a>", "SIZE=1"]);
        assert_eq!(callback.macros, ["i=Q", "{x}=\"\""]);
        assert_eq!(callback.to_string(), "mail <a> SIZE=1 i=Q {x}=\"\"");
    }

    #[test]
    fn what_libmilter_does_not_say_is_not_compared() {
        let rows = [
            ("1 negotiate 0x6 0x1ff 0x1fffff", "1 negotiate"),
            ("1 connect h 6:1:IPv6:2001:db8:0:0:0:0:0:1", "1 connect h 6:1:2001:db8::1"),
            ("1 connect h L:9:/run/x", "1 connect h L:0:/run/x"),
            ("1 connect h L:0:\"\"", "1 connect h L:0:"),
            ("1 connect h 4:1:127.1", "1 connect h 4:1:192.0.2.255"),
        ];
        for (ours, theirs) in rows {
            assert_eq!(Callback::read(ours, &RULES), Callback::read(theirs, &RULES), "{ours}");
        }
    }
}
