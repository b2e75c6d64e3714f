//! The message that the MTAs in Rust take on their command line, and what they tell of it, which front.py reads.

/// A name, and a value with LF between its lines and without the space after the colon.
pub type Header = (Vec<u8>, Vec<u8>);

/// A message, and the filter that is asked about it.
pub struct Letter {
    /// The path of the filter's unix socket.
    pub socket: String,
    pub helo: String,
    /// With angle brackets, as the recipients.
    pub sender: String,
    pub recipients: Vec<String>,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
}

/// What the SMTP client is told.
pub enum Outcome {
    Accepted,
    /// A reply of the class 4 or 5.
    Refused(String),
}

impl Outcome {
    /// What REJECT means.
    pub fn rejected() -> Self {
        Self::Refused("550 5.7.1 refused".to_owned())
    }

    /// What TEMPFAIL means.
    pub fn deferred() -> Self {
        Self::Refused("451 4.7.1 try again later".to_owned())
    }

    /// Shows it in one line of JSON.
    pub fn print(&self) {
        match self {
            Self::Accepted => println!(r#"{{"outcome": "accepted"}}"#),
            Self::Refused(reply) => println!(r#"{{"outcome": "refused", "reply": "{}"}}"#, escaped(reply)),
        }
    }
}

fn escaped(text: &str) -> String {
    let escape = |it: char| match it {
        '"' | '\\' | '\0'..='\x1f' => format!("\\u{:04x}", u32::from(it)),
        _ => it.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Reads `MTA SOCKET HELO SENDER FILE RECIPIENT...`. The file has lines that end with CR LF.
pub fn from_command_line() -> Letter {
    let mut words = std::env::args().skip(1);
    let mut word = || words.next().expect("usage: MTA SOCKET HELO SENDER FILE RECIPIENT...");
    let (socket, helo, sender, file) = (word(), word(), word(), word());
    let content = std::fs::read(file).expect("a message");
    let (headers, body) = split(&content);
    Letter { socket, helo, sender, recipients: words.collect(), headers, body }
}

/// The headers and the body of a message.
fn split(content: &[u8]) -> (Vec<Header>, Vec<u8>) {
    let mut headers: Vec<Header> = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("CR LF");
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line.is_empty() {
            break;
        }
        if line[0] == b' ' || line[0] == b'\t' {
            let (_, value) = headers.last_mut().expect("a header to continue");
            value.push(b'\n');
            value.extend_from_slice(line);
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
        let value = &line[colon + 1..];
        headers.push((line[..colon].to_vec(), value.strip_prefix(b" ").unwrap_or(value).to_vec()));
    }
    (headers, rest.to_vec())
}
