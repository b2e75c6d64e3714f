//! The life of a connection under the strict law, as a picture.
//!
//! Positions are set by hand. The arrows are compared with the table: a missing or an extra one is a panic.

use std::collections::BTreeSet;

use milter_proto::order::{CommandKind, Stage, transitions, verdicts};
use milter_proto::wire::Verdict;

use super::canvas::{Anchor, Canvas, INK, Line, Point, mono};
use crate::order::stage_after;

const SIZE: Point = (960, 724);
const NODE: Point = (132, 38);
const CONNECTION: &str = "#3b82d0";
const MESSAGE: &str = "#2f9e5f";
const ENDED: &str = "#8b949e";
const ABORTING: &str = "#d9622b";
const VERDICT: &str = "#9a6ee0";

/// The cause of a change of stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Command(CommandKind),
    Verdict,
}

/// An arrow of the table: from a stage, by a cause, to a stage.
type Edge = (Stage, Cause, Stage);

/// The position and the colour of each stage.
const PLACES: [(Stage, Point, &str); 13] = [
    (Stage::Start, (100, 96), CONNECTION),
    (Stage::Negotiated, (320, 96), CONNECTION),
    (Stage::Connected, (540, 96), CONNECTION),
    (Stage::Greeted, (760, 96), CONNECTION),
    (Stage::Mail, (760, 270), MESSAGE),
    (Stage::Recipients, (540, 270), MESSAGE),
    (Stage::Data, (320, 270), MESSAGE),
    (Stage::Headers, (100, 420), MESSAGE),
    (Stage::EndOfHeaders, (320, 420), MESSAGE),
    (Stage::Body, (540, 420), MESSAGE),
    (Stage::EndOfMessage, (760, 420), MESSAGE),
    (Stage::Closed, (320, 556), ENDED),
    (Stage::Decided, (540, 556), ENDED),
];

/// The stages of a message. The first three are those of its envelope.
const IN_MESSAGE: [Stage; 6] =
    [Stage::Mail, Stage::Recipients, Stage::Data, Stage::Headers, Stage::EndOfHeaders, Stage::Body];
const MESSAGE_AREA: [Point; 6] = [(20, 190), (862, 190), (862, 346), (622, 346), (622, 496), (20, 496)];
const ENVELOPE_AREA: [Point; 4] = [(236, 208), (848, 208), (848, 332), (236, 332)];

/// A line, with the edges of the table that it represents.
struct Arrow {
    from: Vec<Stage>,
    cause: Cause,
    to: Stage,
    path: Vec<Point>,
    /// The position of its text. `None`: the arrow that it joins has the text.
    label: Option<(Point, Anchor)>,
    /// How it begins and ends.
    ends: Ends,
}

#[derive(Clone, Copy)]
enum Ends {
    /// From a stage, with a head.
    Plain,
    /// From an area, with a head: from every stage in it.
    FromArea,
    /// From a stage, and joins another arrow.
    Joins,
    /// From an area, and joins another arrow.
    FromAreaJoins,
}

pub(super) fn draw() -> String {
    let mut canvas = Canvas::new(
        SIZE,
        "The stages of a Milter connection",
        "Each stage is a box, and each arrow is a command that is in order there under the strict law, or a verdict. OPTNEG, \
         CONNECT and HELO lead to Greeted. MAIL begins a message: RCPT, DATA, HEADER, EOH, BODY and BODYEOB follow, and \
         the verdict leads back to Greeted. In a message, ABORT and HELO lead there, too, and MAIL begins another \
         message. QUIT closes the connection at any stage.",
    );
    canvas.shape(&MESSAGE_AREA, MESSAGE, "0.06");
    canvas.shape(&ENVELOPE_AREA, MESSAGE, "0.07");
    canvas.text((34, 211), Anchor::Start, "font-style=\"italic\"", "a message");
    canvas.text((249, 228), Anchor::Start, "font-style=\"italic\"", "its envelope");
    let edges = edges();
    let mut drawn = BTreeSet::new();
    for arrow in arrows() {
        draw_arrow(&mut canvas, &arrow, &edges);
        let Arrow { from, cause, to, .. } = arrow;
        for stage in from {
            assert!(drawn.insert((stage, cause, to)), "{stage:?} {cause:?} is drawn twice");
        }
    }
    let table: BTreeSet<_> = edges.iter().map(|(edge, _)| *edge).collect();
    let (missing, surplus) = (table.difference(&drawn), drawn.difference(&table));
    let (missing, surplus): (Vec<_>, Vec<_>) = (missing.collect(), surplus.collect());
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "not drawn: {missing:?}, not in the table: {surplus:?}"
    );
    draw_stages(&mut canvas);
    draw_legend(&mut canvas, &table);
    canvas.finish()
}

