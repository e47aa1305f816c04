//! How much memory the image cache may use.

/// Budget for a [`CachedSource`](crate::CachedSource): a quarter of the memory that is available now, or 4 GiB on
/// systems that do not tell.
pub fn default_cache_budget() -> u64 {
    const FALLBACK: u64 = 4 << 30;
    available_memory().map_or(FALLBACK, |bytes| bytes / 4)
}

/// Bytes that can be allocated: what Linux reports as available, within the limit of the container.
fn available_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = parse_available(&meminfo)?;
    let group = |name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    let allowed = group("memory.max").zip(group("memory.current"));
    let left = allowed.map_or(u64::MAX, |(max, current)| max.saturating_sub(current));
    Some(available.min(left))
}

fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
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
}
