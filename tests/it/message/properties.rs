//! What holds for any message and any edits.

use milter_proto::filter::{self, Options, Support};
use milter_proto::message::{EditRules, Edits, EnvelopeAddress, Header, Message, with_crlf};
use milter_proto::mta::{self, EditStatus, Sent};
use milter_proto::order::CommandKind;
use milter_proto::wire::{
    Actions, Assembler, Command, DataSize, Edit, EditBuf, Frame, LeadingSpace, Offer, Peer, Steps, Text,
    TextList, Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::text;

const RULES: [EditRules; 2] = [EditRules::POSTFIX, EditRules::SENDMAIL];
const SPACES: [LeadingSpace; 2] = [LeadingSpace::Stripped, LeadingSpace::Preserved];

/// Bytes in which everything that parts headers from each other and from the body occurs often.
fn odd_bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces: &[&[u8]] = &[
        b"X",
        b"Subject",
        b":",
        b": ",
        b" ",
        b"\t",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b"\xe9",
        b"\x7f",
        b"\r\n\r\n",
        b"value",
    ];
    let piece =
        prop_oneof![9 => select(pieces.to_vec()).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..4)];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A message with headers as programs write them: folds as CRLF and a blank, 8-bit bytes, no NUL and no lone CR or LF.
fn clean_message() -> impl Strategy<Value = Vec<u8>> {
    let value = select(&["one", "two\r\n\tlines", " \r\n a  b \r\n c", "", "caf\u{e9}", "a:b"][..]);
    let header = (select(&["Subject", "X-A", "Received", "To"][..]), value)
        .prop_map(|(name, value)| format!("{name}: {value}\r\n").into_bytes());
    (vec(header, 0..6), body()).prop_map(|(headers, body)| [&headers.concat(), &b"\r\n"[..], &body].concat())
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let short = vec(select(vec![&b"text"[..], b"\r\n", b"\r", b"\n", b"\0", b"\xff", b"."]), 0..12);
    let long = (select(vec![65_534, 65_535, 65_536, 131_070, 262_143, 262_144]), any::<u8>());
    prop_oneof![
        8 => short.prop_map(|pieces| pieces.concat()),
        1 => long.prop_map(|(len, byte)| vec![byte; len]),
    ]
}

fn is_empty_line(line: &[u8]) -> bool {
    line == b"\r\n" || line == b"\n"
}

