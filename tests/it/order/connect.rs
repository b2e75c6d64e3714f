//! The address in CONNECT: what an MTA sends and what a filter accepts.

use milter_proto::mta::Sent;
use milter_proto::order::Rule;
use milter_proto::wire::{Command, Direction, Frame, Peer, Steps, Text};
use milter_proto::{Monitor, filter, mta};

use crate::support::sides::{Filter, Mta, strict};
use crate::support::text;

// libmilter closes if the family and the text do not fit.
#[test]
fn connect_says_nothing_that_is_no_address() {
    let v4 = |address: &'static str| Peer::Inet { port: 25, address: Text::try_from(address).unwrap() };
    let v6 = |address: &'static str| Peer::Inet6 { port: 25, address: Text::try_from(address).unwrap() };
    let rows = [
        (v4("192.0.2.1"), Ok(())),
        (v4("unknown"), Err(Rule::InvalidAddress)),
        (v4("IPv6:::ffff:192.0.2.1"), Err(Rule::InvalidAddress)),
        (v4(""), Err(Rule::InvalidAddress)),
        (v6("2001:db8::1"), Ok(())),
        (v6("IPv6:2001:db8:0:0:0:0:0:1"), Ok(())),
        (v6("192.0.2.1"), Err(Rule::InvalidAddress)),
        (Peer::Unix { port: 0, path: text(b"/run/client") }, Ok(())),
        (Peer::Unix { port: 0, path: Text::EMPTY }, Ok(())),
        (Peer::Unix { port: 0, path: text(&[b'x'; 107]) }, Ok(())),
        (Peer::Unix { port: 0, path: text(&[b'x'; 108]) }, Err(Rule::InvalidAddress)),
        (Peer::Unknown, Ok(())),
    ];
    for (peer, expected) in rows {
        let connect = Command::Connect { host: text(b"mx.example"), peer };
        let mut session = strict().0;
        let Ok(Sent::Frame(sent)) = session.send(connect) else { panic!("{peer:?}") };
        let bytes: Vec<u8> = sent.segments().flatten().copied().collect();
        let mut monitor = Monitor::new();
        monitor.observe(Direction::ToFilter, Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0"));
        monitor.observe(Direction::ToMta, Frame::new(b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0"));
        let judged: Vec<u8> = connect.encode().segments().flatten().copied().collect();
        let judged = Frame::new(connect.code(), &judged[5..]);
        let broken = monitor.clone().observe(Direction::ToFilter, judged).violations().next();
        assert_eq!(broken, expected.err(), "{peer:?}");
        // What is sent is an address, or none.
        assert_eq!(
            monitor.observe(Direction::ToFilter, Frame::new(b'C', &bytes[5..])).violations().count(),
            0
        );
    }
}

// libmilter parses old forms of IPv4 addresses. Here they are text, and not an address.
#[test]
fn an_odd_address_is_text_to_a_filter_and_not_sent_by_an_mta() {
    for odd in [&b"127.1"[..], b"0x7f000001", b"1.2.3.4 x"] {
        let peer = Peer::Inet { port: 25, address: text(odd) };
        assert_eq!(peer.ip(), None);
        let connect = Command::Connect { host: text(b"h"), peer };
        let sent = Mta::with(mta::Policy::STRICT, Steps::EMPTY).0.send(connect);
        let unknown = Command::Connect { host: text(b"h"), peer: Peer::Unknown };
        assert_eq!(sent, Ok(Sent::Frame(unknown.encode())));
        let payload = b"h\x004\0\x19127.1 x\0";
        let strict = Filter::with(filter::Policy::STRICT, Steps::EMPTY).rule(b'C', payload);
        assert_eq!(strict, Some(Rule::InvalidAddress));
        assert!(Filter::with(filter::Policy::DEFAULT, Steps::EMPTY).hear(connect).is_ok());
        assert!(Filter::with(filter::Policy::LIBMILTER, Steps::EMPTY).hear(connect).is_ok());
    }
}
