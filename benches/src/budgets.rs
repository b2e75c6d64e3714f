//! What the cases of `benches/instructions.rs` may cost.

/// What a case may cost.
pub struct Budget {
    /// The goal that it guards.
    pub goal: &'static str,
    /// What a unit of the case is.
    pub what: &'static str,
    /// The name of the case: its function and its id.
    pub case: &'static str,
    /// Units that one run of the case handles.
    pub units: u64,
    /// Instructions a unit that may not be exceeded.
    pub must: u64,
    /// Instructions a unit to aim for.
    pub reach: u64,
}

/// One row for each case that has a ceiling.
///
/// The fixed cost of a run, some 50 instructions, counts as well.
pub const BUDGETS: [Budget; 16] = {
    const fn row(
        goal: &'static str,
        what: &'static str,
        case: &'static str,
        units: u64,
        (must, reach): (u64, u64),
    ) -> Budget {
        Budget { goal, what, case, units, must, reach }
    }
    [
        row("G1", "decode a header frame of 60 bytes", "decode_commands.headers", 1000, (235, 130)),
        row("G2", "decode W1", "decode_commands.typical", 1, (14_000, 9_000)),
        row("G3", "decode a bare command", "decode_commands.bare", 1000, (80, 40)),
        row("G3", "decode a bare response", "decode_responses.bare", 1000, (60, 40)),
        row("G4", "decode a chunk of 65,535 bytes", "decode_commands.chunks", 160, (150, 150)),
        row("G4", "decode a chunk of 655 bytes", "decode_commands.small_chunks", 160, (150, 150)),
        row("G4", "encode a chunk as pieces", "lend_commands.chunks", 160, (150, 40)),
        row("G7", "encode a header frame of 60 bytes", "encode_commands.headers", 1000, (115, 70)),
        row("G7", "encode a header of 60 bytes, checked for NULs", "encode_raw.headers", 1000, (180, 140)),
        row("G7", "encode a response of W1", "encode_responses.typical", 39, (56, 25)),
        // The goal is 16,000: README.md says why it is missed.
        row("G8", "a whole session W1 of a filter", "filter_session.typical", 1, (17_000, 10_000)),
        row("G8", "the same, its handler opaque", "opaque_filter_session.typical", 1, (18_000, 12_000)),
        row("G9", "take a single byte of a cut frame", "decode_commands.feeds", 65_536, (60, 40)),
        // An edit looks through the headers once, and moves those below it, one by one:
        // `Vec::insert`, which is faster, can panic.
        row(
            "G10",
            "a header of a message: parse it, and make its command",
            "message_commands.headers",
            1000,
            (1700, 1700),
        ),
        row(
            "G10",
            "apply an edit to 1,000 headers by Postfix' rules",
            "apply_edits.postfix",
            100,
            (50_000, 50_000),
        ),
        row(
            "G10",
            "apply an edit to 1,000 headers by Sendmail's rules",
            "apply_edits.sendmail",
            100,
            (46_000, 46_000),
        ),
    ]
};

/// What two cases must have to do with each other.
pub struct Ratio {
    /// The goal that it guards.
    pub goal: &'static str,
    /// What the ratio says.
    pub what: &'static str,
    /// The case whose instructions are divided.
    pub case: &'static str,
    /// The case by whose instructions they are divided.
    pub by: &'static str,
    /// The ratio that may not be exceeded.
    pub must: f64,
}

/// One row for each pair of cases that is compared.
pub const RATIOS: [Ratio; 3] = [
    Ratio {
        goal: "G4",
        what: "large chunks over small ones: nothing is copied",
        case: "decode_commands.chunks",
        by: "decode_commands.small_chunks",
        must: 1.0,
    },
    Ratio {
        goal: "G4",
        what: "chunks cut in two over one copy of them",
        case: "decode_halves.decoded",
        by: "copy_halves.copied",
        must: 1.02,
    },
    Ratio {
        goal: "G9",
        what: "twice as many single bytes: linear",
        case: "decode_commands.double_feeds",
        by: "decode_commands.feeds",
        must: 2.02,
    },
];

/// What twice as much may cost, of anything that can come in any number.
pub const TWICE: f64 = 2.02;

/// The cases of `benches/linear.rs`: what there is twice as much of, and the id.
pub const LINEAR: [(&str, &str); 12] = [
    ("bytes of one frame, one at a time", "single_bytes"),
    ("chunks of a body, 7 bytes at a time", "cut_chunks"),
    ("headers", "headers"),
    ("headers of 65,000 bytes", "large_headers"),
    ("macro lists in place of each other", "macros"),
    ("macro lists before a full store", "early_macros"),
    ("macros in one frame", "pairs"),
    ("bytes in one frame, at once", "bytes"),
    ("edits", "edits"),
    ("PROGRESS", "progress"),
    ("negotiations", "offers"),
    ("messages", "messages"),
];

/// Who does the work of these cases.
///
/// `postfix` and `sendmail` apply edits by the rules of these MTAs.
pub const WORKERS: [&str; 10] = [
    "parser",
    "filter",
    "mta",
    "monitor",
    "macro_store",
    "line_reader",
    "line_writer",
    "message",
    "postfix",
    "sendmail",
];

/// Instructions that one run of a case may take.
pub fn ceiling(case: &str) -> Option<u64> {
    BUDGETS.iter().find(|budget| budget.case == case).map(|budget| budget.units * budget.must)
}
