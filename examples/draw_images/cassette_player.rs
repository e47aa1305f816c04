//! A portable cassette player with radio, lying on a wooden table: window with the tape's reels, keys, loudspeaker.

use image::RgbImage;

use crate::layer::{Layer, ellipse, glaze, gradient, mix, polygon, polyline, reduce, rgb, rounded, solid};
use crate::noise::fractal;

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(480, 360);
    table(&mut photo);
    photo.shadow(&rounded(58.0, 76.0, 386.0, 254.0, 10.0), 9.0, 0.75);
    photo.with(|sheet| {
        case(sheet);
        sheet.mottle((90.0, 60.0), 0.05, 62);
    });
    photo.with(|sheet| {
        loudspeaker(sheet);
        cassette_bay(sheet);
        keys(sheet);
        tuner(sheet);
    });
    reduce(&photo.develop(0.75, 0.0, 63), 344)
}

fn table(photo: &mut Layer) {
    photo.cover(|x, y| {
        let bend = 9.0 * fractal(x / 160.0, y / 60.0, 2, 60);
        let grain = fractal(x / 90.0, (y + bend) / 2.6, 4, 61);
        mix(rgb(0x4F2C17), rgb(0x9A6238), 1.3 * grain - 0.15)
    });
}

fn case(sheet: &mut Layer) {
    sheet.fill(
        &rounded(46.0, 58.0, 388.0, 262.0, 14.0),
        gradient(
            (46.0, 58.0),
            (434.0, 320.0),
            &[(0.0, rgb(0x55585C)), (0.5, rgb(0x2C2E31)), (1.0, rgb(0x191A1C))],
        ),
    );
    sheet.fill(
        &rounded(54.0, 66.0, 372.0, 244.0, 9.0),
        gradient(
            (54.0, 66.0),
            (426.0, 310.0),
            &[(0.0, rgb(0xD2D4D5)), (0.45, rgb(0xA9ACAE)), (1.0, rgb(0x86898B))],
        ),
    );
    sheet.fill(
        &rounded(54.0, 66.0, 372.0, 56.0, 9.0),
        gradient(
            (0.0, 66.0),
            (0.0, 122.0),
            &[(0.0, rgb(0x34363A)), (1.0, rgb(0x17181A))],
        ),
    );
}

fn loudspeaker(sheet: &mut Layer) {
    sheet.fill(&rounded(66.0, 132.0, 138.0, 168.0, 6.0), solid(rgb(0x1D1E20)));
    sheet.fill(
        &ellipse(135.0, 214.0, 62.0, 62.0),
        gradient(
            (80.0, 160.0),
            (190.0, 270.0),
            &[(0.0, rgb(0x2A2C2E)), (1.0, rgb(0x0D0E0F))],
        ),
    );
    sheet.fill(
        &ellipse(135.0, 214.0, 22.0, 22.0),
        gradient(
            (115.0, 194.0),
            (155.0, 234.0),
            &[(0.0, rgb(0x5A5D60)), (1.0, rgb(0x1C1D1F))],
        ),
    );
    for row in 0..27 {
        for column in 0..22 {
            let x = 70.0 + 6.0 * column as f32 + 3.0 * (row % 2) as f32;
            let y = 137.0 + 6.0 * row as f32;
            sheet.fill(&ellipse(x, y, 1.9, 1.9), glaze([0.02, 0.02, 0.02], 0.9));
            sheet.fill(
                &ellipse(x + 2.8, y + 1.2, 1.1, 1.1),
                glaze([0.62, 0.64, 0.66], 0.55),
            );
        }
    }
    sheet.stroke(
        &rounded(66.0, 132.0, 138.0, 168.0, 6.0),
        2.0,
        solid(rgb(0xD8DADB)),
    );
}

/// The lid with its window, and the cassette behind it.
fn cassette_bay(sheet: &mut Layer) {
    sheet.fill(&rounded(216.0, 132.0, 200.0, 122.0, 6.0), solid(rgb(0x232528)));
    sheet.stroke(
        &rounded(216.0, 132.0, 200.0, 122.0, 6.0),
        1.6,
        solid(rgb(0xE3E4E5)),
    );
    sheet.fill(
        &rounded(228.0, 142.0, 176.0, 102.0, 5.0),
        gradient(
            (228.0, 142.0),
            (404.0, 244.0),
            &[(0.0, rgb(0xE9E5D8)), (1.0, rgb(0xC3BDAC))],
        ),
    );
    sheet.fill(&rounded(238.0, 150.0, 156.0, 24.0, 2.0), solid(rgb(0xFBF9F2)));
    sheet.fill(&rounded(238.0, 150.0, 156.0, 6.0, 1.0), solid(rgb(0xC8402F)));
    sheet.line((246.0, 163.0), (330.0, 163.0), 1.6, rgb(0x39424F));
    sheet.line((246.0, 169.0), (360.0, 169.0), 1.0, rgb(0x9AA0A6));
    sheet.fill(&rounded(256.0, 180.0, 120.0, 44.0, 20.0), solid(rgb(0x3A2C22)));
    for (x, wound) in [(284.0, 21.0), (348.0, 15.0)] {
        sheet.fill(&ellipse(x, 202.0, wound, wound), solid(rgb(0x1B120D)));
        sheet.fill(&ellipse(x, 202.0, 13.0, 13.0), solid(rgb(0xF4F2EC)));
        sheet.fill(&ellipse(x, 202.0, 8.5, 8.5), solid(rgb(0x2A2B2D)));
        for tooth in 0..6 {
            let (sin, cos) = (std::f32::consts::TAU * (tooth as f32 + 0.3) / 6.0).sin_cos();
            sheet.line(
                (x + 5.0 * cos, 202.0 + 5.0 * sin),
                (x + 9.5 * cos, 202.0 + 9.5 * sin),
                3.0,
                rgb(0xF4F2EC),
            );
        }
    }
    sheet.fill(&rounded(302.0, 188.0, 28.0, 28.0, 2.0), solid(rgb(0x6B5646)));
    sheet.fill(
        &polygon(&[(262.0, 244.0), (272.0, 228.0), (360.0, 228.0), (370.0, 244.0)]),
        solid(rgb(0xA9A392)),
    );
    // Reflection in the window.
    sheet.fill(
        &polygon(&[(232.0, 240.0), (290.0, 136.0), (330.0, 136.0), (272.0, 240.0)]),
        glaze([1.0; 3], 0.16),
    );
    sheet.fill(
        &polygon(&[
            (350.0, 240.0),
            (398.0, 150.0),
            (404.0, 150.0),
            (404.0, 168.0),
            (366.0, 240.0),
        ]),
        glaze([1.0; 3], 0.12),
    );
}

