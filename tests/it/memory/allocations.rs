//! Nothing is allocated in steady state, and nothing ever for bytes that have not come.

use core::hint::black_box;
use std::io::Write;

use allocation_counter::{AllocationInfo, measure};
use milter_proto::transcript::Line;
use milter_proto::wire::{
    Assembler, Buffer, Command, Direction, EnhancedCode, Frame, ReplyCode, ReplyText, Response, Tolerance,
};

use crate::support::wire;

/// The commands of a message.
fn commands() -> Vec<u8> {
    let body = vec![b'x'; 5000];
    let frames: [(u8, &[u8]); 15] = [
        (b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"),
        (b'D', b"Cj\0mta.test\0_\0localhost [127.0.0.1]\0"),
        (b'C', b"localhost\x004\xaf\xb6127.0.0.1\0"),
        (b'H', b"c\0"),
        (b'M', b"<a@b.c>\0SIZE=10\0BODY=8BITMIME\0"),
        (b'R', b"<r@x.y>\0"),
        (b'T', b""),
        (b'L', b"Subject\0no space\0"),
        (b'N', b""),
        (b'B', &body),
        (b'D', b"E{msg_id}\0<1@b.c>\0"),
        (b'E', b""),
        (b'U', b"NOOP x\0"),
        (b'A', b""),
        (b'Z', b"no command"),
    ];
    frames.iter().flat_map(|(code, payload)| wire(*code, payload)).collect()
}

/// The responses to a message.
fn responses() -> Vec<u8> {
    let body = vec![b'x'; 5000];
    let frames: [(u8, &[u8]); 13] = [
        (b'O', b"\0\0\0\x06\0\0\x01\xff\0\0\x04\0\0\0\0\x03{rcpt_addr}\0"),
        (b'c', b""),
        (b'h', b"X-A\0v\0"),
        (b'i', b"\0\0\0\0X-I\0v\0"),
        (b'm', b"\0\0\0\x01Subject\0\0"),
        (b'e', b"<a@b>\0BODY=8BITMIME\0"),
        (b'+', b"<r@b>\0"),
        (b'2', b"<r@b>\0NOTIFY=NEVER\0"),
        (b'-', b"<r@b>\0"),
        (b'q', b"why\0"),
        (b'p', b""),
        (b'b', &body),
        (b'y', b"550-5.7.1 100%%\r\n550 5.7.1 b\0"),
    ];
    frames.iter().flat_map(|(code, payload)| wire(*code, payload)).collect()
}

/// Cuts the stream, parses each frame in that direction and appends it to `out`.
fn pass<S: Buffer>(
    assembler: &mut Assembler<S>,
    direction: Direction,
    stream: &[u8],
    piece: usize,
    out: &mut Vec<u8>,
) {
    out.clear();
    for mut input in stream.chunks(piece) {
        while let Some(frame) = assembler.next_frame(&mut input).unwrap() {
            match direction {
                Direction::ToFilter => Command::parse(frame).unwrap().encode().append_to(out),
                Direction::ToMta => Response::parse(frame).unwrap().encode().append_to(out),
            }
        }
    }
    assert_eq!(*out, stream);
}

/// The stream of either direction, in pieces that cut no frame, some, and all.
fn each_way(mut check: impl FnMut(Direction, &[u8], usize)) {
    for (direction, stream) in [(Direction::ToFilter, commands()), (Direction::ToMta, responses())] {
        for piece in [stream.len(), 1000, 64, 7, 1] {
            check(direction, &stream, piece);
        }
    }
}

#[test]
fn the_counter_counts() {
    // An optimised build leaves out what nobody looks at.
    let info = measure(|| drop(black_box(vec![0_u8; 100])));
    assert_eq!((info.count_total, info.bytes_max), (1, 100));
}

// FRM-8.
#[test]
fn a_session_allocates_nothing_after_its_first_message() {
    each_way(|direction, stream, piece| {
        let mut assembler = Assembler::new(Vec::new());
        let mut out = Vec::with_capacity(stream.len());
        pass(&mut assembler, direction, stream, piece, &mut out);
        let info = measure(|| {
            for _ in 0..3 {
                pass(&mut assembler, direction, stream, piece, &mut out);
            }
        });
        assert_eq!(info, AllocationInfo::default(), "{direction:?} in pieces of {piece}");
    });
}

#[test]
fn memory_of_the_caller_is_all_the_memory_there_is() {
    each_way(|direction, stream, piece| {
        let mut out = Vec::with_capacity(stream.len());
        let mut room = [0; 8192];
        let info = measure(|| pass(&mut Assembler::new(&mut room[..]), direction, stream, piece, &mut out));
        assert_eq!(info, AllocationInfo::default(), "{direction:?} in pieces of {piece}");
    });
}

// FRM-8: a connection whose frames come whole has no buffer at all.
#[test]
fn whole_frames_need_no_memory_even_at_first() {
    for (direction, stream) in [(Direction::ToFilter, commands()), (Direction::ToMta, responses())] {
        let mut out = Vec::with_capacity(stream.len());
        let info =
            measure(|| pass(&mut Assembler::new(Vec::new()), direction, &stream, stream.len(), &mut out));
        assert_eq!(info, AllocationInfo::default());
    }
}

// FRM-5, FRM-8: four bytes that announce a megabyte cost nothing.
#[test]
fn memory_grows_by_what_arrived_and_not_by_what_was_announced() {
    let mut assembler = Assembler::new(Vec::new());
    let mut head: &[u8] = b"\0\x10\0\x01B";
    let info = measure(|| assert_eq!(assembler.next_frame(&mut head), Ok(None)));
    assert_eq!((info.count_total, assembler.missing()), (0, 1_048_576));

    let mut arrived = 0;
    for piece in [10, 100, 1000, 10_000, 100_000] {
        let bytes = vec![b'x'; piece];
        arrived += piece;
        let info = measure(|| assert_eq!(assembler.next_frame(&mut &bytes[..]), Ok(None)));
        assert!(info.bytes_max <= 2 * u64::try_from(arrived).unwrap(), "{info:?} for {arrived} bytes");
    }
}

#[test]
fn release_gives_the_memory_back() {
    let bytes = wire(b'B', &[0; 900]);
    let (front, back) = bytes.split_at(500);
    let mut assembler = Assembler::new(Vec::new());
    let info = measure(|| {
        assert_eq!(assembler.next_frame(&mut &front[..]), Ok(None));
        assert!(assembler.next_frame(&mut &back[..]).unwrap().is_some());
        assembler.release();
    });
    assert!(info.count_total > 0, "the frame was cut");
    assert_eq!(info.bytes_current, 0);
}

#[test]
fn refusing_allocates_nothing() {
    let info = measure(|| {
        assert!(Assembler::new(Vec::new()).next_frame(&mut &b"\xff\xff\xff\xffB"[..]).is_err());
        assert!(Assembler::new(Vec::new()).next_frame(&mut &b"\0\0\0\0"[..]).is_err());
        for payload in [&b""[..], b"x", b"a\0", b"a\0b"] {
            for code in 0..=u8::MAX {
                let frame = Frame::new(code, payload);
                _ = Command::parse(frame);
                _ = Response::parse(frame);
                _ = Command::parse_as(frame, Tolerance::LENIENT);
                _ = Response::parse_as(frame, Tolerance::LENIENT);
            }
        }
    });
    assert_eq!(info.count_total, 0);
}

#[test]
fn building_a_reply_and_writing_a_line_allocate_nothing() {
    let (code, status) = (ReplyCode::new(550).unwrap(), EnhancedCode::new(5, 7, 1));
    let frame = Frame::new(b'M', b"<a@b.c>\0SIZE=10\0");
    let info = measure(|| {
        let mut storage = [0; 256];
        let reply = ReplyText::write(code, status, [&b"100%"[..], b"go away"], &mut storage).unwrap();
        assert_eq!(reply.lines().map(|line| line.text().bytes().count()).sum::<usize>(), 11);
        let mut buffer = [0; 256];
        write!(&mut buffer[..], "{}", Line::new(Direction::ToFilter, frame)).unwrap();
        assert!(buffer.starts_with(b"> MAIL \"<a@b.c>\" \"SIZE=10\"\0"));
        write!(&mut buffer[..], "{}", Command::parse(Frame::new(b'L', b"x")).unwrap_err()).unwrap();
        assert!(buffer.starts_with(b"HEADER: name at offset 0"));
    });
    assert_eq!(info.count_total, 0);
}
