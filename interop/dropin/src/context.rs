//! A connection: what a `SMFICTX *` stands for.
//!
//! A program gets a number in the place of a pointer. It is looked up in a table, so a number of a connection that is
//! over finds nothing, whoever uses it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use milter_proto::FilterSession;
use milter_proto::macros::MacroStore;
use milter_proto::wire::{Assembler, Edit, ListStage, MacroListsBuf, OutgoingFrame, Response, Text};
use nix::errno::Errno;
use nix::sys::socket::{Shutdown, setsockopt, shutdown, sockopt};
use nix::sys::time::TimeVal;
use nix::sys::uio::writev;

use crate::answers::Answers;
use crate::ffi::Filter;
use crate::law::Law;
use crate::library;

/// What stands in for the address of a `SMFICTX`. It is never 0, and no connection gets the number of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Handle(pub(crate) usize);

/// How long a connection keeps its thread while nothing comes, at least: the system counts in ticks of its clock. Most MTAs
/// have the next command ready by then.
const LINGER: Duration = Duration::from_millis(1);
/// Numbers are this far apart, so that they look like addresses, and reading from one fails at once.
const DISTANCE: usize = 16;

/// One connection with an MTA.
pub(crate) struct Context {
    pub(crate) handle: Handle,
    pub(crate) filter: Arc<Filter>,
    pub(crate) law: Law,
    pub(crate) debug: i32,
    pub(crate) socket: OwnedFd,
    timeout: Duration,
    /// What `smfi_setpriv` set.
    private: AtomicUsize,
    /// When the connection began to wait for the MTA, in seconds; 0 while it is served.
    waiting_since: AtomicU64,
    /// The frame that has not come whole. Only the thread that serves the connection needs it.
    pub(crate) assembler: Mutex<Assembler<Vec<u8>>>,
    state: Mutex<State>,
}

/// What functions use, from any thread. It is not locked during a callback.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) session: FilterSession,
    pub(crate) macros: MacroStore<Vec<u8>>,
    /// Most programs look up few macros, and many none.
    pub(crate) answers: Option<Box<Answers>>,
    /// What `smfi_setreply` left, without its NUL, until a verdict uses it.
    pub(crate) reply: Option<Vec<u8>>,
    /// What `smfi_setsymlist` set, in the order of `ListStage::ALL`.
    lists: Option<Box<Lists>>,
    /// The answer to OPTNEG.
    pub(crate) negotiation: Vec<u8>,
    /// A message was in progress when a reply could not be written.
    pub(crate) is_cut_off: bool,
    /// The abort callback is running.
    pub(crate) refuses_edits: bool,
}

/// A list of names for each stage.
type Lists = [Option<Vec<u8>>; ListStage::ALL.len()];

thread_local! {
    /// The connection that this thread serves.
    static SERVED: RefCell<Option<Arc<Context>>> = const { RefCell::new(None) };
}

static TABLE: RwLock<Option<HashMap<Handle, Arc<Context>>>> = RwLock::new(None);
static LAST: AtomicUsize = AtomicUsize::new(0);

/// The connection of a number, if it is not over.
pub(crate) fn find(handle: Handle) -> Option<Arc<Context>> {
    let served = SERVED.with_borrow(|served| served.as_ref().filter(|it| it.handle == handle).cloned());
    served.or_else(|| {
        let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
        table.as_ref()?.get(&handle).cloned()
    })
}

/// Every connection.
pub(crate) fn all() -> Vec<Arc<Context>> {
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    table.iter().flat_map(HashMap::values).cloned().collect()
}

/// Removes a connection: from now on its number finds nothing.
pub(crate) fn remove(handle: Handle) {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let removed = table.as_mut().and_then(|table| table.remove(&handle));
    drop(table);
    drop(removed);
}

/// Says which connection this thread serves while `serve` runs.
pub(crate) fn serving<T>(context: &Arc<Context>, serve: impl FnOnce() -> T) -> T {
    SERVED.set(Some(Arc::clone(context)));
    let served = serve();
    SERVED.set(None);
    served
}

