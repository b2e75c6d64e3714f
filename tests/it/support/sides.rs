//! Both sides of a connection, driven by the letters of the protocol: for tests of the order.

use milter_proto::mta::{Scope, Sent, SkipReason};
use milter_proto::negotiation::Negotiated;
use milter_proto::order::Rule;
use milter_proto::wire::{
    Actions, Answer, Command, Edit, Frame, MacroStage, Macros, Offer, Peer, Response, Steps, TextList,
    Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession, ReceiveError, filter, mta};

use super::text;

/// The policies of an MTA's side.
pub(crate) const POLICIES: [mta::Policy; 3] =
    [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX];

/// A strict MTA that has negotiated no steps.
pub(crate) fn strict() -> Mta {
    Mta::with(mta::Policy::STRICT, Steps::EMPTY)
}

/// An everyday command of that code.
pub(crate) fn command(code: u8) -> Command<'static> {
    match code {
        b'O' => Command::Negotiate(Offer::FULL),
        b'D' => macros(MacroStage::MAIL),
        b'C' => Command::Connect { host: text(b"mx.example"), peer: Peer::Unknown },
        b'H' => Command::Helo { name: text(b"mx.example") },
        b'M' => Command::MailFrom { address: text(b"<a@b.c>"), arguments: TextList::EMPTY },
        b'R' => Command::RcptTo { address: text(b"<r@b.c>"), arguments: TextList::EMPTY },
        b'T' => Command::Data,
        b'L' => Command::Header { name: text(b"Subject"), value: text(b"hello") },
        b'N' => Command::EndOfHeaders,
        b'B' => Command::Body { chunk: b"hello\r\n" },
        b'E' => Command::EndOfMessage { chunk: b"" },
        b'U' => Command::Unknown { line: text(b"FROB") },
        b'A' => Command::Abort,
        b'Q' => Command::Quit,
        b'K' => Command::QuitNewConnection,
        code => panic!("{code:#04x} is no command"),
    }
}

pub(crate) fn macros(stage: MacroStage) -> Command<'static> {
    let list = TextList::new(b"i\0Q1\0").expect("it ends with NUL");
    Command::Macros(Macros::new(stage, list).expect("it is a pair"))
}

pub(crate) fn edit() -> Edit<'static> {
    Edit::AddHeader { name: text(b"X-Seen"), value: text(b"yes") }
}

/// Every edit, each with its action.
pub(crate) fn edits() -> [Edit<'static>; 9] {
    let (name, value, address) = (text(b"X-Seen"), text(b"yes"), text(b"<r@b.c>"));
    [
        edit(),
        Edit::InsertHeader { index: 0, name, value },
        Edit::ChangeHeader { index: 1, name, value },
        Edit::ChangeFrom { address, arguments: None },
        Edit::AddRcpt { address },
        Edit::AddRcptWithArguments { address, arguments: None },
        Edit::DeleteRcpt { address },
        Edit::ReplaceBody { chunk: b"new\r\n" },
        Edit::Quarantine { reason: text(b"why") },
    ]
}

/// The MTA's side. It takes the filter's part by itself where nothing else is said.
#[derive(Clone)]
pub(crate) struct Mta(pub(crate) MtaSession);

impl Mta {
    /// Negotiated on version 6, every action and these steps.
    pub(crate) fn with(policy: mta::Policy, steps: Steps) -> Self {
        Self::answered(MtaSession::with_policy(policy), Answer::new(Version::V6, Actions::ALL, steps))
    }

    pub(crate) fn answered(session: MtaSession, answer: Answer<'_>) -> Self {
        let mut mta = Self(session);
        assert_eq!(mta.send(b'O'), Ok(None));
        let payload = payload_of(&answer.into());
        assert!(mta.0.receive(Frame::new(b'O', &payload)).is_ok(), "{answer:?}");
        mta
    }

    /// Sends an everyday command: `None` if it is written, otherwise why not.
    pub(crate) fn send(&mut self, code: u8) -> Result<Option<SkipReason>, Rule> {
        self.say(command(code))
    }

    pub(crate) fn say(&mut self, command: Command<'_>) -> Result<Option<SkipReason>, Rule> {
        let before = self.0.clone();
        let checked = self.0.check(&command).map_err(|misuse| misuse.rule);
        let sent = match self.0.send(command) {
            Ok(Sent::Frame(_) | Sent::ResendEnvelope(_)) => Ok(None),
            Ok(Sent::Skipped { reason: why, .. }) => Ok(Some(why)),
            Err(misuse) => Err(misuse.rule),
        };
        assert_eq!(checked, sent.map(drop), "check says what send does");
        assert!(sent.is_ok() || self.0 == before, "misuse changes nothing");
        sent
    }

    /// Sends commands, takes CONTINUE for an answer, and says which ones were written.
    pub(crate) fn go(&mut self, codes: &str) -> String {
        let mut written = String::new();
        for code in codes.bytes() {
            match self.send(code) {
                Ok(None) => written.push(char::from(code)),
                Ok(Some(_)) => {}
                Err(rule) => panic!("{} at {:?}: {rule}", char::from(code), self.0.stage()),
            }
            if matches!(self.0.turn(), mta::Turn::Receive(_)) {
                assert_eq!(self.rule(b'c', b""), None, "CONTINUE to {}", char::from(code));
            }
        }
        written
    }

