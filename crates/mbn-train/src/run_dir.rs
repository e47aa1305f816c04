//! The folder of a run and the files in it.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{Hint, quote};
use mbn_files::atomic;

use crate::config;
use crate::publish::require_writable;
use crate::settings::Settings;

/// All that resuming needs; written first, and the other files of an epoch follow from it. A run that died in
/// between writes them when it is resumed.
pub(crate) const STATE: &str = "state.safetensors";
/// Weights after the last epoch.
pub(crate) const LAST: &str = "last.safetensors";
/// Weights of the epoch with the highest test accuracy.
pub(crate) const BEST: &str = "best.safetensors";
pub(crate) const HISTORY: &str = "history.csv";
pub(crate) const SETTINGS: &str = "settings.toml";
pub(crate) const CURVES: &str = "curves.png";
pub(crate) const CONFUSION: &str = "confusion.png";
pub(crate) const MISTAKES: &str = "mistakes.png";
pub(crate) const AUGMENTED: &str = "augmented.png";
pub(crate) const SUMMARY: &str = "summary.json";

/// What helps a new run that cannot be written.
const ELSEWHERE: &str = "name a place that can be written to and has room by `--out`";

/// The folder of a run, which no other process writes to meanwhile.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// Whether it holds a run that goes on.
    resumed: bool,
    /// Whether it was made for the run.
    is_new: bool,
    /// Held for as long as this lives, and by the system for no longer than the process.
    _lock: Option<File>,
}

impl RunDir {
    /// A folder for a new run: `out`, which must not hold a run, or a free name in `runs/`.
    pub fn create(out: Option<&Path>, settings: &Settings) -> Result<Self> {
        let folder = out.map_or_else(|| free_name(settings), Path::to_owned);
        require_no_run(&folder)?;
        let is_new = !folder.exists();
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create run folder `{}`", folder.display()))
            .hint(|| ELSEWHERE.to_owned())?;
        let run = Self {
            is_new,
            ..Self::locked(folder, false)?
        };
        run.clean()?;
        Ok(run)
    }

    /// Refuses what [`RunDir::create`] would refuse, before anything else is done for the run.
    pub fn check(out: Option<&Path>, settings: &Settings) -> Result<()> {
        let folder = out.map_or_else(|| free_name(settings), Path::to_owned);
        require_no_run(&folder)?;
        require_writable(&folder.join(STATE))
            .with_context(|| format!("cannot create run folder `{}`", folder.display()))
            .hint(|| ELSEWHERE.to_owned())
    }

    /// The folder of a run that was started before.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.join(STATE).is_file() {
            let folder = folder.display();
            return Err(anyhow!(
                "`{folder}` holds no run that can be resumed: no file `{STATE}`"
            ))
            .hint(|| "`--resume` takes a folder that `--out` named, or one in `runs/`".to_owned());
        }
        let run = Self::locked(folder.to_owned(), true)?;
        run.clean()?;
        Ok(run)
    }

    /// Removes what a killed process left half written.
    fn clean(&self) -> Result<()> {
        let folder = &self.path;
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in entries.flatten() {
            if atomic::is_temporary(&entry.file_name()) {
                // What cannot be removed is in nobody's way.
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn locked(path: PathBuf, resumed: bool) -> Result<Self> {
        // Unix alone locks folders; where the file system cannot, there is no lock.
        let lock = if cfg!(unix) { File::open(&path).ok() } else { None };
        if let Some(file) = &lock
            && let Err(TryLockError::WouldBlock) = file.try_lock()
        {
            bail!("another mbn-train is at work in `{}`", path.display());
        }
        Ok(Self {
            path,
            resumed,
            is_new: false,
            _lock: lock,
        })
    }

    /// Refuses a disk on which `bytes` do not fit, before hours are spent on what could not be saved. A folder
    /// that was made for the run is removed again.
    pub fn require_space(&self, bytes: usize) -> Result<()> {
        let has_room = self.try_space(bytes);
        if has_room.is_err() && self.is_new {
            // An empty folder would be in nobody's way either.
            let _ = std::fs::remove_dir(&self.path);
        }
        has_room
    }

    fn try_space(&self, bytes: usize) -> Result<()> {
        let write = || -> std::io::Result<()> {
            let mut file = atomic::AtomicFile::create(&self.file(STATE))?;
            let zeros = vec![0; 1 << 20];
            for start in (0..bytes).step_by(zeros.len()) {
                file.write_all(&zeros[..zeros.len().min(bytes - start)])?;
            }
            // Dropped, it is gone; a disk that is full has refused by now.
            file.flush()
        };
        write()
            .with_context(|| {
                let (path, megabytes) = (self.path.display(), bytes.div_ceil(1 << 20));
                format!("cannot write {megabytes} MiB to run folder `{path}`, which the run needs")
            })
            .hint(|| self.advice())
    }

    /// What helps where a run cannot be written before its first step.
    fn advice(&self) -> String {
        if self.resumed {
            "make room there, or copy the folder to a place that can be written to and resume it there"
                .to_owned()
        } else {
            ELSEWHERE.to_owned()
        }
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is a file of settings that says something else than `settings` does. The place of the data may differ: a
    /// run that is killed has saved it, and not written the file yet.
    pub fn has_other_settings(&self, settings: &Settings) -> Result<bool> {
        let found = match std::fs::read(self.file(SETTINGS)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            found => found.unwrap_or_default(),
        };
        let table = |text: &str| {
            let mut table = text.parse::<toml::Table>().ok()?;
            table.remove("data");
            Some(table)
        };
        Ok(table(&String::from_utf8_lossy(&found)) != table(&config::to_toml(settings)?))
    }

    /// Writes the settings as a configuration file.
    pub fn write_settings(&self, settings: &Settings) -> Result<()> {
        self.write(SETTINGS, config::to_toml(settings)?.as_bytes())
    }

    /// Replaces a file of the run.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.file(name);
        let written =
            atomic::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()));
        if !self.file(STATE).exists() {
            return written.hint(|| self.advice());
        }
        written.hint(|| {
            let run = quote(&self.path);
            format!(
                "what was saved before is intact: go on with `mbn-train --resume {run}` once there is room"
            )
        })
    }
}

/// Refuses a folder with what a run has written, which another run would replace.
fn require_no_run(folder: &Path) -> Result<()> {
    if folder.join(STATE).exists() {
        return Err(anyhow!("run folder `{}` holds a run already", folder.display())).hint(|| {
            format!(
                "go on with it by `--resume {}`, or name another `--out`",
                quote(folder)
            )
        });
    }
    let results = [BEST, LAST, HISTORY, SUMMARY];
    match results.into_iter().find(|name| folder.join(name).exists()) {
        None => Ok(()),
        Some(found) => Err(anyhow!(
            "run folder `{}` holds the results of a run already: `{found}`",
            folder.display()
        ))
        .hint(|| "name another `--out`, or move them away".to_owned()),
    }
}

/// `runs/DATA_ALPHA`, with a number from 2 where that is taken.
fn free_name(settings: &Settings) -> PathBuf {
    let data = settings
        .data
        .canonicalize()
        .unwrap_or_else(|_| settings.data.clone());
    let data = data
        .file_name()
        .map_or("data".into(), |name| name.to_string_lossy());
    let base = format!("runs/{data}_{}", settings.alpha);
    let numbered = (2..).map(|i| format!("{base}_{i}"));
    let mut names = std::iter::once(base.clone()).chain(numbered).map(PathBuf::from);
    names.find(|name| !name.exists()).unwrap_or_else(|| base.into())
}
