//! The 26 functions of libmilter, the callbacks of a program, and three calls of the C library.
//!
//! All `unsafe` of this library is here. What a caller has to do is said in mfapi.h, and is the same for every function:
//! a pointer to a text is NULL or points to bytes that end with NUL, and nobody changes them during the call; a pointer to
//! anything else is NULL or points to as much as mfapi.h says. A `SMFICTX *` may be anything at all, since it is never
//! followed.

#![allow(unsafe_code, reason = "C is on the other side")]

use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_ulong, c_void};
use std::mem::size_of;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::{ptr, slice};

use libc::{sa_family_t, sockaddr, sockaddr_in, sockaddr_in6, sockaddr_un};
use milter_proto::wire::{Actions, Edit, Peer, Steps, Text};

use crate::context::{self, Context, Handle};
use crate::library::{self, Stop};
use crate::reply;

const SUCCESS: c_int = 0;
const FAILURE: c_int = -1;

/// `SMFI_VERSION` of libmilter 8.17.
const VERSION: c_int = 0x0100_0001;
/// Bytes of one chunk of a new body.
const CHUNK: usize = 65_535;

/// What a callback returned: `sfsistat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) c_int);

impl Status {
    pub(crate) const CONTINUE: Self = Self(0);
    pub(crate) const REJECT: Self = Self(1);
    pub(crate) const DISCARD: Self = Self(2);
    pub(crate) const ACCEPT: Self = Self(3);
    pub(crate) const TEMPFAIL: Self = Self(4);
    pub(crate) const NOREPLY: Self = Self(7);
    pub(crate) const SKIP: Self = Self(8);
    pub(crate) const ALL_OPTIONS: Self = Self(10);
    /// For libmilter's engine alone: end the connection.
    pub(crate) const ABORT: Self = Self(21);
    /// For libmilter's engine alone: answer the offer.
    pub(crate) const OPTIONS: Self = Self(22);
}

type Ctx = *mut c_void;
type OnCtx = unsafe extern "C" fn(Ctx) -> c_int;
type OnText = unsafe extern "C" fn(Ctx, *mut c_char) -> c_int;
type OnTexts = unsafe extern "C" fn(Ctx, *mut *mut c_char) -> c_int;
type OnHeader = unsafe extern "C" fn(Ctx, *mut c_char, *mut c_char) -> c_int;
type OnConnect = unsafe extern "C" fn(Ctx, *mut c_char, *mut sockaddr) -> c_int;
type OnBody = unsafe extern "C" fn(Ctx, *mut c_uchar, usize) -> c_int;
type OnNegotiate = unsafe extern "C" fn(
    Ctx,
    c_ulong,
    c_ulong,
    c_ulong,
    c_ulong,
    *mut c_ulong,
    *mut c_ulong,
    *mut c_ulong,
    *mut c_ulong,
) -> c_int;

/// `struct smfiDesc` of mfapi.h.
#[repr(C)]
#[derive(Clone, Copy)]
struct Description {
    name: *mut c_char,
    version: c_int,
    flags: c_ulong,
    connect: Option<OnConnect>,
    helo: Option<OnText>,
    mail: Option<OnTexts>,
    rcpt: Option<OnTexts>,
    header: Option<OnHeader>,
    end_of_headers: Option<OnCtx>,
    body: Option<OnBody>,
    end_of_message: Option<OnCtx>,
    abort: Option<OnCtx>,
    close: Option<OnCtx>,
    unknown: Option<OnText>,
    data: Option<OnCtx>,
    negotiate: Option<OnNegotiate>,
}

/// A registered filter: its name, what it asks for, and its callbacks.
pub(crate) struct Filter {
    pub(crate) name: String,
    pub(crate) version: c_int,
    pub(crate) flags: Actions,
    callbacks: Description,
}

impl std::fmt::Debug for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

// SAFETY: the functions are called from several threads, as mfapi.h demands of them, and the name is not used.
unsafe impl Send for Filter {}
// SAFETY: as for `Send`.
unsafe impl Sync for Filter {}

