//! A French horn of polished brass in front of dark cloth.

use image::RgbImage;
use tiny_skia::Path;

use crate::layer::{Layer, Rgb, curve, ellipse, mix, polyline, rgb, rounded, scale, smoothstep, solid};
use crate::noise::fractal;

const BRASS: [u32; 3] = [0x4A2E0C, 0xC08A2C, 0xFFF0B8];
const NICKEL: [u32; 3] = [0x4A4840, 0xB8B4A6, 0xFFFFFF];

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(500, 460);
    photo.cover(|x, y| {
        let fold = fractal(x / 120.0, y / 200.0, 4, 90);
        let light = 1.0 - ((x - 240.0) / 420.0).hypot((y - 180.0) / 380.0);
        scale(
            mix(rgb(0x1A1020), rgb(0x4A2030), fold),
            0.25 + 1.1 * light.max(0.0),
        )
    });
    let brass = BRASS.map(rgb);
    photo.with(|sheet| {
        coil(sheet, brass);
        slides(sheet, brass);
        valves(sheet);
    });
    photo.with(|sheet| bell(sheet, (352.0, 318.0), 122.0));
    photo.with(|sheet| leadpipe(sheet, brass));
    photo.develop(0.75, 0.02, 91)
}

/// The rings of the main tube, back to front, narrowing.
fn coil(sheet: &mut Layer, brass: [Rgb; 3]) {
    for (radius, width, shift) in [(150.0, 20.0, 0.0), (132.0, 15.0, 5.0), (112.0, 12.0, 10.0)] {
        let ring = ellipse(222.0 + shift, 218.0 - 0.5 * shift, radius, radius);
        sheet.shadow(
            &ellipse(222.0 + shift, 226.0, radius - 8.0, radius - 8.0),
            4.0,
            0.12,
        );
        sheet.tube(&ring, width, brass);
    }
    // From the coil into the bell's throat.
    let throat = curve(|path| {
        path.move_to(76.0, 250.0);
        path.cubic_to(90.0, 380.0, 220.0, 420.0, 320.0, 350.0);
    });
    for (width, part) in [(30.0, 0.0), (24.0, 0.5)] {
        sheet.tube(
            &throat,
            width,
            brass.map(|color| mix(color, brass[1], 0.2 * part)),
        );
    }
}

/// Tuning slides: pairs of straight tubes with round ends.
fn slides(sheet: &mut Layer, brass: [Rgb; 3]) {
    for (index, (x, y)) in [(150.0, 150.0), (176.0, 138.0), (202.0, 130.0)]
        .into_iter()
        .enumerate()
    {
        let length = 120.0 + 12.0 * index as f32;
        sheet.tube(&hairpin((x, y), 22.0, length), 8.5, brass);
        sheet.tube(
            &polyline(&[(x, y + 0.45 * length), (x, y + 0.62 * length)]),
            10.5,
            NICKEL.map(rgb),
        );
        sheet.tube(
            &polyline(&[(x + 22.0, y + 0.45 * length), (x + 22.0, y + 0.62 * length)]),
            10.5,
            NICKEL.map(rgb),
        );
    }
    for (x, y, length) in [(244.0, 120.0, 90.0), (268.0, 126.0, 76.0)] {
        sheet.tube(&hairpin((x, y), 18.0, length), 8.0, brass);
    }
}

fn hairpin((x, y): (f32, f32), gap: f32, length: f32) -> Path {
    curve(|path| {
        path.move_to(x, y + length);
        path.line_to(x, y);
        path.cubic_to(x, y - 0.7 * gap, x + gap, y - 0.7 * gap, x + gap, y);
        path.line_to(x + gap, y + length);
    })
}

fn valves(sheet: &mut Layer) {
    let nickel = NICKEL.map(rgb);
    for index in 0..3 {
        let (x, y) = (168.0 + 42.0 * index as f32, 262.0 - 9.0 * index as f32);
        sheet.tube(&polyline(&[(x, y - 16.0), (x, y + 16.0)]), 30.0, BRASS.map(rgb));
        sheet.fill(&ellipse(x, y - 20.0, 17.0, 9.0), solid(rgb(0x6E5522)));
        sheet.fill(&ellipse(x - 1.0, y - 22.0, 15.0, 7.5), solid(rgb(0xE2C36C)));
        sheet.fill(&ellipse(x - 3.0, y - 23.0, 6.0, 3.0), solid(rgb(0xFFF6D8)));
        // Levers towards the player's fingers.
        let lever = polyline(&[(x - 8.0, y + 20.0), (x - 48.0, y + 48.0), (x - 74.0, y + 44.0)]);
        sheet.tube(&lever, 6.0, nickel);
        sheet.fill(
            &rounded(x - 90.0, y + 38.0, 24.0, 10.0, 5.0),
            solid(rgb(0xD9D6CC)),
        );
    }
}

/// The flare seen from the front: polished rings that mirror the room, and a dark throat.
fn bell(sheet: &mut Layer, (cx, cy): (f32, f32), radius: f32) {
    sheet.each(|x, y, color, _| {
        let (u, v) = ((x - cx) / radius, (y - cy) / (0.93 * radius));
        let distance = u.hypot(v);
        let edge = smoothstep(1.0, 0.985, distance);
        if edge == 0.0 {
            return (color, 0.0);
        }
        (mirror(u, v, distance), edge)
    });
    let rim = ellipse(cx, cy, radius - 2.5, 0.93 * radius - 2.5);
    sheet.tube(&rim, 7.0, BRASS.map(rgb));
}

fn mirror(u: f32, v: f32, distance: f32) -> Rgb {
    let angle = v.atan2(u);
    // The room's lights smear into wedges, turning a little towards the throat.
    let turned = angle + 0.8 * distance;
    let wedge = |at: f32, width: f32| {
        let apart =
            (turned - at + std::f32::consts::PI).rem_euclid(std::f32::consts::TAU) - std::f32::consts::PI;
        smoothstep(width, 0.0, apart.abs())
    };
    let bright = wedge(-1.7, 0.8) + 0.6 * wedge(1.2, 0.5) + 0.35 * wedge(2.9, 0.4);
    let dark = wedge(0.2, 0.7) + 0.7 * wedge(-2.9, 0.5);
    let rings = 0.5
        + 0.5
            * (distance * 24.0 + 1.5 * fractal(3.0 * angle.cos() + 4.0, 3.0 * angle.sin() + 4.0, 3, 92))
                .sin();
    let mut color = mix(rgb(0xA87020), rgb(0xE8B64C), 0.35 + 0.25 * rings);
    color = mix(color, rgb(0x3A1F08), 0.75 * dark);
    color = mix(color, rgb(0xFFF3C4), 0.85 * bright.min(1.0));
    let throat = smoothstep(0.52, 0.12, distance);
    mix(color, rgb(0x120A04), throat)
}

fn leadpipe(sheet: &mut Layer, brass: [Rgb; 3]) {
    let pipe = curve(|path| {
        path.move_to(60.0, 40.0);
        path.cubic_to(110.0, 86.0, 150.0, 92.0, 220.0, 84.0);
        path.cubic_to(280.0, 78.0, 340.0, 100.0, 362.0, 160.0);
    });
    sheet.tube(&pipe, 8.0, brass);
    sheet.tube(&polyline(&[(34.0, 18.0), (64.0, 44.0)]), 11.0, NICKEL.map(rgb));
    sheet.tube(&polyline(&[(26.0, 10.0), (32.0, 16.0)]), 17.0, NICKEL.map(rgb));
}
