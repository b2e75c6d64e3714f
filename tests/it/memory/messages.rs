//! Messages and edits: the body is copied by nothing but a new body, and edits take what they are allowed to.

use allocation_counter::measure;
use milter_proto::message::{EditRules, Edits, Message, with_crlf};
use milter_proto::mta::EditStatus;
use milter_proto::negotiation::Negotiated;
use milter_proto::wire::{Command, DataSize, Edit, LeadingSpace};

use crate::support::memory::within;
use crate::support::text;

const RULES: [EditRules; 2] = [EditRules::POSTFIX, EditRules::SENDMAIL];

/// Bytes of the body: far more than anything else takes.
const BODY: usize = 8 * 1024 * 1024;

/// Bytes that the parts of a message besides its body take in these tests, at most.
const SMALL: usize = 64 * 1024;

/// A message with that many headers, and a body.
fn message(headers: usize) -> Vec<u8> {
    let mut bytes = "X-Header: a value\r\n\twith a fold\r\n".repeat(headers).into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.resize(bytes.len() + BODY, b'x');
    bytes
}

fn is_part_of(part: &[u8], whole: &[u8]) -> bool {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

fn edits(list: &[Edit<'_>]) -> Edits {
    list.iter().map(|edit| (*edit, EditStatus::Negotiated)).collect()
}

/// Headers of every kind of edit, and the envelope.
fn header_edits() -> Vec<Edit<'static>> {
    let (name, value) = (text(b"X-Header"), text(b"another\n value"));
    vec![
        Edit::AddHeader { name, value },
        Edit::InsertHeader { index: 3, name, value },
        Edit::ChangeHeader { index: 2, name, value },
        Edit::ChangeHeader { index: 4, name, value: text(b"") },
        Edit::ChangeFrom { address: text(b"<a@x>"), arguments: Some(text(b"RET=FULL")) },
        Edit::AddRcpt { address: text(b"<b@x>") },
        Edit::DeleteRcpt { address: text(b"<b@x>") },
        Edit::Quarantine { reason: text(b"why") },
    ]
}

#[test]
fn a_message_is_parsed_without_a_copy() {
    let bytes = message(100);
    let mut parsed = None;
    let taken = measure(|| parsed = Some(Message::parse(with_crlf(&bytes)).to_bytes().len()));
    assert_eq!(parsed, Some(bytes.len()));
    // That was `to_bytes`: one allocation of all.
    assert!(taken.bytes_max <= u64::try_from(bytes.len() + SMALL).unwrap(), "{taken:?}");

    let mut parsed = None;
    let taken = measure(|| parsed = Some(Message::parse(&bytes)));
    within(taken, SMALL, "message");
    let message = parsed.unwrap();
    assert_eq!(message.headers().count(), 100);
    assert!(message.headers().all(|header| is_part_of(header.as_bytes(), &bytes)));
    assert!(is_part_of(message.body(), &bytes) && message.body().len() == BODY);
    assert!(message.pieces().all(|piece| is_part_of(piece, &bytes)));
}

#[test]
fn a_message_that_owns_its_vector_does_not_copy_the_body() {
    let bytes = message(100);
    let edits = edits(&header_edits());
    let mut kept = Vec::with_capacity(1);
    for rules in RULES {
        let vector = bytes.clone();
        let memory = vector.as_ptr_range();
        // It outlives this function, and can be changed.
        let taken = measure(|| kept.push(Message::<'static>::parse(vector).into_owned()));
        within(taken, SMALL, "message");
        let message = kept.last_mut().unwrap();
        assert_eq!(message.to_bytes(), bytes);
        assert_eq!((message.body().as_ptr(), message.body().len()), (memory.start, BODY));
        drop(edits.apply(message, rules, LeadingSpace::Stripped).unwrap());
        assert_eq!((message.body().as_ptr(), message.headers().count()), (memory.start, 101));
    }

    // What has to be converted is copied once.
    let with_lf = bytes.iter().copied().filter(|&byte| byte != b'\r').collect::<Vec<_>>();
    let taken = measure(|| kept.push(Message::parse(with_crlf(&with_lf).into_owned())));
    assert!(taken.bytes_max < u64::try_from(BODY + SMALL).unwrap(), "{taken:?}");
}

#[test]
fn the_commands_of_a_message_lend_its_body() {
    let bytes = message(100);
    let mut message = Message::parse(&bytes);
    message.add_recipient(text(b"<a@x>"));
    let mut sizes = 0;
    let taken = measure(|| {
        let mut commands = message.commands(&Negotiated::NOTHING);
        while let Some(command) = commands.next_command() {
            if let Command::Body { chunk } = command {
                assert!(is_part_of(chunk, &bytes));
                sizes += chunk.len();
            }
        }
    });
    assert_eq!(sizes, BODY);
    // One value of a header at a time.
    within(taken, 256, "commands");
    assert!(taken.count_total <= 4, "{taken:?}");
}

#[test]
fn edits_of_headers_and_envelope_leave_the_body_where_it_is() {
    let bytes = message(100);
    let edits = edits(&header_edits());
    for rules in RULES {
        let mut message = Message::parse(&bytes);
        let taken = measure(|| drop(edits.apply(&mut message, rules, LeadingSpace::Stripped).unwrap()));
        within(taken, SMALL, "edits");
        assert!(is_part_of(message.body(), &bytes) && message.body().len() == BODY);
        let borrowed = message.headers().filter(|header| is_part_of(header.as_bytes(), &bytes)).count();
        assert_eq!((message.headers().count(), borrowed), (101, 99), "{rules:?}");
    }
}

#[test]
fn a_new_body_is_copied_once() {
    let bytes = message(10);
    let new = vec![b'n'; 2 * 1024 * 1024];
    let list: Vec<_> = Edit::replace_body(&new, DataSize::Kib64).collect();
    let edits = edits(&list);
    for rules in RULES {
        let mut message = Message::parse(&bytes);
        let taken = measure(|| drop(edits.apply(&mut message, rules, LeadingSpace::Stripped).unwrap()));
        assert_eq!(message.body(), [&new, &b"\r\n"[..]].concat());
        // The chunks in a row, and the lines of the result.
        within(taken, 2 * new.len() + SMALL, "new body");
    }
}

#[test]
fn edits_take_no_more_than_they_may() {
    let long = vec![b'x'; 5000];
    let list: [(&str, Edit<'_>); 6] = [
        ("shortest", Edit::DeleteRcpt { address: text(b"") }),
        ("short", Edit::AddRcpt { address: text(b"<a@x>") }),
        ("header", Edit::AddHeader { name: text(b"X-Seen"), value: text(b"yes") }),
        ("empty chunk", Edit::ReplaceBody { chunk: b"" }),
        ("chunk", Edit::ReplaceBody { chunk: &long }),
        ("long", Edit::ChangeFrom { address: text(&long), arguments: Some(text(&long)) }),
    ];
    for (what, edit) in list {
        for max_bytes in [0, 100, 10_000, 1_000_000] {
            let mut edits = Edits::with_max_bytes(max_bytes);
            let mut count = 0;
            let taken = measure(|| {
                while edits.push(edit, EditStatus::Negotiated).is_ok() {
                    count += 1;
                }
                for _ in 0..1000 {
                    assert!(edits.push(edit, EditStatus::Negotiated).is_err());
                }
            });
            within(taken, max_bytes.max(1024), what);
            assert_eq!((edits.len(), edits.is_empty()), (count, count == 0));
            // An edit counts with its frame and 128 bytes.
            let payload = match edit {
                Edit::ReplaceBody { chunk } => chunk.len(),
                Edit::ChangeFrom { .. } => 2 * long.len() + 2,
                Edit::AddHeader { .. } => "X-Seen\0yes\0".len(),
                Edit::AddRcpt { .. } => "<a@x>\0".len(),
                _ => 1,
            };
            assert_eq!(count, max_bytes.div_euclid(5 + payload + 128), "{what}");
            let mut message = Message::parse(b"X: y\r\n\r\nbody\r\n");
            let before = message.clone();
            for rules in RULES {
                edits.apply(&mut message, rules, LeadingSpace::Stripped).unwrap_err();
            }
            assert_eq!(message, before);
            edits.clear();
            assert!(edits.is_empty());
            // Many at once: the same are kept, and that there were more is remembered.
            edits.extend((0..count + 2).map(|_| (edit, EditStatus::Negotiated)));
            assert_eq!(edits.len(), count);
            edits.apply(&mut message, EditRules::POSTFIX, LeadingSpace::Stripped).unwrap_err();
            edits.clear();
            assert_eq!(edits.push(edit, EditStatus::Negotiated).is_ok(), max_bytes >= 5 + payload + 128);
        }
    }
}

#[test]
fn applied_edits_take_a_few_times_their_bytes() {
    const MAX_BYTES: usize = 100_000;
    let lines = vec![b'\n'; 20_000];
    let addresses: Vec<u8> = (0..4000_u32).flat_map(|number| format!("{number:x},").into_bytes()).collect();
    // The worst that edits can make of their bytes.
    let list: [(&str, Edit<'_>); 5] = [
        ("shortest header", Edit::AddHeader { name: text(b"a"), value: text(b"") }),
        ("inserted header", Edit::InsertHeader { index: 0, name: text(b"a"), value: text(b"") }),
        ("lines", Edit::AddHeader { name: text(b"a"), value: text(&lines) }),
        ("body", Edit::ReplaceBody { chunk: &lines }),
        ("recipients", Edit::AddRcpt { address: text(&addresses) }),
    ];
    for (what, edit) in list {
        for rules in RULES {
            let mut edits = Edits::with_max_bytes(MAX_BYTES);
            while edits.push(edit, EditStatus::Negotiated).is_ok() {}
            let mut edits = again(&edits);
            if what == "recipients" {
                // As many as a filter may add.
                edits = Edits::new();
                edits.push(edit, EditStatus::Negotiated).unwrap();
                edits.push(edit, EditStatus::Negotiated).unwrap();
            }
            let mut message = Message::parse(b"X: y\r\n\r\nbody\r\n");
            let taken = measure(|| drop(edits.apply(&mut message, rules, LeadingSpace::Stripped).unwrap()));
            assert!(edits.len() >= 2);
            // A recipient has two bytes in a list, and is a value of its own in the message.
            within(taken, if what == "recipients" { 20 * MAX_BYTES } else { 4 * MAX_BYTES }, what);
        }
    }
}

/// The edits without the mark that there were too many.
fn again(edits: &Edits) -> Edits {
    edits.iter().collect()
}
