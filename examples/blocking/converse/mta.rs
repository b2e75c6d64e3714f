//! The MTA's side, blocking.

use std::time::Instant;

use milter_proto::mta::Sent;
use milter_proto::wire::Direction;
use milter_proto::{MtaSession, Timeouts, Wait, mta};

use crate::link::Link;
use crate::support::client::{Client, Letter, Outcome};
use crate::support::failure::Failure;
use crate::support::message::Message;
use crate::support::progress::Progress;
use crate::support::waits::Waits;

/// Bytes of a body from which on its progress is shown.
const LONG: u64 = 1024 * 1024;

/// Asks a filter about a message, from OPTNEG to QUIT, and shows the outcome.
pub(crate) fn converse(
    mut link: Link,
    letter: &Letter,
    message: &Message,
    timeouts: Timeouts,
    show: &(dyn Fn(&Outcome<'_>) + Sync),
) -> Result<(), Failure> {
    let total = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
    let progress = if total >= LONG { Progress::of(total) } else { Progress::hidden() };
    let mut client = Client::new(letter, message, show).showing(progress);
    let mut session = MtaSession::with_policy(mta::Policy::POSTFIX);
    let mut waits = Waits::new(timeouts);
    loop {
        match session.turn() {
            mta::Turn::Send => {
                link.refuse_stray()?;
                match client.say(&mut session)? {
                    // No filter but this one can refuse DATA here, so that the envelope never has to be sent again.
                    Some(Sent::Frame(frame) | Sent::ResendEnvelope(frame)) => {
                        waits.begin();
                        link.push(Direction::ToFilter, &frame);
                        link.flush_much(timeouts.of(Wait::Write))
                            .map_err(|failure| failure.on_turn(session.turn()))?;
                    }
                    Some(Sent::Skipped { .. }) => {}
                    None => return Ok(()),
                }
            }
            mta::Turn::Receive(owed) => {
                link.flush(timeouts.of(Wait::Write)).map_err(|failure| failure.on(owed))?;
                while let Some(frame) = link.take(Direction::ToMta)? {
                    client.hear(&session.receive(frame)?)?;
                }
                let limit = waits.limit(session.wait(), Instant::now());
                let is_owed = session.turn() == mta::Turn::Receive(owed);
                if is_owed && !link.fill(limit).map_err(|failure| failure.on(owed))? {
                    return Err(Failure::left(session.negotiated().is_some(), owed));
                }
            }
            // QUIT was said, and a filter that has left already misses nothing.
            _ => {
                let _ = link.flush(timeouts.of(Wait::Write));
                return Ok(());
            }
        }
    }
}