/// Where the body of a message begins, without the empty line, and whether there is one.
fn body_start(bytes: &[u8]) -> (usize, bool) {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if is_empty_line(line) {
            return (at + line.len(), true);
        }
        let is_continued = at > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        let name = line.split(|byte| *byte == b':').next().unwrap().trim_ascii_end();
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        // Blanks may stand before the colon, but nothing else.
        let rest = &line[name.len()..];
        let is_header = is_name && rest.iter().find(|byte| !matches!(byte, b' ' | b'\t')) == Some(&b':');
        if !is_continued && !is_header {
            return (at, false);
        }
        at += line.len();
    }
    (at, false)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_parsed_comes_out_byte_for_byte(bytes in prop_oneof![3 => odd_bytes(), 1 => vec(any::<u8>(), 0..80)]) {
        let message = Message::parse(&bytes);
        let (start, _) = body_start(&bytes);
        prop_assert_eq!(message.body().escape_ascii().to_string(), bytes[start..].escape_ascii().to_string());
        prop_assert_eq!(message.to_bytes(), bytes.clone());
        prop_assert_eq!(message.pieces().collect::<Vec<_>>().concat(), bytes.clone());
        for header in message.headers() {
            let whole = header.as_bytes();
            prop_assert!(whole.starts_with(header.name()) && !header.name().is_empty());
            let end = whole.len() - whole.iter().rev().take_while(|byte| **byte == b'\n').count().min(1);
            let end = end - usize::from(end < whole.len() && whole[..end].ends_with(b"\r"));
            prop_assert!(whole[..end].ends_with(header.value()));
        }
        let owned = message.clone().into_owned();
        prop_assert_eq!(&owned, &message);
        prop_assert_eq!(owned.to_bytes(), bytes);
    }

    #[test]
    fn no_edits_change_nothing(bytes in odd_bytes(), rules in select(&RULES[..]), space in select(&SPACES[..])) {
        let mut message = Message::parse(&bytes);
        message.add_trace(Header::new("Received", " by us"));
        let before = message.clone();
        prop_assert_eq!(Edits::new().apply(&mut message, rules, space).unwrap(), []);
        prop_assert_eq!(message, before);
    }

    #[test]
    fn what_is_inserted_and_deleted_again_leaves_no_trace(
        bytes in odd_bytes(),
        index in prop_oneof![0..30_u32, any::<u32>()],
        number in 0..2_u32,
        value in select(&["one", " \n two\nthree\r", "\n"][..]),
        rules in select(&RULES[..]),
        space in select(&SPACES[..]),
        has_trace in any::<bool>(),
    ) {
        // Edits complete a message that has no empty line.
        let bytes = if body_start(&bytes).1 { bytes } else { [b"X: y\r\n\r\n", &bytes[..]].concat() };
        let mut message = Message::parse(&bytes);
        message.add_recipient(text(b"<a@x>"));
        if has_trace {
            message.add_trace(Header::new("Received", " by us"));
        }
        let (before, recipients) = (message.to_bytes(), message.recipients().cloned().collect::<Vec<_>>());
        for add in [Edit::insert_header(index, "X-Unique", value), Edit::add_header("X-Unique", value)] {
            let mut edits = Edits::new();
            let more = [Edit::add_recipient("b@x"), Edit::delete_header(number, "x-unique"), Edit::delete_recipient("<b@x>")];
            for edit in [add].into_iter().chain(more) {
                edits.push(edit.unwrap(), EditStatus::Negotiated).unwrap();
            }
            let outcomes = edits.apply(&mut message, rules, space).unwrap();
            // Unless something above it is no header, so that Postfix does not find it again.
            prop_assert!(outcomes.iter().all(|outcome| outcome.effect.is_some()), "{:?}", outcomes);
            prop_assert_eq!(message.to_bytes().escape_ascii().to_string(), before.escape_ascii().to_string());
            prop_assert_eq!(message.recipients().cloned().collect::<Vec<_>>(), recipients.clone());
        }
    }

    #[test]
    fn line_ends_of_a_message_make_no_difference(
        lines in vec(select(&["X-A: one", "X-B: two", "\tthree", "Subject:"][..]), 0..8),
        body in select(&["", "one\ntwo\n", "no end"][..]),
        edits in vec(hostile_edit(&b"ab:\n \t\xe9"[..]), 0..5),
        rules in select(&RULES[..]),
        space in select(&SPACES[..]),
    ) {
        let lf = format!("X-First: header\n{}\n\n{body}", lines.join("\n")).replace("\n\n\n", "\n\n").into_bytes();
        let crlf = with_crlf(&lf).into_owned();
        let apply = |bytes: &[u8]| {
            let mut message = Message::parse(bytes).into_owned();
            let mut list = Edits::new();
            edits.iter().for_each(|edit| list.push(edit.as_edit(), EditStatus::Negotiated).unwrap());
            let outcomes = list.apply(&mut message, rules, space);
            (outcomes, with_crlf(&message.to_bytes()).escape_ascii().to_string())
        };
        prop_assert_eq!(apply(&lf), apply(&crlf));
    }

    #[test]
    fn hostile_edits_make_one_message_with_its_body_in_its_place(
        bytes in odd_bytes(),
        filters in vec(vec((hostile_edit(&b"a:\r\n \t\x01\x7f\x80\xff"[..]), status()), 0..8), 1..3),
        rules in select(&RULES[..]),
        space in select(&SPACES[..]),
        has_trace in any::<bool>(),
    ) {
        let mut message = Message::parse(&bytes);
        if has_trace {
            message.add_trace(Header::new("Received", " by us"));
        }
        for filter in &filters {
            let before = message.clone();
            let mut edits = Edits::new();
            filter.iter().for_each(|(edit, status)| edits.push(edit.as_edit(), *status).unwrap());
            match edits.apply(&mut message, rules, space) {
                Ok(outcomes) => prop_assert_eq!(outcomes.len(), filter.len()),
                Err(_) => {
                    prop_assert_eq!(&message, &before);
                    continue;
                }
            }
            let replaces = filter.iter().any(|(edit, status)| {
                matches!(edit.as_edit(), Edit::ReplaceBody { .. }) && *status != EditStatus::Ignored
            });
            prop_assert!(replaces || message.body() == before.body());
            let headers = message.headers().map(Header::as_bytes).collect::<Vec<_>>().concat();
            let mut lines = headers.split_inclusive(|byte| *byte == b'\n');
            prop_assert!(!lines.any(is_empty_line), "{} {:?}", headers.escape_ascii(), filter);
            let all = message.to_bytes();
            let rest = &all[headers.len()..];
            let separator = &rest[..rest.len() - message.body().len()];
            prop_assert!(filter.is_empty() || is_empty_line(separator) || separator.is_empty() && rest.is_empty());
            prop_assert!(rest.ends_with(message.body()));
        }
        let mut commands = message.commands(&milter_proto::negotiation::Negotiated::NOTHING);
        let mut count = 0;
        while commands.next_command().is_some() {
            count += 1;
        }
        // A line that is no header is not sent.
        let is_sent = |header: &&Header<'_>| header.is_visible() && !header.name().is_empty();
        let visible = message.headers().filter(is_sent).count();
        prop_assert!(count >= visible + 4);
    }

    #[test]
    fn a_message_reaches_the_filter_as_it_is(
        (bytes, is_clean) in prop_oneof![clean_message().prop_map(|bytes| (bytes, true)), odd_bytes().prop_map(|bytes| (bytes, false))],
        // DATA without a recipient is out of order.
        recipients in vec(address(), 1..3),
        sender in address(),
        space in select(&SPACES[..]),
        size in select(vec![DataSize::Kib64, DataSize::Kib256, DataSize::Mib1]),
        declined in prop_oneof![3 => Just(Steps::EMPTY), 1 => (0..0x380_u32).prop_map(|bits| Steps::from_bits(bits & 0x27f))],
        cut in 1..50_usize,
    ) {
        let mut message = Message::parse(&bytes);
        message.set_sender(sender.clone());
        recipients.iter().for_each(|recipient| message.add_recipient(recipient.clone()));
        message.add_trace(Header::new("Received", " by us"));
        let seen = send(&message, space, size, declined, cut);
        let told = |step| !declined.contains(step);
        if told(Steps::NO_MAIL) {
            prop_assert_eq!(seen.sender, Some(sender));
        }
        if told(Steps::NO_RCPT) {
            prop_assert_eq!(seen.recipients, recipients);
        }
        if told(Steps::NO_BODY) {
            prop_assert!(seen.body == message.body());
        }
        if told(Steps::NO_HEADERS) {
            let visible = message.headers().skip(1).map(|header| {
                (header.name().to_vec(), space.encode_value(header.value()).into_owned())
            });
            prop_assert_eq!(&seen.headers, &visible.collect::<Vec<_>>());
            if is_clean {
                let again: Vec<_> = seen.headers.iter().map(|(name, value)| Header::new(name, space.decode_value(value))).collect();
                let again = again.iter().map(Header::as_bytes).collect::<Vec<_>>().concat();
                prop_assert!(bytes.starts_with(&again) && bytes[again.len()..].starts_with(b"\r\n"));
            }
        }
    }
}

