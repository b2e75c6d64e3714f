//! Threads that serve connections.
//!
//! A connection that waits for its MTA has no thread. All idle threads wait for the same set of sockets, and each event
//! wakes one of them. A thread that is about to serve makes sure that another one waits.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::resource::{Resource, getrlimit};

use crate::context::{self, Context, Handle};
use crate::engine::{Next, Room};
use crate::library;
use crate::log::{self, Urgency};

/// How long a thread waits for work before it ends, if another one waits, too.
const PATIENCE_MS: u16 = 1_000;
/// Stack of a thread, where the system has no limit of its own: callbacks expect what libmilter gives them.
const STACK: usize = 8 * 1024 * 1024;

/// The threads, and the sockets that they wait for.
#[derive(Debug)]
pub(crate) struct Pool {
    sockets: Epoll,
    /// Threads that wait.
    idle: AtomicUsize,
    /// Threads that serve, and who waits for them to be done.
    busy: Mutex<usize>,
    is_quiet: Condvar,
    name: String,
}

impl Pool {
    pub(crate) fn new(name: &str) -> io::Result<Arc<Self>> {
        let sockets = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        if let Some(alarm) = library::alarm() {
            // No connection has the number 0. It wakes all threads when they are to end.
            sockets.add(alarm, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        }
        let (idle, busy, is_quiet) = (AtomicUsize::new(0), Mutex::new(0), Condvar::new());
        let pool = Arc::new(Self { sockets, idle, busy, is_quiet, name: name.to_owned() });
        pool.start_thread()?;
        Ok(pool)
    }

    /// Has a new connection served.
    pub(crate) fn add(&self, context: &Context) -> nix::Result<()> {
        self.sockets.add(context, interest(context.handle))
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let pool = Arc::clone(self);
        let stack = getrlimit(Resource::RLIMIT_STACK).ok().and_then(|limits| usize::try_from(limits.0).ok());
        let stack = stack.filter(|&bytes| bytes <= STACK.saturating_mul(16)).unwrap_or(STACK);
        // It counts as idle from here on, so that nobody starts a second one in its place.
        self.idle.fetch_add(1, Ordering::SeqCst);
        let started = thread::Builder::new().stack_size(stack).spawn(move || pool.work());
        if started.is_err() {
            self.idle.fetch_sub(1, Ordering::SeqCst);
        }
        started.map(drop)
    }

    /// What a thread does. It is counted as idle when it begins.
    fn work(self: &Arc<Self>) {
        let mut room = None;
        let mut events = [EpollEvent::empty()];
        loop {
            let found = self.sockets.wait(&mut events, EpollTimeout::from(PATIENCE_MS));
            let others = self.idle.fetch_sub(1, Ordering::SeqCst).saturating_sub(1);
            if library::is_stopping() {
                return;
            }
            match (found, events) {
                (Ok(1..), [event]) => {
                    if others == 0 {
                        if let Err(error) = self.start_thread() {
                            log::write(Urgency::Error, &self.name, format_args!("no thread: {error}"));
                        }
                    }
                    self.serve(event.data(), room.get_or_insert_with(Room::new));
                }
                // There is no work for so many threads.
                (Ok(_), _) if others > 0 => return,
                _ => room = None,
            }
            self.idle.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn serve(&self, number: u64, room: &mut Room) {
        let handle = usize::try_from(number).map(Handle);
        let Some(context) = handle.ok().and_then(context::find) else { return };
        self.count(1);
        context.begin_to_serve();
        // A fault of this library ends one connection, not the program.
        let serve = AssertUnwindSafe(|| context::serving(&context, || context.serve(room)));
        let next = catch_unwind(serve).unwrap_or(Next::Close);
        context.begin_to_wait();
        let is_waiting =
            next == Next::Wait && self.sockets.modify(&context, &mut interest(context.handle)).is_ok();
        if !is_waiting {
            context::remove(context.handle);
        }
        self.count(-1);
    }

    fn count(&self, change: isize) {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        *busy = busy.saturating_add_signed(change);
        if *busy == 0 {
            self.is_quiet.notify_all();
        }
    }

    /// Waits until no callback runs, but not for ever: programs free what callbacks use when `smfi_main` returns.
    pub(crate) fn wait_for_callbacks(&self, limit: Duration) {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.is_quiet.wait_timeout_while(busy, limit, |busy| *busy > 0));
    }
}

/// One event, when there is something to read or the MTA is gone.
fn interest(handle: Handle) -> EpollEvent {
    let number = u64::try_from(handle.0).unwrap_or_default();
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLONESHOT, number)
}
