//! An MTA on miltr-client (tokio) that asks a filter about one message: scripts/letter.rs has its command line.

#[path = "../../../scripts/letter.rs"]
mod letter;

use std::error::Error;
use std::time::Duration;

use letter::{Letter, Outcome};
use miltr_client::{Client, Connection, ResponseError};
use miltr_common::actions::{Action, Replycode};
use miltr_common::commands::{Connect, Family, Header};
use miltr_common::decoding::ServerCommand;
use miltr_common::optneg::{OptNeg, Protocol};
use tokio::net::UnixStream;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

/// The library has no timeouts.
const WAIT: Duration = Duration::from_secs(3);
const CHUNK: usize = 65_535;

type Filter = Connection<Compat<UnixStream>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let letter = letter::from_command_line();
    tokio::time::timeout(WAIT, ask(&letter)).await??.print();
    Ok(())
}

async fn ask(letter: &Letter) -> Result<Outcome, Box<dyn Error>> {
    // The default offers no steps. These are the ones that the library heeds.
    let protocol = Protocol::all() - Protocol::SMFIP_RCPT_REJ - Protocol::SMFIP_HDR_LEADSPC;
    let client = Client::new(OptNeg { protocol, ..OptNeg::default() });
    let mut filter = client.connect_via(UnixStream::connect(&letter.socket).await?.compat()).await?;
    let outcome = converse(&mut filter, letter).await?;
    // `abort` would end the connection, so a message that is over early is left with QUIT.
    filter.quit().await?;
    Ok(outcome)
}

/// Sends the message up to the first verdict on it.
async fn converse(filter: &mut Filter, letter: &Letter) -> Result<Outcome, Box<dyn Error>> {
    let client = Connect::new(letter.helo.as_bytes(), Family::Inet, Some(40_000), b"192.0.2.7");
    let mut verdict = verdict_of(filter.connect(client).await)?;
    if verdict.goes_on() {
        verdict = verdict_of(filter.helo(letter.helo.as_bytes()).await)?;
    }
    if verdict.goes_on() {
        verdict = verdict_of(filter.mail(letter.sender.as_bytes()).await)?;
    }
    if verdict.goes_on() {
        verdict = recipients(filter, letter).await?;
    }
    if verdict.goes_on() {
        verdict = verdict_of(filter.data().await)?;
    }
    for (name, value) in &letter.headers {
        if verdict.goes_on() {
            verdict = verdict_of(filter.header(Header::new(name, value)).await)?;
        }
    }
    if verdict.goes_on() {
        verdict = verdict_of(filter.end_of_header().await)?;
    }
    if verdict.goes_on() {
        verdict = body(filter, letter).await?;
    }
    match verdict {
        Verdict::Continue | Verdict::Skip => {
            let response = filter.end_of_body().await?;
            Ok(match response.final_action() {
                Action::Reject(_) => Outcome::rejected(),
                Action::Tempfail(_) => Outcome::deferred(),
                Action::Replycode(reply) => refusal(reply)?,
                _ => Outcome::Accepted,
            })
        }
        Verdict::Ended(outcome) => Ok(outcome),
    }
}

/// Sends the recipients. If it refuses all of them, that is the verdict on the message.
async fn recipients(filter: &mut Filter, letter: &Letter) -> Result<Verdict, Box<dyn Error>> {
    let (mut taken, mut last) = (false, Verdict::Continue);
    for recipient in &letter.recipients {
        last = verdict_of(filter.recipient(recipient.as_bytes()).await)?;
        match last {
            Verdict::Ended(Outcome::Refused(_)) => {}
            Verdict::Ended(Outcome::Accepted) => return Ok(last),
            Verdict::Continue | Verdict::Skip => taken = true,
        }
    }
    Ok(if taken { Verdict::Continue } else { last })
}

/// Sends the body, up to a verdict or SKIP.
async fn body(filter: &mut Filter, letter: &Letter) -> Result<Verdict, Box<dyn Error>> {
    for chunk in letter.body.chunks(CHUNK) {
        let verdict = verdict_of(filter.body(chunk).await)?;
        if !matches!(verdict, Verdict::Continue) {
            return Ok(verdict);
        }
    }
    Ok(Verdict::Continue)
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

/// For the library, everything but CONTINUE is an error.
fn verdict_of(result: Result<(), ResponseError>) -> Result<Verdict, Box<dyn Error>> {
    let Err(ResponseError::Unexpected(command)) = result else {
        result?;
        return Ok(Verdict::Continue);
    };
    Ok(match command {
        ServerCommand::Skip(_) => Verdict::Skip,
        ServerCommand::Discard(_) => Verdict::Ended(Outcome::Accepted),
        ServerCommand::Reject(_) => Verdict::Ended(Outcome::rejected()),
        ServerCommand::Tempfail(_) => Verdict::Ended(Outcome::deferred()),
        ServerCommand::Replycode(reply) => Verdict::Ended(refusal(&reply)?),
        other => return Err(ResponseError::Unexpected(other).into()),
    })
}

/// The reply, which the library takes apart.
fn refusal(reply: &Replycode) -> Result<Outcome, Box<dyn Error>> {
    let digits = reply.rcode().code();
    if !matches!(digits[0], 4 | 5) {
        return Err("a reply that is no refusal".into());
    }
    let mut words = vec![digits.map(|digit| digit.to_string()).concat()];
    words.extend(reply.xcode().as_ref().map(|code| code.code().map(|part| part.to_string()).join(".")));
    words.push(reply.message().into_owned());
    Ok(Outcome::Refused(words.join(" ")))
}
