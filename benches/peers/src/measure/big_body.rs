//! One message with a huge body, through both roles, in memory that stays the same.

use std::env;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::Effort;
use crate::servers::SERVERS;
use crate::workload::Workload;

/// One row.
pub struct BigBody {
    /// The filter.
    pub server: &'static str,
    /// Bytes of the body.
    pub bytes: u64,
    /// KiB that the filter had at most.
    pub filter: u64,
    /// KiB that the MTA had at most.
    pub mta: u64,
    /// Seconds of processor time that the filter took.
    pub cpu: f64,
    /// Seconds from begin to end.
    pub wall: f64,
}

/// Measures the servers of milter-proto. The MTA is a process of its own, so that its memory is, too.
///
/// # Errors
/// If one fails.
pub fn run(folder: &Path, effort: Effort) -> io::Result<Vec<BigBody>> {
    let bytes = effort.pick(2 << 30, 256 << 20);
    let rows = SERVERS.iter().filter(|server| server.is_ours).map(|server| {
        let process = server.start(Workload::Typical, folder)?;
        let (cpu, start) = (process.cpu()?, Instant::now());
        let mut command = Command::new(env::current_exe()?.with_file_name("big_body"));
        let output = command.arg(&process.path).arg(bytes.to_string()).output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("big_body: {said}")));
        }
        let mta = String::from_utf8_lossy(&output.stdout).trim().parse().map_err(io::Error::other)?;
        Ok(BigBody {
            server: server.name,
            bytes,
            filter: process.size("VmHWM")?,
            mta,
            cpu: (process.cpu()? - cpu).as_secs_f64(),
            wall: start.elapsed().as_secs_f64(),
        })
    });
    rows.collect()
}
