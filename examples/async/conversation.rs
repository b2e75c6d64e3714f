//! A filter's connection in a task: the protocol, whatever the runtime.
//!
//! Everything that lasts is in plain values, and the task may be dropped wherever it waits: `drop` says
//! how far the connection had come.

use core::future::Future;
use core::pin::Pin;

use milter_proto::order::CommandKind;
use milter_proto::wire::Assembler;
use milter_proto::{FilterSession, Wait, filter};

use crate::support::failure::Failure;
use crate::support::pool::Pool;
use crate::support::rules::{Handler, Next, Rules};
use crate::support::task::{Link, Stream};

/// Answers an MTA until one of the two leaves, or until it is to `stop` and no message is in progress.
pub(crate) async fn serve<S: Stream>(
    stream: S,
    number: u64,
    rules: &Rules,
    pool: &Pool,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), Failure> {
    let [read, write] = [Wait::Command, Wait::Write].map(|wait| rules.timeouts().of(wait));
    let mut link = Link::new(stream, pool, rules.taps(number), write);
    let mut conversation = Conversation::new(rules, number);
    while conversation.session.turn() != filter::Turn::Closed {
        let is_idle = !conversation.handler.is_in_message();
        if is_idle {
            conversation.release();
            link.release();
        }
        let input = link.read_unless(is_idle.then_some(stop.as_mut()), read).await?;
        if input.is_stop() {
            return Ok(());
        }
        if input.is_empty() {
            conversation.handler.note_end_without_quit(conversation.assembler.pending());
            return Ok(());
        }
        let result = conversation.answer(&input, &mut link).await;
        // Earlier frames of the same read may have been answered: flush before handling the error.
        link.flush().await?;
        result?;
    }
    Ok(())
}

struct Conversation<'r> {
    rules: &'r Rules,
    session: FilterSession,
    assembler: Assembler<Vec<u8>>,
    handler: Handler<'r>,
}

impl<'r> Conversation<'r> {
    fn new(rules: &'r Rules, number: u64) -> Self {
        let session = FilterSession::with_policy(rules.policy());
        let assembler = Assembler::with_limits(Vec::new(), Rules::limits(None));
        Self { rules, session, assembler, handler: Handler::new(rules, number) }
    }

    /// Gives back what only a message needs.
    fn release(&mut self) {
        self.assembler.release();
        self.handler.release();
    }

    /// Bytes in, events out; replies in, bytes out.
    async fn answer<S: Stream>(&mut self, mut input: &[u8], link: &mut Link<'_, S>) -> Result<(), Failure> {
        while let Some(event) = self.session.next_event(&mut self.assembler, &mut input)? {
            self.handler.on_event(&event, &self.session);
            if self.session.turn() == filter::Turn::Reply(CommandKind::Negotiate) {
                let answer = self.session.negotiate(&self.rules.filter_options())?.frame;
                link.push(&answer).await?;
                self.assembler.set_limits(Rules::limits(self.session.negotiated()));
            }
            while let filter::Turn::Reply(_) = self.session.turn() {
                match self.handler.next() {
                    Next::Send(response) => match self.session.send(response) {
                        Ok(frame) => link.push(&frame).await?,
                        Err(misuse) => self.handler.leave_out(response, misuse)?,
                    },
                    Next::Pause(time) => {
                        link.flush().await?;
                        link.pause(time).await;
                    }
                }
            }
            self.handler.after_replies(self.session.stage());
        }
        Ok(())
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        self.handler.end(&self.session.disconnect(self.assembler.pending()));
    }
}
