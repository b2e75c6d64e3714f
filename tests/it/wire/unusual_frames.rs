//! Legal frames that other Milter libraries refuse, drop or misread.

use milter_proto::wire::{
    Command, Edit, Fault, Frame, MacroStage, Macros, Peer, Response, Text, Tolerance, Verdict,
};

use crate::support::{bytes_of, text, wire};

fn command<'a>(code: u8, payload: &'a [u8]) -> Command<'a> {
    Command::parse(Frame::new(code, payload)).expect("the frame is clean")
}

fn response<'a>(code: u8, payload: &'a [u8]) -> Response<'a> {
    Response::parse(Frame::new(code, payload)).expect("the frame is clean")
}

fn macros(payload: &[u8], tolerance: Tolerance) -> Option<Macros<'_>> {
    let decoded = Command::parse_as(Frame::new(b'D', payload), tolerance).ok()?;
    let Command::Macros(macros) = decoded.value else { panic!("these are macros") };
    Some(macros)
}

// CMD-11: six other libraries drop it.
#[test]
fn the_payload_of_bodyeob_is_kept() {
    assert_eq!(command(b'E', b"last\r\n"), Command::EndOfMessage { chunk: b"last\r\n" });
    assert_eq!(command(b'E', b""), Command::EndOfMessage { chunk: b"" });
}

// CMD-10, BDY-3, TOL-7.
#[test]
fn an_empty_body_chunk_is_refused_and_can_be_tolerated() {
    let frame = Frame::new(b'B', b"");
    assert_eq!(Command::parse(frame).unwrap_err().fault(), Fault::Empty);
    assert!(Command::parse_as(frame, Tolerance::LIBMILTER).is_err());
    let decoded = Command::parse_as(frame, Tolerance::LENIENT).unwrap();
    assert_eq!(decoded.value, Command::Body { chunk: b"" });
    assert_eq!(response(b'b', b""), Edit::ReplaceBody { chunk: b"" }.into());
}

// CMD-5: other libraries close the session on legal arguments, which a sender controls.
#[test]
fn mail_with_no_argument_an_empty_address_or_two_equals_signs_is_read() {
    let rows: [(&[u8], &str, &[&str]); 5] = [
        (b"<a@b.c>\0", "<a@b.c>", &[]),
        (b"\0", "", &[]),
        (b"<>\0", "<>", &[]),
        (b"<a>\0AUTH=<a=b>\0ENVID=QQ=314\0", "<a>", &["AUTH=<a=b>", "ENVID=QQ=314"]),
        (b"<a>\0a=b=c\0\0", "<a>", &["a=b=c", ""]),
    ];
    for (payload, expected, expected_arguments) in rows {
        let Command::MailFrom { address, arguments } = command(b'M', payload) else { panic!() };
        assert_eq!(address, expected);
        assert!(arguments.iter().eq(expected_arguments.iter().copied()));
    }
}

// CMD-3.
#[test]
fn connect_is_read_for_every_family_and_refused_without_its_nul() {
    let peer_of = |payload| match Command::parse(Frame::new(b'C', payload)) {
        Ok(Command::Connect { peer, .. }) => Some(peer),
        _ => None,
    };
    assert_eq!(peer_of(b"h\0U"), Some(Peer::Unknown));
    assert_eq!(peer_of(b"h\0L\0\0/run/x\0"), Some(Peer::Unix { port: 0, path: text(b"/run/x") }));
    let inet = peer_of(b"h\x004\x04\xd2192.0.2.1\0").unwrap();
    assert_eq!(inet, Peer::Inet { port: 1234, address: text(b"192.0.2.1") });
    for address in [&b"h\x006\0\x19IPv6:::1\0"[..], b"h\x006\0\x19::1\0"] {
        assert_eq!(peer_of(address).unwrap().ip(), Some("::1".parse().unwrap()));
    }
    for refused in [&b"h\x005\0\x19x\0"[..], b"h", b"h\0", b"h\x004\0\x19192.0.2.1", b"h\x004\0"] {
        assert_eq!(peer_of(refused), None, "{}", refused.escape_ascii());
    }
}

