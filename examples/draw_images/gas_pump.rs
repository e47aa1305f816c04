//! A red and white petrol pump on its island, a station out of focus behind it.

use image::RgbImage;

use crate::layer::{
    Layer, Rgb, curve, ellipse, glaze, gradient, polygon, polyline, rgb, rounded, scale, solid,
};
use crate::nature::{foliage, sky};

const RUBBER: [u32; 3] = [0x0B0B0D, 0x26272A, 0x6A6C70];

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(440, 560);
    background(&mut photo);
    photo.blur(3.0);
    photo.shadow(&ellipse(262.0, 520.0, 150.0, 16.0), 7.0, 0.6);
    photo.with(|sheet| {
        cabinet(sheet);
        sheet.mottle((60.0, 80.0), 0.07, 42);
        sheet.mottle((5.0, 14.0), 0.03, 43);
    });
    photo.with(|sheet| {
        display(sheet);
        lower_panel(sheet);
    });
    photo.with(hose_and_nozzle);
    photo.develop(0.75, 0.02, 44)
}

fn background(photo: &mut Layer) {
    sky(photo, rgb(0x9DB9D6), rgb(0xDDE6EE), 0.6, 40);
    foliage(photo, (235.0, 340.0), 22.0, (rgb(0x2B3A22), rgb(0x71854F)), 41);
    photo.with(|sheet| {
        sheet.fill(
            &polygon(&[(0.0, 60.0), (440.0, 20.0), (440.0, 66.0), (0.0, 96.0)]),
            solid(rgb(0xE9E9E6)),
        );
        sheet.fill(
            &polygon(&[(0.0, 84.0), (440.0, 52.0), (440.0, 70.0), (0.0, 100.0)]),
            solid(rgb(0xC0302A)),
        );
        sheet.fill(&rounded(40.0, 96.0, 18.0, 300.0, 1.0), solid(rgb(0xC9CACB)));
        sheet.fill(&rounded(392.0, 70.0, 20.0, 330.0, 1.0), solid(rgb(0xBDBEC0)));
        sheet.fill(&rounded(330.0, 250.0, 130.0, 90.0, 2.0), solid(rgb(0xCFC7B4)));
        sheet.fill(&rounded(345.0, 268.0, 40.0, 40.0, 1.0), solid(rgb(0x3A4650)));
        sheet.fill(&rounded(0.0, 288.0, 90.0, 34.0, 12.0), solid(rgb(0x7C2A2C)));
        sheet.fill(&rounded(14.0, 270.0, 54.0, 26.0, 10.0), solid(rgb(0x33383F)));
        sheet.fill(
            &rounded(0.0, 336.0, 440.0, 230.0, 0.1),
            gradient(
                (0.0, 336.0),
                (0.0, 560.0),
                &[(0.0, rgb(0x9A9993)), (1.0, rgb(0x777671))],
            ),
        );
        sheet.fill(
            &polygon(&[(60.0, 500.0), (400.0, 500.0), (440.0, 560.0), (20.0, 560.0)]),
            solid(rgb(0xB9B6AE)),
        );
        sheet.mottle((9.0, 5.0), 0.10, 45);
    });
}

fn cabinet(sheet: &mut Layer) {
    let side = polygon(&[(318.0, 96.0), (348.0, 104.0), (348.0, 512.0), (318.0, 522.0)]);
    sheet.fill(
        &side,
        gradient(
            (318.0, 0.0),
            (348.0, 0.0),
            &[(0.0, rgb(0x8C8E90)), (1.0, rgb(0x66686B))],
        ),
    );
    let lower_side = polygon(&[(318.0, 306.0), (348.0, 306.0), (348.0, 512.0), (318.0, 522.0)]);
    sheet.fill(
        &lower_side,
        gradient(
            (318.0, 0.0),
            (348.0, 0.0),
            &[(0.0, rgb(0x861A18)), (1.0, rgb(0x5E1110))],
        ),
    );
    let white = gradient(
        (118.0, 0.0),
        (318.0, 0.0),
        &[(0.0, rgb(0xD4D5D4)), (0.3, rgb(0xF3F3F0)), (1.0, rgb(0xCBCCCC))],
    );
    sheet.fill(&rounded(118.0, 96.0, 200.0, 216.0, 5.0), white);
    let red = gradient(
        (118.0, 0.0),
        (318.0, 0.0),
        &[(0.0, rgb(0xA81F1D)), (0.35, rgb(0xD83530)), (1.0, rgb(0xAA1E1C))],
    );
    sheet.fill(&rounded(118.0, 306.0, 200.0, 216.0, 3.0), red);
    sheet.fill(
        &rounded(112.0, 80.0, 212.0, 48.0, 4.0),
        gradient(
            (0.0, 80.0),
            (0.0, 128.0),
            &[(0.0, rgb(0x2A2C30)), (1.0, rgb(0x131416))],
        ),
    );
    sheet.fill(&rounded(112.0, 512.0, 240.0, 16.0, 2.0), solid(rgb(0x3A3B3C)));
    lettering(sheet, "DIESEL", (146.0, 93.0), (17.0, 22.0), rgb(0xF0D34A));
}

