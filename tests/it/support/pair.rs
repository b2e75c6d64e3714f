//! Both strict sides, connected to each other.

use milter_proto::mta::Sent;
use milter_proto::wire::{
    Actions, Answer, Command, Frame, Offer, Response, Steps, Text, TextList, Verdict, Version,
};
use milter_proto::{FilterSession, MtaSession, filter, mta};

pub(crate) const HELO: Command<'static> = Command::Helo { name: Text::EMPTY };
pub(crate) const MAIL: Command<'static> =
    Command::MailFrom { address: Text::EMPTY, arguments: TextList::EMPTY };
pub(crate) const RCPT: Command<'static> =
    Command::RcptTo { address: Text::EMPTY, arguments: TextList::EMPTY };

pub(crate) const GO_ON: Response<'static> = Response::Verdict(Verdict::Continue);

/// Both sides, of which the filter has every reply at hand.
pub(crate) struct Pair {
    pub(crate) mta: MtaSession,
    pub(crate) filter: FilterSession,
}

impl Pair {
    pub(crate) fn agreed(version: Version, steps: Steps) -> Self {
        let (mta, filter) = (
            MtaSession::with_policy(mta::Policy::STRICT),
            FilterSession::with_policy(filter::Policy::STRICT),
        );
        let mut pair = Self { mta, filter };
        let offer = Command::Negotiate(Offer::new(version, Actions::ALL, Steps::ALL));
        pair.says(offer, Response::Negotiate(Answer::new(version, Actions::ALL, steps)));
        pair.says(Command::Connect { host: Text::EMPTY, peer: milter_proto::wire::Peer::Unknown }, GO_ON);
        pair
    }

    /// Gives the code that was written, and the filter's answer to it, if it owes one.
    pub(crate) fn says(&mut self, command: Command<'_>, answer: Response<'_>) -> Option<u8> {
        let sent = self.mta.send(command).expect("it is in order");
        let Sent::Frame(frame) = sent else { return None };
        let bytes: Vec<u8> = frame.segments().flatten().copied().collect();
        let frame = Frame::new(bytes[4], &bytes[Frame::HEAD_LEN..]);
        self.filter.receive(frame).expect("the filter takes it");
        if matches!(self.mta.turn(), mta::Turn::Receive(_)) {
            let reply = self.filter.send(answer).expect("the filter may say so");
            let bytes: Vec<u8> = reply.segments().flatten().copied().collect();
            let frame = Frame::new(bytes[4], &bytes[Frame::HEAD_LEN..]);
            self.mta.receive(frame).expect("the MTA takes it");
        }
        Some(frame.code())
    }
}
