//! `--profile`: where the time of a training step goes, compared with what the machine allows.

mod machine;
mod measure;
mod rows;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use candle_core::Device;
use mbn_spec::text::counted;
use mbn_spec::{Architecture, Variant};

use self::machine::Machine;
use self::measure::CLASSES;
use self::rows::Row;
use crate::device;
use crate::options::Options;
use crate::settings::Settings;

/// Number of operations that are listed as farthest from their limit.
const FARTHEST: usize = 3;

/// Measures a few steps on noise and prints the table.
pub(crate) fn run(options: &Options, device: &Device) -> Result<()> {
    let settings = Settings::resolve(options.run_args()?, PathBuf::new(), None)?;
    device::set_products(device, settings.precision)?;
    let architecture = architecture(&settings);
    let (batch, size) = (settings.batch_size.get(), settings.largest_train_size());
    let dtype = settings.precision.activation_type().dtype();
    let machine = Machine::measure(device, dtype)?;
    let measured = measure::measure(&settings, architecture, device, batch, size)?;
    let mut rows = rows::rows(&architecture, dtype, batch, size, &measured.profile);
    let layers: Duration = rows.iter().map(|row| row.time).sum();
    for (name, time) in [
        ("optimiser", measured.optimizer),
        (
            "pool, classifier, loss",
            measured.step.saturating_sub(layers + measured.optimizer),
        ),
    ] {
        rows.push(Row {
            name: name.into(),
            operation: String::new(),
            time,
            cost: None,
        });
    }
    let rate = batch as f64 / measured.step.as_secs_f64();
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "MobileNetV1 alpha {}, batch {batch}, {size} x {size}, {}, {}\n\
         Products at most {:.0} GFLOP/s, copies at most {:.1} GB/s (measured now)\n\n{}\n",
        settings.alpha,
        settings.precision.name(),
        describe(device),
        machine.flops / 1e9,
        machine.bandwidth / 1e9,
        table::table(&rows, measured.step, &machine),
    )?;
    writeln!(
        out,
        "{:.1} ms a step, {rate:.1} images/s",
        milliseconds(measured.step)
    )?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.lost(&machine)));
    writeln!(out, "Most time above the limit:")?;
    for row in rows.iter().take(FARTHEST) {
        let lost = milliseconds(row.lost(&machine));
        writeln!(out, "  {} {}: {lost:.1} ms", row.name, row.operation)?;
    }
    Ok(())
}

/// The network that the settings describe.
fn architecture(settings: &Settings) -> Architecture {
    Architecture {
        variant: settings.overrides().variant(Variant::default()),
        ..Architecture::new(settings.alpha, CLASSES)
    }
}

/// The device, or the threads and instructions of the CPU.
fn describe(device: &Device) -> String {
    if device.is_cuda() {
        return mbn_ops::device_name(device);
    }
    let (threads, instructions) = (rayon::current_num_threads(), mbn_ops::instructions());
    format!("{}, {instructions} instructions", counted(threads, "thread"))
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use mbn_spec::{Activation, Alpha, Stride2Padding};

    use super::*;
    use crate::settings::RunArgs;

    #[test]
    fn the_network_is_that_of_the_settings() {
        let args = RunArgs {
            alpha: Some(Alpha::Half),
            activation: Some(Activation::Relu6),
            epsilon: "0.001".parse().ok(),
            padding: Some(Stride2Padding::Same),
            ..RunArgs::default()
        };
        let settings = Settings::resolve(args, "d".into(), None).unwrap();
        let found = architecture(&settings);
        let variant = Variant {
            activation: Activation::Relu6,
            batch_norm_epsilon: 0.001,
            stride2_padding: Stride2Padding::Same,
        };
        assert_eq!((found.alpha, found.variant), (Alpha::Half, variant));
    }
}
