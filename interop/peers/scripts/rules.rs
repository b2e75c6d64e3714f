//! The rules that the filters in Rust take on their command line: rules.py has their form.

/// One call of a rule: its name and its arguments.
pub type Call = Vec<String>;

const VERDICTS: [&str; 7] = ["continue", "accept", "reject", "tempfail", "discard", "skip", "setreply"];

/// The path of the socket, and the rules.
pub fn from_command_line() -> (String, Vec<String>) {
    let mut words = std::env::args().skip(1);
    let socket = words.next().expect("usage: FILTER SOCKET RULE...");
    (socket, words.collect())
}

/// The steps that the rules ask for.
#[allow(dead_code, reason = "not every library can ask for steps")]
pub fn asked_steps(rules: &[String]) -> u32 {
    let calls = of(rules, "negotiate", "").0;
    let steps = calls.iter().filter(|call| call[0] == "steps");
    steps.map(|call| u32::from_str_radix(call[1].trim_start_matches("0x"), 16).expect("steps")).sum()
}

/// The edits of `stage`, in order, and its last verdict.
pub fn of(rules: &[String], stage: &str, text: &str) -> (Vec<Call>, Option<Call>) {
    let (mut edits, mut verdict) = (Vec::new(), None);
    for rule in rules {
        let (place, what) = rule.split_once(':').expect("STAGE:CALL");
        let (at, pattern) = place.split_once('/').unwrap_or((place, ""));
        if at != stage || !text.contains(pattern) {
            continue;
        }
        let call: Call = what.split('|').map(str::to_owned).collect();
        if VERDICTS.contains(&call[0].as_str()) {
            verdict = Some(call);
        } else {
            edits.push(call);
        }
    }
    (edits, verdict)
}
