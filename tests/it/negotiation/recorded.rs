//! Every negotiation of 375 recorded sessions, once: offer, answer, and what this crate makes of it.
//!
//! A row names one capture that has it, as MTA/SCENARIO; two of them (`lua-two/lua-two-go`,
//! `sendmail/symlist-one`) are not among the committed ones.

use milter_proto::negotiation::NegotiationError;
use milter_proto::order::Rule;
use milter_proto::wire::{Actions, Answer, Command, MacroLists, Offer, Response, Steps, Version};
use milter_proto::{FilterSession, MtaSession, filter, mta};

use crate::support::sides::{Filter, Mta, numbers, payload_of};

use Outcome::{Agrees, Closes, TooManyActions, TooManySteps};

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// Both sides agree, whatever the policy.
    Agrees,
    /// The filter closed without an answer.
    Closes,
    /// The answer has actions that were not offered: no MTA takes it.
    TooManyActions,
    /// The answer has steps that were not offered: Postfix takes it, Sendmail does not.
    TooManySteps,
}

struct Row {
    offer: Offer,
    answer: Option<Answer<'static>>,
    outcome: Outcome,
    source: &'static str,
}

fn row(
    (version, actions, steps): (u32, u32, u32),
    answer: Option<(u32, u32, u32, &'static [u8])>,
    outcome: Outcome,
    source: &'static str,
) -> Row {
    let words = |version, actions, steps| {
        (Version::new(version), Actions::from_bits(actions), Steps::from_bits(steps))
    };
    let offer = words(version, actions, steps);
    let answer = answer.map(|(version, actions, steps, lists)| {
        let answer = words(version, actions, steps);
        let lists = MacroLists::new(lists).expect("the lists are clean");
        Answer::new(answer.0, answer.1, answer.2).with_macro_lists(lists)
    });
    Row { offer: Offer::new(offer.0, offer.1, offer.2), answer, outcome, source }
}

/// The lists of purepythonmilter: no names for any stage, BODYEOB last.
const SEVEN_EMPTY: &[u8] =
    b"\0\0\0\0\0\0\0\0\x01\0\0\0\0\x02\0\0\0\0\x03\0\0\0\0\x04\0\0\0\0\x06\0\0\0\0\x05\0";

/// Offer, answer, outcome, source.
#[rustfmt::skip]
fn rows() -> [Row; 57] {
    [
        row((6, 0x57, 0), None, Closes, "goclient/goclient-clamav: clamav-milter 1.4.6+dfsg-0+deb12u1"),
        row((6, 0x57, 0), Some((2, 0x7f, 0, b"")), TooManyActions, "goclient/goclient-go: go-milter 0.3.3-2"),
        row((6, 0x57, 0), Some((6, 0x57, 0, b"")), Agrees, "goclient/goclient-lab: labfilter"),
        row((6, 0x57, 0), Some((6, 0x11f, 0xf_77f7, SEVEN_EMPTY)), TooManyActions, "goclient/goclient-purepy: purepythonmilter 0.0.1"),
        row((6, 0x57, 0), Some((6, 0x7f, 0xf_f080, b"")), TooManyActions, "goclient/goclient-rspamd: rspamd 3.4-1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x31, 0x342, b"")), Agrees, "postfix/clamav-plain: clamav-milter 1.4.6+dfsg-0+deb12u1"),
        row((6, 0x1ff, 0x1f_ffff), Some((2, 0x7f, 0, b"")), Agrees, "postfix/go-plain: go-milter 0.3.3-2"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x800, b"")), Agrees, "postfix/watch-8bit: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x3140, b"")), Agrees, "postfix/libmilterpy-plain: python-libmilter 2.0.0"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0xff, 0, b"")), Agrees, "postfix/miltr-plain: miltr-server 0.2.0"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x21, 0x710, b"")), Agrees, "postfix/opendmarc-rset: opendmarc 1.4.2-2+b1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x11f, 0xf_77f7, SEVEN_EMPTY)), Agrees, "postfix/purepy-plain: purepythonmilter 0.0.1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x10_1fc0, b"")), Agrees, "postfix/pymilter-rset: pymilter 1.0.5-1+b3"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0xf_f080, b"")), Agrees, "postfix/noreply-all-long: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1d, 0x300, b"")), Agrees, "postfix/amavisd-quit_mid: amavisd-milter 1.7.2-1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x400, b"\0\0\0\x02i {auth_authen}\0")), Agrees, "postfix/indymilter-multi_rcpt: indymilter 0.3.0"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x400, b"")), Agrees, "postfix/kilter-plain: kilter.service 0.3.1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x111, 0x10_0702, b"")), Agrees, "postfix/opendkim-sign-many_messages: opendkim 2.11.0~beta2-8+deb12u1"),
        row((6, 0x1ff, 0x1f_ffff), Some((2, 0x1f, 0, b"")), Agrees, "postfix/pmilter-multi_rcpt: Sendmail::PMilter 1.00-1.2"),
        row((2, 0x3f, 0x7f), Some((2, 0x1d, 0, b"")), Agrees, "lua-two/lua-two-amavisd: amavisd-milter 1.7.2-1"),
        row((2, 0x3f, 0x7f), Some((2, 0x31, 0x42, b"")), Agrees, "lua-two/lua-two-clamav: clamav-milter 1.4.6+dfsg-0+deb12u1"),
        row((2, 0x3f, 0x7f), Some((2, 0x7f, 0, b"")), TooManyActions, "lua-two/lua-two-go: go-milter 0.3.3-2"),
        row((2, 0x3f, 0x7f), Some((2, 0x3f, 0, b"\0\0\0\x02i {auth_authen}\0")), Agrees, "lua-two/lua-two-indymilter: indymilter 0.3.0"),
        row((2, 0x3f, 0x7f), None, Closes, "lua-two/lua-two-purepy: purepythonmilter 0.0.1"),
        row((2, 0x3f, 0x7f), Some((2, 0x3f, 0, b"")), Agrees, "lua-two/lua-two-lab: labfilter"),
        row((2, 0x3f, 0x7f), Some((2, 0x11, 0x2, b"")), Agrees, "lua-two/lua-two-opendkim: opendkim 2.11.0~beta2-8+deb12u1"),
        row((2, 0x3f, 0x7f), Some((2, 0x1f, 0, b"")), Agrees, "lua-two/lua-two-pmilter: Sendmail::PMilter 1.00-1.2"),
        row((2, 0x3f, 0x7f), Some((2, 0x3f, 0x40, b"")), Agrees, "lua-two/lua-two-pymilter: pymilter 1.0.5-1+b3"),
        row((6, 0xff, 0), Some((6, 0x1d, 0, b"")), Agrees, "miltr_mta/miltr_mta-amavisd: amavisd-milter 1.7.2-1"),
        row((6, 0xff, 0), None, Closes, "miltr_mta/miltr_mta-clamav: clamav-milter 1.4.6+dfsg-0+deb12u1"),
        row((6, 0xff, 0), Some((2, 0x7f, 0, b"")), Agrees, "miltr_mta/miltr_mta-go: go-milter 0.3.3-2"),
        row((6, 0xff, 0), Some((6, 0xff, 0, b"\0\0\0\x02i {auth_authen}\0")), Agrees, "miltr_mta/miltr_mta-indymilter: indymilter 0.3.0"),
        row((6, 0xff, 0), Some((6, 0xff, 0, b"")), Agrees, "miltr_mta/miltr_mta-lab: labfilter"),
        row((6, 0xff, 0), Some((6, 0x11, 0x2, b"")), Agrees, "miltr_mta/miltr_mta-opendkim: opendkim 2.11.0~beta2-8+deb12u1"),
        row((6, 0xff, 0), Some((2, 0x1f, 0, b"")), Agrees, "miltr_mta/miltr_mta-pmilter: Sendmail::PMilter 1.00-1.2"),
        row((6, 0xff, 0), Some((6, 0x11f, 0xf_77f7, SEVEN_EMPTY)), TooManyActions, "miltr_mta/miltr_mta-purepy: purepythonmilter 0.0.1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0, b"")), Agrees, "postfix/addheader.2: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0xc_578a, b"")), Agrees, "postfix/dkimpy-plain: dkimpy-milter 1.2.3-1"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1, 0, b"")), Agrees, "postfix/few-actions: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x10_0000, b"")), Agrees, "postfix/leadspc-mods: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), None, Closes, "postfix/neg-reject: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x80, b"")), Agrees, "sendmail/noreply-hdr: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x10, b"")), Agrees, "sendmail/nosend-body: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0xc, b"")), Agrees, "postfix/nosend-mail-rcpt: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x37f, b"")), Agrees, "postfix/nosend-most: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x300, b"")), Agrees, "postfix/oldstyle: labfilter"),
        row((2, 0x1ff, 0x7f), Some((2, 0x1ff, 0, b"")), Agrees, "postfix/proto-v2-plain: labfilter"),
        row((3, 0x1ff, 0x17f), Some((3, 0x1ff, 0, b"")), Agrees, "postfix/proto-v3-multi_rcpt: labfilter"),
        row((4, 0x1ff, 0x37f), Some((4, 0x1ff, 0, b"")), Agrees, "postfix/proto-v4-plain: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0xc_178a, b"")), Agrees, "postfix/pyspf-null_sender: pyspf-milter 3.0.4-2"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x13, 0x300, b"")), Agrees, "sendmail/spamass-gtube: spamass-milter 0.4.0-2"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x11, 0x300, b"")), Agrees, "postfix/spamass-nomod-plain: spamass-milter 0.4.0-2"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0, b"\0\0\0\0j {client_addr} {client_ptr}\0\0\0\0\x01{tls_version}\0\0\0\0\x02i {mail_addr} {auth_authen}\0\0\0\0\x03{rcpt_addr} i\0\0\0\0\x04i\0\0\0\0\x05i {msg_id} {nrcpts}\0\0\0\0\x06i b\0")), Agrees, "postfix/symlist: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0, 0, b"")), Agrees, "sendmail/no-actions: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0x60, b"")), Agrees, "sendmail/nosend-hdrs: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x3f, 0x300, b"")), Agrees, "sendmail/oldstyle-v1acts: labfilter"),
        row((6, 0x1ff, 0x1f_ffff), Some((6, 0x1ff, 0, b"\0\0\0\x02\0\0\0\0\x05{msg_id} i\0")), Agrees, "sendmail/symlist-one: labfilter"),
    ]
}

