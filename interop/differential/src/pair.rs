//! Both filters with the same rules, and the judgement on what they do with a stream.

use core::time::Duration;
use std::path::PathBuf;
use std::process::Command;

use crate::filter::{Filter, Until};
use crate::known::{Remedy, Rewritten, Row, Unread, rows};
use crate::observation::{Observation, Outcome};
use crate::rules::{CALLBACKS, RuleSet};
use crate::stream::{End, Stream, cut};
use crate::tally::Tally;

/// The programs, and where their files are.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) libmilter: PathBuf,
    pub(crate) ours: Ours,
    pub(crate) folder: PathBuf,
    /// How long a filter may take for one connection.
    pub(crate) limit: Duration,
}

impl Programs {
    fn start_libmilter(&self, rules: &'static RuleSet) -> anyhow::Result<Filter> {
        Filter::start(&mut Command::new(&self.libmilter), "libmilter", rules, &self.folder)
    }

    fn start_ours(&self, rules: &'static RuleSet) -> anyhow::Result<Filter> {
        let mut command = match &self.ours {
            // libmilter has no other law.
            Ours::Example(program) => {
                let mut command = Command::new(program);
                command.args(["--policy", "libmilter"]);
                command
            }
            Ours::Dropin(library) => {
                let mut command = Command::new(&self.libmilter);
                command.env("LD_LIBRARY_PATH", library);
                command
            }
        };
        Filter::start(&mut command, "ours", rules, &self.folder)
    }
}

/// What is compared with libmilter.
#[derive(Clone, Debug)]
pub(crate) enum Ours {
    /// A program with the options of filter_blocking.
    Example(PathBuf),
    /// The filter on libmilter, with the library that lies in this folder.
    Dropin(PathBuf),
}

/// What became of a stream.
#[derive(Clone, Debug)]
pub(crate) enum Judgement {
    Same,
    /// Different, for reasons that are in the table.
    Known(Vec<&'static str>),
    Different(Box<Difference>),
}

/// What each of the two did.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    pub(crate) libmilter: Observation,
    pub(crate) ours: Observation,
    /// Where it showed.
    pub(crate) place: &'static str,
}

/// The two filters of one rule set.
#[derive(Debug)]
pub(crate) struct Pair<'p> {
    programs: &'p Programs,
    rules: &'static RuleSet,
    libmilter: Filter,
    ours: Filter,
    /// What was called, and who crashed.
    pub(crate) seen: Tally,
}

impl<'p> Pair<'p> {
    pub(crate) fn start(programs: &'p Programs, rules: &'static RuleSet) -> anyhow::Result<Self> {
        let libmilter = programs.start_libmilter(rules)?;
        let ours = programs.start_ours(rules)?;
        Ok(Self { programs, rules, libmilter, ours, seen: Tally::default() })
    }

    /// Sends a stream to both, and compares.
    pub(crate) fn judge(&mut self, stream: &Stream) -> anyhow::Result<Judgement> {
        let writes = stream.writes();
        let ours = self.ask_ours(&writes, Until::End)?;
        self.seen.see(&ours);
        let libmilter = self.ask_libmilter(&writes, Until::End)?;
        if libmilter != ours || ours.outcome != Outcome::Closed {
            return self.explain(stream, libmilter, ours);
        }
        let Some(until) = end_of_all(stream, &ours) else { return Ok(Judgement::Same) };
        let (libmilter, ours) = (self.ask_libmilter(&writes, until)?, self.ask_ours(&writes, until)?);
        if libmilter == ours {
            return Ok(Judgement::Same);
        }
        // What was the same before can differ by chance only, where libmilter reads behind its buffers.
        for row in rows(&self.programs.ours) {
            if let Remedy::Rewrites(rewrite) = row.remedy
                && let Some(rewritten) = rewrite(self.rules, &stream.bytes)
                && self.ask_libmilter(&[&rewritten.bytes], until)? == ours
            {
                return Ok(Judgement::Known(vec![row.id]));
            }
        }
        let place = "when the MTA closed at once";
        Ok(Judgement::Different(Box::new(Difference { libmilter, ours, place })))
    }

    /// Looks for rows of the table that account for a difference: as few as possible.
    fn explain(
        &mut self,
        stream: &Stream,
        libmilter: Observation,
        ours: Observation,
    ) -> anyhow::Result<Judgement> {
        let applicable = self.applicable(&stream.bytes)?;
        for subset in subsets(&applicable) {
            if self.does_without(&subset, &Rewritten::from(stream.bytes.clone()), &ours)? {
                return Ok(Judgement::Known(subset.iter().map(|row| row.id).collect()));
            }
        }
        for row in rows(&self.programs.ours) {
            if let Remedy::Turns(turn) = row.remedy
                && let Some(bytes) =
                    turn(self.rules, &stream.bytes).and_then(|place| stream.bytes.get(..place))
            {
                let shorter = Stream { bytes: bytes.to_vec(), cuts: Vec::new(), end: End::Half };
                match self.judge(&shorter)? {
                    Judgement::Same => return Ok(Judgement::Known(vec![row.id])),
                    Judgement::Known(ids) => return Ok(Judgement::Known([vec![row.id], ids].concat())),
                    Judgement::Different(_) => {}
                }
            }
        }
        let place = "when the MTA closed its half";
        Ok(Judgement::Different(Box::new(Difference { libmilter, ours, place })))
    }

