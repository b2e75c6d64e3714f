//! Copies of macro values that `smfi_getsymval` gave out.
//!
//! Programs keep these pointers: OpenDKIM stores the queue id at MAIL and reads it at the end of the message. So a copy
//! lives as long as the value would live in libmilter: until its stage gets other macros, or a command of an earlier
//! stage comes.

use milter_proto::filter::Event;
use milter_proto::wire::{Command, MacroStage};

/// The stages in the order in which libmilter forgets them.
const STAGES: [MacroStage; 7] = [
    MacroStage::CONNECT,
    MacroStage::HELO,
    MacroStage::MAIL,
    MacroStage::RCPT,
    MacroStage::DATA,
    MacroStage::END_OF_HEADERS,
    MacroStage::END_OF_MESSAGE,
];

/// The place of RCPT: later commands make no earlier macros obsolete.
const LAST_THAT_FORGETS: usize = 3;

/// The values that were given out, by stage, each with its NUL.
#[derive(Debug, Default)]
pub(crate) struct Answers([Vec<Vec<u8>>; STAGES.len()]);

impl Answers {
    /// Frees the copies of values that a command makes obsolete.
    pub(crate) fn observe(&mut self, event: &Event<'_>) {
        match event.command {
            Command::Header { .. } | Command::Body { .. } => {}
            Command::Macros(macros) => {
                if let Some(given) = place(macros.stage()).and_then(|place| self.0.get_mut(place)) {
                    given.clear();
                }
            }
            Command::Negotiate(_) | Command::QuitNewConnection => self.forget_from(0),
            _ => {
                let command = place(MacroStage::new(event.command.code()));
                if let Some(place) = command.filter(|&place| place <= LAST_THAT_FORGETS) {
                    self.forget_from(place.saturating_add(1));
                }
            }
        }
    }

    /// Keeps a value of a stage, and returns the copy. A value that was given out before is not copied again.
    pub(crate) fn keep(&mut self, stage: MacroStage, value: &[u8]) -> Option<&mut Vec<u8>> {
        let given = self.0.get_mut(place(stage)?)?;
        let is_same = |copy: &Vec<u8>| copy.strip_suffix(b"\0") == Some(value);
        let index = given.iter().position(is_same).unwrap_or(given.len());
        if index == given.len() {
            given.push([value, b"\0"].concat());
        }
        given.get_mut(index)
    }

    fn forget_from(&mut self, place: usize) {
        self.0.iter_mut().skip(place).for_each(Vec::clear);
    }
}

fn place(stage: MacroStage) -> Option<usize> {
    STAGES.iter().position(|&it| it == stage)
}

#[cfg(test)]
mod tests {
    use milter_proto::filter::Event;
    use milter_proto::wire::{Command, MacroStage, Text, TextList};

    use super::Answers;

    #[test]
    fn a_value_lives_until_its_stage_is_over() {
        let mut answers = Answers::default();
        let place = answers.keep(MacroStage::MAIL, b"Q1").unwrap().as_ptr();
        assert_eq!(answers.keep(MacroStage::MAIL, b"Q1").unwrap().as_ptr(), place);
        answers.keep(MacroStage::RCPT, b"x").unwrap();
        let address = Text::new(b"<>").unwrap();
        let rcpt = Event::new(Command::RcptTo { address, arguments: TextList::default() });
        answers.observe(&rcpt);
        assert_eq!(answers.keep(MacroStage::MAIL, b"Q1").unwrap().as_ptr(), place);
        answers.observe(&Event::new(Command::Helo { name: address }));
        assert!(answers.0.iter().all(Vec::is_empty));
    }
}
