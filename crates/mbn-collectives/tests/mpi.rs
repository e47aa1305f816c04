//! The operations of MPI, between two processes that `mpirun` starts.
//!
//! The processes are this test program again, which then runs one function alone.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use mbn_collectives::{CollectivesError, join};
use mbn_testing::mpirun;

/// Set for the processes.
const IS_PROCESS: &str = "MBN_TEST_OF_MPI";
const RANKS: usize = 2;

/// Adds this program to `launcher`, so that each process runs the test `name` alone.
fn processes(mut launcher: Command, name: &str) -> Command {
    launcher.arg(std::env::current_exe().unwrap());
    launcher.args(["--exact", name, "--nocapture", "--test-threads=1"]);
    launcher.env(IS_PROCESS, "1");
    launcher
}

fn is_process() -> bool {
    std::env::var_os(IS_PROCESS).is_some()
}

#[test]
fn two_processes_work_together() {
    if !is_process() {
        if let Some(launcher) = mpirun(RANKS) {
            let output = processes(launcher, "two_processes_work_together")
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        return;
    }
    let ranks = join(None).unwrap();
    let rank = ranks.rank();
    assert_eq!(ranks.size(), RANKS);
    assert!(!ranks.host().is_empty() && !ranks.describe().is_empty());
    for len in [0, 1, 3, 100_000] {
        let mut floats: Vec<f32> = (0..len).map(|i| (i * RANKS + rank) as f32).collect();
        ranks.sum(&mut floats).unwrap();
        let expected = (0..len).map(|i| (2 * i * RANKS + 1) as f32);
        assert!(floats.into_iter().eq(expected));
        let mut counts: Vec<f64> = (0..len)
            .map(|i| (1u64 << 50) as f64 + (i + rank) as f64)
            .collect();
        ranks.sum_f64(&mut counts).unwrap();
        let expected = (0..len).map(|i| (1u64 << 51) as f64 + (2 * i + 1) as f64);
        assert!(counts.into_iter().eq(expected));
        for root in 0..RANKS {
            let mut bytes: Vec<u8> = (0..len).map(|i| (i + rank) as u8).collect();
            ranks.broadcast(root, &mut bytes).unwrap();
            assert!(bytes.into_iter().eq((0..len).map(|i| (i + root) as u8)));
        }
    }
    ranks.barrier().unwrap();
    assert!(join(None).is_err(), "MPI starts once");
    ranks.leave().unwrap();
}

#[test]
fn one_rank_ends_all() {
    if !is_process() {
        if let Some(launcher) = mpirun(RANKS) {
            let output = processes(launcher, "one_rank_ends_all").output().unwrap();
            assert!(!output.status.success(), "{output:?}");
        }
        return;
    }
    let ranks = join(None).unwrap();
    if ranks.rank() == 1 {
        ranks.abort(3);
    }
    // Never returns: the other rank does not come.
    let _ = ranks.barrier();
}

/// Two processes of which each is a run of its own would train two networks.
#[test]
fn a_launcher_of_another_mpi_is_refused() {
    if !is_process() {
        if mpirun(RANKS).is_some() {
            // As a launcher that the library does not know.
            let alone = Command::new("env");
            let mut processes = processes(alone, "a_launcher_of_another_mpi_is_refused");
            let output = processes.env("PMI_SIZE", "2").output().unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        return;
    }
    match join(None).err().unwrap() {
        CollectivesError::OtherSize {
            variable: "PMI_SIZE",
            launched: 2,
            found: 1,
            ..
        } => {}
        other => panic!("{other}"),
    }
}

#[test]
fn files_that_are_no_mpi_are_refused() {
    let no_file = Path::new("/nonexistent/libmpi.so");
    let no_library = std::env::current_exe().unwrap().with_extension("d");
    for path in [no_file, &no_library] {
        let error = join(Some(path)).err().unwrap();
        assert!(matches!(error, CollectivesError::NotLoaded { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    let other = Path::new("libc.so.6");
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        let error = join(Some(other)).err().unwrap();
        assert!(matches!(error, CollectivesError::NotMpi { .. }), "{error}");
    }
}
