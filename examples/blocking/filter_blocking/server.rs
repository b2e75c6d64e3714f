//! Threads for connections: not too many, and an end that lets messages in progress finish.

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::collections::HashMap;
use std::io::{Write, stdout};
use std::net::Shutdown;
use std::panic::catch_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::support::failure::Failure;
use crate::support::pool::Pool;
use crate::support::rules::Stopping;
use crate::support::spec::{Listening, Socket, Spec};
use crate::support::tap::Tap;

/// Stack of a connection's thread: what a rule needs, with room to spare.
const STACK: usize = 256 * 1024;
/// How long to wait when the system is out of sockets or threads.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket, and the connections that came of it.
#[derive(Debug)]
pub(crate) struct Server {
    spec: Spec,
    most: usize,
    grace: Duration,
    pool: Pool,
    state: Mutex<State>,
    /// A connection ended, or the server is to stop.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_stopping: bool,
    /// All connections are being cut off.
    is_cut: bool,
    last: u64,
    open: HashMap<u64, Open>,
}

#[derive(Debug)]
struct Open {
    socket: Arc<Socket>,
    /// No message is in progress, and the thread waits for the next command.
    is_idle: bool,
}

/// One connection, as its thread has it.
#[derive(Debug)]
pub(crate) struct Connection<'s> {
    pub(crate) socket: &'s Socket,
    pub(crate) pool: &'s Pool,
    pub(crate) number: u64,
    server: &'s Server,
}

impl Connection<'_> {
    /// Says whether it waits between messages, where it may be ended. `false`: it is to end now, and what came
    /// while it waited is not answered.
    pub(crate) fn set_idle(&self, is_idle: bool) -> bool {
        let mut state = self.server.state();
        if let Some(open) = state.open.get_mut(&self.number) {
            open.is_idle = is_idle;
        }
        !state.is_stopping
    }

    /// Waits, or returns earlier if the connection is cut off.
    pub(crate) fn pause(&self, time: Duration) {
        let is_open = |state: &mut State| !state.is_cut;
        let waited = self.server.changed.wait_timeout_while(self.server.state(), time, is_open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Server {
    pub(crate) fn new(spec: Spec, most: usize, grace: Duration) -> Self {
        let (pool, state, changed) = (Pool::default(), Mutex::default(), Condvar::new());
        Self { spec, most, grace, pool, state, changed }
    }

    /// Serves until SIGTERM or SIGINT comes, each connection in a thread of its own.
    pub(crate) fn run<F>(&self, serve: &F) -> Result<(), Failure>
    where
        F: Fn(&Connection<'_>) -> Result<(), Failure> + Sync,
    {
        let failed = |error| Failure::Listen(self.spec.to_string(), error);
        let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(Failure::Signals)?;
        let listening = self.spec.listen().map_err(failed)?;
        let waker = listening.waker().map_err(failed)?;
        let spec = listening.spec();
        let _ = writeln!(stdout(), "listening on {spec}");
        let no_more_signals = signals.handle();
        thread::scope(|scope| {
            let listen_to_signals = || {
                let mut signals = signals.forever();
                if signals.next().is_none() {
                    return;
                }
                Tap::note(0, &Stopping(self.grace));
                self.stop();
                // `accept` returns, and sees that it was the last time. Systems that do not shut a listening socket
                // down are woken by a connection, for which dropping it leaves a descriptor.
                if waker.shutdown(Shutdown::Both).is_err() {
                    drop(waker);
                    let _ = spec.connect(PAUSE);
                }
                if signals.next().is_some() {
                    self.cut();
                }
            };
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, listen_to_signals) {
                return Err(Failure::Spawn(error));
            }
            while let Some((number, socket)) = self.next(&listening) {
                let attend = move || self.attend(number, &socket, serve);
                if let Err(error) = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, attend) {
                    Tap::note(number, &error);
                    self.forget(number);
                    thread::sleep(PAUSE);
                }
            }
            // Who connects now is refused, and goes elsewhere.
            drop(listening);
            self.drain();
            no_more_signals.close();
            Ok(())
        })
    }

    /// Waits for a connection, and before that for one to end if there are too many.
    fn next(&self, listening: &Listening) -> Option<(u64, Arc<Socket>)> {
        loop {
            let has_room = |state: &mut State| state.open.len() >= self.most && !state.is_stopping;
            drop(self.changed.wait_while(self.state(), has_room).unwrap_or_else(PoisonError::into_inner));
            let socket = match listening.accept() {
                Ok(socket) => Arc::new(socket),
                Err(_) if self.state().is_stopping => return None,
                Err(error) => {
                    Tap::note(0, &error);
                    thread::sleep(PAUSE);
                    continue;
                }
            };
            let mut state = self.state();
            if state.is_stopping {
                return None;
            }
            state.last = state.last.wrapping_add(1);
            let number = state.last;
            state.open.insert(number, Open { socket: Arc::clone(&socket), is_idle: false });
            return Some((number, socket));
        }
    }

    fn attend<F>(&self, number: u64, socket: &Socket, serve: &F)
    where
        F: Fn(&Connection<'_>) -> Result<(), Failure>,
    {
        let connection = Connection { socket, pool: &self.pool, number, server: self };
        // A handler that panics frees its slot and its socket like any other.
        let result = catch_unwind(AssertUnwindSafe(|| serve(&connection)));
        if let Err(failure) = result.unwrap_or(Err(Failure::Thread)) {
            Tap::note(number, &failure);
        }
        self.forget(number);
    }

    fn forget(&self, number: u64) {
        let mut state = self.state();
        // Somebody waits only in these two cases, and to wake nobody costs a system call, too.
        let is_awaited = state.is_stopping || state.open.len() >= self.most;
        state.open.remove(&number);
        drop(state);
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// Accepts nothing more, and ends what is idle.
    fn stop(&self) {
        let mut state = self.state();
        state.is_stopping = true;
        for open in state.open.values().filter(|open| open.is_idle) {
            let _ = open.socket.shutdown(Shutdown::Read);
        }
        self.changed.notify_all();
    }

    /// Waits for the messages in progress, and cuts off those that take too long.
    fn drain(&self) {
        let is_busy = |state: &mut State| !state.open.is_empty() && !state.is_cut;
        drop(self.changed.wait_timeout_while(self.state(), self.grace, is_busy));
        self.cut();
    }

    /// Ends every connection, even within a message.
    fn cut(&self) {
        let mut state = self.state();
        state.is_cut = true;
        for open in state.open.values() {
            let _ = open.socket.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