impl Filter {
    /// Copies a description. Callbacks that did not exist in its version are left out.
    ///
    /// # Safety
    /// The name is NULL or a text.
    unsafe fn copied(description: &Description) -> Self {
        // SAFETY: as the caller promises.
        let name = unsafe { text(description.name) };
        let mut callbacks = *description;
        callbacks.unknown = callbacks.unknown.filter(|_| description.version > 2);
        callbacks.data = callbacks.data.filter(|_| description.version > 3);
        callbacks.negotiate = callbacks.negotiate.filter(|_| description.version > 4);
        callbacks.name = ptr::null_mut();
        Self {
            name: String::from_utf8_lossy(name.unwrap_or(b"Unknown")).into_owned(),
            version: description.version,
            flags: Actions::from_bits(low(description.flags)),
            callbacks,
        }
    }

    /// Whether the filter was made for this version or one of the old ones. The lowest byte does not count.
    pub(crate) const fn has_known_version(&self) -> bool {
        matches!(self.version, 2..=4) || (self.version & 0x7fff_ff00) == (VERSION & 0x7fff_ff00)
    }

    pub(crate) const fn wants_connect(&self) -> bool {
        self.callbacks.connect.is_some()
    }

    /// The commands that have no callback.
    pub(crate) fn declined(&self) -> Steps {
        let it = &self.callbacks;
        let rows = [
            (it.connect.is_none(), Steps::NO_CONNECT),
            (it.helo.is_none(), Steps::NO_HELO),
            (it.mail.is_none(), Steps::NO_MAIL),
            (it.rcpt.is_none(), Steps::NO_RCPT),
            (it.body.is_none(), Steps::NO_BODY),
            (it.header.is_none(), Steps::NO_HEADERS),
            (it.end_of_headers.is_none(), Steps::NO_END_OF_HEADERS),
            (it.unknown.is_none(), Steps::NO_UNKNOWN),
            (it.data.is_none(), Steps::NO_DATA),
        ];
        rows.iter().filter(|row| row.0).fold(Steps::EMPTY, |steps, row| steps.union(row.1))
    }

    pub(crate) fn on_connect(&self, handle: Handle, host: &mut [u8], name: SocketName) -> Status {
        let Some(call) = self.callbacks.connect else { return Status::CONTINUE };
        let host = host.as_mut_ptr().cast();
        match name {
            // SAFETY: the host is a text of our own; NULL stands for an unknown address.
            SocketName::Unknown => Status(unsafe { call(ctx(handle), host, ptr::null_mut()) }),
            SocketName::Inet(mut name) => {
                // SAFETY: both belong to this call, and the family says what the second one is.
                Status(unsafe { call(ctx(handle), host, ptr::from_mut(&mut name).cast()) })
            }
            SocketName::Inet6(mut name) => {
                // SAFETY: as above.
                Status(unsafe { call(ctx(handle), host, ptr::from_mut(&mut name).cast()) })
            }
            SocketName::Unix(mut name) => {
                // SAFETY: as above.
                Status(unsafe { call(ctx(handle), host, ptr::from_mut(&mut name).cast()) })
            }
        }
    }

    pub(crate) fn on_helo(&self, handle: Handle, name: &mut [u8]) -> Status {
        on_text(self.callbacks.helo, handle, name)
    }

    pub(crate) fn on_unknown(&self, handle: Handle, line: &mut [u8]) -> Status {
        on_text(self.callbacks.unknown, handle, line)
    }

    /// The address and the arguments, each with its NUL.
    pub(crate) fn on_mail(&self, handle: Handle, texts: &mut [u8]) -> Status {
        on_texts(self.callbacks.mail, handle, texts)
    }

    /// The address and the arguments, each with its NUL.
    pub(crate) fn on_rcpt(&self, handle: Handle, texts: &mut [u8]) -> Status {
        on_texts(self.callbacks.rcpt, handle, texts)
    }

    pub(crate) fn on_data(&self, handle: Handle) -> Status {
        on_ctx(self.callbacks.data, handle)
    }

    /// The name and the value, each with its NUL.
    pub(crate) fn on_header(&self, handle: Handle, texts: &mut [u8]) -> Status {
        let Some(call) = self.callbacks.header else { return Status::CONTINUE };
        let mut starts = starts(texts).into_iter();
        match (starts.next(), starts.next()) {
            // SAFETY: both are texts of our own.
            (Some(name), Some(value)) => Status(unsafe { call(ctx(handle), name, value) }),
            _ => Status::CONTINUE,
        }
    }