/// The edges of the strict law that the picture draws, and whether each ends a message in progress.
fn edges() -> Vec<(Edge, bool)> {
    let commands = transitions().filter_map(|row| {
        let accepted = row.strict?;
        let is_listed = accepted.stage == row.stage && LISTED.contains(&row.command);
        (!is_listed)
            .then_some(((row.stage, Cause::Command(row.command), accepted.stage), accepted.aborts_message))
    });
    // A filter does not send SHUTDOWN (ORD-5).
    let verdicts = verdicts().filter(|(_, verdict, _)| *verdict != Verdict::Shutdown);
    let verdicts = verdicts.filter_map(|(command, _, effect)| {
        let from = stage_of(command)?;
        let to = stage_after(effect, from);
        (to != from).then_some(((from, Cause::Verdict, to), false))
    });
    commands.chain(verdicts).collect()
}

/// The stage to which a command leads wherever it is in order.
fn stage_of(command: CommandKind) -> Option<Stage> {
    transitions()
        .filter(|row| row.command == command)
        .find_map(|row| row.strict)
        .map(|accepted| accepted.stage)
}

/// The commands that change no stage at many of them. The legend lists where.
const LISTED: [CommandKind; 3] = [CommandKind::Unknown, CommandKind::Abort, CommandKind::Macros];

