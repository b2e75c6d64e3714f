//! Where libmilter takes a turn that we do not take.

use crate::rules::RuleSet;
use crate::stream::cut;

/// After ABORT, if the filter wants UNKNOWN and the version does not have it.
pub(super) fn after_abort_at_version_2(rules: &RuleSet, bytes: &[u8]) -> Option<usize> {
    let (frames, _) = cut(bytes);
    let commands: Vec<_> = frames.iter().filter(|frame| frame.code != b'D').collect();
    let offer = commands.first().filter(|first| first.code == b'O')?;
    let version = offer.payload.first_chunk().copied().map(u32::from_be_bytes)?;
    let mut pairs = commands.windows(2);
    let turn = pairs.find_map(|pair| match pair {
        [abort, next] if abort.code == b'A' && b"RTBAK".contains(&next.code) => Some(next.start),
        _ => None,
    });
    turn.filter(|_| version < 3 && rules.wants(b'U'))
}

/// At the first chunk in BODYEOB that a rule for bodies refuses or accepts.
pub(super) fn at_decided_last_chunk(rules: &RuleSet, bytes: &[u8]) -> Option<usize> {
    let (frames, _) = cut(bytes);
    let is_decided = |payload: &[u8]| rules.body_verdict(payload).is_some_and(|verdict| verdict != "skip");
    frames.iter().find(|frame| frame.code == b'E' && is_decided(frame.payload)).map(|frame| frame.start)
}

/// At the first command whose verdict is not written.
pub(super) fn at_unwritten_verdict(rules: &RuleSet, bytes: &[u8]) -> Option<usize> {
    let no_reply = rules.option("--no-reply")?;
    let (frames, _) = cut(bytes);
    // Words that the rule sets look for.
    let has_verdict = |payload: &[u8]| {
        [&b"rej"[..], b"rpl"].iter().any(|word| payload.windows(3).any(|part| part == *word))
    };
    let is_mute = |code: u8| match code {
        b'L' => no_reply.contains("header"),
        b'R' => no_reply.contains("rcpt"),
        _ => false,
    };
    frames.iter().find(|frame| is_mute(frame.code) && has_verdict(frame.payload)).map(|frame| frame.start)
}

/// At the list of macros for which our store has no room: it holds 64 KiB for all stages together.
pub(super) fn at_full_store(rules: &RuleSet, bytes: &[u8]) -> Option<usize> {
    rules.shown_macros().next()?;
    let mut sizes = [0_usize; 256];
    let (frames, _) = cut(bytes);
    let full = frames.iter().filter(|frame| frame.code == b'D').find(|frame| {
        if let Some((&stage, texts)) = frame.payload.split_first()
            && let Some(size) = sizes.get_mut(usize::from(stage))
        {
            *size = texts.len();
        }
        sizes.iter().sum::<usize>() > 65_536
    });
    full.map(|frame| frame.start)
}