#[test]
fn an_mta_takes_every_answer_that_was_seen_or_says_why_not() {
    for Row { offer, answer, outcome, source } in rows() {
        let Some(answer) = answer else {
            assert_eq!(outcome, Closes, "{source}");
            continue;
        };
        for policy in [mta::Policy::STRICT, mta::Policy::SENDMAIL, mta::Policy::POSTFIX] {
            let decision = mta::accept(offer, answer, &policy);
            let seen = match decision {
                Ok(decision) => {
                    let words = (answer.version.number(), answer.actions.bits(), answer.steps.bits());
                    assert_eq!(numbers(&decision.negotiated), words, "{source}");
                    Agrees
                }
                Err(NegotiationError::Actions { .. }) => TooManyActions,
                Err(NegotiationError::Steps { .. }) => TooManySteps,
                Err(other) => panic!("{source}: {other}"),
            };
            let is_taken_by_postfix = policy == mta::Policy::POSTFIX && outcome == TooManySteps;
            assert_eq!(seen, if is_taken_by_postfix { Agrees } else { outcome }, "{source}: {policy:?}");

            // And the session does what the function says.
            let mut mta = Mta(MtaSession::with_policy(policy));
            mta.say(Command::Negotiate(offer)).unwrap();
            let rule = mta.rule(b'O', &payload_of(&Response::from(answer)));
            assert_eq!(rule, (seen != Agrees).then_some(Rule::NegotiationFailed), "{source}: {policy:?}");
            let is_open = mta.0.turn() == mta::Turn::Send && mta.0.negotiated().is_some();
            assert_eq!(is_open, seen == Agrees, "{source}: {policy:?}");
        }
    }
}

#[test]
fn a_filter_of_ours_may_answer_what_others_answered_if_it_was_offered() {
    for Row { offer, answer, outcome, source } in rows() {
        let Some(answer) = answer else { continue };
        let mut filter = Filter(FilterSession::with_policy(filter::Policy::LIBMILTER));
        filter.hear(Command::Negotiate(offer)).unwrap();
        let expected = if outcome == Agrees { Ok(()) } else { Err(Rule::NegotiationFailed) };
        assert_eq!(filter.says(answer), expected, "{source}");
    }
}

#[test]
fn a_connection_that_the_filter_closes_has_been_refused() {
    for Row { offer, .. } in rows().into_iter().filter(|row| row.answer.is_none()) {
        let mut mta = Mta(MtaSession::with_policy(mta::Policy::STRICT));
        mta.say(Command::Negotiate(offer)).unwrap();
        let ending = mta.0.disconnect(0);
        assert_eq!(ending.owed, Some(milter_proto::order::CommandKind::Negotiate));
        assert!(!ending.clean);
    }
}
