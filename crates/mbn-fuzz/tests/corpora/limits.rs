//! Measures what a call takes: processor time, and the most memory that the process has.

use std::fs;
use std::sync::{Mutex, PoisonError};

/// Most that a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processor time of all threads.
    pub seconds: f64,
    /// Memory of the process at any moment, including what it had before.
    pub megabytes: u64,
}

/// The process is measured, so one call at a time.
static TURN: Mutex<()> = Mutex::new(());

impl Limits {
    /// Calls a function. The error says what it took too much of, which only Linux tells.
    pub fn call(self, function: impl FnOnce()) -> Result<(), String> {
        if !cfg!(target_os = "linux") {
            function();
            return Ok(());
        }
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        forget_peak();
        let before = seconds();
        function();
        let (seconds, megabytes) = (seconds() - before, peak_megabytes());
        if seconds > self.seconds {
            return Err(format!(
                "it took {seconds:.1} s, at most {} are allowed",
                self.seconds
            ));
        }
        if megabytes > self.megabytes {
            return Err(format!(
                "it took {megabytes} MB, at most {} are allowed",
                self.megabytes
            ));
        }
        Ok(())
    }
}

/// Processor time of the process so far, of which Linux counts hundredths of a second.
fn seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program, in brackets, may hold anything.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Lets the peak of the memory begin anew.
fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn peak_megabytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes / 1024
}

#[cfg(target_os = "linux")]
const WIDE: Limits = Limits {
    seconds: 60.0,
    megabytes: 4096,
};

#[cfg(target_os = "linux")]
#[test]
fn a_call_that_takes_long_is_told() {
    let limits = Limits {
        seconds: 0.05,
        ..WIDE
    };
    let work = || {
        let end = seconds() + 0.1;
        while seconds() < end {}
    };
    assert!(limits.call(work).unwrap_err().contains(" s, "));
    assert_eq!(WIDE.call(work), Ok(()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_call_that_takes_memory_is_told_and_the_next_one_is_not() {
    let limits = Limits {
        megabytes: 200,
        ..WIDE
    };
    let work = || {
        let bytes = vec![1u8; 256 << 20];
        assert_eq!(
            bytes
                .iter()
                .step_by(4096)
                .map(|&byte| usize::from(byte))
                .sum::<usize>(),
            65536
        );
    };
    assert!(limits.call(work).unwrap_err().contains(" MB, "));
    assert_eq!(limits.call(|| ()), Ok(()));
}
