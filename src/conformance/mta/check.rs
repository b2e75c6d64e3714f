//! What must have come from the MTA, and what must not.
#![expect(clippy::wildcard_enum_match_arm, reason = "the default of most checks")]

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::super::fault::ScenarioFault;
use super::super::tokens::{bytes, frame, word};
use super::delivery::Feature;
use super::pattern::{Pattern, command, patterns};
use super::profile::Profile;
use crate::order::CommandKind;
use crate::transcript::Entry;
use crate::wire::codes;
use crate::wire::{Command, Direction, FrameBuf};

/// A check of what has come since the last `mark`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Check {
    /// One of these came.
    Saw(Vec<Pattern>),
    /// None of these came.
    Never(Vec<Pattern>),
    /// So many of these came.
    Count(usize, Vec<Pattern>),
    /// They came in this order, perhaps with others between them.
    Order(Vec<Vec<Pattern>>),
    /// The payloads of BODY, together.
    Body(Vec<u8>),
    /// The macros of this command had some of these names, and no others.
    Macros(CommandKind, Vec<Vec<u8>>),
    /// No MACRO came without its command directly after it.
    MacrosBefore,
    /// The MTA has closed the Milter connection.
    Closed,
    /// The MTA has opened so many Milter connections.
    Connections(usize),
    /// What was delivered has all of these.
    Delivered(Vec<Feature>),
    NothingDelivered,
}

/// A frame that came from the MTA.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The number of the connection.
    pub(super) link: usize,
    pub(super) frame: FrameBuf,
    /// Whether the command that follows is left out: the filter declined it, or its version does not have it.
    pub(super) is_alone: bool,
}

impl Check {
    pub(super) fn read(line: &str) -> Result<Self, ScenarioFault> {
        let (name, rest) = word(line);
        let argument = || ScenarioFault::Argument(rest.to_owned());
        Ok(match name {
            "saw" => Self::Saw(patterns(rest)?),
            "never" => Self::Never(patterns(rest)?),
            "count" => {
                let (count, rest) = word(rest);
                Self::Count(count.parse().map_err(|_| argument())?, patterns(rest)?)
            }
            "order" => Self::Order(rest.split(" ; ").map(patterns).collect::<Result<_, _>>()?),
            "body" => Self::Body(bytes(rest)?),
            "macros" if rest == "before" => Self::MacrosBefore,
            "macros" => {
                let (name, names) = word(rest);
                let line: String = ["MACRO ", name, " ", names].concat();
                let list = frame(Direction::ToFilter, line.trim())?;
                let names = list.as_frame().payload().get(1..).unwrap_or_default();
                let names = names.split(|&byte| byte == 0).filter(|name| !name.is_empty());
                Self::Macros(command(name).ok_or_else(argument)?, names.map(<[u8]>::to_vec).collect())
            }
            "closed" if rest.is_empty() => Self::Closed,
            "connections" => Self::Connections(rest.parse().map_err(|_| argument())?),
            "delivered" if rest == "nothing" => Self::NothingDelivered,
            "delivered" => Self::Delivered(rest.split(" ; ").map(Feature::read).collect::<Result<_, _>>()?),
            _ => return Err(ScenarioFault::Step(name.to_owned())),
        })
    }

    /// Whether more that comes can still make the check pass, but not fail.
    pub(super) fn can_wait(&self) -> bool {
        match self {
            Self::Saw(_) | Self::Order(_) | Self::Closed => true,
            Self::Delivered(features) => features.iter().any(Feature::can_wait),
            _ => false,
        }
    }

