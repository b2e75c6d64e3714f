//! What is measured: whole conversations, and streams of one kind of frame.
//!
//! | name | what |
//! | --- | --- |
//! | W1 | a typical session: 25 headers, a body of 40 KiB, three edits |
//! | W2 | the same with a body of 10 MiB in chunks of 65,535 bytes |
//! | W3 | the same with 1000 headers; with replies to them, or (W3nr) without |
//! | W4 | bare frames |
//! | W5 | W1 in single bytes, and in segments of 1 to 1500 bytes |
//!
//! Texts live as long as the program, so that a script can be passed around freely.

use milter_proto::wire::{
    Actions, Answer, Chunks, Command, DataSize, Edit, MacroStage, Macros, Offer, Peer, Response, Steps, Text,
    TextList, Verdict, Version,
};

/// Both halves of a conversation, in their order.
pub struct Script {
    /// From the MTA.
    pub commands: Vec<Command<'static>>,
    /// From the filter.
    pub responses: Vec<Response<'static>>,
}

impl Script {
    /// The commands as one stream.
    pub fn command_bytes(&self) -> Vec<u8> {
        commands_to_bytes(&self.commands)
    }

    /// The responses as one stream.
    pub fn response_bytes(&self) -> Vec<u8> {
        responses_to_bytes(&self.responses)
    }
}

/// W1: a typical session.
pub fn typical() -> Script {
    session(typical_headers(), 40 * 1024, true)
}

/// W2: a body of 10 MiB.
pub fn large_body() -> Script {
    session(typical_headers(), 10 * 1024 * 1024, true)
}

/// W3, and W3nr if headers get no reply: 1000 headers of 60 bytes.
pub fn many_headers(replies: bool) -> Script {
    session(headers(1000), 1024, replies)
}

/// HEADER frames of 60 bytes of payload.
pub fn headers(count: usize) -> Vec<Command<'static>> {
    let value = |number| format!("value {number:08} of a header of sixty bytes");
    (0..count).map(|number| header("X-Bench-Header", &format!("{:<44}", value(number)))).collect()
}

/// The names and values of [`headers`].
pub fn raw_headers(count: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let headers = headers(count).into_iter().map(|command| match command {
        Command::Header { name, value } => (name.as_bytes().to_vec(), value.as_bytes().to_vec()),
        command => panic!("{command:?} among headers"),
    });
    headers.collect()
}

/// W4: commands without payload.
pub fn bare_commands(count: usize) -> Vec<Command<'static>> {
    let kinds = [Command::Data, Command::EndOfHeaders, Command::EndOfMessage { chunk: b"" }, Command::Abort];
    kinds.into_iter().cycle().take(count).collect()
}

/// W4: responses without payload.
pub fn bare_responses(count: usize) -> Vec<Response<'static>> {
    let kinds = [
        Response::Verdict(Verdict::Continue),
        Response::Verdict(Verdict::Accept),
        Response::Verdict(Verdict::Tempfail),
        Response::Progress,
    ];
    kinds.into_iter().cycle().take(count).collect()
}

/// BODY frames of `size` bytes of payload.
pub fn chunks(count: usize, size: usize) -> Vec<Command<'static>> {
    let chunk = body(size);
    vec![Command::Body { chunk }; count]
}

