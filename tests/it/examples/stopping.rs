//! Filter examples that are told to stop, and the sockets that they leave.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crate::support::example::example;
use crate::support::running::{CONTINUE, FILTERS, Filter, LOOPBACK, MAIL, OFFER, RCPT, say, socket};

#[test]
fn an_unknown_command_inside_of_a_message_does_not_let_it_be_cut() {
    for name in FILTERS {
        let filter = Filter::start(name, LOOPBACK, &[]);
        let mut stream = filter.connect();
        let mut idle = filter.connect();
        for stream in [&mut stream, &mut idle] {
            say(stream, OFFER, 17);
        }
        for command in [MAIL, RCPT, b"\0\0\0\x06UXFOO\0"] {
            assert_eq!(say(&mut stream, command, 5), CONTINUE);
        }
        filter.signal();
        // By then it knows.
        assert_eq!(idle.read(&mut [0]).unwrap(), 0);
        for command in [b"\0\0\0\x01T", b"\0\0\0\x01N", b"\0\0\0\x01E"] {
            assert_eq!(say(&mut stream, command, 5), CONTINUE, "{name}");
        }
        assert!(filter.wait().success());
    }
}

#[test]
fn a_filter_that_is_to_stop_does_not_begin_a_message_that_it_cuts() {
    for name in FILTERS {
        let filter = Filter::start(name, LOOPBACK, &[]);
        let mut streams: Vec<_> = (0..60).map(|_| filter.connect()).collect();
        for stream in &mut streams {
            say(stream, OFFER, 17);
        }
        let (early, late) = streams.split_at_mut(30);
        early.iter_mut().for_each(|stream| stream.write_all(MAIL).unwrap());
        filter.signal();
        late.iter_mut().for_each(|stream| _ = stream.write_all(MAIL));
        let mut reply = [0; 5];
        for mut stream in streams {
            // Nothing is said to MAIL, or the message has its time.
            if stream.read_exact(&mut reply).is_ok() {
                assert_eq!(say(&mut stream, RCPT, 5), CONTINUE, "{name}");
            }
        }
        assert!(filter.wait().success());
    }
}

#[test]
fn a_filter_ends_though_the_file_of_its_socket_is_gone() {
    for name in FILTERS {
        let path = socket(&format!("gone-{name}"));
        let filter = Filter::start(name, &format!("unix:{}", path.display()), &[]);
        fs::remove_file(&path).unwrap();
        assert!(filter.stop().success(), "{name}");
    }
}

#[test]
fn a_socket_of_somebody_else_is_left_alone() {
    for name in FILTERS {
        let path = socket(&format!("other-{name}"));
        let spec = format!("unix:{}", path.display());
        // One that is in use, though nobody can connect to it.
        let datagrams = UnixDatagram::bind(&path).unwrap();
        let output = example(name).args(["--listen", &spec]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(path.exists(), "{name}");
        drop(datagrams);
        fs::remove_file(&path).unwrap();
        // One that was made after its own was removed.
        let filter = Filter::start(name, &spec, &[]);
        fs::remove_file(&path).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        assert!(filter.stop().success(), "{name}");
        assert!(UnixStream::connect(&path).is_ok(), "{name}");
        // One that a process has left behind is in nobody's use.
        drop(listener);
        assert!(Filter::start(name, &spec, &[]).stop().success(), "{name}");
        assert!(!path.exists(), "{name}");
    }
}
