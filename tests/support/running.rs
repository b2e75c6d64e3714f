//! A filter example that runs.

use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::example::example;

/// An example that listens.
pub(crate) struct Filter {
    child: Child,
    pub(crate) spec: String,
}

impl Filter {
    pub(crate) fn start(name: &str, spec: &str, arguments: &[&str]) -> Self {
        let mut command = example(name);
        let command = command.args(["--listen", spec]).args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let spec = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, spec }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let (port, host) = self.spec.strip_prefix("inet:").unwrap().split_once('@').unwrap();
        let stream = TcpStream::connect((host, port.parse().unwrap())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub(crate) fn signal(&self) {
        let kill = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(kill.unwrap().success());
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
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

/// Writes, and reads as much as is expected.
pub(crate) fn say(stream: &mut TcpStream, bytes: &[u8], count: usize) -> Vec<u8> {
    stream.write_all(bytes).unwrap();
    let mut reply = vec![0; count];
    stream.read_exact(&mut reply).unwrap();
    reply
}
