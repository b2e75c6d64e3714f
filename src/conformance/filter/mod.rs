//! Scenarios for a filter under test: the run plays the MTA.
//!
//! # Steps
//!
//! | step | what it does |
//! | --- | --- |
//! | `reach STAGE` | Sends the legal commands up to this stage, and waits for their replies. Commands that the filter declined are left out. If the filter ends the message before, the scenario is skipped. Stages: `start`, `negotiated`, `connected`, `greeted`, `mail`, `rcpt`, `data`, `header`, `eoh`, `body`, `ended` (after a whole message). |
//! | `> COMMAND` | Sends a command, in the notation of [`transcript`](crate::transcript). If the filter declined it, the scenario is skipped. |
//! | `>! COMMAND` | Sends it even if the filter declined it. |
//! | `>? COMMAND` | Sends it if it is in order. It is left out if the filter declined it, or has ended the message or the connection. |
//! | `>> BYTES` | Sends bytes: pairs of hexadecimal digits, texts in quotes, and `*N` to repeat the item before it. `/` is a pause, in which nothing may come. Whole frames among them are commands like others, and skip the scenario if the filter declined them. |
//! | `pipeline STAGE` | Sends the legal commands up to this stage at once, without waiting for replies. |
//! | `cut N` | From here on, sends pieces of N bytes. `cut 0` ends that. Otherwise all that stands between two `<` is sent at once. |
//! | `< A \| B ~ C \| D` | Waits for one of these. After `~`: what passes as non-strict. |
//! | `message [NAME]` | Sends a whole message, from MAIL to BODYEOB, and waits for its replies. Begins with ABORT if a message is in progress. The filter may end it before. With a name, it is the message of that name in the [`Profile`]. |
//! | `alive` | Opens a new connection, on which OPTNEG and a whole message must be answered. |
//! | `recover` | As `message`. As `alive` if the last `<` has met with `close` or `silence` and the connection is closed, or if a verdict ended the connection. |
//! | `connect` | Opens a new connection. |
//! | `shutdown` | Closes the MTA's direction of the connection. |
//! | `disconnect` | Closes the connection. |
//! | `need BIT` | Skips the scenario unless this action or step was negotiated: `need NO_REPLY_MAIL`. `need not BIT`: unless it was not. |
//! | `need open` | Skips the scenario if the filter has closed the connection. |
//! | `need verdict NAME` | Skips the scenario unless the last verdict was this: `need verdict CONTINUE`. |
//! | `need edit [NAME]` | Skips the scenario unless the last message got an edit, or one of that name: `need edit REPLBODY`. |
//! | `need shown TEXT` | Skips the scenario unless an edit of the last message has this text. |
//! | `shows TEXT`, `hides TEXT` | Fails unless an edit of the last message has this text, or if one has it. |
//! | `never NAME` | Fails if the last verdict was this: `never DISCARD`. |
//! | `repeats` | Fails unless the last message got edits of the same kinds, in the same order, as the message before. |
//! | `most VERSION ACTIONS STEPS` | Fails if the answer to OPTNEG has a higher version, another action or another step. |
//! | `lists` | Fails unless the macro lists of the answer are in order, each once, not empty, and have their longer names in braces. |
//!
//! # What can be awaited
//!
//! | word | meaning |
//! | --- | --- |
//! | `reply` | The replies that are owed to all commands since the last `<`: one verdict each, which the command admits, and before the verdict on BODYEOB any edits that were negotiated. Nothing for commands without a reply, and for those to which the filter negotiated not to reply. |
//! | `OPTNEG` | An answer that agrees with the offer. |
//! | `close` | The filter closes the connection without sending anything. |
//! | `silence` | Nothing comes, and the connection stays open. |
//! | `frame` | A frame, whatever it is. |
//! | `any` | Anything but an undecodable frame. |
//! | a response | Exactly this frame, in the notation of `transcript` without `<`: `REPLYCODE "550 5.7.1 no"`. |
//!
//! At the end of each scenario the run sends QUIT, if the connection is open. A frame that comes after that is a reply that
//! no command has asked for, and fails the scenario.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is not named goes on")]

mod commands;
mod content;
mod profile;
mod run;
mod shown;
mod step;
mod talk;
mod way;

use alloc::vec::Vec;

pub use profile::{Profile, ProfileMessage};
pub use run::FilterRun;
pub(super) use step::{Do, read};

use super::{Scenario, ScenarioError};

/// The tables of scenarios, one for each chapter.
const TABLES: &[&str] = &[
    include_str!("negotiation.txt"),
    include_str!("replies.txt"),
    include_str!("framing.txt"),
    include_str!("order.txt"),
    include_str!("macros.txt"),
    include_str!("texts.txt"),
    include_str!("body.txt"),
    include_str!("edits.txt"),
    include_str!("messages.txt"),
    include_str!("ending.txt"),
];

/// The scenarios of this crate for filters.
///
/// # Errors
/// None: a test reads them all.
pub fn filter_scenarios() -> Result<Vec<Scenario>, ScenarioError> {
    super::read::read_tables(TABLES)
}
