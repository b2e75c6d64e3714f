//! The MTA's side, blocking.

use std::time::Instant;

use indicatif::ProgressBar;
use milter_proto::session::{MtaSession, MtaTurn, Policy, Sent, Timeouts, Wait};
use milter_proto::wire::Direction;

use crate::link::Link;
use crate::support::client::{Client, Letter};
use crate::support::failure::Failure;
use crate::support::message::Message;
use crate::support::waits::Waits;

/// Bytes of a body from which on its progress is shown.
const LONG: u64 = 1024 * 1024;

/// Asks a filter about a message, from OPTNEG to QUIT.
pub(crate) fn converse<'m>(
    mut link: Link,
    letter: &'m Letter,
    message: &'m Message,
) -> Result<Client<'m>, Failure> {
    let total = u64::try_from(message.body.len()).unwrap_or(u64::MAX);
    let progress = if total >= LONG { ProgressBar::new(total) } else { ProgressBar::hidden() };
    let mut client = Client::new(letter, message).showing(progress);
    let mut session = MtaSession::new(Policy::POSTFIX);
    let mut waits = Waits::new(Timeouts::POSTFIX);
    loop {
        match session.turn() {
            MtaTurn::Send => match client.say(&mut session)? {
                Some(Sent::Frame(frame)) => {
                    waits.begin();
                    link.push(Direction::ToFilter, &frame);
                }
                Some(Sent::Suppressed(_)) => {}
                None => return Ok(client),
            },
            MtaTurn::Receive(owed) => {
                link.flush(Timeouts::POSTFIX.of(Wait::Write))?;
                while let Some(frame) = link.take(Direction::ToMta)? {
                    client.hear(&session.receive(frame)?)?;
                }
                let limit = waits.limit(session.wait(), Instant::now());
                let is_owed = session.turn() == MtaTurn::Receive(owed);
                if is_owed && !link.fill(limit).map_err(|failure| failure.on(owed))? {
                    return Err(Failure::left(session.agreed().is_some(), owed));
                }
            }
            // QUIT was said, and a filter that has left already misses nothing.
            _ => {
                let _ = link.flush(Timeouts::POSTFIX.of(Wait::Write));
                return Ok(client);
            }
        }
    }
}
