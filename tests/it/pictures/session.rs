//! One SMTP session beside its Milter session, as a ladder of frames.

use milter_proto::order::CommandKind;
use milter_proto::wire::{Command, FrameBuf, Response};

use super::canvas::{Anchor, Canvas, INK, Line, Point, mono};
use super::recordings::{Step, dialogue, frames, program, session, summary};
use crate::support::recorded::capture::Side;

const SESSION: &str = "postfix/unix-plain";
const WIDTH: i32 = 720;
/// The lines of the three programs.
const CLIENT: i32 = 54;
const MTA: i32 = 328;
const FILTER: i32 = 690;
const TOP: i32 = 62;
/// From an arrow to the next.
const ROW: i32 = 22;
/// The same, for MACRO.
const SMALL_ROW: i32 = 20;
/// Before a command of SMTP.
const GAP: i32 = 12;
const MACROS: &str = "#8b949e";
const REPLY: &str = "#9a6ee0";
const EDIT: &str = "#d9622b";

/// A part of the session: its name and its colour.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Part(&'static str, &'static str);

const CONNECTION: Part = Part("connection", "#3b82d0");
const ENVELOPE: Part = Part("envelope", "#2f9e5f");
const CONTENT: Part = Part("content and verdict", "#2f9e5f");
const END: Part = Part("end", "#8b949e");

/// The commands that a step of SMTP causes: before its reply, and after it.
///
/// The recording does not tell in which order SMTP and Milter go on. It is that of Postfix src/smtpd/smtpd.c: a reply to the
/// client waits for the filter, and `mail_reset`, which sends ABORT, follows the reply to the message and the one to QUIT.
const CAUSES: [(&str, Part, &[CommandKind], &[CommandKind]); 7] = [
    ("(connect)", CONNECTION, &[CommandKind::Negotiate, CommandKind::Connect], &[]),
    ("EHLO ", CONNECTION, &[CommandKind::Helo], &[]),
    ("MAIL FROM:", ENVELOPE, &[CommandKind::MailFrom], &[]),
    ("RCPT TO:", ENVELOPE, &[CommandKind::RcptTo], &[]),
    ("DATA", ENVELOPE, &[CommandKind::Data], &[]),
    (
        "(message)",
        CONTENT,
        &[CommandKind::Header, CommandKind::EndOfHeaders, CommandKind::Body, CommandKind::EndOfMessage],
        &[CommandKind::Abort],
    ),
    ("QUIT", END, &[], &[CommandKind::Abort, CommandKind::Quit]),
];

/// A command with the MACRO before it and all responses to it.
struct Exchange {
    kind: CommandKind,
    macros: Option<FrameBuf>,
    command: FrameBuf,
    responses: Vec<FrameBuf>,
}

/// An arrow between the lines of two programs.
struct Arrow {
    y: i32,
    from: i32,
    to: i32,
    line: Line,
    text: String,
    /// The text is not what was sent, but what happens.
    is_told: bool,
}

const fn solid(colour: &'static str) -> Line {
    Line { colour, is_dashed: false }
}

const fn dashed(colour: &'static str) -> Line {
    Line { colour, is_dashed: true }
}

#[derive(Default)]
struct Ladder {
    y: i32,
    arrows: Vec<Arrow>,
    /// Each part, and where it begins.
    parts: Vec<(Part, i32)>,
}

