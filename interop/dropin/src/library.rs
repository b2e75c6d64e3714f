//! What is set before `smfi_main`, and starting and stopping.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use milter_proto::Limits;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{SigSet, Signal};
use std::os::fd::AsFd;

use crate::context::{self, Context, Settings};
use crate::ffi::{self, Filter};
use crate::law::Law;
use crate::listener::Listener;
use crate::log::{self, Urgency};
use crate::pool::Pool;
use crate::spec;

/// libmilter's timeout for an MTA that says nothing, or takes nothing.
const TIMEOUT: i32 = 7210;
/// Bytes of a payload.
const DATA_SIZE: usize = 65_535;
/// How often silent connections are looked for.
const ROUND: Duration = Duration::from_secs(5);
/// How long `smfi_main` waits for callbacks that run when it is to return.
const GRACE: Duration = Duration::from_secs(5);
/// Errors of one kind in a row after which `smfi_main` gives up.
const MOST_ERRORS: u32 = 16;

/// What the functions without a context set.
#[derive(Debug)]
struct Registry {
    filter: Option<Arc<Filter>>,
    spec: Option<Vec<u8>>,
    backlog: i32,
    timeout: i32,
    debug: i32,
    listener: Option<Arc<Listener>>,
}

static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    filter: None,
    spec: None,
    backlog: libc::SOMAXCONN,
    timeout: TIMEOUT,
    debug: 0,
    listener: None,
});
static DATA: AtomicUsize = AtomicUsize::new(DATA_SIZE);
static STOP: AtomicU8 = AtomicU8::new(0);

/// How the filter is to stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stop {
    /// SIGTERM, SIGHUP, `smfi_stop`: no new connections.
    Terminate = 1,
    /// SIGINT, or an error of the listener: conversations are ended, too.
    Abort = 2,
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers a filter. `false`: it was made for a version that this library is not.
pub(crate) fn register(filter: Filter) -> bool {
    let is_known = filter.has_known_version();
    if !is_known {
        let message = format_args!("version {:#x} is not that of this library", filter.version);
        log::write(Urgency::Error, &filter.name, message);
    }
    registry().filter = Some(Arc::new(filter));
    is_known
}

/// `false`: there is no text.
pub(crate) fn set_spec(spec: &[u8]) -> bool {
    if spec.is_empty() {
        return false;
    }
    registry().spec = Some(spec.to_vec());
    true
}

/// `false`: it is no size.
pub(crate) fn set_backlog(backlog: i32) -> bool {
    if backlog <= 0 {
        return false;
    }
    registry().backlog = backlog;
    true
}

/// In seconds.
pub(crate) fn set_timeout(timeout: i32) {
    registry().timeout = timeout;
}

pub(crate) fn set_debug(level: i32) {
    registry().debug = level;
}

/// Sets the most bytes of a payload, and returns what was set before.
pub(crate) fn set_data_size(bytes: usize) -> usize {
    DATA.swap(bytes, Ordering::Relaxed)
}

/// The same limit in both directions, as it is set now.
pub(crate) fn limits() -> Limits {
    // The largest number would stand for what was negotiated.
    let most = u32::MAX.saturating_sub(1);
    let bytes = u32::try_from(DATA.load(Ordering::Relaxed)).unwrap_or(most).min(most);
    Limits::DEFAULT.with_max_receive_payload(bytes).with_max_send_payload(bytes)
}

pub(crate) fn is_stopping() -> bool {
    STOP.load(Ordering::Acquire) > 0
}

pub(crate) fn is_aborting() -> bool {
    STOP.load(Ordering::Acquire) > 1
}

/// Opens the socket, unless it is open.
pub(crate) fn open_socket(removes_old: bool) -> bool {
    let mut registry = registry();
    let (Some(filter), Some(spec)) = (registry.filter.clone(), registry.spec.clone()) else { return false };
    if registry.listener.is_some() {
        return true;
    }
    let shown = String::from_utf8_lossy(&spec);
    if registry.debug > 0 {
        log::write(Urgency::Debug, &filter.name, format_args!("opens the socket {shown}"));
    }
    let opened = spec::parse(&spec).map_err(|error| error.to_string()).and_then(|address| {
        Listener::open(&address, registry.backlog, removes_old).map_err(|error| error.to_string())
    });
    match opened {
        Ok(listener) => {
            registry.listener = Some(Arc::new(listener));
            true
        }
        Err(error) => {
            log::write(Urgency::Error, &filter.name, format_args!("cannot listen on {shown}: {error}"));
            false
        }
    }
}