impl Context {
    /// Puts a new connection into the table.
    pub(crate) fn begin(socket: OwnedFd, filter: &Arc<Filter>, settings: Settings) -> Arc<Self> {
        // A timeout of 0 would be none.
        let writing = time_of(settings.timeout.max(LINGER));
        let _ = setsockopt(&socket, sockopt::SendTimeout, &writing);
        let _ = setsockopt(&socket, sockopt::ReceiveTimeout, &time_of(LINGER));
        let number = LAST.fetch_add(DISTANCE, Ordering::Relaxed).wrapping_add(DISTANCE);
        let session = FilterSession::with_policy(settings.law.policy()).with_initial_steps(filter.declined());
        let context = Arc::new(Self {
            handle: Handle(number),
            filter: Arc::clone(filter),
            law: settings.law,
            debug: settings.debug,
            socket,
            timeout: settings.timeout,
            private: AtomicUsize::new(0),
            waiting_since: AtomicU64::new(now()),
            assembler: Mutex::new(Assembler::new(Vec::new())),
            state: Mutex::new(State {
                session,
                macros: MacroStore::new(Vec::new()),
                answers: None,
                reply: None,
                lists: None,
                negotiation: Vec::new(),
                is_cut_off: false,
                refuses_edits: false,
            }),
        });
        let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
        table.get_or_insert_default().insert(context.handle, Arc::clone(&context));
        context
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_private(&self, data: usize) {
        self.private.store(data, Ordering::Release);
    }

    pub(crate) fn private(&self) -> usize {
        self.private.load(Ordering::Acquire)
    }

    /// Writes a frame, and waits as long as the timeout of the socket allows. `false`: the MTA takes nothing more.
    pub(crate) fn write(&self, frame: &OutgoingFrame<'_>) -> bool {
        let mut slots = [IoSlice::new(&[]); OutgoingFrame::MAX_SEGMENTS];
        self.write_all(frame.io_slices(&mut slots))
    }

    pub(crate) fn write_all(&self, pieces: &mut [IoSlice<'_>]) -> bool {
        let mut rest = pieces;
        let mut has_begun = false;
        while !rest.is_empty() {
            match writev(&self.socket, rest) {
                Ok(count @ 1..) => {
                    has_begun = true;
                    IoSlice::advance_slices(&mut rest, count);
                }
                Err(Errno::EINTR) => {}
                Ok(0) | Err(_) => {
                    // The MTA would take whatever comes next for the rest of this frame.
                    if has_begun {
                        let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
                    }
                    return false;
                }
            }
        }
        true
    }

    pub(crate) fn begin_to_wait(&self) {
        self.waiting_since.store(now(), Ordering::Release);
    }

    pub(crate) fn begin_to_serve(&self) {
        self.waiting_since.store(0, Ordering::Release);
    }

    /// Ends the connection if the MTA has been silent for too long. The thread that finds the end does the rest.
    pub(crate) fn end_if_silent(&self) {
        let since = self.waiting_since.load(Ordering::Acquire);
        if since > 0 && now().saturating_sub(since) > self.timeout.as_secs() {
            let _ = shutdown(self.socket.as_raw_fd(), Shutdown::Both);
        }
    }

    // --- what functions do ---

    /// Sends an edit. `false`: not now, not negotiated, too long, or the MTA is gone.
    pub(crate) fn edit(&self, edit: Edit<'_>) -> bool {
        let mut state = self.state();
        if state.refuses_edits {
            return false;
        }
        state.session.set_limits(library::limits());
        state.session.send(edit).is_ok_and(|frame| self.write(&frame))
    }

    /// Sends PROGRESS at once.
    pub(crate) fn progress(&self) -> bool {
        self.state().session.send(Response::Progress).is_ok_and(|frame| self.write(&frame))
    }

    /// Sets the list of macros that is requested for a stage. `false`: there is one already, or no such stage.
    pub(crate) fn set_list(&self, stage: usize, names: &[u8]) -> bool {
        match self.state().lists.get_or_insert_default().get_mut(stage) {
            Some(list @ None) => {
                *list = Some(names.to_vec());
                true
            }
            _ => false,
        }
    }
}

impl AsFd for Context {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl State {
    /// The lists of macros that were set.
    pub(crate) fn requested_macros(&self) -> MacroListsBuf {
        let mut lists = MacroListsBuf::new();
        for ((stage, _), names) in ListStage::ALL.iter().zip(self.lists.iter().flat_map(|lists| lists.iter()))
        {
            if let Some(names) = names {
                lists.push(*stage, Text::new(names).unwrap_or_default());
            }
        }
        lists
    }
}

/// What a connection takes over from the library when it begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) law: Law,
    pub(crate) timeout: Duration,
    pub(crate) debug: i32,
}

/// What a socket takes as a timeout; one that is too long is none.
fn time_of(limit: Duration) -> TimeVal {
    let micros = i64::from(limit.subsec_micros());
    i64::try_from(limit.as_secs()).map_or(TimeVal::new(0, 0), |seconds| TimeVal::new(seconds, micros))
}

/// Seconds since the first call, and 1: never 0.
fn now() -> u64 {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_secs().saturating_add(1)
}