pub(super) fn draw() -> String {
    let session = session(SESSION);
    let steps = dialogue(SESSION);
    assert_eq!(steps.len(), CAUSES.len());
    let mut exchanges = exchanges(frames(&session)).into_iter().peekable();
    let mut ladder = Ladder { y: TOP, ..Ladder::default() };
    for (step, (prefix, part, before_reply, after_reply)) in steps.iter().zip(CAUSES) {
        assert!(step.command.starts_with(prefix), "{} is not {prefix}", step.command);
        ladder.begin(part);
        let (text, is_told) = command_text(step);
        ladder.add(ROW, (CLIENT, MTA), solid(INK), text, is_told);
        let mut follow = |ladder: &mut Ladder, kinds: &[CommandKind]| {
            for kind in kinds {
                let mut group = vec![exchanges.next().unwrap()];
                while *kind == CommandKind::Header && exchanges.peek().unwrap().kind == *kind {
                    group.extend(exchanges.next());
                }
                assert_eq!(group[0].kind, *kind, "{prefix}");
                assert_same(step, &group[0]);
                ladder.exchange(&group[0]);
                ladder.repeated(&group);
            }
        };
        follow(&mut ladder, before_reply);
        ladder.add(ROW, (MTA, CLIENT), dashed(REPLY), reply_text(step), false);
        follow(&mut ladder, after_reply);
    }
    assert!(exchanges.next().is_none(), "a frame is not drawn");
    ladder.finish([&session.header.mta, &session.header.filter].map(|name| program(name)))
}

/// The frames of a session, grouped by command.
fn exchanges(frames: Vec<(Side, FrameBuf)>) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let mut macros = None;
    for (side, frame) in frames {
        let kind = CommandKind::from_code(frame.as_frame().code());
        match (side, kind) {
            (Side::Filter, _) => exchanges.last_mut().unwrap().responses.push(frame),
            (Side::Mta, Some(CommandKind::Macros)) => assert!(macros.replace(frame).is_none()),
            (Side::Mta, kind) => {
                let (kind, macros) = (kind.unwrap(), macros.take());
                exchanges.push(Exchange { kind, macros, command: frame, responses: Vec::new() });
            }
        }
    }
    assert!(macros.is_none(), "MACRO without its command");
    exchanges
}

/// SMTP and Milter tell the same: the recordings belong to each other.
fn assert_same(step: &Step, exchange: &Exchange) {
    let argument = match Command::parse(exchange.command.as_frame()).unwrap() {
        Command::Helo { name: text }
        | Command::MailFrom { address: text, .. }
        | Command::RcptTo { address: text, .. } => text,
        Command::EndOfMessage { .. } => {
            let macros = exchange.macros.as_ref().unwrap();
            let Ok(Command::Macros(macros)) = Command::parse(macros.as_frame()) else { panic!("{macros:?}") };
            let id = macros.get("i").unwrap().to_str().unwrap();
            assert!(step.reply[0].ends_with(&format!("queued as {id}")), "{:?}, {id}", step.reply);
            return;
        }
        _ => return,
    };
    let argument = argument.to_str().unwrap();
    assert!(step.command.ends_with(argument), "{}, {argument}", step.command);
}

/// What the client sends, or what it does.
fn command_text(step: &Step) -> (String, bool) {
    match step.command.as_str() {
        "(connect)" => ("connects".to_owned(), true),
        "(message)" => ("message, then the final dot".to_owned(), true),
        command => (command.to_owned(), false),
    }
}

fn reply_text(step: &Step) -> String {
    match step.reply.as_slice() {
        [line] => line.clone(),
        lines => format!("{} ({} lines)", lines[0].split('-').next().unwrap(), lines.len()),
    }
}

impl Ladder {
    /// Begins a part, unless it has begun.
    fn begin(&mut self, part: Part) {
        if self.parts.last().is_none_or(|(last, _)| *last != part) {
            self.y += GAP / 2;
            self.parts.push((part, self.y));
        }
        self.y += GAP / 2;
    }

    fn add(&mut self, row: i32, (from, to): Point, line: Line, text: String, is_told: bool) {
        self.y += row;
        self.arrows.push(Arrow { y: self.y, from, to, line, text, is_told });
    }

    fn exchange(&mut self, exchange: &Exchange) {
        if let Some(macros) = &exchange.macros {
            self.add(SMALL_ROW, (MTA, FILTER), solid(MACROS), summary(Side::Mta, macros), false);
        }
        self.add(ROW, (MTA, FILTER), solid(INK), summary(Side::Mta, &exchange.command), false);
        for response in &exchange.responses {
            let is_edit = matches!(Response::parse(response.as_frame()), Ok(Response::Edit(_)));
            let line = if is_edit { solid(EDIT) } else { dashed(REPLY) };
            self.add(ROW, (FILTER, MTA), line, summary(Side::Filter, response), false);
        }
    }

