//! Macros, kept and chosen: what a filter sees at each point, and what an MTA sends.
//!
//! The rules are those of libmilter but for its bugs: SPEC_NOTES.md MAC-7 to MAC-16.

use milter_proto::filter;
use milter_proto::macros::{MacroRequests, MacroStore, MacroStoreFull};
use milter_proto::wire::{Buffer, Command, Frame, MacroLists, MacroStage, Tolerance};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;

use crate::support::sides::everyday;
use crate::support::text;

/// The stages that are kept, from the earliest to the latest.
const STAGES: [u8; 7] = *b"CHMRTNE";

/// Gives commands to a store: a letter is an everyday command, `D` takes its payload from behind a
/// colon, up to a blank, with `/` for NUL.
fn after<M: Buffer>(store: &mut MacroStore<M>, script: &str) {
    for word in script.split(' ').filter(|word| !word.is_empty()) {
        let payload = word.strip_prefix("D:").map(|payload| payload.replace('/', "\0"));
        let frame = match &payload {
            Some(payload) => Frame::new(b'D', payload.as_bytes()),
            None => everyday(word.as_bytes()[0]),
        };
        let command = Command::parse_as(frame, Tolerance::LIBMILTER).expect("libmilter reads it").value;
        store.observe(&filter::Event::new(command)).expect("there is room");
    }
}

