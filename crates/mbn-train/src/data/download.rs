//! `--download`: downloads STL-10 before the run.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use mbn_cli::progress::{self, InTurn};
use mbn_cli::{Hint, interrupt};
use mbn_fetch::{Archive, FetchError, Progress, Step, fetch};

use crate::options::Options;
use crate::settings::DEFAULT_DATA;

/// Downloads the data set into the folder of `--data`, or into the default one without it; `false` if the user stopped it.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mut archive = Archive::stl10();
    if let Some(url) = &options.download_url {
        archive.url.clone_from(url);
    }
    if let Some(md5) = &options.download_md5 {
        archive.md5.clone_from(md5);
    }
    let mut bars = InTurn::default();
    let data = options.run_args()?.data;
    let parent = parent(data.as_deref());
    if let Some(data) = data.as_deref().filter(|data| *data == parent) {
        if mbn_data::is_stl10(data) {
            log::info!("STL-10 is in `{}`", data.display());
            return Ok(true);
        }
        let images = data.join("train");
        if images.is_dir() {
            let message = anyhow!(
                "`--download --data {}`: `{}` holds other images, which the run would train on",
                data.display(),
                images.display()
            );
            return Err(message).hint(|| "give another folder, or leave out `--download`".to_owned());
        }
    }
    match fetch(&archive, &parent, &mut |progress| show(&mut bars, progress)) {
        Ok(folder) => {
            bars.finish();
            log::info!("STL-10 is in `{}`", folder.display());
            Ok(true)
        }
        Err(FetchError::Interrupted) => {
            bars.finish();
            log::warn!("interrupted; the same command continues the download");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// The folder that the archive is unpacked into: `--data`, or its parent if `--data` is the data set's own folder.
fn parent(data: Option<&Path>) -> PathBuf {
    let default = Path::new(DEFAULT_DATA);
    let data = data.unwrap_or(default);
    match data.parent() {
        Some(parent) if data.file_name() == default.file_name() => match parent.as_os_str().is_empty() {
            true => ".".into(),
            false => parent.to_owned(),
        },
        _ => data.to_owned(),
    }
}

/// Shows how far the download is, and tells whether the user wants it to go on.
fn show(bars: &mut InTurn<Step>, at: Progress) -> ControlFlow<()> {
    let bar = bars.bar(at.step, || {
        let title = match at.step {
            Step::Download => "downloading STL-10",
            Step::Verify => "verifying",
            Step::Unpack => "unpacking",
        };
        log::info!("STL-10: {title}");
        let template =
            format!("{title} {{wide_bar}} {{bytes}}/{{total_bytes}} {{bytes_per_sec}} {{eta}} left");
        progress::bar(at.total.unwrap_or(0), &template)
    });
    if let Some(total) = at.total {
        bar.set_length(total);
    }
    bar.set_position(at.done);
    interrupt::control_flow()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_around_the_data_set_gets_it() {
        for (data, expected) in [
            (None, "data"),
            (Some("photos"), "photos"),
            (Some("sets/stl10_binary"), "sets"),
            (Some("stl10_binary"), "."),
        ] {
            assert_eq!(parent(data.map(Path::new)), Path::new(expected), "{data:?}");
        }
    }
}
