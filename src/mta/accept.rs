//! The MTA's side of the negotiation.

use super::policy::Policy;
use crate::negotiation::{Negotiated, Negotiation, NegotiationError, check_answer};
use crate::wire::{Actions, Answer, Offer, Steps};

/// Checks a filter's answer to an offer, and returns what was negotiated.
///
/// As for filters, zero masks in an offer mean version 1. Any other mask is taken literally.
///
/// A no-reply or leading-space bit that was not offered is honoured or refused, depending on the policy. It is never
/// ignored: the MTA would wait for replies that do not come.
///
/// # Errors
/// [`NegotiationError`]: close without QUIT, as Sendmail and Postfix do.
///
/// # Source
/// `milter_negotiate` in sendmail/milter.c, `milter8_connect` in Postfix src/milter/milter8.c.
/// SPEC_NOTES NEG-22 to NEG-26.
pub fn accept<'a>(
    offer: Offer,
    answer: Answer<'a>,
    policy: &Policy,
) -> Result<Negotiation<'a>, NegotiationError> {
    check_answer(&offer, &answer, policy.honours_surplus_steps())?;
    Ok(Negotiation {
        offer: offer.with_v1_defaults(),
        answer,
        negotiated: Negotiated::from_answer(&answer),
        stripped: Steps::EMPTY,
        stripped_actions: Actions::EMPTY,
    })
}
