//! Tests that cannot run on a machine: how they say so, and when that is a failure.

use std::env;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Names the file to which each skip adds a line. `make test` sets it and counts the lines.
const RECORD: &str = "MBN_SKIPPED";
/// Set where nothing may be skipped for lack of a tool or a small file.
const CI: &str = "CI";

/// What keeps a test from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// A GPU with its driver, or a machine that has none.
    Gpu,
    /// A large download that only a make target of its own gets.
    Download,
    /// Instructions that this processor lacks.
    Processor,
    /// A launcher of many processes that is not installed, such as `mpirun`.
    Launcher,
    /// Anything else: what `make test` gets, or a tool that a machine for tests must have.
    Other,
}

impl Needs {
    fn name(self) -> &'static str {
        match self {
            Self::Gpu => "gpu",
            Self::Download => "download",
            Self::Processor => "processor",
            Self::Launcher => "launcher",
            Self::Other => "other",
        }
    }
}

/// Records that the calling test is skipped: on stderr, as a line `skipped: TEST: REASON`, and in the file that
/// `MBN_SKIPPED` names. The caller then returns. Must run on the test's own thread, whose name is the test's.
///
/// # Panics
/// With [`Needs::Other`] where `CI` is set, and if the file cannot be written.
#[track_caller]
pub fn skip(needs: Needs, reason: impl Display) {
    let reason = one_line(&reason.to_string());
    assert!(
        needs != Needs::Other || env::var_os(CI).is_none(),
        "`{CI}` is set, so this test must run: {reason}"
    );
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed test");
    // The harness captures what the print macros write, and nothing else. It may have begun a line of its own.
    let line = format!("\nskipped: {test}: {reason}\n");
    // Nobody listens where stderr is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = env::var_os(RECORD) {
        let line = record(std::process::id(), test, needs, &reason);
        let file = OpenOptions::new().append(true).create(true).open(&path);
        // One write each, so that lines of tests that run at the same time do not mix.
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("cannot write `{}`: {error}", path.display()));
    }
}

/// Process, test, kind and reason, separated by tabs.
fn record(process: u32, test: &str, needs: Needs, reason: &str) -> String {
    format!("{process}\t{test}\t{}\t{reason}\n", needs.name())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_of_four_fields() {
        let reason = one_line("no device:\n\tthe driver is missing");
        assert_eq!(
            record(7, "a::test", Needs::Gpu, &reason),
            "7\ta::test\tgpu\tno device: the driver is missing\n"
        );
    }

    #[test]
    fn a_tests_thread_has_its_name() {
        let name = std::thread::current().name().map(str::to_owned);
        assert_eq!(name.as_deref(), Some("skip::tests::a_tests_thread_has_its_name"));
    }
}
