//! A filter example that runs.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::example::example;

pub(crate) const FILTERS: [&str; 3] = ["filter_blocking", "filter_tokio", "filter_smol"];
pub(crate) const LOOPBACK: &str = "inet:0@127.0.0.1";

pub(crate) const OFFER: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
pub(crate) const MAIL: &[u8] = b"\0\0\0\x07M<a@b>\0";
pub(crate) const RCPT: &[u8] = b"\0\0\0\x07R<c@d>\0";
pub(crate) const CONTINUE: &[u8] = b"\0\0\0\x01c";

/// The limit for what should happen at once, on a machine that is busy.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(10);

/// An example that listens.
pub(crate) struct Filter {
    child: Child,
    pub(crate) spec: String,
    complaints: Arc<Mutex<String>>,
    /// Reads standard error to its end.
    listener: Option<JoinHandle<()>>,
}

impl Filter {
    pub(crate) fn start(name: &str, spec: &str, arguments: &[&str]) -> Self {
        Self::spawn(example(name).args(["--listen", spec]).args(arguments))
    }

    /// Starts an example whose first line is "listening on" and a socket: a spec, or an IP address and a port.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let complaints = Arc::<Mutex<String>>::default();
        let (heard, err) = (Arc::clone(&complaints), BufReader::new(child.stderr.take().unwrap()));
        let listener = thread::spawn(move || {
            err.lines().map_while(Result::ok).for_each(|line| *heard.lock().unwrap() += &line)
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let socket = line.trim().strip_prefix("listening on ").unwrap();
        let spec = match socket.parse::<SocketAddr>() {
            Ok(address) => format!("inet:{}@{}", address.port(), address.ip()),
            Err(_) => socket.to_owned(),
        };
        Self { child, spec, complaints, listener: Some(listener) }
    }

    /// The host and the port, with a colon between them.
    pub(crate) fn address(&self) -> String {
        let (port, host) = self.spec.strip_prefix("inet:").unwrap().split_once('@').unwrap();
        format!("{host}:{port}")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub(crate) fn signal(&self) {
        self.signal_with("-TERM");
    }

    pub(crate) fn signal_with(&self, signal: &str) {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// What is on standard error so far, without line ends.
    pub(crate) fn heard(&self) -> String {
        self.complaints.lock().unwrap().clone()
    }

    /// Waits until this text is on standard error.
    pub(crate) fn wait_to_hear(&self, text: &str) {
        self.wait_until(text, |heard| heard.contains(text));
    }

    /// Waits until this text is the last on standard error.
    pub(crate) fn wait_to_hear_last(&self, text: &str) {
        self.wait_until(text, |heard| heard.ends_with(text));
    }

    fn wait_until(&self, text: &str, is_heard: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !is_heard(&self.complaints.lock().unwrap()) {
            assert!(begun.elapsed() < AT_ONCE, "{text:?} is not in {:?}", self.complaints.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Stops it, and returns all of its standard error, without line ends.
    pub(crate) fn signal_and_hear(mut self) -> String {
        self.signal();
        assert!(self.child.wait().unwrap().success());
        self.listener.take().unwrap().join().unwrap();
        self.heard()
    }

    pub(crate) fn stop(self) -> ExitStatus {
        self.signal();
        self.wait()
    }
}

/// A test that fails leaves nothing behind.
impl Drop for Filter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program, and returns its status and its standard error. One that does not end in time is killed.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = child.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let mut said = String::new();
        err.read_to_string(&mut said).map(|_| said)
    });
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() && begun.elapsed() < limit {
        thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let status = child.wait().unwrap();
    (status.code(), reader.join().unwrap().unwrap())
}

/// Writes, and reads as much as is expected.
pub(crate) fn say(stream: &mut TcpStream, bytes: &[u8], count: usize) -> Vec<u8> {
    stream.write_all(bytes).unwrap();
    let mut reply = vec![0; count];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// A path for a socket. Not in the folder of the build: the path of a socket has a hundred bytes at most.
pub(crate) fn socket(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{name}-{}", std::process::id()))
}