/// Commands as one stream.
pub fn commands_to_bytes(commands: &[Command<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    commands.iter().for_each(|command| command.encode().append_to(&mut bytes));
    bytes
}

/// Responses as one stream.
pub fn responses_to_bytes(responses: &[Response<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    responses.iter().for_each(|response| response.encode().append_to(&mut bytes));
    bytes
}

/// W5: a stream cut into segments of 1 to 1500 bytes, the same ones each time.
pub fn random_segments(bytes: &[u8]) -> Vec<&[u8]> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut rest = bytes;
    let mut segments = Vec::new();
    while !rest.is_empty() {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let len = usize::try_from(state % 1500).expect("a small number") + 1;
        let (segment, next) = rest.split_at(len.min(rest.len()));
        segments.push(segment);
        rest = next;
    }
    segments
}

fn session(headers: Vec<Command<'static>>, body_len: usize, replies: bool) -> Script {
    let rcpt = [("<anna@example.org>", "1"), ("<bert@example.org>", "2"), ("<postmaster@example.org>", "3")];
    let replied = if replies { headers.len() } else { 0 };

    let mut commands = vec![
        Command::Negotiate(Offer::FULL),
        macros(
            MacroStage::CONNECT,
            &[
                "j",
                "mx.example.org",
                "{daemon_name}",
                "smtpd",
                "v",
                "Postfix 3.7.11",
                "_",
                "mail.example.com [192.0.2.17]",
                "{daemon_addr}",
                "198.51.100.5",
                "{daemon_port}",
                "25",
                "{client_ptr}",
                "mail.example.com",
            ],
        ),
        Command::Connect {
            host: text("mail.example.com"),
            peer: Peer::Inet { port: 48_210, address: text("192.0.2.17") },
        },
        macros(
            MacroStage::HELO,
            &[
                "{tls_version}",
                "TLSv1.3",
                "{cipher}",
                "TLS_AES_256_GCM_SHA384",
                "{cipher_bits}",
                "256",
                "{cert_subject}",
                "mail.example.com",
                "{cert_issuer}",
                "Example CA of the Internet",
            ],
        ),
        Command::Helo { name: text("mail.example.com") },
        macros(
            MacroStage::MAIL,
            &[
                "i",
                "4Xk2Pq6bTzz9sYd",
                "{mail_host}",
                "example.com",
                "{mail_mailer}",
                "smtp",
                "{mail_addr}",
                "carla@example.com",
                "{auth_type}",
                "PLAIN",
                "{auth_authen}",
                "carla",
                "{auth_author}",
                "carla@example.com",
            ],
        ),
        Command::MailFrom {
            address: text("<carla@example.com>"),
            arguments: list(&["SIZE=45310", "BODY=8BITMIME"]),
        },
    ];
    for (address, number) in rcpt {
        let bare = address.trim_matches(['<', '>']);
        commands.push(macros(
            MacroStage::RCPT,
            &[
                "{rcpt_addr}",
                bare,
                "{rcpt_host}",
                "example.org",
                "{rcpt_mailer}",
                "local",
                "{rcpt_nr}",
                number,
            ],
        ));
        commands.push(Command::RcptTo { address: text(address), arguments: list(&["NOTIFY=NEVER"]) });
    }
    commands.push(macros(MacroStage::DATA, &["i", "4Xk2Pq6bTzz9sYd"]));
    commands.push(Command::Data);
    commands.extend(headers);
    commands.push(macros(MacroStage::END_OF_HEADERS, &["i", "4Xk2Pq6bTzz9sYd"]));
    commands.push(Command::EndOfHeaders);
    commands.extend(Chunks::new(body(body_len), DataSize::Kib64).map(|chunk| Command::Body { chunk }));
    commands.push(macros(MacroStage::END_OF_MESSAGE, &["i", "4Xk2Pq6bTzz9sYd"]));
    commands.push(Command::EndOfMessage { chunk: b"" });
    commands.push(Command::Quit);

    let silent = if replies { Steps::EMPTY } else { Steps::NO_REPLY_HEADER };
    let answer = Answer::new(Version::CURRENT, Actions::ADD_HEADERS | Actions::CHANGE_HEADERS, silent);
    // CONNECT, HELO, MAIL, RCPT, DATA, the headers, EOH and the chunks.
    let continues = 3 + rcpt.len() + 1 + replied + 1 + body_len.div_ceil(65_535);
    let mut responses = vec![Response::Negotiate(answer)];
    responses.extend([Response::Verdict(Verdict::Continue)].repeat(continues));
    responses.extend([
        Response::Edit(Edit::AddHeader {
            name: text("Authentication-Results"),
            value: text("mx.example.org; dkim=pass header.d=example.com"),
        }),
        Response::Edit(Edit::AddHeader {
            name: text("X-Spam-Status"),
            value: text("No, score=-12.1 required=5.0 tests=BAYES_000,DKIM_VALID"),
        }),
        Response::Edit(Edit::ChangeHeader {
            index: 1,
            name: text("Subject"),
            value: text("[committee] Minutes of the meeting of the budget committee, November"),
        }),
        Response::Verdict(Verdict::Accept),
    ]);
    Script { commands, responses }
}

/// 25 headers of about 80 bytes, three of them long and folded.
fn typical_headers() -> Vec<Command<'static>> {
    let received = "from relay3.example.net (relay3.example.net [198.51.100.23])\n\tby mail.example.com \
        (Postfix, from the office in the old town hall) with ESMTPS id 4Xk2Pn1LmRz7Fpc\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n\t key-exchange \
        X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256)\n\t(No client certificate requested)\
        \n\tfor <anna@example.org>; Sun, 22 Nov 2026 09:14:05 +0100 (CET)";
    let signature = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=mail;\n\
        \tt=1795335245; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n\
        \th=From:To:Subject:Date:Message-ID:MIME-Version:Content-Type:\n\
        \t Cc:Reply-To:In-Reply-To:References:Content-Language:User-Agent:\n\
        \t List-Id:List-Unsubscribe:List-Archive:Organization;\n\
        \tb=kGx3Qw0b5r7ZtJpN2mVhYcTfLs8uEoIaDqPnRzXvBkMw6yHj4CgS1eUdOiAl9FbW\n\
        \tqT2vZ8mXr4LpNd6JhKs0GyFc1UeBwOiRa5Q7tMzYxVnEjDkHgPfSu3CbAl9oWqI8T\n\
        \tZr7yUoPk2JmNbVcXl5HgFdSa1QwEe4RtYu6IiOpA9sDfGhJkLzXcVbNmQ3wErTy0U\n\
        \tPl8OkMiJnUhBygVtFcRdXeSzWaQ7pLmKoNjIbHuVgYcTfXrDzEsWaQ5q2w4E6r8T1\n\
        \tMn3bV5cX7zL9kJ1hG2fD4sA6pO8iU0yT3rE5wQ==";
    let references = "<20261119081244.GA2231@example.net>\n\t<b7b1c5f2-0a1d-4d52-9f3c-8d8a31f0e2aa@example.org>\
        \n\t<20261120174501.GB4410@example.net>\n\t<0c9a1b44-77d0-4e0e-8a3c-51f2b7de9917@example.org>\
        \n\t<20261121093312.GC1102@example.net>\n\t<5a2f7e0d-3b19-4c8a-b0c6-2f41d9e3a7f5@example.org>\
        \n\t<20261121141850.GD0377@example.net>\n\t<e41bb0a9-6c2e-4f77-9d15-7b0c3a8e62d4@example.org>\
        \n\t<20261121190127.GE5526@example.net>\n\t<91d3c6f8-2e5b-43aa-8f10-c4b7e05d9a36@example.org>\
        \n\t<20261121203344.GF7719@example.net>\n\t<3c07f2aa-915d-4b6e-a2f8-6de10b94c57f@example.org>\
        \n\t<20261121221508.GG0142@example.net>\n\t<d86a41e3-0f7c-4925-b3d1-97ce25f8a06b@example.org>";
    let rows = [
        ("Return-Path", "<carla@example.com>, as given by the client to mail.example.com"),
        ("Received", received),
        ("Received", "by 2002:a05:6214:4bc4:b0:6d4 with SMTP id pn4csp1190421qvb; 22 Nov 2026 09:14"),
        ("DKIM-Signature", signature),
        ("From", "Carla Example of the committee's office <carla@example.com>"),
        ("To", "Anna Example <anna@example.org>, Bert Example <bert@example.org>"),
        ("Cc", "The Postmaster of the Example Organisation <postmaster@example.org>"),
        ("Reply-To", "The Office of the Budget Committee <committee-office@example.com>"),
        ("Subject", "Minutes of the meeting of the budget committee, November 2026"),
        ("Date", "Sun, 22 Nov 2026 09:14:02 +0100 (Central European Time, winter time)"),
        ("Message-ID", "<20261122081402.4Xk2Pn1LmRz7Fpc-7731@mail.office.example.com>"),
        ("In-Reply-To", "<b7b1c5f2-0a1d-4d52-9f3c-8d8a31f0e2aa@lists.example.org>"),
        ("References", references),
        ("MIME-Version", "1.0 (as made by the mail program of the office, release 7.2.19)"),
        ("Content-Type", "multipart/mixed; charset=utf-8; boundary=\"=_b7b1c5f20a1d4d529f3c8d8a31f0e2aa\""),
        ("Content-Language", "en-GB, de, fr; the first part of the message only, please"),
        ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Thunderbird/128.4.0"),
        ("List-Id", "Members of the budget committee <committee.lists.example.com>"),
        ("List-Unsubscribe", "<https://lists.example.com/committee/unsubscribe/now>"),
        ("List-Archive", "<https://lists.example.com/committee/archive/2026/11/22/all>"),
        ("X-Mailer-Version", "office-mailer 7.2.19 build 20261001 (stable channel), office"),
        ("X-Originating-IP", "[203.0.113.77] by way of the office's proxy server in town"),
        ("X-Priority", "3 (Normal), which is what nearly every message here has had"),
        ("Importance", "normal, because nothing in it must be read before Monday at noon"),
        ("Organization", "Example Organisation, The Office of the Budget Committee"),
    ];
    rows.into_iter().map(|(name, value)| header(name, value)).collect()
}

pub(crate) fn header(name: &str, value: &str) -> Command<'static> {
    Command::Header { name: text(name), value: text(value) }
}

pub(crate) fn macros(stage: MacroStage, pairs: &[&str]) -> Command<'static> {
    Command::Macros(Macros::new(stage, list(pairs)).expect("pairs"))
}

fn list(texts: &[&str]) -> TextList<'static> {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0])).collect();
    TextList::new(Vec::leak(bytes)).expect("a NUL at the end")
}

pub(crate) fn text(text: &str) -> Text<'static> {
    Text::new(Vec::leak(text.into())).expect("no NUL inside")
}

pub(crate) fn body(len: usize) -> &'static [u8] {
    let line = b"A line of the body, of the length that lines of text have in mail today.\r\n";
    Vec::leak(line.iter().copied().cycle().take(len).collect())
}
