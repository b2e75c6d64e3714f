//! How long the macros of each stage last, as a picture: the rows are what a [`MacroStore`] has.

use milter_proto::filter::Event;
use milter_proto::macros::MacroStore;
use milter_proto::wire::{Command, MacroStage, Macros, TextList, code_name};

use super::canvas::{Anchor, Canvas, count, mono};
use crate::support::sides::everyday;

/// The stages that are kept, by the code of their command, from the earliest to the latest.
const STAGES: [u8; 7] = *b"CHMRTNE";
/// A session with a message to two recipients, and the beginning of a second message.
const SESSION: [u8; 12] = *b"CHMRRTLNBEMQ";
/// The commands whose effect on the lists of all stages is shown.
const COMMANDS: [u8; 14] = *b"OQKCHMRTLBUNEA";
const LEFT: i32 = 104;
const CELL: i32 = 50;
const ROW: i32 = 27;
const WIDTH: i32 = LEFT + CELL * 12 + 16;
const CONNECTION: &str = "#3b82d0";
const MESSAGE: &str = "#2f9e5f";
const FORGOTTEN: &str = "#d9622b";
const REPLACED: &str = "#d9a22b";
const NEXT: &str = "#9a6ee0";

const GAP: i32 = 4;

/// The fate of the macros of a stage at a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Kept,
    Forgotten,
    /// Forgotten unless a new list came before the command.
    Replaced,
    /// Forgotten with the next command.
    ForgottenNext,
}

/// A store of macros. Each list has another value.
struct Store {
    macros: MacroStore<Vec<u8>>,
    lists: u8,
}

impl Store {
    fn new() -> Self {
        Self { macros: MacroStore::new(Vec::new()), lists: 0 }
    }

    /// A store in which every stage has macros, before BODYEOB.
    fn full() -> Self {
        let mut store = Self::new();
        for stage in STAGES {
            store.list(stage);
            if stage != b'E' {
                store.command(stage);
            }
        }
        store
    }

    fn list(&mut self, stage: u8) {
        self.lists += 1;
        let list = [&b"name\0"[..], &[self.lists], b"\0"].concat();
        let macros = Macros::new(MacroStage::new(stage), TextList::new(&list).unwrap()).unwrap();
        self.macros.observe(&Event::new(Command::Macros(macros))).unwrap();
    }

    fn command(&mut self, code: u8) {
        self.macros.observe(&Event::new(Command::parse(everyday(code)).unwrap())).unwrap();
    }

    /// The number of the list that a stage has.
    fn number(&self, stage: u8) -> Option<u8> {
        let value = self.macros.stage(MacroStage::new(stage)).get("name");
        value.map(|value| value.as_bytes()[0])
    }

    fn has(&self, stage: u8) -> bool {
        self.number(stage).is_some()
    }
}

pub(super) fn draw() -> String {
    let first = 76;
    let second = first + ROW * count(STAGES.len()) + 112;
    let bottom = second + ROW * count(STAGES.len());
    let mut canvas = Canvas::new(
        (WIDTH, bottom + 52),
        "How long the macros of each stage last",
        "Above: a session with one message to two recipients, and a second MAIL. The macros of CONNECT and HELO last to \
         QUIT. Those of MAIL, DATA, EOH and BODYEOB last to the end of the message, those of RCPT to the next RCPT. \
         Below: what each command forgets. OPTNEG, QUIT and QUIT_NC forget everything, CONNECT, HELO, MAIL and RCPT the \
         macros of all later stages, ABORT those of the message. After BODYEOB those of the message last to the next \
         command.",
    );
    canvas.text((16, 24), Anchor::Start, BOLD, "The commands at which the macros of a stage can be read");
    draw_session(&mut canvas, first);
    canvas.text((16, second - 68), Anchor::Start, BOLD, "Which macros a command forgets");
    draw_fates(&mut canvas, second);
    let kinds = [
        (Fate::Kept, 16, "kept"),
        (Fate::Forgotten, 94, "forgotten"),
        (Fate::Replaced, 204, "forgotten unless new ones came"),
        (Fate::ForgottenNext, 472, "forgotten at the next command"),
    ];
    for (fate, x, text) in kinds {
        draw_fate(&mut canvas, (x + 16, bottom + 26), 26, fate);
        canvas.text((x + 36, bottom + 30), Anchor::Start, "font-size=\"12\"", text);
    }
    canvas.finish()
}

const BOLD: &str = "font-weight=\"600\"";

