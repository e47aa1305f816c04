//! The pictures as a viewer sees them: decoded from PNG and checked pixel by pixel.

use image::RgbImage;
use mbn_plot::{
    Caption, Confusion, EpochPoint, PlotError, RateTrial, ReliabilityBin, Tile, Tone, confusion, curves,
    gallery, rates, reliability,
};

const BLUE: [u8; 3] = [31, 84, 196];
const RED: [u8; 3] = [214, 39, 40];

fn decode(png: &[u8]) -> RgbImage {
    let picture = image::load_from_memory_with_format(png, image::ImageFormat::Png);
    picture.expect("the bytes are a PNG").into_rgb8()
}

fn history(epochs: u32) -> Vec<EpochPoint> {
    let point = |epoch: u32| {
        let progress = 1.0 - (-f64::from(epoch) / (0.25 * f64::from(epochs))).exp();
        // A wobble without randomness, so that curves cross and overlap as real ones do.
        let wobble = (f64::from(epoch) * 1.7).sin();
        EpochPoint {
            epoch,
            train_loss: 2.3 - 1.9 * progress,
            train_accuracy: 10.0 + 87.0 * progress,
            test_loss: 2.2 - 1.5 * progress + 0.06 * wobble,
            test_accuracy: 12.0 + 73.0 * progress + 1.5 * wobble,
        }
    };
    (1..=epochs).map(point).collect()
}

/// Number of pixels of exactly this colour in the columns `half`.
fn pixels_of(picture: &RgbImage, color: [u8; 3], half: std::ops::Range<u32>) -> usize {
    picture
        .enumerate_pixels()
        .filter(|(x, _, pixel)| half.contains(x) && pixel.0 == color)
        .count()
}

fn matrix(classes: usize) -> Confusion {
    let mut confusion = Confusion::new(classes);
    for truth in 0..classes {
        for predicted in 0..classes {
            let images = match (truth * 7 + predicted * 13) % 17 {
                _ if truth == predicted => 80 + (truth as u64 * 37) % 200,
                0 => 3 + (truth as u64 % 5),
                1 => 1,
                _ => 0,
            };
            confusion.add(truth, predicted, images);
        }
    }
    confusion
}

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

#[test]
fn both_panels_have_both_colours_at_any_length() {
    for epochs in [1, 2, 20, 50, 300] {
        let picture = decode(&curves(&history(epochs), "MobileNetV1 0.25, 10 classes").unwrap());
        assert_eq!(picture.dimensions(), (1600, 640));
        for half in [0..800, 800..1600] {
            for color in [BLUE, RED] {
                assert!(
                    pixels_of(&picture, color, half.clone()) > 40,
                    "{epochs} epochs: {color:?} in {half:?}"
                );
            }
        }
    }
}

#[test]
fn train_and_test_have_the_same_colours_in_both_panels() {
    // Without test values, only training curves and the legend's samples are drawn.
    let mut only_train = history(20);
    for point in &mut only_train {
        (point.test_accuracy, point.test_loss) = (f64::NAN, f64::NAN);
    }
    let picture = decode(&curves(&only_train, "").unwrap());
    for half in [0..800, 800..1600] {
        assert!(pixels_of(&picture, BLUE, half.clone()) > 3 * pixels_of(&picture, RED, half));
    }
}

#[test]
fn values_that_are_not_finite_are_left_out() {
    let mut with_gap = history(20);
    with_gap[7].train_loss = f64::NAN;
    with_gap[8].test_loss = f64::INFINITY;
    with_gap[9].test_accuracy = f64::NEG_INFINITY;
    with_gap[10].train_loss = f64::MAX;
    let (whole, gap) = (
        decode(&curves(&history(20), "").unwrap()),
        decode(&curves(&with_gap, "").unwrap()),
    );
    let drawn = |picture| pixels_of(picture, RED, 800..1600);
    assert!(
        drawn(&gap) < drawn(&whole) && 2 * drawn(&gap) > drawn(&whole),
        "{} {}",
        drawn(&gap),
        drawn(&whole)
    );

    let nothing = EpochPoint {
        epoch: u32::MAX,
        train_loss: f64::NAN,
        train_accuracy: f64::NAN,
        test_loss: f64::NAN,
        test_accuracy: f64::NAN,
    };
    decode(&curves(&[nothing], "no values at all").unwrap());
    decode(&curves(&[EpochPoint { epoch: 0, ..nothing }, nothing], "the longest axis").unwrap());
}

