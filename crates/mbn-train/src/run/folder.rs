//! The folder of a run and the files in it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use mbn_cli::{Hint, quote, text_file};
use mbn_files::atomic;

use super::names::{FILES, SETTINGS, STATE, SUMMARY};
use super::publish::require_writable;
use super::space::Space;
use super::vacancy::{require_no_search, require_vacant};
use crate::settings::{BadImages, Settings};

/// The hint for a new run that cannot be written.
const ELSEWHERE: &str = "choose another folder, on a disk that has room, with `--out`";

/// The folder of a run, locked against other processes.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// Whether it holds a resumed run.
    resumed: bool,
    /// Whether it was created for the run.
    is_new: bool,
    /// Held as long as this value lives; the system releases it when the process dies.
    _lock: Option<File>,
}

impl RunDir {
    /// The folder for a new run: `out`, or a free name in `runs/` that ends in `suffix`.
    pub fn choose(out: Option<&Path>, settings: &Settings, suffix: &str) -> PathBuf {
        out.map_or_else(|| free_name(settings, suffix), Path::to_owned)
    }

    /// Makes the folder for a new run with these settings, or for a search, which must not replace anything there.
    pub fn create(folder: PathBuf, settings: &Settings) -> Result<Self> {
        require_vacant(&folder, settings)?;
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

    /// Refuses what [`RunDir::create`] refuses, before any other work for the run.
    pub fn check(folder: &Path, settings: &Settings) -> Result<()> {
        require_vacant(folder, settings)?;
        require_writable(&folder.join(STATE))
            .with_context(|| format!("cannot create run folder `{}`", folder.display()))
            .hint(|| ELSEWHERE.to_owned())
    }

    /// Refuses a folder with the results of a search for a learning rate, which another would replace.
    pub fn require_no_search(folder: &Path) -> Result<()> {
        require_no_search(folder)
    }

    /// The folder of the run that `path` means: the folder itself, or the folder of a file beside a run's state or summary.
    pub fn folder(path: &Path) -> PathBuf {
        let is_beside = |name| path.with_file_name(name).is_file();
        let is_of_run = path.is_file() && (is_beside(STATE) || is_beside(SUMMARY));
        match path.parent().filter(|_| is_of_run) {
            Some(folder) if folder.as_os_str().is_empty() => ".".into(),
            Some(folder) => folder.to_owned(),
            None => path.to_owned(),
        }
    }

    /// The files that a run in `folder` writes.
    pub fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
        FILES.into_iter().map(|name| folder.join(name))
    }

    /// The folder of a run to resume; `path` is the folder or a file in it.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = &Self::folder(path);
        if folder != path {
            log::info!(
                "`{}` is a file of the run in `{}`",
                path.display(),
                folder.display()
            );
        }
        if !folder.join(STATE).is_file() {
            let folder = folder.display();
            return Err(anyhow!(
                "`{folder}` holds no run to resume: there is no file `{STATE}` in it"
            ))
            .hint(|| "`--resume` expects a run folder, such as one in `runs/`".to_owned());
        }
        let run = Self::locked(folder.to_owned(), true)?;
        run.clean()?;
        Ok(run)
    }

    /// The folder of a run that another process writes, for messages.
    pub fn of_another(path: PathBuf) -> Self {
        Self {
            path,
            resumed: true,
            is_new: false,
            _lock: None,
        }
    }

    /// Removes half-written files of killed processes.
    fn clean(&self) -> Result<()> {
        let folder = &self.path;
        atomic::remove_abandoned(folder).with_context(|| format!("cannot read `{}`", folder.display()))
    }

    fn locked(path: PathBuf, resumed: bool) -> Result<Self> {
        // Only Unix locks folders, and not on every file system: then there is no lock.
        let lock = if cfg!(unix) { File::open(&path).ok() } else { None };
        if let Some(file) = &lock
            && let Err(TryLockError::WouldBlock) = file.try_lock()
        {
            bail!("another mbn-train is using `{}`", path.display());
        }
        Ok(Self {
            path,
            resumed,
            is_new: false,
            _lock: lock,
        })
    }

    /// Refuses a disk without room for what the run needs, before hours of training that could not be saved, and removes a folder
    /// that was created for the run.
    pub fn require_space(&self, space: Space) -> Result<()> {
        let has_room = space.try_in(&self.path).hint(|| self.advice());
        if has_room.is_err() && self.is_new {
            // An empty folder does no harm.
            let _ = std::fs::remove_dir(&self.path);
        }
        has_room
    }

    /// The hint for a run that cannot be written before its first step.
    fn advice(&self) -> String {
        if self.resumed {
            "make room there, or copy the folder to another disk and resume it there".to_owned()
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

    /// Whether the file of settings differs from `settings`. What may change on resuming may differ: a killed run may have
    /// saved its state with a new value, and not yet written the file. The file of an earlier version lacks settings.
    pub fn has_other_settings(&self, settings: &Settings) -> Result<bool> {
        let found = match text_file::read(&self.file(SETTINGS)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            found => found.unwrap_or_default(),
        };
        let fixed = |settings: Settings| Settings {
            data: PathBuf::new(),
            bad_images: BadImages::Fail,
            teacher: None,
            ..settings
        };
        let found: Option<Settings> = toml::from_str(&String::from_utf8_lossy(&found)).ok();
        Ok(found.map(fixed) != Some(fixed(settings.clone())))
    }

    /// Writes the settings as a configuration file.
    pub fn write_settings(&self, settings: &Settings) -> Result<()> {
        self.write(SETTINGS, settings.to_toml()?.as_bytes())
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
                "the last saved state is intact: make room, then continue with `mbn-train --resume {run}`"
            )
        })
    }
}

/// `runs/DATA_ALPHA` and `suffix`, with a number from 2 on if that is taken.
fn free_name(settings: &Settings, suffix: &str) -> PathBuf {
    let data = settings
        .data
        .canonicalize()
        .unwrap_or_else(|_| settings.data.clone());
    let data = data
        .file_name()
        .map_or("data".into(), |name| name.to_string_lossy());
    let base = format!("runs/{data}_{}{suffix}", settings.alpha);
    let numbered = (2..).map(|i| format!("{base}_{i}"));
    let mut names = std::iter::once(base.clone()).chain(numbered).map(PathBuf::from);
    names.find(|name| !name.exists()).unwrap_or_else(|| base.into())
}
