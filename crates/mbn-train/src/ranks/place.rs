//! Where a rank runs.

/// A machine, and the cores of it that a process may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub host: String,
    /// As the system lists them; empty where it does not tell.
    cores: String,
}

impl Place {
    pub fn of_this_process(host: &str) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            host: host.to_owned(),
            cores: allowed_cores(&status).to_owned(),
        }
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{}\n{}", self.cores, self.host).into_bytes()
    }

    pub fn from_bytes(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (cores, host) = text.split_once('\n').unwrap_or_default();
        Self {
            host: host.to_owned(),
            cores: cores.to_owned(),
        }
    }
}

/// The list of cores in `/proc/PID/status`.
fn allowed_cores(status: &str) -> &str {
    let cores = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    cores.unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_the_way() {
        assert_eq!(allowed_cores("Name:\tx\nCpus_allowed_list:\t0-3,8\n"), "0-3,8");
        assert_eq!(allowed_cores("Name:\tx\n"), "");
        let place = Place {
            host: "node 1".into(),
            cores: "0-3".into(),
        };
        assert_eq!(Place::from_bytes(&place.to_bytes()), place);
    }
}
