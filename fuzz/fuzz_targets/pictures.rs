#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mbn_fuzz::pictures(input));
