//! The robust law: whatever frames come, in whatever order, every command that expects a reply gets one.

use milter_proto::filter::{Ending, Turn};
use milter_proto::order::{CommandKind, Rule};
use milter_proto::wire::{Assembler, Command, Direction, Frame, Steps, Tolerance};
use milter_proto::{FilterSession, Limits, Monitor, NegotiateError, ReceiveError, filter};

use crate::scripts::options;
use crate::sessions::answer;

/// Gives every frame of a stream to a filter with the default policy, which answers by the seed. A monitor listens.
///
/// * Nothing ends the session but bytes that cannot be understood, a failed negotiation, and QUIT.
/// * Every command that expects a reply leaves the turn to the filter, unless it promised not to reply.
/// * A message begins when the stage says so, and ends by a verdict or by one event that says so.
/// * What is out of order is what the monitor reports, and it never reports what the filter sends.
pub(crate) fn robust(seed: u8, stream: &[u8]) {
    let mut run = Robust { session: FilterSession::new(), monitor: Monitor::new(), in_message: false };
    let (mut assembler, mut input) = (Assembler::new(Vec::new()), stream);
    let mut count = seed;
    while let Ok(Some(frame)) = assembler.next_frame(&mut input) {
        count = count.wrapping_mul(5).wrapping_add(1);
        if !run.step(frame, count) {
            return;
        }
    }
    let Ending { in_message, owed, .. } = run.session.disconnect(0);
    assert_eq!((in_message, owed), (run.in_message, None));
    assert!(!run.session.disconnect(0).in_message, "a message is aborted twice");
}

struct Robust {
    session: FilterSession,
    monitor: Monitor,
    /// A message is in progress, by the events alone.
    in_message: bool,
}

impl Robust {
    /// One frame and its reply; `false` if the connection is over.
    fn step(&mut self, frame: Frame<'_>, choice: u8) -> bool {
        let kind = CommandKind::from_code(frame.code());
        let observation = self.monitor.observe(Direction::ToFilter, frame);
        let event = match self.session.receive(frame) {
            Ok(event) => event,
            Err(error) => {
                let is_readable = Command::parse_as(frame, Tolerance::LENIENT).is_ok();
                let expected = if is_readable { Rule::UnknownCode } else { Rule::MalformedPayload };
                assert!(!is_readable || kind.is_none(), "{frame:?}: {error}");
                assert!(
                    matches!(error, ReceiveError::Peer(violation) if violation.rule == expected),
                    "{error}"
                );
                let Ending { in_message, owed, .. } = self.session.disconnect(0);
                assert_eq!((in_message, owed), (self.in_message, None));
                return false;
            }
        };
        let kind = kind.unwrap_or_else(|| panic!("{event:?} has no kind"));
        if self.session.negotiated().is_none_or(|agreed| agreed.emulated.is_empty()) {
            let disorder = [Rule::Order, Rule::Declined, Rule::BodyAfterSkip];
            let is_reported = observation.violations().any(|rule| disorder.contains(&rule));
            assert_eq!(event.in_order, !is_reported, "{event:?}, {observation:?}");
        }
        assert!(!event.is_ignored(), "{event:?}");
        self.follow(&event, kind);
        if kind == CommandKind::Quit {
            assert_eq!(self.session.turn(), Turn::Closed);
            assert!(matches!(self.session.receive(frame), Err(ReceiveError::Closed)));
            let Ending { clean, in_message, .. } = self.session.disconnect(0);
            assert!(clean && !in_message);
            return false;
        }
        if let Some(end) = self.session.rest_of_frame() {
            assert!(matches!(end.command, Command::EndOfMessage { chunk: [] }), "{end:?}");
            assert!(!end.aborts_message, "{end:?}");
        }
        let is_dropped =
            |step: Steps| self.session.negotiated().is_some_and(|agreed| agreed.steps.contains(step));
        let is_owed = kind.has_reply() && !kind.no_reply_step().is_some_and(is_dropped);
        let turn = if is_owed { Turn::Reply(kind) } else { Turn::Receive };
        assert_eq!(self.session.turn(), turn, "after {frame:?}");
        self.reply(kind, choice)
    }

    /// Follows a message through the events.
    fn follow(&mut self, event: &filter::Event<'_>, kind: CommandKind) {
        assert!(self.in_message || !event.aborts_message, "{event:?} aborts what has ended");
        let is_now = self.session.stage().is_in_message();
        let ends = self.in_message && !is_now && kind != CommandKind::EndOfMessage;
        assert!(event.aborts_message || !ends, "{event:?} ends a message without a word");
        self.in_message = is_now;
    }

    /// Replies, if a reply is owed; the monitor finds nothing wrong with it.
    fn reply(&mut self, kind: CommandKind, choice: u8) -> bool {
        let mut out = Vec::new();
        if self.session.turn() == Turn::Receive {
            return true;
        }
        if kind == CommandKind::Negotiate {
            match self.session.negotiate(&options(choice)) {
                Ok(sent) => sent.frame.append_to(&mut out),
                Err(NegotiateError::Failed(_)) => return false,
                Err(error) => panic!("the answer is owed: {error}"),
            }
        } else {
            answer(&mut self.session, choice, &mut out);
        }
        let mut rest = &out[..];
        while let Ok(Some((frame, tail))) = Frame::split(rest, Limits::DEFAULT) {
            assert_eq!(self.monitor.observe(Direction::ToMta, frame).violations().next(), None, "{frame:?}");
            rest = tail;
        }
        assert!(rest.is_empty());
        assert_eq!(self.session.turn(), Turn::Receive);
        // The verdict may have ended the message.
        self.in_message &= self.session.stage().is_in_message();
        true
    }
}