/// What a store has for a name: the row of a table.
fn value(script: &str, name: &str) -> Option<String> {
    let mut store = MacroStore::new([0; 512]);
    after(&mut store, script);
    store.get(name).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn a_macro_is_seen_from_its_stage_on_and_until_a_command_makes_it_old() {
    let rows = [
        // Visible at its own command and behind it.
        ("D:Cj/mta/ C", "j", Some("mta")),
        ("D:Cj/mta/ C D:H/ H D:Mi/Q1/ M D:Rx/r/ R T L N B D:E/ E", "j", Some("mta")),
        ("D:Mi/Q1/ M R T L N B E", "i", Some("Q1")),
        // The latest stage that has it counts.
        ("D:Cx/c/ C D:Mx/m/ M", "x", Some("m")),
        ("D:Cx/c/ C D:Mx/m/ M D:Rx/r/ R D:Tx/t/ T D:Nx/n/ N D:Ex/e/ E", "x", Some("e")),
        ("D:Nx/n/ N B D:Ey/e/ E", "x", Some("n")),
        // CONNECT, HELO, MAIL and RCPT make all later stages old.
        ("D:Hx/h/ C", "x", None),
        ("D:Mx/m/ H", "x", None),
        ("D:Rx/r/ M", "x", None),
        ("D:Tx/t/ R", "x", None),
        ("D:Nx/n/ R", "x", None),
        ("D:Ex/e/ R", "x", None),
        // DATA, HEADER, EOH, BODY, UNKNOWN make nothing old.
        ("D:Mx/m/ M D:Ry/r/ R T U L L N B B", "y", Some("r")),
        // A list replaces the one of its stage, whole.
        ("D:Ma/1/b/2/ D:Mb/3/ M", "b", Some("3")),
        ("D:Ma/1/b/2/ D:Mb/3/ M", "a", None),
        // Stages of the connection outlive messages.
        ("D:Cj/mta/ C D:Hh/1/ H D:Mi/Q1/ M R T N E M", "j", Some("mta")),
        ("D:Cj/mta/ C D:Hh/1/ H D:Mi/Q1/ M R T N E M", "h", Some("1")),
        // OPTNEG, QUIT and QUIT_NC end everything.
        ("D:Cj/mta/ C O", "j", None),
        ("D:Cj/mta/ C Q", "j", None),
        ("D:Cj/mta/ C M R T N E K", "j", None),
        // Stages that libmilter does not keep.
        ("D:Lx/1/ D:Bx/2/ D:Ux/3/ D:Ax/4/ D:Zx/5/ L", "x", None),
    ];
    for (script, name, expected) in rows {
        assert_eq!(value(script, name).as_deref(), expected, "{name} after {script}");
    }
}

#[test]
fn nothing_of_one_message_is_seen_in_the_next() {
    let rows = [
        // libmilter keeps all of these: nothing is cleared at the end, at ABORT, or without a command.
        ("D:Mi/Q1/ M R T N E M", "i"),
        ("D:Mi/Q1/ M A M", "i"),
        ("D:Mi/Q1/ M A U", "i"),
        ("D:Mi/Q1/ M R T N D:Ee/1/ E U", "e"),
        // No new list came for the second recipient.
        ("M D:Rr/1/ R R", "r"),
        // MAIL is switched off: its list comes, its command never does.
        ("D:Mi/Q1/ D:Rr/1/ R T N E D:Rr/2/ R", "i"),
        ("D:Mi/Q1/ R T N E R T N E", "i"),
        ("D:Mi/Q1/ D:Rr/1/ T N E N", "r"),
        // An empty list empties its stage.
        ("D:Mi/Q1/ M R T N E D:M M", "i"),
        ("D:Hx/1/ H D:H H", "x"),
    ];
    for (script, name) in rows {
        assert_eq!(value(script, name), None, "{name} after {script}");
    }
    // At the end of the message, and until the next command, they are all there.
    assert_eq!(value("D:Mi/Q1/ M R T N D:Ee/1/ E", "i").as_deref(), Some("Q1"));
    assert_eq!(value("D:Mi/Q1/ M R T N E D:Mi/Q2/", "i").as_deref(), Some("Q2"));
}

#[test]
fn the_caller_may_end_a_message_that_was_refused() {
    let mut store = MacroStore::new([0; 128]);
    after(&mut store, "D:Cj/mta/ C D:Mi/Q1/ M");
    store.end_message();
    assert_eq!((store.get("i"), store.get("j")), (None, Some(text(b"mta"))));
    store.clear();
    assert_eq!(store.get("j"), None);
}

#[test]
fn names_are_compared_in_full_and_braces_count_for_one_character_as_none() {
    let script = "D:Mi/1/{j}/2/{auth_type}/PLAIN/long/3/i/4/{empty}// M";
    for (name, expected) in [
        ("i", Some("1")),
        ("{i}", Some("1")),
        ("j", Some("2")),
        ("{j}", Some("2")),
        ("{auth_type}", Some("PLAIN")),
        ("auth_type", None),
        ("{long}", None),
        ("{Auth_type}", None),
        ("{empty}", Some("")),
        ("", None),
    ] {
        assert_eq!(value(script, name).as_deref(), expected, "{name}");
    }
}

#[test]
fn a_store_shows_the_macros_that_it_has_and_no_older_ones() {
    let mut store = MacroStore::new(Vec::new());
    after(&mut store, "D:Cj/mta/ C D:Mi/secret/ M A D:M{auth_type}/PLAIN/ M");
    let stages = [MacroStage::CONNECT, MacroStage::MAIL].map(|stage| format!("{stage:?}"));
    let expected = format!(
        "MacroStore {{{} {{\"j\": \"mta\"}}, {} {{\"{{auth_type}}\": \"PLAIN\"}}}}",
        stages[0], stages[1]
    );
    assert_eq!(format!("{store:?}"), expected);
}

#[test]
fn a_name_without_a_value_is_dropped_and_reads_nothing_else() {
    // libmilter reads behind its array for a name that such a list does not have.
    assert_eq!(value("D:Mi/Q1/{odd}/ M", "i").as_deref(), Some("Q1"));
    assert_eq!(value("D:Mi/Q1/{odd}/ M", "{odd}"), None);
    assert_eq!(value("D:Mi/Q1/{odd}/ M", "x"), None);
    assert_eq!(value("D:Mi/Q1/{cut}/lost M", "{cut}"), None);
}

#[test]
fn a_list_without_room_is_forgotten_whole_and_the_others_are_kept() {
    let mut bytes = [0; 16];
    let mut store = MacroStore::new(&mut bytes[..]);
    after(&mut store, "D:Cj/mta/ C D:Mi/Q1/ M");
    let long = Command::parse(Frame::new(b'D', b"Mi\0a queue id\0")).unwrap();
    let full = store.observe(&filter::Event::new(long));
    assert!(matches!(full, Err(MacroStoreFull { needed: 19, .. })), "{full:?}");
    assert_eq!(store.get("i"), None, "neither the new one nor the old one");
    assert_eq!(store.get("j"), Some(text(b"mta")));
    after(&mut store, "D:Mi/Q2/ M");
    assert_eq!(store.get("i"), Some(text(b"Q2")));

    let mut none = MacroStore::new([0; 0]);
    assert!(none.observe(&filter::Event::new(long)).is_err());
    after(&mut none, "D:M M R E A Q");
}

#[test]
fn a_vector_grows_to_64_kib_and_no_further() {
    let mut store = MacroStore::new(Vec::new());
    let payload = |len: usize| [&b"Mi\0"[..], &vec![b'x'; len - 3], &[0]].concat();
    let fits = payload(65_536);
    store.observe(&filter::Event::new(Command::parse(Frame::new(b'D', &fits)).unwrap())).unwrap();
    assert_eq!(store.get("i").unwrap().len(), 65_533);
    let mut store = MacroStore::new(Vec::new());
    let surplus = payload(65_537);
    assert!(store.observe(&filter::Event::new(Command::parse(Frame::new(b'D', &surplus)).unwrap())).is_err());
}

#[test]
fn an_mta_sends_the_names_that_were_asked_for_in_their_spelling() {
    let lookup = |name: milter_proto::wire::Text<'_>| match name.as_bytes() {
        b"i" => Some(text(b"Q1")),
        b"{auth_type}" => Some(text(b"PLAIN")),
        b"{mail_addr}" => Some(text(b"")),
        _ => None,
    };
    let lists = b"\0\0\0\x02{i} {none},{mail_addr}\t{auth_type} auth_type\0\0\0\0\x03\0\0\0\0\x05{none}\0";
    let schedule = MacroRequests::new(MacroLists::new(lists).unwrap());
    let rows: [(MacroStage, &[u8], Option<&[u8]>); 7] = [
        // Spelled as asked, in that order; without a value left out, with an empty one not.
        (MacroStage::MAIL, b"j", Some(b"{i}\0Q1\0{mail_addr}\0\0{auth_type}\0PLAIN\0")),
        // An empty list asks for nothing, whatever the default.
        (MacroStage::RCPT, b"i", None),
        // Nothing that was asked for has a value.
        (MacroStage::END_OF_MESSAGE, b"i", None),
        // No list: the MTA's own choice.
        (MacroStage::CONNECT, b"i, {auth_type}", Some(b"i\0Q1\0{auth_type}\0PLAIN\0")),
        (MacroStage::HELO, b"", None),
        // Line ends separate names, too.
        (
            MacroStage::DATA,
            b"i\n{auth_type}\r\n{mail_addr}",
            Some(b"i\0Q1\0{auth_type}\0PLAIN\0{mail_addr}\0\0"),
        ),
        // A stage that OPTNEG has no number for, as Postfix has it.
        (MacroStage::new(b'L'), b"i", Some(b"i\0Q1\0")),
    ];
    for (stage, default, expected) in rows {
        let mut storage = [0; 128];
        let macros = schedule.write_macros(stage, default, lookup, &mut storage).unwrap();
        assert_eq!(macros.map(|macros| macros.list().as_bytes()), expected, "{stage:?}");
        assert!(macros.is_none_or(|macros| macros.stage() == stage));
    }
    let small = schedule.write_macros(MacroStage::MAIL, b"", lookup, &mut [0; 8]).unwrap_err();
    assert!(small.needed > 8 && small.available == 8);
}

