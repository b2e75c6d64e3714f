//! Judges one recording.

use core::fmt::Display;

use milter_proto::error::ReceiveError;
use milter_proto::filter::{Event, Policy, Turn};
use milter_proto::order::Rule;
use milter_proto::wire::{Command, Frame, Response, Tolerance, code_name};
use milter_proto::{FilterSession, Misuse, Monitor};

use crate::finding::{Finding, Kind};
use crate::marks::Marks;
use crate::recording::{Recording, Side};

/// The condition of a filter that cannot see where a message begins.
const UNSEEN_MAIL: &str = "neither MAIL nor its macros";

/// What came of a recording.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) findings: Vec<Finding>,
    /// Replies that libmilter's engine would not have given, and whether it would have closed the connection.
    pub(crate) libmilter_silent: u32,
    pub(crate) libmilter_closed: u32,
    /// Whether our session under the strict policy closed the connection.
    pub(crate) strict_closed: u32,
    /// Commands out of order that the default policy accepted.
    pub(crate) out_of_order: u32,
}

/// Judges a recording by the monitor and by the filter session under each policy.
pub(crate) fn judge(recording: &Recording) -> Judgement {
    let mut judgement = Judgement::default();
    let broken = monitor(recording, &mut judgement);
    strict(recording, broken, &mut judgement);
    libmilter(recording, &mut judgement);
    default(recording, &mut judgement);
    judgement
}

/// Lets the monitor watch, and returns the first frame of the MTA that breaks a rule.
fn monitor(recording: &Recording, judgement: &mut Judgement) -> Option<usize> {
    let mut monitor = Monitor::new();
    let mut first = None;
    for (index, (side, frame)) in recording.frames.iter().enumerate() {
        let stage = monitor.stage();
        let observation = monitor.observe(side.direction(), frame.as_frame());
        let kind = if *side == Side::Mta { Kind::Strict } else { Kind::Recorder };
        for rule in observation.violations() {
            if *side == Side::Mta {
                first = first.or(Some(index));
            }
            let at = At { index, frame: frame.as_frame(), stage: format!("{stage:?}") };
            judgement.findings.push(at.finding(recording, kind, rule.id(), &rule));
        }
    }
    first
}

/// The strict policy has to close at the first violation that the monitor sees, and nowhere else.
fn strict(recording: &Recording, broken: Option<usize>, judgement: &mut Judgement) {
    let mut session = FilterSession::with_policy(Policy::STRICT);
    for (index, (side, frame)) in recording.frames.iter().enumerate() {
        let frame = frame.as_frame();
        let at = At { index, frame, stage: format!("{:?}", session.stage()) };
        let problem = match side {
            Side::Mta => receive(&mut session, frame, |_| {}).err().map(|error| error.to_string()),
            Side::Filter => match send(&mut session, frame) {
                Ok(()) => None,
                // The monitor has said what is wrong with the filter.
                Err(_) => return,
            },
        };
        let is_expected = broken == Some(index);
        if let Some(text) = &problem {
            judgement.strict_closed += 1;
            if !is_expected {
                let text = format!("the monitor has nothing against it: {text}");
                judgement.findings.push(at.finding(recording, Kind::Disagreement, "", &text));
            }
            return;
        }
        if is_expected {
            let text = "the monitor reports it, and the session under the strict policy accepts it";
            judgement.findings.push(at.finding(recording, Kind::Disagreement, "", &text));
            return;
        }
    }
}

/// Counts what libmilter's engine does not answer. That is known, and no finding.
fn libmilter(recording: &Recording, judgement: &mut Judgement) {
    let mut session = FilterSession::with_policy(Policy::LIBMILTER);
    for (side, frame) in &recording.frames {
        match side {
            Side::Mta => {
                // It would wait for the filter, and so would the MTA.
                if matches!(session.turn(), Turn::Reply(_)) {
                    return;
                }
                if receive(&mut session, frame.as_frame(), |_| {}).is_err() {
                    judgement.libmilter_closed += 1;
                    return;
                }
            }
            Side::Filter => match send(&mut session, frame.as_frame()) {
                Err(Misuse { rule: Rule::NotOwed, .. }) => judgement.libmilter_silent += 1,
                Err(_) => return,
                Ok(()) => {}
            },
        }
    }
}

