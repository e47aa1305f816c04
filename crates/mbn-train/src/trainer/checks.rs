//! Checks before the first step of a new run.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use candle_core::Device;
use mbn_cli::{Hint, Outputs};
use mbn_data::{BatchPart, Splits};
use mbn_files::or_current;
use mbn_spec::text::counted;
use mbn_spec::{Architecture, Variant};
use mbn_weights::Weights;

use super::init;
use crate::data::Prints;
use crate::device;
use crate::options::Options;
use crate::run::{Publish, RunDir, Space, TrainOn, size_of_tables};
use crate::settings::{BLOCKS, Settings};

/// The most that a saved state holds, in multiples of the size of the weights: weights, average, best weights, two moments of the
/// optimiser.
const WEIGHTS_IN_STATE: usize = 5;
/// Bytes of a mistake, and of a count of the confusion matrix, in a saved state.
const MISTAKE: usize = 16;
const COUNT: usize = 12;

/// Fewest values per channel from which batch norm learns. One value is its own mean, so nothing is left of it. Two always become +1
/// and -1, whatever they were, and the running statistics say nothing about other images: losses of 1e14 were seen in tests. With three
/// a network learns, if slowly.
pub(super) const LEAST_VALUES: usize = 3;

/// The most that a new run keeps on disk, given the size of its weights: the state, the next state while it is written, the last
/// and best weights, and the tables.
pub(super) fn space_of_new_run(weights: usize, data: &Splits) -> Space {
    let (state, tables) = (state(weights, data), size_of_tables(data));
    Space {
        total: 2 * state + 2 * weights + tables,
        largest: state.max(tables),
    }
}

/// What a resumed run needs beside what is there: the next state, and a weight file or the tables while they are written.
pub(super) fn space_of_resumed_run(weights: usize, data: &Splits) -> Space {
    let (state, tables) = (state(weights, data), size_of_tables(data));
    Space {
        total: state + weights.max(tables),
        largest: state.max(tables),
    }
}

/// The most that the state of a run holds.
fn state(weights: usize, data: &Splits) -> usize {
    let tests = data.test.len();
    let counts = tests.min(data.class_names.len().pow(2));
    WEIGHTS_IN_STATE * weights + COUNT * counts + MISTAKE * tests
}

/// Refuses settings that do not fit the device, the weights of `--init` or each other, and weights that could not be
/// published. Returns where they are published.
pub(super) fn require_usable(
    options: &Options,
    settings: &Settings,
    init: Option<&Weights>,
    device: &Device,
    ranks: usize,
) -> Result<Publish> {
    device::set_products(device, settings.precision)?;
    if let (Some(init), Some(path)) = (init, &settings.init) {
        init::require_alpha(init, path, settings.alpha, options)?;
    }
    // The number of classes does not affect batch norm.
    let random = Architecture {
        variant: settings.overrides().variant(Variant::default()),
        ..Architecture::new(settings.alpha, 1)
    };
    require_statistics(settings, init.map_or(&random, Weights::architecture), ranks)?;
    let publish = Publish::asked_for(options.publish.as_deref(), options.no_publish)?.unwrap_or_default();
    let folder = RunDir::choose(options.out.as_deref(), settings, options.suffix());
    require_distinct_files(options, &folder, &publish, settings)?;
    publish.require_writable(settings.alpha)?;
    Ok(publish)
}

/// Refuses to replace a file that is read, but for the settings of a search in the run's folder, and to write one file twice. `folder` is that of the run: no file can be written in its
/// place, nor in that of one above it.
pub(super) fn require_distinct_files(
    options: &Options,
    folder: &Path,
    publish: &Publish,
    settings: &Settings,
) -> Result<()> {
    let published = match publish {
        Publish::To(path) => Some(("--publish", path.clone())),
        // Weights are replaced only by better ones.
        Publish::Improvement | Publish::Never => None,
    };
    let folders = folder.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    let of_run = folders.map(Path::to_owned).chain(RunDir::files(folder));
    let option = match (&options.resume, &options.out) {
        (Some(_), _) => "--resume",
        (None, Some(_)) => "--out",
        // The program chose the folder.
        (None, None) => "",
    };
    let outputs = Outputs::new(published.into_iter().chain(of_run.map(|path| (option, path))))?;
    // The settings of a finished search are read whole before those of the run that follows it replace them.
    let is_of_search = |config: &&PathBuf| RunDir::is_settings_of_search(config, folder);
    let config = options.config.as_ref().filter(|config| !is_of_search(config));
    let inputs = [
        settings.init.as_ref(),
        settings.init_classes.as_ref(),
        settings.teacher.as_ref(),
        config,
        options.mpi_lib.as_ref(),
    ];
    let mut inputs = inputs.into_iter().flatten();
    inputs.try_for_each(|path| outputs.require_not_read(path))
}

/// Refuses a run's folder and published weights in a class folder of the data set, where they would become images of the class or
/// replace some. `folder` is that of a new run.
pub(super) fn require_outside_classes(data: &Splits, folder: Option<&Path>, publish: &Publish) -> Result<()> {
    let published = match publish {
        Publish::To(path) => Some(("weights", "--publish", path.as_path())),
        // Weights of its own kind only.
        Publish::Improvement | Publish::Never => None,
    };
    let folder = folder.map(|folder| ("run folder", "--out", folder));
    for (what, option, path) in folder.into_iter().chain(published) {
        let place = place(path);
        let Some(class) = data.class_folders.iter().find(|class| place.starts_with(class)) else {
            continue;
        };
        return Err(anyhow!(
            "{what} `{}` would lie in the class folder `{}`, whose files are images of the class",
            path.display(),
            class.display()
        ))
        .hint(|| format!("choose a place outside the class folders with `{option}`"));
    }
    Ok(())
}

