//! Resolves the layers to the settings of a run, and refuses contradictions.

use std::path::{Path, PathBuf};

use anyhow::Result;
use mbn_cli::{PreprocessArgs, UsageError};
use mbn_spec::{Alpha, Preprocess};

use super::{ClassWeights, Freeze, Recipe, RunArgs, Settings};

impl Settings {
    /// The settings that `args` state, and the defaults of the others. `init_alpha` is the width multiplier of the weights
    /// that the run starts from.
    ///
    /// # Errors
    /// [`UsageError`] if options contradict each other.
    pub fn resolve(args: RunArgs, data: PathBuf, init_alpha: Option<Alpha>) -> Result<Self> {
        let mut args = args.over(RunArgs::default());
        args.data = Some(data);
        args.alpha = args.alpha.or(init_alpha);
        let mut settings = Self::fill(&args)?;
        // Giving `size` again as `train-size` is the same as leaving it out.
        settings.train_size = settings.train_size.filter(|train| *train != settings.size);
        // A scale without a crop counts for nothing, and a file must not state both.
        if !settings.crop {
            settings.crop_scale = settings.recipe.crop_scale().try_into().map_err(UsageError)?;
        }
        settings.check()?;
        settings.set_distillation();
        Ok(settings)
    }

    fn check(&self) -> Result<()> {
        let usage = |message: String| Err(UsageError(message).into());
        self.require_utf8()?;
        let (warmup, epochs) = (self.warmup.get(), self.epochs);
        if warmup > epochs.get() as f64 {
            return usage(format!("`--warmup {warmup}` is more than `--epochs {epochs}`"));
        }
        if self.init.is_none() && self.init_classes.is_some() {
            return usage("`--init-classes` names the classes of `--init`, which is not given".into());
        }
        if self.init.is_none() && self.freeze != Freeze::NONE {
            let asks = match self.recipe {
                Recipe::Classifier => "`--recipe classifier`",
                _ => "`--freeze`",
            };
            return usage(format!(
                "{asks} keeps the weights of `--init`, which is not given: random weights would stay"
            ));
        }
        self.check_distillation()?;
        let mixing = [("--mixup", self.mixup.get()), ("--cutmix", self.cutmix.get())];
        if self.batch_size.get() == 1
            && let Some((option, _)) = mixing.iter().find(|(_, parameter)| *parameter > 0.0)
        {
            return usage(format!(
                "`{option}` mixes the images of a batch, and `--batch-size 1` has one"
            ));
        }
        if self.batch_size.get() == 1 && self.class_weights == ClassWeights::Balanced {
            return usage(
                "`--class-weights balanced` weighs the images of a batch against each other, and `--batch-size 1` has one".into(),
            );
        }
        self.check_preprocessing()?;
        let (start, size) = (self.progressive.get(), self.largest_train_size());
        if start > size {
            let option = self.train_size.map_or("--size", |_| "--train-size");
            return usage(format!("`--progressive {start}` is more than `{option} {size}`"));
        }
        if self.trivial_augment && self.rand_augment.operations > 0 {
            return usage("`--trivial-augment` and `--rand-augment` exclude each other".into());
        }
        self.augment()
            .validate()
            .map_err(|error| UsageError(error.to_string()))?;
        Ok(())
    }

    /// Refuses a preprocessing that no picture can follow. Without `--init` it is all in the settings. With it, the weights may still
    /// decide the size, and what follows from them is checked once they are there.
    fn check_preprocessing(&self) -> Result<()> {
        let images = self.overrides().images;
        if self.init.is_some() {
            return Ok(PreprocessArgs { size: None, ..images }.validate()?);
        }
        match images.over(Preprocess::default()) {
            Ok(_) => Ok(()),
            Err(error) => Err(UsageError(format!("{error:#}")).into()),
        }
    }

    /// Refuses paths that the files of the run, which are UTF-8, cannot name.
    pub(crate) fn require_utf8(&self) -> Result<()> {
        require_utf8("--data", &self.data)?;
        for (option, path) in [
            ("--init", &self.init),
            ("--init-classes", &self.init_classes),
            ("--teacher", &self.teacher),
        ] {
            if let Some(path) = path {
                require_utf8(option, path)?;
            }
        }
        Ok(())
    }
}

/// Refuses the path of an option that is not UTF-8.
pub(crate) fn require_utf8(option: &str, path: &Path) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    let message = format!(
        "`{option} {}` is not UTF-8, as the files of the run are; rename it, or give a link to it",
        path.display()
    );
    Err(UsageError(message).into())
}
