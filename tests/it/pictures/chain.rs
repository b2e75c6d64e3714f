//! The walk of one message past two filters, as a picture of a recorded session of Postfix.

use std::path::Path;

use milter_proto::wire::code_name;

use super::canvas::{Anchor, Canvas, INK, Line, Point, count, mono};
use crate::message::{Recorded, order, recorded, words};

const CASE: &str = "1 adds a header, 2 changes it";
const SIZE: Point = (720, 1222);
const MTA: i32 = 360;
const FILTERS: [i32; 2] = [162, 558];
/// The width of a box with a message.
const BOX: i32 = 292;
const TOP: i32 = 50;
/// From a command and its reply to the next.
const ROW: i32 = 29;
/// From a line of a message to the next.
const LINE: i32 = 17;
const COMMAND: Line = Line { colour: INK, is_dashed: false };
const REPLY: Line = Line { colour: "#9a6ee0", is_dashed: true };
const EDIT: Line = Line { colour: "#d9622b", is_dashed: false };
const STEP: &str = "#3b82d0";
const MESSAGE: &str = "#2f9e5f";

/// The commands that follow a step of the client, by the first word of the step.
const FOLLOW: [(&str, &[char]); 7] = [
    ("connect", &['O', 'C']),
    ("EHLO", &['H']),
    ("MAIL", &['M']),
    ("RCPT", &['R']),
    ("DATA", &['T']),
    ("end", &['L', 'N', 'B', 'E']),
    ("QUIT", &[]),
];

/// A command as a filter got it, and the responses if they are more than CONTINUE.
struct Heard {
    code: char,
    contents: String,
    responses: Vec<(char, String)>,
}

/// A drawing from the top down.
struct Walk {
    canvas: Canvas,
    y: i32,
    /// How far the lines of the three programs are drawn.
    lines: [(i32, i32); 3],
}

pub(super) fn draw() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chain/postfix.txt");
    let case = recorded(&file).remove(CASE).unwrap();
    let canvas = Canvas::new(
        SIZE,
        "One message past two filters",
        "The MTA is in the middle, filter 1 on the left, filter 2 on the right. OPTNEG and CONNECT go to one filter after the \
         other, and so does every command up to DATA: to filter 1 and, after its reply, to filter 2. After the final dot \
         filter 1 gets the whole message, from HEADER to BODYEOB, adds a header, and lets the message pass. Only then \
         filter 2 gets the whole message, with the new header in it, and changes that header. The MTA delivers the \
         message with both edits.",
    );
    let lines = [(FILTERS[0], TOP - 16), (FILTERS[1], TOP - 16), (MTA, TOP - 16)];
    let mut walk = Walk { canvas, y: TOP, lines };
    for (x, name) in [(FILTERS[0], "filter 1"), (MTA, "MTA (Postfix)"), (FILTERS[1], "filter 2")] {
        walk.canvas.text((x, 24), Anchor::Middle, "font-weight=\"600\" font-size=\"14\"", name);
    }
    let heard = ["1", "2"].map(|filter| heard(&case.lines[filter]));
    let is_content = |heard: &&Heard| "LNBE".contains(heard.code);
    let first: Vec<_> = heard[0].iter().filter(is_content).map(text).collect();
    let mut rest = heard.each_ref().map(Vec::as_slice);
    let order = order(&case.lines["order"]);
    let mut order = order.iter().peekable();
    for step in case.lines["client"].split("; ") {
        let (_, codes) = *FOLLOW.iter().find(|(word, _)| step.starts_with(word)).unwrap();
        if codes.is_empty() {
            continue;
        }
        walk.step(if step == "end" { "the final dot" } else { step });
        let mut seen = Vec::new();
        // The next RCPT to filter 1 is for the next recipient.
        while let Some(next) = order.next_if(|next| next.ends_with(codes) && !seen.contains(next)) {
            seen.push(next);
            let filter = usize::from(next.starts_with('2'));
            let commands = rest[filter];
            // All of the content goes to one filter before the next gets any.
            let taken = commands.iter().take_while(is_content).count().max(1);
            assert!(next.ends_with(commands[0].code), "{next}");
            for heard in &commands[1..taken] {
                let next = order.next().unwrap();
                assert!(next.starts_with(['1', '2'][filter]) && next.ends_with(heard.code), "{next}");
            }
            rest[filter] = &commands[taken..];
            if taken == 1 {
                walk.command(filter, &commands[0]);
            } else {
                walk.message(filter, &commands[..taken], &first);
            }
        }
    }
    assert_eq!(order.next(), None, "a command is not drawn");
    walk.delivery(&case, &first);
    walk.finish()
}

/// The commands of a line: `M` is a command, `L{Subject| a}` one with contents, `E<h{X| y},c` one with responses.
fn heard(line: &str) -> Vec<Heard> {
    let parse = |word: &str| {
        let mut letters = word.chars();
        let code = letters.next().unwrap();
        let contents = letters.as_str().strip_prefix('{').map_or("", |rest| rest.strip_suffix('}').unwrap());
        (code, contents.to_owned())
    };
    words(line)
        .iter()
        .map(|word| {
            // An address may follow `<`, too.
            let is_whole = |(command, _): &(&str, &str)| command.contains('{') == command.contains('}');
            let (command, responses) = word.split_once('<').filter(is_whole).unwrap_or((word, ""));
            let (code, contents) = parse(command);
            let responses = responses.split(',').filter(|response| !response.is_empty()).map(parse).collect();
            Heard { code, contents, responses }
        })
        .collect()
}

