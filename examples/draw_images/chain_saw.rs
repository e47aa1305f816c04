//! A chain saw with an orange housing, photographed for a catalogue.

use image::RgbImage;
use tiny_skia::Path;

use crate::layer::{
    Layer, curve, ellipse, glaze, gradient, mix, polygon, polyline, reduce, rgb, rounded, scale, solid,
};
use crate::noise::fractal;

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(600, 360);
    photo.cover(|x, y| {
        let fall = 1.0 - 0.25 * ((x - 300.0) / 420.0).hypot((y - 150.0) / 300.0);
        scale(
            mix(
                rgb(0xE6E7E8),
                rgb(0xF8F8F7),
                fractal(x / 200.0, y / 200.0, 2, 100),
            ),
            fall.min(1.0),
        )
    });
    photo.shadow(
        &polygon(&[
            (40.0, 286.0),
            (560.0, 236.0),
            (570.0, 252.0),
            (250.0, 316.0),
            (60.0, 318.0),
        ]),
        9.0,
        0.5,
    );
    photo.with(|sheet| {
        bar_and_chain(sheet);
        rear_handle(sheet);
        housing(sheet);
        front_handle(sheet);
        sheet.mottle((40.0, 40.0), 0.05, 101);
    });
    reduce(&photo.develop(0.75, 0.0, 102), 430)
}

fn bar_and_chain(sheet: &mut Layer) {
    let (top, bottom) = (182.0, 226.0);
    let outline = bar(top - 6.0, bottom + 6.0, 566.0);
    sheet.fill(&outline, solid(rgb(0x2B2C2E)));
    sheet.fill(
        &bar(top, bottom, 558.0),
        gradient(
            (0.0, top),
            (0.0, bottom),
            &[(0.0, rgb(0xF2F3F4)), (0.5, rgb(0xC3C6C9)), (1.0, rgb(0x8E9295))],
        ),
    );
    for link in 0..28 {
        let x = 262.0 + 10.0 * link as f32;
        let color = if link % 2 == 0 {
            rgb(0x8F9397)
        } else {
            rgb(0x4A4D50)
        };
        sheet.fill(
            &polygon(&[
                (x, top - 4.0),
                (x + 2.0, top - 12.0),
                (x + 7.0, top - 9.0),
                (x + 9.0, top - 4.0),
            ]),
            solid(color),
        );
        sheet.fill(
            &polygon(&[
                (x, bottom + 4.0),
                (x + 3.0, bottom + 10.0),
                (x + 8.0, bottom + 12.0),
                (x + 9.0, bottom + 4.0),
            ]),
            solid(color),
        );
        for y in [top - 3.0, bottom + 3.0] {
            sheet.fill(&ellipse(x + 4.0, y, 1.5, 1.5), solid(rgb(0xC9CBCD)));
        }
    }
    for tooth in 0..7 {
        let (sin, cos) = (-1.5 + 0.5 * tooth as f32).sin_cos();
        let (x, y) = (541.0 + 26.0 * cos, 204.0 + 28.0 * sin);
        sheet.line(
            (x, y),
            (x + 7.0 * cos + 2.0 * sin, y + 7.0 * sin - 2.0 * cos),
            4.0,
            rgb(0x6C7074),
        );
    }
    sheet.fill(&ellipse(540.0, 204.0, 5.0, 5.0), solid(rgb(0x5B5E61)));
    sheet.fill(&rounded(360.0, 194.0, 104.0, 20.0, 3.0), solid(rgb(0x25272A)));
    for letter in 0..6 {
        sheet.fill(
            &rounded(370.0 + 15.0 * letter as f32, 198.0, 9.0, 12.0, 2.0),
            solid(rgb(0xE3672A)),
        );
    }
}

fn bar(top: f32, bottom: f32, tip: f32) -> Path {
    let half = 0.5 * (bottom - top);
    curve(|path| {
        path.move_to(220.0, top);
        path.line_to(tip - half, top);
        path.cubic_to(
            tip + 0.25 * half,
            top,
            tip + 0.25 * half,
            bottom,
            tip - half,
            bottom,
        );
        path.line_to(220.0, bottom);
        path.close();
    })
}

