//! What the servers here have in common: their command line, and what they say.

use std::env;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use milter_proto::mta::Sent;
use milter_proto::wire::{Assembler, Edit, Response};
use milter_proto::{MtaSession, mta};
use milter_proto_benches::workloads::{self, Script};

use crate::workload::Workload;

/// The arguments of a server.
pub struct Arguments {
    /// Where to listen.
    pub path: PathBuf,
    /// The workload that it is for.
    pub workload: Workload,
    /// How long each wait may take; without end if the last argument is `untimed`.
    pub timeout: Option<Duration>,
}

/// How long a server waits for its peer, if its command line does not say otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Arguments {
    /// Reads them.
    ///
    /// # Panics
    /// If they are something else.
    pub fn of_this_program() -> Self {
        let arguments = env::args().skip(1).collect::<Vec<_>>();
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        let (path, workload, timeout) = match *arguments {
            [path, workload] => (path, workload, Some(TIMEOUT)),
            [path, workload, "untimed"] => (path, workload, None),
            _ => panic!("usage: PROGRAM PATH WORKLOAD [untimed]"),
        };
        Self { path: path.into(), workload: workload.parse().expect("a workload"), timeout }
    }
}

/// What every filter here does to a message: two headers are added, one is changed.
pub fn edits() -> &'static [Edit<'static>] {
    static EDITS: LazyLock<Vec<Edit<'static>>> = LazyLock::new(|| {
        let edits = workloads::typical().responses.into_iter().filter_map(|response| match response {
            Response::Edit(edit) => Some(edit),
            _ => None,
        });
        edits.collect()
    });
    &EDITS
}

/// One turn of a conversation, for a server that only counts bytes.
pub struct Turn {
    /// Bytes to read before the answer.
    pub read: usize,
    /// The answer: none at the end.
    pub answer: Vec<u8>,
}

/// A conversation as a server sees it that knows it by heart.
///
/// # Panics
/// If the two halves of the script do not fit together.
pub fn turns(script: &Script) -> Vec<Turn> {
    let (mut session, mut assembler) =
        (MtaSession::with_policy(mta::Policy::POSTFIX), Assembler::new(Vec::new()));
    let mut responses = script.responses.iter();
    let mut turns = Vec::new();
    let mut read = 0;
    for command in &script.commands {
        if let Sent::Frame(frame) = session.send(*command).expect("a command in its order") {
            read += frame.len();
        }
        let mut answer = Vec::new();
        while let mta::Turn::Receive(_) = session.turn() {
            let start = answer.len();
            responses.next().expect("a response").encode().append_to(&mut answer);
            let reaction = session.next_event(&mut assembler, &mut &answer[start..]);
            assert!(reaction.is_ok_and(|reaction| reaction.is_some_and(is_plain)), "a clean response");
        }
        if !answer.is_empty() || session.turn() == mta::Turn::Closed {
            turns.push(Turn { read, answer });
            read = 0;
        }
    }
    turns
}

fn is_plain(reaction: mta::Event<'_>) -> bool {
    !matches!(reaction, mta::Event::Progress)
}
