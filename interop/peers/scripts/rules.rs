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
