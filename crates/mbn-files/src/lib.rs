//! Files, whatever they hold: reads a whole file under a limit, replaces a file atomically or by one that can be continued,
//! makes a whole folder under a temporary name, checks that an output can be written before a program starts the work that makes
//! it, and tells what a file is by its first bytes.

mod abandoned;
pub mod atomic;
mod content_hash;
mod fault;
mod file_id;
mod file_kind;
mod folder;
mod output;
mod partial;
mod permissions;
mod temporaries;
pub mod whole_file;

pub use content_hash::content_hash;
pub use fault::is_of_machine;
pub use file_id::{FileId, still_has_its_name};
pub use file_kind::{FileKind, HEAD};
pub use folder::AtomicFolder;
pub use output::{
    Folders, OutputError, OutputKind, OutputProblem, check_output, check_output_file, check_output_folder,
    folder_of, or_current,
};
pub use partial::{PartialError, PartialFile, PartialProblem};
pub use temporaries::remove_temporaries;
