use proptest::prelude::*;

use super::*;
use crate::resize::region::whole;

/// Resizes and mirrors a crop as a device does, by the definition of its filters.
pub(crate) fn carried_out(crop: &Crop) -> RgbImage {
    let Crop { rows, columns, .. } = crop;
    assert_eq!(crop.pixels.len(), 3 * crop.height * crop.width);
    let (height, width) = (rows.starts.len(), columns.starts.len());
    let source = |y: usize, x: usize, c: usize| {
        assert!(x < crop.width, "column {x}");
        crop.pixels[(y * crop.width + x) * 3 + c]
    };
    let between: Vec<u8> = (0..height * crop.width * 3)
        .map(|i| {
            filtered(rows, i / (crop.width * 3), |y| {
                source(y, i / 3 % crop.width, i % 3)
            })
        })
        .collect();
    let pixel = |x: usize, y: usize| {
        image::Rgb(std::array::from_fn(|c| {
            filtered(columns, x, |x| between[(y * crop.width + x) * 3 + c])
        }))
    };
    let place = |x: u32| {
        if crop.is_mirrored {
            width - 1 - x as usize
        } else {
            x as usize
        }
    };
    RgbImage::from_fn(width as u32, height as u32, |x, y| pixel(place(x), y as usize))
}

fn filtered(filter: &Filter, i: usize, pixel: impl Fn(usize) -> u8) -> u8 {
    let weights = &filter.weights[i * filter.taps..][..filter.taps];
    let terms = weights
        .iter()
        .enumerate()
        .map(|(j, weight)| i32::from(*weight) * i32::from(pixel(filter.starts[i] as usize + j)));
    let sum = terms.sum::<i32>() + (1 << (filter.shift - 1));
    (sum >> filter.shift).clamp(0, 255) as u8
}

fn noise(width: u32, height: u32, seed: u64) -> RgbImage {
    let mut state = seed | 1;
    RgbImage::from_fn(width, height, |_, _| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let [r, g, b, ..] = state.rotate_left(24).to_le_bytes();
        // Many extreme values, so that clamping is tested.
        image::Rgb([r, if g > 127 { 255 } else { 0 }, b])
    })
}

/// A part of an axis of `length` pixels: all of it, whole pixels, or any part.
fn part(length: u32) -> impl Strategy<Value = [f64; 2]> {
    let whole = f64::from(length);
    prop_oneof![
        Just([0.0, whole]),
        (0..length, 0..length).prop_map(|(a, b)| [f64::from(a.min(b)), f64::from(a.abs_diff(b) + 1)]),
        (0.0..1.0f64, 0.001..0.999f64)
            .prop_map(move |(place, part)| [place * (1.0 - part) * whole, part * whole]),
    ]
}

fn lengths() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..5, 1u32..300, 2000u32..6000]
}

fn case() -> impl Strategy<Value = (RgbImage, Region, usize)> {
    let size = prop_oneof![1usize..8, 8usize..150];
    let sides = (lengths(), lengths()).prop_filter("too much memory", |(w, h)| w * h < 1_000_000);
    (sides, size, any::<u64>()).prop_flat_map(|((width, height), size, seed)| {
        (part(width), part(height)).prop_map(move |([left, width_of], [top, height_of])| {
            let region = Region {
                left,
                top,
                width: width_of,
                height: height_of,
            };
            (noise(width, height, seed), region, size)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_device_resizes_crops_like_the_cpu((image, region, size) in case()) {
        let expected = resize_region(&image, region, size, Interpolation::Bilinear).unwrap();
        let crop = Crop::new(&image, region, size, Interpolation::Bilinear).unwrap();
        prop_assert!(carried_out(&crop) == expected);
        let within = |extent: f64| extent <= MOST_REDUCTION * size as f64;
        if !(within(region.width) && within(region.height)) {
            prop_assert_eq!([crop.width, crop.height, crop.rows.taps, crop.columns.taps], [size, size, 1, 1]);
        }
    }

    /// Also at scales at which the CPU resizes instead.
    #[test]
    fn filters_equal_the_cpus_at_every_scale(length in lengths(), size in 1usize..150, seed: u64, place in 0.0..1.0f64) {
        let image = noise(length, 1, seed);
        let width = 1.0 + place * f64::from(length - 1);
        let region = Region { left: (f64::from(length) - width).floor(), top: 0.0, width, height: 1.0 };
        let expected = resize_region(&image, region, size, Interpolation::Bilinear).unwrap();
        let filter = Filter::bilinear(length, [region.left, region.left + width], size);
        for (x, pixel) in expected.rows().next().unwrap().enumerate() {
            for c in 0..3 {
                prop_assert_eq!(filtered(&filter, x, |x| image.get_pixel(x as u32, 0)[c]), pixel[c]);
            }
        }
    }
}

#[test]
fn only_pixels_that_the_filters_read_are_copied() {
    let image = noise(500, 400, 1);
    let region = |left: f64, top: f64, width: f64, height: f64| Region {
        left,
        top,
        width,
        height,
    };
    let extent = |region: Region, size| {
        let crop = Crop::new(&image, region, size, Interpolation::Bilinear).unwrap();
        [crop.width, crop.height]
    };
    // As large as the result: no pixel outside the box has a weight.
    assert_eq!(extent(region(10.0, 20.0, 64.0, 64.0), 64), [64, 64]);
    // Reduced to half, a filter of four pixels reads one beyond each side, except at the edge of the picture.
    assert_eq!(extent(region(10.0, 0.0, 128.0, 128.0), 64), [130, 129]);
    assert_eq!(extent(region(372.0, 272.0, 128.0, 128.0), 64), [129, 129]);
    // Enlarged, it also reads one beyond each side.
    assert_eq!(extent(region(10.0, 20.0, 16.0, 32.0), 64), [18, 34]);
}

#[test]
fn boxes_much_larger_than_the_result_are_resized_by_the_cpu() {
    let taps = |width: u32, height: u32| {
        let image = noise(width, height, 2);
        let crop = Crop::new(&image, whole(&image), 224, Interpolation::Bilinear).unwrap();
        ([crop.width, crop.height], [crop.columns.taps, crop.rows.taps])
    };
    assert_eq!(taps(500, 375), ([500, 375], [5, 4]));
    assert_eq!(taps(560, 560), ([560, 560], [5, 5]));
    assert_eq!(taps(561, 10), ([224, 224], [1, 1]));
    assert_eq!(taps(10, 561), ([224, 224], [1, 1]));
    assert_eq!(taps(1, 1), ([1, 1], [1, 1]));
}

#[test]
fn impossible_resizes_are_refused() {
    let image = noise(20, 10, 3);
    let all = whole(&image);
    let beyond = Region { left: 0.5, ..all };
    for interpolation in [Interpolation::Bilinear, Interpolation::Bicubic] {
        let refused = |image: &RgbImage, region, size| Crop::new(image, region, size, interpolation).is_err();
        assert!(refused(&RgbImage::new(0, 5), all, 8));
        assert!(refused(&image, all, 0));
        assert!(refused(&image, all, 5000));
        assert!(refused(&image, beyond, 8));
    }
}

#[test]
fn the_cpu_resizes_bicubically() {
    let image = noise(60, 40, 4);
    let bicubic = Interpolation::Bicubic;
    let crop = Crop::new(&image, whole(&image), 32, bicubic).unwrap();
    let expected = resize_region(&image, whole(&image), 32, bicubic).unwrap();
    assert_eq!(crop, Crop::resized(expected));
}