/// Capitals of stroked lines, each `width` by `height` pixels.
fn lettering(sheet: &mut Layer, text: &str, (x, y): (f32, f32), (width, height): (f32, f32), color: Rgb) {
    for (index, letter) in text.chars().enumerate() {
        let left = x + 1.5 * index as f32 * width;
        let points: Vec<_> = strokes(letter)
            .iter()
            .map(|&(u, v)| (left + u * width, y + v * height))
            .collect();
        sheet.stroke(&polyline(&points), 0.17 * height, solid(color));
    }
}

/// The line that draws a letter without lifting the pen, in the unit square.
fn strokes(letter: char) -> &'static [(f32, f32)] {
    match letter {
        'A' => &[(0.0, 1.0), (0.5, 0.0), (1.0, 1.0), (0.8, 0.62), (0.2, 0.62)],
        'D' => &[
            (0.0, 0.0),
            (0.6, 0.0),
            (1.0, 0.3),
            (1.0, 0.7),
            (0.6, 1.0),
            (0.0, 1.0),
            (0.0, 0.0),
        ],
        'E' => &[
            (1.0, 0.0),
            (0.0, 0.0),
            (0.0, 0.5),
            (0.8, 0.5),
            (0.0, 0.5),
            (0.0, 1.0),
            (1.0, 1.0),
        ],
        'F' => &[
            (1.0, 0.0),
            (0.0, 0.0),
            (0.0, 0.5),
            (0.8, 0.5),
            (0.0, 0.5),
            (0.0, 1.0),
        ],
        'I' => &[(0.5, 0.0), (0.5, 1.0)],
        'L' => &[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0)],
        'S' => &[
            (1.0, 0.0),
            (0.0, 0.0),
            (0.0, 0.5),
            (1.0, 0.5),
            (1.0, 1.0),
            (0.0, 1.0),
        ],
        'U' => &[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)],
        _ => &[(0.0, 1.0), (1.0, 1.0)],
    }
}

fn display(sheet: &mut Layer) {
    sheet.fill(&rounded(134.0, 140.0, 168.0, 92.0, 4.0), solid(rgb(0x1B1D20)));
    for (row, digits) in ["4096", "1834"].iter().enumerate() {
        let y = 148.0 + 40.0 * row as f32;
        sheet.fill(
            &rounded(146.0, y, 112.0, 32.0, 2.0),
            gradient(
                (0.0, y),
                (0.0, y + 32.0),
                &[(0.0, rgb(0xA9B59C)), (1.0, rgb(0xC6D0B6))],
            ),
        );
        for (place, digit) in digits.bytes().enumerate() {
            seven_segments(sheet, (160.0 + 24.0 * place as f32, y + 5.0), digit - b'0');
        }
        lettering(sheet, "SALE", (266.0, y + 6.0), (5.0, 7.0), rgb(0xDADDDD));
    }
    for (index, grade) in [0xE8C13A, 0x2F6AB0, 0x2E8B4A].into_iter().enumerate() {
        let x = 134.0 + 58.0 * index as f32;
        sheet.fill(&rounded(x, 240.0, 52.0, 56.0, 3.0), solid(rgb(0xFBFBF8)));
        sheet.fill(&rounded(x + 4.0, 244.0, 44.0, 24.0, 2.0), solid(rgb(grade)));
        lettering(sheet, "FUEL", (x + 9.0, 251.0), (6.5, 10.0), rgb(0xFFFFFF));
        sheet.fill(&rounded(x + 8.0, 274.0, 36.0, 16.0, 2.0), solid(rgb(0x2B2D31)));
        lettering(sheet, "SALE", (x + 13.0, 278.0), (4.5, 8.0), rgb(0xD95B4F));
    }
}

