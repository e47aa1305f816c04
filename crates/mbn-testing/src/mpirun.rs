//! Real processes of MPI.

use std::process::Command;

use crate::skip::{Needs, skip};

/// What makes Open MPI 4 and 5 start two processes in a container of one core: run as root, more processes than cores, bound to
/// none of them, and yielding to each other. Other launchers ignore it.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("OMPI_MCA_hwloc_base_binding_policy", "none"),
    ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
    ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
    ("PRTE_MCA_hwloc_default_binding_policy", "none"),
];

/// `mpirun` for so many processes, to which the caller adds the program. Skips the calling test and returns `None` where it is
/// not installed.
pub fn mpirun(processes: usize) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("mpirun").is_file()) {
        skip(Needs::Launcher, "`mpirun` is not installed (Debian: openmpi-bin)");
        return None;
    }
    let mut command = Command::new("mpirun");
    command.args(["-n", &processes.to_string()]).envs(ENVIRONMENT);
    Some(command)
}
