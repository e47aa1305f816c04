//! Runs that diverge on a device whose losses are read only every few steps.

mod broken_images;
mod together;

use std::num::NonZeroUsize;
use std::path::Path;
use std::rc::Rc;

use candle_core::{Device, Tensor};
use clap::Parser;
use image::RgbImage;
use mbn_model::Meter;
use tempfile::TempDir;

use super::Trainer;
use crate::options::Options;
use crate::ranks::Ranks;
use crate::run::{STATE, State};

/// More steps than an epoch of these runs has.
const STEPS_BETWEEN_READINGS: usize = 16;

/// Two classes of pictures in `data`.
pub(super) fn pictures(folder: &Path) {
    for (split, count) in [("train", 8), ("val", 2)] {
        for class in ["blue", "red"] {
            let pictures = folder.join("data").join(split).join(class);
            std::fs::create_dir_all(&pictures).unwrap();
            for i in 0..count {
                let colour = [30 * i as u8, 90, if class == "red" { 10 } else { 200 }];
                let image = RgbImage::from_pixel(32, 32, image::Rgb(colour));
                image.save(pictures.join(format!("{i}.png"))).unwrap();
            }
        }
    }
}

/// Options of a run in `out` on [`pictures`].
pub(super) fn options(folder: &Path, out: &str, more: &str) -> Options {
    let path = |name: &str| folder.join(name).into_os_string().into_string().unwrap();
    let (data, out) = (path("data"), path(out));
    let arguments = "mbn-train --alpha 0.25 --epochs 2 --device cpu --no-publish";
    let size = if more.contains("--size ") {
        ""
    } else {
        " --size 32"
    };
    let arguments = format!("{arguments} {more}{size}");
    let arguments = arguments.split(' ');
    let arguments = arguments.chain(["--data", &data, "--out", &out]);
    Options::try_parse_from(arguments).unwrap()
}

/// Options that resume the run in `out`.
fn options_to_resume(folder: &Path, out: &str) -> Options {
    let run = folder.join(out);
    let line = ["mbn-train", "--device", "cpu", "--resume", run.to_str().unwrap()];
    Options::try_parse_from(line).unwrap()
}

/// A run of two epochs of four steps on the CPU that reads losses as seldom as on a GPU.
fn trainer(folder: &Path) -> Trainer {
    pictures(folder);
    let options = options(folder, "run", "--batch-size 4 --optimizer adamw");
    let mut trainer = Trainer::start(&options, &Device::Cpu, &Rc::new(Ranks::alone()))
        .unwrap()
        .unwrap();
    trainer.meter = Meter::every(STEPS_BETWEEN_READINGS);
    trainer
}

fn saved(trainer: &Trainer) -> Vec<u8> {
    std::fs::read(trainer.run.file(STATE)).unwrap()
}

/// Fills a parameter of the network with NaN.
fn spoil(trainer: &Trainer, name: &str) {
    let mut parameters = trainer.network.parameters();
    let parameter = parameters.find(|parameter| parameter.name == name).unwrap();
    let nan = Tensor::full(f32::NAN, parameter.tensor().shape(), &Device::Cpu).unwrap();
    parameter.var.set(&nan).unwrap();
}

#[test]
fn a_loss_that_is_read_late_spoils_no_checkpoint() {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let mut trainer = trainer(folder.path());
    assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
    let good = saved(&trainer);
    spoil(&trainer, "fc.bias");
    let message = format!("{:#}", trainer.train().unwrap_err());
    for part in [
        "the loss became NaN within 4 steps that end in epoch 2, step 4 of 4",
        "the last good checkpoint",
        "after epoch 1",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(saved(&trainer) == good);
    State::load(&trainer.run.file(STATE), &Device::Cpu).unwrap();
}

/// The gradient of the last step may be infinite although its loss was finite.
#[test]
fn values_that_are_not_finite_are_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = trainer(folder.path());
    assert!(trainer.train_epoch().unwrap() && trainer.finish_epoch().unwrap());
    let good = saved(&trainer);
    let mut state = trainer.optimizer.state().clone();
    let moments = state.tensors.get_mut("fc.bias").unwrap();
    *moments = (&*moments + f64::INFINITY).unwrap();
    trainer.optimizer.set_state(state);
    let message = format!("{:#}", trainer.save_state().unwrap_err());
    assert!(
        message.contains(
            "the state of the optimiser for `fc.bias` is no longer finite in epoch 1, step 4 of 4 (step 4 of"
        ),
        "{message}"
    );
    spoil(&trainer, "model.3.0.weight");
    let message = format!("{:#}", trainer.save_state().unwrap_err());
    assert!(
        message.contains("`model.3.0.weight` is no longer finite"),
        "{message}"
    );
    assert!(saved(&trainer) == good);
}

/// The product of epochs and steps is more than an integer holds.
#[test]
fn any_number_of_epochs_has_a_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let mut trainer = trainer(folder.path());
    trainer.progress.settings.epochs = NonZeroUsize::new(i64::MAX as usize).unwrap();
    assert!(trainer.schedule().steps > 3e19);
}