    pub(crate) fn on_end_of_headers(&self, handle: Handle) -> Status {
        on_ctx(self.callbacks.end_of_headers, handle)
    }

    pub(crate) fn on_body(&self, handle: Handle, chunk: &mut [u8]) -> Status {
        let Some(call) = self.callbacks.body else { return Status::CONTINUE };
        // SAFETY: the bytes belong to this call.
        Status(unsafe { call(ctx(handle), chunk.as_mut_ptr(), chunk.len()) })
    }

    pub(crate) fn on_end_of_message(&self, handle: Handle) -> Status {
        on_ctx(self.callbacks.end_of_message, handle)
    }

    /// What it returns has no meaning.
    pub(crate) fn on_abort(&self, handle: Handle) {
        let _ = on_ctx(self.callbacks.abort, handle);
    }

    /// What it returns has no meaning.
    pub(crate) fn on_close(&self, handle: Handle) {
        let _ = on_ctx(self.callbacks.close, handle);
    }

    /// Asks what the filter wants; `None` if it has no such callback. `steps` is what it wants if it changes nothing.
    pub(crate) fn on_negotiate(
        &self,
        handle: Handle,
        offered: (Actions, Steps),
        steps: Steps,
    ) -> Option<(Status, Actions, Steps)> {
        let call = self.callbacks.negotiate?;
        let fakes = Steps::NO_REPLY;
        let (mut actions, mut steps) = (wide(offered.0.bits()), c_ulong::from(steps.bits()));
        let (mut f2, mut f3) = (0, 0);
        // SAFETY: the four results belong to this call.
        let status = unsafe {
            call(
                ctx(handle),
                wide(offered.0.bits()),
                wide(offered.1.bits()) | c_ulong::from(fakes.bits()),
                0,
                0,
                &raw mut actions,
                &raw mut steps,
                &raw mut f2,
                &raw mut f3,
            )
        };
        Some((Status(status), Actions::from_bits(low(actions)), Steps::from_bits(low(steps))))
    }
}

/// A number of the wire as libmilter hands it on: its 32 bits are signed before they become 64.
fn wide(bits: u32) -> c_ulong {
    let signed = i64::from(bits.cast_signed());
    c_ulong::try_from(signed.cast_unsigned()).unwrap_or(c_ulong::from(bits))
}

/// The 32 bits that go to the wire.
fn low(bits: c_ulong) -> u32 {
    u32::try_from(bits & c_ulong::from(u32::MAX)).unwrap_or_default()
}

fn on_ctx(callback: Option<OnCtx>, handle: Handle) -> Status {
    // SAFETY: a registered function, called as mfapi.h says.
    callback.map_or(Status::CONTINUE, |call| Status(unsafe { call(ctx(handle)) }))
}

fn on_text(callback: Option<OnText>, handle: Handle, text: &mut [u8]) -> Status {
    let Some(call) = callback else { return Status::CONTINUE };
    // SAFETY: the text belongs to this call and ends with NUL.
    Status(unsafe { call(ctx(handle), text.as_mut_ptr().cast()) })
}

fn on_texts(callback: Option<OnTexts>, handle: Handle, texts: &mut [u8]) -> Status {
    let Some(call) = callback else { return Status::CONTINUE };
    let mut starts = starts(texts);
    starts.push(ptr::null_mut());
    // SAFETY: the texts and the list belong to this call, and the list ends with NULL.
    Status(unsafe { call(ctx(handle), starts.as_mut_ptr()) })
}

/// Where each text begins, of texts that end with NUL.
fn starts(texts: &mut [u8]) -> Vec<*mut c_char> {
    texts.split_inclusive_mut(|&byte| byte == 0).map(|text| text.as_mut_ptr().cast()).collect()
}

/// The number of a connection in the place of an address.
fn ctx(handle: Handle) -> Ctx {
    ptr::without_provenance_mut(handle.0)
}

/// The address of an SMTP client as C has it.
#[derive(Clone, Copy)]
pub(crate) enum SocketName {
    Unknown,
    Inet(sockaddr_in),
    Inet6(sockaddr_in6),
    Unix(sockaddr_un),
}