/// A bar for each list, over the commands after which the store has it.
fn draw_session(canvas: &mut Canvas, top: i32) {
    row_heading(canvas, top);
    let mut store = Store::new();
    let seen: Vec<_> = SESSION
        .into_iter()
        .map(|code| {
            if STAGES.contains(&code) {
                store.list(code);
            }
            store.command(code);
            STAGES.map(|stage| store.number(stage))
        })
        .collect();
    for (column, code) in SESSION.into_iter().enumerate() {
        let x = LEFT + CELL * count(column);
        canvas.text((x + CELL / 2, top - 12), Anchor::Middle, &mono(11), code_name(code).unwrap());
        canvas.guide((x, top - 4), (x, top + ROW * count(STAGES.len())));
    }
    for (row, stage) in STAGES.into_iter().enumerate() {
        let y = top + ROW * count(row) + ROW / 2;
        label(canvas, y, stage);
        let lists: Vec<_> = seen.iter().map(|at| at[row]).collect();
        let bars: Vec<_> = lists.chunk_by(|one, other| one == other).collect();
        let count_of_lists = bars.iter().filter(|bar| bar[0].is_some()).count();
        let (mut column, mut list) = (0, 0);
        for bar in bars {
            let (x, width) = (LEFT + CELL * count(column), CELL * count(bar.len()));
            column += bar.len();
            if bar[0].is_none() {
                continue;
            }
            list += 1;
            let at = (x + width / 2, y);
            canvas.tinted_box(at, (width - GAP, ROW - GAP), colour(stage), "0.22");
            if count_of_lists > 1 {
                let text = if list == 1 { "1st" } else { "2nd" };
                canvas.text((at.0, y + 4), Anchor::Middle, "font-size=\"12\"", text);
            }
        }
    }
}

/// A cell for each stage and command. Commands that do the same share a column.
fn draw_fates(canvas: &mut Canvas, top: i32) {
    row_heading(canvas, top);
    let mut columns: Vec<(Vec<u8>, [Fate; STAGES.len()])> = Vec::new();
    for command in COMMANDS {
        let fates = STAGES.map(|stage| fate(stage, command));
        match columns.iter_mut().find(|(_, others)| *others == fates) {
            Some((commands, _)) => commands.push(command),
            None => columns.push((vec![command], fates)),
        }
    }
    let cell = CELL * count(SESSION.len()) / count(columns.len());
    for (column, (commands, fates)) in columns.iter().enumerate() {
        let x = LEFT + cell * count(column) + cell / 2;
        for (line, command) in commands.iter().rev().enumerate() {
            canvas.text(
                (x, top - 12 - 15 * count(line)),
                Anchor::Middle,
                &mono(11),
                code_name(*command).unwrap(),
            );
        }
        for (row, fate) in fates.iter().enumerate() {
            draw_fate(canvas, (x, top + ROW * count(row) + ROW / 2), cell - GAP, *fate);
        }
    }
    for (row, stage) in STAGES.into_iter().enumerate() {
        label(canvas, top + ROW * count(row) + ROW / 2, stage);
    }
}

fn fate(stage: u8, command: u8) -> Fate {
    let is_own = stage == command;
    let has_after = |has_new_list: bool, commands: &[u8]| {
        let mut store = Store::full();
        if has_new_list {
            store.list(stage);
        }
        commands.iter().for_each(|command| store.command(*command));
        store.has(stage)
    };
    let (at, next) = (has_after(is_own, &[command]), has_after(is_own, &[command, b'U']));
    match (at, next, has_after(false, &[command])) {
        (false, false, _) => Fate::Forgotten,
        (true, false, _) => Fate::ForgottenNext,
        (true, true, false) => Fate::Replaced,
        (true, true, true) => Fate::Kept,
        (false, true, _) => panic!("macros come back"),
    }
}

fn draw_fate(canvas: &mut Canvas, at: (i32, i32), width: i32, fate: Fate) {
    let (colour, tint, sign) = match fate {
        Fate::Kept => (MESSAGE, "0.25", ""),
        Fate::Forgotten => (FORGOTTEN, "0.1", "–"),
        Fate::Replaced => (REPLACED, "0.12", "new"),
        Fate::ForgottenNext => (NEXT, "0.15", "next"),
    };
    canvas.tinted_box(at, (width, ROW - GAP), colour, tint);
    if !sign.is_empty() {
        canvas.text((at.0, at.1 + 4), Anchor::Middle, "font-size=\"11\"", sign);
    }
}

fn row_heading(canvas: &mut Canvas, top: i32) {
    canvas.text((LEFT - 12, top - 12), Anchor::End, "font-style=\"italic\"", "macros of");
}

fn label(canvas: &mut Canvas, y: i32, stage: u8) {
    canvas.text((LEFT - 12, y + 4), Anchor::End, &mono(12), code_name(stage).unwrap());
}

const fn colour(stage: u8) -> &'static str {
    if matches!(stage, b'C' | b'H') { CONNECTION } else { MESSAGE }
}
