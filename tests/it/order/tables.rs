//! The law of order: what its tables say, and the page of the documentation that is made from them.

use core::fmt::Write;

use milter_proto::order::{
    Accepted, CommandKind, Effect, Stage, StepEffect, Transition, steps, transitions, verdicts,
};

/// The committed page. `UPDATE_LAW=1 cargo test --test it order::tables` writes it anew.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/order/law.md");

#[test]
fn the_committed_page_of_the_law_is_not_stale() {
    let page = page();
    if std::env::var_os("UPDATE_LAW").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(PAGE).unwrap(),
        page,
        "run UPDATE_LAW=1 cargo test --test it order::tables"
    );
}

/// libmilter/engine.c as a table: stage, then for O C H M R T L N B E A U Q K what becomes of it.
/// `ok` taken, `re` taken as from HELO, `ig` ignored, `a+` after an implied abort. SPEC_NOTES ORD-28.
#[rustfmt::skip]
const ENGINE: [(Stage, &str); 14] = [
    (Stage::Start,        "ok ig re re ig ig ig ig ig ig ig re end ig"),
    (Stage::Negotiated,   "ig ok re re ig ig ig ig ig ig ig ok end ig"),
    (Stage::Connected,    "ig ig ok ok ig ig ig ig ig ig ig ok end ig"),
    (Stage::Greeted,      "ig ig ok ok ig ig ig ig ig ig ig ok end ig"),
    (Stage::Mail,         "a+ig a+ig a+re a+re ok a+ig a+ig a+ig a+ig a+ig ok ok a+end a+ig"),
    (Stage::Recipients,   "a+ig a+ig a+re a+re ok ok ok ok ok ok ok ok a+end a+ig"),
    (Stage::Data,         "a+ig a+ig a+re a+re a+ig a+ig ok ok a+ig a+ig ok a+re a+end a+ig"),
    (Stage::Headers,      "a+ig a+ig a+re a+re a+ig a+ig ok ok a+ig a+ig ok a+re a+end a+ig"),
    (Stage::EndOfHeaders, "a+ig a+ig a+re a+re a+ig a+ig a+ig a+ig ok ok ok a+re a+end a+ig"),
    (Stage::Body,         "a+ig a+ig a+re a+re a+ig a+ig a+ig a+ig ok ok ok a+re a+end a+ig"),
    (Stage::EndOfMessage, "ig ig re ok ig ig ig ig ig ig ig ok ok ok"),
    (Stage::Aborted,      "ig ig re re ig ig ig ig ig ig ig re end ig"),
    (Stage::Unknown,      "ig ig ok ok ok ok ig ig ok ig ok ok ok ok"),
    (Stage::Reconnecting, "ig ok re re ig ig ig ig ig ig ig ok end ig"),
];

#[test]
fn the_engine_takes_every_command_at_every_stage_as_libmilter_does() {
    let columns = "OCHMRTLNBEAUQK".bytes();
    for (stage, row) in ENGINE {
        for (code, cell) in columns.clone().zip(row.split(' ')) {
            let transition = transitions().find(|t| t.stage == stage && t.command.code() == code).unwrap();
            let expected = match cell {
                "ok" | "re" | "end" => (true, false),
                "a+re" | "a+end" => (true, true),
                "ig" => (false, false),
                "a+ig" => (false, true),
                other => panic!("{other}"),
            };
            let Accepted { stage: next, in_order, aborts_message, .. } = transition.libmilter.unwrap();
            // The engine calls the abort callback for ABORT itself, too.
            let aborts = expected.1 || (code == b'A' && cell == "ok");
            assert_eq!((in_order, aborts_message), (expected.0, aborts), "{stage:?} {}", transition.command);
            if cell.ends_with("ig") {
                assert_eq!(next, Stage::Greeted, "{stage:?} {}", transition.command);
            }
        }
    }
}

#[test]
fn what_the_strict_law_allows_libmilter_accepts_but_for_named_cells() {
    // libmilter does not reply there, and our MTA's side does not send it (SPEC_NOTES ORD-36).
    const SILENT: [(Stage, CommandKind); 3] = [
        (Stage::Data, CommandKind::RcptTo),
        (Stage::Data, CommandKind::Data),
        // milter-manager sends it after a verdict on the connection.
        (Stage::Decided, CommandKind::Abort),
    ];
    for Transition { stage, command, strict, libmilter, .. } in transitions() {
        let (Some(_), Some(accepted)) = (strict, libmilter) else { continue };
        // libmilter ignores ABORT outside a message, and QUIT_NC unless a message has just ended.
        let is_silent = matches!(command, CommandKind::Abort | CommandKind::QuitNewConnection);
        let is_known = SILENT.contains(&(stage, command));
        assert!(accepted.in_order != is_known || is_silent, "{stage:?} {command}: {accepted:?}");
    }
}

