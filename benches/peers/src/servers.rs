//! The servers that are compared, and how each is started.

use std::env;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use milter_proto::wire::Edit;

use crate::process::Process;
use crate::server::edits;
use crate::workload::Workload;

/// A server.
#[derive(Debug)]
pub struct Server {
    /// Its name in the tables.
    pub name: &'static str,
    /// Where the program is, from the folder of this one.
    program: &'static str,
    /// The server with the same I/O that parses nothing.
    pub null: &'static str,
    /// It parses what it reads.
    pub parses: bool,
    /// One of the example programs of milter-proto, with a command line of their own.
    pub is_ours: bool,
    /// What its command line has beside the socket and the workload.
    more: &'static [&'static str],
    /// Whether it can leave headers without a reply.
    can_be_silent: bool,
    /// Sessions at the same time that are measured. libmilter looks at all of them for each event.
    pub most_sessions: usize,
    /// A folder with a library that is used in the place of the system's.
    library: Option<&'static str>,
}

/// All of them; those that parse nothing come first.
pub const SERVERS: [Server; 11] = {
    const THREADS: &str = "null, threads";
    const TOKIO: &str = "null, tokio";
    const MOST: usize = 5000;
    const fn row(name: &'static str, program: &'static str, null: &'static str) -> Server {
        let (parses, is_ours, can_be_silent) = (true, false, true);
        Server {
            name,
            program,
            null,
            parses,
            is_ours,
            more: &[],
            can_be_silent,
            library: None,
            most_sessions: 0,
        }
    }
    const fn null(name: &'static str, program: &'static str, null: &'static str) -> Server {
        Server { parses: false, ..row(name, program, null) }
    }
    const UNTIMED: &[&str] = &["untimed"];
    [
        Server { most_sessions: MOST, ..null(THREADS, "null_threads", THREADS) },
        Server { most_sessions: MOST, ..null(TOKIO, "null_tokio", TOKIO) },
        Server { more: UNTIMED, ..null("null, threads, untimed", "null_threads", THREADS) },
        Server { more: UNTIMED, ..null("null, tokio, untimed", "null_tokio", TOKIO) },
        Server {
            is_ours: true,
            most_sessions: MOST,
            ..row("filter_blocking", "examples/filter_blocking", THREADS)
        },
        Server { is_ours: true, most_sessions: MOST, ..row("filter_tokio", "examples/filter_tokio", TOKIO) },
        Server { most_sessions: 1000, ..row("libmilter", "libmilter", THREADS) },
        Server {
            most_sessions: 1000,
            library: Some("interop/dropin/target/lib"),
            ..row("drop-in", "libmilter", THREADS)
        },
        Server { can_be_silent: false, ..row("miltr-server", "miltr", TOKIO) },
        row("indymilter", "indymilter", TOKIO),
        row("go-milter", "gomilter", TOKIO),
    ]
};

impl Server {
    /// Whether it can do what a workload asks for.
    pub fn can(&self, workload: Workload) -> bool {
        workload != Workload::ManyHeadersNoReply || self.can_be_silent
    }

    /// Starts it with a socket in `folder`.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn start(&self, workload: Workload, folder: &Path) -> io::Result<Process> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{}-{number}", self.program.replace('/', "-")));
        let mut command = Command::new("setpriv");
        if let Some(library) = self.library {
            command.env("LD_LIBRARY_PATH", library);
        }
        // Whatever becomes of this program, its servers end with it.
        command.args(["--pdeathsig", "KILL"]).arg(env::current_exe()?.with_file_name(self.program));
        if self.is_ours {
            command.arg("--listen").arg(format!("unix:{}", path.display())).args(options(workload));
        } else {
            command.arg(&path).arg(workload.to_string()).args(self.more);
        }
        Process::start(command, path)
    }
}

/// What makes the examples say what the script has.
fn options(workload: Workload) -> Vec<String> {
    let mut options = ["--connections", "10000", "--at", "eom=accept"].map(String::from).to_vec();
    for edit in edits() {
        options.extend(match edit {
            Edit::AddHeader { name, value } => [
                "--add-header".to_owned(),
                format!("{}={}", name.as_bytes().escape_ascii(), value.as_bytes().escape_ascii()),
            ],
            Edit::ChangeHeader { index, name, value } => [
                "--change-header".to_owned(),
                format!("{index}:{}={}", name.as_bytes().escape_ascii(), value.as_bytes().escape_ascii()),
            ],
            _ => panic!("the script has no {edit:?}"),
        });
    }
    if workload == Workload::ManyHeadersNoReply {
        options.extend(["--no-reply", "header"].map(String::from));
    }
    options
}
