//! Larger payloads: negotiated for one connection, within the offer.

use milter_proto::filter::{Options, Support};
use milter_proto::order::Rule;
use milter_proto::wire::{Actions, Answer, Assembler, DataSize, Offer, Steps, Version};
use milter_proto::{Limits, filter};

use crate::support::offers::{negotiate, words};
use crate::support::sides::Filter;
use crate::support::{feed, wire};

// NEG-9: other libraries set the size for the whole process, or do not know it.
#[test]
fn the_data_size_is_read_from_the_bits_and_set_for_one_connection() {
    let mut first = Assembler::with_limits([0; 300], Limits::DEFAULT.with_max_receive_payload(100));
    let mut second = Assembler::with_limits([0; 300], Limits::DEFAULT.with_max_receive_payload(100));
    first.set_limits(Limits::DEFAULT.with_max_receive_payload(DataSize::Kib256.bytes()));
    let frame = wire(b'B', &[0; 200]);
    assert_eq!(feed(&mut first, [&frame[..]]).1, None);
    assert!(feed(&mut second, [&frame[..]]).1.is_some());
    assert_eq!((Steps::DATA_SIZE_256K | Steps::DATA_SIZE_1M).data_size(), DataSize::Mib1);
}

// A larger size is negotiated for one connection, and never exceeds the offer.
#[test]
fn larger_payloads_are_of_one_connection_and_within_its_offer() {
    let wishes = Options::all_commands()
        .data_size(DataSize::Kib256, Support::Optional)
        .data_size(DataSize::Mib1, Support::Optional);
    for (offered, size) in
        [(0x1f_ffff, DataSize::Kib64), (0x1000_0000, DataSize::Kib256), (0x2000_0000, DataSize::Mib1)]
    {
        let answer = negotiate([6, 0x1ff, offered], &wishes).unwrap();
        assert_eq!(Steps::from_bits(words(&answer)[2]).data_size(), size);
        // A second connection of the same program is not concerned.
        let other = negotiate([6, 0x1ff, 0x1f_ffff], &wishes).unwrap();
        assert_eq!(Steps::from_bits(words(&other)[2]).data_size(), DataSize::Kib64);
    }
    let body = vec![b'x'; 262_143];
    let mut filter = Filter::offered(
        filter::Policy::STRICT,
        Offer::new(Version::V6, Actions::ALL, Steps::ALL | Steps::DATA_SIZE_256K),
        Answer::new(Version::V6, Actions::ALL, Steps::DATA_SIZE_256K),
    );
    filter.go("CHMRTLNB");
    filter.gets(b'E').unwrap();
    let chunk = milter_proto::wire::Edit::ReplaceBody { chunk: &body };
    assert_eq!(filter.says(chunk), Ok(()));
    let mut filter = Filter::with(filter::Policy::STRICT, Steps::EMPTY);
    filter.go("CHMRTLNB");
    filter.gets(b'E').unwrap();
    assert_eq!(filter.says(chunk), Err(Rule::TooLong));
}

#[test]
fn one_data_size_is_answered_if_both_are_offered() {
    let offer = Offer::new(
        Version::V6,
        Actions::ALL,
        Steps::ALL.union(Steps::DATA_SIZE_256K).union(Steps::DATA_SIZE_1M),
    );
    let both = Steps::DATA_SIZE_256K.union(Steps::DATA_SIZE_1M);
    for (size, expected) in [(DataSize::Mib1, Steps::DATA_SIZE_1M), (DataSize::Kib256, Steps::DATA_SIZE_256K)]
    {
        let options = Options::all_commands().data_size(size, Support::Optional);
        let negotiation = options.answer(offer).unwrap();
        assert_eq!(negotiation.answer.steps.intersection(both), expected);
        assert_eq!(negotiation.negotiated.steps.intersection(both), expected);
        assert_eq!(negotiation.step(Steps::DATA_SIZE_256K).is_some(), size == DataSize::Kib256, "{size:?}");
    }
}
