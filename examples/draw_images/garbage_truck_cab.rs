//! Cab and wheels of the garbage truck.

use crate::layer::{Layer, Rgb, curve, ellipse, glaze, gradient, polygon, polyline, rgb, rounded, solid};

pub fn draw(sheet: &mut Layer) {
    let white = gradient(
        (200.0, 0.0),
        (256.0, 0.0),
        &[(0.0, rgb(0xDDDFE1)), (1.0, rgb(0xB9BDC2))],
    );
    sheet.fill(
        &polygon(&[(200.0, 132.0), (250.0, 136.0), (254.0, 348.0), (204.0, 366.0)]),
        white,
    );
    let front = gradient(
        (0.0, 130.0),
        (0.0, 360.0),
        &[(0.0, rgb(0xFAFAF8)), (1.0, rgb(0xDCDDDB))],
    );
    sheet.fill(&rounded(76.0, 130.0, 130.0, 232.0, 9.0), front);
    sheet.fill(
        &polygon(&[
            (78.0, 136.0),
            (94.0, 116.0),
            (236.0, 122.0),
            (250.0, 137.0),
            (204.0, 134.0),
        ]),
        solid(rgb(0xEEEFED)),
    );
    windscreen(sheet);
    // Door with its window, and the mirror.
    sheet.fill(
        &polygon(&[(210.0, 158.0), (244.0, 162.0), (246.0, 226.0), (211.0, 228.0)]),
        gradient(
            (210.0, 158.0),
            (246.0, 226.0),
            &[(0.0, rgb(0x7C93A6)), (1.0, rgb(0x1D262E))],
        ),
    );
    sheet.stroke(
        &polygon(&[(209.0, 152.0), (247.0, 157.0), (250.0, 318.0), (212.0, 330.0)]),
        1.3,
        solid(rgb(0x7E8388)),
    );
    sheet.fill(&rounded(234.0, 244.0, 10.0, 4.0, 1.0), solid(rgb(0x2A2C2F)));
    for x in [62.0, 212.0] {
        sheet.line((x + 6.0, 168.0), (x + 6.0, 158.0), 3.0, rgb(0x1F2124));
        sheet.fill(&rounded(x, 166.0, 13.0, 40.0, 3.0), solid(rgb(0x1C1E21)));
    }
    grille(sheet);
    for x in [102.0, 172.0, 232.0] {
        sheet.fill(
            &rounded(x, 110.0, 14.0, 10.0, 3.0),
            gradient(
                (0.0, 110.0),
                (0.0, 120.0),
                &[(0.0, rgb(0xFFC861)), (1.0, rgb(0xE07A12))],
            ),
        );
    }
    sheet.mottle((40.0, 60.0), 0.05, 59);
}

fn windscreen(sheet: &mut Layer) {
    let glass = gradient(
        (88.0, 152.0),
        (190.0, 240.0),
        &[(0.0, rgb(0x93AFC4)), (0.4, rgb(0x4B6072)), (1.0, rgb(0x141C22))],
    );
    sheet.fill(&rounded(86.0, 148.0, 110.0, 92.0, 8.0), solid(rgb(0x1B1D1F)));
    sheet.fill(&rounded(90.0, 152.0, 102.0, 84.0, 6.0), glass);
    sheet.fill(
        &polygon(&[(98.0, 236.0), (132.0, 152.0), (150.0, 152.0), (118.0, 236.0)]),
        glaze([0.9, 0.95, 1.0], 0.22),
    );
    sheet.fill(&ellipse(116.0, 214.0, 13.0, 20.0), solid(rgb(0x12171B)));
    sheet.stroke(
        &polyline(&[(104.0, 238.0), (136.0, 190.0)]),
        2.0,
        solid(rgb(0x0B0C0D)),
    );
    sheet.stroke(
        &polyline(&[(150.0, 238.0), (182.0, 194.0)]),
        2.0,
        solid(rgb(0x0B0C0D)),
    );
}

fn grille(sheet: &mut Layer) {
    sheet.fill(&rounded(100.0, 252.0, 84.0, 50.0, 4.0), solid(rgb(0x26292C)));
    for bar in 0..6 {
        sheet.line(
            (104.0, 257.0 + 8.0 * bar as f32),
            (180.0, 257.0 + 8.0 * bar as f32),
            2.4,
            rgb(0x9CA1A6),
        );
    }
    sheet.fill(
        &rounded(70.0, 322.0, 140.0, 46.0, 6.0),
        gradient(
            (0.0, 322.0),
            (0.0, 368.0),
            &[(0.0, rgb(0x55595D)), (1.0, rgb(0x1E2022))],
        ),
    );
    for x in [80.0, 174.0] {
        sheet.fill(&rounded(x, 328.0, 28.0, 22.0, 4.0), solid(rgb(0x111214)));
        sheet.fill(
            &ellipse(x + 14.0, 339.0, 9.0, 9.0),
            gradient(
                (x, 330.0),
                (x + 28.0, 350.0),
                &[(0.0, rgb(0xFFFFFF)), (1.0, rgb(0xA9B0B6))],
            ),
        );
        sheet.fill(&rounded(x + 4.0, 308.0, 20.0, 9.0, 2.0), solid(rgb(0xE8912A)));
    }
    sheet.fill(&rounded(122.0, 336.0, 38.0, 15.0, 1.5), solid(rgb(0xE8E6D8)));
    sheet.line((128.0, 344.0), (154.0, 344.0), 5.0, rgb(0x3A3C55));
}

/// A wheel in its arch; `radius` is the tyre's.
pub fn wheel(sheet: &mut Layer, (x, y): (f32, f32), radius: f32) {
    let arch = curve(|path| {
        path.move_to(x - 1.25 * radius, y + 0.1 * radius);
        path.cubic_to(
            x - 1.1 * radius,
            y - 1.5 * radius,
            x + 1.1 * radius,
            y - 1.5 * radius,
            x + 1.25 * radius,
            y + 0.1 * radius,
        );
        path.close();
    });
    sheet.fill(&arch, solid(rgb(0x0D0E0F)));
    let narrow = 0.84;
    let disc = |share: f32| ellipse(x, y, narrow * share * radius, share * radius);
    let rings: [(f32, Rgb); 6] = [
        (1.0, rgb(0x1A1A1B)),
        (0.93, rgb(0x343435)),
        (0.80, rgb(0x222223)),
        (0.62, rgb(0x0E0E0F)),
        (0.58, rgb(0xC9CBCC)),
        (0.44, rgb(0x85888A)),
    ];
    for (share, color) in rings {
        sheet.fill(&disc(share), solid(color));
    }
    sheet.fill(
        &disc(0.26),
        gradient(
            (x - 8.0, y - 8.0),
            (x + 8.0, y + 8.0),
            &[(0.0, rgb(0xF2F2F2)), (1.0, rgb(0x6E7072))],
        ),
    );
    for bolt in 0..8 {
        let (sin, cos) = (std::f32::consts::TAU * bolt as f32 / 8.0).sin_cos();
        sheet.fill(
            &ellipse(
                x + 0.36 * narrow * radius * cos,
                y + 0.36 * radius * sin,
                1.8,
                1.8,
            ),
            solid(rgb(0x2E3032)),
        );
    }
}
