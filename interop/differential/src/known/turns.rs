//! Where libmilter takes a turn that we do not take.

use crate::rules::RuleSet;
use crate::stream::cut;

/// At the start, if the filter has no callback for some commands, and no OPTNEG comes first.
pub(super) fn at_start_without_offer(rules: &RuleSet, bytes: &[u8]) -> Option<usize> {
    let (frames, _) = cut(bytes);
    let mut commands = frames.iter().filter(|frame| frame.code != b'D');
    let negotiates = commands.next().is_none_or(|first| first.code == b'O');
    (rules.option("--only").is_some() && !negotiates).then_some(0)
}

/// Behind ABORT, if UNKNOWN is switched off by the filter or by the offer, but not by both.
pub(super) fn behind_abort(rules: &RuleSet, bytes: &[u8]) -> Option<usize> {
    let (frames, _) = cut(bytes);
    let commands: Vec<_> = frames.iter().filter(|frame| frame.code != b'D').collect();
    let offer = commands.first().filter(|first| first.code == b'O')?;
    let word = |place: usize| offer.payload.get(place..)?.first_chunk().copied().map(u32::from_be_bytes);
    let (version, steps) = (word(0)?, word(8)?);
    let is_wanted = rules.wants(b'U');
    // Steps of 0 stand for those of version 1.
    let is_agreed = version < 3 || (!is_wanted && steps & 0x100 != 0);
    let mut pairs = commands.windows(2);
    let turn = pairs.find_map(|pair| match pair {
        [abort, next] if abort.code == b'A' && b"RTBAK".contains(&next.code) => Some(next.start),
        _ => None,
    });
    turn.filter(|_| is_wanted == is_agreed)
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