fn housing(sheet: &mut Layer) {
    let lower = polygon(&[
        (84.0, 206.0),
        (262.0, 196.0),
        (282.0, 226.0),
        (272.0, 276.0),
        (246.0, 288.0),
        (100.0, 290.0),
        (84.0, 270.0),
    ]);
    sheet.fill(
        &lower,
        gradient(
            (0.0, 196.0),
            (0.0, 290.0),
            &[(0.0, rgb(0xD9DBDC)), (0.6, rgb(0xAEB1B3)), (1.0, rgb(0x6F7274))],
        ),
    );
    let shell = curve(|path| {
        path.move_to(78.0, 216.0);
        path.cubic_to(74.0, 160.0, 92.0, 126.0, 130.0, 120.0);
        path.line_to(214.0, 116.0);
        path.cubic_to(252.0, 120.0, 270.0, 160.0, 274.0, 206.0);
        path.line_to(196.0, 214.0);
        path.line_to(180.0, 238.0);
        path.line_to(92.0, 240.0);
        path.close();
    });
    sheet.fill(
        &shell,
        gradient(
            (120.0, 116.0),
            (180.0, 240.0),
            &[(0.0, rgb(0xFF9A4A)), (0.35, rgb(0xF26A1B)), (1.0, rgb(0xB84408))],
        ),
    );
    sheet.stroke(&shell, 1.5, solid(rgb(0x7A2C05)));
    let gloss = curve(|path| {
        path.move_to(100.0, 160.0);
        path.cubic_to(112.0, 134.0, 140.0, 130.0, 208.0, 127.0);
    });
    sheet.stroke(&gloss, 5.0, glaze([1.0, 0.95, 0.85], 0.55));
    for fin in 0..7 {
        let x = 112.0 + 11.0 * fin as f32;
        sheet.line((x, 172.0), (x - 6.0, 214.0), 4.5, rgb(0x4A1D06));
    }
    sheet.fill(&rounded(206.0, 150.0, 48.0, 24.0, 4.0), solid(rgb(0xF7F6F2)));
    sheet.line((212.0, 158.0), (248.0, 158.0), 4.0, rgb(0x222427));
    sheet.line((212.0, 167.0), (238.0, 167.0), 3.0, rgb(0xC63B1E));
    // Cover of the sprocket with its two nuts.
    sheet.fill(
        &rounded(196.0, 206.0, 84.0, 68.0, 16.0),
        gradient(
            (0.0, 206.0),
            (0.0, 274.0),
            &[(0.0, rgb(0x55585B)), (1.0, rgb(0x1F2123))],
        ),
    );
    for x in [226.0, 250.0] {
        sheet.fill(&ellipse(x, 240.0, 7.0, 7.0), solid(rgb(0x101112)));
        sheet.fill(
            &ellipse(x, 239.0, 5.5, 5.5),
            gradient(
                (x - 5.0, 234.0),
                (x + 5.0, 244.0),
                &[(0.0, rgb(0xF3F4F5)), (1.0, rgb(0x7A7D80))],
            ),
        );
    }
    // Starter cover and fuel cap.
    sheet.fill(&ellipse(134.0, 258.0, 17.0, 17.0), solid(rgb(0x2A2C2E)));
    sheet.fill(&ellipse(134.0, 258.0, 11.0, 11.0), solid(rgb(0x4B4E51)));
    sheet.line((126.0, 258.0), (142.0, 258.0), 4.0, rgb(0x1A1B1C));
    for tooth in 0..4 {
        let y = 214.0 + 14.0 * tooth as f32;
        sheet.fill(
            &polygon(&[(274.0, y), (292.0, y + 5.0), (274.0, y + 11.0)]),
            solid(rgb(0x55585B)),
        );
    }
}

fn rear_handle(sheet: &mut Layer) {
    let black = [0x0B0C0D, 0x2A2C2E, 0x85888B].map(rgb);
    let grip = curve(|path| {
        path.move_to(110.0, 166.0);
        path.cubic_to(64.0, 160.0, 30.0, 178.0, 22.0, 220.0);
        path.cubic_to(18.0, 256.0, 34.0, 284.0, 100.0, 280.0);
    });
    sheet.tube(&grip, 26.0, black);
    sheet.tube(
        &polyline(&[(52.0, 190.0), (46.0, 214.0)]),
        8.0,
        [0x5A1A0A, 0xC8401C, 0xFFA080].map(rgb),
    );
}

fn front_handle(sheet: &mut Layer) {
    let black = [0x0B0C0D, 0x2A2C2E, 0x85888B].map(rgb);
    let bow = curve(|path| {
        path.move_to(152.0, 236.0);
        path.cubic_to(140.0, 180.0, 140.0, 110.0, 168.0, 76.0);
        path.cubic_to(190.0, 58.0, 220.0, 70.0, 232.0, 96.0);
        path.line_to(252.0, 196.0);
    });
    sheet.tube(&bow, 16.0, black);
    let guard = polygon(&[
        (236.0, 74.0),
        (258.0, 58.0),
        (276.0, 84.0),
        (284.0, 150.0),
        (268.0, 154.0),
        (258.0, 104.0),
    ]);
    sheet.fill(
        &guard,
        gradient(
            (236.0, 58.0),
            (284.0, 154.0),
            &[(0.0, rgb(0x4A4D50)), (1.0, rgb(0x141516))],
        ),
    );
}