#[test]
fn odd_values_and_titles_do_not_panic() {
    let constant = EpochPoint {
        epoch: 3,
        train_loss: 0.0,
        train_accuracy: 100.0,
        test_loss: 0.0,
        test_accuracy: 0.0,
    };
    curves(&[constant; 4], &"a very long title ".repeat(40)).unwrap();
    let extreme = EpochPoint {
        train_loss: -1e29,
        test_loss: 1e29,
        test_accuracy: 1e12,
        train_accuracy: -5.0,
        ..constant
    };
    curves(&[constant, extreme], "名前\u{0}\n👩‍👩‍👧").unwrap();
}

#[test]
fn an_empty_history_is_an_error() {
    assert!(matches!(curves(&[], "empty"), Err(PlotError::EmptyHistory)));
}

#[test]
fn the_matrix_grows_with_the_classes() {
    let sizes = [2, 10, 20, 50, 100].map(|classes| {
        let picture = decode(&confusion(&matrix(classes), &names(classes)).unwrap());
        assert!(picture.height() >= 16 * classes as u32, "{classes} classes");
        picture.height()
    });
    assert!(sizes[0] < sizes[1] && sizes[3] < sizes[4], "{sizes:?}");
}

#[test]
fn true_classes_are_rows() {
    // All of class 0 is taken for class 1, nothing else was seen: only the top right cell is dark.
    let mut counted = Confusion::new(2);
    counted.add(0, 1, 9);
    let picture = decode(&confusion(&counted, &["a", "b"]).unwrap());
    let full = [8, 36, 92];
    let cell: Vec<_> = picture
        .enumerate_pixels()
        .filter(|(.., pixel)| pixel.0 == full)
        .collect();
    assert!(cell.len() > 2000, "{} pixels", cell.len());
    let (left, right) = (
        cell.iter().map(|p| p.0).min().unwrap(),
        cell.iter().map(|p| p.0).max().unwrap(),
    );
    let (top, bottom) = (
        cell.iter().map(|p| p.1).min().unwrap(),
        cell.iter().map(|p| p.1).max().unwrap(),
    );
    // The empty cells to the left and below are white.
    let (width, height) = (right - left, bottom - top);
    assert_eq!(picture.get_pixel(left - width / 2, top + height / 2).0, [255; 3]);
    assert_eq!(
        picture.get_pixel(left + width / 2, bottom + height / 2).0,
        [255; 3]
    );
}

#[test]
fn many_classes_become_a_list() {
    let small = decode(&confusion(&matrix(101), &names(101)).unwrap());
    let large = decode(&confusion(&matrix(1000), &names(1000)).unwrap());
    assert!(
        small.height() < 1600,
        "a list needs less room than a matrix: {}",
        small.height()
    );
    assert!(large.width() > small.width());
    let capped = decode(&confusion(&matrix(1200), &names(1200)).unwrap());
    assert_eq!(capped.dimensions(), large.dimensions());
    // ImageNet-21k's, whose whole matrix would be 3.8 GB.
    let mut thousands = Confusion::new(21_841);
    thousands.add(21_840, 7, 5);
    let picture = decode(&confusion(&thousands, &names(21_841)).unwrap());
    assert_eq!(picture.dimensions(), large.dimensions());
}

#[test]
fn odd_names_and_counts_do_not_panic() {
    let odd = [
        "",
        "a\tb\nc",
        "\u{202e}\u{0}",
        "金魚 🐟 é\u{301}",
        &"W".repeat(5000),
    ];
    let mut huge = Confusion::new(5);
    for cell in 0..25 {
        huge.add(cell / 5, cell % 5, u64::MAX);
    }
    confusion(&huge, &odd).unwrap();
    confusion(&Confusion::new(150), &vec![odd[3]; 150]).unwrap();
}

