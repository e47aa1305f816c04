//! Large files decoded at a fraction of their size.

use mbn_data::{DecodeOptions, Decoded, decode_bytes_with, resize};
use mbn_spec::{Preprocess, Resize};

use crate::files::{Layout, Marker, Picture, Process, Scan, Tables, one_by_one, progression, write};

/// Most levels on average between the network's input from a file at a fraction of its size and from the whole, for a drawing
/// whose stripes are as narrow as the network's pixels. The cosine transform cuts off high frequencies, where the resize's
/// triangle dampens them. A drawing that is moved by one of the network's pixels differs by more.
const MEAN: f64 = 4.5;
/// Most levels of one value, at the edges of the stripes.
const LEVELS: u8 = 30;

fn decoded(file: &[u8], options: &DecodeOptions) -> Decoded {
    decode_bytes_with(file, options).unwrap()
}

fn average(differences: impl ExactSizeIterator<Item = u8>) -> f64 {
    let len = differences.len() as f64;
    differences.map(f64::from).sum::<f64>() / len
}

#[test]
fn a_large_file_is_reduced_to_what_is_needed_and_looks_alike() {
    let baseline = Process::Sequential { extended: false };
    let all = || vec![Scan::sequential(&[0, 1, 2])];
    let codings = [
        (baseline, all()),
        (baseline, one_by_one(&[1, 2, 0])),
        (Process::Progressive, progression(3)),
    ];
    let layouts = codings.map(|(process, scans)| Layout {
        process,
        tables: Tables::Flat,
        scans,
        restart_interval: 0,
        markers: vec![Marker::Jfif],
    });
    let samplings = [
        [(1, 2, 2), (2, 1, 1), (3, 1, 1)],
        [(1, 1, 1), (2, 2, 1), (3, 1, 2)],
    ];
    // Both sides must keep 1.6 times the 40 pixels that are needed.
    for (width, height, fraction) in [
        (126, 500, 1),
        (128, 500, 2),
        (256, 372, 4),
        (372, 332, 4),
        (512, 520, 8),
        (640, 648, 8),
        (1504, 704, 8),
        // These sides are divided by less, or by nothing.
        (1500, 700, 4),
        (642, 654, 2),
        (1281, 704, 1),
    ] {
        for sampling in &samplings {
            let picture = Picture::drawn(width, height, sampling, 3);
            for (layout, kind) in layouts
                .iter()
                .flat_map(|layout| [(layout, Resize::Square), (layout, Resize::Crop)])
            {
                let preprocess = Preprocess {
                    size: if kind == Resize::Square { 40 } else { 35 },
                    resize: kind,
                    ..Preprocess::default()
                };
                let file = write(&picture, layout);
                let Decoded {
                    image: full,
                    reduction,
                    ..
                } = decoded(&file, &DecodeOptions::default());
                assert_eq!(reduction, 1);
                assert_eq!(full.dimensions(), (width as u32, height as u32));
                let Decoded {
                    image: reduced,
                    reduction,
                    ..
                } = decoded(&file, &DecodeOptions::reduced_for(&preprocess));
                assert_eq!(usize::from(reduction), fraction);
                let side = |side: usize| side.div_ceil(fraction) as u32;
                assert_eq!(reduced.dimensions(), (side(width), side(height)));
                let (full, reduced) = (
                    resize(&full, &preprocess).unwrap(),
                    resize(&reduced, &preprocess).unwrap(),
                );
                let differences: Vec<u8> = full
                    .iter()
                    .zip(reduced.iter())
                    .map(|(a, b)| a.abs_diff(*b))
                    .collect();
                let mean = average(differences.iter().copied());
                let largest = differences.iter().max().copied().unwrap_or(0);
                let moved = average(full.iter().zip(full.iter().skip(3)).map(|(a, b)| a.abs_diff(*b)));
                assert!(
                    moved > MEAN,
                    "moving the drawing changes it by {moved:.2}, which would pass"
                );
                assert!(
                    mean <= MEAN && largest <= LEVELS,
                    "{width} x {height}, {:?}: {mean:.2} on average, up to {largest}",
                    layout.process
                );
            }
        }
    }
}

#[test]
fn a_crop_needs_its_shorter_side() {
    let crop = Preprocess {
        resize: Resize::Crop,
        ..Preprocess::default().with_size(192).with_shorter(224)
    };
    assert_eq!(DecodeOptions::reduced_for(&crop).at_least, Some(359));
}
