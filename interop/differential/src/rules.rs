//! The rule sets: each is a command line that both filters understand.

/// The callbacks of the commands that have a reply.
pub(crate) const CALLBACKS: [(u8, &str); 10] = [
    (b'C', "connect"),
    (b'H', "helo"),
    (b'M', "mail"),
    (b'R', "rcpt"),
    (b'T', "data"),
    (b'L', "header"),
    (b'N', "eoh"),
    (b'B', "body"),
    (b'E', "eom"),
    (b'U', "unknown"),
];

/// One command line, and what has to be known about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RuleSet {
    pub(crate) name: &'static str,
    /// `{body}` is the path of a file with a body.
    pub(crate) arguments: &'static [&'static str],
}

impl RuleSet {
    /// The value of an option, if it is given.
    pub(crate) fn option(&self, name: &str) -> Option<&'static str> {
        let mut arguments = self.arguments.iter();
        arguments.find(|argument| **argument == name)?;
        arguments.next().copied()
    }

    /// Whether the filter has a callback for a command.
    pub(crate) fn wants(&self, code: u8) -> bool {
        let name = CALLBACKS.iter().find(|row| row.0 == code).map(|row| row.1);
        let is_named = |only: &str| only.split(',').any(|stage| Some(stage) == name);
        self.option("--only").is_none_or(is_named) || code == b'E'
    }

    /// The verdict on a chunk of a body, by its first rule that has a word of it.
    pub(crate) fn body_verdict(&self, chunk: &[u8]) -> Option<&'static str> {
        let rules =
            self.arguments.iter().filter_map(|argument| argument.strip_prefix("body/*")?.split_once("*="));
        let has = |word: &str| chunk.windows(word.len()).any(|part| part == word.as_bytes());
        rules.filter(|_| self.wants(b'B')).find(|(word, _)| has(word)).map(|(_, verdict)| verdict)
    }

    /// Macros that are shown.
    pub(crate) fn shown_macros(&self) -> impl Iterator<Item = &'static str> {
        self.option("--show-macros").unwrap_or_default().split(' ').filter(|name| !name.is_empty())
    }
}

/// A verdict for each word that the streams have in their texts.
const BY_WORD: &[&str] = &[
    "--at",
    "connect/*rej*=reject",
    "--at",
    "connect/*tmp*=tempfail",
    "--at",
    "connect/*acc*=accept",
    "--at",
    "connect/*dis*=discard",
    "--at",
    "connect/*rpl*=550 5.7.1 not \\%you, 100%",
    "--at",
    "helo/*rej*=reject",
    "--at",
    "helo/*tmp*=tempfail",
    "--at",
    "helo/*acc*=accept",
    "--at",
    "helo/*dis*=discard",
    "--at",
    "helo/*rpl*=450 4.7.1 later",
    "--at",
    "mail/*rej*=reject",
    "--at",
    "mail/*tmp*=tempfail",
    "--at",
    "mail/*acc*=accept",
    "--at",
    "mail/*dis*=discard",
    "--at",
    "mail/*rpl*=553 who are you",
    "--at",
    "rcpt/*rej*=reject",
    "--at",
    "rcpt/*tmp*=tempfail",
    "--at",
    "rcpt/*acc*=accept",
    "--at",
    "rcpt/*dis*=discard",
    "--at",
    "rcpt/*rpl*=550 5.1.1 one\\ntwo\\nthree",
    "--at",
    "header/*rej*=reject",
    "--at",
    "header/*tmp*=tempfail",
    "--at",
    "header/*acc*=accept",
    "--at",
    "header/*dis*=discard",
    "--at",
    "header/*rpl*=554 5.6.0 no",
    "--at",
    "body/*rej*=reject",
    "--at",
    "body/*tmp*=tempfail",
    "--at",
    "body/*acc*=accept",
    "--at",
    "body/*dis*=discard",
    "--at",
    "body/*rpl*=451 4.3.0 100%",
    "--at",
    "unknown/*rej*=reject",
    "--at",
    "unknown/*tmp*=tempfail",
    "--at",
    "unknown/*acc*=accept",
    "--at",
    "unknown/*dis*=discard",
    "--at",
    "unknown/*rpl*=500 5.5.1 what",
];

const EDITS: &[&str] = &[
    "--progress",
    "2",
    "--add-header",
    "X-A=one",
    "--add-header",
    "X-Fold=a\\n\\tb",
    "--insert-header",
    "0:X-I=in",
    "--change-header",
    "1:Subject=new",
    "--delete-header",
    "2:Subject",
    "--change-sender",
    "<s@example.org> SIZE=1",
    "--add-rcpt",
    "<a@example.org>",
    "--add-rcpt",
    "<b@example.org> NOTIFY=NEVER",
    "--delete-rcpt",
    "<ok@example.org>",
    "--replace-body",
    "{body}",
    "--quarantine",
    "held",
];

const fn set(name: &'static str, arguments: &'static [&'static str]) -> RuleSet {
    RuleSet { name, arguments }
}

/// Every rule set. The first one is that of the corpus, too.
#[rustfmt::skip]
pub(crate) const RULE_SETS: &[RuleSet] = &[
    set("plain", &[]),
    set("by-word", BY_WORD),
    set("edits", EDITS),
    set("macros", &["--show-macros", "i j _ {auth_type} {rcpt_addr} {x}"]),
    set("macro-lists", &["--macros", "mail=i {auth_type}", "--macros", "eom={msg_id}", "--macros", "eoh="]),
    set("skip", &["--skip", "--at", "body/*ok*=skip", "--at", "header/*rej*=skip", "--at", "rcpt/*tmp*=skip", "--at", "eom=skip"]),
    set("spaces", &["--leading-space", "--rejected-rcpt", "--add-header", "X-A=one", "--change-header", "1:X=two"]),
    set("all-actions", &["--may", "add-headers,change-headers,change-body,add-rcpt,delete-rcpt,quarantine,change-from,add-rcpt-args"]),
    set("data-refused", &["--at", "data=reject", "--at", "eom=450 4.2.0 again"]),
    set("data-accepted", &["--at", "data=accept"]),
    set("eoh-discarded", &["--at", "eoh=discard", "--add-header", "X-A=one"]),
    set("eom-accepted", &["--at", "eom=accept", "--progress", "1"]),
    set("eom-refused", &["--at", "eom=550 5.7.1 no\\nand again no", "--quarantine", "held"]),
    set("eom-discarded", &["--at", "eom=discard"]),
    set("no-reply", &["--no-reply", "connect,helo,mail,rcpt,data,header,eoh,body,unknown"]),
    set("no-reply-data", &["--no-reply", "header,eoh,body", "--at", "rcpt/*rej*=reject", "--at", "eom=tempfail"]),
    set("no-reply-refused", &["--no-reply", "header,rcpt", "--at", "header/*rej*=reject", "--at", "rcpt/*rpl*=550 5.1.1 no"]),
    set("only-envelope", &["--only", "mail,rcpt"]),
    set("only-headers", &["--only", "header", "--at", "header/*rej*=reject"]),
    set("only-end", &["--only", "", "--add-header", "X-A=one"]),
    set("only-data", &["--only", "data,body,unknown", "--at", "body/*rej*=reject"]),
    set("no-eoh", &["--only", "connect,helo,mail,rcpt,data,header,body,unknown"]),
];
