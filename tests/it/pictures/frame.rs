//! The layout of a frame, with two captured ones, as a picture.

use milter_proto::wire::{Command, Frame, FrameBuf, Response, Verdict};

use super::canvas::{Anchor, Canvas, INK, Point, count, mono};
use super::recordings::{frames, session};
use crate::support::bytes_of;
use crate::support::recorded::capture::Side;

const SESSION: &str = "postfix/unix-plain";
const LEFT: i32 = 16;
const CELL: i32 = 33;
const HEIGHT: i32 = 42;
const SIZE: Point = (LEFT * 2 + CELL * 20, 374);
const LENGTH: &str = "#3b82d0";
const CODE: &str = "#9a6ee0";
const PAYLOAD: &str = "#2f9e5f";

/// The bytes before the code, and before the payload.
const CODE_AT: usize = 4;
const PAYLOAD_AT: usize = 5;

pub(super) fn draw() -> String {
    let mut canvas = Canvas::new(
        SIZE,
        "The layout of a Milter frame",
        "A frame is a length of 4 bytes, a code of 1 byte, and a payload. The length is an unsigned number, most \
         significant byte first; it counts the code and the payload, and not itself. Two captured frames follow: HELO \
         with a host name that ends with NUL, and CONTINUE, which has no payload.",
    );
    let (helo, answer) = helo_and_its_reply();
    let (helo, answer) = (helo.as_frame(), answer.as_frame());
    let Ok(Command::Helo { name }) = Command::parse(helo) else { panic!("{helo:?} is not HELO") };
    assert_eq!(Response::parse(answer), Ok(Response::Verdict(Verdict::Continue)));
    let bytes = bytes_of(&helo.encode());
    assert_eq!(bytes.len(), 20, "the picture is as wide as this frame");

    heading(&mut canvas, 26, "Every frame");
    for (offset, text) in [(0, "0"), (CODE_AT, "4"), (PAYLOAD_AT, "5")] {
        canvas.text((at(offset) + CELL / 2, 52), Anchor::Middle, &mono(11), text);
    }
    canvas.text((at(bytes.len()), 52), Anchor::End, &small(), "offset in bytes");
    let parts = [
        (0, CODE_AT, LENGTH, "length N", "u32, big-endian"),
        (CODE_AT, PAYLOAD_AT, CODE, "code", ""),
        (PAYLOAD_AT, bytes.len(), PAYLOAD, "payload", "N − 1 bytes, which may be none"),
    ];
    for (from, to, colour, name, detail) in parts {
        let (middle, width) = (at(from) + (at(to) - at(from)) / 2, at(to) - at(from));
        canvas.tinted_box((middle, 60 + HEIGHT / 2), (width - 2, HEIGHT), colour, "0.2");
        let bold = if width > CELL { "font-weight=\"600\"" } else { "font-size=\"11\"" };
        let y = if detail.is_empty() { 85 } else { 78 };
        canvas.text((middle, y), Anchor::Middle, bold, name);
        if !detail.is_empty() {
            canvas.text((middle, 94), Anchor::Middle, &small(), detail);
        }
    }

    heading(&mut canvas, 136, "HELO, as Postfix sent it");
    row(&mut canvas, 150, helo);
    let name_end = PAYLOAD_AT + name.len();
    assert_eq!(&bytes[name_end..], b"\0");
    span(&mut canvas, 150, (0, CODE_AT), &sum(helo));
    span(&mut canvas, 150, (CODE_AT, PAYLOAD_AT), "HELO");
    span(&mut canvas, 150, (PAYLOAD_AT, name_end), &format!("host name, {} bytes", name.len()));
    span(&mut canvas, 150, (name_end, name_end + 1), "end");

    heading(&mut canvas, 260, "CONTINUE, the reply of the filter");
    row(&mut canvas, 274, answer);
    span(&mut canvas, 274, (0, CODE_AT), &sum(answer));
    canvas.text((at(PAYLOAD_AT) + 8, 274 + 26), Anchor::Start, "", "no payload");
    canvas.finish()
}

/// HELO of the captured session, and the frame that the filter sent next.
fn helo_and_its_reply() -> (FrameBuf, FrameBuf) {
    let frames = frames(&session(SESSION));
    let place = frames.iter().position(|(_, frame)| frame.as_frame().code() == b'H').unwrap();
    let reply = frames.iter().skip(place).find(|(side, _)| *side == Side::Filter).unwrap();
    (frames[place].1.clone(), reply.1.clone())
}

/// Why the length is what it is.
fn sum(frame: Frame<'_>) -> String {
    let payload = frame.payload().len();
    format!("{} = 1 + {payload}", payload + 1)
}

/// A cell for each byte: its value, and the character that it is.
fn row(canvas: &mut Canvas, y: i32, frame: Frame<'_>) {
    for (offset, byte) in bytes_of(&frame.encode()).into_iter().enumerate() {
        let colour = match offset {
            0..CODE_AT => LENGTH,
            CODE_AT => CODE,
            _ => PAYLOAD,
        };
        let middle = at(offset) + CELL / 2;
        canvas.tinted_box((middle, y + HEIGHT / 2), (CELL - 3, HEIGHT), colour, "0.12");
        canvas.text((middle, y + 18), Anchor::Middle, &mono(13), &format!("{byte:02X}"));
        if offset >= CODE_AT {
            let letter = if byte == 0 { "NUL".to_owned() } else { char::from(byte).to_string() };
            canvas.text((middle, y + 35), Anchor::Middle, &mono(if byte == 0 { 11 } else { 12 }), &letter);
        }
    }
}

/// A bracket under some bytes, with a text.
fn span(canvas: &mut Canvas, y: i32, (from, to): (usize, usize), text: &str) {
    let (left, right, y) = (at(from) + 4, at(to) - 4, y + HEIGHT + 5);
    canvas.line(&format!(
        "<path d=\"M{left} {y}v6H{right}v-6\" fill=\"none\" stroke=\"{INK}\" stroke-opacity=\"0.6\"/>"
    ));
    canvas.text(((left + right) / 2, y + 22), Anchor::Middle, "font-size=\"12\"", text);
}

fn heading(canvas: &mut Canvas, y: i32, text: &str) {
    canvas.text((LEFT, y), Anchor::Start, "font-weight=\"600\"", text);
}

fn at(offset: usize) -> i32 {
    LEFT + CELL * count(offset)
}

fn small() -> String {
    "font-size=\"12\"".to_owned()
}
