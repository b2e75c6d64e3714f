//! Where the three laws differ, as a picture.

use milter_proto::order::{CommandKind, Transition, transitions};

use super::canvas::{Anchor, Canvas, INK, count, mono};

const LEFT: i32 = 130;
const TOP: i32 = 48;
const WIDTH: i32 = 59;
const HEIGHT: i32 = 30;
const GAP: i32 = 5;
const ACCEPTED: &str = "#2f9e5f";
const IGNORED: &str = "#d9622b";

pub(super) fn draw() -> String {
    // The open stages that all three laws have.
    let is_shared = |row: &Transition| row.robust.is_some() && row.libmilter.is_some();
    let rows = transitions().filter(|row| row.command != CommandKind::Macros && is_shared(row));
    let rows: Vec<_> = rows.collect();
    let mut stages: Vec<_> = rows.iter().map(|row| row.stage).collect();
    stages.dedup();
    let commands: Vec<_> = rows.iter().filter(|row| row.stage == stages[0]).map(|row| row.command).collect();
    let bottom = TOP + HEIGHT * count(stages.len());
    let size = (LEFT + WIDTH * count(commands.len()) + 12, bottom + 82);
    let mut canvas = Canvas::new(
        size,
        "Where the three laws differ",
        "One row for each stage, one column for each command. In order are mainly the commands from OPTNEG to BODYEOB, \
         each at its stage. The robust law accepts every command. libmilter ignores most of what is out of order.",
    );
    canvas.text((LEFT - 12, 30), Anchor::End, "font-style=\"italic\"", "at the stage");
    for (column, command) in commands.iter().enumerate() {
        let x = LEFT + WIDTH * count(column) + WIDTH / 2;
        canvas.text((x, 30), Anchor::Middle, &mono(11), &command.to_string());
    }
    for (row, stage) in stages.iter().enumerate() {
        let y = TOP + HEIGHT * count(row) + HEIGHT / 2;
        canvas.text((LEFT - 12, y + 4), Anchor::End, "font-weight=\"600\"", &format!("{stage:?}"));
        for (column, command) in commands.iter().enumerate() {
            let x = LEFT + WIDTH * count(column) + WIDTH / 2;
            let of = rows.iter().find(|row| row.stage == *stage && row.command == *command).unwrap();
            let is_accepted = of.libmilter.unwrap().in_order;
            cell(&mut canvas, (x, y), is_accepted, of.strict.is_some());
        }
    }
    let x = LEFT + WIDTH / 2;
    cell(&mut canvas, (x, bottom + 32), true, false);
    canvas.text((x + 40, bottom + 36), Anchor::Start, "", "accepted by libmilter");
    cell(&mut canvas, (x + 260, bottom + 32), false, false);
    canvas.text((x + 300, bottom + 36), Anchor::Start, "", "ignored by libmilter, without a reply");
    canvas.dot((x, bottom + 62), INK);
    let strict =
        "in order. Without a dot: out of order, which the strict law refuses and the robust law accepts";
    canvas.text((x + 40, bottom + 66), Anchor::Start, "", strict);
    canvas.finish()
}

fn cell(canvas: &mut Canvas, at: (i32, i32), is_accepted: bool, is_allowed: bool) {
    let (colour, tint) = if is_accepted { (ACCEPTED, "0.3") } else { (IGNORED, "0.08") };
    canvas.tinted_box(at, (WIDTH - GAP, HEIGHT - GAP), colour, tint);
    if is_allowed {
        canvas.dot(at, INK);
    }
}
