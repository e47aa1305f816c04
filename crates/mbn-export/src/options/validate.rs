//! Options that contradict each other.

use anyhow::Result;
use mbn_cli::{Hint, UsageError};
use mbn_onnx::OptionsError;

use super::{KeepFloat, Options, PrecisionName};

impl Options {
    /// Refuses options that have no effect.
    ///
    /// # Errors
    /// [`UsageError`], for exit code 2.
    pub fn validate(&self) -> Result<()> {
        self.overrides.images.validate()?;
        if self.allow_overflow && self.precision != PrecisionName::Fp16 {
            let message = "`--allow-overflow` has no effect without `--precision fp16`";
            return Err(UsageError(message.to_owned()).into());
        }
        if self.check_images.is_some() && self.no_verify && self.precision != PrecisionName::Fp16 {
            let message = "`--check-images` has no effect with `--no-verify`, but for `--precision fp16`";
            return Err(UsageError(message.to_owned()).into());
        }
        self.validate_tables()?;
        self.validate_int8()?;
        self.validate_triton()?;
        let given = self.of_graph().into_iter().find(|(given, _)| *given);
        if let (Some(out), Some((_, option))) = (self.weights_out(), given) {
            let message = format!(
                "`{option}` has no effect on weights, as `{}` is to be",
                out.display()
            );
            return Err(UsageError(message).into());
        }
        let valid = self.export_options().validate();
        let Err(error) = valid else {
            return Ok(());
        };
        let hint = match error {
            OptionsError::BytesOpset { .. } => {
                "an engine that needs an older opset may make 8 bits of float32 itself: leave out `--precision int8`"
            }
            _ => "`--resize-inside` needs `--input uint8`, and opset 18 or newer",
        };
        Err(UsageError(error.to_string())).hint(|| hint.to_owned())
    }

    /// The options that say how the graph is written and checked, and whether they are given.
    fn of_graph(&self) -> [(bool, &'static str); 14] {
        [
            (self.precision != PrecisionName::Fp32, "--precision"),
            (self.opset.is_some(), "--opset"),
            (self.batch.is_some(), "--batch"),
            (self.resize_inside, "--resize-inside"),
            (self.dynamic_size, "--dynamic-size"),
            (self.features, "--features"),
            (self.report.is_some(), "--report"),
            (self.keep_rejected, "--keep-rejected"),
            (self.check_images.is_some(), "--check-images"),
            (self.no_fold, "--no-fold"),
            (self.input.is_some(), "--input"),
            (self.softmax, "--softmax"),
            (self.ort_lib.is_some(), "--ort-lib"),
            (self.no_verify, "--no-verify"),
        ]
    }

    /// Refuses what tables do not depend on, where only tables are printed.
    fn validate_tables(&self) -> Result<()> {
        if self.out.is_some() || self.triton.triton.is_some() {
            return Ok(());
        }
        let (of_table, table) = match self.sensitivity {
            true => (Some("--precision"), "--sensitivity"),
            false => (None, "--summary"),
        };
        let given = self.of_graph().into_iter();
        let mut unused = given.filter(|(given, option)| *given && Some(*option) != of_table);
        match unused.next() {
            None => Ok(()),
            Some((_, option)) => Err(UsageError(format!(
                "`{option}` has no effect on what `{table}` prints"
            )))
            .hint(|| "give OUT.onnx to write a file as well".to_owned()),
        }
    }

    fn validate_triton(&self) -> Result<()> {
        let Some(folder) = &self.triton.triton else {
            return Ok(());
        };
        let folder = folder.display();
        if let Some(out) = &self.out {
            let message = format!(
                "`--triton {folder}` says where the model goes, and `{}` another place",
                out.display()
            );
            return Err(UsageError(message))
                .hint(|| format!("leave one of them out: the file is in `{folder}/NAME/1/model.onnx`"));
        }
        if self.keep_rejected {
            let message = "`--keep-rejected` keeps no file in a repository, where a server would find it";
            return Err(UsageError(message.to_owned()))
                .hint(|| "export to OUT.onnx to look at a file that does not pass".to_owned());
        }
        Ok(())
    }

    fn validate_int8(&self) -> Result<()> {
        let int8 = self.precision == PrecisionName::Int8;
        let of_int8 = [
            (self.calibration.is_some(), "--calibration"),
            (self.calibrate_by.is_some(), "--calibrate-by"),
            (self.keep_float.is_some(), "--keep-float"),
            (self.sensitivity, "--sensitivity"),
        ];
        let message = match of_int8.iter().find(|(given, _)| *given) {
            Some((_, option)) if !int8 => format!("`{option}` has no effect without `--precision int8`"),
            _ if int8 && self.no_fold => {
                "`--precision int8` folds batch norm, which `--no-fold` keeps".to_owned()
            }
            _ if int8 && self.calibration.is_none() => {
                let message = "`--precision int8` measures the ranges of values on pictures: `--calibration DIR` is missing";
                return Err(UsageError(message.to_owned()))
                    .hint(|| "some hundreds of training photos, of all classes, are enough".to_owned());
            }
            _ if self.keep_float.is_some_and(KeepFloat::is_everything) => {
                let message = "`--keep-float` names every layer, so that none would be int8";
                return Err(UsageError(message.to_owned())).hint(|| {
                    "`--precision fp32` writes float32; `--sensitivity` shows which layers cost most"
                        .to_owned()
                });
            }
            _ => return Ok(()),
        };
        Err(UsageError(message).into())
    }
}
