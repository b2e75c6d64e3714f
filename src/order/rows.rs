//! The law as data: every row of its tables, for documents, tests and tools.

use super::state::{Conversation, Passage};
use super::table::{CommandKind, Effect, Law, Stage, VERDICTS, effects};
use crate::wire::{Steps, Verdict};

/// The effect of a command at a stage, if nothing was declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The stage of the connection.
    pub stage: Stage,
    /// The command that comes.
    pub command: CommandKind,
    /// Under the strict law; `None`: the command is refused, or the law does not have the stage.
    pub strict: Option<Accepted>,
    /// Under the robust law; `None`: the connection is closed, or the law does not have the stage.
    pub robust: Option<Accepted>,
    /// In libmilter's engine; `None`: the connection is closed, or the engine does not have the stage.
    pub libmilter: Option<Accepted>,
}

/// How a command is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// The stage that follows.
    pub stage: Stage,
    /// Whether it is in order. libmilter's engine ignores a command that is not.
    pub in_order: bool,
    /// Whether it aborts a message in progress.
    pub aborts_message: bool,
    /// Whether it gets a reply.
    pub is_replied: bool,
}

/// Returns a row for every stage and every command.
pub fn transitions() -> impl Iterator<Item = Transition> {
    let every = Stage::ALL.into_iter().flat_map(|stage| CommandKind::ALL.map(|command| (stage, command)));
    every.map(|(stage, command)| {
        let accept = |law| {
            let mut conversation = Conversation::new(law);
            conversation.enter(stage);
            let Passage { in_order, aborts_message } = conversation.command(command).ok()?;
            let (stage, is_replied) = (conversation.stage(), conversation.owed.is_some());
            Some(Accepted { stage, in_order, aborts_message, is_replied })
        };
        let under = |law| if stage.is_of(law) { accept(law) } else { None };
        Transition {
            stage,
            command,
            strict: under(Law::Strict),
            robust: under(Law::Robust),
            libmilter: under(Law::Libmilter),
        }
    })
}

/// Returns a row for every command that gets a verdict and every verdict, with its effect under the strict and the
/// robust law.
pub fn verdicts() -> impl Iterator<Item = (CommandKind, Verdict<'static>, Effect)> {
    CommandKind::ALL.into_iter().filter_map(|command| Some((command, effects(command)?))).flat_map(
        |(command, effects)| {
            VERDICTS.into_iter().zip(effects).map(move |(verdict, effect)| (command, verdict, effect))
        },
    )
}

/// The effect of a step on a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepEffect {
    /// The command is not sent.
    Declines(CommandKind),
    /// The command gets no reply.
    DropsReply(CommandKind),
}

/// Returns every step that declines a command or drops a reply.
pub fn steps() -> impl Iterator<Item = (Steps, StepEffect)> {
    CommandKind::ALL.into_iter().flat_map(|kind| {
        let command = kind.decline_step().map(|step| (step, StepEffect::Declines(kind)));
        let reply = kind.no_reply_step().map(|step| (step, StepEffect::DropsReply(kind)));
        command.into_iter().chain(reply)
    })
}
