//! Known differences: bugs and habits of libmilter that Policy::LIBMILTER does not copy.
//!
//! Nearly every row says what libmilter would have had to be sent to do what we do, and that is tried:
//! everything else has to be the same. So a row hides nothing but what it is about.

mod macros;
mod rewrites;
mod turns;

use crate::pair::Ours;
use crate::rules::RuleSet;

/// One known difference.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) reason: &'static str,
    /// Where it is written down.
    pub(crate) source: &'static str,
    pub(crate) remedy: Remedy,
}

/// How a row accounts for a difference.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Remedy {
    /// To another stream libmilter does what we do to the original.
    Rewrites(Rewrite),
    /// The same for a frame at which libmilter calls its abort callback once too often, and closes too.
    RewritesAborts(fn(&[u8]) -> Vec<Rewritten>),
    /// The same for a payload that libmilter does not look at.
    RewritesUnread(fn(&RuleSet, &[u8]) -> Vec<Unread>),
    /// Both do the same up to a place in the stream. There libmilter takes a turn that we do not take, and
    /// what follows cannot be compared.
    Turns(fn(&RuleSet, &[u8]) -> Option<usize>),
}

/// A stream without what a row is about; `None` if there is nothing of it.
type Rewrite = fn(&RuleSet, &[u8]) -> Option<Rewritten>;

/// Another stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rewritten {
    pub(crate) bytes: Vec<u8>,
    /// Arguments of callbacks that stand for others.
    pub(crate) stand_ins: Vec<(String, String)>,
    /// The macros that an abort callback sees are not the same: what was rewritten comes before it.
    pub(crate) hides_from_abort: bool,
}

impl From<Vec<u8>> for Rewritten {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, ..Self::default() }
    }
}

/// A payload that libmilter is said not to look at.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The stream with a payload that could be read: libmilter must do the same.
    pub(crate) readable: Vec<u8>,
    /// The stream to which libmilter does what we do.
    pub(crate) ours: Vec<u8>,
}

const fn row(id: &'static str, reason: &'static str, source: &'static str, remedy: Remedy) -> Row {
    Row { id, reason, source, remedy }
}

/// The table. Rows that take chance out of what libmilter does come first, those that end a stream last.
const ROWS: &[Row] = &[
    row(
        "unknown-overread",
        "UNKNOWN without its NUL is handed on as it is, and the callback reads behind it",
        "libmilter/engine.c st_unknown; SPEC_NOTES TOL-4, DEV-5",
        Remedy::Rewrites(rewrites::close_unknown),
    ),
    row(
        "odd-macros",
        "of an odd number of texts in MACRO the last name has no value, and a lookup reads behind the array",
        "libmilter/engine.c st_macros, smfi.c smfi_getsymval; SPEC_NOTES TOL-6, DEV-46",
        Remedy::Rewrites(macros::pair),
    ),
    row(
        "empty-macros",
        "a MACRO without texts does not empty its stage",
        "libmilter/engine.c st_macros; SPEC_NOTES MAC-8, DEV-45",
        Remedy::Rewrites(macros::clear_by_empty_lists),
    ),
    row(
        "old-macros",
        "macros outlive their message, and a command keeps those of the one before",
        "libmilter/engine.c mi_clr_macros; SPEC_NOTES MAC-10, DEV-45",
        Remedy::Rewrites(macros::forget),
    ),
    row(
        "bodyeob-skip",
        "BODYEOB with a chunk: SKIP of the body callback is written twice, and the end is not told",
        "libmilter/engine.c st_bodyend; SPEC_NOTES ORD-17, DEV-44",
        Remedy::Rewrites(rewrites::let_skipped_last_chunk_pass),
    ),
    row(
        "connect-address",
        "an address that is none of its family ends the connection, and inet_aton reads odd ones; for us it is text",
        "libmilter/engine.c st_connectinfo, sm_gethost.c; SPEC_NOTES CMD-3",
        Remedy::Rewrites(rewrites::stand_in_for_addresses),
    ),
    row(
        "no-length",
        "a length of 0, or of 0x80000001 and more, counts as no payload, and the command is obeyed; we close",
        "libmilter/comm.c mi_rd_cmd; SPEC_NOTES DEV-1",
        Remedy::Rewrites(rewrites::end_at_no_length),
    ),
    row(
        "helo-unanswered",
        "HELO without its NUL gets no reply, and the connection goes on; we close",
        "libmilter/engine.c st_helo; SPEC_NOTES DEV-3, DEV-49",
        Remedy::Rewrites(rewrites::end_at_open_helo),
    ),
    row(
        "abort-unseen",
        "the abort callback runs for a command that was malformed, or twice where a payload is missing",
        "libmilter/engine.c mi_engine; SPEC_NOTES DEV-50",
        Remedy::RewritesAborts(rewrites::end_at_malformed),
    ),
    row(
        "payload-unread",
        "the payload of a command without a callback is not looked at; we close if it is malformed",
        "libmilter/engine.c st_connectinfo, st_helo, st_sender, st_rcpt, st_header",
        Remedy::RewritesUnread(rewrites::end_at_unread),
    ),
    row(
        "unknown-by-version",
        "version 2 has no UNKNOWN, but what may follow ABORT depends on the callback for it alone",
        "libmilter/engine.c fix_stm; SPEC_NOTES DEV-57",
        Remedy::Turns(turns::after_abort_at_version_2),
    ),
    row(
        "bodyeob-twice",
        "BODYEOB with a chunk: the verdict of the body callback is written twice, and the end is not told; ours once",
        "libmilter/engine.c st_bodyend; SPEC_NOTES ORD-17, DEV-44",
        Remedy::Turns(turns::at_decided_last_chunk),
    ),
    row(
        "macro-room",
        "macros of seven stages may have 64 KiB each; our store holds 64 KiB for all of them",
        "libmilter/engine.c st_macros; SPEC_NOTES MAC-12",
        Remedy::Turns(turns::at_full_store),
    ),
    row(
        "no-reply-verdict",
        "a verdict that is not written moves the engine all the same; for us it is CONTINUE",
        "libmilter/engine.c sendreply; SPEC_NOTES DEV-47",
        Remedy::Turns(turns::at_unwritten_verdict),
    ),
];

