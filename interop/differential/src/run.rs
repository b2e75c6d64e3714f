//! One rule set: every capture, and streams that are generated, up to the first difference of each.

use core::cell::RefCell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::generate::any_stream;
use crate::pair::{Judgement, Pair, Programs};
use crate::report::report;
use crate::rules::RuleSet;
use crate::stream::Stream;
use crate::tally::Tally;

/// How long a difference is made smaller, in milliseconds.
const SHRINK_TIME: u32 = 60_000;

/// What a rule set came to: counts, and reports of differences.
pub(crate) type Outcome = anyhow::Result<(Tally, Vec<String>)>;

/// Replays the captures, and sends so many other streams.
pub(crate) fn run(
    programs: &Programs,
    rules: &'static RuleSet,
    corpus: &[(String, Stream)],
    cases: u32,
    seed: u64,
) -> Outcome {
    let mut pair = Pair::start(programs, rules)?;
    let mut tally = Tally::default();
    let mut reports = Vec::new();
    for (name, stream) in corpus {
        let judgement = pair.judge(stream)?;
        tally.count(&judgement);
        if let Judgement::Different(difference) = judgement {
            reports.push(format!("{name}\n{}", report(rules, stream, &difference)));
            break;
        }
    }
    reports.extend(generated(&mut pair, &mut tally, rules, cases, seed)?);
    tally.add(&pair.seen);
    Ok((tally, reports))
}

/// Streams of the generator; the first difference is made as small as it gets.
fn generated(
    pair: &mut Pair<'_>,
    tally: &mut Tally,
    rules: &'static RuleSet,
    cases: u32,
    seed: u64,
) -> anyhow::Result<Option<String>> {
    let config = Config {
        cases,
        max_shrink_iters: 20_000,
        max_shrink_time: SHRINK_TIME,
        failure_persistence: None,
        ..Config::default()
    };
    let state = RefCell::new((&mut *pair, tally, false));
    let result = TestRunner::new_with_rng(config, rng(seed, rules.name)).run(&any_stream(), |stream| {
        let (pair, tally, has_failed) = &mut *state.borrow_mut();
        let judgement = pair.judge(&stream).map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        // What is tried to make a difference smaller does not count.
        if !*has_failed {
            tally.count(&judgement);
        }
        match judgement {
            Judgement::Same | Judgement::Known(_) => Ok(()),
            Judgement::Different(_) => {
                *has_failed = true;
                Err(TestCaseError::fail("different"))
            }
        }
    });
    let (pair, ..) = state.into_inner();
    match result {
        Ok(()) => Ok(None),
        Err(TestError::Abort(reason)) => anyhow::bail!("{reason}"),
        Err(TestError::Fail(reason, stream)) => Ok(Some(match pair.judge(&stream)? {
            Judgement::Different(difference) => report(rules, &stream, &difference),
            judgement @ (Judgement::Same | Judgement::Known(_)) => {
                format!("rules {}: {reason}, but now {judgement:?}: {stream:?}", rules.name)
            }
        })),
    }
}

/// Random numbers of a rule set: the same whatever other sets there are.
fn rng(seed: u64, name: &str) -> TestRng {
    let mut bytes = [0; 32];
    let from = seed.to_be_bytes().into_iter().chain(name.bytes());
    bytes.iter_mut().zip(from).for_each(|(to, from)| *to = from);
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}
