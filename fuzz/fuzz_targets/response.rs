//! Runs `milter_proto_fuzz::response` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| milter_proto_fuzz::response(data));
