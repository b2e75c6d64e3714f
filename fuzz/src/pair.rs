//! Both sides of a connection, which never disagree.

use milter_proto::order::{CommandKind, Rule, Stage};
use milter_proto::wire::{Direction, Steps};
use milter_proto::{FilterSession, Monitor, MtaSession, NegotiateError, ReceiveError, filter, mta};

use crate::scripts::{COMMANDS, FILTER_POLICIES, MTA_POLICIES, RESPONSES, only_frame, options, pick};
use crate::sessions::say;

/// Both sides together: what one sends the other accepts, and their turns match.
///
/// The first byte chooses the policies of both. Every other byte chooses a command, a response or options, whoever's
/// turn it is. A monitor finds nothing, unless the filter sends what only libmilter lets through.
pub fn pair(data: &[u8]) {
    let Some((&first, steps)) = data.split_first() else { return };
    let mut pair = Pair::new(pick(&MTA_POLICIES, first), pick(&FILTER_POLICIES, first / 3));
    for &step in steps {
        let goes_on = match pair.mta.turn() {
            mta::Turn::Send => pair.command(step),
            mta::Turn::Receive(_) => pair.response(step),
            _ => return,
        };
        if !goes_on {
            return;
        }
        let turns = (pair.mta.turn(), pair.filter.turn());
        assert!(
            matches!(
                turns,
                (mta::Turn::Send, filter::Turn::Receive) | (mta::Turn::Closed, filter::Turn::Closed)
            ) || matches!(turns, (mta::Turn::Receive(a), filter::Turn::Reply(b)) if a == b),
            "{turns:?}"
        );
    }
}

struct Pair {
    mta: MtaSession,
    policy: filter::Policy,
    filter: FilterSession,
    monitor: Monitor,
}

impl Pair {
    fn new(mta: mta::Policy, policy: filter::Policy) -> Self {
        Self {
            mta: MtaSession::with_policy(mta),
            policy,
            filter: FilterSession::with_policy(policy),
            monitor: Monitor::new(),
        }
    }

    /// The MTA sends a command, if it may; `false` if the two are known to part here.
    fn command(&mut self, step: u8) -> bool {
        let mut wire = Vec::new();
        if !say(&mut self.mta, pick(&COMMANDS, step), &mut wire) {
            return true;
        }
        let frame = only_frame(&wire);
        assert_eq!(self.monitor.observe(Direction::ToFilter, frame).violations().next(), None);
        let stage = self.filter.stage();
        let event = self
            .filter
            .receive(frame)
            .unwrap_or_else(|error| panic!("the filter refuses {frame:?}: {error}"));
        assert!(self.filter.rest_of_frame().is_none());
        if event.is_ignored() && self.mta.should_flush() && self.mta.turn() != mta::Turn::Closed {
            // ORD-29: a message without headers is lost on libmilter, if EOH was declined.
            let steps = self.filter.negotiated().map(|agreed| agreed.steps).unwrap_or_default();
            assert!(
                stage == Stage::Data && steps.contains(Steps::NO_END_OF_HEADERS),
                "libmilter ignores {frame:?}"
            );
            return false;
        }
        assert!(event.in_order || event.is_ignored(), "{event:?}");
        true
    }

    /// The filter sends a response, if it may; `false` if the connection ends.
    fn response(&mut self, step: u8) -> bool {
        let mut wire = Vec::new();
        if step >= 0x80 && self.filter.turn() == filter::Turn::Reply(CommandKind::Negotiate) {
            match self.filter.negotiate(&options(step)) {
                Ok(sent) => sent.frame.append_to(&mut wire),
                Err(NegotiateError::Failed(_)) => return false,
                Err(error) => panic!("the answer is owed: {error}"),
            }
        } else {
            let Ok(outgoing) = self.filter.send(pick(&RESPONSES, step)) else { return true };
            outgoing.append_to(&mut wire);
        }
        let frame = only_frame(&wire);
        let broken = self.monitor.observe(Direction::ToMta, frame).violations().next();
        let accepted = self.mta.receive(frame);
        match (broken, accepted) {
            (None, Ok(_)) => true,
            (None, Err(error)) => panic!("the MTA refuses {frame:?}: {error}"),
            // What every MTA does with that is not the same, and the two may part.
            (Some(rule), accepted) => {
                assert_eq!(self.policy, filter::Policy::LIBMILTER, "{frame:?}: {rule}");
                assert!(LET_THROUGH.contains(&rule), "{frame:?}: {rule}");
                if let Err(ReceiveError::Peer(violation)) = accepted {
                    assert_eq!(violation.rule, rule, "{frame:?}");
                }
                false
            }
        }
    }
}

/// What libmilter sends, though no filter should. SPEC_NOTES POL-12.
const LET_THROUGH: [Rule; 5] = [
    Rule::Progress,
    Rule::SkipNotNegotiated,
    Rule::UndefinedVerdict,
    Rule::BodyInterrupted,
    Rule::InvalidHeaderName,
];
