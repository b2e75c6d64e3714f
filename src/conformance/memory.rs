//! Runs scenarios for filters without a transport.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::{Action, FilterRun, Input, Outcome};

impl FilterRun<'_> {
    /// Runs the whole scenario in memory, and returns its result.
    ///
    /// `connect` makes a filter for each new connection: a function that gets what the MTA has sent, appends what the filter
    /// sends, and says whether it keeps the connection open. When the MTA has closed the connection, it gets no bytes. A
    /// filter in memory answers at once or not at all, so no time passes.
    ///
    /// If the filter fails, the run shows the transcript: `assert_ne!(outcome.verdict, Verdict::Fail, "{run}")`.
    ///
    /// # Examples
    /// ```
    /// use core::ops::ControlFlow;
    /// use milter_proto::conformance::{FilterRun, Scenario, Verdict, filter};
    ///
    /// let text = "[filter/mine/first] must NEG-15\nOPTNEG is answered\n> OPTNEG 6 0 0\n< OPTNEG\n";
    /// let scenarios = Scenario::read_all(text)?;
    /// let profile = filter::Profile::default();
    /// let mut run = FilterRun::new(&scenarios[0], &profile);
    /// let outcome = run.in_memory(|| {
    ///     |bytes: &[u8], out: &mut Vec<u8>| {
    ///         if bytes.get(4) == Some(&b'O') {
    ///             out.extend(b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0");
    ///         }
    ///         ControlFlow::Continue(())
    ///     }
    /// });
    /// assert_eq!(outcome.verdict, Verdict::Pass, "{run}");
    /// # Ok::<(), milter_proto::conformance::ScenarioError>(())
    /// ```
    pub fn in_memory<F>(&mut self, mut connect: impl FnMut() -> F) -> Outcome
    where
        F: FnMut(&[u8], &mut Vec<u8>) -> ControlFlow<()>,
    {
        let mut filter = None;
        let mut replies = Vec::new();
        let mut action = self.advance(Input::Start);
        loop {
            action = match action {
                Action::Connect => {
                    replies.clear();
                    filter = Some(connect());
                    self.advance(Input::Connected)
                }
                Action::Send(bytes) => {
                    filter = filter.and_then(|it| it.given(&bytes, &mut replies));
                    self.advance(Input::Done)
                }
                Action::Shutdown => {
                    filter = filter.and_then(|it| it.given(&[], &mut replies));
                    self.advance(Input::Done)
                }
                Action::Close => {
                    filter = None;
                    self.advance(Input::Done)
                }
                Action::Receive(_) if !replies.is_empty() => {
                    self.advance(Input::Received(&core::mem::take(&mut replies)))
                }
                Action::Receive(_) if filter.is_none() => self.advance(Input::Closed),
                Action::Receive(_) => self.advance(Input::TimedOut),
                Action::Client(_) => self.advance(Input::Done),
                Action::Finish => {
                    return self.outcome().cloned().unwrap_or_else(|| Outcome::skipped("it was not run"));
                }
            };
        }
    }
}

trait Given: Sized {
    /// The filter, if it keeps the connection open.
    fn given(self, bytes: &[u8], replies: &mut Vec<u8>) -> Option<Self>;
}

impl<F: FnMut(&[u8], &mut Vec<u8>) -> ControlFlow<()>> Given for F {
    fn given(mut self, bytes: &[u8], replies: &mut Vec<u8>) -> Option<Self> {
        self(bytes, replies).is_continue().then_some(self)
    }
}
