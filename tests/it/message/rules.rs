//! What each edit does to a message, rule by rule, in Postfix and in Sendmail.

use milter_proto::message::{
    ApplyError, EditOutcome, EditRules, Edits, Effect, EnvelopeAddress, Header, IgnoreReason, Message,
};
use milter_proto::mta::EditStatus;
use milter_proto::wire::{Edit, LeadingSpace, Text};

const POSTFIX: EditRules = EditRules::POSTFIX;
const SENDMAIL: EditRules = EditRules::SENDMAIL;

fn message() -> Message<'static> {
    let mut message = Message::parse(b"A: 1\r\nB: 1\r\nA: 2\r\n\r\nbody\r\n");
    message.add_trace(Header::new("Received", " here"));
    message.set_sender(address("<s@x>"));
    message.add_recipient(address("<r@x>"));
    message
}

fn address(text: &str) -> EnvelopeAddress {
    let mut words = text.split(' ').map(|word| Text::try_from(word).unwrap());
    EnvelopeAddress::new(words.next().unwrap()).with_arguments(words)
}

fn try_apply(
    message: &mut Message<'_>,
    rules: EditRules,
    edits: &[Edit<'_>],
) -> Result<Vec<EditOutcome>, ApplyError> {
    let mut all = Edits::new();
    edits.iter().for_each(|edit| all.push(*edit, EditStatus::Negotiated).unwrap());
    all.apply(message, rules, LeadingSpace::Stripped)
}

fn apply(message: &mut Message<'_>, rules: EditRules, edits: &[Edit<'_>]) -> Vec<EditOutcome> {
    try_apply(message, rules, edits).unwrap()
}

/// The headers after these edits, in one line: `A: 1|B: 1`.
fn headers(message: &Message<'_>) -> String {
    let texts = message.headers().map(|header| String::from_utf8(header.as_bytes().to_vec()).unwrap());
    texts.map(|text| text.trim_end_matches("\r\n").to_owned()).collect::<Vec<_>>().join("|")
}

