//! What each verdict decides about, as a picture.

use milter_proto::order::{Effect, verdicts};
use milter_proto::wire::code_name;

use super::canvas::{Anchor, Canvas, count, mono};

const LEFT: i32 = 112;
const TOP: i32 = 62;
const WIDTH: i32 = 118;
const HEIGHT: i32 = 32;
const GAP: i32 = 4;

pub(super) fn draw() -> String {
    let rows: Vec<_> = verdicts().collect();
    let mut commands: Vec<_> = rows.iter().map(|row| row.0).collect();
    commands.dedup();
    let first = commands[0];
    let columns = rows.iter().filter(|row| row.0 == first).map(|row| row.1);
    // A code that answers no command needs no column.
    let answers = |verdict| rows.iter().any(|row| row.1 == verdict && row.2 != Effect::Invalid);
    let columns: Vec<_> = columns.filter(|verdict| answers(*verdict)).map(|verdict| verdict.code()).collect();
    let size = (LEFT + WIDTH * count(columns.len()) + 16, TOP + HEIGHT * count(commands.len()) + 16);
    let mut canvas = Canvas::new(
        size,
        "What each verdict decides about",
        "One row for each command that gets a verdict, one column for each verdict. ACCEPT, REJECT and TEMPFAIL decide \
         about the connection at CONNECT and HELO. They decide about the message from MAIL on, but for refusals of RCPT \
         and DATA, which decide about the recipient and about DATA. A refusal of UNKNOWN refuses that command alone.",
    );
    let mono = mono(12);
    canvas.text((LEFT - 14, 30), Anchor::End, "font-style=\"italic\"", "in reply to");
    for (column, code) in columns.iter().enumerate() {
        let x = LEFT + WIDTH * count(column) + WIDTH / 2;
        let name = code_name(*code).unwrap();
        canvas.text((x, 30), Anchor::Middle, &mono, name);
        if name == "REJECT" {
            canvas.text((x, 47), Anchor::Middle, &mono, "REPLYCODE");
        }
    }
    // The cells of a row whose neighbours are the same, by column and number.
    let mut grid = Vec::new();
    for (row, command) in commands.iter().enumerate() {
        let y = TOP + HEIGHT * count(row) + HEIGHT / 2;
        canvas.text((LEFT - 14, y + 4), Anchor::End, &mono, &command.to_string());
        let effects: Vec<_> =
            rows.iter().filter(|(of, ..)| of == command).map(|(.., effect)| *effect).collect();
        let mut column = 0;
        for same in effects.chunk_by(|one, other| one == other) {
            grid.push((count(row), column, count(same.len()), same[0]));
            column += count(same.len());
        }
    }
    for &(row, column, columns, effect) in &grid {
        let has = |row| grid.contains(&(row, column, columns, effect));
        // It was drawn with the row above.
        if has(row - 1) {
            continue;
        }
        let rows = count((row..).take_while(|row| has(*row)).count());
        let (width, height) = (WIDTH * columns, HEIGHT * rows);
        let at = (LEFT + WIDTH * column + width / 2, TOP + HEIGHT * row + height / 2);
        if let Some((text, colour, tint)) = shown(effect) {
            canvas.tinted_box(at, (width - GAP, height - GAP), colour, tint);
            canvas.text((at.0, at.1 + 4), Anchor::Middle, "", text);
        }
    }
    canvas.finish()
}

/// The text and the colour of an effect; `None`: such a verdict is not a reply to the command.
fn shown(effect: Effect) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match effect {
        Effect::Continue => ("continues", "#8b949e", "0.08"),
        Effect::RejectCommand => ("the command", "#d9a22b", "0.2"),
        Effect::RejectRecipient => ("the recipient", "#d9a22b", "0.2"),
        Effect::RejectData => ("the DATA command", "#d9a22b", "0.2"),
        Effect::EndMessage => ("the message", "#2f9e5f", "0.22"),
        Effect::EndConnection => ("the connection", "#3b82d0", "0.24"),
        Effect::SkipBody => ("rest of the body", "#d9a22b", "0.2"),
        Effect::NoEffect => ("not defined", "#d9622b", "0.12"),
        Effect::Invalid => return None,
        other => panic!("{other:?} has no colour"),
    })
}
