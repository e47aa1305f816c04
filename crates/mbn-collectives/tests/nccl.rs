//! NCCL's interface, on a stand-in that adds up what lies in the computer's memory.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;
use std::thread;

use mbn_collectives::{CollectivesError, Nccl, NcclId};

const RANKS: usize = 3;

#[test]
fn ranks_that_have_the_identifier_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = mbn_testing::nccl(folder.path()) else {
        return;
    };
    let nccl = Nccl::load(&library).unwrap();
    assert_eq!(nccl.describe().unwrap(), "NCCL 2.29.7");
    let id = nccl.make_id().unwrap();
    assert_ne!(nccl.make_id().unwrap(), id);
    thread::scope(|scope| {
        for rank in 0..RANKS {
            scope.spawn(move || {
                let joined = nccl.join(id, rank, RANKS).unwrap();
                for len in [1, 1000] {
                    let mut values: Vec<f32> = (0..len).map(|i| (i * RANKS + rank) as f32).collect();
                    let address = values.as_mut_ptr() as u64;
                    // SAFETY: the stand-in takes memory of the computer and any stream, and is done when it returns.
                    unsafe { joined.sum(address, len, std::ptr::null_mut()) }.unwrap();
                    let expected = (0..len).map(|i| (i * RANKS * RANKS + 3) as f32);
                    assert!(values.into_iter().eq(expected));
                }
            });
        }
    });
}

#[test]
fn the_librarys_words_are_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = mbn_testing::nccl(folder.path()) else {
        return;
    };
    let error = Nccl::load(&library).unwrap().join(NcclId([0; NcclId::LEN]), 0, 1);
    assert_eq!(
        error.unwrap_err().to_string(),
        "ncclCommInitRank failed: invalid argument"
    );
}

#[test]
fn libraries_that_are_no_nccl_are_refused() {
    let missing = Nccl::load(Path::new("/nonexistent/libnccl.so.2")).unwrap_err();
    assert!(matches!(missing, CollectivesError::NotLoaded { .. }), "{missing}");
    if cfg!(target_env = "gnu") {
        let other = Nccl::load(Path::new("libc.so.6")).unwrap_err().to_string();
        assert_eq!(
            other,
            "`libc.so.6` is no NCCL library: it has no `ncclGetVersion`"
        );
    }
}

/// The loader looks where `LD_LIBRARY_PATH` says when a process starts, so this program starts again.
#[test]
fn the_systems_loader_finds_the_library() {
    const FINDS: &str = "MBN_TEST_OF_NCCL";
    if let Some(finds) = std::env::var_os(FINDS) {
        match Nccl::find() {
            Ok(_) => assert_eq!(finds, "yes"),
            Err(CollectivesError::NcclNotFound { reasons }) => {
                assert_eq!(finds, "no");
                assert!(reasons[0].contains("libnccl.so.2"), "{reasons:?}");
            }
            Err(other) => panic!("{other}"),
        }
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    if mbn_testing::nccl(folder.path()).is_none() {
        return;
    }
    let finds = |finds: &str, path: &Path| {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "the_systems_loader_finds_the_library"]);
        process.env(FINDS, finds).env("LD_LIBRARY_PATH", path);
        let output = process.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    finds("yes", folder.path());
    // Where NCCL is installed, the loader finds it without the variable.
    if Nccl::find().is_err() {
        finds("no", Path::new("/nonexistent"));
    }
}
