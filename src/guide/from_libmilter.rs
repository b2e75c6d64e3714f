//! Coming from libmilter: every function, callback and return value, and its counterpart here.
//!
//! libmilter owns the sockets, the threads and `main`, and calls you. This crate owns nothing: your loop gives it bytes, and it
//! returns one event at a time ([tutorial](super::tutorial)). All names on this page also work in the search box of this
//! documentation, and so do the codes and bits: `SMFIC_*`, `SMFIR_*`, `SMFIF_*`, `SMFIP_*`.
//!
//! # Callbacks
//!
//! A callback is a [`Command`] in an [`Event`]. The commands to subscribe to are listed in [`Options::new`]; there is no
//! separate table of functions.
//!
//! | libmilter | here | what differs |
//! | --- | --- | --- |
//! | `xxfi_name` | | a name for libmilter's log: there is no log |
//! | `xxfi_version` | | the version of libmilter: there is none to compare |
//! | `xxfi_flags` | [`Options::require`], [`Options::request`] | actions may be optional |
//! | `xxfi_negotiate` | [`FilterSession::negotiate`] | the options are a value; the result tells what became of every bit |
//! | `xxfi_connect` | [`Command::Connect`] | the address is text; [`Peer::ip`] parses it |
//! | `xxfi_helo` | [`Command::Helo`] | the name may be empty and may come several times |
//! | `xxfi_envfrom` | [`Command::MailFrom`] | address and arguments are separate |
//! | `xxfi_envrcpt` | [`Command::RcptTo`] | address and arguments are separate |
//! | `xxfi_data` | [`Command::Data`] | the same |
//! | `xxfi_unknown` | [`Command::Unknown`] | does not end the message in progress |
//! | `xxfi_header` | [`Command::Header`] | the value may contain any byte but NUL, and LF at folds |
//! | `xxfi_eoh` | [`Command::EndOfHeaders`] | the same |
//! | `xxfi_body` | [`Command::Body`] | the same; a chunk inside `BODYEOB` comes first, as an event of its own |
//! | `xxfi_eom` | [`Command::EndOfMessage`] | edits are sent before the verdict with the same `send` |
//! | `xxfi_abort` | [`Event::aborts_message`] | a fact about any event, since not only ABORT aborts a message |
//! | `xxfi_close` | [`Command::Quit`], [`FilterSession::disconnect`] | `disconnect` covers every other end of a connection |
//!
//! # Return values
//!
//! Returning a status becomes a call of [`FilterSession::send`].
//!
//! | libmilter | here | what differs |
//! | --- | --- | --- |
//! | `SMFIS_CONTINUE` | [`Verdict::Continue`] | the same |
//! | `SMFIS_ACCEPT` | [`Verdict::Accept`] | refused for UNKNOWN, where it is not defined |
//! | `SMFIS_REJECT` | [`Verdict::Reject`], [`Verdict::Reply`] | a reply of your own is a verdict, not a setting |
//! | `SMFIS_TEMPFAIL` | [`Verdict::Tempfail`], [`Verdict::Reply`] | a reply of your own is a verdict, not a setting |
//! | `SMFIS_DISCARD` | [`Verdict::Discard`] | refused for CONNECT, HELO and UNKNOWN, where it is not defined |
//! | `SMFIS_SKIP` | [`Verdict::Skip`] | only for BODY, and only if [`Options::skip`] was negotiated |
//! | `SMFIS_NOREPLY` | [`Options::no_reply_to`] | [`FilterSession::turn`] then asks for no reply; [`FilterSession::withhold`] is for bug-compatible bindings |
//! | `SMFIS_ALL_OPTS` | [`Options::all_commands`] | options are requested one by one |
//!
//! # Functions
//!
//! | libmilter | here | what differs |
//! | --- | --- | --- |
//! | `smfi_opensocket` | | your listener |
//! | `smfi_setconn` | | your listener: `inet:8892@127.0.0.1` and `unix:/path` are libmilter's notation |
//! | `smfi_setbacklog` | | your listener |
//! | `smfi_main` | | your loop: [step 2 of the tutorial](super::tutorial#step-2-the-loop) |
//! | `smfi_stop` | | your loop: [stopping](super::filter#stopping) |
//! | `smfi_setdbg` | | nothing is logged; [`transcript`](crate::transcript) shows frames as text |
//! | `smfi_version` | [`Version`] | the version of the protocol, not of the library |
//! | `smfi_register` | [`Options::new`] | a list of commands instead of a table of functions |
//! | `smfi_settimeout` | [`Timeouts::with`] | you apply it; the crate has no clock |
//! | `smfi_setmaxdatasize` | [`Limits::with_max_receive_payload`], [`Limits::with_max_send_payload`], [`Options::data_size`] | the limit of memory and the negotiated size are two things |
//! | `smfi_setpriv` | | a variable of your own beside the session |
//! | `smfi_getpriv` | | a variable of your own beside the session |
//! | `smfi_getsymval` | [`MacroStore::get`] | give the store every event; macros of one message never show in the next |
//! | `smfi_setsymlist` | [`Options::macro_lists`] | part of the options |
//! | `smfi_setreply` | [`Verdict::Reply`] with [`ReplyText`] | checked when it is built; `%` is doubled for you, except by [`ReplyText::parse`] |
//! | `smfi_setmlreply` | [`ReplyText::write`], `ReplyBuf::new` | any number of lines up to 32 |
//! | `smfi_addheader` | [`Edit::add_header`] | edits are values; `send` makes a frame of one |
//! | `smfi_insheader` | [`Edit::insert_header`] | likewise |
//! | `smfi_chgheader` | [`Edit::change_header`], [`Edit::delete_header`] | deletion has a name of its own |
//! | `smfi_chgfrom` | [`Edit::change_from`], [`Edit::change_from_with_arguments`] | likewise |
//! | `smfi_addrcpt` | [`Edit::add_recipient`] | likewise |
//! | `smfi_addrcpt_par` | [`Edit::add_recipient_with_arguments`] | likewise |
//! | `smfi_delrcpt` | [`Edit::delete_recipient`] | likewise |
//! | `smfi_replacebody` | [`Edit::replace_body`] | an iterator of edits; an empty new body is one empty chunk |
//! | `smfi_quarantine` | [`Edit::quarantine`] | likewise |
//! | `smfi_progress` | [`Response::Progress`] | write it at once: [a slow end of message](super::filter#a-slow-end-of-message-flush-early) |
//!
//! # The same filter
//!
//! In C, `envrcpt` returns `SMFIS_REJECT` for one address, and `eom` calls `smfi_addheader`. Here:
//!
//! ```
//! use milter_proto::FilterSession;
//! use milter_proto::filter::{Event, Options, Turn};
//! use milter_proto::order::CommandKind;
//! use milter_proto::wire::{Actions, Command, Edit, Text, Verdict};
//!
//! fn is_nobody(address: Text<'_>) -> bool {
//!     let is = |text: &str| text.trim_matches(['<', '>']).eq_ignore_ascii_case("nobody@example.org");
//!     address.to_str().is_ok_and(is)
//! }
//!
//! fn handle(
//!     session: &mut FilterSession,
//!     event: &Event<'_>,
//!     out: &mut Vec<u8>,
//! ) -> Result<(), Box<dyn core::error::Error>> {
//!     let verdict = match event.command {
//!         Command::RcptTo { address, .. } if is_nobody(address) => Verdict::Reject,
//!         _ => Verdict::Continue,
//!     };
//!     if session.may_edit(Actions::ADD_HEADERS) {
//!         session.send(Edit::add_header("X-Seen", "yes")?)?.append_to(out);
//!     }
//!     match session.turn() {
//!         Turn::Reply(CommandKind::Negotiate) => {
//!             let options = Options::new([CommandKind::RcptTo]).require(Actions::ADD_HEADERS);
//!             session.negotiate(&options)?.frame.append_to(out);
//!         }
//!         Turn::Reply(_) => session.send(verdict)?.append_to(out),
//!         _ => {}
//!     }
//!     Ok(())
//! }
//! # use milter_proto::wire::Assembler;
//! # let (mut session, mut assembler, mut out) = (FilterSession::new(), Assembler::new(Vec::new()), Vec::new());
//! # let input = [
//! #     b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff".as_slice(),
//! #     b"\0\0\0\x14Rnobody@EXAMPLE.org\0\0\0\0\x01E",
//! # ].concat();
//! # let mut input = &input[..];
//! # while let Some(event) = session.next_event(&mut assembler, &mut input)? {
//! #     handle(&mut session, &event, &mut out)?;
//! # }
//! # assert!(out.ends_with(b"\0\0\0\x01r\0\0\0\x0chX-Seen\0yes\0\0\0\0\x01c"));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! # What a filter gains
//!
//! libmilter ignores commands that it does not expect, without a reply. An SMTP client can bring that about, and the MTA then
//! may deliver mail unfiltered. The default policy answers them. [`Policy::LIBMILTER`] is bug-compatible in both directions,
//! for libraries that replace libmilter; [`Options::from_actions_and_steps`], [`FilterSession::with_initial_steps`],
//! [`FilterSession::withhold`] and [`ReplyText::parse_as`] complete it.
#![expect(unused_imports, reason = "the page links to them")]

use crate::filter::{Event, Options, Policy};
use crate::macros::MacroStore;
use crate::wire::{Command, Edit, Peer, ReplyText, Response, Verdict, Version};
use crate::{FilterSession, Limits, Timeouts};