fn arrows() -> Vec<Arrow> {
    use Anchor::{End, Middle, Start as Begin};
    use CommandKind as K;
    use Ends::{FromArea, FromAreaJoins, Joins, Plain};
    use Stage as S;
    let mut arrows = Vec::new();
    let mut add = |from: &[S], cause, to, ends, path: &[Point], label| {
        arrows.push(Arrow { from: from.to_vec(), cause, to, path: path.to_vec(), label, ends });
    };
    let on = Cause::Command;
    let envelope = &IN_MESSAGE[..3];
    let open: Vec<_> = transitions()
        .filter(|row| row.command == K::Quit && row.strict.is_some())
        .map(|row| row.stage)
        .collect();
    let (settled, closing): (Vec<_>, Vec<_>) = open.into_iter().partition(|stage| *stage == S::Decided);

    // Before a message.
    add(
        &[S::Start],
        on(K::Negotiate),
        S::Negotiated,
        Plain,
        &[(166, 96), (254, 96)],
        Some(((207, 89), Middle)),
    );
    add(
        &[S::Negotiated],
        on(K::Connect),
        S::Connected,
        Plain,
        &[(386, 96), (474, 96)],
        Some(((427, 89), Middle)),
    );
    add(&[S::Connected], on(K::Helo), S::Greeted, Plain, &[(606, 96), (694, 96)], Some(((647, 89), Middle)));
    let again = [(772, 77), (772, 50), (804, 50), (804, 77)];
    add(&[S::Greeted], on(K::Helo), S::Greeted, Plain, &again, Some(((788, 43), Middle)));
    let reuse = [(730, 77), (730, 36), (320, 36), (320, 77)];
    add(&[S::Greeted], on(K::QuitNewConnection), S::Negotiated, Plain, &reuse, Some(((430, 29), Middle)));
    add(&[S::Connected], on(K::QuitNewConnection), S::Negotiated, Joins, &[(540, 77), (540, 36)], None);

    // The envelope.
    add(&[S::Greeted], on(K::MailFrom), S::Mail, Plain, &[(716, 115), (716, 251)], Some(((710, 177), End)));
    add(&[S::Connected], on(K::MailFrom), S::Mail, Joins, &[(540, 115), (540, 150), (716, 150)], None);
    add(envelope, on(K::Helo), S::Greeted, FromArea, &[(766, 208), (766, 115)], Some(((760, 166), End)));
    add(envelope, on(K::MailFrom), S::Mail, FromArea, &[(796, 332), (796, 289)], Some(((802, 316), Begin)));
    add(
        &[S::Mail],
        on(K::RcptTo),
        S::Recipients,
        Plain,
        &[(694, 270), (606, 270)],
        Some(((653, 263), Middle)),
    );
    let again = [(524, 251), (524, 232), (556, 232), (556, 251)];
    add(&[S::Recipients], on(K::RcptTo), S::Recipients, Plain, &again, Some(((564, 240), Begin)));
    add(&[S::Recipients], on(K::Data), S::Data, Plain, &[(474, 263), (386, 263)], Some(((433, 256), Middle)));
    let again = [(336, 251), (336, 232), (368, 232), (368, 251)];
    add(&[S::Data], on(K::Data), S::Data, Plain, &again, Some(((376, 240), Begin)));
    add(
        &[S::Data],
        on(K::RcptTo),
        S::Recipients,
        Plain,
        &[(386, 279), (474, 279)],
        Some(((427, 293), Middle)),
    );
    let refused = [(344, 289), (344, 306), (540, 306), (540, 289)];
    add(&[S::Data], Cause::Verdict, S::Recipients, Plain, &refused, Some(((442, 321), Middle)));

    // The content.
    let first = [(254, 270), (100, 270), (100, 401)];
    add(&[S::Data], on(K::Header), S::Headers, Plain, &first, Some(((168, 263), Middle)));
    add(
        &[S::Data],
        on(K::EndOfHeaders),
        S::EndOfHeaders,
        Plain,
        &[(306, 289), (306, 401)],
        Some(((300, 374), End)),
    );
    let again = [(84, 439), (84, 462), (116, 462), (116, 439)];
    add(&[S::Headers], on(K::Header), S::Headers, Plain, &again, Some(((124, 460), Begin)));
    add(
        &[S::Headers],
        on(K::EndOfHeaders),
        S::EndOfHeaders,
        Plain,
        &[(166, 420), (254, 420)],
        Some(((207, 413), Middle)),
    );
    add(
        &[S::EndOfHeaders],
        on(K::Body),
        S::Body,
        Plain,
        &[(386, 420), (474, 420)],
        Some(((427, 413), Middle)),
    );
    let again = [(524, 401), (524, 378), (556, 378), (556, 401)];
    add(&[S::Body], on(K::Body), S::Body, Plain, &again, Some(((564, 387), Begin)));
    add(
        &[S::Body],
        on(K::EndOfMessage),
        S::EndOfMessage,
        Plain,
        &[(606, 420), (694, 420)],
        Some(((660, 413), Middle)),
    );
    let empty = [(320, 439), (320, 470), (760, 470), (760, 439)];
    add(&[S::EndOfHeaders], on(K::EndOfMessage), S::EndOfMessage, Plain, &empty, Some(((427, 463), Middle)));

    // The end of a message, and of the connection.
    add(
        &IN_MESSAGE,
        on(K::Abort),
        S::Greeted,
        FromArea,
        &[(804, 190), (804, 115)],
        Some(((811, 156), Begin)),
    );
    let verdict = [(826, 420), (904, 420), (904, 96), (826, 96)];
    add(&[S::EndOfMessage], Cause::Verdict, S::Greeted, Plain, &verdict, None);
    add(&IN_MESSAGE, Cause::Verdict, S::Greeted, FromAreaJoins, &[(862, 270), (904, 270)], None);
    add(&closing, on(K::Quit), S::Closed, Plain, &[(166, 556), (254, 556)], Some(((207, 549), Middle)));
    add(&settled, on(K::Quit), S::Closed, Plain, &[(474, 556), (386, 556)], Some(((433, 549), Middle)));
    add(
        &[S::Connected, S::Greeted],
        Cause::Verdict,
        S::Decided,
        Plain,
        &[(800, 556), (606, 556)],
        Some(((706, 549), Middle)),
    );
    arrows
}

