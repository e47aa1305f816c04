//! The folder of a run and the files in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mbn_cli::Hint;
use mbn_spec::atomic;

use crate::settings::Settings;

/// All that resuming needs; written last, so that it never speaks of files that are not there.
pub(crate) const STATE: &str = "state.safetensors";
/// Weights after the last epoch.
pub(crate) const LAST: &str = "last.safetensors";
/// Weights of the epoch with the highest test accuracy.
pub(crate) const BEST: &str = "best.safetensors";
pub(crate) const HISTORY: &str = "history.csv";
pub(crate) const CURVES: &str = "curves.png";
pub(crate) const CONFUSION: &str = "confusion.png";
pub(crate) const SUMMARY: &str = "summary.json";

/// The folder of a run.
#[derive(Clone, Debug)]
pub(crate) struct RunDir(PathBuf);

impl RunDir {
    /// A folder for a new run: `out`, which must not hold a run, or a free name in `runs/`.
    pub fn create(out: Option<&Path>, settings: &Settings) -> Result<Self> {
        let folder = out.map_or_else(|| free_name(settings), Path::to_owned);
        if folder.join(STATE).exists() {
            return Err(anyhow::anyhow!(
                "run folder `{}` holds a run already",
                folder.display()
            ))
            .hint(|| {
                format!(
                    "go on with it by `--resume {}`, or name another `--out`",
                    folder.display()
                )
            });
        }
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create run folder `{}`", folder.display()))?;
        let run = Self(folder);
        // Found out now, not after the first epoch.
        run.write("settings.json", &serde_json::to_vec_pretty(settings)?)?;
        Ok(run)
    }

    /// The folder of a run that was started before.
    pub fn open(folder: &Path) -> Result<Self> {
        if !folder.join(STATE).is_file() {
            bail!(
                "`{}` holds no run that can be resumed: no file `{STATE}`",
                folder.display()
            );
        }
        Ok(Self(folder.to_owned()))
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Replaces a file of the run.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.file(name);
        atomic::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))
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
    let base = format!("runs/{data}_{:?}", settings.alpha);
    let numbered = (2..).map(|i| format!("{base}_{i}"));
    let mut names = std::iter::once(base.clone()).chain(numbered).map(PathBuf::from);
    names.find(|name| !name.exists()).unwrap_or_else(|| base.into())
}
