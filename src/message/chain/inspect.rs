//! What a caller can see of the filters of a chain, and messages that the SMTP client gives up.

use super::{Chain, ChainError, FilterError, Member};
use crate::MtaSession;
use crate::message::content::Message;
use crate::message::outcome::EditOutcome;
use crate::mta::{EditStatus, Event};
use crate::order::CommandKind;
use crate::wire::Edit;

impl<'m> Chain<'m> {
    /// The session with a filter: whose turn it is, and what was negotiated. `None`: there is no such filter.
    #[must_use]
    pub fn session(&self, filter: usize) -> Option<&MtaSession> {
        self.members.get(filter).map(|member| &member.session)
    }

    /// Whether a filter has failed: it is not asked any more, and its [`FailureAction`](super::FailureAction) is its answer.
    #[must_use]
    pub fn has_failed(&self, filter: usize) -> bool {
        self.members.get(filter).is_some_and(Member::has_failed)
    }

    /// The edits of a filter for the last message, in order, with what came of each. That is `None` unless the edits were
    /// applied: they are not if the filter refused the message. A filter that failed has none.
    pub fn edits(&self, filter: usize) -> impl Iterator<Item = (Edit<'_>, EditStatus, Option<EditOutcome>)> {
        self.members.get(filter).into_iter().flat_map(|member| {
            let outcomes = member.outcomes.iter().copied().map(Some);
            let outcomes = outcomes.chain(core::iter::repeat(None));
            member.edits.iter().zip(outcomes).map(|((edit, status), outcome)| (edit, status, outcome))
        })
    }

    /// [`receive`](Self::receive), which also shows each event to `on_event`: for a log of what filters answer.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    ///
    /// # Examples
    /// ```
    /// use milter_proto::message::{Chain, ChainFilter, ChainStep, EditRules};
    /// use milter_proto::mta::Event;
    /// use milter_proto::wire::{Command, Offer, Version};
    ///
    /// let mut chain = Chain::new(EditRules::POSTFIX);
    /// chain.add(ChainFilter::new());
    /// chain.send(Command::Negotiate(Offer::FULL))?;
    /// while let ChainStep::Write { .. } = chain.next_step() {} // write it
    /// let mut version = None;
    /// chain.receive_with(0, &mut &b"\0\0\0\x0dO\0\0\0\x06\0\0\0\x01\0\0\x03\x7f"[..], |event| {
    ///     if let Event::Negotiated { answer } = event {
    ///         version = Some(answer.version);
    ///     }
    /// })?;
    /// assert_eq!(version, Some(Version::new(6)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn receive_with(
        &mut self,
        filter: usize,
        input: &mut &[u8],
        mut on_event: impl FnMut(&Event<'_>),
    ) -> Result<(), FilterError> {
        let Some(member) = self.members.get_mut(filter) else { return Ok(()) };
        let received = member.receive(input, &mut on_event);
        if received.is_err() {
            member.fail();
        }
        received
    }

    /// Begins with the first part of the message, after DATA: the commands up to those of that kind, which is HEADER, EOH or
    /// BODY. For programs that test what a filter does when the SMTP client leaves in the content: send ABORT next.
    ///
    /// Only the first filter is asked, as the others would get the message after it. Its edits are not applied.
    ///
    /// # Errors
    /// As [`send_message`](Self::send_message).
    pub fn send_message_until(&mut self, message: Message<'m>, last: CommandKind) -> Result<(), ChainError> {
        self.send_part(message, Some(last))
    }
}
