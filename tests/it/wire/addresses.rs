//! `Peer::ip` against `core`'s parser of addresses, which it has to agree with on every text.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use milter_proto::wire::{Command, Frame, Peer};
use proptest::prelude::*;

use crate::support::text;

#[track_caller]
fn agrees(address: &str) {
    let (v4, v6) = (address.parse().ok().map(IpAddr::V4), address.parse().ok().map(IpAddr::V6));
    let tagged = format!("IPv6:{address}");
    let [bare, tagged] = [address, &tagged].map(|address| text(address.as_bytes()));
    assert_eq!(Peer::Inet { port: 25, address: bare }.ip(), v4, "{address:?}");
    assert_eq!(Peer::Inet6 { port: 25, address: bare }.ip(), v6, "{address:?}");
    assert_eq!(Peer::Inet6 { port: 25, address: tagged }.ip(), v6, "{address:?} behind its prefix");
    assert_eq!(Peer::Inet { port: 25, address: tagged }.ip(), None, "{address:?} behind its prefix");
}

/// Every text of at most `len` characters of an alphabet.
fn texts(alphabet: &str, len: usize) -> impl Iterator<Item = String> {
    let longer = |texts: &Vec<String>| {
        Some(texts.iter().flat_map(|text| alphabet.chars().map(move |end| format!("{text}{end}"))).collect())
    };
    core::iter::successors(Some(vec![String::new()]), longer).take(len + 1).flatten()
}

#[test]
fn every_short_text_is_read_or_refused_as_core_does() {
    texts("01f:.", 6).chain(texts("9:", 15)).for_each(|address| agrees(&address));
}

#[test]
fn every_byte_in_every_place_is_read_or_refused_as_core_does() {
    for address in ["10.20.30.40", "1:2ab::F:4", "::ffff:1.2.3.4"] {
        for place in 0..address.len() {
            for byte in '\x01'..='\u{ff}' {
                let ((before, _), (_, behind)) = (address.split_at(place), address.split_at(place + 1));
                agrees(&format!("{before}{byte}{behind}"));
                agrees(&format!("{before}{byte}{}", address.split_at(place).1));
            }
        }
    }
}

#[test]
fn every_number_is_read_or_refused_as_core_does() {
    for number in 0..=1_999 {
        for number in
            [format!("{number}"), format!("{number:02}"), format!("{number:03}"), format!("{number:04}")]
        {
            for address in [
                format!("{number}.0.0.0"),
                format!("0.{number}.0.0"),
                format!("0.0.0.{number}"),
                format!("::{number}.0.0.0"),
            ] {
                agrees(&address);
            }
        }
    }
}

#[test]
fn every_group_is_read_or_refused_as_core_does() {
    for group in 0..=0x1_0100 {
        agrees(&format!("{group:x}::{group:X}"));
        agrees(&format!("::{group:04x}:{group:05x}"));
        agrees(&format!("::{group:04X}"));
    }
}

/// Every number of groups before and behind `::`, or without it, with an IPv4 address at every place.
#[test]
fn every_number_of_groups_is_read_or_refused_as_core_does() {
    let rows = |len: usize| {
        let groups = |len: usize| (1..=len).map(|group| format!("{group:x}")).collect::<Vec<_>>();
        let with_v4 = (0..len).map(move |place| {
            let mut groups = groups(len);
            groups[place] = "192.0.2.1".to_owned();
            groups.join(":")
        });
        core::iter::once(groups(len).join(":")).chain(with_v4).collect::<Vec<_>>()
    };
    for before in (0..=9).flat_map(rows) {
        agrees(&before);
        for behind in (0..=9).flat_map(rows) {
            for gap in ["::", ":::", ":"] {
                agrees(&format!("{before}{gap}{behind}"));
            }
            agrees(&format!("{before}::{behind}::"));
        }
    }
}

#[test]
fn the_prefix_is_passed_over_once_and_in_any_case() {
    let ip = |address: &[u8]| Peer::Inet6 { port: 25, address: text(address) }.ip();
    for prefix in 0..16_u8 {
        let letters = b"IPv6:".iter().enumerate().map(|(place, &letter)| match letter {
            b'I' | b'P' | b'v' if prefix >> place & 1 == 1 => letter ^ 0x20,
            _ => letter,
        });
        let address: Vec<u8> = letters.chain(*b"::1").collect();
        assert_eq!(ip(&address), Some(Ipv6Addr::LOCALHOST.into()));
    }
    for other in
        [&b"IPv6:IPv6:::1"[..], b"IPv6", b"IPv6:", b"IPv4:::1", b"IPv6 ::1", b"IPv\xe9:::1", b"::1\xff"]
    {
        assert_eq!(ip(other), None);
    }
}

proptest! {
    #[test]
    fn every_address_is_read_from_how_core_writes_it(v4: Ipv4Addr, v6: Ipv6Addr, holes: u8) {
        let mut segments = v6.segments();
        for (place, segment) in segments.iter_mut().enumerate() {
            *segment *= u16::from(holes >> place & 1);
        }
        let holed = Ipv6Addr::from(segments);
        for address in [v4.to_string(), v6.to_string(), holed.to_string(), v4.to_ipv6_mapped().to_string()] {
            agrees(&address);
        }
        let address = holed.to_string();
        prop_assert_eq!(Peer::Inet6 { port: 25, address: text(address.as_bytes()) }.ip(), Some(holed.into()));
    }

    #[test]
    fn what_is_nearly_an_address_is_read_or_refused_as_core_does(
        address in "[0-9a-fA-F]{0,5}(:{1,2}[0-9a-fA-F]{0,5}){0,8}(:?[0-9]{0,4}([.][0-9]{0,4}){0,4})?[ %:.]?",
    ) {
        agrees(&address);
    }

    #[test]
    fn what_may_be_an_address_is_read_or_refused_as_core_does(
        address in "([0-9a-f]{1,4}:){0,7}(:([0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4}|[0-9a-f]{1,4}|([0-9]{1,3}[.]){3}[0-9]{1,3})",
    ) {
        agrees(&address);
    }
}

// Sendmail writes `IPv6:` and all eight groups, Postfix neither; mapped addresses are IPv4.
#[test]
fn an_address_of_version_6_is_read_with_prefix_and_without() {
    let expected = "2001:db8::1".parse().ok();
    for address in [&b"IPv6:2001:db8:0:0:0:0:0:1"[..], b"ipv6:2001:db8::1", b"2001:db8::1"] {
        assert_eq!(Peer::Inet6 { port: 25, address: text(address) }.ip(), expected);
    }
    assert_eq!(Peer::Inet6 { port: 25, address: text(b"192.0.2.1") }.ip(), None);
}

// A unix socket has a port and perhaps no path; only `U` ends at its byte.
#[test]
fn a_unix_client_has_a_port_and_an_unknown_one_has_not() {
    let unix = Command::parse(Frame::new(b'C', b"h\0L\0\0\0")).unwrap();
    assert_eq!(unix, Command::Connect { host: text(b"h"), peer: Peer::Unix { port: 0, path: text(b"") } });
    assert!(Command::parse(Frame::new(b'C', b"h\0L\0")).is_err(), "no port");
    assert!(Command::parse(Frame::new(b'C', b"h\0U")).is_ok());
    assert!(Command::parse(Frame::new(b'C', b"h\0U\0\0\0")).is_err());
}
