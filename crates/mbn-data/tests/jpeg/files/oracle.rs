//! The pixels of a picture, computed from its coefficients in float64, without a decoder.
//!
//! Where T.81 leaves a choice, this follows libjpeg, whose pixels most programs show: samples are rounded to bytes before
//! they are enlarged; a factor of two is bridged by a triangle filter (`jdsample.c`), any other by repetition.

use image::{Rgb, RgbImage};

use super::coefficients::{ZIGZAG, basis};
use super::{Component, Picture};

/// What the components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Grey,
    Rgb,
    YCbCr,
    /// Inks, inverted as Adobe does.
    Cmyk,
    /// Inks as luminance and chrominance, and black.
    Ycck,
}

/// Samples of a component, `[rows, columns]`.
struct Plane {
    size: [usize; 2],
    samples: Vec<i32>,
}

impl Plane {
    /// A sample, or the nearest one outside the plane.
    fn at(&self, x: isize, y: isize) -> i32 {
        let clamp = |at: isize, length: usize| at.clamp(0, length as isize - 1) as usize;
        self.samples[clamp(y, self.size[1]) * self.size[0] + clamp(x, self.size[0])]
    }
}

/// The picture's pixels.
pub fn pixels(picture: &Picture, colour: Colour) -> RgbImage {
    let planes: Vec<Plane> = picture
        .components
        .iter()
        .zip(0usize..)
        .map(|(component, i)| enlarged(picture, component, &samples(picture, component, i.min(1))))
        .collect();
    RgbImage::from_fn(picture.width as u32, picture.height as u32, |x, y| {
        let values: Vec<f64> = planes
            .iter()
            .map(|plane| plane.at(x as isize, y as isize).into())
            .collect();
        Rgb(converted(colour, &values))
    })
}

/// Dequantisation and inverse transform (T.81, A.3.3), cut to the samples that belong to the picture.
fn samples(picture: &Picture, component: &Component, table: usize) -> Plane {
    let size = picture.samples(component);
    let mut plane = Plane {
        size,
        samples: vec![0; size[0] * size[1]],
    };
    for (i, block) in component.coefficients.iter().enumerate() {
        let (left, top) = (8 * (i % component.blocks[0]), 8 * (i / component.blocks[0]));
        let mut coefficients = [[0.0; 8]; 8];
        for (k, &value) in block.iter().enumerate() {
            coefficients[ZIGZAG[k] / 8][ZIGZAG[k] % 8] = f64::from(value * picture.steps[table][k]);
        }
        let rows: [[f64; 8]; 8] = std::array::from_fn(|v| {
            std::array::from_fn(|x| (0..8).map(|u| basis(u, x) * coefficients[v][u]).sum())
        });
        for y in top..(top + 8).min(size[1]) {
            for x in left..(left + 8).min(size[0]) {
                let value: f64 = (0..8).map(|v| basis(v, y - top) * rows[v][x - left]).sum();
                plane.samples[y * size[0] + x] = (value + 128.0).round().clamp(0.0, 255.0) as i32;
            }
        }
    }
    plane
}

/// The plane at the picture's size.
fn enlarged(picture: &Picture, component: &Component, plane: &Plane) -> Plane {
    let factors = [picture.most_h() / component.h, picture.most_v() / component.v];
    // A triangle filter takes three parts of the nearest sample and one of the next. libjpeg repeats the samples of very
    // narrow planes.
    let is_wide = plane.size[0] > 2;
    let value = |x: isize, y: isize| -> i32 {
        let (near_x, next_x) = neighbours(x);
        let (near_y, next_y) = neighbours(y);
        match factors {
            [2, 1] if is_wide => {
                let bias = 1 + (x & 1) as i32;
                (3 * plane.at(near_x, y) + plane.at(next_x, y) + bias) >> 2
            }
            [1, 2] => {
                let bias = 1 + (y & 1) as i32;
                (3 * plane.at(x, near_y) + plane.at(x, next_y) + bias) >> 2
            }
            [2, 2] if is_wide => {
                let column = |x| 3 * plane.at(x, near_y) + plane.at(x, next_y);
                let bias = 8 - (x & 1) as i32;
                (3 * column(near_x) + column(next_x) + bias) >> 4
            }
            [across, down] => plane.at(x / across as isize, y / down as isize),
        }
    };
    let size = [picture.width, picture.height];
    let at = |i: usize| value((i % size[0]) as isize, (i / size[0]) as isize);
    Plane {
        size,
        samples: (0..size[0] * size[1]).map(at).collect(),
    }
}

/// The samples that a place at twice the resolution lies between, the nearer one first.
fn neighbours(at: isize) -> (isize, isize) {
    let near = at >> 1;
    (near, if at & 1 == 0 { near - 1 } else { near + 1 })
}

/// JFIF's conversion, and Pillow's of inks.
fn converted(colour: Colour, values: &[f64]) -> [u8; 3] {
    let byte = |value: f64| value.round().clamp(0.0, 255.0);
    let printed = |ink: f64, black: f64| byte(ink * black / 255.0);
    let rgb = |y: f64, cb: f64, cr: f64| {
        let (cb, cr) = (cb - 128.0, cr - 128.0);
        [
            byte(y + 1.402 * cr),
            byte(y - 0.344_136 * cb - 0.714_136 * cr),
            byte(y + 1.772 * cb),
        ]
    };
    let channels = match (colour, values) {
        (Colour::Grey, &[y]) => [y; 3],
        (Colour::Rgb, &[r, g, b]) => [r, g, b],
        (Colour::YCbCr, &[y, cb, cr]) => rgb(y, cb, cr),
        (Colour::Cmyk, &[c, m, y, k]) => [c, m, y].map(|ink| printed(ink, k)),
        (Colour::Ycck, &[y, cb, cr, k]) => rgb(y, cb, cr).map(|ink| printed(255.0 - ink, k)),
        _ => panic!("{colour:?} with {} components", values.len()),
    };
    channels.map(|channel| channel as u8)
}
