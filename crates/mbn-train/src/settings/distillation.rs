//! How a run learns from a teacher.

use anyhow::Result;
use mbn_cli::UsageError;
use mbn_model::Distillation;

use super::Settings;

/// The usual choices in comparisons of distillation (Tian et al. 2020, Cho and Hariharan 2019).
const DEFAULT: Distillation = Distillation {
    weight: 0.9,
    temperature: 4.0,
};

impl Settings {
    /// How much the run learns from its teacher; `None` without one.
    pub(crate) fn distillation(&self) -> Option<Distillation> {
        self.teacher.as_ref()?;
        Some(Distillation {
            weight: self.distill_weight.map_or(DEFAULT.weight, f64::from),
            temperature: self.temperature.map_or(DEFAULT.temperature, f64::from),
        })
    }

    /// States the values that the user leaves out, so that they are saved with the run.
    pub(super) fn set_distillation(&mut self) {
        if let Some(Distillation { weight, temperature }) = self.distillation() {
            self.distill_weight = weight.try_into().ok();
            self.temperature = temperature.try_into().ok();
        }
    }

    /// Refuses settings of a teacher if there is none.
    pub(super) fn check_distillation(&self) -> Result<()> {
        if self.teacher.is_some() {
            return Ok(());
        }
        let given = [
            ("--distill-weight", self.distill_weight.is_some()),
            ("--temperature", self.temperature.is_some()),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((option, _)) => {
                Err(UsageError(format!("`{option}` is for `--teacher`, which is not given")).into())
            }
            None => Ok(()),
        }
    }
}