impl SocketName {
    /// `None`: the text is no address of its family.
    pub(crate) fn of(peer: &Peer<'_>) -> Option<Self> {
        Some(match *peer {
            Peer::Inet { port, address } => {
                let s_addr = short_v4(address)?;
                let sin_family = family(libc::AF_INET);
                let sin_addr = libc::in_addr { s_addr };
                Self::Inet(sockaddr_in { sin_family, sin_port: port.to_be(), sin_addr, sin_zero: [0; 8] })
            }
            Peer::Inet6 { port, .. } => {
                let ip: Ipv6Addr = match peer.ip()? {
                    std::net::IpAddr::V6(ip) => ip,
                    std::net::IpAddr::V4(_) => return None,
                };
                Self::Inet6(sockaddr_in6 {
                    sin6_family: family(libc::AF_INET6),
                    sin6_port: port.to_be(),
                    sin6_flowinfo: 0,
                    sin6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    sin6_scope_id: 0,
                })
            }
            Peer::Unix { path, .. } => {
                let mut name = sockaddr_un { sun_family: family(libc::AF_UNIX), sun_path: [0; 108] };
                if path.len() >= name.sun_path.len() {
                    return None;
                }
                for (place, byte) in name.sun_path.iter_mut().zip(path.as_bytes()) {
                    *place = c_char::from_ne_bytes([*byte]);
                }
                Self::Unix(name)
            }
            _ => Self::Unknown,
        })
    }
}

fn family(number: c_int) -> sa_family_t {
    sa_family_t::try_from(number).unwrap_or_default()
}

/// An IPv4 address in any notation that the C library knows.
fn short_v4(text: Text<'_>) -> Option<u32> {
    if let Some(address) = text.to_str().ok().and_then(|text| text.parse::<Ipv4Addr>().ok()) {
        return Some(u32::from(address).to_be());
    }
    let text = CString::new(text.as_bytes()).ok()?;
    let mut address = libc::in_addr { s_addr: 0 };
    // SAFETY: a text, and a place for the result.
    let is_read = unsafe { inet_aton(text.as_ptr(), &raw mut address) };
    (is_read != 0).then_some(address.s_addr)
}

unsafe extern "C" {
    fn inet_aton(text: *const c_char, address: *mut libc::in_addr) -> c_int;
}

// --- calls of the C library ---

/// Writes a line to syslog, under the name that the program chose with `openlog`.
pub(crate) fn syslog(priority: c_int, line: &str) {
    let line = CString::new(line.replace('\0', "\\0")).unwrap_or_default();
    // SAFETY: the format takes one text.
    unsafe { libc::syslog(priority, c"%s".as_ptr(), line.as_ptr()) }
}

/// The port of a TCP service.
pub(crate) fn service_port(name: &[u8]) -> Option<u16> {
    let name = CString::new(name).ok()?;
    // SAFETY: two texts. This is called before there are threads that could call it, too.
    let found = unsafe { libc::getservbyname(name.as_ptr(), c"tcp".as_ptr()) };
    // SAFETY: NULL, or an entry that lives until the next call.
    let entry = unsafe { found.as_ref() }?;
    u16::try_from(entry.s_port).ok().map(u16::from_be)
}