fn keys(sheet: &mut Layer) {
    sheet.fill(&rounded(214.0, 262.0, 204.0, 42.0, 4.0), solid(rgb(0x131415)));
    for key in 0..6 {
        let x = 218.0 + 33.5 * key as f32;
        let top = if key == 0 { rgb(0xC23A30) } else { rgb(0x63666A) };
        sheet.fill(
            &rounded(x, 265.0, 29.5, 36.0, 3.0),
            gradient(
                (0.0, 265.0),
                (0.0, 301.0),
                &[
                    (0.0, top),
                    (0.7, mix(top, [0.0; 3], 0.45)),
                    (1.0, mix(top, [0.0; 3], 0.7)),
                ],
            ),
        );
        sheet.line((x + 3.0, 266.5), (x + 26.0, 266.5), 1.2, rgb(0xB5B8BB));
        let (cx, cy) = (x + 14.7, 285.0);
        let arrow = |direction: f32, shift: f32| {
            polygon(&[
                (cx + shift - 4.0 * direction, cy - 5.0),
                (cx + shift + 4.0 * direction, cy),
                (cx + shift - 4.0 * direction, cy + 5.0),
            ])
        };
        let ink = solid(rgb(0xEDEEEE));
        match key {
            0 => sheet.fill(&ellipse(cx, cy, 4.5, 4.5), ink),
            1 => sheet.fill(&arrow(1.0, 0.0), ink),
            2 => [-4.0, 4.0]
                .into_iter()
                .for_each(|shift| sheet.fill(&arrow(-1.0, shift), solid(rgb(0xEDEEEE)))),
            3 => [-4.0, 4.0]
                .into_iter()
                .for_each(|shift| sheet.fill(&arrow(1.0, shift), solid(rgb(0xEDEEEE)))),
            4 => sheet.fill(&rounded(cx - 4.5, cy - 4.5, 9.0, 9.0, 0.5), ink),
            _ => [-3.0, 3.0].into_iter().for_each(|shift| {
                sheet.line((cx + shift, cy - 4.0), (cx + shift, cy + 4.0), 2.6, rgb(0xEDEEEE))
            }),
        }
    }
}

fn tuner(sheet: &mut Layer) {
    sheet.fill(
        &rounded(150.0, 76.0, 186.0, 36.0, 3.0),
        gradient(
            (0.0, 76.0),
            (0.0, 112.0),
            &[(0.0, rgb(0x0C1216)), (1.0, rgb(0x24313A))],
        ),
    );
    for mark in 0..30 {
        let x = 158.0 + 5.9 * mark as f32;
        let long = if mark % 5 == 0 { 9.0 } else { 5.0 };
        sheet.line((x, 84.0), (x, 84.0 + long), 1.0, rgb(0xDDE6D0));
        sheet.line((x, 106.0), (x, 106.0 - 0.8 * long), 1.0, rgb(0xB9D2C0));
    }
    sheet.line((248.0, 80.0), (248.0, 109.0), 2.2, rgb(0xE4472F));
    for (x, radius) in [(96.0, 21.0), (372.0, 20.0), (408.0, 11.0)] {
        sheet.fill(&ellipse(x + 2.0, 96.0, radius, radius), glaze([0.0; 3], 0.5));
        sheet.fill(
            &ellipse(x, 94.0, radius, radius),
            gradient(
                (x - radius, 94.0 - radius),
                (x + radius, 94.0 + radius),
                &[(0.0, rgb(0xE9EAEB)), (1.0, rgb(0x4C4F52))],
            ),
        );
        sheet.fill(
            &ellipse(x, 94.0, 0.78 * radius, 0.78 * radius),
            gradient(
                (x - radius, 94.0 - radius),
                (x + radius, 94.0 + radius),
                &[(0.0, rgb(0x8B8E91)), (0.5, rgb(0xC9CBCD)), (1.0, rgb(0x7B7E81))],
            ),
        );
        sheet.stroke(
            &polyline(&[(x, 94.0), (x + 0.5 * radius, 94.0 - 0.55 * radius)]),
            2.4,
            solid(rgb(0x222426)),
        );
    }
}
