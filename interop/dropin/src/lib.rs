//! A stand-in for Sendmail's libmilter.so on milter-proto: a test of the crate, and a demonstration.
//!
//! | module | what it is |
//! | --- | --- |
//! | `ffi` | the 26 functions, the callbacks, and what else needs C: all `unsafe` of this library |
//! | `library` | what is set before `smfi_main`, and starting and stopping |
//! | `spec` | `inet:8891@localhost` and the like |
//! | `listener` | the socket on which MTAs connect |
//! | `pool` | threads that serve connections which have something to read |
//! | `context` | a connection: what a `SMFICTX *` stands for |
//! | `engine` | commands to callbacks, return values to replies |
//! | `answers` | texts that `smfi_getsymval` gave out |
//! | `reply` | the texts of `smfi_setreply` and `smfi_setmlreply` |
//! | `law` | bug-compatible, or robust |
//! | `log` | messages to syslog and to standard output |

#![expect(clippy::std_instead_of_alloc, clippy::std_instead_of_core, reason = "this library has std")]
#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

mod answers;
mod context;
mod engine;
mod ffi;
mod law;
mod library;
mod listener;
mod log;
mod pool;
mod reply;
mod spec;
