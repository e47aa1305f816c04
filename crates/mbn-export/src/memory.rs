//! Whether a file can run here: engines take a fixed batch whole, and systems end a program that asks for more memory than there is.

use anyhow::Result;
use mbn_cli::Hint;
use mbn_data::available_memory;
use mbn_spec::Architecture;

/// What cannot run for lack of memory, which says nothing of the file.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error(
    "a batch of {batch} pictures of {size} x {size} takes about {} of memory, and {} are available", gibibytes(*needed),
    gibibytes(*available)
)]
pub(crate) struct TooLarge {
    batch: usize,
    size: usize,
    needed: u64,
    available: u64,
}

/// Refuses a batch that takes more memory than is available, if the system tells how much that is. The hint ends with `otherwise`.
///
/// # Errors
/// [`TooLarge`].
pub(crate) fn require(architecture: &Architecture, size: usize, batch: usize, otherwise: &str) -> Result<()> {
    let needed = needed(architecture, size, batch);
    match available_memory() {
        Some(available) if available < needed => {
            let error = TooLarge {
                batch,
                size,
                needed,
                available,
            };
            Err(error).hint(|| format!("a smaller batch or size takes less{otherwise}"))
        }
        _ => Ok(()),
    }
}

/// Bytes that a batch takes at least: the pictures as bytes and twice as floats, and a layer's input and output, which exist at once.
fn needed(architecture: &Architecture, size: usize, batch: usize) -> u64 {
    let floats = |layer: &[usize; 3]| 4 * layer.iter().map(|&n| n as u64).product::<u64>();
    let picture = floats(&[3, size, size]);
    let outputs: Vec<_> = architecture.summary(size).layers;
    let outputs: Vec<u64> = outputs.iter().map(|layer| floats(&layer.output)).collect();
    let pairs = outputs.windows(2).map(|pair| pair[0] + pair[1]);
    batch as u64 * (2 * picture + picture / 4 + pairs.max().unwrap_or(0))
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use mbn_spec::Alpha;

    use super::*;

    #[test]
    fn the_widest_layers_and_the_pictures_are_counted() {
        let architecture = Architecture::new(Alpha::One, 10);
        // 32 channels before the first pointwise convolution, 64 after it, both of 112 x 112.
        let (layers, picture) = (4 * 112 * 112 * (32 + 64), 3 * 224 * 224);
        assert_eq!(needed(&architecture, 224, 1), (layers + 9 * picture) as u64);
        assert_eq!(needed(&architecture, 224, 7), 7 * needed(&architecture, 224, 1));
        assert!(require(&architecture, 224, 1, "").is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_batch_that_no_machine_holds_is_refused() {
        let architecture = Architecture::new(Alpha::One, 10);
        let error = require(&architecture, 4096, 1_000_000, "; or so").unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.contains("a batch of 1000000 pictures of 4096 x 4096 takes about "),
            "{text}"
        );
    }
}