    /// Sends a command and takes this reply to it: what the verdict is about.
    pub(crate) fn hears(&mut self, code: u8, reply: u8) -> Scope {
        assert_eq!(self.send(code), Ok(None), "{} is written", char::from(code));
        self.scope(reply)
    }

    pub(crate) fn scope(&mut self, reply: u8) -> Scope {
        let payload: &[u8] = if reply == b'y' { b"550 5.7.1 no\0" } else { b"" };
        match self.0.receive(Frame::new(reply, payload)) {
            Ok(mta::Event::Verdict { scope, .. }) => scope,
            other => panic!("{}: {other:?}", char::from(reply)),
        }
    }

    /// Takes a response: the rule that it breaks, if it does.
    pub(crate) fn rule(&mut self, code: u8, payload: &[u8]) -> Option<Rule> {
        match self.0.receive(Frame::new(code, payload)) {
            Ok(_) => None,
            Err(ReceiveError::Peer(violation)) => Some(violation.rule),
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) fn takes<'p>(&mut self, response: &Response<'_>, payload: &'p mut Vec<u8>) -> mta::Event<'p> {
        *payload = payload_of(response);
        self.0.receive(Frame::new(response.code(), payload)).expect("it is taken")
    }
}

/// The filter's side. It takes the MTA's part by itself where nothing else is said.
#[derive(Clone)]
pub(crate) struct Filter(pub(crate) FilterSession);

impl Filter {
    /// Negotiated on version 6, every action and these steps.
    pub(crate) fn with(policy: filter::Policy, steps: Steps) -> Self {
        Self::offered(policy, Offer::FULL, Answer::new(Version::V6, Actions::ALL, steps))
    }

    pub(crate) fn offered(policy: filter::Policy, offer: Offer, answer: Answer<'_>) -> Self {
        let mut filter = Self(FilterSession::with_policy(policy));
        assert!(filter.hear(Command::Negotiate(offer)).is_ok());
        assert_eq!(filter.says(answer), Ok(()));
        filter
    }

    pub(crate) fn gets(&mut self, code: u8) -> Result<filter::Event<'static>, ReceiveError> {
        self.0.receive(everyday(code))
    }

    /// Takes any command: how it passed, or what was against it.
    pub(crate) fn hear(&mut self, command: Command<'_>) -> Result<(), ReceiveError> {
        let payload = command.encode().segments().flatten().copied().collect::<Vec<u8>>();
        self.0.receive(Frame::new(command.code(), &payload[5..])).map(drop)
    }

    /// Takes bytes: the rule that they break, if they do.
    pub(crate) fn rule(&mut self, code: u8, payload: &[u8]) -> Option<Rule> {
        match self.0.receive(Frame::new(code, payload)) {
            Ok(_) => None,
            Err(ReceiveError::Peer(violation)) => Some(violation.rule),
            Err(other) => panic!("{other}"),
        }
    }

    pub(crate) fn says<'m>(&mut self, response: impl Into<Response<'m>>) -> Result<(), Rule> {
        let response = response.into();
        let before = self.0.clone();
        let checked = self.0.check(&response).map_err(|misuse| misuse.rule);
        let sent = self.0.send(response).map(drop).map_err(|misuse| misuse.rule);
        assert_eq!(checked, sent, "check says what send does");
        assert!(sent.is_ok() || self.0 == before, "misuse changes nothing");
        sent
    }

    /// Takes commands and answers CONTINUE where an answer is owed: which ones were answered.
    pub(crate) fn go(&mut self, codes: &str) -> String {
        let mut answered = String::new();
        for code in codes.bytes() {
            let event = self.gets(code);
            assert!(event.is_ok(), "{} at {:?}: {event:?}", char::from(code), self.0.stage());
            if matches!(self.0.turn(), filter::Turn::Reply(_)) {
                answered.push(char::from(code));
                assert_eq!(self.says(Verdict::Continue), Ok(()));
            }
        }
        answered
    }
}

/// An everyday command as a frame that lives for ever.
pub(crate) fn everyday(code: u8) -> Frame<'static> {
    let payload: &[u8] = match code {
        b'O' => b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff",
        b'D' => b"Mi\0Q1\0",
        b'C' => b"mx.example\0U",
        b'H' => b"mx.example\0",
        b'M' => b"<a@b.c>\0",
        b'R' => b"<r@b.c>\0",
        b'L' => b"Subject\0hello\0",
        b'B' => b"hello\r\n",
        b'U' => b"FROB\0",
        _ => b"",
    };
    Frame::new(code, payload)
}

pub(crate) fn payload_of(response: &Response<'_>) -> Vec<u8> {
    let bytes: Vec<u8> = response.encode().segments().flatten().copied().collect();
    bytes[5..].to_vec()
}

/// What was agreed on, as numbers: version, actions, steps.
pub(crate) fn numbers(agreed: &Negotiated) -> (u32, u32, u32) {
    (agreed.version.number(), agreed.actions.bits(), agreed.steps.bits())
}

/// How an event was accepted: whether it came in order, and whether it ended a message.
pub(crate) fn how(event: filter::Event<'_>) -> (bool, bool) {
    (event.in_order, event.aborts_message)
}
