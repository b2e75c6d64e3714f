//! Values made by `Arbitrary`: whatever can be built can be sent, in every way, and is read back.

use std::io::{IoSlice, Write};

use arbitrary::Unstructured;
use milter_proto::Limits;
use milter_proto::wire::{
    Command, Decoded, Frame, MacroLists, MacroListsBuf, OutgoingFrame, ReplyBuf, ReplyText, Response,
    TextList, TextListBuf, Tolerance,
};

/// The first byte chooses what is made of the others.
pub fn roundtrip(data: &[u8]) {
    let Some((&choice, rest)) = data.split_first() else { return };
    let mut u = Unstructured::new(rest);
    // A value that cannot be made is not a failure of the library.
    _ = match choice % 5 {
        0 | 1 => u.arbitrary().map(of_command),
        2 | 3 => u.arbitrary().map(of_response),
        _ => u.arbitrary().map(of_owned),
    };
}

fn of_command((command, tolerance): (Command<'_>, Tolerance)) {
    let bytes = in_every_way(&command.encode());
    let frame = whole(&bytes);
    assert_eq!(frame.code(), command.code());
    assert_eq!(Command::parse(frame), Ok(command));
    let decoded = Command::parse_as(frame, tolerance).unwrap();
    let Decoded { value, deviation, .. } = decoded;
    assert_eq!((value, deviation), (command, None));
}

fn of_response((response, tolerance): (Response<'_>, Tolerance)) {
    let bytes = in_every_way(&response.encode());
    let frame = whole(&bytes);
    assert_eq!(frame.code(), response.code());
    assert_eq!(Response::parse(frame), Ok(response));
    let decoded = Response::parse_as(frame, tolerance).unwrap();
    let Decoded { value, deviation, .. } = decoded;
    assert_eq!((value, deviation), (response, None));
}

/// What was built with an allocator is the same when written into storage of the caller.
fn of_owned((texts, lists, reply): (TextListBuf, MacroListsBuf, ReplyBuf)) {
    let texts = texts.as_list();
    let mut storage = vec![0; texts.as_bytes().len()];
    assert_eq!(TextList::write(texts, &mut storage), Ok(texts));
    assert_eq!(TextList::new(texts.as_bytes()), Ok(texts));

    let lists = lists.as_lists();
    let mut storage = vec![0; lists.as_bytes().len()];
    assert_eq!(MacroLists::write(lists.iter(), &mut storage), Ok(lists));
    assert_eq!(MacroLists::new(lists.as_bytes()), Ok(lists));

    let reply = reply.as_reply();
    assert_eq!(ReplyText::parse(reply.as_text().as_bytes()), Ok(reply));
    // The plain form of each line makes the same reply, if all lines have the same enhanced code.
    let status = reply.lines().next().unwrap().enhanced();
    if reply.lines().all(|line| line.enhanced() == status) {
        let lines = reply.lines().map(|line| line.text().bytes().collect::<Vec<_>>()).collect::<Vec<_>>();
        let mut storage = vec![0; reply.as_text().len()];
        let built = ReplyText::write(reply.code(), status, &lines, &mut storage);
        // Behind an enhanced code without text, a blank may stand or not.
        if status.is_none() || !lines.iter().any(Vec::is_empty) {
            assert_eq!(built, Ok(reply));
        }
    }
}

/// The bytes of a frame, which every way to write it agrees on.
fn in_every_way(out: &OutgoingFrame<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    out.append_to(&mut bytes);
    assert_eq!(bytes.len(), out.len());
    assert!(out.segments().count() <= OutgoingFrame::MAX_SEGMENTS);
    assert!(out.segments().all(|piece| !piece.is_empty()));
    assert_eq!(out.segments().collect::<Vec<_>>().concat(), bytes);

    let mut buffer = vec![0xaa; bytes.len() + 1];
    assert_eq!(out.write_to(&mut buffer), Ok(bytes.len()));
    assert_eq!(buffer.split_last(), Some((&0xaa, &bytes[..])));
    let mut short = vec![0xaa; bytes.len() - 1];
    let error = out.write_to(&mut short).unwrap_err();
    assert_eq!((error.needed, error.available), (bytes.len(), bytes.len() - 1));
    assert!(short.iter().all(|&byte| byte == 0xaa));

    let mut slots = [IoSlice::new(&[]); OutgoingFrame::MAX_SEGMENTS];
    let mut written = Vec::new();
    assert_eq!(written.write_vectored(out.io_slices(&mut slots)).unwrap(), bytes.len());
    assert_eq!(written, bytes);

    let payload = u32::try_from(bytes.len() - Frame::HEAD_LEN).unwrap();
    assert!(out.within(Limits::DEFAULT.with_max_send_payload(payload)).is_ok());
    assert!(payload == 0 || out.within(Limits::DEFAULT.with_max_send_payload(payload - 1)).is_err());
    bytes
}

/// The one frame that these bytes are.
fn whole(bytes: &[u8]) -> Frame<'_> {
    match Frame::split(bytes, Limits::DEFAULT) {
        Ok(Some((frame, []))) => frame,
        other => panic!("{other:?} from {bytes:?}"),
    }
}
