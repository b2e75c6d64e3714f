//! The law as data: every row of its tables, for documents, tests and tools.

use super::conversation::{COLUMNS, Conversation, Effect, Law, Passage, effects};
use super::stage::{CommandKind, Stage};
use crate::wire::{Steps, Verdict};

/// What a command comes to at a stage, when nothing is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Where the conversation stands.
    pub stage: Stage,
    /// The command that comes.
    pub command: CommandKind,
    /// The stage that follows under the strict law; `None`: the command is refused, or
    /// that law has no such stage.
    pub strict: Option<Stage>,
    /// How libmilter's engine takes it, and the stage that follows; `None`: the engine has no such stage,
    /// or the connection is closed.
    pub libmilter: Option<(Passage, Stage)>,
}

/// Every stage with every command.
pub fn transitions() -> impl Iterator<Item = Transition> {
    let every = Stage::ALL.into_iter().flat_map(|stage| CommandKind::ALL.map(|command| (stage, command)));
    every.map(|(stage, command)| {
        let take = |law| {
            let mut conversation = Conversation::new(law);
            conversation.enter(stage);
            conversation.command(command).ok().map(|passage| (passage, conversation.stage()))
        };
        Transition {
            stage,
            command,
            strict: take(Law::Strict).map(|(_, stage)| stage).filter(|_| stage.is_of(Law::Strict)),
            libmilter: take(Law::Libmilter).filter(|_| stage.is_of(Law::Libmilter)),
        }
    })
}

/// Every command that has a verdict, with every verdict and what it does under the strict law.
pub fn verdicts() -> impl Iterator<Item = (CommandKind, Verdict<'static>, Effect)> {
    CommandKind::ALL.into_iter().filter_map(|command| Some((command, effects(command)?))).flat_map(
        |(command, effects)| {
            COLUMNS.into_iter().zip(effects).map(move |(verdict, effect)| (command, verdict, effect))
        },
    )
}

/// What a step switches off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Switch {
    /// The command is not sent.
    Command(CommandKind),
    /// The command gets no reply.
    Reply(CommandKind),
}

/// Every step that switches something off.
pub fn switches() -> impl Iterator<Item = (Steps, Switch)> {
    CommandKind::ALL.into_iter().flat_map(|kind| {
        let command = kind.off().map(|step| (step, Switch::Command(kind)));
        let reply = kind.no_reply().map(|step| (step, Switch::Reply(kind)));
        command.into_iter().chain(reply)
    })
}
