//! A filter on miltr-server (tokio) that does what its rules say: scripts/rules.py has their form.

#[path = "../../scripts/rules.rs"]
mod rules;

use async_trait::async_trait;
use miltr_common::actions::{Action, Continue, Discard, Reject, Replycode, Skip, Tempfail};
use miltr_common::commands::{Body, Connect, Header, Helo, Mail, Recipient, Unknown};
use miltr_common::modifications::body::ReplaceBody;
use miltr_common::modifications::headers::{AddHeader, ChangeHeader, InsertHeader};
use miltr_common::modifications::quarantine::Quarantine;
use miltr_common::modifications::recipients::{AddRecipient, DeleteRecipient};
use miltr_common::modifications::{ModificationAction, ModificationResponse};
use miltr_server::{Milter, Server};
use rules::Call;
use tokio::net::UnixListener;
use tokio_util::compat::TokioAsyncReadCompatExt;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (socket, rules) = rules::from_command_line();
    let listener = UnixListener::bind(socket)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let mut filter = Filter { rules: rules.clone() };
        tokio::spawn(async move {
            if let Err(error) =
                Server::default_postfix(&mut filter).handle_connection(&mut stream.compat()).await
            {
                eprintln!("{error}");
            }
        });
    }
}

struct Filter {
    rules: Vec<String>,
}

impl Filter {
    fn judge(&self, stage: &str, text: &str) -> Result<Action, std::convert::Infallible> {
        Ok(action(rules::of(&self.rules, stage, text).1))
    }
}

#[async_trait]
impl Milter for Filter {
    type Error = std::convert::Infallible;

    async fn connect(&mut self, command: Connect) -> Result<Action, Self::Error> {
        self.judge("connect", &command.hostname())
    }

    async fn helo(&mut self, command: Helo) -> Result<Action, Self::Error> {
        self.judge("helo", &command.helo())
    }

    async fn mail(&mut self, command: Mail) -> Result<Action, Self::Error> {
        self.judge("mail", &command.sender())
    }

    async fn rcpt(&mut self, command: Recipient) -> Result<Action, Self::Error> {
        self.judge("rcpt", &command.recipient())
    }

    async fn data(&mut self) -> Result<Action, Self::Error> {
        self.judge("data", "")
    }

    async fn header(&mut self, command: Header) -> Result<Action, Self::Error> {
        self.judge("header", &command.name())
    }

    async fn end_of_header(&mut self) -> Result<Action, Self::Error> {
        self.judge("eoh", "")
    }

    async fn body(&mut self, _: Body) -> Result<Action, Self::Error> {
        self.judge("body", "")
    }

    async fn unknown(&mut self, command: Unknown) -> Result<Action, Self::Error> {
        self.judge("unknown", &String::from_utf8_lossy(command.as_bytes()))
    }

    async fn end_of_body(&mut self) -> Result<ModificationResponse, Self::Error> {
        let (edits, verdict) = rules::of(&self.rules, "eom", "");
        let mut response = ModificationResponse::builder();
        for call in &edits {
            response.push(edit(call));
        }
        Ok(response.build(action(verdict)))
    }

    async fn abort(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

fn edit(call: &Call) -> ModificationAction {
    let words: Vec<&str> = call.iter().map(String::as_str).collect();
    match words[..] {
        ["addheader", name, value] => AddHeader::new(name.as_bytes(), value.as_bytes()).into(),
        ["insheader", index, name, value] => {
            InsertHeader::new(number(index), name.as_bytes(), value.as_bytes()).into()
        }
        ["chgheader", name, index, value] => {
            ChangeHeader::new(number(index), name.as_bytes(), value.as_bytes()).into()
        }
        ["addrcpt", address] => AddRecipient::new(address.as_bytes()).into(),
        ["delrcpt", address] => DeleteRecipient::new(address.as_bytes()).into(),
        ["replacebody", body] => ReplaceBody::new(body.as_bytes()).into(),
        ["quarantine", reason] => Quarantine::new(reason.as_bytes()).into(),
        _ => panic!("no call {call:?}"),
    }
}

fn action(verdict: Option<Call>) -> Action {
    let Some(call) = verdict else { return Continue.into() };
    match call[0].as_str() {
        "continue" => Continue.into(),
        "reject" => Reject.into(),
        "tempfail" => Tempfail.into(),
        "discard" => Discard.into(),
        "skip" => Skip.into(),
        "setreply" => Replycode::new(digits(&call[1]), numbers(&call[2]), &call[3]).into(),
        other => panic!("no verdict {other}"),
    }
}

fn digits(code: &str) -> [u8; 3] {
    code.bytes().map(|byte| byte - b'0').collect::<Vec<_>>().try_into().expect("three digits")
}

fn numbers(enhanced: &str) -> [u16; 3] {
    let numbers: Vec<u16> = enhanced.split('.').map(|word| word.parse().expect("a number")).collect();
    numbers.try_into().expect("three numbers")
}

fn number(word: &str) -> u32 {
    word.parse().expect("a number")
}
