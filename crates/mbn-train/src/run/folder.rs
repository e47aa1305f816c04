//! The folder of a run and the files in it.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use mbn_cli::{Hint, text_file};
use mbn_files::atomic;

use super::free_name::{is_free, names};
use super::lock::{Busy, Lock};
use super::names::{FILES, SETTINGS, STATE, SUMMARY};
use super::publish::require_writable;
use super::space::Space;
use super::vacancy::{is_of_finished_search, require_no_search, require_vacant};
use crate::again;
use crate::settings::{BadImages, Settings};

/// The hint for a new run that cannot be written.
const ELSEWHERE: &str = "choose another folder, on a disk that has room, with `--out`";

/// Where the folders of runs lie unless the user names others.
const RUNS: &str = "runs";

/// The folder of a run, locked against other processes.
#[derive(Debug)]
pub(crate) struct RunDir {
    path: PathBuf,
    /// Whether it holds a resumed run.
    resumed: bool,
    /// Whether it was created for the run.
    is_new: bool,
    /// Held as long as this value lives. `None` where there are no locks, and for another process's run.
    lock: Option<Lock>,
}

impl RunDir {
    /// The folder that a new run would have now: `out`, or a free name in `runs/` that ends in `suffix`.
    pub fn choose(out: Option<&Path>, settings: &Settings, suffix: &str) -> PathBuf {
        let free = || names(Path::new(RUNS), settings, suffix).find(|name| is_free(name, settings));
        out.map(Path::to_owned).or_else(free).unwrap_or_default()
    }

    /// Makes the folder for a new run with these settings, or for a search, which must not replace anything there: `out`, or the first
    /// free name in `runs/` that ends in `suffix`. `check` may refuse a folder before it is made.
    pub fn create(
        out: Option<&Path>,
        settings: &Settings,
        suffix: &str,
        check: impl Fn(&Path) -> Result<()>,
    ) -> Result<Self> {
        let run = match out {
            Some(folder) => {
                check(folder)?;
                Self::named(folder, settings)?
            }
            None => Self::unnamed(Path::new(RUNS), settings, suffix, check)?,
        };
        run.clean()?;
        Ok(run)
    }

    /// The folder that the user names.
    fn named(folder: &Path, settings: &Settings) -> Result<Self> {
        require_vacant(folder, settings)?;
        let is_new = !folder.exists();
        made(folder, std::fs::create_dir_all(folder))?;
        let run = Self {
            is_new,
            ..Self::locked(folder.to_owned(), false)?
        };
        // Another process may have used it before it was locked.
        require_vacant(folder, settings)?;
        Ok(run)
    }

    /// A folder in `runs` that no other process takes, whenever it starts.
    fn unnamed(
        runs: &Path,
        settings: &Settings,
        suffix: &str,
        check: impl Fn(&Path) -> Result<()>,
    ) -> Result<Self> {
        for folder in names(runs, settings, suffix).filter(|name| is_free(name, settings)) {
            check(&folder)?;
            made(&folder, std::fs::create_dir_all(runs))?;
            let is_new = match std::fs::create_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    // Made meanwhile by another process, which locks it.
                    if !is_free(&folder, settings) {
                        continue;
                    }
                    false
                }
                created => {
                    made(&folder, created)?;
                    true
                }
            };
            let Ok(lock) = Lock::take(&folder) else { continue };
            // Another process may have used it before it was locked.
            if is_new || is_free(&folder, settings) {
                return Ok(Self {
                    path: folder,
                    resumed: false,
                    is_new,
                    lock,
                });
            }
        }
        Err(anyhow!(
            "every name of a run folder in `{}` is taken",
            runs.display()
        ))
        .hint(|| ELSEWHERE.to_owned())
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

    /// Whether `config` is the file of settings of a finished search in `folder`, which a run may replace.
    pub fn is_settings_of_search(config: &Path, folder: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().ok();
        real(config).is_some_and(|config| real(&folder.join(SETTINGS)) == Some(config))
            && is_of_finished_search(folder)
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
            lock: None,
        }
    }

    /// Removes half-written files of killed processes.
    fn clean(&self) -> Result<()> {
        let folder = &self.path;
        atomic::remove_abandoned(folder).with_context(|| format!("cannot read `{}`", folder.display()))
    }

    fn locked(path: PathBuf, resumed: bool) -> Result<Self> {
        match Lock::take(&path) {
            Ok(lock) => Ok(Self {
                path,
                resumed,
                is_new: false,
                lock,
            }),
            Err(Busy) => Err(anyhow!("another mbn-train is using `{}`", path.display())).hint(|| {
                match resumed {
                    true => "wait until it has ended, or stop it",
                    false => "choose another folder with `--out`",
                }
                .to_owned()
            }),
        }
    }

    /// Refuses a disk without room for what the run needs, before hours of training that could not be saved, and removes a folder
    /// that was created for the run.
    pub fn require_space(&self, space: Space) -> Result<()> {
        let has_room = space.try_in(&self.path).hint(|| self.advice());
        if has_room.is_err() && self.is_new {
            self.lock.iter().for_each(Lock::remove_file);
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
            let resume = again::resume(&self.path);
            format!("the last saved state is intact: make room, then continue with `{resume}`")
        })
    }
}

/// The error of a folder that could not be made.
fn made(folder: &Path, created: io::Result<()>) -> Result<()> {
    created
        .with_context(|| format!("cannot create run folder `{}`", folder.display()))
        .hint(|| ELSEWHERE.to_owned())
}

#[cfg(test)]
mod tests;