/// Rows that are about the example alone: the drop-in does what libmilter does.
const OF_THE_EXAMPLE: [&str; 1] = ["connect-address"];

/// The rows that account for differences from a program.
pub(crate) fn rows(ours: &Ours) -> impl Iterator<Item = &'static Row> + use<> {
    let is_dropin = matches!(ours, Ours::Dropin(_));
    ROWS.iter().filter(move |row| !is_dropin || !OF_THE_EXAMPLE.contains(&row.id))
}

#[cfg(test)]
mod tests {
    use super::{OF_THE_EXAMPLE, ROWS, Remedy, Rewritten};
    use crate::rules::RULE_SETS;

    /// What a row makes of a stream under the rules that show macros, or answer SKIP.
    fn rewritten(id: &str, bytes: &[u8]) -> Option<Rewritten> {
        let name = if id == "bodyeob-skip" { "skip" } else { "macros" };
        let rules = RULE_SETS.iter().find(|rules| rules.name == name).unwrap();
        match ROWS.iter().find(|row| row.id == id).unwrap().remedy {
            Remedy::Rewrites(rewrite) => rewrite(rules, bytes),
            Remedy::RewritesAborts(rewrite) => rewrite(bytes).into_iter().next(),
            Remedy::RewritesUnread(_) | Remedy::Turns(_) => panic!("{id} does not rewrite"),
        }
    }

    #[test]
    fn rows_rewrite_what_they_are_about_and_nothing_else() {
        let rows: [(&str, &[u8], &[u8]); 8] = [
            ("unknown-overread", b"\0\0\0\x03Uok", b"\0\0\0\x04Uok\0"),
            ("odd-macros", b"\0\0\0\x08DMi\x001\0j\0", b"\0\0\0\x06DMi\x001\0"),
            ("empty-macros", b"\0\0\0\x02DH", b"\0\0\0\x0aDH{none}\0\0"),
            ("bodyeob-skip", b"\0\0\0\x03Eok", b"\0\0\0\x0bEstand-in-0"),
            ("connect-address", b"\0\0\0\x0aCh\x004\0\x191.2\0", b"\0\0\0\x12Ch\x004\0\x19192.0.2.255\0"),
            ("no-length", b"\0\0\0\x01N\0\0\0\0Q", b"\0\0\0\x01N"),
            ("helo-unanswered", b"\0\0\0\x01A\0\0\0\x03Hok\0\0\0\x01Q", b"\0\0\0\x01A"),
            ("abort-unseen", b"\0\0\0\x01A\0\0\0\x02M<\0\0\0\x01Q", b"\0\0\0\x01A"),
        ];
        for (id, bytes, expected) in rows {
            let bytes = rewritten(id, bytes).unwrap().bytes;
            assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{id}");
            let clean = b"\0\0\0\x04Hok\0\0\0\0\x04Uok\0\0\0\0\x06DMi\x001\0\0\0\0\x01E\0\0\0\x01Q";
            assert!(rewritten(id, clean).is_none(), "{id}");
        }
    }

    #[test]
    fn macros_are_forgotten_where_we_forget_them() {
        let sent = b"\0\0\0\x05M<a>\0\0\0\0\x05R<b>\0";
        let expected = b"\0\0\0\x0aDM{none}\0\0\0\0\0\x05M<a>\0\0\0\0\x0aDR{none}\0\0\0\0\0\x05R<b>\0";
        let rewritten = rewritten("old-macros", sent).unwrap().bytes;
        assert_eq!(rewritten.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn ids_are_given_once() {
        assert!(OF_THE_EXAMPLE.iter().all(|id| ROWS.iter().any(|row| row.id == *id)));
        for (place, row) in ROWS.iter().enumerate() {
            assert!(ROWS.iter().skip(place + 1).all(|other| other.id != row.id), "{}", row.id);
        }
    }
}
