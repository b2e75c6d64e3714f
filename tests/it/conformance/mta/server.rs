//! A small MTA, without faults of its own: an SMTP server that asks one filter by a [`Chain`].

use milter_proto::ReceiveError;
use milter_proto::message::{
    Chain, ChainAnswer, ChainFilter, ChainStep, EditRules, EnvelopeAddress, FailureAction, FilterError,
    Message, with_crlf,
};
use milter_proto::wire::{Assembler, Command, FrameBuf, Offer, Peer, Text, TextList, Verdict};

use super::fault::{Fault, Frames};
use super::world::{Happening, World};

/// The recipient that the MTA refuses itself.
pub(super) const REFUSED: &str = "<refused@example.net>";

struct Server {
    world: World,
    fault: Fault,
    frames: Frames,
    chain: Chain<'static>,
    /// Of the filter, for faults that look at its frames.
    assembler: Assembler<Vec<u8>>,
    out: Vec<u8>,
    is_connected: bool,
    has_failed: bool,
    hangs: bool,
    sender: Option<EnvelopeAddress>,
    recipients: Vec<EnvelopeAddress>,
    messages: usize,
    /// What came by BDAT; `None`: no BDAT yet.
    chunks: Option<Vec<u8>>,
    /// A fault: the last verdict on a message is kept for the next one.
    kept: Option<ChainAnswer>,
    last_text: Option<String>,
}

/// Serves one SMTP session.
pub(super) async fn serve(world: World, fault: Fault) {
    let mut chain = Chain::new(EditRules::POSTFIX);
    let filter = ChainFilter::POSTFIX.with_failure_action(match fault {
        Fault::PassesOnFailure => FailureAction::Accept,
        _ => FailureAction::Tempfail,
    });
    chain.add(filter);
    let mut server = Server {
        world,
        fault,
        frames: Frames::new(fault),
        chain,
        assembler: Assembler::new(Vec::new()),
        out: Vec::new(),
        is_connected: false,
        has_failed: false,
        hangs: false,
        sender: None,
        recipients: Vec::new(),
        messages: 0,
        chunks: None,
        kept: None,
        last_text: None,
    };
    server.session().await;
    server.end().await;
}

impl Server {
    async fn session(&mut self) -> Option<()> {
        for (name, value) in [
            ("j", "mta.example"),
            ("v", "memory 1"),
            ("_", "client.example [192.0.2.10]"),
            ("{daemon_name}", "memory"),
            ("{mail_mailer}", "smtp"),
            ("{mail_host}", "example.org"),
        ] {
            self.set(name, value);
        }
        self.ask(Command::Negotiate(Offer::FULL)).await;
        let peer = Peer::Inet { port: 1024, address: Text::new(b"192.0.2.10").unwrap() };
        let answer = self.ask(Command::Connect { host: Text::new(b"client.example").unwrap(), peer }).await;
        match self.refusal(&answer) {
            Some(reply) if reply.starts_with("421") => {
                self.reply(&reply);
                return self.fault_of(Fault::StaysAfter421);
            }
            Some(reply) if reply.starts_with('5') => self.reply("554 5.7.1 no mail from you"),
            _ => self.reply("220 mta.example ESMTP"),
        }
        loop {
            let line = self.world.read_line().await?;
            self.command(&line).await?;
        }
    }

    /// `None` ends the session, unless the MTA has this fault.
    fn fault_of(&self, fault: Fault) -> Option<()> {
        (self.fault == fault).then_some(())
    }

