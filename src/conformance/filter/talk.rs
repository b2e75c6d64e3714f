//! The bytes of a connection to a filter, and what is awaited on it.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::super::Patience;
use super::super::outcome::{Breach, Mismatch};
use super::shown::line;
use super::step::{Awaited, Hope};
use super::way::{Judged, Way};
use crate::order::CommandKind;
use crate::wire::{Direction, Frame, FrameBuf, FrameError};
use crate::{Limits, Wait};

/// Frames of filters are read whatever their length, but not without any limit.
const LIMITS: Limits = Limits::DEFAULT.with_max_receive_payload(256 * 1024 * 1024);

/// One connection.
#[derive(Debug, Default)]
pub(super) struct Talk {
    is_open: bool,
    pub(super) was_opened: bool,
    /// What is to be sent with the next flush.
    pub(super) outgoing: Vec<u8>,
    /// What came, and is no whole frame yet.
    cut_off: Vec<u8>,
    /// Whole frames that nobody has looked at.
    frames: VecDeque<FrameBuf>,
    /// The stream cannot be cut into frames any more.
    broken: Option<FrameError>,
    /// The commands whose replies are outstanding.
    pub(super) owed: VecDeque<CommandKind>,
    /// Nothing came in the time.
    pub(super) is_timed_out: bool,
    /// Frames that came since something is awaited.
    taken: usize,
    /// Bytes of a scenario that are no whole frame yet; `None` if they will never be.
    raw: Option<Vec<u8>>,
    /// The last thing that was awaited is the end of the connection, or silence, after which it may still end.
    pub(super) may_be_closed: bool,
    /// Replies that were given up: they may still come.
    late: usize,
}

/// What became of something that is awaited.
pub(super) enum Wanted {
    Met,
    MetLeniently(Mismatch),
    /// A verdict ended the message, and commands were sent before it came: they need no reply.
    Void(String),
    Missed(Mismatch),
    More(Patience),
}

impl Talk {
    pub(super) fn opened() -> Self {
        Self { is_open: true, was_opened: true, raw: Some(Vec::new()), ..Self::default() }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.is_open
    }

    pub(super) const fn close(&mut self) {
        self.is_open = false;
    }

    /// Whether anything came that nobody has looked at.
    pub(super) fn has_input(&self) -> bool {
        !self.frames.is_empty() || !self.cut_off.is_empty() || self.taken > 0
    }

    /// The next piece to send.
    pub(super) fn take_piece(&mut self, size: usize) -> Option<Vec<u8>> {
        let len = if size == 0 { self.outgoing.len() } else { size.min(self.outgoing.len()) };
        let rest = self.outgoing.split_off(len);
        let piece = core::mem::replace(&mut self.outgoing, rest);
        Some(piece).filter(|piece| !piece.is_empty())
    }

