//! ONNX Runtime's library: where it is found, which version it is, and the environment made from it.

mod error;
mod probe;
mod search;
mod version;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use ort::environment::Environment;
use ort::ep::ExecutionProvider;
use ort::logging::LogLevel;

pub use error::RuntimeError;
use search::Origin;
pub use version::Version;

/// The oldest ONNX Runtime whose interface the `ort` crate, as built here, can use.
pub const NEEDED: Version = Version {
    major: 1,
    minor: ort::MINOR_VERSION,
};

/// A loaded ONNX Runtime; there is one in a process. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Runtime {
    path: PathBuf,
    version: String,
    environment: Environment,
}

/// `ort` keeps the first library that it is given, and allows one environment in a process.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

/// Loads ONNX Runtime from the first of these places that has it: `explicit` (a file or folder that the user names),
/// the environment variable `ORT_DYLIB_PATH`, `onnxruntime/lib/` and `onnxruntime/cuda/lib/` in the repository
/// that the program was built in, the program's own folder, the package `onnxruntime` in the
/// Python environment that the program is installed in or that is active, the system's libraries.
///
/// A library that cannot be used is an error where the user named it; elsewhere it is passed over with a
/// warning.
///
/// Unless the environment has `ORT_DISABLE_TELEMETRY`, this sets it, for the process, before a library is loaded. So call it before
/// other threads run foreign code that reads the environment, such as a C library's search for a host's address; Rust's own
/// functions lock it.
///
/// # Errors
/// [`RuntimeError::NotFound`] if no place has a usable library, else what is wrong with the named one.
pub fn find(explicit: Option<&Path>) -> Result<Runtime, RuntimeError> {
    find_in(explicit, false)
}

/// As [`find`], with the download that has the CUDA provider, `onnxruntime/cuda/lib/`, before the other.
///
/// # Errors
/// As [`find`].
pub fn find_with_cuda(explicit: Option<&Path>) -> Result<Runtime, RuntimeError> {
    find_in(explicit, true)
}

/// A search on a thread of its own: loading the library and starting it takes longer than much that a program does before it needs it.
#[derive(Debug)]
pub struct Search(Option<JoinHandle<Result<Runtime, RuntimeError>>>);

impl Search {
    /// Starts to search as [`find`] does, or as [`find_with_cuda`] if `cuda`. Sets the environment, as [`find`] says, before the thread
    /// starts.
    ///
    /// # Errors
    /// The system refuses to start a thread.
    pub fn start(explicit: Option<&Path>, cuda: bool) -> io::Result<Self> {
        // While nothing else happens in the process: this changes its environment.
        probe::decline_telemetry();
        let explicit = explicit.map(Path::to_owned);
        let search = thread::Builder::new().name("onnxruntime".to_owned());
        let search = search.spawn(move || find_in(explicit.as_deref(), cuda))?;
        Ok(Self(Some(search)))
    }

    /// Waits for the library.
    ///
    /// # Errors
    /// As [`find`].
    pub fn wait(mut self) -> Result<Runtime, RuntimeError> {
        let found = self.0.take().map(JoinHandle::join);
        found.and_then(Result::ok).unwrap_or(Err(RuntimeError::Ended))
    }
}

impl Drop for Search {
    /// Waits: a program that ends while the library starts can crash on the way out.
    fn drop(&mut self) {
        if let Some(search) = self.0.take() {
            let _ = search.join();
        }
    }
}

fn find_in(explicit: Option<&Path>, cuda: bool) -> Result<Runtime, RuntimeError> {
    if let Some((path, _)) = search::named(explicit) {
        return load(&search::in_folder(&path)?);
    }
    for (path, origin) in search::implied(cuda) {
        match load(&path) {
            Ok(runtime) => return Ok(runtime),
            // The system's loader was asked by name, and has none.
            Err(RuntimeError::NotALibrary { .. }) if origin == Origin::System => {}
            Err(error @ RuntimeError::Start { .. }) => return Err(error),
            Err(error) => log::warn!("{error}"),
        }
    }
    Err(RuntimeError::NotFound)
}

/// Loads ONNX Runtime from the library at `path`.
///
/// The version is checked first: `ort` hangs or panics on a library that is too old.
///
/// # Errors
/// All of [`RuntimeError`] but `NotFound`.
fn load(path: &Path) -> Result<Runtime, RuntimeError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*loaded
        && runtime.path == path
    {
        return Ok(runtime.clone());
    }
    probe::decline_telemetry();
    let version = probe::version(path)?;
    if let Some(runtime) = &*loaded {
        return Err(RuntimeError::SecondLibrary {
            path: path.to_owned(),
            loaded: runtime.path.clone(),
        });
    }
    let start_error = |reason: String| RuntimeError::Start {
        path: path.to_owned(),
        reason,
    };
    let builder = ort::init_from(path).map_err(|error| start_error(error.to_string()))?;
    let environment = builder
        .with_name("mbn")
        .with_telemetry(false)
        .with_logger(Arc::new(log))
        .build()
        .map_err(|error| start_error(error.to_string()))?;
    // With a custom logger the environment starts at the most verbose level, which costs time.
    environment.set_log_level(LogLevel::Warning);
    let runtime = Runtime {
        path: path.to_owned(),
        version,
        environment,
    };
    *loaded = Some(runtime.clone());
    Ok(runtime)
}

/// Logs ONNX Runtime's messages. The important ones come back as errors too.
fn log(_: LogLevel, category: &str, _: &str, _: &str, message: &str) {
    log::debug!(target: "onnxruntime", "{category}: {message}");
}

impl Runtime {
    /// The library: an absolute path, or a bare name that the system's loader resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The library's path for messages: relative if it is below the current folder.
    pub fn path_from_here(&self) -> &Path {
        let here = std::env::current_dir().ok();
        let relative = here.and_then(|here| self.path.strip_prefix(here).ok());
        relative.unwrap_or(&self.path)
    }

    /// The library's version, such as `1.31.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the library was built with the CUDA provider, with or without a GPU in the machine.
    pub fn has_cuda(&self) -> bool {
        ort::ep::CUDA::is_available().unwrap_or(false)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

#[cfg(test)]
mod tests;