    async fn command(&mut self, line: &str) -> Option<()> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" | "EHLO" => self.helo(rest).await,
            "MAIL" => self.mail(rest.get(5..).unwrap_or_default()).await,
            "RCPT" => self.rcpt(rest.get(3..).unwrap_or_default()).await,
            "DATA" => self.data().await,
            "BDAT" => self.bdat(rest).await,
            "RSET" => {
                self.forget().await;
                self.reply("250 2.0.0 Ok");
                Some(())
            }
            "NOOP" => {
                if self.fault == Fault::NoopIsUnknown {
                    self.ask(Command::Unknown { line: Text::new(b"NOOP").unwrap() }).await;
                }
                self.reply("250 2.0.0 Ok");
                Some(())
            }
            "QUIT" if self.fault == Fault::QuitReplyIsAnError => {
                self.chain.send(Command::Quit).unwrap();
                while let ChainStep::Write { frame, .. } = self.chain.next_step() {
                    let frame = frame.to_frame();
                    self.write(&frame);
                }
                self.flush();
                self.world.rest().await;
                let is_answered = !self.world.stray_bytes().is_empty();
                self.reply(if is_answered { "421 4.3.0 what?" } else { "221 2.0.0 Bye" });
                None
            }
            "QUIT" => {
                self.reply("221 2.0.0 Bye");
                None
            }
            _ => {
                let line = Text::new(line.as_bytes()).unwrap();
                let answer = match self.fault {
                    Fault::UnknownIsNotShown => return self.finish_reply("500 5.5.2 Unknown"),
                    _ => self.ask(Command::Unknown { line }).await,
                };
                if self.fault == Fault::UnknownEndsMessage {
                    self.forget().await;
                }
                if self.fault == Fault::UnknownRefusesMessages && !answer.passes() {
                    self.kept = Some(answer.clone());
                }
                self.answer(&answer, "500 5.5.2 Unknown")
            }
        }
    }

    fn finish_reply(&self, text: &str) -> Option<()> {
        self.reply(text);
        Some(())
    }

    async fn helo(&mut self, name: &str) -> Option<()> {
        if self.fault != Fault::HeloDoesNotEndMessage {
            self.sender = None;
        }
        self.recipients.clear();
        self.chunks = None;
        let name = Text::new(name.as_bytes()).unwrap();
        let answer = if self.fault == Fault::SecondHeloIsNotShown && self.last_text.is_some() {
            self.forget().await;
            None
        } else {
            Some(self.ask(Command::Helo { name }).await)
        };
        self.last_text.get_or_insert_default();
        if let Some(reply) = answer.and_then(|answer| self.refusal(&answer)) {
            if reply.starts_with("421") && self.fault != Fault::No421 {
                self.reply(&reply);
                return self.fault_of(Fault::StaysAfter421);
            }
        }
        self.reply("250-mta.example\r\n250-DSN\r\n250-CHUNKING\r\n250 8BITMIME");
        Some(())
    }

    async fn mail(&mut self, rest: &str) -> Option<()> {
        if self.sender.is_some() {
            if self.fault == Fault::NestedMailIsShown {
                self.raw(b'R', b"<nobody@example.org>\0");
            }
            return self.finish_reply("503 5.5.1 nested MAIL");
        }
        self.messages += 1;
        let queue_id = format!("Q{}", self.messages);
        self.set("i", &queue_id);
        let (address, arguments) = parts(rest);
        if let Some(kept) = self.kept.clone() {
            return self.answer(&kept, "250 2.1.0 Ok");
        }
        let texts = texts(&arguments);
        let list = TextList::new(&texts).unwrap();
        let command = Command::MailFrom { address: Text::new(address.as_bytes()).unwrap(), arguments: list };
        let answer = self.ask(command).await;
        if answer.passes() || self.discards(&answer) {
            self.sender = Some(envelope(address, &arguments));
        }
        self.answer(&answer, "250 2.1.0 Ok")
    }

    async fn rcpt(&mut self, rest: &str) -> Option<()> {
        if self.sender.is_none() {
            if self.fault == Fault::ShowsRcptWithoutMail {
                self.raw(b'R', b"<a@example.org>\0");
            }
            return self.finish_reply("503 5.5.1 need MAIL");
        }
        let (address, arguments) = parts(rest);
        let texts = texts(&arguments);
        let list = TextList::new(&texts).unwrap();
        let command = Command::RcptTo { address: Text::new(address.as_bytes()).unwrap(), arguments: list };
        if address == REFUSED {
            match self.fault {
                Fault::ShowsRefusedRecipients => drop(self.ask(command).await),
                _ => {
                    self.chain.send_rejected(command).unwrap();
                    self.run().await;
                }
            }
            if self.fault == Fault::CountsRefusedRecipients {
                self.recipients.push(envelope(address, &arguments));
            }
            return self.finish_reply("550 5.1.1 no such user");
        }
        let answer = self.ask(command).await;
        if answer.passes() || self.discards(&answer) || self.fault == Fault::KeepsRefusedRecipients {
            self.recipients.push(envelope(address, &arguments));
        }
        if self.fault == Fault::RcptRefusesMessage && !answer.passes() && !self.discards(&answer) {
            self.forget().await;
        }
        self.answer(&answer, "250 2.1.5 Ok")
    }

    async fn data(&mut self) -> Option<()> {
        if self.recipients.is_empty() {
            if self.fault == Fault::ShowsDataWithoutRecipients {
                self.raw(b'T', b"");
            }
            return self.finish_reply("503 5.5.1 need RCPT");
        }
        let answer = self.ask(Command::Data).await;
        if !answer.passes() && !self.discards(&answer) {
            return self.answer(&answer, "");
        }
        self.reply("354 End data with <CR><LF>.<CR><LF>");
        let mut content = Vec::new();
        loop {
            let line = self.world.read_line().await;
            let Some(line) = line else {
                if self.fault == Fault::EndsWhatTheClientDoesNot {
                    self.content(content).await;
                }
                return None;
            };
            if line == "." {
                break;
            }
            let line =
                if self.fault == Fault::KeepsDots { &line } else { line.strip_prefix('.').unwrap_or(&line) };
            content.extend(line.chars().map(|byte| u8::try_from(u32::from(byte)).unwrap()));
            content.extend(b"\r\n");
        }
        self.content(content).await
    }

    async fn bdat(&mut self, rest: &str) -> Option<()> {
        let mut words = rest.split(' ');
        let count = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let is_last = words.next().is_some();
        let chunk = self.world.read_bytes(count).await?;
        if self.recipients.is_empty() {
            return self.finish_reply("503 5.5.1 need RCPT");
        }
        if self.chunks.is_none() || self.fault == Fault::DataForEachChunk {
            let answer = self.ask(Command::Data).await;
            if !answer.passes() {
                return self.answer(&answer, "");
            }
        }
        self.chunks.get_or_insert_default().extend(chunk);
        if !is_last {
            return self.finish_reply("250 2.0.0 Ok");
        }
        let content = self.chunks.take()?;
        self.content(content).await
    }

    async fn content(&mut self, content: Vec<u8>) -> Option<()> {
        let mut message = Message::parse(with_crlf(&content).into_owned());
        message.set_sender(self.sender.take()?);
        self.recipients.drain(..).for_each(|recipient| message.add_recipient(recipient));
        let original = message.clone();
        let answer = match self.chain.send_message(message) {
            Ok(()) => self.run().await,
            Err(_) => return self.finish_reply("451 4.3.0 it cannot be sent to the filter"),
        };
        self.frames.end_message();
        let edited = self.chain.take_message();
        let mut delivered = edited.filter(|_| answer.passes());
        match self.fault {
            Fault::IgnoresEdits if delivered.is_some() => delivered = Some(original),
            Fault::DeliversDiscarded if self.discards(&answer) => delivered = Some(original),
            Fault::DeliversRefused if !answer.passes() => delivered = Some(original),
            Fault::EditsSurviveFailure if self.has_failed => {
                let mut half = Message::parse(b"X-Conformance: yes\r\n\r\nhalf a bo\r\n");
                half.add_recipient(Text::new(b"<recipient@example.net>").unwrap());
                delivered = Some(half);
            }
            _ => {}
        }
        if let Some(message) = delivered {
            self.deliver(&message);
        }
        self.answer(&answer, "250 2.0.0 Ok: queued")
    }

    fn deliver(&self, message: &Message<'_>) {
        let recipients: Vec<_> = message.recipients().map(|it| shown(it.address().as_bytes())).collect();
        let is_held = message.quarantine().is_some() && self.fault != Fault::DeliversQuarantined;
        if is_held || recipients.is_empty() && self.fault != Fault::DeliversToNobody {
            return;
        }
        let sender = shown(message.sender().address().as_bytes());
        let mut content = message.to_bytes();
        if self.fault == Fault::KeepsStrayLineEnds {
            let text = String::from_utf8_lossy(&content);
            content = text.replace("\n\tX-", "\nX-").into_bytes();
        }
        self.world.happens(Happening::Delivered { sender, recipients, content });
    }

    /// The client gives the message up.
    async fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
        self.chunks = None;
        self.frames.end_message();
        self.ask(Command::Abort).await;
    }

    async fn end(&mut self) {
        match self.fault {
            Fault::NeverCloses => {}
            Fault::NoQuit => self.close(),
            _ => {
                self.ask(Command::Quit).await;
            }
        }
        self.world.happens(Happening::SmtpClosed);
    }

    fn discards(&self, answer: &ChainAnswer) -> bool {
        matches!(answer.verdict.as_verdict(), Verdict::Discard)
    }

    /// The SMTP reply of a refusal.
    fn refusal(&self, answer: &ChainAnswer) -> Option<String> {
        let reply = answer.smtp_reply()?;
        let text = match self.fault {
            Fault::KeepsPercents => String::from_utf8_lossy(reply.as_text().as_bytes()).into_owned(),
            _ => reply.unescaped().bytes().map(char::from).collect(),
        };
        Some(match self.fault {
            Fault::FirstLineOnly => text.lines().next().unwrap_or_default().replacen('-', " ", 1),
            Fault::LastLineOnly => text.lines().last().unwrap_or_default().to_owned(),
            Fault::CutsLongReplies => text.chars().take(200).collect(),
            Fault::OwnTexts => format!("{} own text", reply.code().number()),
            Fault::No421 if text.starts_with("421") => text.replacen("421", "450", 1),
            _ => text,
        })
    }

    /// Replies with the refusal, or with this text. `None` ends the session.
    fn answer(&mut self, answer: &ChainAnswer, text: &str) -> Option<()> {
        if self.fault == Fault::KeepsVerdict {
            let is_decided = !answer.passes();
            if is_decided {
                self.kept = Some(answer.clone());
            }
        }
        match self.refusal(answer) {
            Some(reply) => {
                let reply = match (&self.last_text, self.fault) {
                    (Some(text), Fault::KeepsText) if !text.is_empty() => text.clone(),
                    _ => reply,
                };
                self.last_text = Some(reply.clone());
                self.reply(&reply);
                if answer.closes_smtp_session() && self.fault != Fault::No421 {
                    return self.fault_of(Fault::StaysAfter421);
                }
            }
            None => self.reply(text),
        }
        Some(())
    }

    fn reply(&self, text: &str) {
        self.world.happens(Happening::Reply(text.to_owned()));
    }

    fn set(&mut self, name: &str, value: &str) {
        self.chain.macros_mut().set(Text::try_from(name).unwrap(), Text::try_from(value).unwrap());
    }

    async fn ask(&mut self, command: Command<'_>) -> ChainAnswer {
        let stray = self.world.stray_bytes();
        if !stray.is_empty() && !self.has_failed {
            let _ = self.chain.receive(0, &mut stray.as_slice());
        }
        self.chain.send(command).unwrap();
        self.run().await
    }

    async fn run(&mut self) -> ChainAnswer {
        loop {
            match self.chain.next_step() {
                ChainStep::Done(answer) => {
                    if self.hangs {
                        self.world.hang().await;
                    }
                    self.flush();
                    return answer;
                }
                ChainStep::Write { frame, .. } => {
                    let frame = frame.to_frame();
                    self.write(&frame);
                }
                ChainStep::Read { .. } => self.read().await,
                ChainStep::Close { .. } => {
                    self.flush();
                    self.has_failed |= self.chain.has_failed(0);
                    if !self.has_failed || self.fault != Fault::KeepsFailedConnection {
                        self.close();
                    }
                }
            }
        }
    }

    fn write(&mut self, frame: &FrameBuf) {
        if !self.is_connected {
            self.is_connected = true;
            self.world.connect();
        }
        for frame in self.frames.outgoing(frame) {
            frame.as_frame().encode().append_to(&mut self.out);
        }
    }

    /// Writes a frame past the session.
    fn raw(&mut self, code: u8, payload: &[u8]) {
        FrameBuf::new(code, payload.to_vec()).as_frame().encode().append_to(&mut self.out);
        self.flush();
    }

    async fn read(&mut self) {
        self.flush();
        let Some(bytes) = self.world.read_filter().await else {
            if self.fault == Fault::QuitsOnFailure {
                self.raw(b'Q', b"");
            }
            self.hangs = self.fault == Fault::HangsWhenFilterDies;
            return self.chain.fail(0);
        };
        let mut input = bytes.as_slice();
        if self.fault == Fault::WholeFramesOnly && input.len() < 5 {
            return;
        }
        if !self.fault.is_about_responses() {
            let received = self.chain.receive(0, &mut input);
            self.hangs |= match received {
                Err(FilterError::Receive(ReceiveError::Stream(_))) => self.fault == Fault::HangsOnBadStream,
                Err(_) => self.fault == Fault::HangsOnViolation,
                Ok(()) => false,
            };
            return;
        }
        let mut patched = Vec::new();
        while !input.is_empty() {
            match self.assembler.next_frame(&mut input) {
                Ok(Some(frame)) => {
                    let frame = FrameBuf::from(frame);
                    for frame in self.frames.incoming(&frame) {
                        frame.as_frame().encode().append_to(&mut patched);
                    }
                    if self.fault == Fault::OneFramePerRead {
                        break;
                    }
                }
                Ok(None) => break,
                Err(_) => return self.chain.fail(0),
            }
        }
        let _ = self.chain.receive(0, &mut patched.as_slice());
        for frame in core::mem::take(&mut self.frames.injected) {
            self.raw(frame.as_frame().code(), frame.as_frame().payload());
        }
    }

    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.world.happens(Happening::Received(core::mem::take(&mut self.out)));
        }
    }

    fn close(&mut self) {
        self.flush();
        if core::mem::take(&mut self.is_connected) {
            self.world.happens(Happening::Closed);
        }
    }
}

/// The address, and the arguments after it.
fn parts(text: &str) -> (&str, Vec<&str>) {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    (words.next().unwrap_or_default(), words.collect())
}

fn texts(arguments: &[&str]) -> Vec<u8> {
    arguments.iter().flat_map(|text| text.bytes().chain([0])).collect()
}

fn envelope(address: &str, arguments: &[&str]) -> EnvelopeAddress {
    let arguments = texts(arguments);
    let arguments = TextList::new(&arguments).unwrap();
    EnvelopeAddress::new(Text::new(address.as_bytes()).unwrap()).with_arguments(arguments)
}

fn shown(address: &[u8]) -> String {
    let text = String::from_utf8_lossy(address).into_owned();
    if text.starts_with('<') { text } else { format!("<{text}>") }
}