    /// Why the check fails, if it does. The run itself looks at connections and deliveries.
    pub(super) fn fault(&self, seen: &[Seen], profile: &Profile) -> Option<String> {
        let of = |patterns: &[Pattern]| -> Vec<usize> {
            let patterns: Vec<_> = patterns.iter().map(|pattern| pattern.filled(profile)).collect();
            let matching = seen.iter().enumerate();
            matching.filter(|(_, it)| patterns.iter().any(|is| is(&it.frame))).map(|(at, _)| at).collect()
        };
        match self {
            Self::Saw(patterns) => of(patterns).is_empty().then(|| summary(seen)),
            Self::Never(patterns) => {
                let found = of(patterns);
                found.first().and_then(|&at| seen.get(at)).map(|it| show(&it.frame))
            }
            Self::Count(count, patterns) => {
                let found = of(patterns).len();
                (found != *count).then(|| format!("{found}: {}", summary(seen)))
            }
            Self::Order(groups) => {
                let mut from = 0;
                let is_found = groups.iter().all(|group| {
                    let next = of(group).into_iter().find(|&at| at >= from);
                    from = next.map_or(from, |at| at.saturating_add(1));
                    next.is_some()
                });
                (!is_found).then(|| summary(seen))
            }
            Self::Body(wanted) => {
                let chunks = seen.iter().map(|it| it.frame.as_frame());
                let chunks = chunks.filter(|frame| frame.code() == codes::command::BODY);
                let body = chunks.fold(Vec::new(), |mut body, frame| {
                    body.extend_from_slice(frame.payload());
                    body
                });
                (body != *wanted).then(|| difference(&body, wanted))
            }
            Self::Macros(kind, names) => macros_fault(seen, *kind, names),
            Self::MacrosBefore => stray_macros(seen),
            Self::Closed | Self::Connections(_) | Self::Delivered(_) | Self::NothingDelivered => None,
        }
    }
}

/// A frame as a line.
pub(super) fn show(frame: &FrameBuf) -> String {
    let mut line = Entry::new(Direction::ToFilter, frame.clone()).to_string();
    if let Some((at, _)) = line.char_indices().nth(160) {
        line.truncate(at);
        line.push('…');
    }
    line.split_off(2.min(line.len()))
}

/// The names of the frames.
fn summary(seen: &[Seen]) -> String {
    if seen.is_empty() {
        return "no command".to_owned();
    }
    let names = seen.iter().map(|it| {
        let frame = it.frame.as_frame();
        CommandKind::from_code(frame.code())
            .map_or_else(|| format!("0x{:02x}", frame.code()), |kind| kind.to_string())
    });
    names.collect::<Vec<_>>().join(" ")
}

fn difference(body: &[u8], wanted: &[u8]) -> String {
    let same = body.iter().zip(wanted).take_while(|(one, other)| one == other).count();
    let near = body.get(same..).unwrap_or_default();
    let near = near.get(..near.len().min(40)).unwrap_or_default();
    let near = near.escape_ascii();
    format!("{} bytes instead of {}, which differ from byte {same} on: \"{near}\"", body.len(), wanted.len())
}

/// Of the macros that were asked for at least one comes, and no other.
fn macros_fault(seen: &[Seen], kind: CommandKind, names: &[Vec<u8>]) -> Option<String> {
    let mut any = names.is_empty();
    for it in seen {
        let Ok(Command::Macros(macros)) = Command::parse(it.frame.as_frame()) else { continue };
        if macros.stage().byte() != kind.code() {
            continue;
        }
        for (name, _) in macros.iter() {
            if !names.iter().any(|wanted| wanted == name.as_bytes()) {
                return Some(show(&it.frame));
            }
            any = true;
        }
    }
    (!any).then(|| summary(seen))
}

/// A MACRO that does not come directly before its command.
fn stray_macros(seen: &[Seen]) -> Option<String> {
    let mut all = seen.iter().peekable();
    while let Some(it) = all.next() {
        let Ok(Command::Macros(macros)) = Command::parse(it.frame.as_frame()) else { continue };
        let follows = all.peek().filter(|next| next.link == it.link).map(|next| next.frame.as_frame().code());
        if !it.is_alone && follows != Some(macros.stage().byte()) {
            return Some(format!(
                "{}, and then {}",
                show(&it.frame),
                all.peek().map_or("nothing".to_owned(), |next| show(&next.frame))
            ));
        }
    }
    None
}
