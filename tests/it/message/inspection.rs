//! What a chain shows of its filters.

use milter_proto::message::{
    Chain, ChainFilter, ChainStep, EditRules, Effect, FailureAction, FilterError, IgnoreReason, Message,
};
use milter_proto::mta::{Event, Turn};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Command, Edit, Frame, Offer, Peer, Text, TextList};

/// Version 6, every edit, every command, and a reply to each.
const ANSWER: &[u8] = b"\0\0\0\x06\0\0\x01\xff\0\0\0\0";

fn frame(code: u8, payload: &[u8]) -> Vec<u8> {
    Frame::new(code, payload).encode().segments().flatten().copied().collect()
}

/// Filters that let everything pass, except at the end of a message. Keeps the codes of what they got.
struct Filters {
    chain: Chain<'static>,
    /// What each sends at the end of a message.
    ends: Vec<Vec<u8>>,
    heard: Vec<String>,
    /// The verdicts, with the filter and the command.
    verdicts: Vec<(usize, CommandKind)>,
    errors: Vec<FilterError>,
}

impl Filters {
    fn new(filter: ChainFilter, ends: &[Vec<u8>]) -> Self {
        let mut chain = Chain::new(EditRules::POSTFIX);
        chain.extend(ends.iter().map(|_| filter.clone()));
        let (ends, heard) = (ends.to_vec(), vec![String::new(); ends.len()]);
        let mut filters = Self { chain, ends, heard, verdicts: Vec::new(), errors: Vec::new() };
        let name = Text::new(b"x").unwrap();
        assert!(filters.send(Command::Negotiate(Offer::FULL)));
        assert!(filters.send(Command::Connect { host: name, peer: Peer::Unknown }));
        assert!(filters.send(Command::Helo { name }));
        filters
    }

    fn begin_message(&mut self) {
        let (address, arguments) = (Text::new(b"<a@x>").unwrap(), TextList::EMPTY);
        assert!(self.send(Command::MailFrom { address, arguments }));
        assert!(self.send(Command::RcptTo { address, arguments }));
        assert!(self.send(Command::Data));
    }

    fn send(&mut self, command: Command<'_>) -> bool {
        self.chain.send(command).unwrap();
        self.run()
    }

    /// Does what the chain says. Whether it lets pass what was asked about.
    fn run(&mut self) -> bool {
        let mut last = 0;
        loop {
            match self.chain.next_step() {
                ChainStep::Done(answer) => return answer.passes(),
                ChainStep::Close { .. } => {}
                ChainStep::Write { filter, frame } => {
                    last = frame.segments().flatten().copied().nth(4).unwrap();
                    self.heard.get_mut(filter).unwrap().extend((last != b'D').then_some(char::from(last)));
                }
                ChainStep::Read { filter, .. } => {
                    let owed = self.chain.session(filter).unwrap().turn();
                    assert_eq!(owed, Turn::Receive(CommandKind::from_code(last).unwrap()));
                    let says = match last {
                        b'O' => frame(b'O', ANSWER),
                        b'E' => self.ends.get(filter).unwrap().clone(),
                        _ => frame(b'c', b""),
                    };
                    let verdicts = &mut self.verdicts;
                    let received = self.chain.receive_with(filter, &mut &says[..], |event| {
                        if let Event::Verdict { command, .. } = event {
                            verdicts.push((filter, *command));
                        }
                    });
                    self.errors.extend(received.err());
                }
            }
        }
    }
}

fn message() -> Message<'static> {
    Message::parse(b"A: 1\r\n\r\nHello\r\n")
}

/// The edits of a filter: whether each is ADDHEADER, and what came of it.
fn edits_of(filters: &Filters, filter: usize) -> Vec<(bool, Option<(Option<Effect>, Option<IgnoreReason>)>)> {
    let edits = filters.chain.edits(filter);
    edits
        .map(|(edit, _, outcome)| {
            let outcome = outcome.map(|outcome| (outcome.effect, outcome.ignored));
            (matches!(edit, Edit::AddHeader { .. }), outcome)
        })
        .collect()
}

