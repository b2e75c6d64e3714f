//! An SMTP session that is asked about through a chain, in few words.

use milter_proto::macros::MacroDefaults;
use milter_proto::message::{Chain, ChainAnswer, ChainFilter, EditRules, Message};
use milter_proto::wire::{Command, Offer, Peer, Text, TextList, Verdict};

use super::filters::{Io, Script};
use crate::support::text;

pub(crate) const CONNECT: Command<'static> = Command::Connect { host: Text::EMPTY, peer: Peer::Unknown };
pub(crate) const HELO: Command<'static> = Command::Helo { name: Text::EMPTY };
pub(crate) const MAIL: Command<'static> =
    Command::MailFrom { address: Text::from_c_str(c"<a@x>"), arguments: TextList::EMPTY };
pub(crate) const BODY: &[u8] = b"Subject: one\r\n\r\nHello\r\n";

/// A RCPT with this address.
pub(crate) fn rcpt(address: &str) -> Command<'_> {
    Command::RcptTo { address: text(address.as_bytes()), arguments: TextList::EMPTY }
}

/// What a filter was asked, and a chain to ask it.
pub(crate) struct Talk {
    pub(crate) io: Io,
    pub(crate) chain: Chain<'static>,
}

impl Talk {
    /// Filters with these scripts, without macros, to which nothing was sent.
    pub(crate) fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::with(
            scripts
                .into_iter()
                .map(|script| (script, ChainFilter::new().with_macro_defaults(MacroDefaults::NONE))),
        )
    }

    /// These filters, to which nothing was sent.
    pub(crate) fn with(filters: impl IntoIterator<Item = (Script, ChainFilter)>) -> Self {
        let mut chain = Chain::new(EditRules::POSTFIX);
        let (scripts, filters): (Vec<_>, Vec<_>) = filters.into_iter().unzip();
        for (number, filter) in filters.into_iter().enumerate() {
            assert_eq!(chain.add(filter), number);
        }
        let mut io = Io::new(scripts);
        io.begin_session();
        Self { io, chain }
    }

    /// After NEGOTIATE, CONNECT and HELO, which all filters let pass.
    pub(crate) fn greeted(mut self) -> Self {
        for command in [Command::Negotiate(Offer::FULL), CONNECT, HELO] {
            let answer = self.ask(command);
            assert!(answer.passes(), "{command:?}: {answer:?}");
        }
        self
    }

    pub(crate) fn ask(&mut self, command: Command<'_>) -> ChainAnswer {
        self.io.ask(&mut self.chain, command)
    }

    /// Asks about commands, which all filters let pass.
    pub(crate) fn passes<'c>(&mut self, commands: impl IntoIterator<Item = Command<'c>>) {
        for command in commands {
            let answer = self.ask(command);
            assert!(answer.passes(), "{command:?}: {answer:?}");
        }
    }

    /// Asks about a recipient that the MTA refused.
    pub(crate) fn ask_rejected(&mut self, recipient: Command<'_>) -> ChainAnswer {
        self.chain.send_rejected(recipient).unwrap();
        self.io.run(&mut self.chain)
    }

    /// Asks about a message from `<a@x>` to `<b@x>`.
    pub(crate) fn ask_message(&mut self, bytes: &[u8]) -> ChainAnswer {
        let mut message = Message::parse(bytes).into_owned();
        message.set_sender(text(b"<a@x>"));
        message.add_recipient(text(b"<b@x>"));
        self.chain.send_message(message).unwrap();
        let answer = self.io.run(&mut self.chain);
        assert_eq!(self.io.in_message(), Vec::<usize>::new(), "the message is over");
        answer
    }

    /// Asks about a whole message, which all filters let pass, and returns what is delivered.
    pub(crate) fn deliver(&mut self, bytes: &[u8]) -> Message<'static> {
        self.passes([MAIL, rcpt("<b@x>"), Command::Data]);
        let answer = self.ask_message(bytes);
        assert!(answer.passes(), "{answer:?}");
        self.chain.take_message().unwrap()
    }

    /// What the filters got, as codes: a word for each filter.
    pub(crate) fn stories(&self) -> Vec<String> {
        (0..self.io.filters.len()).map(|filter| self.io.story(filter)).collect()
    }

    /// What the filters got since this was called last.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let stories = self.stories();
        self.io.tape.clear();
        stories
    }
}

/// The filter that decided, and its verdict.
pub(crate) fn decision(answer: &ChainAnswer) -> (Option<usize>, Verdict<'_>) {
    (answer.filter, answer.verdict.as_verdict())
}