fn status() -> impl Strategy<Value = EditStatus> {
    use EditStatus::{Ignored, Negotiated, NotNegotiated};
    select(vec![Negotiated, Negotiated, Negotiated, NotNegotiated, Ignored])
}

/// An edit whose texts consist of these bytes.
fn hostile_edit(alphabet: &'static [u8]) -> impl Strategy<Value = EditBuf> {
    let bytes = move || vec(select(alphabet), 0..6);
    // Both MTAs write a name that begins with a line end as it is, so that it ends the headers.
    let is_inside = |name: &Vec<u8>| !name.starts_with(b"\n") && !name.starts_with(b"\r\n");
    let name = move || {
        let known = select(vec![b"X-A".to_vec(), b"Subject".to_vec()]);
        prop_oneof![bytes().prop_filter("it ends the headers", is_inside), known]
    };
    let index = || prop_oneof![0..4_u32, any::<u32>()];
    (0..7_u32, index(), name(), bytes()).prop_map(|(kind, index, name, value)| {
        let (first, second) = (text(&name), text(&value));
        EditBuf::from(match kind {
            0 => Edit::AddHeader { name: first, value: second },
            1 => Edit::InsertHeader { index, name: first, value: second },
            2 => Edit::ChangeHeader { index, name: first, value: second },
            3 => Edit::ChangeFrom { address: first, arguments: Some(second) },
            4 => Edit::AddRcptWithArguments { address: first, arguments: Some(second) },
            5 => Edit::DeleteRcpt { address: first },
            _ => Edit::ReplaceBody { chunk: &value },
        })
    })
}