fn after(rules: EditRules, edits: &[Edit<'_>]) -> String {
    let mut message = message();
    apply(&mut message, rules, edits);
    headers(&message)
}

fn recipients(message: &Message<'_>) -> Vec<String> {
    let with_arguments = |address: &EnvelopeAddress| {
        let texts = core::iter::once(address.address()).chain(address.arguments().iter());
        texts.map(|text| text.to_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    message.recipients().map(with_arguments).collect()
}

fn add(name: &'static str, value: &'static str) -> Edit<'static> {
    Edit::add_header(name, value).unwrap()
}

fn insert(index: u32, name: &'static str) -> Edit<'static> {
    Edit::insert_header(index, name, "new").unwrap()
}

fn change(index: u32, name: &'static str, value: &'static str) -> Edit<'static> {
    Edit::change_header(index, name, value).unwrap()
}

fn add_recipient(text: &'static str) -> Edit<'static> {
    Edit::add_recipient(text).unwrap()
}

fn delete_recipient(text: &'static str) -> Edit<'static> {
    Edit::delete_recipient(text).unwrap()
}

fn ignored(reason: IgnoreReason) -> EditOutcome {
    reason.into()
}

#[test]
fn edits_are_performed_in_their_order() {
    for rules in [POSTFIX, SENDMAIL] {
        let mut message = message();
        apply(&mut message, rules, &[delete_recipient("<r@x>"), add_recipient("<r@x>")]);
        assert_eq!(recipients(&message), ["<r@x>"]);
        apply(&mut message, rules, &[add_recipient("<n@x>"), delete_recipient("<n@x>")]);
        assert_eq!(recipients(&message), ["<r@x>"]);
    }
}

#[test]
fn the_received_header_of_the_mta_is_not_counted() {
    for rules in [POSTFIX, SENDMAIL] {
        assert_eq!(after(rules, &[insert(0, "Top")]), "Top: new|Received: here|A: 1|B: 1|A: 2");
        assert_eq!(after(rules, &[insert(1, "Second")]), "Received: here|Second: new|A: 1|B: 1|A: 2");
        let mut message = message();
        let outcomes = apply(&mut message, rules, &[change(1, "Received", "")]);
        assert_eq!(outcomes, [ignored(IgnoreReason::NoSuchHeader)]);
        // Nor where another header stands above it.
        let edits = [insert(0, "Received"), change(1, "received", "mine")];
        let name = if rules == POSTFIX { "received" } else { "Received" };
        assert_eq!(after(rules, &edits), format!("{name}: mine|Received: here|A: 1|B: 1|A: 2"));
    }
}

/// EDT-12. Postfix keeps the text of its own header apart from the message.
#[test]
fn postfix_knows_its_received_header_by_the_text_even_after_an_edit_took_it_away() {
    let empty = Edit::insert_header(0, "Received", "").unwrap();
    let mine = change(1, "Received", "mine");
    for (first, expected) in [
        (change(1, "Received", ""), "Received: |A: 1|B: 1|A: 2|Received: mine"),
        (change(1, "Received", "other"), "Received: |Received: mine|A: 1|B: 1|A: 2"),
    ] {
        assert_eq!(after(POSTFIX, &[empty, first, mine]), expected);
        // So it is for the next filter.
        let mut message = message();
        apply(&mut message, POSTFIX, &[empty, first]);
        let mut message = message.into_owned();
        apply(&mut message, POSTFIX, &[mine]);
        assert_eq!(headers(&message), expected);
    }
}

#[test]
fn a_header_that_sendmail_adds_itself_takes_the_value_of_an_edit() {
    for edit in [change(1, "date", "then"), change(7, "date", "then"), add("date", "then")] {
        let mut message = message();
        message.add_default(Header::new("Date", " now"));
        apply(&mut message, SENDMAIL, &[edit]);
        assert_eq!(headers(&message), "Received: here|Date: then|A: 1|B: 1|A: 2");
        // Now it is a header like any other.
        apply(&mut message, SENDMAIL, &[change(1, "Date", "later"), add("Date", "more")]);
        assert_eq!(headers(&message), "Received: here|Date: more|Date: later|A: 1|B: 1|A: 2");
    }
}

#[test]
fn a_header_is_added_below_all_or_above_its_namesake() {
    assert_eq!(after(POSTFIX, &[add("b", "2")]), "Received: here|A: 1|B: 1|A: 2|b: 2");
    assert_eq!(after(SENDMAIL, &[add("b", "2")]), "Received: here|A: 1|b: 2|B: 1|A: 2");
    assert_eq!(after(SENDMAIL, &[add("C", "1")]), "Received: here|A: 1|B: 1|A: 2|C: 1");
    // Also above one that was deleted, and above the MTA's own.
    assert_eq!(after(SENDMAIL, &[change(1, "B", ""), add("B", "2")]), "Received: here|A: 1|B: 2|A: 2");
    assert_eq!(after(SENDMAIL, &[add("Received", "2")]), "Received: 2|Received: here|A: 1|B: 1|A: 2");
    // A header of the configuration has its place below Received, and its own spelling.
    assert_eq!(after(SENDMAIL, &[add("MESSAGE-ID", "2")]), "Received: here|Message-Id: 2|A: 1|B: 1|A: 2");
}

#[test]
fn an_index_counts_what_the_mta_has_in_its_list() {
    let lines = |rules, index| after(rules, &[insert(index, "N")]);
    assert_eq!(lines(POSTFIX, 2), "Received: here|A: 1|N: new|B: 1|A: 2");
    assert_eq!(lines(POSTFIX, 4), "Received: here|A: 1|B: 1|A: 2|N: new");
    assert_eq!(lines(POSTFIX, u32::MAX), "Received: here|A: 1|B: 1|A: 2|N: new");
    for index in 1..=8 {
        assert_eq!(lines(SENDMAIL, index), "Received: here|N: new|A: 1|B: 1|A: 2", "{index}");
    }
    assert_eq!(lines(SENDMAIL, 9), "Received: here|A: 1|N: new|B: 1|A: 2");
    assert_eq!(lines(SENDMAIL, 12), "Received: here|A: 1|B: 1|A: 2|N: new");
    assert_eq!(lines(SENDMAIL, u32::MAX), "N: new|Received: here|A: 1|B: 1|A: 2");
    // A deleted header is counted in Sendmail.
    let edits = [change(1, "A", ""), insert(9, "N")];
    assert_eq!(after(SENDMAIL, &edits), "Received: here|N: new|B: 1|A: 2");
    let edits = [change(1, "A", ""), insert(2, "N")];
    assert_eq!(after(POSTFIX, &edits), "Received: here|B: 1|N: new|A: 2");
}

#[test]
fn a_changed_header_has_the_new_name_or_the_old_one() {
    assert_eq!(after(POSTFIX, &[change(0, "b", "2")]), "Received: here|A: 1|b: 2|A: 2");
    assert_eq!(after(SENDMAIL, &[change(0, "b", "2")]), "Received: here|A: 1|B: 2|A: 2");
    assert_eq!(after(POSTFIX, &[change(3, "A", "3")]), "Received: here|A: 1|B: 1|A: 2|A: 3");
    assert_eq!(after(SENDMAIL, &[change(3, "A", "3")]), "Received: here|A: 3|A: 1|B: 1|A: 2");
    assert_eq!(after(SENDMAIL, &[change(0x8000_0000, "A", "3")]), "Received: here|A: 3|A: 1|B: 1|A: 2");
    assert_eq!(after(SENDMAIL, &[change(u32::MAX, "A", "3")]), "Received: here|A: 3|B: 1|A: 2");
    for rules in [POSTFIX, SENDMAIL] {
        let outcomes = apply(&mut message(), rules, &[change(3, "A", ""), change(1, "C", "1")]);
        assert_eq!(outcomes, [ignored(IgnoreReason::NoSuchHeader), Effect::HeaderAdded.into()]);
    }
    // An edit without a name.
    let edits = [change(1, "", "1")];
    assert_eq!(try_apply(&mut message(), POSTFIX, &edits), Err(ApplyError::EmptyName { edit: 0 }));
    assert_eq!(apply(&mut message(), SENDMAIL, &edits), [ignored(IgnoreReason::EmptyNameOrAddress)]);
}

#[test]
fn a_deleted_header_is_gone_or_keeps_its_number() {
    let edits = [change(1, "A", ""), change(1, "A", "x")];
    assert_eq!(after(POSTFIX, &edits), "Received: here|B: 1|A: x");
    assert_eq!(after(SENDMAIL, &edits), "Received: here|A: x|B: 1|A: 2");
    let edits = [change(1, "A", ""), change(2, "A", "x")];
    assert_eq!(after(POSTFIX, &edits), "Received: here|B: 1|A: 2|A: x");
    assert_eq!(after(SENDMAIL, &edits), "Received: here|B: 1|A: x");

    // For the next filter it has no number, but its place.
    let mut message = message();
    apply(&mut message, SENDMAIL, &[change(1, "A", "")]);
    apply(&mut message, SENDMAIL, &[change(1, "A", "x")]);
    assert_eq!(headers(&message), "Received: here|B: 1|A: x");
    apply(&mut message, SENDMAIL, &[add("a", "back")]);
    assert_eq!(headers(&message), "Received: here|A: back|B: 1|A: x");
}

#[test]
fn some_headers_do_not_leave_sendmail() {
    let edits =
        [add("Content-Length", "5"), add("resent-to", "x"), insert(9, "Return-Path"), add("Bcc", "x")];
    let mut message = message();
    let outcomes = apply(&mut message, SENDMAIL, &edits);
    assert!(
        outcomes.iter().all(|outcome| outcome.ignored == Some(IgnoreReason::HeaderNotSent)),
        "{outcomes:?}"
    );
    assert_eq!(headers(&message), "Received: here|A: 1|B: 1|A: 2");
    assert_eq!(headers(&message).matches('|').count() + 4, after(POSTFIX, &edits).matches('|').count());

    // A message that was sent again keeps the headers that tell it.
    let mut message = Message::parse(b"Resent-From: x\r\n\r\n");
    apply(&mut message, SENDMAIL, &[add("Resent-To", "y"), add("Resent-Date", "z")]);
    assert_eq!(headers(&message), "Resent-Date: z|Resent-From: x|Resent-To: y");
}

#[test]
fn a_line_without_a_blank_gets_one() {
    let edits = [add("C", "1\n 2\n\t3\n4\n")];
    assert_eq!(after(POSTFIX, &edits), "Received: here|A: 1|B: 1|A: 2|C: 1\r\n 2\r\n\t3\r\n\t4\r\n\t");
    assert_eq!(after(SENDMAIL, &edits), "Received: here|A: 1|B: 1|A: 2|C: 1\r\n 2\r\n\t3\r\n 4\r\n ");
    assert_eq!(after(POSTFIX, &[add("C", "1\r2\r\n3")]), "Received: here|A: 1|B: 1|A: 2|C: 1\r2\r\r\n\t3");
    // A name cannot begin a header, either.
    assert_eq!(after(POSTFIX, &[add("C\nBcc", "x")]), "Received: here|A: 1|B: 1|A: 2|C\r\n\tBcc: x");

    // Line ends are those of the message, and the space is what was agreed.
    let mut message = Message::parse(b"A: 1\n\nbody\n");
    let mut edits = Edits::new();
    edits.push(add("B", "1\n2"), EditStatus::Negotiated).unwrap();
    edits.push(Edit::ReplaceBody { chunk: b"new\r\n" }, EditStatus::Negotiated).unwrap();
    edits.apply(&mut message, POSTFIX, LeadingSpace::Preserved).unwrap();
    assert_eq!(message.to_bytes(), b"A: 1\nB:1\n\t2\n\nnew\n");
}

#[test]
fn postfix_finds_nothing_below_a_line_that_is_no_header() {
    let edits = [insert(2, "no name"), change(1, "B", "x"), insert(4, "N"), change(1, "A", "x")];
    let expected = "Received: here|A: x|no name: new|B: 1|A: 2|B: x|N: new";
    assert_eq!(after(POSTFIX, &edits), expected);
    // Sendmail keeps names and values apart.
    let edits = [insert(9, "no name"), change(1, "B", "x"), change(1, "no name", "y")];
    assert_eq!(after(SENDMAIL, &edits), "Received: here|A: 1|no name: y|B: x|A: 2");
}

#[test]
fn arguments_of_the_sender_are_replaced_or_reset() {
    let sender = |rules, arguments: Option<&str>| {
        let mut message = message();
        message.set_sender(address("<s@x> SIZE=1 RET=FULL ENVID=old"));
        let arguments = arguments.map(|text| Text::try_from(text).unwrap());
        let address = Text::from_c_str(c"Joe <t@x>");
        let outcomes = apply(&mut message, rules, &[Edit::ChangeFrom { address, arguments }]);
        assert_eq!(outcomes[0].effect, Some(Effect::SenderChanged));
        let texts = core::iter::once(message.sender().address()).chain(message.sender().arguments().iter());
        let text = texts.map(|text| text.to_str().unwrap()).collect::<Vec<_>>().join(" ");
        (text, outcomes[0].ignored == Some(IgnoreReason::UnsupportedArguments))
    };
    for (arguments, postfix, sendmail) in [
        (None, ("<t@x> SIZE=1 RET=FULL ENVID=old", false), ("<t@x> SIZE=1 RET=FULL ENVID=old", false)),
        (Some(""), ("<t@x> SIZE=1 RET=FULL ENVID=old", false), ("<t@x>", false)),
        (Some("ret=hdrs"), ("<t@x> SIZE=1 ENVID=old ret=hdrs", false), ("<t@x> ret=hdrs", false)),
        (Some("RET=no ENVID="), ("<t@x> SIZE=1 RET=FULL ENVID=old", true), ("<t@x> RET=FULL", true)),
        // Run with Sendmail 8.17.1.9.
        (
            Some("SIZE=2 SIZE=3 ENVID=q"),
            ("<t@x> SIZE=1 RET=FULL ENVID=q", true),
            ("<t@x> SIZE=3 ENVID=q", false),
        ),
        (Some("ENVID=a+4Z RET=HDRS"), ("<t@x> SIZE=1 ENVID=old RET=HDRS", true), ("<t@x> ENVID=a+4Z", true)),
        (Some("ENVID=a+4Z"), ("<t@x> SIZE=1 RET=FULL ENVID=old", true), ("<t@x> ENVID=a+4Z", false)),
        (Some("ENVID=a+Z4"), ("<t@x> SIZE=1 RET=FULL ENVID=old", true), ("<t@x> ENVID=a+Z4", false)),
        (Some("ENVID=a\u{1}"), ("<t@x> SIZE=1 RET=FULL ENVID=old", true), ("<t@x> ENVID=a\u{1}", false)),
        (Some("SIZE=2  FOO ENVID=n"), ("<t@x> SIZE=1 RET=FULL ENVID=n", true), ("<t@x> SIZE=2", true)),
        (Some("RET=HDRS RET=FULL"), ("<t@x> SIZE=1 ENVID=old RET=FULL", false), ("<t@x> RET=HDRS", true)),
        (
            Some("RET=FULL RET=HDRS ENVID=q"),
            ("<t@x> SIZE=1 RET=HDRS ENVID=q", false),
            ("<t@x> RET=HDRS", true),
        ),
        (Some("ENVID=a ENVID=b RET=HDRS"), ("<t@x> SIZE=1 ENVID=b RET=HDRS", false), ("<t@x> ENVID=b", true)),
    ] {
        assert_eq!(sender(POSTFIX, arguments), (postfix.0.to_owned(), postfix.1), "{arguments:?}");
        assert_eq!(sender(SENDMAIL, arguments), (sendmail.0.to_owned(), sendmail.1), "{arguments:?}");
    }
}

#[test]
fn a_recipient_is_added_once_or_again() {
    let both = |edits: &[Edit<'_>]| {
        [POSTFIX, SENDMAIL].map(|rules| {
            let mut message = message();
            let outcomes = apply(&mut message, rules, edits);
            let ignored = outcomes.iter().filter_map(|outcome| outcome.ignored).collect::<Vec<_>>();
            (recipients(&message).join(", "), ignored)
        })
    };
    use IgnoreReason::{DuplicateRecipient, FurtherAddresses, NoAddress, UnsupportedArguments};
    let row = |text: &str, ignored: &[IgnoreReason]| (text.to_owned(), ignored.to_vec());
    assert_eq!(
        both(&[add_recipient("r@x")]),
        [row("<r@x>, <r@x>", &[]), row("<r@x>", &[DuplicateRecipient])]
    );
    let twice = [add_recipient("<n@x>"), add_recipient("<n@X>")];
    assert_eq!(both(&twice), [row("<r@x>, <n@x>", &[DuplicateRecipient]), row("<r@x>, <n@x>, <n@X>", &[])]);
    let list = [add_recipient("<n@x>, m@x")];
    assert_eq!(both(&list), [row("<r@x>, <n@x>", &[FurtherAddresses]), row("<r@x>, <n@x>, <m@x>", &[])]);
    for empty in ["<>", "", " (nobody)"] {
        let reason = if empty.is_empty() { IgnoreReason::EmptyNameOrAddress } else { NoAddress };
        assert_eq!(both(&[add_recipient(empty)]), [row("<r@x>", &[NoAddress]), row("<r@x>", &[reason])]);
    }
    let with = |arguments| Edit::add_recipient_with_arguments("<n@x>", arguments).unwrap();
    assert_eq!(
        both(&[with("NOTIFY=NEVER NOTIFY=DELAY")]),
        [row("<r@x>, <n@x> NOTIFY=NEVER", &[UnsupportedArguments]), row("<r@x>, <n@x> NOTIFY=DELAY", &[])]
    );
    assert_eq!(
        both(&[with("FOO=1 ORCPT=rfc822;o@x")]),
        [
            row("<r@x>, <n@x> ORCPT=rfc822;o@x", &[UnsupportedArguments]),
            row("<r@x>", &[UnsupportedArguments])
        ]
    );
    for wrong in ["NOTIFY=NEVER,DELAY", "NOTIFY", "ORCPT=o@x", "ORCPT=rfc822;a+2"] {
        assert_eq!(
            both(&[with(wrong)]),
            [row("<r@x>, <n@x>", &[UnsupportedArguments]), row("<r@x>", &[UnsupportedArguments])]
        );
    }
}

/// EDT-22. Run with Sendmail 8.17.1.9, which adds `Joe` of `Joe <n@x>`.
#[test]
fn sendmail_reads_the_address_of_addrcpt_par_like_that_of_rcpt() {
    for (text, postfix, sendmail) in [
        ("<n@x>, <m@x>", "<n@x>", Some("<n@x>")),
        ("n@x m@x", "<n@x m@x>", Some("<n@x>")),
        ("Joe <n@x>", "<n@x>", Some("<Joe>")),
        ("n@x, m@x", "<n@x>", None),
        ("(c) <n@x>", "<n@x>", None),
    ] {
        for arguments in [None, Some("NOTIFY=NEVER")] {
            let text = Text::try_from(text).unwrap();
            let par = arguments.map(|arguments| Text::try_from(arguments).unwrap());
            let edit = Edit::AddRcptWithArguments { address: text, arguments: par };
            let notify = arguments.map_or_else(String::new, |arguments| format!(" {arguments}"));
            for (rules, added) in [(POSTFIX, Some(postfix)), (SENDMAIL, sendmail)] {
                let mut message = message();
                let outcomes = apply(&mut message, rules, &[edit]);
                let expected =
                    added.map_or_else(|| "<r@x>".to_owned(), |added| format!("<r@x>, {added}{notify}"));
                assert_eq!(recipients(&message).join(", "), expected, "{text:?}");
                let is_ignored = outcomes[0].ignored == Some(IgnoreReason::NoAddress);
                assert_eq!(is_ignored, added.is_none(), "{text:?}: {outcomes:?}");
            }
        }
    }
}

#[test]
fn recipients_are_deleted_by_exact_bytes() {
    let left = |rules, text: &'static str| {
        let mut message = message();
        ["<a@x>", "<b@x>", "<b@x>"].iter().for_each(|text| message.add_recipient(address(text)));
        apply(&mut message, rules, &[delete_recipient(text)]);
        recipients(&message).join(" ")
    };
    for rules in [POSTFIX, SENDMAIL] {
        for other in ["<R@x>", "<r@X>", "<n@x>", "r@x.y"] {
            assert_eq!(left(rules, other), "<r@x> <a@x> <b@x> <b@x>");
        }
        assert_eq!(left(rules, "r@x"), "<a@x> <b@x> <b@x>");
    }
    assert_eq!(left(POSTFIX, "<b@x>"), "<r@x> <a@x>");
    assert_eq!(left(SENDMAIL, "<b@x>"), "<r@x> <a@x> <b@x>");
    assert_eq!(left(POSTFIX, "<r@x>, <a@x>"), "<a@x> <b@x> <b@x>");
    assert_eq!(left(SENDMAIL, "<r@x>, <a@x>"), "<b@x> <b@x>");
    let outcomes = apply(&mut message(), POSTFIX, &[delete_recipient("<n@x>")]);
    assert_eq!(outcomes, [ignored(IgnoreReason::NoSuchRecipient)]);
}

#[test]
fn an_address_is_found_in_names_and_comments() {
    for text in ["n@x", "<n@x>", " n@x ", "Joe <n@x>", "\"J, (o) <e>\" <n@x>", "n@x (c (d))", "(c) <n@x>"] {
        let mut message = message();
        apply(&mut message, POSTFIX, &[Edit::add_recipient(text).unwrap()]);
        assert_eq!(recipients(&message), ["<r@x>", "<n@x>"], "{text}");
    }
    let mut message = message();
    apply(&mut message, POSTFIX, &[Edit::change_from("<>").unwrap()]);
    assert_eq!((message.sender().address(), message.sender().mailbox()), (Text::from_c_str(c"<>"), &b""[..]));
}

#[test]
fn a_new_body_is_made_of_lines() {
    let body = |rules, chunks: &[&[u8]]| {
        let mut message = message();
        let edits: Vec<_> = chunks.iter().map(|chunk| Edit::ReplaceBody { chunk }).collect();
        apply(&mut message, rules, &edits);
        message.body().escape_ascii().to_string()
    };
    for rules in [POSTFIX, SENDMAIL] {
        assert_eq!(body(rules, &[b""]), "");
        assert_eq!(body(rules, &[b"a\nb\r\nc\rd"]), r"a\r\nb\r\nc\rd\r\n");
        assert_eq!(body(rules, &[b"a\r", b"\nb\r"]), r"a\r\nb\r\r\n");
        assert_eq!(body(rules, &[b"\0\r\n", b".\r\n"]), r"\x00\r\n.\r\n");
    }
    assert_eq!(body(POSTFIX, &[b"a\r", b"", b"\nb"]), r"a\r\nb\r\n");
    assert_eq!(body(SENDMAIL, &[b"a\r", b"", b"\nb"]), r"a\r\r\nb\r\n");

    let edits = [Edit::ReplaceBody { chunk: b"a" }, add("C", "1"), Edit::ReplaceBody { chunk: b"b" }];
    let mut message = message();
    let before = message.clone();
    let refused = try_apply(&mut message, POSTFIX, &edits);
    assert_eq!(refused, Err(ApplyError::BodyInterrupted { edit: 2 }));
    assert_eq!(message, before);
    apply(&mut message, SENDMAIL, &edits);
    assert_eq!(message.body(), b"ab\r\n");
}

#[test]
fn headers_end_with_an_empty_line() {
    let to_bytes = |rules, bytes: &'static [u8], edit| {
        let mut message = Message::parse(bytes);
        apply(&mut message, rules, &[edit]);
        message.to_bytes().escape_ascii().to_string()
    };
    let body = Edit::ReplaceBody { chunk: b"new" };
    assert_eq!(to_bytes(POSTFIX, b"A: 1", add("B", "1")), r"A: 1\r\nB: 1\r\n");
    assert_eq!(to_bytes(SENDMAIL, b"A: 1", add("B", "1")), r"A: 1\r\nB: 1\r\n\r\n");
    assert_eq!(to_bytes(POSTFIX, b"A: 1\nno header\n", add("B", "1")), r"A: 1\nB: 1\n\nno header\n");
    assert_eq!(to_bytes(POSTFIX, b"A: 1", body), r"A: 1\r\n\r\nnew\r\n");
    assert_eq!(to_bytes(POSTFIX, b"", body), r"\r\nnew\r\n");
}

#[test]
fn what_the_session_ignores_does_nothing_and_what_it_refuses_refuses_the_message() {
    let mut message = message();
    let before = message.to_bytes();
    let mut edits = Edits::new();
    edits.push(add("C", "1"), EditStatus::Ignored).unwrap();
    // Postfix would refuse the message for this one.
    let nameless = Edit::ChangeHeader { index: 1, name: Text::EMPTY, value: Text::EMPTY };
    edits.push(nameless, EditStatus::Ignored).unwrap();
    for rules in [SENDMAIL, POSTFIX] {
        let outcomes = edits.apply(&mut message, rules, LeadingSpace::Stripped).unwrap();
        assert_eq!(outcomes, [ignored(IgnoreReason::EditsIgnored), ignored(IgnoreReason::EditsIgnored)]);
        assert_eq!(message.to_bytes(), before);
    }
    edits.push(add("C", "1"), EditStatus::NotNegotiated).unwrap();
    edits.push(Edit::ReplaceBody { chunk: b"" }, EditStatus::RejectsMessage).unwrap();
    let refused = edits.apply(&mut message, SENDMAIL, LeadingSpace::Stripped);
    assert_eq!((refused, message.to_bytes()), (Err(ApplyError::BodyNotNegotiated { edit: 3 }), before));
}

#[test]
fn more_edits_than_there_is_room_for_refuse_the_message() {
    let mut edits = Edits::with_max_bytes(400);
    let mut results = (0..3).map(|_| edits.push(add("Name", "value"), EditStatus::Negotiated));
    assert!(results.next().unwrap().is_ok() && results.next().unwrap().is_ok());
    let error = results.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("400 bytes"), "{error}");
    // A smaller one that would fit does not make it a part.
    assert_eq!(edits.push(add("N", ""), EditStatus::Negotiated), Err(error));
    let mut message = message();
    let refused = edits.apply(&mut message, POSTFIX, LeadingSpace::Stripped);
    assert_eq!(refused, Err(ApplyError::TooLong(error)));
    edits.clear();
    assert_eq!((edits.len(), edits.is_empty()), (0, true));
    assert_eq!(edits.apply(&mut message, POSTFIX, LeadingSpace::Stripped), Ok(Vec::new()));
}

#[test]
fn quarantine_keeps_the_last_reason() {
    let mut message = message();
    let quarantine = |reason| Edit::quarantine(reason).unwrap();
    let outcomes = apply(&mut message, POSTFIX, &[quarantine("one"), quarantine("two")]);
    assert_eq!(outcomes, [Effect::Quarantined.into(), Effect::Quarantined.into()]);
    assert_eq!(message.quarantine(), Some(&b"two"[..]));
}

#[test]
fn sendmail_cuts_long_names_and_lines() {
    let (name, value) = ("N".repeat(210), format!("{}\n{}", "v".repeat(3000), "w".repeat(3000)));
    let lengths = |rules| {
        let mut message = Message::parse(b"");
        apply(&mut message, rules, &[Edit::add_header(&name, &value).unwrap()]);
        let bytes = message.to_bytes();
        bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::len).collect::<Vec<_>>()
    };
    assert_eq!(lengths(POSTFIX), [210 + 2 + 3000 + 2, 1 + 3000 + 2]);
    // One byte is lost at the first cut, and everything at the second.
    assert_eq!(lengths(SENDMAIL), [2303 + 2, 1 + (3000 + 202 - 2304) + 2, 2303 + 2, 2]);
}