/// A digit of a liquid crystal display, 14 by 22 pixels.
fn seven_segments(sheet: &mut Layer, (x, y): (f32, f32), digit: u8) {
    const LIT: [u8; 10] = [0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F];
    const ENDS: [[f32; 4]; 7] = [
        [1.0, 0.0, 13.0, 0.0],
        [14.0, 1.0, 14.0, 10.0],
        [14.0, 12.0, 14.0, 21.0],
        [1.0, 22.0, 13.0, 22.0],
        [0.0, 12.0, 0.0, 21.0],
        [0.0, 1.0, 0.0, 10.0],
        [1.0, 11.0, 13.0, 11.0],
    ];
    for (segment, [x0, y0, x1, y1]) in ENDS.into_iter().enumerate() {
        if LIT[usize::from(digit)] >> segment & 1 == 1 {
            sheet.line((x + x0, y + y0), (x + x1, y + y1), 3.0, rgb(0x22261F));
        }
    }
}

fn lower_panel(sheet: &mut Layer) {
    sheet.fill(&rounded(150.0, 340.0, 136.0, 70.0, 4.0), solid(rgb(0xF4F3EE)));
    sheet.fill(&ellipse(184.0, 375.0, 22.0, 22.0), solid(rgb(0x1F4B9A)));
    sheet.fill(
        &polygon(&[(184.0, 358.0), (198.0, 384.0), (170.0, 384.0)]),
        solid(rgb(0xE8C13A)),
    );
    lettering(sheet, "FUEL", (218.0, 358.0), (10.0, 16.0), rgb(0xB3221F));
    lettering(sheet, "DIESEL", (218.0, 384.0), (5.5, 8.0), rgb(0x33363B));
    sheet.fill(&rounded(160.0, 432.0, 116.0, 62.0, 2.0), glaze([0.0; 3], 0.18));
    for slit in 0..6 {
        sheet.line(
            (168.0, 440.0 + 9.0 * slit as f32),
            (268.0, 440.0 + 9.0 * slit as f32),
            2.2,
            rgb(0x6E1211),
        );
    }
}

fn hose_and_nozzle(sheet: &mut Layer) {
    let rubber = RUBBER.map(rgb);
    let hose = curve(|path| {
        path.move_to(96.0, 236.0);
        path.cubic_to(60.0, 260.0, 28.0, 380.0, 44.0, 456.0);
        path.cubic_to(58.0, 516.0, 104.0, 500.0, 100.0, 430.0);
        path.cubic_to(96.0, 380.0, 108.0, 340.0, 122.0, 316.0);
    });
    sheet.tube(&hose, 10.0, rubber);
    let upper = curve(|path| {
        path.move_to(330.0, 116.0);
        path.cubic_to(400.0, 90.0, 420.0, 250.0, 396.0, 380.0);
        path.cubic_to(380.0, 470.0, 352.0, 440.0, 356.0, 300.0);
    });
    sheet.tube(&upper, 9.0, rubber);
    // The holster with the nozzle hanging in it, spout down.
    for (x, direction) in [(108.0, -1.0), (344.0, 1.0)] {
        sheet.fill(&rounded(x - 15.0, 176.0, 30.0, 96.0, 5.0), solid(rgb(0x34363A)));
        let grip = curve(|path| {
            path.move_to(x + 2.0 * direction, 190.0);
            path.line_to(x + 12.0 * direction, 218.0);
            path.line_to(x + 6.0 * direction, 252.0);
        });
        sheet.tube(
            &grip,
            15.0,
            [scale(rgb(0x0F5132), 0.7), rgb(0x17784A), rgb(0x66B58C)],
        );
        sheet.tube(
            &polyline(&[(x + 5.0 * direction, 250.0), (x - 4.0 * direction, 288.0)]),
            7.0,
            [0x55585C, 0xA4A8AC, 0xF0F1F2].map(rgb),
        );
        let lever = curve(|path| {
            path.move_to(x + 18.0 * direction, 204.0);
            path.quad_to(x + 26.0 * direction, 226.0, x + 14.0 * direction, 246.0);
        });
        sheet.stroke(&lever, 3.0, solid(rgb(0x1A1B1D)));
    }
}