fn address() -> impl Strategy<Value = EnvelopeAddress> {
    let address = select(vec!["<a@x.example>", "<>", "<\"a b\"@x>", "<caf\u{e9}@x>"]);
    (address, vec(select(vec!["SIZE=10", "BODY=8BITMIME", "X"]), 0..3)).prop_map(|(address, arguments)| {
        let arguments = arguments.iter().map(|argument| text(argument.as_bytes()));
        EnvelopeAddress::new(text(address.as_bytes())).with_arguments(arguments)
    })
}

/// What a filter sees of a message.
#[derive(Debug, Default)]
struct Seen {
    sender: Option<EnvelopeAddress>,
    recipients: Vec<EnvelopeAddress>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    is_ended: bool,
}

/// Sends a message through sessions of both sides.
fn send(message: &Message<'_>, space: LeadingSpace, size: DataSize, declined: Steps, cut: usize) -> Seen {
    let mut mta = MtaSession::with_policy(mta::Policy::STRICT);
    let mut filter = FilterSession::with_policy(filter::Policy::STRICT);
    let commands = CommandKind::ALL
        .into_iter()
        .filter(|kind| kind.decline_step().is_none_or(|step| !declined.contains(step)));
    let support = if space == LeadingSpace::Preserved { Support::Required } else { Support::Off };
    let options = Options::new(commands).leading_space(support).data_size(size, Support::Required);
    let mut seen = Seen::default();
    let mut assemblers = [Assembler::new(Vec::new()), Assembler::new(Vec::new())];
    let sizes = Steps::DATA_SIZE_256K.union(Steps::DATA_SIZE_1M);
    let offer = Offer::new(Version::CURRENT, Actions::ALL, Steps::ALL.union(sizes));
    let before = [Command::Negotiate(offer), Command::Connect { host: text(b"x"), peer: Peer::Unknown }];
    for command in before {
        exchange(&mut mta, &mut filter, &mut assemblers, command, &options, &mut seen, cut);
    }
    let negotiated = *mta.negotiated().unwrap();
    assert_eq!((negotiated.leading_space(), negotiated.data_size()), (space, size));
    let mut commands = message.commands(&negotiated);
    while let Some(command) = commands.next_command() {
        exchange(&mut mta, &mut filter, &mut assemblers, command, &options, &mut seen, cut);
    }
    assert!(seen.is_ended);
    seen
}

