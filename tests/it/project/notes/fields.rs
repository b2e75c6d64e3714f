//! The table of the fields of a message.

use crate::support::layout::{Message, Presence};

pub(super) fn print(message: &Message) -> String {
    if message.fields.is_empty() {
        return "The payload is empty.\n".to_owned();
    }
    let mut text = "| field | type | constraint |\n| --- | --- | --- |\n".to_owned();
    for field in message.fields {
        let constraint = match field.presence {
            Presence::Always => field.constraint.to_owned(),
            presence => format!("{}; {}", presence.note(), field.constraint),
        };
        text.push_str(&format!("| {} | {} | {constraint} |\n", field.name, field.kind.name()));
    }
    text
}
