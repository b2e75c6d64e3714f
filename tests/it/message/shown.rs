//! The messages of a captured session, as the filter saw them, and what it asked for.

use milter_proto::message::{Edits, EnvelopeAddress};
use milter_proto::mta::EditStatus;
use milter_proto::negotiation::Negotiated;
use milter_proto::order::CommandKind;
use milter_proto::wire::{Command, Edit, LeadingSpace, Response, Steps, Tolerance, Verdict};

use crate::support::recorded::Session;
use crate::support::recorded::capture::Side;

/// A message as a session shows it. `None`: the filter was not told, or not all of it.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) sender: Option<EnvelopeAddress>,
    pub(super) recipients: Option<Vec<EnvelopeAddress>>,
    /// Names and values, as they were sent.
    pub(super) headers: Option<Vec<(Vec<u8>, Vec<u8>)>>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) edits: Edits,
    pub(super) is_accepted: bool,
    /// How header values were sent.
    pub(super) space: LeadingSpace,
}

impl Shown {
    /// A message that was accepted although the filter was not asked.
    pub(super) fn unfiltered() -> Self {
        Self {
            sender: None,
            recipients: None,
            headers: None,
            body: None,
            edits: Edits::new(),
            is_accepted: true,
            space: LeadingSpace::Stripped,
        }
    }

    fn new(negotiated: &Negotiated) -> Self {
        let steps = negotiated.effective_steps();
        let is_told = |step| !steps.contains(step);
        Self {
            sender: None,
            recipients: is_told(Steps::NO_RCPT).then(Vec::new),
            headers: is_told(Steps::NO_HEADERS).then(Vec::new),
            body: is_told(Steps::NO_BODY).then(Vec::new),
            edits: Edits::new(),
            is_accepted: false,
            space: negotiated.leading_space(),
        }
    }

    /// Adds what a command tells.
    fn see(&mut self, command: &Command<'_>) {
        match *command {
            Command::MailFrom { address, arguments } => {
                self.sender = Some(EnvelopeAddress::new(address).with_arguments(arguments.iter()));
            }
            Command::RcptTo { address, arguments } => {
                let address = EnvelopeAddress::new(address).with_arguments(arguments.iter());
                self.recipients.iter_mut().for_each(|recipients| recipients.push(address.clone()));
            }
            Command::Header { name, value } => {
                let header = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
                self.headers.iter_mut().for_each(|headers| headers.push(header.clone()));
            }
            Command::Body { chunk } => self.body.iter_mut().for_each(|body| body.extend_from_slice(chunk)),
            _ => {}
        }
    }

    /// Forgets the parts that may be incomplete, because the filter is not told more than this command.
    fn cut(&mut self, last: CommandKind) {
        if matches!(last, CommandKind::MailFrom | CommandKind::RcptTo) {
            self.recipients = None;
        }
        if last < CommandKind::EndOfHeaders {
            self.headers = None;
        }
        if last < CommandKind::EndOfMessage {
            self.body = None;
        }
    }
}

/// The messages of a session that the filter decided: at their end, or before it. And whether it accepted the whole
/// connection, so that it was not told about later ones.
pub(super) fn messages(session: &Session) -> (Vec<Shown>, bool) {
    let (commands, responses) = (session.frames(Side::Mta).0, session.frames(Side::Filter).0);
    let is_sendmail = session.header.mta.starts_with("sendmail");
    let mut responses = responses
        .iter()
        .map(|frame| Response::parse_as(frame.as_frame(), Tolerance::LENIENT).unwrap().value)
        .peekable();
    let (mut found, mut negotiated) = (Vec::new(), Negotiated::NOTHING);
    let mut current = Shown::new(&negotiated);
    // The MTA itself refuses the next recipient.
    let (mut is_refused, mut is_connection_accepted) = (false, false);
    for frame in &commands {
        let command = Command::parse_as(frame.as_frame(), Tolerance::LENIENT).unwrap().value;
        if let Command::Macros(macros) = command {
            is_refused |= macros.get("{rcpt_mailer}").is_some_and(|mailer| mailer == "error");
            continue;
        }
        let kind = CommandKind::from_command(&command).unwrap();
        if matches!(kind, CommandKind::MailFrom | CommandKind::Abort | CommandKind::Quit) {
            current = Shown::new(&negotiated);
        }
        let has_reply =
            kind.has_reply() && kind.no_reply_step().is_none_or(|step| !negotiated.steps.contains(step));
        let mut verdict = Some(Verdict::Continue);
        while let Some(response) = responses.next_if(|response| has_reply && comes_first(response)) {
            if let Response::Edit(edit) = response {
                current.edits.push(edit, status(edit, &negotiated, is_sendmail)).unwrap();
            }
        }
        if has_reply {
            match responses.next() {
                Some(Response::Negotiate(answer)) => {
                    negotiated.version = answer.version;
                    negotiated.actions = answer.actions;
                    negotiated.steps = answer.steps;
                    current = Shown::new(&negotiated);
                }
                Some(Response::Verdict(given)) => verdict = Some(given),
                None => verdict = None,
                other => panic!("{}: {other:?}", session.path.display()),
            }
        }
        is_connection_accepted |=
            verdict == Some(Verdict::Accept) && matches!(kind, CommandKind::Connect | CommandKind::Helo);
        let is_content = kind >= CommandKind::MailFrom && kind <= CommandKind::EndOfMessage;
        let is_known = kind != CommandKind::RcptTo || !core::mem::take(&mut is_refused);
        match verdict {
            Some(Verdict::Continue) if is_known => current.see(&command),
            Some(Verdict::Skip | Verdict::Accept) => {
                current.see(&command);
                if is_content {
                    current.cut(kind);
                }
            }
            _ => {}
        }
        let is_end = kind == CommandKind::EndOfMessage && verdict.is_some();
        if is_end || verdict == Some(Verdict::Accept) && is_content {
            current.is_accepted = matches!(verdict, Some(Verdict::Continue | Verdict::Accept));
            found.push(core::mem::replace(&mut current, Shown::new(&negotiated)));
        }
    }
    (found, is_connection_accepted)
}

/// Whether a response comes before a verdict.
const fn comes_first(response: &Response<'_>) -> bool {
    matches!(response, Response::Progress | Response::Edit(_))
}

/// Whether an edit counts.
fn status(edit: Edit<'_>, negotiated: &Negotiated, is_sendmail: bool) -> EditStatus {
    match edit {
        _ if negotiated.actions.contains(edit.action()) => EditStatus::Negotiated,
        Edit::ReplaceBody { .. } if is_sendmail => EditStatus::RejectsMessage,
        _ => EditStatus::NotNegotiated,
    }
}
