//! What can go wrong.

use std::path::PathBuf;

/// Why processes cannot work together.
#[derive(Debug, thiserror::Error)]
pub enum CollectivesError {
    /// The file cannot be loaded.
    #[error("`{}` cannot be loaded: {reason}", path.display())]
    NotLoaded {
        /// The file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The library is another.
    #[error("`{}` is no MPI library: it has no `{symbol}`", path.display())]
    NotMpi {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        symbol: &'static str,
    },
    /// The library is for MPI, but its binary interface is unknown.
    #[error(
        "`{}` calls itself `{version}`; expected Open MPI, MPICH or a library compatible with it, or one with the standard ABI \
         of MPI 5.0",
        path.display()
    )]
    UnknownAbi {
        /// The file.
        path: PathBuf,
        /// What it calls itself.
        version: String,
    },
    /// No library is installed where launchers have theirs.
    #[error("no MPI library was found; looked for {}", names.join(", "))]
    NotFound {
        /// The files that were looked for by the loader.
        names: Vec<String>,
    },
    /// NCCL is not installed where the system's loader looks.
    #[error("NCCL was not found: {}", reasons.join("; "))]
    NcclNotFound {
        /// The loader's words for each of the library's names.
        reasons: Vec<String>,
    },
    /// The library is another, or too old.
    #[error("`{}` is no NCCL library: it has no `{symbol}`", path.display())]
    NotNccl {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        symbol: &'static str,
    },
    /// The library refuses.
    #[error("{function} failed: {reason}")]
    Failed {
        /// The function.
        function: &'static str,
        /// The library's words.
        reason: String,
    },
    /// The library belongs to another launcher.
    #[error(
        "the launcher started {launched} processes ({variable}), but {library} finds {found}: the library does not belong to \
         the launcher"
    )]
    OtherSize {
        /// The environment variable that tells.
        variable: &'static str,
        /// How many there should be.
        launched: usize,
        /// The library.
        library: String,
        /// How many it finds.
        found: usize,
    },
    /// As [`Self::OtherSize`], of a launcher that does not say how many processes it started.
    #[error(
        "the launcher numbered this process {rank} from 0 on ({variable}), but {library} finds {found} in all: the library does \
         not belong to the launcher"
    )]
    OtherRank {
        /// The environment variable that tells.
        variable: &'static str,
        /// The number of this process.
        rank: usize,
        /// The library.
        library: String,
        /// How many it finds.
        found: usize,
    },
    /// The launcher's environment makes no sense.
    #[error("the environment variable {variable} is `{value}`, expected a number of processes")]
    Variable {
        /// The environment variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// Sums over all ranks are wrong, so the library's interface differs from what it should be.
    #[error("{library} adds up {size} ranks to {found}")]
    WrongSum {
        /// The library.
        library: String,
        /// The number of ranks.
        size: usize,
        /// What the library makes of it.
        found: f64,
    },
    /// Another rank is gone, or called another operation.
    #[error("the ranks no longer work together: {0}")]
    Apart(&'static str),
    /// MPI is not loaded on this system.
    #[error("MPI can be loaded on Unix only")]
    Unsupported,
}