/// Refuses to publish weights in the place of an image of the data set, to which a link may lead.
pub(super) fn require_no_image(data: &Splits, prints: &Prints, publish: &Publish) -> Result<()> {
    let Publish::To(path) = publish else {
        return Ok(());
    };
    match prints.is_image(path, data) {
        true => Err(anyhow!(
            "`--publish {}` is a file of the data set `{}`, which the run reads",
            path.display(),
            data.name
        ))
        .hint(|| "choose another file with `--publish`".to_owned()),
        false => Ok(()),
    }
}

/// Where a file or a folder is, or would be made, with links resolved.
fn place(path: &Path) -> PathBuf {
    let real = |above: &Path| {
        let real = or_current(above).canonicalize().ok()?;
        Some(real.join(path.strip_prefix(above).ok()?))
    };
    path.ancestors().find_map(real).unwrap_or_else(|| path.to_owned())
}

/// Refuses steps in which one of the ranks has no images, or in which batch norm of its last block would see fewer than
/// [`LEAST_VALUES`] per channel.
pub(super) fn require_statistics(
    settings: &Settings,
    architecture: &Architecture,
    ranks: usize,
) -> Result<()> {
    require_images(settings, ranks)
        .hint(|| "raise `--batch-size`, which is that of all ranks together, or start fewer".to_owned())?;
    let Some(few) = FewValues::of(settings, architecture, ranks) else {
        return Ok(());
    };
    Err(anyhow!("{few}")).hint(|| {
        let or_fewer = if few.is_of_rank {
            ", or start fewer ranks"
        } else {
            ""
        };
        format!(
            "raise `--batch-size` or `{}`{or_fewer}",
            settings.option_of_first_size()
        )
    })
}

/// The same for a run that is resumed, whose settings stay: what an earlier version started with so few values goes on, with a
/// warning. `started` is the number of ranks that it was started with.
pub(super) fn require_statistics_again(
    run: &RunDir,
    settings: &Settings,
    architecture: &Architecture,
    ranks: usize,
    started: usize,
) -> Result<()> {
    let fewer = || format!("start fewer ranks: the run was started with {started}");
    require_images(settings, ranks).hint(fewer)?;
    let Some(few) = FewValues::of(settings, architecture, ranks) else {
        return Ok(());
    };
    if ranks > started && FewValues::of(settings, architecture, started).is_none() {
        return Err(anyhow!("{few}")).hint(fewer);
    }
    let larger = [("batch-size", Some("N".to_owned()))];
    let advice = TrainOn::new(run.path(), None, &larger).map(|command| command.advice("larger batches"));
    log::warn!(
        "{few}. The run goes on so; {}",
        advice.as_deref().unwrap_or("its settings stay")
    );
    Ok(())
}

/// Refuses steps in which one of the ranks has no images.
fn require_images(settings: &Settings, ranks: usize) -> Result<()> {
    let (batch, mixed) = (settings.batch_size.get(), settings.augment().mixing.is_on());
    if images_of_smallest_part(settings, ranks) > 0 {
        return Ok(());
    }
    let each = if mixed { "two, which are mixed," } else { "one" };
    Err(anyhow!(
        "a batch of {} has not {each} for each of {ranks} ranks",
        counted(batch, "image")
    ))
}

/// The fewest images of a batch that one of the ranks gets.
fn images_of_smallest_part(settings: &Settings, ranks: usize) -> usize {
    let (batch, mixed) = (settings.batch_size.get(), settings.augment().mixing.is_on());
    let parts = (0..ranks).map(|index| BatchPart { index, count: ranks }.len_of(batch, mixed));
    parts.min().unwrap_or(batch)
}

/// Steps in which batch norm of the last block sees fewer than [`LEAST_VALUES`] per channel.
struct FewValues {
    images: usize,
    /// Height and width of the smallest images.
    size: usize,
    values: usize,
    /// The images are those of one of several ranks.
    is_of_rank: bool,
}

impl FewValues {
    /// `None` if there are enough, or batch norm learns nothing.
    fn of(settings: &Settings, architecture: &Architecture, ranks: usize) -> Option<Self> {
        let size = settings.train_size_of(0);
        let images = match settings.sync_batch_norm {
            true => settings.batch_size.get(),
            false => images_of_smallest_part(settings, ranks),
        };
        let values = images * pixels_of_last_block(size, architecture);
        (values < LEAST_VALUES && settings.freeze.blocks() != BLOCKS).then_some(Self {
            images,
            size,
            values,
            is_of_rank: ranks > 1 && !settings.sync_batch_norm,
        })
    }
}

/// The pixels that the last block leaves of images of this height and width.
pub(super) fn pixels_of_last_block(size: usize, architecture: &Architecture) -> usize {
    let layers = architecture.convs();
    let last = layers
        .iter()
        .fold(size, |size, layer| layer.out_size(size, &architecture.variant));
    last * last
}

impl fmt::Display for FewValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_rank = if self.is_of_rank { " for a rank" } else { "" };
        write!(
            f,
            "a batch of {}{of_rank} of {} x {} pixels leaves {} per channel in the last block, and batch norm needs at least \
             {LEAST_VALUES}: one is its own mean, and two become +1 and -1 whatever they were",
            counted(self.images, "image"),
            self.size,
            self.size,
            counted(self.values, "value"),
        )
    }
}