/// The header of src/order/table.rs promises that everything that affects a transition is in it.
#[test]
fn every_transition_is_decided_in_the_table() {
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut files = vec![std::path::PathBuf::from(sources)];
    let mut read = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let name = path.strip_prefix(sources).unwrap().to_str().unwrap().to_owned();
        if !name.ends_with(".rs") || name == "order/table.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        read += 1;
        // Stages are entered by the state and by the table's own rows alone, and the state names no stage but the
        // closed one: all others come from the table.
        let enters = text.matches(".enter(").count();
        assert!(
            enters == 0 || matches!(name.as_str(), "order/state.rs" | "order/rows.rs"),
            "{name} enters a stage"
        );
        if name == "order/state.rs" {
            let own = text.replace("MacroStage::", "");
            let named: Vec<_> = own
                .split("Stage::")
                .skip(1)
                .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
                .collect();
            let known = ["FIRST", "AFTER_MESSAGE", "Closed"];
            assert!(named.iter().flatten().all(|stage| known.contains(stage)), "{named:?}");
        }
        // Sets of commands and effects of verdicts are written down in the table alone.
        for definition in [
            "fn next(law",
            "fn effects(",
            "fn stage_after(",
            "fn libmilter_stage_after(",
            "Effect::EndMessage,",
        ] {
            assert!(!text.contains(definition), "{name} has {definition}");
        }
    }
    assert!(read > 30, "{read} files were read");
}

#[test]
fn the_robust_law_accepts_every_command_at_every_stage_and_owes_every_reply() {
    for transition in transitions() {
        let Transition { stage, command, strict, robust, .. } = transition;
        let is_open =
            stage != Stage::Closed && !matches!(stage, Stage::Aborted | Stage::Unknown | Stage::Reconnecting);
        assert_eq!(robust.is_some(), is_open, "{transition:?}");
        let Some(accepted) = robust else { continue };
        assert_eq!(accepted.is_replied, command.has_reply(), "{transition:?}");
        assert_eq!(
            accepted.in_order,
            strict.is_some(),
            "in order is what the strict law allows: {transition:?}"
        );
        if let Some(strict) = strict {
            assert_eq!(accepted, strict, "{transition:?}");
        }
    }
}

fn page() -> String {
    let mut page = String::from("# The strict law\n\n");
    page += "The stage that follows a command. `*`: the message in progress is aborted first. MACRO changes no stage, but for ORD-38. ";
    page += "Empty: refused.\n\n";
    transition_table(&mut page, &|t| t.strict.map(shown).unwrap_or_default());
    page += "\n# The robust law\n\n";
    page += "As above, and `!` where the command is out of order. A reply is owed for every command that has one.\n\n";
    transition_table(&mut page, &|t| t.robust.map(shown).unwrap_or_default());
    page += "\n# libmilter's engine\n\n";
    page += "As above, and `–` where the command is ignored without a reply.\n\n";
    transition_table(&mut page, &|t| match t.libmilter {
        Some(accepted) if accepted.in_order => shown(accepted),
        Some(accepted) if accepted.aborts_message => "*–".into(),
        Some(_) => "–".into(),
        None => String::new(),
    });
    page += "\n# Verdicts\n\nWhat a verdict does. REPLYCODE does what REJECT does.\n\n";
    verdict_table(&mut page);
    page += "\n# Steps\n\n| step | declines |\n| --- | --- |\n";
    for (step, switch) in steps() {
        match switch {
            StepEffect::Declines(kind) => writeln!(page, "| `{step:?}` | {kind} |"),
            StepEffect::DropsReply(kind) => writeln!(page, "| `{step:?}` | the reply to {kind} |"),
            _ => continue,
        }
        .unwrap();
    }
    page
}

fn shown(accepted: Accepted) -> String {
    let Accepted { stage, in_order, aborts_message, .. } = accepted;
    format!("{}{}{stage:?}", if in_order { "" } else { "!" }, if aborts_message { "*" } else { "" })
}

fn transition_table(page: &mut String, cell: &dyn Fn(&Transition) -> String) {
    let commands = || CommandKind::ALL.into_iter().filter(|kind| *kind != CommandKind::Macros);
    let names: Vec<_> = commands().map(|kind| kind.to_string()).collect();
    writeln!(page, "| stage | {} |\n|{}", names.join(" | "), " --- |".repeat(names.len() + 1)).unwrap();
    let rows: Vec<_> = transitions().collect();
    let mut stages: Vec<_> = rows.iter().map(|row| row.stage).collect();
    stages.dedup();
    for stage in stages {
        let cells =
            commands().map(|kind| rows.iter().find(|t| t.stage == stage && t.command == kind).map(cell));
        let cells: Vec<_> = cells.map(Option::unwrap_or_default).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            writeln!(page, "| {stage:?} | {} |", cells.join(" | ")).unwrap();
        }
    }
}

fn verdict_table(page: &mut String) {
    let rows: Vec<_> = verdicts().collect();
    let first = rows[0].0;
    let names =
        rows.iter().filter(|row| row.0 == first).map(|row| milter_proto::wire::code_name(row.1.code()));
    let names: Vec<_> = names.map(Option::unwrap_or_default).collect();
    writeln!(page, "| command | {} |\n|{}", names.join(" | "), " --- |".repeat(names.len() + 1)).unwrap();
    let mut commands: Vec<_> = rows.iter().map(|row| row.0).collect();
    commands.dedup();
    for command in commands {
        let cells = rows.iter().filter(|row| row.0 == command).map(|row| match row.2 {
            Effect::Invalid => String::new(),
            effect => format!("{effect:?}"),
        });
        writeln!(page, "| {command} | {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
    }
}

#[test]
fn a_kind_of_command_shows_its_name_on_the_wire() {
    for (kind, name) in [(CommandKind::MailFrom, "MAIL"), (CommandKind::EndOfHeaders, "EOH")] {
        assert_eq!((format!("{kind}"), format!("{kind:?}")), (name.into(), name.into()));
    }
}
