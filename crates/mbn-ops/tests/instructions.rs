//! `make test` runs the tests once for each kind of instructions; here it shows which ones they are.

/// Which ones the tests are meant to use, if not the best.
const CHOICE: &str = "MBN_SIMD";

#[test]
fn instructions_are_those_asked_for() {
    let used = mbn_ops::instructions();
    match std::env::var(CHOICE) {
        Ok(asked) if !asked.is_empty() && asked != used => {
            let reason = format!("this processor has no {asked}, so these tests use {used}");
            mbn_testing::skip(mbn_testing::Needs::Processor, reason);
            #[cfg(target_arch = "x86_64")]
            {
                let has = match asked.as_str() {
                    "avx2" => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
                    "avx512" => is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl"),
                    "avx512bf16" => is_x86_feature_detected!("avx512bf16"),
                    other => panic!("{CHOICE}={other}: expected scalar, avx2, avx512 or avx512bf16"),
                };
                assert!(!has, "{CHOICE}={asked} uses {used}");
            }
        }
        _ => eprintln!("the kernels use {used}"),
    }
}

#[cfg(target_arch = "aarch64")]
#[test]
fn arm_of_64_bits_has_neon() {
    let expected = match std::env::var(CHOICE).as_deref() {
        Ok("scalar") => "scalar",
        _ => "neon",
    };
    assert_eq!(mbn_ops::instructions(), expected);
}
