//! The pictures of a run, as PNG.

use anyhow::{Context, Result};
use image::{Rgb, RgbImage};
use mbn_data::{Example, ImageSource};
use mbn_plot::{Caption, Confusion, EpochPoint, Tile, Tone};

use super::names::MISTAKES;
use super::{Best, Mistake, Progress};

/// Most images of a batch that `augmented.png` shows.
const EXAMPLES: usize = 32;

/// In place of an image that cannot be read.
const GREY: Rgb<u8> = Rgb([190; 3]);

/// A loss is not drawn if it is so many times larger than half of them are.
const EXTREME: f64 = 20.0;

/// Which classes the best weights take for which.
pub(super) fn confusion(counted: &Confusion, classes: &[String]) -> Result<Vec<u8>> {
    mbn_plot::confusion(counted, classes).context("cannot draw the confusion matrix")
}

/// Accuracy and loss by epoch.
pub(super) fn curves(progress: &Progress) -> Result<Vec<u8>> {
    let points: Vec<EpochPoint> = progress
        .history
        .iter()
        .map(|row| EpochPoint {
            epoch: u32::try_from(row.epoch).unwrap_or(u32::MAX),
            train_loss: row.train_loss,
            train_accuracy: row.train_accuracy,
            test_loss: row.test_loss,
            test_accuracy: row.test_accuracy,
        })
        .collect();
    let (alpha, size) = (progress.settings.alpha, progress.settings.size.get());
    let (points, most) = without_extremes(points);
    let beyond = most.map_or_else(String::new, |most| {
        format!(", losses of up to {most:.3e} not shown")
    });
    let title = format!("{alpha} MobileNet-{size}{beyond}");
    mbn_plot::curves(&points, &title).context("cannot draw the curves")
}

/// Points without losses that are so much larger than the others that these would look like a line on the axis, as the first ones of
/// a learning rate that is too high; and the largest of them. Values that are not finite are not drawn.
fn without_extremes(mut points: Vec<EpochPoint>) -> (Vec<EpochPoint>, Option<f64>) {
    let losses = points
        .iter()
        .flat_map(|point| [point.train_loss, point.test_loss]);
    let mut losses: Vec<f64> = losses.filter(|loss| loss.is_finite()).collect();
    losses.sort_by(f64::total_cmp);
    let Some(median) = losses.get(losses.len() / 2) else {
        return (points, None);
    };
    let limit = EXTREME * median;
    let most = losses.last().copied().filter(|most| *most > limit);
    for point in &mut points {
        for loss in [&mut point.train_loss, &mut point.test_loss] {
            if *loss > limit {
                *loss = f64::NAN;
            }
        }
    }
    (points, most)
}

/// The most confident mistakes of the best weights. An image that can no longer be read is grey: the picture is for the user's eyes,
/// and no run should end because of it.
pub(super) fn mistakes(progress: &Progress, best: &Best, tests: &dyn ImageSource) -> Result<Vec<u8>> {
    let name = |class: u32| class_name(progress, class);
    let mut unread = 0;
    let mut tile = |mistake: &Mistake| {
        let image = tests.load(mistake.image).map_or_else(
            |error| {
                log::debug!("`{}` is grey in `{MISTAKES}`: {error}", error.path.display());
                unread += 1;
                RgbImage::from_pixel(1, 1, GREY)
            },
            |picture| (*picture).clone(),
        );
        let probability = 100.0 * mistake.probability;
        Tile {
            image,
            captions: vec![
                Caption::new(
                    format!("{probability:.1} % {}", name(mistake.predicted)),
                    Tone::Bad,
                ),
                Caption::new(format!("is {}", name(mistake.label)), Tone::Good),
            ],
        }
    };
    // States of earlier versions do not hold the number of test images; there may be fewer by now.
    let there = |mistake: &&Mistake| mistake.image < tests.len();
    let tiles: Vec<Tile> = progress.mistakes.iter().filter(there).map(&mut tile).collect();
    // Not all test images: some may have been left out.
    let tested = best.confusion.images();
    let note = note(tiles.len(), tested, unread);
    mbn_plot::gallery("Most confident mistakes", &note, &tiles).context("cannot draw the mistakes")
}

/// The line below the title of a picture of `shown` mistakes in `tested` images.
fn note(shown: usize, tested: u128, unread: usize) -> String {
    let grey = match unread {
        0 => String::new(),
        _ => format!("; grey: {unread} that can no longer be read"),
    };
    match shown {
        0 => "none: every test image was classified correctly".to_owned(),
        _ => format!(
            "{shown} of {tested} test images, those with the highest probability of a wrong class{grey}"
        ),
    }
}

/// The first batch as the network sees it.
pub(super) fn augmented(progress: &Progress, examples: Vec<Example>) -> Result<Vec<u8>> {
    let batch = examples.len();
    let tile = |example: Example| {
        let caption = |&(class, share): &(u32, f32)| {
            let name = class_name(progress, class);
            let text = match share < 1.0 {
                true => format!("{:.0} % {name}", 100.0 * share),
                false => name.to_owned(),
            };
            Caption::new(text, Tone::Plain)
        };
        Tile {
            captions: example.shares.iter().map(caption).collect(),
            image: example.image,
        }
    };
    let tiles: Vec<Tile> = examples.into_iter().take(EXAMPLES).map(tile).collect();
    let note = match tiles.len() {
        n if n < batch => format!("{n} of the {batch} images of the first batch, as the network sees them"),
        _ => "the first batch, as the network sees it".to_owned(),
    };
    mbn_plot::gallery("Training images", &note, &tiles).context("cannot draw the training images")
}

fn class_name(progress: &Progress, class: u32) -> &str {
    progress.classes.get(class as usize).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(losses: &[(f64, f64)]) -> Vec<EpochPoint> {
        let point = |(epoch, &(train_loss, test_loss)): (u32, &(f64, f64))| EpochPoint {
            epoch,
            train_loss,
            train_accuracy: 50.0,
            test_loss,
            test_accuracy: 50.0,
        };
        (1..).zip(losses).map(point).collect()
    }

    /// Two test images were left out, and two are gone since.
    #[test]
    fn the_note_counts_what_was_tested_and_what_is_there() {
        assert!(note(0, 38, 0).starts_with("none:"));
        let usual = "24 of 38 test images, those with the highest probability of a wrong class";
        assert_eq!(note(24, 38, 0), usual);
        assert_eq!(
            note(24, 38, 2),
            format!("{usual}; grey: 2 that can no longer be read")
        );
    }

    #[test]
    fn one_early_loss_does_not_flatten_the_curves() {
        let losses = [(2.5, 517.0), (2.0, 2.1), (1.5, 1.7), (1.2, 1.6)];
        let (drawn, most) = without_extremes(points(&losses));
        assert_eq!(most, Some(517.0));
        assert!(drawn[0].test_loss.is_nan() && drawn[0].train_loss == 2.5);
        assert_eq!(drawn[1..], points(&losses)[1..]);
        // A loss that falls by far is what the curves are for.
        for usual in [
            &losses[1..],
            &[(4.6, 4.6), (0.3, 0.5), (0.25, 0.4)],
            &[(9.0, f64::NAN)],
            &[],
        ] {
            let (drawn, most) = without_extremes(points(usual));
            assert_eq!(most, None);
            assert_eq!(drawn.len(), usual.len());
            let is_drawn = |found: &EpochPoint, loss: &(f64, f64)| found.train_loss == loss.0;
            assert!(drawn.iter().zip(usual).all(|(found, loss)| is_drawn(found, loss)));
        }
    }
}