/// Stops accepting connections, closes the socket, and has `smfi_main` return.
pub(crate) fn stop(how: Stop) {
    let level = match how {
        Stop::Terminate => 1,
        Stop::Abort => 2,
    };
    STOP.fetch_max(level, Ordering::AcqRel);
    // Whoever accepts drops it last, which closes it.
    drop(registry().listener.take());
    if let Some(alarm) = alarm() {
        let _ = alarm.write(1);
    }
}

/// Becomes readable when the filter is to stop.
pub(crate) fn alarm() -> Option<&'static EventFd> {
    static ALARM: OnceLock<Option<EventFd>> = OnceLock::new();
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    ALARM.get_or_init(|| EventFd::from_value_and_flags(0, flags).ok()).as_ref()
}

/// Serves MTAs until it is stopped. `false`: it could not.
pub(crate) fn main() -> bool {
    ffi::ignore_broken_pipes();
    let (filter, settings) = {
        let registry = registry();
        let Some(filter) = registry.filter.clone() else { return false };
        if registry.spec.is_none() {
            log::write(Urgency::Error, &filter.name, format_args!("no socket was set with smfi_setconn"));
            return false;
        }
        let law = match Law::chosen() {
            Ok(law) => law,
            Err(error) => {
                log::write(Urgency::Error, &filter.name, format_args!("{error}"));
                return false;
            }
        };
        let seconds = u64::try_from(registry.timeout).ok();
        let timeout = seconds.map_or(Duration::MAX, Duration::from_secs);
        (filter, Settings { law, timeout, debug: registry.debug })
    };
    if let Err(error) = listen_to_signals(&filter.name) {
        log::write(Urgency::Error, &filter.name, format_args!("cannot wait for signals: {error}"));
        return false;
    }
    if !open_socket(false) {
        return false;
    }
    let Some(listener) = registry().listener.clone() else { return true };
    let pool = match Pool::new(&filter.name) {
        Ok(pool) => pool,
        Err(error) => {
            log::write(Urgency::Error, &filter.name, format_args!("cannot start threads: {error}"));
            return false;
        }
    };
    let is_good = accept(&listener, &pool, &filter, settings);
    drop(listener);
    // The socket is closed also where the filter was stopped before it was opened.
    stop(if is_good { Stop::Terminate } else { Stop::Abort });
    let how = if is_aborting() { "aborts" } else { "stops" };
    log::write(Urgency::Info, &filter.name, format_args!("{how}"));
    pool.wait_for_callbacks(GRACE);
    is_good
}

/// Accepts connections until the filter is stopped. `false`: the socket fails.
fn accept(listener: &Listener, pool: &Pool, filter: &Arc<Filter>, settings: Settings) -> bool {
    let round = settings.timeout.min(ROUND).max(Duration::from_secs(1));
    let round = PollTimeout::try_from(round).unwrap_or(PollTimeout::MAX);
    let mut errors = 0_u32;
    let mut last_look = Instant::now();
    while !is_stopping() {
        let Some(alarm) = alarm() else { return false };
        let mut sockets =
            [PollFd::new(listener.as_fd(), PollFlags::POLLIN), PollFd::new(alarm.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut sockets, round);
        if is_stopping() {
            break;
        }
        if last_look.elapsed() >= ROUND.min(settings.timeout) {
            last_look = Instant::now();
            context::all().iter().for_each(|context| context.end_if_silent());
        }
        match listener.accept() {
            Ok(socket) => {
                errors = 0;
                let context = Context::begin(socket, filter, settings);
                if let Err(error) = pool.add(&context) {
                    log::write(Urgency::Error, &filter.name, format_args!("cannot serve: {error}"));
                    context::remove(context.handle);
                }
            }
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNABORTED) => {}
            // There is room again when a connection ends.
            Err(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
                thread::sleep(Duration::from_millis(100));
            }
            Err(error) => {
                errors = errors.saturating_add(1);
                log::write(Urgency::Error, &filter.name, format_args!("cannot accept: {error}"));
                if errors >= MOST_ERRORS {
                    return false;
                }
                thread::sleep(Duration::from_secs(u64::from(errors)));
            }
        }
    }
    true
}

/// Blocks SIGHUP, SIGTERM and SIGINT in this thread and all that follow, and waits for them in one of its own.
fn listen_to_signals(name: &str) -> std::io::Result<()> {
    let mut signals = SigSet::empty();
    signals.extend([Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT]);
    signals.thread_block()?;
    let name = name.to_owned();
    let wait = move || match signals.wait() {
        Ok(Signal::SIGINT) => stop(Stop::Abort),
        Ok(_) => stop(Stop::Terminate),
        Err(error) => {
            log::write(Urgency::Error, &name, format_args!("cannot wait for signals: {error}"));
            stop(Stop::Abort);
        }
    };
    thread::Builder::new().spawn(wait).map(drop)
}
