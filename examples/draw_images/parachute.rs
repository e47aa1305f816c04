//! A round parachute with coloured gores under a blue sky, its jumper small below it.

use image::RgbImage;
use tiny_skia::Path;

use crate::layer::{Layer, Rgb, curve, ellipse, gradient, mix, polyline, rgb, rounded, scale, solid};
use crate::nature::sky;

const GORES: usize = 14;

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(420, 560);
    sky(&mut photo, rgb(0x2F6FC0), rgb(0x9CC4EA), 0.35, 21);
    let (cx, top, skirt, radius) = (205.0, 70.0, 215.0, 150.0);
    let jumper = (215.0, 440.0);
    photo.with(|sheet| {
        for gore in 0..=GORES {
            let (x, y) = hem(cx, skirt, radius, gore as f32 / GORES as f32);
            let width = if gore % 2 == 0 { 1.2 } else { 0.8 };
            sheet.line(
                (x, y),
                (jumper.0 + 0.05 * (x - cx), jumper.1 - 20.0),
                width,
                rgb(0xE8ECF0),
            );
        }
        inside(sheet, cx, skirt, radius);
        for gore in 0..GORES {
            canopy_gore(sheet, (cx, top, skirt, radius), gore);
        }
        sheet.mottle((30.0, 30.0), 0.08, 22);
    });
    photo.with(|sheet| draw_jumper(sheet, jumper));
    photo.develop(0.75, 0.018, 23)
}

/// Point of the canopy's lower edge; 0 is left, 1 right, and the edge bulges towards the camera.
fn hem(cx: f32, skirt: f32, radius: f32, share: f32) -> (f32, f32) {
    let angle = std::f32::consts::PI * share;
    (cx - radius * angle.cos(), skirt + 0.16 * radius * angle.sin())
}

/// The far side of the lining, seen between the hem and its shadow.
fn inside(sheet: &mut Layer, cx: f32, skirt: f32, radius: f32) {
    let lining = ellipse(cx, skirt, radius, 0.17 * radius);
    sheet.fill(
        &lining,
        gradient(
            (cx - radius, 0.0),
            (cx + radius, 0.0),
            &[(0.0, rgb(0x5A1C1C)), (1.0, rgb(0x8E3A30))],
        ),
    );
}

fn canopy_gore(sheet: &mut Layer, (cx, top, skirt, radius): (f32, f32, f32, f32), gore: usize) {
    let (from, to) = (gore as f32 / GORES as f32, (gore + 1) as f32 / GORES as f32);
    let outline = gore_path((cx, top, skirt, radius), from, to);
    let palette: [Rgb; 4] = [rgb(0xD6262B), rgb(0xF4F2EC), rgb(0x1F4FA8), rgb(0xF2C230)];
    let middle = 0.5 * (from + to);
    // Sun from the left: gores darken to the right, and each is brightest on its crown.
    let light = 1.08 - 0.45 * middle;
    let base = scale(palette[gore % palette.len()], light);
    let (left, _) = hem(cx, skirt, radius, from);
    let (right, _) = hem(cx, skirt, radius, to);
    let stops = [
        (0.0, scale(base, 0.82)),
        (0.45, mix(base, [1.0; 3], 0.12)),
        (1.0, scale(base, 0.72)),
    ];
    sheet.fill(&outline, gradient((left, skirt), (right, skirt), &stops));
    sheet.stroke(&outline, 0.8, solid(scale(base, 0.55)));
}

fn gore_path((cx, top, skirt, radius): (f32, f32, f32, f32), from: f32, to: f32) -> Path {
    let (left, right) = (hem(cx, skirt, radius, from), hem(cx, skirt, radius, to));
    let middle = hem(cx, skirt, radius, 0.5 * (from + to));
    let bulge = 0.55;
    curve(|path| {
        path.move_to(cx, top);
        path.cubic_to(
            cx + bulge * (left.0 - cx),
            top,
            left.0,
            top + 0.35 * (skirt - top),
            left.0,
            left.1,
        );
        path.quad_to(middle.0, middle.1 - 10.0, right.0, right.1);
        path.cubic_to(
            right.0,
            top + 0.35 * (skirt - top),
            cx + bulge * (right.0 - cx),
            top,
            cx,
            top,
        );
        path.close();
    })
}

fn draw_jumper(sheet: &mut Layer, (x, y): (f32, f32)) {
    let suit = rgb(0x2A2E3A);
    for side in [-1.0, 1.0] {
        let arm = polyline(&[
            (x + 5.0 * side, y),
            (x + 12.0 * side, y - 10.0),
            (x + 8.0 * side, y - 24.0),
        ]);
        sheet.stroke(&arm, 5.0, solid(scale(suit, 1.2)));
        let leg = polyline(&[
            (x + 3.0 * side, y + 22.0),
            (x + 7.0 * side, y + 38.0),
            (x + 5.0 * side, y + 56.0),
        ]);
        sheet.stroke(&leg, 7.0, solid(rgb(0x39424F)));
        sheet.fill(&ellipse(x + 6.0 * side, y + 58.0, 5.0, 3.0), solid(rgb(0x14161A)));
    }
    sheet.fill(&rounded(x - 9.0, y - 4.0, 18.0, 30.0, 6.0), solid(suit));
    sheet.fill(&rounded(x - 6.0, y - 2.0, 12.0, 20.0, 4.0), solid(rgb(0xA02A26)));
    sheet.fill(&ellipse(x, y - 11.0, 6.0, 7.0), solid(rgb(0xD9D9DC)));
    sheet.fill(&ellipse(x, y - 9.0, 4.0, 4.0), solid(rgb(0xC59A7E)));
}
