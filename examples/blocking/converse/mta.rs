//! The MTA's side, blocking.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Instant;

use milter_proto::message::ChainStep;
use milter_proto::wire::{Direction, OutgoingFrame};
use milter_proto::{Timeouts, Wait, mta};

use crate::link::{Link, Printer};
use crate::support::client::{Client, Letter, Outcome};
use crate::support::failure::Failure;
use crate::support::progress::Progress;
use crate::support::spec::Spec;
use crate::support::waits::Waits;

/// Bytes of a message from which on its progress is shown.
const LONG: usize = 1024 * 1024;

/// The filters, and how they are asked.
pub(crate) struct Asked<'c> {
    pub(crate) letter: &'c Letter,
    pub(crate) filters: &'c [Spec],
    pub(crate) timeouts: Timeouts,
    pub(crate) hides: bool,
}

/// Asks filters about a message, from OPTNEG to QUIT, and shows the outcome.
pub(crate) fn converse(asked: &Asked<'_>, show: &(dyn Fn(&Outcome<'_>) + Sync)) -> Result<(), Failure> {
    let bytes = asked.letter.load()?;
    let total = bytes.len().saturating_mul(asked.filters.len());
    let progress = if bytes.len() >= LONG { Progress::of(total) } else { Progress::hidden() };
    let mut client = Client::new(asked.letter, &bytes, asked.filters, mta::Policy::POSTFIX, show);
    let mut links = Links { asked, progress, open: BTreeMap::new() };
    loop {
        let (filter, result) = match client.chain.next_step() {
            ChainStep::Done(answer) => {
                links.progress.finish();
                match client.go_on(&answer)? {
                    true => continue,
                    false => return Ok(()),
                }
            }
            ChainStep::Write { filter, frame } => (filter, links.write(filter, &frame)),
            ChainStep::Read { filter, wait } => {
                let input = links.read(filter, wait);
                (filter, input.and_then(|input| client.receive(filter, input)))
            }
            ChainStep::Close { filter } => (filter, links.close(filter)),
        };
        result.or_else(|failure| client.fail(filter, failure))?;
    }
}

/// The connections to the filters. Each is made when it is needed.
struct Links<'c> {
    asked: &'c Asked<'c>,
    /// How much of the message was sent.
    progress: Progress,
    open: BTreeMap<usize, (Link, Waits)>,
}

impl Links<'_> {
    /// The connection to a filter, which is made now if there is none. Several filters are told apart by their numbers.
    fn get(&mut self, filter: usize) -> Result<&mut (Link, Waits), Failure> {
        let Asked { filters, timeouts, hides, .. } = *self.asked;
        let vacant = match self.open.entry(filter) {
            Entry::Occupied(link) => return Ok(link.into_mut()),
            Entry::Vacant(vacant) => vacant,
        };
        let spec = filters.get(filter).ok_or(Failure::NoFilter(filter))?;
        let socket = spec.connect(timeouts.of(Wait::Connect));
        let socket = socket.map_err(|error| Failure::Connect(spec.to_string(), error))?;
        let number = u64::try_from(filter).unwrap_or(u64::MAX).saturating_add(1);
        let printer = Printer::new(hides, (filters.len() > 1).then_some(number));
        Ok(vacant.insert((Link::new(socket, printer), Waits::new(timeouts))))
    }

    /// Adds a frame to what will be written: one without a reply waits for one that has a reply. Bytes that have arrived
    /// before it would be taken for the reply.
    fn write(&mut self, filter: usize, frame: &OutgoingFrame<'_>) -> Result<(), Failure> {
        let limit = self.asked.timeouts.of(Wait::Write);
        self.progress.add(frame.len());
        let (link, waits) = self.get(filter)?;
        link.refuse_stray()?;
        waits.begin();
        link.push(Direction::ToFilter, frame);
        link.flush_much(limit)
    }

    /// Writes what there is, and reads.
    fn read(&mut self, filter: usize, wait: Wait) -> Result<&[u8], Failure> {
        let limit = self.asked.timeouts.of(Wait::Write);
        let (link, waits) = self.get(filter)?;
        link.flush(limit)?;
        link.read(waits.limit(Some(wait), Instant::now()))
    }

    /// Writes what there is, which is QUIT, and closes. A filter that has left already misses nothing.
    fn close(&mut self, filter: usize) -> Result<(), Failure> {
        if let Some((mut link, _)) = self.open.remove(&filter) {
            let _ = link.flush(self.asked.timeouts.of(Wait::Write));
        }
        Ok(())
    }
}