#[test]
fn a_matrix_that_does_not_fit_the_names_is_an_error() {
    assert!(matches!(
        confusion(&Confusion::new(0), &[] as &[&str]),
        Err(PlotError::NoClasses)
    ));
    let error = confusion(&matrix(3), &names(2)).unwrap_err();
    assert!(matches!(error, PlotError::ClassCount { classes: 3, names: 2 }));
    assert!(
        error.to_string().contains("3 classes for 2 class names"),
        "{error}"
    );
}

#[test]
fn a_gallery_shows_each_picture_once() {
    let colour = |index: u8| [40 * index + 20, 200 - 30 * index, 90];
    let tile = |index: u8| Tile {
        image: RgbImage::from_pixel(64, 64, image::Rgb(colour(index))),
        captions: vec![Caption::new(format!("class {index}"), Tone::Good)],
    };
    let tiles: Vec<Tile> = (0..5).map(tile).collect();
    let picture = decode(&gallery("Title", "note", &tiles).unwrap());
    let places = (0..5).map(|index| {
        let found: Vec<_> = picture
            .enumerate_pixels()
            .filter(|(.., pixel)| pixel.0 == colour(index))
            .map(|(x, y, _)| (y, x))
            .collect();
        assert_eq!(found.len(), 176 * 176, "picture {index}");
        found[0]
    });
    assert!(places.is_sorted(), "pictures are in order");
}

/// The line below the title is whole, also above a single picture.
#[test]
fn a_gallery_is_as_wide_as_its_note() {
    let tiles = [Tile {
        image: RgbImage::new(8, 8),
        captions: Vec::new(),
    }];
    let width = |note: &str| decode(&gallery("Title", note, &tiles).unwrap()).width();
    let note = "9 of 1000 test images, those with the highest probability of a wrong class";
    let grey = format!("{note}; grey: 2 that can no longer be read");
    assert!(width("") < width(note) && width(note) < width(&grey));
    assert_eq!(width(&note.repeat(50)), width(&note.repeat(100)));
}

#[test]
fn galleries_of_odd_pictures_do_not_panic() {
    gallery("", "", &[]).unwrap();
    let odd = |width, height| Tile {
        image: RgbImage::new(width, height),
        captions: vec![
            Caption::new("W".repeat(500), Tone::Bad),
            Caption::new(String::new(), Tone::Plain),
        ],
    };
    let tiles = [odd(0, 0), odd(1, 3000), odd(3000, 1), odd(1, 1)];
    decode(&gallery(&"long ".repeat(200), "名前\u{0}", &tiles).unwrap());
}

/// Bars reach as high as the accuracy, and nothing is red where accuracy is confidence.
#[test]
fn a_reliability_diagram_shows_what_is_missing() {
    let bins = |accuracy: f64| {
        let bin = |i: u64| ReliabilityBin {
            images: i,
            confidence: (i as f64 + 0.5) / 10.0,
            accuracy: (accuracy * (i as f64 + 0.5) / 10.0).min(1.0),
        };
        (0..10).map(bin).collect::<Vec<_>>()
    };
    let reds = |accuracy: f64| {
        let picture = decode(&reliability(&bins(accuracy), "Reliability", "error 1 %").unwrap());
        assert_eq!(picture.dimensions(), (1600, 640));
        let is_red = |pixel: &image::Rgb<u8>| {
            pixel[0] > pixel[1].saturating_add(40) && pixel[0] > pixel[2].saturating_add(40)
        };
        picture.pixels().filter(|pixel| is_red(pixel)).count()
    };
    let (right, missing, all_missing) = (reds(1.0), reds(0.8), reds(0.1));
    assert!(
        right < 2000 && missing > 10_000 && all_missing > 3 * missing,
        "{right} {missing} {all_missing}"
    );
    let empty = [ReliabilityBin::default(); 15];
    assert!(matches!(reliability(&empty, "", ""), Err(PlotError::NoImages)));
}

