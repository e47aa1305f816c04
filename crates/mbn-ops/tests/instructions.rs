//! `make test` runs the tests once for each kind of instructions; here it shows which ones they are.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

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

/// Whether this process is the one that [`a_set_that_is_unknown_is_named_in_one_warning`] started.
const CHILD: &str = "MBN_SIMD_TEST";

/// Prints what is logged.
struct Printer;

impl log::Log for Printer {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        println!("\n{}: {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

#[test]
fn a_set_that_is_unknown_is_named_in_one_warning() {
    const NAME: &str = "a_set_that_is_unknown_is_named_in_one_warning";
    if std::env::var_os(CHILD).is_some() {
        log::set_logger(&Printer).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
        println!("\nused: {}", [(); 2].map(|()| mbn_ops::instructions())[1]);
        return;
    }
    // The warnings with a choice, and the instructions in use.
    let warnings = |choice: &str| {
        let mut program = std::process::Command::new(std::env::current_exe().unwrap());
        let program = program
            .args(["--exact", NAME, "--nocapture"])
            .env(CHILD, "1")
            .env(CHOICE, choice);
        let output = String::from_utf8(program.output().unwrap().stdout).unwrap();
        let lines = |start: &str| -> Vec<String> {
            let lines = output.lines().filter_map(|line| line.strip_prefix(start));
            lines.map(str::to_owned).collect()
        };
        let used = lines("used: ");
        assert_eq!(used.len(), 1, "{output}");
        (lines("WARN: "), used[0].clone())
    };
    let (_, best) = warnings("");
    for known in ["", "scalar", &best] {
        assert_eq!(warnings(known).0, [""; 0], "{known}");
    }
    for unknown in ["sse9", "AVX2", " scalar"] {
        let (found, used) = warnings(unknown);
        assert_eq!(used, best);
        assert_eq!(found.len(), 1, "{found:?}");
        for part in [
            format!("MBN_SIMD is `{unknown}`"),
            "expected scalar".to_owned(),
            format!("using {best}"),
        ] {
            assert!(found[0].contains(&part), "{found:?}");
        }
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