/// Sends a command, and lets the filter answer.
fn exchange(
    mta: &mut MtaSession,
    filter: &mut FilterSession,
    assemblers: &mut [Assembler<Vec<u8>>; 2],
    command: Command<'_>,
    options: &Options<'_>,
    seen: &mut Seen,
    cut: usize,
) {
    let Sent::Frame(frame) = mta.send(command).unwrap() else { return };
    let mut bytes = Vec::new();
    frame.append_to(&mut bytes);
    assert!(bytes.len() <= Frame::HEAD_LEN + usize::try_from(options_size(mta)).unwrap());
    let mut replies = Vec::new();
    for piece in [&bytes[..cut.min(bytes.len())], &bytes[cut.min(bytes.len())..]] {
        let mut input = piece;
        while let Some(event) = filter.next_event(&mut assemblers[0], &mut input).unwrap() {
            assert!(event.in_order);
            seen.see(&event.command);
            match filter.turn() {
                filter::Turn::Reply(CommandKind::Negotiate) => {
                    filter.negotiate(options).unwrap().frame.append_to(&mut replies);
                }
                filter::Turn::Reply(_) => filter.send(Verdict::Continue).unwrap().append_to(&mut replies),
                _ => {}
            }
        }
    }
    let mut input = &replies[..];
    while mta.next_event(&mut assemblers[1], &mut input).unwrap().is_some() {}
}

/// The largest payload that was negotiated, or of the default.
fn options_size(mta: &MtaSession) -> u32 {
    mta.negotiated().map_or(DataSize::Kib64, |negotiated| negotiated.data_size()).bytes()
}

impl Seen {
    fn see(&mut self, command: &Command<'_>) {
        let address =
            |address, arguments: TextList<'_>| EnvelopeAddress::new(address).with_arguments(arguments.iter());
        match *command {
            Command::MailFrom { address: text, arguments } => self.sender = Some(address(text, arguments)),
            Command::RcptTo { address: text, arguments } => self.recipients.push(address(text, arguments)),
            Command::Header { name, value } => {
                let own = |text: Text<'_>| text.as_bytes().to_vec();
                self.headers.push((own(name), own(value)));
            }
            Command::Body { chunk } => self.body.extend_from_slice(chunk),
            Command::EndOfMessage { .. } => self.is_ended = true,
            _ => {}
        }
    }
}

#[test]
fn macros_come_before_the_commands_of_a_message() {
    use milter_proto::macros::{MacroDefaults, MacroRequests, MacroValues};
    use milter_proto::negotiation::Negotiated;
    use milter_proto::wire::MacroLists;

    let mut message = Message::parse(&b"A: 1\r\n\r\nbody\r\n"[..]);
    message.set_sender(text(b"<s@x>"));
    message.add_recipient(text(b"<r@x>"));
    message.add_recipient(text(b"<q@x>"));
    let mut values = MacroValues::new();
    values.set(text(b"i"), text(b"42"));
    let requests = MacroRequests::new(MacroLists::EMPTY);
    let mut commands =
        message.commands(&Negotiated::NOTHING).with_macros(requests, MacroDefaults::POSTFIX, &values);
    let mut seen = Vec::new();
    while let Some(command) = commands.next_command() {
        seen.push(match command {
            Command::Macros(macros) => macros
                .iter()
                .map(|(name, value)| format!("{}={}", name.to_str().unwrap(), value.to_str().unwrap()))
                .collect::<Vec<_>>()
                .join(" "),
            command => CommandKind::from_command(&command).unwrap().to_string(),
        });
    }
    assert_eq!(
        seen,
        [
            "i=42 {mail_addr}=s@x",
            "MAIL",
            "i=42 {rcpt_addr}=r@x",
            "RCPT",
            "i=42 {rcpt_addr}=q@x",
            "RCPT",
            "i=42",
            "DATA",
            "HEADER",
            "i=42",
            "EOH",
            "BODY",
            "i=42",
            "BODYEOB",
        ]
    );
}
