//! Runs `milter_proto_fuzz::filter_session` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milter_proto_fuzz::filter_session(data));
