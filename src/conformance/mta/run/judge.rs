//! Judges what came of a step.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;

use super::super::super::{Action, ClientAction, Level, Mismatch, Outcome, Patience, Verdict};
use super::super::check::Check;
use super::super::expect::{Expected, Fit, Got, Place};
use super::super::profile::FailureAction;
use super::{MtaRun, Task};
use crate::Wait;

impl MtaRun<'_> {
    pub(super) fn judge(&mut self, expected: &Expected, got: Got) -> Option<Action> {
        if expected.shows_failure() && self.failure == FailureAction::Unknown {
            self.failure = got.as_failure();
        }
        let is_in_message = !self.deeds.is_empty() && matches!(got.place, Place::Rcpt | Place::Data);
        match expected.fit(&got, self.profile) {
            Fit::Strict => {}
            Fit::Lenient => self.note_lenient(expected.text.clone(), got.describe()),
            Fit::No => {
                self.fail(Mismatch::new(&*expected.text, got.describe()));
                return None;
            }
        }
        self.next_step();
        // A client that gives the message up says so.
        if is_in_message && self.smtp.is_open && got.as_failure() != FailureAction::Shutdown {
            let action = self.client(ClientAction::Line("RSET".to_owned()));
            self.step = self.step.saturating_sub(1);
            self.task = Task::Reply(Place::Other, None);
            return Some(action);
        }
        None
    }

    pub(super) fn await_check(&mut self, check: &Check, is_lenient: bool) -> Option<Action> {
        let fault = self.check_fault(check);
        // What may still come is not awaited where it cannot change anything.
        if fault.is_none() && check.can_wait() && !matches!(check, Check::Delivered(_)) {
            self.next_step();
            return None;
        }
        let is_delivery = matches!(check, Check::Delivered(_));
        if is_delivery && fault.is_some() && !self.timed_out {
            return Some(Action::Receive(Patience::Long(Wait::Command)));
        }
        if matches!(check, Check::Closed) && !self.timed_out {
            return Some(Action::Receive(Patience::Long(Wait::Command)));
        }
        let is_over =
            !self.smtp.is_open && !self.links.is_open() && !matches!(check, Check::NothingDelivered);
        if !is_delivery && !self.is_settled && !is_over {
            return Some(Action::Receive(Patience::Short));
        }
        let Some(got) = fault else {
            self.next_step();
            return None;
        };
        let expected = self.scenario.steps.get(self.step).map_or(String::new(), |step| step.text.clone());
        if is_lenient {
            self.note_lenient(expected, got);
            self.next_step();
        } else {
            self.fail(Mismatch::new(expected, got));
        }
        None
    }

    fn check_fault(&self, check: &Check) -> Option<String> {
        match check {
            Check::Closed => self.links.is_open().then(|| "the Milter connection stays open".to_owned()),
            Check::Connections(count) => {
                let found = self.links.count();
                (found != *count).then(|| format!("{found} Milter connections"))
            }
            Check::NothingDelivered => {
                (!self.deliveries.is_empty()).then(|| "a message was delivered".to_owned())
            }
            Check::Delivered(features) => self.deliveries.fault(features, self.profile),
            _ => check.fault(self.links.seen.get(self.mark..).unwrap_or_default(), self.profile),
        }
    }

    fn note_lenient(&mut self, expected: String, got: String) {
        self.lenient.get_or_insert(Mismatch::new(expected, got).at(self.step));
    }

    pub(super) fn fail(&mut self, mismatch: Mismatch) {
        let verdict = if self.scenario.level == Level::Info { Verdict::NonStrict } else { Verdict::Fail };
        let mismatch = Some(mismatch.at(self.step));
        self.outcome.get_or_insert(Outcome { verdict, mismatch, why: None });
    }

    pub(super) fn skip(&mut self, why: String) {
        self.outcome.get_or_insert(Outcome { verdict: Verdict::Skipped, mismatch: None, why: Some(why) });
    }

    pub(super) fn finish(&mut self, verdict: Verdict) {
        let mismatch = self.lenient.take();
        let verdict = if mismatch.is_some() { Verdict::NonStrict } else { verdict };
        self.outcome.get_or_insert(Outcome { verdict, mismatch, why: None });
    }
}
