//! A golf ball on mown grass, out of a low camera with little depth of field.

use image::RgbImage;

use crate::layer::{Layer, Rgb, ellipse, mix, rgb, scale, smoothstep};
use crate::nature::blades;
use crate::noise::fractal;

const DIMPLES: usize = 380;
/// Angle from a dimple's centre to its rim, radians.
const DIMPLE_RADIUS: f32 = 0.092;
/// Direction to the sun: from the upper left, a little towards the camera.
const SUN: [f32; 3] = [-0.48, -0.72, 0.50];

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(480, 400);
    let (width, height) = (photo.width(), photo.height());
    let (dark, light) = (rgb(0x3A6B1E), rgb(0x8DBB4A));
    // Far grass is out of focus; it sharpens towards the ball.
    photo.cover(|x, y| {
        let depth = y / height;
        let size = 60.0 - 40.0 * depth;
        let noise = fractal(x / size, y / (0.4 * size), 3, 11);
        let far = mix(rgb(0x2F5524), rgb(0x5C8A3C), depth * 1.6);
        scale(mix(far, light, noise * depth), 0.75 + 0.5 * noise)
    });
    photo.blur(5.0);
    blades(
        &mut photo,
        (0.56 * height, 0.74 * height),
        1500,
        16.0,
        (dark, light),
        12,
    );
    photo.blur(1.2);
    blades(
        &mut photo,
        (0.70 * height, 0.86 * height),
        1800,
        22.0,
        (dark, light),
        13,
    );

    let (cx, cy, radius) = (0.5 * width, 0.50 * height, 0.30 * height);
    photo.shadow(
        &ellipse(
            cx + 0.55 * radius,
            cy + 0.93 * radius,
            1.15 * radius,
            0.22 * radius,
        ),
        7.0,
        0.75,
    );
    photo.with(|sheet| ball(sheet, (cx, cy), radius));
    blades(
        &mut photo,
        (0.80 * height, 0.90 * height),
        500,
        24.0,
        (dark, light),
        14,
    );
    blades(
        &mut photo,
        (0.88 * height, 1.08 * height),
        1500,
        34.0,
        (scale(dark, 0.9), light),
        15,
    );
    photo.develop(0.75, 0.02, 16)
}

/// A sphere with dimples: each pixel's normal is tilted by the dimple that it lies in, then lit.
pub fn ball(sheet: &mut Layer, (cx, cy): (f32, f32), radius: f32) {
    let dimples = dimple_centers();
    sheet.each(|x, y, color, _| {
        let (u, v) = ((x - cx) / radius, (y - cy) / radius);
        let distance = u.hypot(v);
        if distance >= 1.0 + 0.5 / radius {
            return (color, 0.0);
        }
        let edge = smoothstep(1.0 + 0.5 / radius, 1.0 - 0.5 / radius, distance);
        let normal = [u, v, (1.0 - distance * distance).max(0.0).sqrt()];
        (shade(normal, &dimples), edge)
    });
}

fn shade(normal: [f32; 3], dimples: &[[f32; 3]]) -> Rgb {
    let nearest = dimples
        .iter()
        .max_by(|one, other| dot(**one, normal).total_cmp(&dot(**other, normal)));
    let mut tilted = normal;
    let mut hollow = 0.0;
    if let Some(&center) = nearest {
        let angle = dot(center, normal).clamp(-1.0, 1.0).acos();
        if angle < DIMPLE_RADIUS {
            // The slope is nothing in the middle, steepest before the rim: a shallow bowl.
            let share = angle / DIMPLE_RADIUS;
            let slope = 0.62 * share * smoothstep(1.0, 0.75, share);
            let outwards: [f32; 3] =
                std::array::from_fn(|axis| (center[axis] - normal[axis]) / angle.max(1e-4));
            tilted = unit(std::array::from_fn(|axis| normal[axis] + slope * outwards[axis]));
            hollow = 1.0 - share;
        }
    }
    let sun = unit(SUN);
    let direct = dot(tilted, sun).max(0.0);
    let half = unit([sun[0], sun[1], sun[2] + 1.0]);
    let gloss = dot(tilted, half).max(0.0).powf(60.0);
    let from_sky = 0.5 - 0.5 * tilted[1];
    let ambient = mix(rgb(0x5F7A3A), rgb(0xA9B8CC), from_sky);
    let ground = smoothstep(0.35, 1.0, normal[1]);
    let white = std::array::from_fn(|channel| {
        0.50 * ambient[channel] + 0.68 * direct * [1.0, 0.985, 0.95][channel] + 0.25 * gloss - 0.03 * hollow
    });
    mix(white, scale(rgb(0x6C8248), 0.75), 0.45 * ground)
}

/// Points spread evenly over the sphere along a spiral of the golden angle.
fn dimple_centers() -> Vec<[f32; 3]> {
    let golden = std::f32::consts::PI * (3.0 - 5f32.sqrt());
    (0..DIMPLES)
        .map(|index| {
            let height = 1.0 - 2.0 * (index as f32 + 0.5) / DIMPLES as f32;
            let (ring, turn) = ((1.0 - height * height).sqrt(), golden * index as f32);
            // Tilted, so that the spiral's pole is not in view.
            let (x, y, z) = (ring * turn.cos(), height, ring * turn.sin());
            let (sin, cos) = 0.9f32.sin_cos();
            [cos * x - sin * y, sin * x + cos * y, z]
        })
        .collect()
}

fn dot(one: [f32; 3], other: [f32; 3]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn unit(vector: [f32; 3]) -> [f32; 3] {
    let length = dot(vector, vector).sqrt();
    vector.map(|part| part / length)
}
