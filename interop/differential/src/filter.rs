//! A filter program that runs, and one connection with it at a time.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::observation::{Callback, Observation, Outcome};
use crate::rules::RuleSet;

/// Filters so far: each has a socket of its own.
static STARTS: AtomicU64 = AtomicU64::new(0);

/// Until when a connection is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// All is written and our half is closed; then to the end of the stream.
    End,
    /// All is written, and so many bytes and callbacks have come; then it is closed, and there are `end`
    /// callbacks in the end.
    Replies { bytes: usize, callbacks: usize, end: usize },
}

/// A running filter. It is ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Filter {
    child: Child,
    /// Its standard output: whatever it wrote before it closed a connection is here when that is seen.
    output: UnixStream,
    /// The beginning of a line that has not come whole.
    partial: Vec<u8>,
    socket: PathBuf,
    rules: &'static RuleSet,
    /// Connections so far.
    count: u64,
}

impl Filter {
    /// Starts a program with a rule set, and waits until it listens. Its files are in `folder`.
    pub(crate) fn start(
        command: &mut Command,
        label: &str,
        rules: &'static RuleSet,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let start = STARTS.fetch_add(1, Ordering::Relaxed);
        let socket = folder.join(format!("{start}.sock"));
        let body = folder.join("body").display().to_string();
        let (output, theirs) = UnixStream::pair()?;
        let errors = File::create(folder.join(format!("{}-{label}-{start}.err", rules.name)))?;
        let child = command
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .arg("--events")
            .args(rules.arguments.iter().map(|argument| argument.replace("{body}", &body)))
            .stdin(Stdio::null())
            .stdout(OwnedFd::from(theirs))
            .stderr(errors)
            .spawn()
            .with_context(|| format!("{} cannot be started", Path::new(command.get_program()).display()))?;
        let mut filter = Self { child, output, partial: Vec::new(), socket, rules, count: 0 };
        filter.wait_until_it_listens().with_context(|| {
            format!(
                "{} {}: see {}",
                Path::new(command.get_program()).display(),
                rules.arguments.join(" "),
                folder.display()
            )
        })?;
        Ok(filter)
    }

    fn wait_until_it_listens(&mut self) -> anyhow::Result<()> {
        self.output.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut line = String::new();
        BufReader::with_capacity(1, &self.output).read_line(&mut line)?;
        if !line.starts_with("listening on ") {
            bail!("it does not say that it listens, but {line:?}");
        }
        self.output.set_nonblocking(true)?;
        Ok(())
    }

    /// Opens a connection, writes, and takes note of everything that comes of it.
    pub(crate) fn converse(
        &mut self,
        writes: &[&[u8]],
        until: Until,
        limit: Duration,
    ) -> anyhow::Result<Observation> {
        let socket = UnixStream::connect(&self.socket)?;
        socket.set_nonblocking(true)?;
        self.count = self.count.saturating_add(1);
        let mut exchange = Exchange {
            socket: Some(socket),
            writes: writes.iter().rev().copied().collect(),
            is_open: true,
            replies: Vec::new(),
            lines: Vec::new(),
        };
        let deadline = Instant::now().checked_add(limit).context("the deadline is too far away")?;
        let outcome = loop {
            if let Some(outcome) = self.step(&mut exchange, until, deadline)? {
                break outcome;
            }
        };
        Ok(self.observation(exchange, outcome))
    }

    /// Waits for something to happen, and does what can be done then.
    fn step(
        &mut self,
        exchange: &mut Exchange<'_>,
        until: Until,
        deadline: Instant,
    ) -> anyhow::Result<Option<Outcome>> {
        exchange.leave(until);
        if let Some(outcome) = exchange.outcome(until) {
            return Ok(Some(outcome));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).context("the deadline is too far away")?;
        let mut watched = vec![PollFd::new(&self.output, PollFlags::IN)];
        if let Some(socket) = &exchange.socket {
            let writes = if exchange.writes.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            watched.push(PollFd::new(socket, PollFlags::IN | writes));
        }
        if poll(&mut watched, Some(&timeout))? == 0 {
            return Ok(Some(Outcome::Silent));
        }
        exchange.write()?;
        exchange.read()?;
        if self.read_lines(exchange)? {
            return Ok(None);
        }
        Ok(Some(Outcome::Died(self.child.wait()?.to_string())))
    }

    /// Reads the lines that are there. `false`: the program has ended.
    fn read_lines(&mut self, exchange: &mut Exchange<'_>) -> anyhow::Result<bool> {
        let mut buffer = [0; 65_536];
        loop {
            match self.output.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => self.partial.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.partial.drain(..=end).collect();
                exchange.lines.push(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
            }
        }
    }

    fn observation(&self, exchange: Exchange<'_>, outcome: Outcome) -> Observation {
        let mut observation = Observation { replies: exchange.replies, callbacks: Vec::new(), outcome };
        for line in exchange.lines {
            match Callback::read(&line, self.rules) {
                Some((number, callback)) if number == self.count => observation.callbacks.push(callback),
                _ => {
                    let what = format!("connection {} has the line {line:?}", self.count);
                    observation.outcome = Outcome::Muddled(what);
                    break;
                }
            }
        }
        observation
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One connection.
struct Exchange<'w> {
    /// `None`: it is closed, by one side or the other.
    socket: Option<UnixStream>,
    /// What is still to be written, the next one last.
    writes: Vec<&'w [u8]>,
    /// Our half is open.
    is_open: bool,
    replies: Vec<u8>,
    lines: Vec<String>,
}

impl Exchange<'_> {
    /// Writes once.
    fn write(&mut self) -> anyhow::Result<()> {
        let (Some(mut socket), Some(next)) = (self.socket.as_ref(), self.writes.last_mut()) else {
            return Ok(());
        };
        match socket.write(next) {
            Ok(count) => *next = next.get(count..).unwrap_or_default(),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) if has_gone(&error) => self.writes.clear(),
            Err(error) => return Err(error.into()),
        }
        if self.writes.last().is_some_and(|next| next.is_empty()) {
            self.writes.pop();
            // The other side gets a chance to see the cut.
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Reads what is there.
    fn read(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 65_536];
        while let Some(mut socket) = self.socket.as_ref() {
            match socket.read(&mut buffer) {
                Ok(0) => self.socket = None,
                Ok(count) => self.replies.extend(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It closed without having read everything. What it wrote before was read.
                Err(error) if has_gone(&error) => self.socket = None,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Closes what is to be closed once everything is written, and read.
    fn leave(&mut self, until: Until) {
        if !self.writes.is_empty() {
            return;
        }
        match until {
            Until::End if self.is_open => {
                self.is_open = false;
                // The filter may have closed before.
                let _ = self.socket.as_ref().map(|socket| socket.shutdown(Shutdown::Write));
            }
            Until::Replies { bytes, callbacks, .. }
                if self.replies.len() >= bytes && self.lines.len() >= callbacks =>
            {
                self.socket = None;
            }
            Until::End | Until::Replies { .. } => {}
        }
    }

    /// Closed, if nothing can follow: a filter says all before it closes, and the end last.
    fn outcome(&self, until: Until) -> Option<Outcome> {
        let ends = |line: &String| line.split(' ').nth(1) == Some("close");
        let is_told = match until {
            Until::End => self.lines.last().is_some_and(ends),
            Until::Replies { end, .. } => self.lines.len() >= end,
        };
        (self.socket.is_none() && is_told).then_some(Outcome::Closed)
    }
}

fn has_gone(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}
