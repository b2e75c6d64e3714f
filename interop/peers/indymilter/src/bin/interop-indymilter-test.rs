//! An MTA on indymilter-test (tokio) that asks a filter about one message: scripts/letter.rs has its command line.

#[path = "../../../scripts/letter.rs"]
mod letter;

use std::error::Error;
use std::ffi::CString;
use std::time::Duration;

use indymilter_test::{MacroStage, ProtoOpts, Status, TestConnection, TestResult};
use letter::{Letter, Outcome};

const WAIT: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let letter = letter::from_command_line();
    let connection = TestConnection::configure().read_timeout(WAIT).write_timeout(WAIT);
    let mut filter = connection.open_unix(&letter.socket).await?;
    let outcome = match converse(&mut filter, &letter).await? {
        Verdict::Ended(outcome) => outcome,
        Verdict::Continue | Verdict::Skip => outcome_of(&filter.eom().await?.1),
    };
    filter.close().await?;
    outcome.print();
    Ok(())
}

/// Sends the message, without its end, up to the first verdict on it. The library leaves it to the caller not to send
/// what the filter has declined.
async fn converse(filter: &mut TestConnection, letter: &Letter) -> TestResult<Verdict> {
    let declined = filter.negotiated_opts();
    let mut verdict = Verdict::Continue;
    macros(filter, MacroStage::Connect, &[("j", "mta.example.org"), ("v", "interop")]).await?;
    if !declined.contains(ProtoOpts::NO_CONNECT) {
        verdict = verdict_of(&filter.connect(letter.helo.as_str(), ([192, 0, 2, 7], 40_000)).await?);
    }
    if verdict.goes_on() {
        macros(filter, MacroStage::Helo, &[]).await?;
        if !declined.contains(ProtoOpts::NO_HELO) {
            verdict = verdict_of(&filter.helo(letter.helo.as_str()).await?);
        }
    }
    if verdict.goes_on() {
        let sender = letter.sender.trim_matches(['<', '>']);
        macros(filter, MacroStage::Mail, &[("{mail_addr}", sender)]).await?;
        if !declined.contains(ProtoOpts::NO_MAIL) {
            verdict = verdict_of(&filter.mail([letter.sender.as_str()]).await?);
        }
    }
    if verdict.goes_on() {
        verdict = recipients(filter, letter, declined.contains(ProtoOpts::NO_RCPT)).await?;
    }
    if verdict.goes_on() {
        macros(filter, MacroStage::Data, &[("i", "QUEUEID")]).await?;
        if !declined.contains(ProtoOpts::NO_DATA) {
            verdict = verdict_of(&filter.data().await?);
        }
    }
    if verdict.goes_on() && !declined.contains(ProtoOpts::NO_HEADER) {
        for (name, value) in &letter.headers {
            if verdict.goes_on() {
                verdict = verdict_of(&filter.header(text(name), text(value)).await?);
            }
        }
    }
    if verdict.goes_on() {
        macros(filter, MacroStage::Eoh, &[("i", "QUEUEID")]).await?;
        if !declined.contains(ProtoOpts::NO_EOH) {
            verdict = verdict_of(&filter.eoh().await?);
        }
    }
    // The library cuts the body into chunks.
    if verdict.goes_on() && !declined.contains(ProtoOpts::NO_BODY) {
        verdict = verdict_of(&filter.body(letter.body.clone()).await?);
    }
    if verdict.goes_on() {
        macros(filter, MacroStage::Eom, &[("i", "QUEUEID")]).await?;
    }
    Ok(verdict)
}

/// Sends the recipients. If it refuses all of them, that is the verdict on the message.
async fn recipients(filter: &mut TestConnection, letter: &Letter, declined: bool) -> TestResult<Verdict> {
    let (mut taken, mut last) = (false, Verdict::Continue);
    for recipient in &letter.recipients {
        let address = recipient.trim_matches(['<', '>']);
        macros(filter, MacroStage::Rcpt, &[("{rcpt_addr}", address)]).await?;
        if !declined {
            last = verdict_of(&filter.rcpt([recipient.as_str()]).await?);
        }
        match last {
            Verdict::Ended(Outcome::Refused(_)) => {}
            Verdict::Ended(Outcome::Accepted) => return Ok(last),
            Verdict::Continue | Verdict::Skip => taken = true,
        }
    }
    Ok(if taken { Verdict::Continue } else { last })
}

/// Sends the macros of a stage: what the filter asked for, if there is a value, or else the usual ones. The library
/// cannot send a command without macros.
async fn macros(filter: &mut TestConnection, stage: MacroStage, usual: &[(&str, &str)]) -> TestResult<()> {
    let asked = filter.requested_macros().get(&stage).map(|names| names.to_string_lossy().into_owned());
    let sent: Vec<(String, &str)> = match &asked {
        Some(names) => names
            .split([' ', '\t', '\r', '\n', ','])
            .filter_map(|name| Some((name.to_owned(), value(name, usual)?)))
            .collect(),
        None => usual.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    };
    if sent.is_empty() {
        Ok(())
    } else {
        filter.macros(stage, sent).await
    }
}

/// The value of a macro, whose name may have braces or not: those of the stage, and those that are always known.
fn value<'a>(name: &str, of_stage: &[(&str, &'a str)]) -> Option<&'a str> {
    let bare = |name: &'_ str| name.trim_matches(['{', '}']).to_owned();
    let always = [("j", "mta.example.org"), ("v", "interop")];
    let found = of_stage.iter().chain(&always).find(|(known, _)| bare(known) == bare(name));
    found.map(|(_, value)| *value)
}

/// What the filter says to a command.
enum Verdict {
    Continue,
    Skip,
    Ended(Outcome),
}

impl Verdict {
    fn goes_on(&self) -> bool {
        !matches!(self, Self::Ended(_))
    }
}

fn verdict_of(status: &Status) -> Verdict {
    match status {
        Status::Continue | Status::Noreply => Verdict::Continue,
        Status::Skip => Verdict::Skip,
        ended => Verdict::Ended(outcome_of(ended)),
    }
}

fn outcome_of(status: &Status) -> Outcome {
    match status {
        Status::Reject { message: Some(reply) } | Status::Tempfail { message: Some(reply) } => {
            Outcome::Refused(reply.to_string_lossy().into_owned())
        }
        Status::Reject { message: None } => Outcome::rejected(),
        Status::Tempfail { message: None } => Outcome::deferred(),
        _ => Outcome::Accepted,
    }
}

fn text(octets: &[u8]) -> CString {
    CString::new(octets).expect("no NUL")
}
