//! How much memory the image cache may use.

mod groups;

use std::fs;
use std::path::Path;

/// What Slurm gives a job on each node, in MiB. 0 stands for all memory.
const SLURM_MEMORY: &str = "SLURM_MEM_PER_NODE";

/// Budget for a [`CachedSource`](crate::CachedSource): a quarter of the memory that is available now, or 4 GiB on
/// systems that do not tell.
pub fn default_cache_budget() -> u64 {
    const FALLBACK: u64 = 4 << 30;
    available_memory().map_or(FALLBACK, |bytes| bytes / 4)
}

/// Bytes of memory that can be allocated, on systems that tell: what Linux reports as available, within the limits of the process's
/// control groups, which containers, systemd and Slurm set, and at most what Slurm gives the job on each node.
pub fn available_memory() -> Option<u64> {
    let available = parse_available(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = [
        groups::left(Path::new("/sys/fs/cgroup"), &own),
        std::env::var(SLURM_MEMORY)
            .ok()
            .and_then(|text| parse_slurm(&text)),
    ];
    Some(limits.into_iter().flatten().fold(available, u64::min))
}

fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn parse_slurm(text: &str) -> Option<u64> {
    let mebibytes: u64 = text.trim().parse().ok()?;
    mebibytes.checked_mul(1 << 20).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_available_memory_of_linux() {
        let text = "MemTotal:       24000000 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\n";
        assert_eq!(parse_available(text), Some(2 << 20));
        assert_eq!(parse_available("MemTotal: 1 kB\n"), None);
    }

    #[test]
    fn reads_what_slurm_gives_a_job() {
        assert_eq!(parse_slurm("8192"), Some(8 << 30));
        for text in ["0", "", "8G", "99999999999999"] {
            assert_eq!(parse_slurm(text), None, "{text}");
        }
    }
}