/// The default policy has to answer everything that has a reply, and to keep messages apart.
fn default(recording: &Recording, judgement: &mut Judgement) {
    let mut session = FilterSession::new();
    let mut marks = Marks::default();
    for (index, (side, frame)) in recording.frames.iter().enumerate() {
        let frame = frame.as_frame();
        let at = At { index, frame, stage: format!("{:?}", session.stage()) };
        let problem = match side {
            Side::Mta => match session.turn() {
                Turn::Reply(owed) => Some((Kind::Unasked, "", format!("we still owe a reply to {owed}"))),
                _ => {
                    let mut mixed = None;
                    let received = receive(&mut session, frame, |event| {
                        judgement.out_of_order += u32::from(!event.in_order);
                        mixed = marks.see(event);
                    });
                    match received {
                        Err(error) => Some((Kind::Closed, rule_of(&error), error.to_string())),
                        Ok(()) => {
                            if let Some(text) = mixed {
                                judgement.findings.push(at.finding(recording, Kind::Mixed, "", &text));
                            }
                            None
                        }
                    }
                }
            },
            Side::Filter => match send(&mut session, frame) {
                Ok(()) => {
                    let response = Response::parse_as(frame, Tolerance::LENIENT).ok();
                    marks.answered(response.map(|decoded| decoded.value), session.stage());
                    None
                }
                Err(misuse) if misuse.rule == Rule::NotOwed => {
                    Some((Kind::Silent, misuse.rule.id(), misuse.to_string()))
                }
                Err(misuse) => Some((Kind::Unsent, misuse.rule.id(), misuse.to_string())),
            },
        };
        if let Some((kind, rule, text)) = problem {
            judgement.findings.push(at.finding(recording, kind, rule, &text));
            return;
        }
    }
}

/// Gives a frame to a session, and what follows in it.
fn receive(
    session: &mut FilterSession,
    frame: Frame<'_>,
    mut see: impl FnMut(&Event<'_>),
) -> Result<(), ReceiveError> {
    see(&session.receive(frame)?);
    if let Some(event) = session.rest_of_frame() {
        see(&event);
    }
    Ok(())
}

/// Sends what the recorded filter sent.
fn send(session: &mut FilterSession, frame: Frame<'_>) -> Result<(), Misuse> {
    let response =
        Response::parse_as(frame, Tolerance::LENIENT).map_or(Response::Other(frame), |it| it.value);
    session.send(response).map(drop)
}

const fn rule_of(error: &ReceiveError) -> &'static str {
    match error {
        ReceiveError::Peer(violation) => violation.rule.id(),
        _ => "",
    }
}

/// Where in a recording something happened.
#[derive(Debug)]
struct At<'f> {
    index: usize,
    frame: Frame<'f>,
    stage: String,
}

