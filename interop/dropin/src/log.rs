//! Messages for the operator: to syslog, as libmilter writes them, and to standard output for `smfi_setdbg`.

use std::fmt;
use std::io::{Write, stdout};

use crate::ffi;

/// How urgent a message is: the numbers of syslog.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Urgency {
    Error,
    Warning,
    Info,
    Debug,
}

/// Writes a message to syslog. The filter's name comes first, as libmilter has it.
pub(crate) fn write(urgency: Urgency, name: &str, message: fmt::Arguments<'_>) {
    let priority = match urgency {
        Urgency::Error => libc::LOG_ERR,
        Urgency::Warning => libc::LOG_WARNING,
        Urgency::Info => libc::LOG_INFO,
        Urgency::Debug => libc::LOG_DEBUG,
    };
    ffi::syslog(priority, &format!("{name}: {message}"));
}

/// Writes a line to standard output: whoever calls `smfi_setdbg` wants to see it there.
pub(crate) fn trace(line: fmt::Arguments<'_>) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
