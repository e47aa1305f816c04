//! A garbage truck on a street, seen from the front left: white cab, green body with ribs, loader at the back.

use image::RgbImage;

use crate::garbage_truck_cab;
use crate::layer::{Layer, gradient, polygon, polyline, rgb, rounded, solid};
use crate::nature::{crown, foliage, lawn, sky};

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(600, 440);
    street(&mut photo);
    photo.shadow(
        &polygon(&[(90.0, 372.0), (560.0, 345.0), (580.0, 362.0), (120.0, 402.0)]),
        6.0,
        0.75,
    );
    photo.with(|sheet| {
        underside(sheet);
        body(sheet);
        sheet.mottle((70.0, 50.0), 0.10, 53);
        sheet.mottle((4.0, 12.0), 0.05, 54);
    });
    photo.with(garbage_truck_cab::draw);
    photo.with(|sheet| {
        for (x, y, radius) in [(262.0, 352.0, 36.0), (416.0, 340.0, 32.0), (480.0, 335.0, 31.0)] {
            garbage_truck_cab::wheel(sheet, (x, y), radius);
        }
    });
    photo.develop(0.75, 0.022, 55)
}

fn street(photo: &mut Layer) {
    sky(photo, rgb(0x7FA6D2), rgb(0xD5E2EE), 0.5, 50);
    let leaves = (rgb(0x15270F), rgb(0x587B35));
    foliage(photo, (110.0, 300.0), 60.0, leaves, 51);
    crown(photo, (70.0, 120.0), (120.0, 130.0), leaves, 56);
    crown(photo, (520.0, 110.0), (130.0, 120.0), leaves, 57);
    photo.blur(1.6);
    lawn(photo, 292.0, rgb(0x3F5E29), rgb(0x86A151), 52);
    photo.with(|sheet| {
        sheet.fill(
            &polygon(&[(0.0, 326.0), (600.0, 300.0), (600.0, 440.0), (0.0, 440.0)]),
            gradient(
                (0.0, 310.0),
                (0.0, 440.0),
                &[(0.0, rgb(0x8A8A8B)), (1.0, rgb(0x6C6C6E))],
            ),
        );
        sheet.mottle((4.0, 2.0), 0.12, 58);
        sheet.fill(
            &polygon(&[(0.0, 318.0), (600.0, 294.0), (600.0, 301.0), (0.0, 328.0)]),
            solid(rgb(0xBDBBB4)),
        );
        for offset in [0.0, 9.0] {
            sheet.fill(
                &polygon(&[
                    (0.0, 428.0 + offset),
                    (600.0, 380.0 + 0.8 * offset),
                    (600.0, 384.0 + 0.8 * offset),
                    (0.0, 433.0 + offset),
                ]),
                solid(rgb(0xD3AE3A)),
            );
        }
    });
}

fn underside(sheet: &mut Layer) {
    sheet.fill(
        &polygon(&[(120.0, 330.0), (540.0, 308.0), (540.0, 346.0), (120.0, 378.0)]),
        solid(rgb(0x17181A)),
    );
    sheet.fill(
        &rounded(306.0, 318.0, 74.0, 36.0, 5.0),
        gradient(
            (0.0, 318.0),
            (0.0, 354.0),
            &[(0.0, rgb(0x8D9195)), (1.0, rgb(0x303236))],
        ),
    );
}

fn body(sheet: &mut Layer) {
    let green = [rgb(0x2C9158), rgb(0x14683A), rgb(0x0B4727)];
    let side = polygon(&[
        (252.0, 98.0),
        (500.0, 118.0),
        (556.0, 190.0),
        (556.0, 312.0),
        (252.0, 328.0),
    ]);
    sheet.fill(
        &side,
        gradient(
            (0.0, 98.0),
            (0.0, 328.0),
            &[(0.0, green[0]), (0.5, green[1]), (1.0, green[2])],
        ),
    );
    let roof = polygon(&[(252.0, 98.0), (268.0, 86.0), (490.0, 108.0), (500.0, 118.0)]);
    sheet.fill(&roof, solid(rgb(0x5FB98A)));
    for rib in 0..8 {
        let share = rib as f32 / 7.0;
        let x = 262.0 + 216.0 * share;
        let (top, bottom) = (101.0 + 17.0 * share, 326.0 - 11.0 * share);
        let width = 9.0 - 2.0 * share;
        sheet.fill(
            &rounded(x, top, width, bottom - top, 1.0),
            gradient(
                (x, 0.0),
                (x + width, 0.0),
                &[(0.0, rgb(0x3FA56D)), (1.0, rgb(0x1A7142))],
            ),
        );
        sheet.line(
            (x + width + 0.5, top),
            (x + width + 0.5, bottom),
            1.6,
            rgb(0x083A1F),
        );
    }
    for rail in [(118.0, 134.0, 6.0), (302.0, 290.0, 9.0)] {
        sheet.line((254.0, rail.0), (500.0, rail.1), rail.2, rgb(0x1B7446));
    }
    // A sign on the side.
    sheet.fill(
        &polygon(&[(306.0, 152.0), (424.0, 160.0), (424.0, 240.0), (306.0, 240.0)]),
        solid(rgb(0xF1F2EE)),
    );
    sheet.fill(
        &polygon(&[(318.0, 165.0), (368.0, 168.0), (356.0, 204.0), (330.0, 204.0)]),
        solid(rgb(0xE0A92A)),
    );
    sheet.fill(
        &polygon(&[(372.0, 169.0), (414.0, 172.0), (402.0, 204.0), (362.0, 204.0)]),
        solid(rgb(0x1C7A48)),
    );
    for row in 0..2 {
        sheet.line(
            (320.0, 216.0 + 12.0 * row as f32),
            (412.0, 216.0 + 11.0 * row as f32),
            4.0,
            rgb(0x3B4046),
        );
    }
    loader(sheet);
}

/// The hopper that rubbish is thrown into.
fn loader(sheet: &mut Layer) {
    let hopper = polygon(&[
        (494.0, 112.0),
        (534.0, 122.0),
        (588.0, 210.0),
        (584.0, 318.0),
        (540.0, 330.0),
        (520.0, 240.0),
    ]);
    sheet.fill(
        &hopper,
        gradient(
            (494.0, 0.0),
            (588.0, 0.0),
            &[(0.0, rgb(0x17663B)), (1.0, rgb(0x0A3A20))],
        ),
    );
    sheet.stroke(
        &polyline(&[(494.0, 112.0), (520.0, 240.0), (540.0, 330.0)]),
        4.0,
        solid(rgb(0x2E8E5A)),
    );
    sheet.fill(
        &polygon(&[(546.0, 212.0), (586.0, 216.0), (584.0, 290.0), (554.0, 292.0)]),
        solid(rgb(0x0C1A12)),
    );
    sheet.tube(
        &polyline(&[(506.0, 140.0), (548.0, 262.0)]),
        9.0,
        [0x3A3D40, 0x8D9296, 0xE6E8E9].map(rgb),
    );
    for stripe in 0..4 {
        let y = 300.0 + 7.0 * stripe as f32;
        let color = if stripe % 2 == 0 {
            rgb(0xC92E26)
        } else {
            rgb(0xEDEDE8)
        };
        sheet.line((548.0, y), (584.0, y - 3.0), 6.0, color);
    }
}
