//! The filter under test as a process, started again when it dies.

use core::time::Duration;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::signals;
use crate::spec::Spec;

/// How long a filter may take until it accepts connections.
const START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// A shell command that is running.
#[derive(Debug)]
pub(crate) struct Program {
    command: String,
    child: Child,
}

impl Program {
    /// Starts the program, and waits until it accepts connections.
    pub(crate) fn start(command: &str, spec: &Spec) -> io::Result<Self> {
        let mut program = Self { command: command.to_owned(), child: spawn(command)? };
        program.wait_for(spec)?;
        Ok(program)
    }

    /// Ends the program if it still runs, and starts it again.
    pub(crate) fn restart(&mut self, spec: &Spec) -> io::Result<()> {
        self.end();
        self.child = spawn(&self.command)?;
        self.wait_for(spec)
    }

    fn wait_for(&mut self, spec: &Spec) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("{}: it ended with {status}", self.command)));
            }
            match spec.connect(START) {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > START || signals::caught().is_some() => return Err(error),
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }

    fn end(&mut self) {
        // It may have ended already.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

/// In a process group of its own, so that what the shell starts ends with it.
fn spawn(command: &str) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", command])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}
