//! What stands around the subject: sky, clouds, grass, trees.

use crate::layer::{Layer, Rgb, curve, mix, rgb, scale, smoothstep, solid};
use crate::noise::{Scatter, fractal, smooth};

/// A sky that pales towards the horizon, with fractal clouds. `cover` 0 is clear, 1 nearly overcast.
pub fn sky(photo: &mut Layer, zenith: Rgb, horizon: Rgb, cover: f32, seed: u32) {
    let (width, height) = (photo.width(), photo.height());
    photo.cover(|x, y| {
        let blue = mix(zenith, horizon, y / height);
        // Clouds are wider than high, and flatter towards the horizon.
        let (u, v) = (x / width * 4.0, y / height * 6.5);
        let density = fractal(u, v, 6, seed);
        let cloud = smoothstep(0.72 - 0.35 * cover, 0.95 - 0.3 * cover, density);
        let lit = fractal(u + 0.12, v + 0.2, 6, seed) < density;
        let white = if lit { rgb(0xF7F8FA) } else { rgb(0xE2E6EC) };
        mix(blue, white, 0.9 * cloud)
    });
}

/// Mown grass below `top`, seen from a low camera: coarser towards the bottom.
pub fn lawn(photo: &mut Layer, top: f32, dark: Rgb, light: Rgb, seed: u32) {
    let height = photo.height();
    photo.with(|sheet| {
        sheet.each(|x, y, color, _| {
            if y < top {
                return (color, 0.0);
            }
            let depth = ((y - top) / (height - top)).max(0.02);
            let size = 1.0 + 3.0 * depth;
            let fine = fractal(x / size, (y - top).sqrt() * 14.0 / size, 3, seed);
            let coarse = fractal(x / (40.0 * size), y / (10.0 * size), 3, seed + 9);
            (mix(dark, light, 0.75 * fine + 0.6 * coarse - 0.2), 1.0)
        });
    });
}

/// Single blades with their roots between `top` and `bottom`, back to front.
pub fn blades(
    photo: &mut Layer,
    (top, bottom): (f32, f32),
    count: usize,
    length: f32,
    colors: (Rgb, Rgb),
    seed: u32,
) {
    let mut scatter = Scatter::new(seed);
    let width = photo.width();
    photo.with(|sheet| {
        for index in 0..count {
            let depth = index as f32 / count as f32;
            let y = top + depth * (bottom - top) + scatter.between(-4.0, 4.0);
            let x = scatter.between(-10.0, width + 10.0);
            let long = length * scatter.between(0.5, 1.2) * (0.6 + 0.6 * depth);
            let (bend, wide) = (
                scatter.between(-0.5, 0.5) * long,
                (0.8 + 1.4 * depth) * scatter.between(0.7, 1.3),
            );
            let color = scale(
                mix(colors.0, colors.1, scatter.between(0.0, 1.0)),
                scatter.between(0.8, 1.15),
            );
            let blade = curve(|path| {
                path.move_to(x - wide, y);
                path.quad_to(x - 0.5 * wide + 0.2 * bend, y - 0.6 * long, x + bend, y - long);
                path.quad_to(x + wide + 0.2 * bend, y - 0.6 * long, x + wide, y);
                path.close();
            });
            sheet.fill(&blade, solid(color));
        }
    });
}

/// Foliage in a band: ragged at the top, lit from above, with dark gaps.
pub fn foliage(photo: &mut Layer, (crest, foot): (f32, f32), roughness: f32, colors: (Rgb, Rgb), seed: u32) {
    photo.with(|sheet| {
        sheet.each(|x, y, color, _| {
            let edge = crest
                + roughness * (fractal(x / 70.0, 0.3, 5, seed) - 0.5) * 2.0
                + 8.0 * (smooth(x / 5.0, y / 5.0, seed + 5) - 0.5);
            if y < edge || y > foot {
                return (color, 0.0);
            }
            (leaves(x, y, colors, seed), 1.0)
        });
    });
}

/// A round tree crown.
pub fn crown(photo: &mut Layer, (cx, cy): (f32, f32), (rx, ry): (f32, f32), colors: (Rgb, Rgb), seed: u32) {
    photo.with(|sheet| {
        sheet.each(|x, y, color, _| {
            let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
            let ragged = 0.55 * (fractal(x / (0.35 * rx), y / (0.35 * ry), 5, seed) - 0.5);
            if dx.hypot(dy) + ragged > 0.95 {
                return (color, 0.0);
            }
            let light = 0.95 - 0.25 * dy - 0.2 * dx;
            (scale(leaves(x, y, colors, seed), light), 1.0)
        });
    });
}

fn leaves(x: f32, y: f32, (dark, light): (Rgb, Rgb), seed: u32) -> Rgb {
    let clumps = fractal(x / 26.0, y / 20.0, 3, seed + 20);
    let single = fractal(x / 3.5, y / 3.0, 2, seed + 40);
    mix(dark, light, 1.7 * clumps + 0.8 * single - 0.85)
}
