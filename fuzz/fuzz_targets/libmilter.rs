//! Runs `milter_proto_fuzz::libmilter` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milter_proto_fuzz::libmilter(data));