#[test]
fn edits_are_shown_with_what_came_of_them_until_the_next_message() {
    let edits = [frame(b'h', b"X\0y\0"), frame(b'm', b"\0\0\0\x07A\0\0")].concat();
    let ends = [[&edits[..], &frame(b'c', b"")].concat(), [edits, frame(b'r', b"")].concat()];
    let mut filters = Filters::new(ChainFilter::new(), &ends);
    filters.begin_message();
    filters.chain.send_message(message()).unwrap();
    assert!(!filters.run());
    let done = (true, Some((Some(Effect::HeaderAdded), None)));
    assert_eq!(edits_of(&filters, 0), [done, (false, Some((None, Some(IgnoreReason::NoSuchHeader))))]);
    // The second filter refused, so that its edits were not applied.
    assert_eq!(edits_of(&filters, 1), [(true, None), (false, None)]);
    assert!(edits_of(&filters, 2).is_empty());

    filters.begin_message();
    assert!(edits_of(&filters, 0).is_empty() && edits_of(&filters, 1).is_empty());
}

#[test]
fn every_verdict_is_shown_with_its_filter() {
    let mut filters = Filters::new(ChainFilter::new(), &[frame(b'c', b""), frame(b'a', b"")]);
    filters.begin_message();
    filters.verdicts.clear();
    filters.chain.send_message(message()).unwrap();
    assert!(filters.run());
    use CommandKind::{Body, EndOfHeaders, EndOfMessage, Header};
    let commands = [Header, EndOfHeaders, Body, EndOfMessage];
    let expected: Vec<_> =
        [0, 1].into_iter().flat_map(|filter| commands.map(|command| (filter, command))).collect();
    assert_eq!(filters.verdicts, expected);
    assert!(filters.chain.session(2).is_none());
}

#[test]
fn a_message_that_is_given_up_reaches_the_first_filter_in_part() {
    for (last, heard) in [
        (CommandKind::Header, "OCHMRTLA"),
        (CommandKind::EndOfHeaders, "OCHMRTLNA"),
        (CommandKind::Body, "OCHMRTLNBA"),
        // No command of the content.
        (CommandKind::Data, "OCHMRTA"),
    ] {
        let mut filters = Filters::new(ChainFilter::new(), &[frame(b'c', b""), frame(b'c', b"")]);
        filters.begin_message();
        filters.chain.send_message_until(message(), last).unwrap();
        assert!(filters.run());
        assert!(filters.send(Command::Abort));
        assert_eq!(filters.heard, [heard, "OCHMRTA"], "{last:?}");
    }
}

#[test]
fn a_filter_that_edits_without_end_fails_and_none_of_its_edits_counts() {
    let endless = frame(b'h', b"X\0y\0").repeat(100);
    for (action, passes) in [(FailureAction::Accept, true), (FailureAction::Tempfail, false)] {
        let filter = ChainFilter::new().with_max_edit_bytes(1000).with_failure_action(action);
        let mut filters = Filters::new(filter, core::slice::from_ref(&endless));
        filters.begin_message();
        filters.chain.send_message(message()).unwrap();
        assert_eq!(filters.run(), passes);
        let [FilterError::Edits(error)] = filters.errors[..] else { panic!("{:?}", filters.errors) };
        assert_eq!(error.max_bytes, 1000);
        assert!(edits_of(&filters, 0).is_empty());
        let delivered = filters.chain.take_message().map(|message| message.to_bytes());
        assert_eq!(delivered, passes.then(|| message().to_bytes()));
    }
}

#[test]
fn a_message_can_be_taken_only_once_all_filters_have_let_it_pass() {
    let mut filters = Filters::new(ChainFilter::new(), &[frame(b'c', b"")]);
    filters.begin_message();
    filters.chain.send_message(message()).unwrap();
    assert!(filters.chain.take_message().is_none(), "nobody was asked");
    let ChainStep::Write { .. } = filters.chain.next_step() else { panic!() };
    assert!(filters.chain.take_message().is_none(), "the answer has not come");
}

#[test]
fn a_message_that_was_not_taken_is_not_that_of_the_next_command() {
    let mut filters = Filters::new(ChainFilter::new(), &[frame(b'c', b"")]);
    filters.begin_message();
    filters.chain.send_message(message()).unwrap();
    assert!(filters.run());
    filters.chain.send(Command::Abort).unwrap();
    assert!(filters.run());
    assert!(filters.chain.take_message().is_none());
}
