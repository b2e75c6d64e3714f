//! Conversations in an order that MTAs keep.

use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::Index;

use super::parts;
use crate::stream::Frame;

/// Parts that may be missing, one behind the other.
fn flat<const N: usize>(parts: [Option<Vec<Frame>>; N]) -> Vec<Frame> {
    parts.into_iter().flatten().flatten().collect()
}

/// From OPTNEG to the end: an opening, and messages with what comes between them.
pub(super) fn any_conversation() -> impl Strategy<Value = Vec<Frame>> {
    let block = prop_oneof![
        12 => any_message(),
        1 => parts::with_macros(0.5, parts::helo()),
        2 => another_client(),
        1 => parts::unknown().prop_map(|frame| vec![frame]),
        1 => parts::bare(b'A').prop_map(|frame| vec![frame]),
    ];
    let offer = weighted(0.97, parts::offer().prop_map(|frame| vec![frame]));
    let quit = weighted(0.3, parts::bare(b'Q').prop_map(|frame| vec![frame]));
    (offer, any_client(), prop::collection::vec(block, 0..5), quit)
        .prop_map(|(offer, client, blocks, quit)| flat([offer, Some(client), Some(blocks.concat()), quit]))
}

/// CONNECT and HELO.
fn any_client() -> impl Strategy<Value = Vec<Frame>> {
    let connect = prop_oneof![9 => parts::connect(), 1 => parts::odd_connect()];
    let connect = weighted(0.95, parts::with_macros(0.5, connect));
    let helo = weighted(0.9, parts::with_macros(0.3, parts::helo()));
    (connect, helo).prop_map(|(connect, helo)| flat([connect, helo]))
}

/// QUIT_NC, and another client on the same connection.
fn another_client() -> impl Strategy<Value = Vec<Frame>> {
    (parts::bare(b'K'), any_client()).prop_map(|(quit, client)| [vec![quit], client].concat())
}

/// One message, to its end or to an earlier one.
fn any_message() -> impl Strategy<Value = Vec<Frame>> {
    let recipient = || parts::with_macros(0.4, parts::envelope(b'R'));
    let envelope = (
        parts::with_macros(0.5, parts::envelope(b'M')),
        prop::collection::vec(recipient(), 1..4),
        weighted(0.06, parts::unknown().prop_map(|frame| vec![frame])),
        weighted(0.85, parts::with_macros(0.2, parts::bare(b'T'))),
    )
        .prop_map(|(mail, recipients, unknown, data)| {
            flat([Some(mail), Some(recipients.concat()), unknown, data])
        });
    let end = prop_oneof![
        9 => parts::with_macros(0.4, parts::bare(b'E')),
        1 => parts::with_macros(0.4, parts::chunk(b'E')),
    ];
    let content = (
        prop::collection::vec(parts::header(), 0..4),
        weighted(0.95, parts::with_macros(0.2, parts::bare(b'N'))),
        prop::collection::vec(parts::chunk(b'B'), 0..3),
        end,
    )
        .prop_map(|(headers, eoh, body, end)| flat([Some(headers), eoh, Some(body), Some(end)]));
    let early = weighted(0.15, (any::<Index>(), prop::bool::weighted(0.7)));
    (envelope, content, early).prop_map(|(envelope, content, early)| {
        let mut frames = [envelope, content].concat();
        if let Some((place, is_aborted)) = early {
            frames.truncate(place.index(frames.len()));
            frames.extend(is_aborted.then(|| Frame::new(b'A', Vec::new())));
        }
        frames
    })
}
