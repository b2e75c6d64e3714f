//! Bodies in chunks: a new one, which has at least one, and one that is read from a file.

use milter_proto::wire::{Chunks, DataSize};

// BDY-2 to BDY-4.
#[test]
fn a_new_body_has_at_least_one_chunk_and_is_cut_as_any_other() {
    for size in [DataSize::Kib64, DataSize::Kib256, DataSize::Mib1] {
        let room = usize::try_from(size.bytes()).unwrap();
        for len in [0, 1, 2, room - 1, room, room + 1, 2 * room, 2 * room + 1] {
            let body = vec![b'x'; len];
            let chunks: Vec<&[u8]> = Chunks::replacement(&body, size).collect();
            assert_eq!(chunks.len(), len.div_ceil(room).max(1), "{len} bytes");
            assert_eq!(chunks.concat(), body);
            let mut left = Chunks::replacement(&body, size);
            for taken in 0..=chunks.len() {
                assert_eq!(left.len(), chunks.len() - taken, "{len} bytes, {taken} taken");
                assert_eq!(left.next(), chunks.get(taken).copied());
            }
            assert_eq!((left.next(), left.len()), (None, 0), "the end stays the end");
            if len > 0 {
                assert!(Chunks::new(&body, size).eq(chunks), "{len} bytes");
            }
        }
    }
    assert_eq!(Chunks::replacement(b"", DataSize::Kib64).collect::<Vec<_>>(), [b""]);
}

#[cfg(feature = "std")]
#[expect(clippy::std_instead_of_alloc, reason = "a test has std")]
mod read {
    use std::collections::VecDeque;
    use std::io::{self, ErrorKind, Read};

    use milter_proto::wire::fill_chunk;

    /// A reader that does what it is told, one step for each read; after the last one, the end.
    struct Scripted(VecDeque<Step>);

    #[derive(Clone, Copy)]
    enum Step {
        /// Gives these bytes, as far as there is room.
        Give(&'static [u8]),
        Fail(ErrorKind),
        /// Claims to have filled more than there was room for.
        Boast,
    }

    impl Read for Scripted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            assert!(!buffer.is_empty(), "nobody reads into no room");
            match self.0.pop_front() {
                None => Ok(0),
                Some(Step::Give(bytes)) => {
                    let (now, later) = bytes.split_at(bytes.len().min(buffer.len()));
                    buffer[..now.len()].copy_from_slice(now);
                    if !later.is_empty() {
                        self.0.push_front(Step::Give(later));
                    }
                    Ok(now.len())
                }
                Some(Step::Fail(kind)) => Err(kind.into()),
                Some(Step::Boast) => Ok(usize::MAX),
            }
        }
    }

    use Step::{Boast, Fail, Give};

    #[test]
    #[expect(clippy::type_complexity, reason = "steps, the size of the buffer, and the chunks")]
    fn a_chunk_is_filled_by_short_and_interrupted_reads() {
        let rows: [(&[Step], usize, &[&[u8]]); 8] = [
            (&[], 4, &[b""]),
            (&[Give(b"abcdef")], 4, &[b"abcd", b"ef", b""]),
            (&[Give(b"a"), Give(b"b"), Give(b"c")], 4, &[b"abc", b""]),
            (&[Give(b"abcd")], 4, &[b"abcd", b""]),
            (
                &[Fail(ErrorKind::Interrupted), Give(b"ab"), Fail(ErrorKind::Interrupted), Give(b"cd")],
                4,
                &[b"abcd"],
            ),
            (&[Give(b"ab"), Fail(ErrorKind::Interrupted)], 4, &[b"ab", b""]),
            (&[Give(b"ab"), Boast, Give(b"ef")], 4, &[b"ab\0\0", b"ef", b""]),
            (&[Give(b"abc")], 1, &[b"a", b"b", b"c", b""]),
        ];
        for (row, (steps, size, expected)) in rows.into_iter().enumerate() {
            let mut reader = Scripted(steps.iter().copied().collect());
            for chunk in expected {
                let mut buffer = vec![0; size];
                assert_eq!(fill_chunk(&mut reader, &mut buffer).unwrap(), *chunk, "row {row}");
            }
        }
    }

    #[test]
    fn an_error_of_the_reader_is_returned() {
        for kind in [ErrorKind::WouldBlock, ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof] {
            let mut reader = Scripted([Give(b"ab"), Fail(kind), Give(b"cd")].into());
            assert_eq!(fill_chunk(&mut reader, &mut [0; 4]).unwrap_err().kind(), kind);
            assert_eq!(fill_chunk(&mut reader, &mut [0; 4]).unwrap(), b"cd", "what was read before is lost");
        }
    }

    #[test]
    fn a_chunk_is_the_front_of_the_buffer_and_nothing_is_copied() {
        let mut buffer = [0; 8];
        let front = buffer.as_ptr();
        let mut reader: &mut dyn Read = &mut &b"abc"[..];
        let chunk = fill_chunk(&mut reader, &mut buffer).unwrap();
        assert_eq!((chunk.as_ptr(), chunk), (front, &b"abc"[..]));
        let error = fill_chunk(&mut &b"abc"[..], &mut []).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "an empty chunk would end the body");
    }
}
