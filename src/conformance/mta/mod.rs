//! Scenarios for an MTA under test: the run plays the filter, and tells what the SMTP client does.
//!
//! # Steps
//!
//! What the filter does:
//!
//! | step | what it does |
//! | --- | --- |
//! | `answer VERSION ACTIONS STEPS [STAGE NAMES]...` | From here on, answers OPTNEG with this: `answer offer ADD_HEADERS none MAIL "i"`. `offer` is the version that the MTA offers. Bits have the names of [`Actions`](crate::wire::Actions) and [`Steps`](crate::wire::Steps), or are numbers, with `\|` between them; `all` are those that were offered, and `NO_REPLY` are all no-reply steps. If the MTA does not offer something of it, the scenario is skipped. Without this step the answer is `offer none none`. |
//! | `answer! VERSION ...` | Sends it whatever was offered. `offer+1` is one version more. |
//! | `at COMMAND [N]: RESPONSE ; RESPONSE` | From here on, does this whenever the command comes, or only when it comes for the Nth time. A later `at` that fits goes before an earlier one. Without it, a command that expects a reply gets CONTINUE. |
//! | `cut N` | From here on, sends pieces of N bytes. Otherwise all responses to a command are one piece. |
//!
//! A RESPONSE is a frame in the notation of [`transcript`](crate::transcript) without `<`; `N* FRAME` for N of them;
//! `<< BYTES` for any bytes: pairs of hexadecimal digits, texts in quotes, and `*N` to repeat the item before it; `close`
//! to close the connection; `pause` for nearly as long as the MTA waits; or, alone, `nothing`.
//!
//! What the SMTP client does:
//!
//! | step | what it does |
//! | --- | --- |
//! | `session [=> HOPE]` | Connects and sends EHLO. Stops at the first refusal, on which the hope is judged. |
//! | `message [=> HOPE]` | Sends a message: MAIL, RCPT, DATA, content. Stops at the first refusal, and sends RSET after one of RCPT and DATA. |
//! | `content BYTES` | The content of messages from here on. Dots are doubled when it is sent. |
//! | `client DEED => HOPE` | Does one thing and waits for the reply. `client DEED => none`: it has no reply. `client DEED`: the reply is not awaited, and dropped when it comes. |
//! | `need reply TEXT`, `need refused` | Skips the scenario unless the last reply has this text, or unless the profile names a recipient that the MTA refuses. |
//! | `slow` | The scenario waits for a timeout of the MTA: it is skipped unless the profile asks for it. |
//!
//! A DEED is `CONNECT`, `EHLO`, `MAIL`, `RCPT`, `DATA`, `CONTENT`, `RSET`, `NOOP` or `QUIT`; a line in quotes; `raw BYTES`;
//! `disconnect` to close the connection; or `wait` for a further reply. `$HELO`, `$SENDER`, `$RECIPIENT`, `$OTHER` and
//! `$REFUSED` are filled in from the [`Profile`], also in frames.
//!
//! A HOPE is one of these, or several with ` | ` between them; what follows ` ~ ` passes as non-strict. In front may stand
//! the command whose reply is meant, such as `MAIL 5`; `has TEXT` and `lacks TEXT` may follow.
//!
//! | word | meaning |
//! | --- | --- |
//! | `2`, `3`, `4`, `5` | A reply of this class. |
//! | `554` | A reply of this code. |
//! | `close` | The MTA closes the SMTP connection. |
//! | `failure` | What the MTA does when a filter fails: [`Profile::failure`]. |
//! | `any` | Anything, but not silence. |
//!
//! What is checked. A check waits until nothing more comes, if that could change its result:
//!
//! | step | when it fails |
//! | --- | --- |
//! | `saw COMMAND \| COMMAND` | None of these has come. A name alone means any frame of that name; with ` ...` at the end, one that begins with this. |
//! | `never COMMAND \| COMMAND` | One of these has come. |
//! | `count N COMMAND \| COMMAND` | There were more or fewer than N. |
//! | `order COMMAND ; COMMAND ; COMMAND` | They have not come in this order, perhaps with others between them. |
//! | `mark` | Never: the checks that follow look at what comes after it. |
//! | `body BYTES` | The payloads of all BODY together are not these bytes. |
//! | `macros COMMAND [NAME]...` | The macros of this command had other names, or none of these. |
//! | `macros before` | A MACRO was not directly followed by its command, although that was not declined. |
//! | `closed` | The MTA does not close the Milter connection. |
//! | `connections N` | The MTA has not opened N Milter connections. |
//! | `delivered FEATURE ; FEATURE` | What was delivered does not have all of these: `has TEXT`, `lacks TEXT`, `from ADDRESS`, `to ADDRESS`, `not-to ADDRESS`. |
//! | `delivered nothing` | Something was delivered. |
//! | `~ CHECK` | A failure is non-strict. |
//!
//! In every scenario a [`Monitor`](crate::Monitor) judges what the MTA sends by the strict law, until the filter itself
//! breaks a rule. At the end the client sends QUIT, if it is still connected.

mod check;
mod client;
mod delivery;
mod expect;
mod link;
mod profile;
mod run;
mod step;

use alloc::vec::Vec;

pub use profile::{FailureAction, Profile};
pub use run::MtaRun;
pub(super) use step::{Do, read};

use super::{Scenario, ScenarioError};

/// The tables of scenarios, one for each chapter.
const TABLES: &[&str] = &[
    include_str!("framing.txt"),
    include_str!("negotiation.txt"),
    include_str!("order.txt"),
    include_str!("replies.txt"),
    include_str!("texts.txt"),
    include_str!("macros.txt"),
    include_str!("edits.txt"),
    include_str!("body.txt"),
    include_str!("messages.txt"),
    include_str!("ending.txt"),
];

/// The scenarios of this crate for MTAs.
///
/// # Errors
/// None: a test reads them all.
pub fn mta_scenarios() -> Result<Vec<Scenario>, ScenarioError> {
    super::read::read_tables(TABLES)
}
