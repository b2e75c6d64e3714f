//! From a session to a scenario in the notation of `conformance`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::session::{Agreeable, Misbehaviour, Move, Session};
use crate::order::{CommandKind, Stage};
use crate::transcript::Line;
use crate::wire::{Command, Direction, Frame, Offer};

impl Session {
    /// The session as a scenario of the feature `conformance`, named `filter/fuzz/NAME`.
    ///
    /// Until the fault, every reply is owed, and must be one that the command admits. A command is left out if the filter has
    /// declined it, or has ended the message or the connection. From the fault on, the filter may close the connection, and
    /// silence is non-strict; but nothing may be answered twice. The same holds after a command that libmilter does not answer
    /// although it is in order, such as UNKNOWN in a message. After it, the filter must serve a new connection. If the
    /// connection is still in order, it must also serve another message on this one.
    ///
    /// The name must be one that the notation allows.
    #[must_use]
    pub fn to_scenario(&self, name: &str) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = self.write_scenario(&mut text, name);
        text
    }

    fn write_scenario(&self, out: &mut String, name: &str) -> fmt::Result {
        let rule = match (self.broken_rule(), &self.fault) {
            (_, Some((_, Misbehaviour::Bytes(_)))) => "FRM-3",
            (_, Some((_, Misbehaviour::CutShort(_) | Misbehaviour::Disconnect))) => "END-5",
            (Some(rule), _) => rule.id(),
            (None, _) => "ORD-42",
        };
        writeln!(out, "[filter/fuzz/{name}] must {rule}\n{}", self.title())?;
        if self.cut > 0 {
            writeln!(out, "cut {}", self.cut)?;
        }
        let mut writer = Writer {
            out,
            filter: Agreeable::default(),
            is_faulty: false,
            is_ended: false,
            is_confused: false,
        };
        let moves = self.moves();
        // A scenario needs a step.
        writer.is_faulty = moves.is_empty();
        for it in moves {
            if !writer.is_ended {
                writer.write(&it)?;
            }
        }
        writer.finish()
    }

    /// What a conforming filter does.
    fn title(&self) -> String {
        let Some((at, how)) = &self.fault else {
            return "Every command of a session in order is answered once".into();
        };
        let number = at.saturating_add(1);
        let what = match how {
            Misbehaviour::Omit => "is left out",
            Misbehaviour::Repeat => "is sent twice",
            Misbehaviour::Insert(_) => "comes after a frame that does not belong there",
            Misbehaviour::Replace(_) => "is replaced by another frame",
            Misbehaviour::Bytes(_) => "is replaced by bytes that are no frame",
            Misbehaviour::CutShort(_) => "is cut short by the end of the stream",
            Misbehaviour::Disconnect => "is replaced by the end of the connection",
        };
        alloc::format!("The filter lives on if frame {number} of a session {what}")
    }
}

/// Writes the steps.
struct Writer<'o> {
    out: &'o mut String,
    /// Knows what is in order.
    filter: Agreeable,
    /// A rule was broken, or libmilter did not answer: replies are not certain any more.
    is_faulty: bool,
    /// Nothing more is sent on the connection.
    is_ended: bool,
    /// It depends on the filter which commands can follow.
    is_confused: bool,
}

impl Writer<'_> {
    fn write(&mut self, it: &Move<'_>) -> fmt::Result {
        match it {
            Move::Send(frame) => return self.send(frame.as_frame()),
            Move::Garbage(bytes) if !bytes.is_empty() => {
                writeln!(self.out, ">> {}\n< any", hexadecimal(bytes))?;
            }
            Move::Front(bytes) if !bytes.is_empty() => {
                return writeln!(self.out, ">> {}", hexadecimal(bytes));
            }
            Move::Garbage(_) | Move::Front(_) => {}
            Move::Shutdown => self.out.write_str("shutdown\n< close\n")?,
            Move::Disconnect => self.out.write_str("disconnect\n")?,
        }
        (self.is_faulty, self.is_ended) = (true, true);
        Ok(())
    }

    fn send(&mut self, frame: Frame<'_>) -> fmt::Result {
        let kind = CommandKind::from_code(frame.code());
        let seen = self.filter.observe(frame);
        let is_broken = seen.broken.is_some();
        self.is_faulty |= is_broken || seen.is_ignored;
        let sign = if is_broken { ">!" } else { ">?" };
        let line = alloc::format!("{}", Line::new(Direction::ToFilter, frame));
        let line = line.strip_prefix('>').unwrap_or_default();
        writeln!(self.out, "{sign}{line}")?;
        let awaited = match kind {
            // Whoever offers less than everything may be refused.
            Some(CommandKind::Negotiate) if !self.is_faulty && is_full(frame) => "OPTNEG",
            Some(CommandKind::Negotiate) if !self.is_faulty => "OPTNEG | close",
            // What suits an offer that is malformed, out of order or of a strange version is not known.
            Some(CommandKind::Negotiate) => "any",
            Some(CommandKind::Quit) => {
                self.is_ended = true;
                return self.out.write_str("< close ~ silence\n");
            }
            // Filters close the connection at a code that they do not know, and it does no harm if they answer it.
            None => "any",
            Some(kind) if !kind.has_reply() && is_broken => return self.out.write_str("< silence | close\n"),
            Some(kind) if !kind.has_reply() => return Ok(()),
            Some(_) if self.is_faulty => "reply | close ~ silence",
            Some(_) => "reply",
        };
        writeln!(self.out, "< {awaited}")?;
        if is_broken {
            self.out.write_str("< silence | close\n")?;
            self.is_confused |= matches!(
                kind,
                None | Some(CommandKind::Negotiate | CommandKind::Connect | CommandKind::QuitNewConnection)
            );
        }
        Ok(())
    }

    fn finish(self) -> fmt::Result {
        let Self { out, filter, is_faulty, is_ended, is_confused } = self;
        if !is_faulty {
            return Ok(());
        }
        let stage = filter.monitor().stage();
        let has_begun = filter.monitor().negotiated().is_some();
        let can_go_on = has_begun && (stage == Stage::Greeted || stage.is_in_message());
        out.write_str(if can_go_on && !is_ended && !is_confused { "recover\n" } else { "alive\n" })
    }
}

/// Whether a frame offers what a real MTA offers.
fn is_full(frame: Frame<'_>) -> bool {
    Command::parse(frame) == Ok(Command::Negotiate(Offer::FULL))
}

/// Pairs of hexadecimal digits, without blanks.
fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let digits: Vec<_> = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    digits.into_iter().collect()
}