/// The same rules, in the shortest form that one can see through.
#[derive(Clone, Debug, Default)]
struct Model {
    /// For each stage its list, and whether its command is still to come.
    slots: [(Vec<(String, String)>, bool); 7],
    is_over: bool,
}

impl Model {
    fn observe(&mut self, step: &Step) {
        if core::mem::take(&mut self.is_over) {
            self.forget(2..7);
        }
        match step {
            Step::Macros(stage, pairs) => {
                if let Some(slot) = STAGES.iter().position(|known| known == stage) {
                    self.slots[slot] = (pairs.clone(), !pairs.is_empty());
                }
            }
            Step::Command(b'O' | b'Q' | b'K') => self.forget(0..7),
            // What came for MAIL since the last one is of the next message.
            Step::Command(b'A') => self.forget(if self.slots[2].1 { 3..7 } else { 2..7 }),
            Step::Command(code) => {
                self.is_over = *code == b'E';
                let Some(slot) = STAGES.iter().position(|known| known == code) else { return };
                if slot <= 3 {
                    self.forget(slot + 1..7);
                }
                if !core::mem::take(&mut self.slots[slot].1) {
                    self.forget(slot..slot + 1);
                }
            }
        }
    }

    fn forget(&mut self, slots: core::ops::Range<usize>) {
        self.slots[slots].fill_with(Default::default);
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut lists = self.slots.iter().rev().map(|slot| &slot.0);
        lists.find_map(|list| list.iter().find(|pair| pair.0 == name)).map(|pair| pair.1.as_str())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Macros(u8, Vec<(String, String)>),
    Command(u8),
}

impl Step {
    fn frame<'p>(&self, payload: &'p mut Vec<u8>) -> Frame<'p> {
        let (stage, pairs) = match self {
            Self::Macros(stage, pairs) => (*stage, pairs),
            Self::Command(code) => return everyday(*code),
        };
        payload.push(stage);
        for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
            payload.extend_from_slice(text.as_bytes());
            payload.push(0);
        }
        Frame::new(b'D', payload)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let name = select(vec!["i", "j", "{auth_type}"]).prop_map(str::to_owned);
    let pairs = vec((name, "[a-z]{0,3}"), 0..4);
    prop_oneof![
        (select(b"CHMRTNELZ".to_vec()), pairs).prop_map(|(stage, pairs)| Step::Macros(stage, pairs)),
        select(b"CHMRTLNBEUAMRTEMRTEOQK".to_vec()).prop_map(Step::Command),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_a_list_of_lists_whatever_its_memory(steps in vec(step(), 0..40)) {
        let mut model = Model::default();
        let mut memory = [0; 600];
        let mut borrowed = MacroStore::new(&mut memory[..]);
        let mut inline = MacroStore::new([0; 600]);
        let mut vector = MacroStore::new(Vec::new());
        for step in &steps {
            model.observe(step);
            let mut payload = Vec::new();
            let command = Command::parse(step.frame(&mut payload)).unwrap();
            for result in [borrowed.observe(&filter::Event::new(command)), inline.observe(&filter::Event::new(command)), vector.observe(&filter::Event::new(command))] {
                prop_assert_eq!(result, Ok(()));
            }
            for name in ["i", "{i}", "j", "{auth_type}", "x"] {
                let bare = if name == "{i}" { "i" } else { name };
                let expected = model.get(bare).map(str::as_bytes);
                let name = text(name.as_bytes());
                for value in [borrowed.get(name), inline.get(name), vector.get(name)] {
                    prop_assert_eq!(value.map(milter_proto::wire::Text::as_bytes), expected);
                }
            }
            for (stage, (pairs, _)) in STAGES.iter().zip(&model.slots) {
                let kept = vector.stage(MacroStage::new(*stage));
                let pairs = pairs.iter().map(|(name, value)| (text(name.as_bytes()), text(value.as_bytes())));
                prop_assert!(kept.iter().eq(pairs), "{stage:?}: {kept:?}");
            }
        }
    }

    #[test]
    fn a_store_without_room_has_what_fitted_and_never_something_else(steps in vec(step(), 0..40), room in 0..40_usize) {
        let mut memory = vec![0; room];
        let mut small = MacroStore::new(&mut memory[..]);
        let mut large = MacroStore::new(Vec::new());
        for step in &steps {
            let mut payload = Vec::new();
            let command = Command::parse(step.frame(&mut payload)).unwrap();
            let _is_full = small.observe(&filter::Event::new(command));
            large.observe(&filter::Event::new(command)).unwrap();
            for stage in STAGES.map(MacroStage::new) {
                let kept = small.stage(stage).list();
                assert!(kept.is_empty() || kept == large.stage(stage).list(), "{stage:?}");
            }
        }
    }
}
