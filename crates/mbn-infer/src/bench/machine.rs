//! What else the machine does while something is measured.

use std::time::Duration;

/// Processor time of the whole machine and of this program, in ticks of a hundredth of a second, the unit of `/proc` on every
/// architecture that Linux runs these programs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    all: u64,
    own: u64,
}

const TICKS_PER_SECOND: f64 = 100.0;

impl Load {
    /// The times so far; `None` if the system does not tell.
    pub(super) fn now() -> Option<Self> {
        let machine = std::fs::read_to_string("/proc/stat").ok()?;
        let own = std::fs::read_to_string("/proc/self/stat").ok()?;
        Self::parse(&machine, &own)
    }

    fn parse(machine: &str, own: &str) -> Option<Self> {
        // user, nice, system, idle, iowait, irq, softirq, steal; the first three and the last three are work.
        let fields = machine.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let fields: Vec<u64> = fields
            .split_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        let all = fields.get(..3)?.iter().chain(fields.get(5..8)?).sum();
        // The program's name, in brackets, may hold anything. `utime` and `stime` are the 12th and 13th field after it.
        let (_, own) = own.rsplit_once(')')?;
        let mut own = own.split_whitespace().skip(11);
        let mut time = || own.next()?.parse::<u64>().ok();
        Some(Self {
            all,
            own: time()? + time()?,
        })
    }

    /// Cores that other programs used, on average, since `before`, `elapsed` ago.
    pub(super) fn others_since(&self, before: &Self, elapsed: Duration) -> f64 {
        let all = self.all.saturating_sub(before.all);
        let own = self.own.saturating_sub(before.own);
        all.saturating_sub(own) as f64 / TICKS_PER_SECOND / elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "cpu  100 20 30 9000 77 1 2 3 0 0\ncpu0 50 10 15 4500 40 1 1 1 0 0\n";

    #[test]
    fn idle_time_and_the_programs_own_are_no_load() {
        let own = "17 (mbn ) infer) R 1 17 17 0 -1 4194304 100 0 0 0 40 6 0 0 20 0 3 0 100 1 1";
        let before = Load::parse(MACHINE, own).unwrap();
        assert_eq!(before, Load { all: 156, own: 46 });
        let after = Load {
            all: 156 + 250,
            own: 46 + 100,
        };
        let others = after.others_since(&before, Duration::from_secs(2));
        assert!((others - 0.75).abs() < 1e-9, "{others}");
        assert_eq!(Load::parse("", own), None);
        assert_eq!(Load::parse(MACHINE, "17 (mbn"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells() {
        let before = Load::now().unwrap();
        assert!(Load::now().unwrap().all >= before.all);
    }
}
