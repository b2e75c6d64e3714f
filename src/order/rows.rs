//! The law as data: every row of its tables, for documents, tests and tools.

use super::state::{Conversation, Passage};
use super::table::{CommandKind, Effect, Law, Stage, VERDICTS, effects};
use crate::wire::{Steps, Verdict};

/// What a command does at a stage, when nothing was declined.
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
    /// Whether it comes in order. libmilter's engine ignores what does not.
    pub in_order: bool,
    /// Whether it ends a message that was in progress.
    pub aborts_message: bool,
    /// Whether a reply is owed for it.
    pub is_replied: bool,
}

/// Every stage with every command.
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

/// Every command that gets a verdict, with every verdict and its effect under the strict and the robust law.
pub fn verdicts() -> impl Iterator<Item = (CommandKind, Verdict<'static>, Effect)> {
    CommandKind::ALL.into_iter().filter_map(|command| Some((command, effects(command)?))).flat_map(
        |(command, effects)| {
            VERDICTS.into_iter().zip(effects).map(move |(verdict, effect)| (command, verdict, effect))
        },
    )
}

/// What a step does to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepEffect {
    /// The command is not sent.
    Declines(CommandKind),
    /// The command gets no reply.
    DropsReply(CommandKind),
}

/// Every step that declines a command or drops a reply.
pub fn steps() -> impl Iterator<Item = (Steps, StepEffect)> {
    CommandKind::ALL.into_iter().flat_map(|kind| {
        let command = kind.decline_step().map(|step| (step, StepEffect::Declines(kind)));
        let reply = kind.no_reply_step().map(|step| (step, StepEffect::DropsReply(kind)));
        command.into_iter().chain(reply)
    })
}
