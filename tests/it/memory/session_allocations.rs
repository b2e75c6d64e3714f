//! A session allocates nothing: neither side, nor the monitor, nor the store of macros once it has its room.

use allocation_counter::measure;
use milter_proto::filter::Options;
use milter_proto::macros::MacroStore;
use milter_proto::mta::Sent;
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Command, Direction, Edit, Frame, MacroStage, Macros, Offer, OutgoingFrame, Peer, Text, TextList,
    Verdict,
};
use milter_proto::{FilterSession, Monitor, MtaSession, filter, mta};

/// The wire of one turn, and what is kept between turns.
struct Rooms {
    wire: Vec<u8>,
    store: MacroStore<Vec<u8>>,
}

#[test]
fn a_message_on_both_sides_allocates_nothing() {
    let mut rooms = Rooms { wire: Vec::with_capacity(4096), store: MacroStore::new(Vec::new()) };
    converse(&mut rooms);
    let seen = measure(|| converse(&mut rooms));
    assert_eq!(seen.count_total, 0, "{seen:?}");
}

#[test]
fn a_new_session_allocates_nothing() {
    let seen = measure(|| {
        let sessions = (
            FilterSession::with_policy(filter::Policy::LIBMILTER),
            MtaSession::with_policy(mta::Policy::POSTFIX),
            Monitor::new(),
        );
        assert_eq!(sessions.clone(), sessions);
    });
    assert_eq!(seen.count_total, 0, "{seen:?}");
}

#[test]
fn a_store_that_is_released_holds_its_macros_and_nothing_else() {
    fn list(stage: MacroStage, bytes: &[u8]) -> Command<'_> {
        Command::Macros(Macros::new(stage, TextList::new(bytes).unwrap()).unwrap())
    }
    let (connection, message) = (b"j\0mx.example\0", b"i\0Q1\0");
    let mut store = MacroStore::new(Vec::new());
    let seen = measure(|| {
        store.observe(&filter::Event::new(list(MacroStage::CONNECT, connection))).unwrap();
        store
            .observe(&filter::Event::new(list(
                MacroStage::MAIL,
                &[b"i\0", &[b'1'; 5000][..], b"\0"].concat(),
            )))
            .unwrap();
        store.observe(&filter::Event::new(list(MacroStage::MAIL, message))).unwrap();
        store.observe(&filter::Event::new(Command::EndOfMessage { chunk: b"" })).unwrap();
        store.release();
    });
    assert_eq!(usize::try_from(seen.bytes_current), Ok(connection.len() + message.len()), "{seen:?}");
    // As in libmilter, the end of the connection sees the macros of the message before it.
    assert_eq!(store.get("j"), Some(Text::new(b"mx.example").unwrap()));
    assert_eq!(store.get("i"), Some(Text::new(b"Q1").unwrap()));
}

/// A message with macros, edits and a refused recipient, from OPTNEG to QUIT.
fn converse(rooms: &mut Rooms) {
    let (mut mta, mut filter) =
        (MtaSession::with_policy(mta::Policy::STRICT), FilterSession::with_policy(filter::Policy::STRICT));
    let mut monitor = Monitor::new();
    let text = |bytes| Text::new(bytes).unwrap();
    let (address, arguments) = (text(b"<a@b.c>"), TextList::EMPTY);
    let macros = Macros::new(MacroStage::MAIL, TextList::new(b"i\0QUEUE1\0").unwrap()).unwrap();
    for command in [
        Command::Negotiate(Offer::FULL),
        Command::Connect {
            host: text(b"mx.example"),
            peer: Peer::Inet { port: 25, address: text(b"192.0.2.1") },
        },
        Command::Helo { name: text(b"mx.example") },
        Command::Macros(macros),
        Command::MailFrom { address, arguments },
        Command::RcptTo { address, arguments },
        Command::RcptTo { address, arguments },
        Command::Data,
        Command::Header { name: text(b"Subject"), value: text(b" hello") },
        Command::EndOfHeaders,
        Command::Body { chunk: &[b'x'; 2000] },
        Command::EndOfMessage { chunk: b"" },
        Command::Abort,
        Command::Quit,
    ] {
        let Sent::Frame(outgoing) = mta.send(command).unwrap() else { continue };
        let frame = written(&outgoing, &mut rooms.wire);
        assert_eq!(monitor.observe(Direction::ToFilter, frame).violations().count(), 0);
        let event = filter.receive(frame).unwrap();
        rooms.store.observe(&filter::Event::new(event.command)).unwrap();
        while let filter::Turn::Reply(owed) = filter.turn() {
            let wishes = Options::all_commands().require(Actions::ADD_HEADERS);
            if owed == CommandKind::EndOfMessage {
                let edit = Edit::AddHeader { name: text(b"X-Seen"), value: text(b" yes") };
                answer(&filter.send(edit).unwrap(), &mut rooms.wire, &mut monitor, &mut mta);
            }
            let outgoing = match owed {
                CommandKind::Negotiate => filter.negotiate(&wishes).unwrap().frame,
                CommandKind::RcptTo => filter.send(Verdict::Reject).unwrap(),
                _ => filter.send(Verdict::Continue).unwrap(),
            };
            answer(&outgoing, &mut rooms.wire, &mut monitor, &mut mta);
        }
    }
    assert_eq!(filter.turn(), filter::Turn::Closed);
}

fn answer(outgoing: &OutgoingFrame<'_>, wire: &mut Vec<u8>, monitor: &mut Monitor, mta: &mut MtaSession) {
    let frame = written(outgoing, wire);
    assert_eq!(monitor.observe(Direction::ToMta, frame).violations().count(), 0);
    mta.receive(frame).unwrap();
}

fn written<'w>(outgoing: &OutgoingFrame<'_>, wire: &'w mut Vec<u8>) -> Frame<'w> {
    wire.clear();
    outgoing.append_to(wire);
    Frame::split(wire, milter_proto::Limits::DEFAULT).unwrap().unwrap().0
}
