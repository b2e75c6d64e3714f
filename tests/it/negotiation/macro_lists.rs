//! Macro lists in the answer to OPTNEG.

use milter_proto::macros::MacroRequests;
use milter_proto::wire::{Frame, ListStage, MacroLists, MacroStage, Response, Tolerance};
use milter_proto::{MtaSession, mta};

use crate::support::sides::Mta;
use crate::support::text;

// NEG-10, NEG-11, TOL-11, TOL-12.
#[test]
fn macro_lists_have_stages_up_to_6_and_a_final_nul() {
    let answer = |lists: &[u8], tolerance| {
        let payload = [&[0; 12][..], lists].concat();
        let decoded = Response::parse_as(Frame::new(b'O', &payload), tolerance).ok()?;
        let Response::Negotiate(answer) = decoded.value else { panic!("this is an answer") };
        Some(answer.macro_lists.iter().map(|(stage, _)| stage.number()).collect::<Vec<u32>>())
    };
    let beyond = b"\0\0\0\x03a\0\0\0\0\x07b\0\0\0\0\x06c\0";
    assert_eq!(answer(beyond, Tolerance::STRICT), None);
    assert_eq!(answer(beyond, Tolerance::SENDMAIL), Some(vec![3]));
    assert_eq!(answer(beyond, Tolerance::POSTFIX), Some(vec![3, 7, 6]));
    for tolerance in [Tolerance::STRICT, Tolerance::SENDMAIL, Tolerance::POSTFIX, Tolerance::LENIENT] {
        assert_eq!(answer(b"\0\0\0\x03a b", tolerance), None);
    }
}

// Sendmail uses the list of EOH in place of that of BODYEOB. `MacroRequests` does not.
#[test]
fn the_lists_of_both_ends_do_not_depend_on_each_other() {
    let lists = MacroLists::new(b"\0\0\0\x05{msg_id}\0").unwrap();
    let schedule = MacroRequests::new(lists);
    assert_eq!(schedule.names(MacroStage::END_OF_MESSAGE), Some(text(b"{msg_id}")));
    assert_eq!(schedule.names(MacroStage::END_OF_HEADERS), None);
    let lists = MacroLists::new(b"\0\0\0\x06i\0").unwrap();
    assert_eq!(MacroRequests::new(lists).names(MacroStage::END_OF_MESSAGE), None);
}

// An empty list asks for nothing; no list asks for the MTA's choice.
#[test]
fn an_empty_macro_list_is_not_an_absent_one() {
    let schedule = MacroRequests::new(MacroLists::new(b"\0\0\0\x02\0").unwrap());
    let mut storage = [0; 64];
    let mut macros = |stage| {
        let macros = schedule.write_macros(stage, b"i", |_| Some(text(b"Q1")), &mut storage).unwrap();
        macros.is_some()
    };
    assert!(!macros(MacroStage::MAIL));
    assert!(macros(MacroStage::RCPT));
}

// Lists that follow the twelve bytes of an answer.
#[test]
fn the_macro_lists_of_an_answer_are_read_to_their_end_or_refused() {
    let head: &[u8] = b"\0\0\0\x06\0\0\0\0\0\0\0\0";
    let rows: [(&[u8], [bool; 3], Option<&str>); 6] = [
        (b"", [true; 3], None),
        (b"\0\0\0\x02i\0", [true; 3], Some("i")),
        (b"\0\0\0\x02i\0\0\0\0\x02{j}\0", [true; 3], Some("{j}")),
        (b"\0\0\0\x02i\0\0\0\0\x07x\0", [false, true, true], Some("i")),
        (b"\0\0\0\x02i", [false; 3], None),
        (b"\0\0\0\x02i\0\0\0", [false, true, false], Some("i")),
    ];
    for (tail, taken, mail) in rows {
        for (policy, taken) in
            [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX].into_iter().zip(taken)
        {
            let payload = [head, tail].concat();
            let mut mta = Mta(MtaSession::with_policy(policy));
            mta.send(b'O').unwrap();
            match mta.0.receive(Frame::new(b'O', &payload)) {
                Ok(mta::Event::Negotiated { answer }) => {
                    assert!(taken, "{policy:?} {}", tail.escape_ascii());
                    let list = answer.macro_lists.get(ListStage::MAIL);
                    assert_eq!(list, mail.map(|mail| text(mail.as_bytes())));
                }
                other => assert!(!taken, "{policy:?} {}: {other:?}", tail.escape_ascii()),
            }
        }
    }
    assert!(MacroLists::EMPTY.iter().next().is_none());
}