/// Trainings at rates from 0.001, each three times the one before, of which the middle one is best.
fn trials(count: i32) -> Vec<RateTrial> {
    let trial = |index: i32| {
        let score = 1.4 + 0.05 * f64::from(index - count / 2).powi(2);
        let loss = |step: i32| {
            let noise = 0.2 * f64::from(step % 3 - 1);
            (
                step as usize,
                2.3 + (score - 2.3) * f64::from(step) / 80.0 + noise,
            )
        };
        RateTrial {
            rate: 0.001 * 10f64.powf(0.5 * f64::from(index)),
            losses: (1..=80).map(loss).collect(),
            score: Some(score),
            error: 0.03,
        }
    };
    (0..count).map(trial).collect()
}

/// The lowest and the highest rate's colours.
const ENDS: [[u8; 3]; 2] = [[68, 1, 110], [200, 30, 40]];

#[test]
fn every_rate_has_a_colour_in_both_charts_and_one_is_marked() {
    let trials = trials(5);
    let (left, right) = (0..800, 800..1600);
    let marked = decode(&rates(&trials, Some(0.01), "MobileNetV1 0.25").unwrap());
    assert_eq!(marked.dimensions(), (1600, 640));
    for color in [ENDS[0], ENDS[1], BLUE] {
        let (dots, lines) = (
            pixels_of(&marked, color, left.clone()),
            pixels_of(&marked, color, right.clone()),
        );
        assert!(dots > 60 && lines > 40, "{color:?}: {dots} {lines}");
    }
    let unmarked = decode(&rates(&trials, None, "MobileNetV1 0.25").unwrap());
    // The mark is a line from top to bottom, 430 pixels high.
    let differ = |half: &std::ops::Range<u32>| {
        let pairs = marked.enumerate_pixels().zip(unmarked.pixels());
        pairs
            .filter(|((x, _, one), other)| half.contains(x) && one != other)
            .count()
    };
    assert!(differ(&left) > 400 && differ(&right) == 0);
}

#[test]
fn a_training_that_diverged_has_a_curve_but_no_dot() {
    let mut trials = trials(5);
    let last = &mut trials[4];
    (last.score, last.error) = (None, 0.0);
    last.losses.truncate(20);
    last.losses.extend([(21, 50.0), (22, f64::INFINITY)]);
    let picture = decode(&rates(&trials, Some(0.01), "").unwrap());
    assert_eq!(pixels_of(&picture, ENDS[1], 0..800), 0);
    let curve = pixels_of(&picture, ENDS[1], 800..1600);
    assert!(curve > 100, "{curve}");
    // What explodes does not flatten the other curves.
    let rows = |picture: &RgbImage| {
        let of_first = picture
            .enumerate_pixels()
            .filter(|(x, _, pixel)| *x > 800 && pixel.0 == ENDS[0])
            .map(|(_, y, _)| y);
        of_first.clone().max().unwrap() - of_first.min().unwrap()
    };
    assert!(rows(&picture) > 150, "{}", rows(&picture));
}

#[test]
fn odd_rates_do_not_panic() {
    assert!(matches!(rates(&[], None, ""), Err(PlotError::NoRates)));
    rates(&trials(1), Some(0.001), "one rate").unwrap();
    rates(&trials(40), Some(1e9), "many rates, and a mark beyond the axis").unwrap();
    let odd = RateTrial {
        rate: 0.1,
        losses: vec![(0, f64::NAN), (usize::MAX, 1e300)],
        score: Some(f64::INFINITY),
        error: f64::NAN,
    };
    rates(std::slice::from_ref(&odd), Some(0.0), "no values").unwrap();
    let empty = RateTrial {
        losses: Vec::new(),
        score: None,
        ..odd.clone()
    };
    rates(&[empty, odd.clone()], Some(f64::NAN), "no steps").unwrap();
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let odd = RateTrial { rate, ..odd.clone() };
        assert!(matches!(rates(&[odd], None, ""), Err(PlotError::NoRates)));
    }
}