    /// All exchanges of a group but the first, as one.
    fn repeated(&mut self, group: &[Exchange]) {
        let [first, others @ ..] = group else { return };
        if others.is_empty() {
            return;
        }
        let names: Vec<_> = others
            .iter()
            .map(|exchange| {
                assert_eq!(exchange.macros, first.macros);
                assert_eq!(exchange.responses, first.responses);
                let text = summary(Side::Mta, &exchange.command);
                text.split_once(' ').unwrap().1.to_owned()
            })
            .collect();
        let text = format!("the same for {}", names.join(", "));
        self.add(ROW, (MTA, FILTER), solid(INK), text, true);
        let reply = summary(Side::Filter, &first.responses[0]);
        self.add(ROW, (FILTER, MTA), dashed(REPLY), format!("{reply} to each"), true);
    }

    fn finish(self, programs: [String; 2]) -> String {
        let bottom = self.y + GAP;
        let mut canvas = Canvas::new(
            (WIDTH, bottom + 44),
            "One SMTP session beside its Milter session",
            "A ladder of three lines: SMTP client, MTA and filter. When the client connects, the MTA sends OPTNEG and CONNECT; \
             EHLO, MAIL, RCPT and DATA are reported one by one, and each waits for CONTINUE before the MTA answers the \
             client. After the final dot of the message the MTA sends HEADER, EOH, BODY and BODYEOB. The filter answers \
             BODYEOB with ADDHEADER and CONTINUE, and the MTA answers the client with 250. MACRO comes before each command. \
             At the end the MTA sends ABORT and QUIT.",
        );
        let ends = self.parts.iter().skip(1).map(|(_, y)| *y).chain([bottom]);
        for ((Part(name, colour), from), to) in self.parts.iter().zip(ends) {
            canvas.area((0, *from), (WIDTH, to - from), colour, "0.09");
            canvas.area((0, *from), (5, to - from), colour, "0.8");
            canvas.upward_text((24, (from + to) / 2), name);
        }
        let [mta, filter] = programs;
        for (x, name, version) in
            [(CLIENT, "client", ""), (MTA, "MTA", mta.as_str()), (FILTER, "filter", filter.as_str())]
        {
            let anchor = if x == FILTER { Anchor::End } else { Anchor::Middle };
            let at = if x == FILTER { WIDTH - 6 } else { x };
            canvas.text((at, 24), anchor, "font-weight=\"600\" font-size=\"14\"", name);
            canvas.text((at, 42), anchor, "font-size=\"12\"", version);
            canvas.guide((x, TOP - 10), (x, bottom));
        }
        for (from, to, name) in [(CLIENT, MTA, "SMTP"), (MTA, FILTER, "Milter")] {
            canvas.text(((from + to) / 2, 24), Anchor::Middle, "font-style=\"italic\"", name);
        }
        for arrow in &self.arrows {
            let Arrow { y, from, to, line, text, is_told } = arrow;
            canvas.route(&[(*from, *y), (*to, *y)], *line, true);
            let attributes = match line.colour {
                _ if *is_told => "font-style=\"italic\"".to_owned(),
                MACROS => mono(11),
                _ => mono(12),
            };
            canvas.text(((from + to) / 2, y - 5), Anchor::Middle, &attributes, text);
        }
        let kinds = [
            (CLIENT - 30, solid(INK), "command"),
            (CLIENT + 110, solid(MACROS), "MACRO"),
            (CLIENT + 232, dashed(REPLY), "reply"),
            (CLIENT + 344, solid(EDIT), "edit"),
        ];
        for (x, line, text) in kinds {
            canvas.route(&[(x, bottom + 24), (x + 32, bottom + 24)], line, true);
            canvas.text((x + 42, bottom + 28), Anchor::Start, "", text);
        }
        canvas.finish()
    }
}