#[test]
fn addresses_that_are_not_read_are_told() {
    for (text, ignored) in [("<r@x>", None), ("<r@x>, <q@x>", Some(IgnoreReason::FurtherAddresses))] {
        let outcomes = apply(&mut message(), POSTFIX, &[delete_recipient(text)]);
        assert_eq!(
            (outcomes[0].effect, outcomes[0].ignored),
            (Some(Effect::RecipientDeleted), ignored),
            "{text}"
        );
    }
}

#[test]
fn ten_thousand_recipients_are_the_most_that_a_filter_adds() {
    for (count, is_taken) in [(10_000, true), (10_001, false)] {
        let list = vec!["r@x"; count].join(",");
        let edit = Edit::delete_recipient(&list).unwrap();
        let result = try_apply(&mut message(), POSTFIX, &[edit]);
        assert_eq!(result.is_ok(), is_taken, "{count}: {result:?}");
    }
}

#[test]
fn the_recipients_that_a_filter_adds_are_limited() {
    // As one list or many, and whether the MTA reads lists or not.
    for count in [1, 100] {
        let list = (0..12_000_usize.div_euclid(count))
            .map(|number| format!("r{number}@x"))
            .collect::<Vec<_>>()
            .join(",");
        for edit in [Edit::add_recipient(&list).unwrap(), Edit::delete_recipient(&list).unwrap()] {
            for rules in [POSTFIX, SENDMAIL] {
                let mut message = message();
                let refused = try_apply(&mut message, rules, &vec![edit; count]);
                assert_eq!(refused, Err(ApplyError::TooManyRecipients { max: 10_000 }));
                assert_eq!(recipients(&message), ["<r@x>"]);
            }
        }
    }
}

#[test]
fn headers_of_the_mta_have_their_places() {
    let mut message = Message::parse(b"A: 1");
    message.add_header(Header::new("B", " 2"));
    message.add_trace(Header::new("Received", " here"));
    message.add_default(Header::new("Date", " now"));
    assert_eq!(headers(&message), "Received: here|Date: now|A: 1|B: 2");
    let shown = message.headers().filter(|header| header.is_visible()).map(|header| header.name());
    assert_eq!(shown.collect::<Vec<_>>(), [b"A", b"B"]);
}