    /// Takes bytes, and returns the whole frames for the record.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.is_timed_out = false;
        self.cut_off.extend_from_slice(bytes);
        let mut whole = Vec::new();
        let cut_off = core::mem::take(&mut self.cut_off);
        let mut rest = &*cut_off;
        loop {
            match Frame::split(rest, LIMITS) {
                Ok(Some((frame, after))) => {
                    let len = rest.len().saturating_sub(after.len());
                    whole.extend(rest.get(..len).map(<[u8]>::to_vec));
                    self.frames.push_back(frame.into());
                    rest = after;
                }
                Ok(None) => break,
                Err(error) => {
                    if self.broken.is_none() {
                        whole.push(rest.to_vec());
                    }
                    self.broken.get_or_insert(error);
                    break;
                }
            }
        }
        self.cut_off = rest.to_vec();
        whole
    }

    /// Takes bytes that a scenario sends, and returns the frames that are whole with them.
    pub(super) fn sent_raw(&mut self, bytes: &[u8]) -> Vec<FrameBuf> {
        let (mut frames, Some(mut raw)) = (Vec::new(), self.raw.take()) else { return Vec::new() };
        raw.extend_from_slice(bytes);
        let mut rest = &*raw;
        while let Ok(Some((frame, after))) = Frame::split(rest, LIMITS) {
            frames.push(frame.into());
            rest = after;
        }
        self.raw = Frame::split(rest, LIMITS).is_ok().then(|| rest.to_vec());
        frames
    }

    /// What came although nothing was owed, apart from one frame that is known. Replies that were given up may come late.
    pub(super) fn surplus(&self, known: &[u8]) -> Option<String> {
        let is_cut_off = !self.cut_off.is_empty();
        if self.frames.len() <= self.late && !is_cut_off {
            return None;
        }
        let is_known = |frame: &FrameBuf| frame.as_frame().encode().segments().flatten().eq(known);
        let rest = self.frames.iter().skip(usize::from(self.frames.front().is_some_and(is_known)));
        if let Some(frame) = rest.clone().next() {
            return Some(line(Direction::ToMta, frame.as_frame()));
        }
        is_cut_off.then(|| format!("{} bytes", self.cut_off.len()))
    }

    /// Whether more of a frame may come.
    pub(super) fn is_within_frame(&self) -> bool {
        self.is_open && !self.is_timed_out && !self.cut_off.is_empty() && self.broken.is_none()
    }

    /// Looks whether what is awaited has come.
    pub(super) fn look_for(&mut self, awaited: &Awaited, way: &mut Way) -> Wanted {
        // The end of the connection may follow a command that has no reply.
        let is_idle = self.owed.is_empty();
        let wanted = self.find(awaited, way);
        if !matches!(wanted, Wanted::More(_)) {
            let may_close = awaited.strict.iter().chain(&awaited.lenient).any(|hope| *hope == Hope::Close);
            let has_ended = self.taken == 0 && (self.is_timed_out || !self.is_open);
            self.may_be_closed = has_ended || may_close && is_idle;
            self.taken = 0;
            self.is_timed_out = false;
        }
        wanted
    }

    fn find(&mut self, awaited: &Awaited, way: &mut Way) -> Wanted {
        let hopes = || awaited.strict.iter().chain(&awaited.lenient);
        let has = |hope: &Hope| hopes().any(|other| other == hope);
        let expects_reply = has(&Hope::Reply);
        if expects_reply && self.owed.is_empty() {
            return Wanted::Met;
        }
        while let Some(frame) = self.frames.pop_front() {
            self.taken = self.taken.saturating_add(1);
            let got = || line(Direction::ToMta, frame.as_frame());
            let is_met = |hope: &&Hope| match hope {
                Hope::Any | Hope::AnyFrame => true,
                Hope::Frame(awaited) => *awaited == frame,
                Hope::Reply | Hope::Answer | Hope::Close | Hope::Silence => false,
            };
            if let Some(hope) = hopes().find(is_met) {
                let _ = way.judge(self.owed.front().copied(), frame.as_frame());
                self.owed.pop_front();
                return Self::met(awaited, hope, got());
            }
            let owed = self.owed.front().copied();
            let is_answer = has(&Hope::Answer) && (owed == Some(CommandKind::Negotiate) || !expects_reply);
            if !expects_reply && !is_answer {
                return Wanted::Missed(Mismatch::new(self.describe(awaited), got()));
            }
            match way.judge(if is_answer { Some(CommandKind::Negotiate) } else { owed }, frame.as_frame()) {
                Judged::Part => continue,
                Judged::Whole(lenient) => {
                    self.owed.pop_front();
                    if let Some(end) = way.end_of_pipeline().filter(|_| !self.owed.is_empty()) {
                        return Wanted::Void(end);
                    }
                    if let Some(breach) = lenient {
                        let mismatch = Mismatch::broken(self.describe(awaited), &breach.by(&got()));
                        return Wanted::MetLeniently(mismatch);
                    }
                    if is_answer || self.owed.is_empty() {
                        let hope = if is_answer && has(&Hope::Answer) { Hope::Answer } else { Hope::Reply };
                        return Self::met(awaited, &hope, got());
                    }
                }
                Judged::Wrong(breach) => {
                    return Wanted::Missed(Mismatch::broken(self.describe(awaited), &breach.by(&got())));
                }
            }
        }
        if let Some(error) = self.broken {
            let breach = Breach::of_frames(error).by("bytes that are no frame");
            return Wanted::Missed(Mismatch::broken(self.describe(awaited), &breach));
        }
        let is_clean = self.taken == 0 && self.cut_off.is_empty();
        if !self.is_open {
            let closed = "the filter closed the connection";
            let hope = hopes().find(|hope| matches!(hope, Hope::Close | Hope::Any) && is_clean);
            let expected = self.describe(awaited);
            self.owed.clear();
            return match hope {
                Some(hope) => Self::met(awaited, hope, closed.to_owned()),
                None if self.cut_off.is_empty() => Wanted::Missed(Mismatch::new(expected, closed)),
                None => {
                    let breach = Breach::new("FRM-8", format!("{closed} in the middle of a frame"));
                    Wanted::Missed(Mismatch::broken(expected, &breach))
                }
            };
        }
        if self.is_timed_out {
            let hope = hopes().find(|hope| matches!(hope, Hope::Silence | Hope::Any) && is_clean);
            let silent = if is_clean { "nothing in the time" } else { "no verdict in the time" };
            return match hope {
                Some(hope) => {
                    let met = Self::met(awaited, hope, "nothing, on an open connection".to_owned());
                    self.late = self.late.saturating_add(self.owed.len());
                    self.owed.clear();
                    met
                }
                None => Wanted::Missed(Mismatch::new(self.describe(awaited), silent)),
            };
        }
        let is_short = has(&Hope::Silence) || has(&Hope::Any);
        let class = self.owed.front().and_then(|kind| kind.wait()).unwrap_or(Wait::Reply);
        Wanted::More(if is_short { Patience::Short } else { Patience::Long(class) })
    }

    fn met(awaited: &Awaited, hope: &Hope, got: String) -> Wanted {
        if awaited.strict.contains(hope) {
            Wanted::Met
        } else {
            Wanted::MetLeniently(Mismatch::new(describe(&awaited.strict, None), got))
        }
    }

    fn describe(&self, awaited: &Awaited) -> String {
        describe(&awaited.strict, self.owed.front().copied())
    }
}

/// What is hoped for, in words.
fn describe(hopes: &[Hope], owed: Option<CommandKind>) -> String {
    let words: Vec<String> = hopes
        .iter()
        .map(|hope| match hope {
            Hope::Reply => owed.map_or("the reply".to_owned(), |kind| format!("the reply to {kind}")),
            Hope::Answer => "an answer to OPTNEG that agrees with the offer".to_owned(),
            Hope::Close => "the connection closed, without a frame".to_owned(),
            Hope::Silence => "nothing".to_owned(),
            Hope::AnyFrame => "a frame".to_owned(),
            Hope::Any => "anything".to_owned(),
            Hope::Frame(frame) => line(Direction::ToMta, frame.as_frame()),
        })
        .collect();
    words.join(", or ")
}