/// Has a write to a closed socket or pipe fail: without it, it ends the process.
pub(crate) fn ignore_broken_pipes() {
    // SAFETY: no handler is involved.
    let _ = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

// --- what comes from C ---

/// The bytes of a text, without the NUL.
///
/// # Safety
/// `text` is NULL, or a text that lives as long as the result.
unsafe fn text<'t>(text: *const c_char) -> Option<&'t [u8]> {
    if text.is_null() {
        return None;
    }
    // SAFETY: as the caller promises.
    Some(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// The connection of a `SMFICTX *`.
fn found(ctx: Ctx) -> Option<std::sync::Arc<Context>> {
    context::find(Handle(ctx.addr()))
}

const fn status(is_good: bool) -> c_int {
    if is_good { SUCCESS } else { FAILURE }
}

/// Text that has been cut at its NUL.
fn cut(bytes: &[u8]) -> Text<'_> {
    Text::new(bytes).unwrap_or_default()
}

// --- before and after connections ---

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_register(description: Description) -> c_int {
    // SAFETY: as the caller promises.
    status(library::register(unsafe { Filter::copied(&description) }))
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_setconn(spec: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    status(unsafe { text(spec) }.is_some_and(library::set_spec))
}

#[unsafe(no_mangle)]
extern "C" fn smfi_setbacklog(backlog: c_int) -> c_int {
    status(library::set_backlog(backlog))
}

#[unsafe(no_mangle)]
extern "C" fn smfi_settimeout(seconds: c_int) -> c_int {
    library::set_timeout(seconds);
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn smfi_setdbg(level: c_int) -> c_int {
    library::set_debug(level);
    SUCCESS
}

#[unsafe(no_mangle)]
extern "C" fn smfi_setmaxdatasize(bytes: usize) -> usize {
    library::set_data_size(bytes)
}

/// The argument is `bool` in mfapi.h. A byte that is neither 0 nor 1 must not become a `bool` of Rust.
#[unsafe(no_mangle)]
extern "C" fn smfi_opensocket(removes_old: u8) -> c_int {
    status(library::open_socket(removes_old != 0))
}

#[unsafe(no_mangle)]
extern "C" fn smfi_main() -> c_int {
    status(library::main())
}

#[unsafe(no_mangle)]
extern "C" fn smfi_stop() -> c_int {
    library::stop(Stop::Terminate);
    SUCCESS
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_version(major: *mut c_uint, minor: *mut c_uint, patch: *mut c_uint) -> c_int {
    for (place, number) in [(major, 1), (minor, 0), (patch, 1)] {
        // SAFETY: as the caller promises.
        if let Some(place) = unsafe { place.as_mut() } {
            *place = number;
        }
    }
    SUCCESS
}

// --- a connection ---

#[unsafe(no_mangle)]
extern "C" fn smfi_setpriv(ctx: Ctx, data: *mut c_void) -> c_int {
    found(ctx).map_or(FAILURE, |context| {
        context.set_private(data.expose_provenance());
        SUCCESS
    })
}

#[unsafe(no_mangle)]
extern "C" fn smfi_getpriv(ctx: Ctx) -> *mut c_void {
    found(ctx).map_or(ptr::null_mut(), |context| ptr::with_exposed_provenance_mut(context.private()))
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_getsymval(ctx: Ctx, name: *mut c_char) -> *mut c_char {
    // SAFETY: as the caller promises.
    let Some(name) = (unsafe { text(name) }).filter(|name| !name.is_empty()) else { return ptr::null_mut() };
    let Some(context) = found(ctx) else { return ptr::null_mut() };
    let mut state = context.state();
    let crate::context::State { macros, answers, .. } = &mut *state;
    let copy = macros
        .find(name)
        .and_then(|(stage, value)| answers.get_or_insert_default().keep(stage, value.as_bytes()));
    copy.map_or(ptr::null_mut(), |copy| copy.as_mut_ptr().cast())
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_setsymlist(ctx: Ctx, stage: c_int, names: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let names = unsafe { text(names) };
    let (Some(context), Some(names), Ok(stage)) = (found(ctx), names, usize::try_from(stage)) else {
        return FAILURE;
    };
    status(context.set_list(stage, names))
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_setreply(
    ctx: Ctx,
    code: *mut c_char,
    enhanced: *mut c_char,
    line: *mut c_char,
) -> c_int {
    // SAFETY: as the caller promises.
    let texts = [code, enhanced, line].map(|it| unsafe { text(it) });
    let [Some(code), enhanced, line] = texts else { return FAILURE };
    set_reply(ctx, reply::single(code, enhanced, line))
}

/// What `smfi_setmlreply` in shim.c calls with its texts in a list.
///
/// # Safety
/// See the module; `lines` are `count` texts.
#[unsafe(no_mangle)]
unsafe extern "C" fn milter_dropin_setmlreply(
    ctx: Ctx,
    code: *const c_char,
    enhanced: *const c_char,
    lines: *const *const c_char,
    count: usize,
) -> c_int {
    // SAFETY: as the caller promises.
    let texts = [code, enhanced].map(|it| unsafe { text(it) });
    let [Some(code), enhanced] = texts else { return FAILURE };
    // SAFETY: as the caller promises.
    let lines = unsafe { slice::from_raw_parts(lines, count) };
    // SAFETY: as the caller promises.
    let lines: Vec<_> = lines.iter().filter_map(|&line| unsafe { text(line) }).collect();
    set_reply(ctx, reply::multiline(code, enhanced, &lines))
}

fn set_reply(ctx: Ctx, reply: Option<Vec<u8>>) -> c_int {
    match (found(ctx), reply) {
        (Some(context), Some(reply)) => {
            context.state().reply = Some(reply);
            SUCCESS
        }
        _ => FAILURE,
    }
}

// --- edits ---

fn edit(ctx: Ctx, edit: Edit<'_>) -> c_int {
    status(found(ctx).is_some_and(|context| context.edit(edit)))
}

/// A text that is not empty.
///
/// # Safety
/// As for `text`.
unsafe fn some_text<'t>(it: *const c_char) -> Option<Text<'t>> {
    // SAFETY: as the caller promises.
    unsafe { text(it) }.filter(|bytes| !bytes.is_empty()).map(cut)
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_addheader(ctx: Ctx, name: *mut c_char, value: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let (name, value) = (unsafe { some_text(name) }, unsafe { text(value) });
    let (Some(name), Some(value)) = (name, value) else { return FAILURE };
    edit(ctx, Edit::AddHeader { name, value: cut(value) })
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_insheader(ctx: Ctx, index: c_int, name: *mut c_char, value: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let (name, value) = (unsafe { some_text(name) }, unsafe { text(value) });
    let (Ok(index), Some(name), Some(value)) = (u32::try_from(index), name, value) else { return FAILURE };
    edit(ctx, Edit::InsertHeader { index, name, value: cut(value) })
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_chgheader(ctx: Ctx, name: *mut c_char, index: i32, value: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let (name, value) = (unsafe { some_text(name) }, unsafe { text(value) });
    let (Ok(index), Some(name)) = (u32::try_from(index), name) else { return FAILURE };
    edit(ctx, Edit::ChangeHeader { index, name, value: cut(value.unwrap_or_default()) })
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_chgfrom(ctx: Ctx, address: *mut c_char, arguments: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let (address, arguments) = (unsafe { some_text(address) }, unsafe { text(arguments) });
    let Some(address) = address else { return FAILURE };
    edit(ctx, Edit::ChangeFrom { address, arguments: arguments.map(cut) })
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_addrcpt(ctx: Ctx, address: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let address = unsafe { some_text(address) };
    address.map_or(FAILURE, |address| edit(ctx, Edit::AddRcpt { address }))
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_addrcpt_par(ctx: Ctx, address: *mut c_char, arguments: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let (address, arguments) = (unsafe { some_text(address) }, unsafe { text(arguments) });
    let Some(address) = address else { return FAILURE };
    edit(ctx, Edit::AddRcptWithArguments { address, arguments: arguments.map(cut) })
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_delrcpt(ctx: Ctx, address: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let address = unsafe { some_text(address) };
    address.map_or(FAILURE, |address| edit(ctx, Edit::DeleteRcpt { address }))
}

/// # Safety
/// See the module.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_quarantine(ctx: Ctx, reason: *mut c_char) -> c_int {
    // SAFETY: as the caller promises.
    let reason = unsafe { some_text(reason) };
    reason.map_or(FAILURE, |reason| edit(ctx, Edit::Quarantine { reason }))
}

/// # Safety
/// See the module; `body` is NULL or has `length` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn smfi_replacebody(ctx: Ctx, body: *mut c_uchar, length: c_int) -> c_int {
    let Ok(length) = usize::try_from(length) else { return FAILURE };
    let body = match (body.is_null(), length) {
        (true, 1..) => return FAILURE,
        (true, 0) => &[],
        // SAFETY: as the caller promises.
        (false, _) => unsafe { slice::from_raw_parts(body, length) },
    };
    let Some(context) = found(ctx) else { return FAILURE };
    if body.is_empty() {
        return status(context.edit(Edit::ReplaceBody { chunk: body }));
    }
    status(body.chunks(CHUNK).all(|chunk| context.edit(Edit::ReplaceBody { chunk })))
}

#[unsafe(no_mangle)]
extern "C" fn smfi_progress(ctx: Ctx) -> c_int {
    status(found(ctx).is_some_and(|context| context.progress()))
}

const _: () = assert!(size_of::<Description>() == 16 * size_of::<usize>(), "as in mfapi.h");