/// A command or a response with its contents.
fn text(heard: &Heard) -> String {
    named(heard.code, &heard.contents)
}

fn named(code: char, contents: &str) -> String {
    let name = code_name(u8::try_from(code).unwrap()).unwrap();
    let contents = contents.replace("| ", ": ").replace('|', " ").replace("\\r\\n", "");
    if contents.is_empty() { name.to_owned() } else { format!("{name} {contents}") }
}

impl Walk {
    /// A box around a centre. The line of its program ends above it and goes on below.
    fn boxed(&mut self, x: i32, (width, height): Point, colour: &str, tint: &str) {
        let line = self.lines.iter_mut().find(|(of, _)| *of == x).unwrap();
        self.canvas.guide(*line, (x, self.y));
        line.1 = self.y + height;
        self.canvas.tinted_box((x, self.y + height / 2), (width, height), colour, tint);
    }

    /// What the client does, on the line of the MTA.
    fn step(&mut self, text: &str) {
        self.boxed(MTA, (8 * count(text.len()) + 24, 22), STEP, "0.16");
        self.canvas.text((MTA, self.y + 15), Anchor::Middle, "font-size=\"12\"", text);
        self.y += 28;
    }

    /// A command and, after it, the reply.
    fn command(&mut self, filter: usize, heard: &Heard) {
        assert!(heard.responses.is_empty());
        let (x, y) = (FILTERS[filter], self.y + 12);
        self.canvas.text(((MTA + x) / 2, y - 3), Anchor::Middle, &mono(12), &text(heard));
        self.canvas.route(&[(MTA, y), (x, y)], COMMAND, true);
        self.canvas.route(&[(x, y + 9), (MTA, y + 9)], REPLY, true);
        self.y += ROW;
    }

    /// The whole message, with what is new in it in bold, and the responses to its end.
    fn message(&mut self, filter: usize, message: &[Heard], first: &[String]) {
        let x = FILTERS[filter];
        let (left, side) = (x - BOX / 2, x + if filter == 0 { BOX / 2 } else { -BOX / 2 });
        let height = LINE * count(message.len()) + 12;
        self.boxed(x, (BOX, height), MESSAGE, "0.08");
        for (line, heard) in message.iter().enumerate() {
            let (y, text) = (self.y + 18 + LINE * count(line), text(heard));
            let mut attributes = mono(11);
            if !first.contains(&text) {
                self.canvas.area((left + 2, y - 13), (BOX - 4, LINE), MESSAGE, "0.25");
                attributes += " font-weight=\"700\"";
            }
            self.canvas.text((left + 10, y), Anchor::Start, &attributes, &shortened(text));
        }
        self.canvas.route(&[(MTA, self.y + 14), (side, self.y + 14)], COMMAND, true);
        self.y += height + 6;
        for (code, contents) in &message[message.len() - 1].responses {
            self.y += 18;
            let line = if *code == 'c' { REPLY } else { EDIT };
            self.canvas.text(((MTA + x) / 2, self.y - 4), Anchor::Middle, &mono(12), &named(*code, contents));
            self.canvas.route(&[(x, self.y), (MTA, self.y)], line, true);
        }
        self.y += 14;
    }

    /// What is delivered and is not as filter 1 got it.
    fn delivery(&mut self, case: &Recorded, first: &[String]) {
        let had = |line: &str| first.iter().any(|command| command.ends_with(line));
        let lines =
            case.delivered.iter().map(|line| line.trim_start_matches("body ").trim_end_matches("\\r\\n"));
        let new: Vec<_> = lines.filter(|line| !line.starts_with("Received:") && !had(line)).collect();
        let text = format!("delivers the message with {}", new.join(", "));
        self.boxed(MTA, (8 * count(text.len()) + 24, 26), MESSAGE, "0.2");
        self.canvas.text((MTA, self.y + 18), Anchor::Middle, "font-weight=\"600\"", &text);
        self.y += 36;
    }

    fn finish(mut self) -> String {
        for (x, y) in self.lines {
            if x != MTA {
                self.canvas.guide((x, y), (x, self.y));
            }
        }
        let y = self.y + 16;
        self.canvas.tinted_box((140, y), (32, 18), STEP, "0.16");
        self.canvas.text((164, y + 4), Anchor::Start, "", "SMTP client");
        for (x, line, text) in [(280, COMMAND, "command"), (414, REPLY, "reply"), (520, EDIT, "edit")] {
            self.canvas.route(&[(x, y), (x + 32, y)], line, true);
            self.canvas.text((x + 42, y + 4), Anchor::Start, "", text);
        }
        assert_eq!(y + 25, SIZE.1, "the height of the picture");
        self.canvas.finish()
    }
}

fn shortened(text: String) -> String {
    const MOST: usize = 41;
    if text.chars().count() > MOST { text.chars().take(MOST - 1).chain(['…']).collect() } else { text }
}