// MAC-1 to MAC-6, TOL-6. How long macros last is tested in `macros`.
#[test]
fn macros_may_be_empty_odd_double_or_of_any_stage() {
    for stage in *b"LBUAZ" {
        let payload = [stage, b'i', 0, b'Q', 0];
        let macros = macros(&payload, Tolerance::STRICT).unwrap();
        assert_eq!((macros.stage(), macros.iter().count()), (MacroStage::new(stage), 1));
    }
    assert_eq!(macros(b"M", Tolerance::STRICT).unwrap().iter().count(), 0);
    assert_eq!(macros(b"", Tolerance::LENIENT), None);
    assert_eq!(macros(b"Mi\0Q\0j\0", Tolerance::STRICT), None);
    assert_eq!(macros(b"Mi\0Q\0j\0", Tolerance::LIBMILTER).unwrap().iter().count(), 1);
    let double = macros(b"Mi\0a\0i\0b\0", Tolerance::STRICT).unwrap();
    assert_eq!((double.iter().count(), double.get(text(b"i"))), (2, Some(text(b"a"))));
}

// HDR-6: one byte of Latin-1 from a sender crashed filters of other libraries.
#[test]
fn bytes_that_are_not_utf_8_are_read_in_every_field() {
    const ODD: &[u8] = b"\xe9\xff\xc0\x80";
    let commands: [(u8, Vec<u8>); 8] = [
        (b'C', [ODD, b"\x004\0\x19", ODD, b"\0"].concat()),
        (b'H', [ODD, b"\0"].concat()),
        (b'M', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'R', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'L', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'D', [b"M", ODD, b"\0", ODD, b"\0"].concat()),
        (b'U', [ODD, b"\0"].concat()),
        (b'B', ODD.to_vec()),
    ];
    for (code, payload) in commands {
        let command = command(code, &payload);
        assert!(!matches!(command, Command::Other(_)));
        assert_eq!(bytes_of(&command.encode()), wire(code, &payload));
    }
    let responses: [(u8, Vec<u8>); 11] = [
        (b'h', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'i', [b"\0\0\0\0", ODD, b"\0", ODD, b"\0"].concat()),
        (b'm', [b"\0\0\0\0", ODD, b"\0", ODD, b"\0"].concat()),
        (b'e', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'2', [ODD, b"\0", ODD, b"\0"].concat()),
        (b'+', [ODD, b"\0"].concat()),
        (b'-', [ODD, b"\0"].concat()),
        (b'q', [ODD, b"\0"].concat()),
        (b'b', ODD.to_vec()),
        (b'y', [b"550 ", ODD, b"\0"].concat()),
        (b'O', [&[0; 16][..], ODD, b"\0"].concat()),
    ];
    for (code, payload) in responses {
        let response = response(code, &payload);
        assert!(!matches!(response, Response::Other(_)));
        assert_eq!(bytes_of(&response.encode()), wire(code, &payload));
    }
}

// CMD-15: eight other libraries do not know it.
#[test]
fn quit_nc_is_a_command() {
    assert_eq!(command(b'K', b""), Command::QuitNewConnection);
    assert_eq!(bytes_of(&Command::QuitNewConnection.encode()), b"\0\0\0\x01K");
}

// RSP-5, RSP-7: libmilter leaves the arguments out; other libraries take that for an error, or read a wrong address.
#[test]
fn chgfrom_and_addrcpt_par_are_read_with_and_without_arguments() {
    for (payload, expected) in
        [(&b"<a>\0"[..], None), (b"<a>\0\0", Some(Text::EMPTY)), (b"<a>\0SIZE=1\0", Some(text(b"SIZE=1")))]
    {
        let address = text(b"<a>");
        assert_eq!(response(b'e', payload), Edit::ChangeFrom { address, arguments: expected }.into());
        assert_eq!(
            response(b'2', payload),
            Edit::AddRcptWithArguments { address, arguments: expected }.into()
        );
    }
}

// RSP-12, RSP-16, RSP-18 to RSP-20: another library's client does not know ACCEPT and PROGRESS.
#[test]
fn accept_progress_skip_and_the_two_rare_verdicts_are_known() {
    assert_eq!(response(b'a', b""), Verdict::Accept.into());
    assert_eq!(response(b's', b""), Verdict::Skip.into());
    assert_eq!(response(b'f', b""), Verdict::ConnectionFail.into());
    assert_eq!(response(b'4', b""), Verdict::Shutdown.into());
    assert_eq!(response(b'p', b""), Response::Progress);
}
