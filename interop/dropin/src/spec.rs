//! Where a filter listens, in libmilter's notation: `inet:8891@localhost`, `inet6:8891@[::1]`, `unix:/run/filter.sock`.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::ffi;

/// Bytes that the path of a socket may have, as libmilter counts them.
const LONGEST_PATH: usize = 106;

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

/// Why a specification is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadSpec {
    Kind(String),
    LongPath(String),
    Service(String),
    Literal(String),
    Host(String),
}

impl fmt::Display for BadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "{kind:?} is no kind of socket: unix, local, inet and inet6 are"),
            Self::LongPath(path) => write!(f, "the path {path:?} has more than {LONGEST_PATH} bytes"),
            Self::Service(name) => write!(f, "no port is known by the name {name:?}"),
            Self::Literal(text) => write!(f, "{text:?} is no address of this family in brackets"),
            Self::Host(name) => write!(f, "the host {name:?} has no address of this family"),
        }
    }
}

/// Reads a specification.
pub(crate) fn parse(spec: &[u8]) -> Result<Address, BadSpec> {
    let (kind, rest) = match spec.iter().position(|&byte| byte == b':') {
        Some(colon) => (spec.get(..colon).unwrap_or_default(), after(spec, colon)),
        None => (&b""[..], spec),
    };
    match &kind.to_ascii_lowercase()[..] {
        b"" | b"unix" | b"local" if rest.len() > LONGEST_PATH => Err(BadSpec::LongPath(shown(rest))),
        b"" | b"unix" | b"local" => Ok(Address::Unix(PathBuf::from(OsStr::from_bytes(rest)))),
        b"inet" => tcp(rest, Ipv4Addr::UNSPECIFIED.into()),
        b"inet6" => tcp(rest, Ipv6Addr::UNSPECIFIED.into()),
        _ => Err(BadSpec::Kind(shown(kind))),
    }
}

/// Reads `port@host`; without a host it is every address of the family.
fn tcp(text: &[u8], any: IpAddr) -> Result<Address, BadSpec> {
    let (service, host) = match text.iter().position(|&byte| byte == b'@') {
        Some(at) => (text.get(..at).unwrap_or_default(), Some(after(text, at))),
        None => (text, None),
    };
    let port = port(service).ok_or_else(|| BadSpec::Service(shown(service)))?;
    let address = match host {
        None => any,
        Some([b'[', literal @ ..]) => {
            bracketed(literal, any).ok_or_else(|| BadSpec::Literal(shown(literal)))?
        }
        Some(name) => resolve(&shown(name), any).ok_or_else(|| BadSpec::Host(shown(name)))?,
    };
    Ok(Address::Tcp(SocketAddr::new(address, port)))
}

/// The address before the closing bracket.
fn bracketed(literal: &[u8], any: IpAddr) -> Option<IpAddr> {
    let end = literal.iter().position(|&byte| byte == b']')?;
    let text = std::str::from_utf8(literal.get(..end)?).ok()?;
    if any.is_ipv4() {
        // The resolver of the C library reads short and octal forms of numbers, as libmilter does.
        let is_numeric =
            text.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'x' | b'X'));
        // The broadcast address is what the C library returns for an error.
        return resolve(text, any).filter(|address| is_numeric && *address != Ipv4Addr::BROADCAST);
    }
    let bare =
        text.get(..5).filter(|prefix| prefix.eq_ignore_ascii_case("IPv6:")).and_then(|_| text.get(5..));
    bare.unwrap_or(text).parse().ok().map(IpAddr::V6)
}

/// The first address of a host that is of the same family as `any`.
fn resolve(name: &str, any: IpAddr) -> Option<IpAddr> {
    let mut found = (name, 0).to_socket_addrs().ok()?;
    found.find_map(|address| (address.ip().is_ipv4() == any.is_ipv4()).then(|| address.ip()))
}

/// A number, as far as there are digits and modulo 2^16, or the name of a service.
fn port(service: &[u8]) -> Option<u16> {
    if !service.first().is_some_and(u8::is_ascii_digit) {
        return ffi::service_port(service);
    }
    let digits = service.iter().take_while(|byte| byte.is_ascii_digit());
    Some(
        digits.fold(0_u16, |port, digit| {
            port.wrapping_mul(10).wrapping_add(u16::from(digit.wrapping_sub(b'0')))
        }),
    )
}

fn after(text: &[u8], place: usize) -> &[u8] {
    text.get(place.saturating_add(1)..).unwrap_or_default()
}

fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Address, BadSpec, parse};

    fn tcp(spec: &str) -> String {
        match parse(spec.as_bytes()) {
            Ok(Address::Tcp(address)) => address.to_string(),
            other => panic!("{spec}: {other:?}"),
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(tcp("inet:8891@127.0.0.1"), "127.0.0.1:8891");
        assert_eq!(tcp("INET:8891"), "0.0.0.0:8891");
        assert_eq!(tcp("inet:8891@[127.1]"), "127.0.0.1:8891");
        assert_eq!(tcp("inet:8891@localhost"), "127.0.0.1:8891");
        assert_eq!(tcp("inet:smtp"), "0.0.0.0:25");
        assert_eq!(tcp("inet:70000@127.0.0.1"), "127.0.0.1:4464");
        assert_eq!(tcp("inet6:8891@[::1]"), "[::1]:8891");
        assert_eq!(tcp("inet6:8891@[IPv6:::1]"), "[::1]:8891");
        for spec in ["unix:/run/a", "local:/run/a", ":/run/a", "/run/a"] {
            assert_eq!(parse(spec.as_bytes()), Ok(Address::Unix("/run/a".into())), "{spec}");
        }
    }

    #[test]
    fn errors() {
        let bad = |spec: &str| parse(spec.as_bytes()).unwrap_err();
        assert_eq!(bad("tcp:8891"), BadSpec::Kind("tcp".into()));
        assert!(matches!(bad(&format!("unix:/{}", "a".repeat(106))), BadSpec::LongPath(_)));
        assert!(matches!(bad("inet:nosuchservice@127.0.0.1"), BadSpec::Service(_)));
        assert!(matches!(bad("inet:1@[localhost]"), BadSpec::Literal(_)));
        assert!(matches!(bad("inet:1@[127.0.0.1"), BadSpec::Literal(_)));
        assert!(matches!(bad("inet6:1@[127.0.0.1]"), BadSpec::Literal(_)));
    }
}
