//! What owned values hold, and what making them takes: never more than their documentation says.

use allocation_counter::measure;
use milter_proto::transcript::{Entry, Line};
use milter_proto::wire::{
    Frame, FrameBuf, ListStage, MacroListsBuf, ReplyBuf, ReplyCode, ReplyFault, TextListBuf,
};

use crate::support::memory::within;
use crate::support::text;

/// Lines of each layout, with texts of 64 KiB, many texts, and every byte escaped.
fn long_lines() -> Vec<String> {
    let name = "n".repeat(65_536);
    let escaped = "\\x00".repeat(20_000);
    let [texts, lists] = ["\"\" ", "67 \"\" "].map(|again| again.repeat(20_000));
    vec![
        format!("> HELO \"{name}\""),
        format!("> HEADER \"{name}\" \"{name}\""),
        format!("> MACRO MAIL \"{name}\" \"{name}\" \"i\" \"\""),
        format!("> MAIL {texts}"),
        format!("> BODY \"{escaped}\""),
        format!("> FRAME 0x42 \"{escaped}\""),
        format!("> CONNECT \"{name}\" 4 25 \"{name}\""),
        format!("< INSHEADER 4294967295 \"{name}\" \"{name}\""),
        format!("< REPLBODY \"{name}\""),
        format!("< OPTNEG 4294967295 0xffffffff 0xffffffff {lists}"),
        format!("> QUIT{}", " ".repeat(65_536)),
        format!("> {name}"),
        "> DATA".to_owned(),
    ]
}

#[test]
fn a_line_is_read_into_its_own_length_and_no_more() {
    for line in long_lines() {
        let mut read = None;
        let taken = measure(|| read = Some(line.parse::<Entry>()));
        let most = u64::try_from(line.len()).unwrap();
        assert!(taken.count_total <= 1 && taken.bytes_max <= most, "{taken:?} for a line of {most}");
    }
}

#[test]
fn a_line_that_stops_anywhere_takes_no_more() {
    for line in
        [r#"> MACRO MAIL "i" "4bXy2z1" "{a}" "\x00\x01""#, r#"< OPTNEG 6 0x11 0x100400 RCPT "{rcpt_addr}""#]
    {
        for end in 0..=line.len() {
            let taken = measure(|| drop(line.get(..end).unwrap().parse::<Entry>()));
            assert!(taken.bytes_max <= u64::try_from(end).unwrap(), "{taken:?} for {end} bytes of {line}");
        }
    }
}

#[test]
fn writing_a_line_takes_nothing_however_long_it_is() {
    use std::io::Write;
    let mut room = vec![0; 1 << 20];
    for line in long_lines() {
        let Ok(entry) = line.parse::<Entry>() else { continue };
        let shown = Line::new(entry.direction, entry.frame.as_frame());
        let mut free = &mut room[..];
        let taken = measure(|| write!(free, "{shown}{}{entry}", shown.hiding_content()).unwrap());
        assert!((1 << 20) - free.len() >= 2 * "> DATA".len(), "something was written");
        assert_eq!(taken.count_total, 0);
    }
}

#[test]
fn an_owned_frame_holds_its_payload_and_no_more() {
    for len in [0, 1, 100, 65_535, 1_048_576] {
        let payload = vec![b'x'; len];
        let mut owned = None;
        let taken = measure(|| owned = Some(FrameBuf::from(Frame::new(b'B', &payload))));
        assert_eq!(taken.bytes_max, u64::try_from(len).unwrap());
    }
}

#[test]
fn lists_hold_twice_what_was_put_into_them() {
    let name = vec![b'n'; 65_536];
    for (len, count) in [(0, 10_000), (1, 10_000), (100, 1000), (65_536, 20)] {
        let mut texts = TextListBuf::new();
        let taken = measure(|| texts.extend((0..count).map(|_| text(&name[..len]))));
        within(taken, 2 * texts.as_list().as_bytes().len(), "texts");
        let mut lists = MacroListsBuf::new();
        let taken = measure(|| (0..count).for_each(|_| lists.push(ListStage::MAIL, text(&name[..len]))));
        within(taken, 2 * lists.as_lists().as_bytes().len(), "lists");
    }
}

#[test]
fn a_reply_of_endless_lines_ends_at_the_line_that_is_too_many() {
    let code = ReplyCode::new(550).unwrap();
    let mut asked = 0;
    let lines = core::iter::repeat_with(|| {
        asked += 1;
        assert!(asked < 1000, "it goes on and on");
        "no"
    });
    let mut reply = None;
    let taken = measure(|| reply = Some(ReplyBuf::new(code, None, lines)));
    let error = reply.unwrap().unwrap_err();
    assert_eq!((error.fault, error.offset), (ReplyFault::TooManyLines, 32 * b"550-no\r\n".len()));
    within(taken, 1024, "reply");
}

#[test]
fn the_largest_reply_takes_twice_its_text() {
    let code = ReplyCode::new(550).unwrap();
    for line in ["x".repeat(980), "%".repeat(490)] {
        let mut reply = None;
        let taken = measure(|| reply = Some(ReplyBuf::new(code, None, [&line].repeat(32)).unwrap()));
        within(taken, 2 * reply.unwrap().as_reply().as_text().len(), "reply");
    }
}
