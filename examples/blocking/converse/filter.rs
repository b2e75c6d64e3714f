//! The filter's side, blocking.

use milter_proto::filter::{Options, Support};
use milter_proto::order::CommandKind;
use milter_proto::wire::{Actions, Direction, Edit, LeadingSpace, Verdict};
use milter_proto::{FilterSession, Timeouts, Wait, filter};

use crate::link::Link;
use crate::support::failure::Failure;

/// What the filter does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Lets it pass.
    Harmless,
    /// Adds a header, changes the subject, and lets it pass.
    Marks,
}

/// Answers an MTA until it leaves.
pub(crate) fn converse(mut link: Link, manner: Manner, timeouts: Timeouts) -> Result<(), Failure> {
    let actions = Actions::ADD_HEADERS | Actions::CHANGE_HEADERS;
    let options = match manner {
        Manner::Harmless => Options::all_commands(),
        Manner::Marks => Options::all_commands().require(actions).leading_space(Support::Optional),
    };
    let mut session = FilterSession::new();
    loop {
        match link.take(Direction::ToFilter)? {
            Some(frame) => {
                let is_offer = match session.receive(frame) {
                    Ok(_) => session.turn() == filter::Turn::Reply(CommandKind::Negotiate),
                    Err(error) => {
                        // Earlier frames of the same read may have been answered: flush before handling the error.
                        link.flush(timeouts.of(Wait::Write))?;
                        return Err(error.into());
                    }
                };
                answer(&mut session, &mut link, is_offer.then_some(&options), manner)?;
                while let Some(_end) = session.rest_of_frame() {
                    answer(&mut session, &mut link, None, manner)?;
                }
            }
            None => {
                link.flush(timeouts.of(Wait::Write))?;
                let is_over = session.turn() == filter::Turn::Closed;
                if is_over || !link.fill(timeouts.of(Wait::Command))? {
                    let ending = session.disconnect(link.pending());
                    link.note(if ending.clean {
                        "the MTA sent QUIT"
                    } else {
                        "the MTA closed the connection without QUIT"
                    });
                    return Ok(());
                }
            }
        }
    }
}

/// Sends the outstanding reply, if there is one.
fn answer(
    session: &mut FilterSession,
    link: &mut Link,
    options: Option<&Options<'_>>,
    manner: Manner,
) -> Result<(), Failure> {
    if let Some(options) = options {
        let answer = session.negotiate(options)?.frame;
        link.push(Direction::ToMta, &answer);
        return Ok(());
    }
    if manner == Manner::Marks && session.may_edit(Actions::ADD_HEADERS | Actions::CHANGE_HEADERS) {
        for edit in marks(session.leading_space()) {
            link.push(Direction::ToMta, &session.send(edit)?);
        }
    }
    if let filter::Turn::Reply(_) = session.turn() {
        link.push(Direction::ToMta, &session.send(Verdict::Continue)?);
    }
    Ok(())
}

/// A new header, and another subject.
fn marks(space: LeadingSpace) -> impl Iterator<Item = Edit<'static>> {
    [
        Edit::add_header("X-Milter-Proto", space.to_wire(b" seen at the end of the message")),
        Edit::change_header(1, "Subject", space.to_wire(b" another subject")),
    ]
    .into_iter()
    .flatten()
}
