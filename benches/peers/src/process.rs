//! Servers as processes: started, watched, and ended by their number.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use std::os::unix::net::UnixStream;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::ClockId;
use nix::unistd::Pid;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(20);

/// A server that runs.
pub struct Process {
    child: Child,
    /// The socket that it listens at.
    pub path: PathBuf,
}

impl Process {
    /// Starts a server, and waits until it listens at `path`.
    ///
    /// # Errors
    /// If it does not start, or ends, or does not listen in time.
    pub fn start(mut command: Command, path: PathBuf) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        let mut process = Self { child, path };
        let start = Instant::now();
        while UnixStream::connect(&process.path).is_err() {
            if let Some(status) = process.child.try_wait()? {
                return Err(io::Error::other(format!("{name} ended: {status}")));
            }
            if start.elapsed() > START {
                return Err(io::Error::other(format!("{name} does not listen")));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(process)
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor time that it took, all threads together, those that ended as well.
    ///
    /// # Errors
    /// If it is gone.
    pub fn cpu(&self) -> io::Result<Duration> {
        let pid = Pid::from_raw(self.child.id().try_into().map_err(io::Error::other)?);
        Ok(ClockId::pid_cpu_clock_id(pid)?.now()?.into())
    }

    /// A size from its status, in KiB: `VmRSS`, or `VmHWM` for the most that it was.
    ///
    /// # Errors
    /// If there is no such size.
    pub fn size(&self, field: &str) -> io::Result<u64> {
        size_of(Path::new(&format!("/proc/{}/status", self.child.id())), field)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.path);
    }
}

/// A size in KiB from a file like `/proc/self/status`.
///
/// # Errors
/// If there is no such size.
pub fn size_of(status: &Path, field: &str) -> io::Result<u64> {
    let status = fs::read_to_string(status)?;
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(field)?.strip_prefix(':')?.split_whitespace().next());
    let value = value.and_then(|value| value.parse().ok());
    value.ok_or_else(|| io::Error::other(format!("no {field} in /proc")))
}

/// Binds this process, and those that it starts from now on, to the last processor that it may use.
///
/// # Errors
/// If the system does not allow it.
pub fn pin() -> io::Result<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rev().find(|&cpu| allowed.is_set(cpu).unwrap_or_default());
    let mut one = CpuSet::new();
    one.set(last.unwrap_or_default())?;
    Ok(sched_setaffinity(this, &one)?)
}