impl At<'_> {
    fn finding(&self, recording: &Recording, kind: Kind, rule: &str, text: &dyn Display) -> Finding {
        let name =
            Command::parse_as(self.frame, Tolerance::LENIENT).ok().and_then(|_| code_name(self.frame.code()));
        Finding {
            file: recording.path.display().to_string(),
            mta: recording.header.mta.clone(),
            kind,
            rule: rule.to_owned(),
            command: name.map_or_else(|| char::from(self.frame.code()).to_string(), str::to_owned),
            stage: self.stage.clone(),
            condition: if recording.shows_mail() { "" } else { UNSEEN_MAIL }.to_owned(),
            text: text.to_string(),
            frames: recording.codes(Some(self.index)),
            explained: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use milter_proto::wire::{Frame, FrameBuf};

    use super::{Judgement, judge};
    use crate::finding::Kind;
    use crate::recording::{Header, Recording, Side};

    const OFFER: (Side, u8, &[u8]) = (Side::Mta, b'O', b"\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff");
    const ANSWER: (Side, u8, &[u8]) = (Side::Filter, b'O', b"\0\0\0\x06\0\0\0\0\0\0\0\0");
    const CONNECT: (Side, u8, &[u8]) = (Side::Mta, b'C', b"localhost\x004\0\x19127.0.0.1\0");
    const HELO: (Side, u8, &[u8]) = (Side::Mta, b'H', b"x\0");
    const MAIL: (Side, u8, &[u8]) = (Side::Mta, b'M', b"<s1-1@sender.example>\0");
    const RCPT: (Side, u8, &[u8]) = (Side::Mta, b'R', b"<bob.s1-1@rcpt.example>\0");
    const DATA: (Side, u8, &[u8]) = (Side::Mta, b'T', b"");
    const END_OF_HEADERS: (Side, u8, &[u8]) = (Side::Mta, b'N', b"");
    const END: (Side, u8, &[u8]) = (Side::Mta, b'E', b"");
    const CONTINUE: (Side, u8, &[u8]) = (Side::Filter, b'c', b"");

    /// Judges a session that begins with OPTNEG and CONNECT.
    fn judged(frames: &[(Side, u8, &[u8])]) -> Judgement {
        let begin = [OFFER, ANSWER, CONNECT, CONTINUE];
        let frames = begin.iter().chain(frames);
        let frames = frames.map(|&(side, code, payload)| (side, FrameBuf::from(Frame::new(code, payload))));
        let header = Header { mta: "a test".to_owned() };
        judge(&Recording { path: PathBuf::new(), header, frames: frames.collect() })
    }

    fn kinds(judgement: &Judgement) -> Vec<(Kind, &str)> {
        judgement.findings.iter().map(|finding| (finding.kind, finding.rule.as_str())).collect()
    }

    #[test]
    fn a_polite_session_gives_no_finding() {
        let message =
            [MAIL, CONTINUE, RCPT, CONTINUE, DATA, CONTINUE, END_OF_HEADERS, CONTINUE, END, CONTINUE];
        assert_eq!(kinds(&judged(&message)), []);
    }

    #[test]
    fn a_command_out_of_order_breaks_the_strict_law_and_is_answered() {
        let judgement = judged(&[HELO, CONTINUE, DATA, CONTINUE]);
        assert_eq!(kinds(&judgement), [(Kind::Strict, "ORD-1")]);
        assert_eq!((judgement.out_of_order, judgement.strict_closed, judgement.libmilter_silent), (1, 1, 1));
        assert_eq!(judgement.findings[0].frames, "O<O C<c H<c !T<c");
    }

    #[test]
    fn an_answer_that_nobody_owes_is_found() {
        let judgement = judged(&[HELO, CONTINUE, CONTINUE]);
        assert_eq!(kinds(&judgement), [(Kind::Recorder, "ORD-3"), (Kind::Silent, "ORD-3")]);
    }

    #[test]
    fn an_answer_that_does_not_come_is_found() {
        let judgement = judged(&[HELO, MAIL, CONTINUE]);
        assert_eq!(kinds(&judgement), [(Kind::Strict, "ORD-2"), (Kind::Unasked, "")]);
    }

    #[test]
    fn a_stream_that_cannot_be_understood_is_closed() {
        let judgement = judged(&[HELO, CONTINUE, (Side::Mta, b'Z', b"")]);
        assert_eq!(kinds(&judgement), [(Kind::Strict, "ORD-13"), (Kind::Closed, "ORD-13")]);
    }

    #[test]
    fn a_verdict_that_does_not_fit_is_not_sent() {
        let judgement = judged(&[HELO, (Side::Filter, b's', b"")]);
        assert_eq!(kinds(&judgement), [(Kind::Recorder, "ORD-7"), (Kind::Unsent, "ORD-7")]);
    }

    #[test]
    fn parts_of_two_messages_are_found() {
        let other = (Side::Mta, b'R', b"<bob.s1-2@rcpt.example>\0".as_slice());
        let envelope = [MAIL, CONTINUE, RCPT, CONTINUE, other, CONTINUE, DATA, CONTINUE];
        let message = [&envelope[..], &[END_OF_HEADERS, CONTINUE, END, CONTINUE]].concat();
        assert_eq!(kinds(&judged(&message)), [(Kind::Mixed, "")]);
        let refused = (Side::Filter, b'r', b"".as_slice());
        let message: Vec<_> =
            message.iter().enumerate().map(|(at, &it)| if at == 5 { refused } else { it }).collect();
        assert_eq!(kinds(&judged(&message)), [], "a recipient that was refused is not of the message");
    }
}