    /// The rows that could rewrite a stream, as it is or as the rows before them leave it.
    fn applicable(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<&'static Row>> {
        let original = Rewritten::from(bytes.to_vec());
        let mut all = original.clone();
        let mut applicable = Vec::new();
        for row in rows(&self.programs.ours) {
            if let Some(rewritten) = self.rewritten(row, &all)?.into_iter().next() {
                all = rewritten;
                applicable.push(row);
            } else if !self.rewritten(row, &original)?.is_empty() {
                applicable.push(row);
            }
        }
        Ok(applicable)
    }

    /// Whether libmilter does what we did, if it is sent a stream that these rows have rewritten.
    fn does_without(
        &mut self,
        rows: &[&Row],
        stream: &Rewritten,
        ours: &Observation,
    ) -> anyhow::Result<bool> {
        if let Some((row, rows)) = rows.split_first() {
            for rewritten in self.rewritten(row, stream)? {
                if self.does_without(rows, &rewritten, ours)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let libmilter = self.ask_libmilter(&[&stream.bytes], Until::End)?.renamed(&stream.stand_ins);
        if stream.hides_from_abort {
            return Ok(libmilter.without_macros_at_abort() == ours.clone().without_macros_at_abort());
        }
        Ok(libmilter == *ours)
    }

    /// The stream without what a row is about, if there is any of it: in one way, or in several.
    fn rewritten(&mut self, row: &Row, stream: &Rewritten) -> anyhow::Result<Vec<Rewritten>> {
        let bytes = &stream.bytes[..];
        let mut found = Vec::new();
        match row.remedy {
            Remedy::Turns(_) => {}
            Remedy::Rewrites(rewrite) => found.extend(rewrite(self.rules, bytes)),
            Remedy::RewritesAborts(rewrite) => {
                let as_it_is = self.ask_libmilter(&[bytes], Until::End)?.without_aborts();
                for rewritten in rewrite(bytes) {
                    let closed = self.ask_libmilter(&[&rewritten.bytes], Until::End)?;
                    found.extend((closed.without_aborts() == as_it_is).then_some(rewritten));
                }
            }
            Remedy::RewritesUnread(rewrite) => {
                let as_it_is = self.ask_libmilter(&[bytes], Until::End)?;
                for Unread { readable, ours } in rewrite(self.rules, bytes) {
                    let read = self.ask_libmilter(&[&readable], Until::End)?;
                    found.extend((read == as_it_is).then(|| Rewritten::from(ours)));
                }
            }
        }
        let with_older = |new: Rewritten| Rewritten {
            stand_ins: [&stream.stand_ins[..], &new.stand_ins].concat(),
            hides_from_abort: stream.hides_from_abort || new.hides_from_abort,
            bytes: new.bytes,
        };
        Ok(found.into_iter().map(with_older).collect())
    }

    fn ask_libmilter(&mut self, writes: &[&[u8]], until: Until) -> anyhow::Result<Observation> {
        let seen = self.libmilter.converse(writes, until, self.programs.limit)?;
        if seen.outcome != Outcome::Closed {
            self.libmilter = self.programs.start_libmilter(self.rules)?;
            if matches!(seen.outcome, Outcome::Died(_)) {
                self.seen.crashes = self.seen.crashes.saturating_add(1);
            }
        }
        Ok(seen)
    }

    fn ask_ours(&mut self, writes: &[&[u8]], until: Until) -> anyhow::Result<Observation> {
        let seen = self.ours.converse(writes, until, self.programs.limit)?;
        if seen.outcome != Outcome::Closed {
            self.ours = self.programs.start_ours(self.rules)?;
        }
        Ok(seen)
    }
}

/// Rows alone, in pairs, and so on: what is found first needs no other.
fn subsets(rows: &[&'static Row]) -> Vec<Vec<&'static Row>> {
    let mut subsets = vec![Vec::new()];
    for &row in rows {
        let with_row: Vec<_> = subsets.iter().map(|subset| [&subset[..], &[row]].concat()).collect();
        subsets.extend(with_row);
    }
    subsets.retain(|subset| !subset.is_empty());
    subsets.sort_by_key(Vec::len);
    subsets
}

/// When everything is done, for streams whose end is to be closed at once.
///
/// A filter need not read what was sent before a close. So there has to be a sign that it has read all:
/// the callback of the last frame, and the reply.
fn end_of_all(stream: &Stream, seen: &Observation) -> Option<Until> {
    if stream.end == End::Half || seen.outcome != Outcome::Closed {
        return None;
    }
    let (frames, rest) = cut(&stream.bytes);
    let last = frames.last().filter(|_| rest.is_empty())?.code;
    let name = CALLBACKS.iter().find(|row| row.0 == last)?.1;
    let is_end = |name: &str| matches!(name, "abort" | "close");
    let place = seen.callbacks.iter().rposition(|callback| !is_end(&callback.name))?;
    let is_last = seen.callbacks.get(place).is_some_and(|callback| callback.name == name);
    let done = place.saturating_add(1);
    let all = Until::Replies { bytes: seen.replies.len(), callbacks: done, end: seen.callbacks.len() };
    is_last.then_some(all)
}
