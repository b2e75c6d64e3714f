//! How often what was seen.

extern crate alloc;

use alloc::collections::BTreeMap;

use crate::observation::Observation;
use crate::pair::Judgement;

/// Counts of a rule set, or of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) streams: u64,
    pub(crate) same: u64,
    /// Uses of the rows of the table.
    pub(crate) known: BTreeMap<&'static str, u64>,
    /// Callbacks of our filter, by their names.
    pub(crate) callbacks: BTreeMap<String, u64>,
    /// Ends of libmilter's filter that nobody asked for.
    pub(crate) crashes: u64,
}

impl Tally {
    /// Counts a stream.
    pub(crate) fn count(&mut self, judgement: &Judgement) {
        add(&mut self.streams, 1);
        match judgement {
            Judgement::Same => add(&mut self.same, 1),
            Judgement::Known(ids) => ids.iter().for_each(|id| add(self.known.entry(id).or_default(), 1)),
            Judgement::Different(_) => {}
        }
    }

    /// Counts what our filter was told.
    pub(crate) fn see(&mut self, observation: &Observation) {
        for callback in &observation.callbacks {
            add(self.callbacks.entry(callback.name.clone()).or_default(), 1);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.streams, other.streams);
        add(&mut self.same, other.same);
        add(&mut self.crashes, other.crashes);
        other.known.iter().for_each(|(id, count)| add(self.known.entry(id).or_default(), *count));
        let names = other.callbacks.iter();
        names.for_each(|(name, count)| add(self.callbacks.entry(name.clone()).or_default(), *count));
    }
}

fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}
