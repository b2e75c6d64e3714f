//! SIGINT and SIGTERM: a run ends early, but in order. A second signal ends the process at once.

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The longest time to wait for something without looking whether a signal came.
pub(crate) const LOOK_AFTER: Duration = Duration::from_millis(100);

/// The number of the signal that came, or 0.
static CAUGHT: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// A signal that ends the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal(u8);

/// Catches the signals from now on.
pub(crate) fn catch() -> io::Result<()> {
    let has_come = Arc::<AtomicBool>::default();
    for signal in [SIGINT, SIGTERM] {
        // They are done in this order.
        flag::register_conditional_default(signal, Arc::clone(&has_come))?;
        flag::register(signal, Arc::clone(&has_come))?;
        flag::register_usize(signal, Arc::clone(&CAUGHT), usize::try_from(signal).unwrap_or_default())?;
    }
    Ok(())
}

/// The signal that came, if one did.
pub(crate) fn caught() -> Option<Signal> {
    let number = CAUGHT.load(Ordering::SeqCst);
    u8::try_from(number).ok().filter(|number| *number > 0).map(Signal)
}

impl Signal {
    /// The exit status that shells show for a process that the signal ended.
    pub(crate) const fn exit_status(self) -> u8 {
        self.0.saturating_add(128)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match i32::from(self.0) {
            SIGINT => "SIGINT",
            SIGTERM => "SIGTERM",
            _ => "a signal",
        })
    }
}