fn draw_arrow(canvas: &mut Canvas, arrow: &Arrow, edges: &[(Edge, bool)]) {
    let Arrow { from, cause, to, path, label, ends } = arrow;
    let aborts = |stage: &Stage| edges.iter().any(|(edge, aborts)| *edge == (*stage, *cause, *to) && *aborts);
    let line = match cause {
        Cause::Command(_) if from.iter().all(aborts) => Line { colour: ABORTING, is_dashed: false },
        Cause::Command(_) => Line { colour: INK, is_dashed: false },
        Cause::Verdict => Line { colour: VERDICT, is_dashed: true },
    };
    let joins = matches!(ends, Ends::Joins | Ends::FromAreaJoins);
    canvas.route(path, line, !joins);
    if joins {
        canvas.dot(path[path.len() - 1], line.colour);
    }
    if matches!(ends, Ends::FromArea | Ends::FromAreaJoins) {
        canvas.dot(path[0], line.colour);
    }
    if let Some((at, anchor)) = label {
        match cause {
            Cause::Command(kind) => command(canvas, *at, *anchor, &kind.to_string()),
            Cause::Verdict if *to == Stage::Recipients => canvas.text(*at, *anchor, "", "DATA refused"),
            Cause::Verdict => canvas.text(*at, *anchor, "", "verdict on the connection"),
        }
    }
}

fn command(canvas: &mut Canvas, at: Point, anchor: Anchor, name: &str) {
    canvas.text(at, anchor, &mono(12), name);
}

fn draw_stages(canvas: &mut Canvas) {
    let drawn: Vec<_> = PLACES.iter().map(|(stage, ..)| *stage).collect();
    let mut of_law: Vec<_> = transitions().filter_map(|row| row.robust.map(|_| row.stage)).collect();
    of_law.dedup();
    assert!(of_law.iter().all(|stage| drawn.contains(stage)), "{of_law:?} are stages, drawn are {drawn:?}");
    for stage in drawn {
        assert_eq!(stage.is_in_message(), IN_MESSAGE.contains(&stage), "{stage:?}");
    }
    for (stage, at, colour) in PLACES {
        canvas.tinted_box(at, NODE, colour, "0.16");
        let (x, y) = at;
        canvas.text(
            (x, y + 5),
            Anchor::Middle,
            "font-weight=\"600\" font-size=\"14\"",
            &format!("{stage:?}"),
        );
    }
    canvas.text((158, 560), Anchor::End, "font-style=\"italic\"", "any other stage");
    canvas.text((808, 560), Anchor::Start, "font-style=\"italic\"", "Connected, Greeted");
    canvas.upward_text((922, 258), "verdict on the message");
}

/// The kinds of lines, and the commands that change no stage.
fn draw_legend(canvas: &mut Canvas, drawn: &BTreeSet<Edge>) {
    let y = 618;
    let kinds = [
        (34, INK, false, false, "a command"),
        (176, ABORTING, false, false, "a command that ends the message"),
        (472, VERDICT, true, false, "a verdict of the filter"),
        (672, INK, false, true, "from every stage in the area"),
    ];
    for (x, colour, is_dashed, is_from_area, text) in kinds {
        canvas.route(&[(x, y), (x + 32, y)], Line { colour, is_dashed }, true);
        if is_from_area {
            canvas.dot((x, y), colour);
        }
        canvas.text((x + 42, y + 4), Anchor::Start, "", text);
    }
    let mut y = y + 32;
    for kind in LISTED {
        let stays = |stage: &Stage| {
            let row = transitions().find(|row| row.stage == *stage && row.command == kind);
            row.and_then(|row| row.strict).is_some_and(|accepted| accepted.stage == *stage)
        };
        let stages = || PLACES.iter().map(|(stage, ..)| stage);
        let (at, not_at): (Vec<_>, Vec<_>) = stages().partition(|stage| stays(stage));
        let places =
            if at.len() > not_at.len() { format!("every stage but {}", list(&not_at)) } else { list(&at) };
        let is_drawn = drawn.iter().any(|(_, cause, _)| *cause == Cause::Command(kind));
        let also = if is_drawn { "also " } else { "" };
        let text = format!("{also}accepted at {places}; the stage does not change");
        command(canvas, (34, y), Anchor::Start, &kind.to_string());
        canvas.text((104, y), Anchor::Start, "", &text);
        y += 24;
    }
}

fn list(stages: &[&Stage]) -> String {
    let names: Vec<_> = stages.iter().map(|stage| format!("{stage:?}")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => panic!("a command that changes no stage is accepted somewhere"),
    }
}
