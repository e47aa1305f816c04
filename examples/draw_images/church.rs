//! A white wooden village church with a steeple, on a lawn between trees.

use image::RgbImage;
use tiny_skia::Path;

use crate::layer::{Layer, Rgb, curve, glaze, gradient, polygon, polyline, rgb, rounded, scale, solid};
use crate::nature::{crown, foliage, lawn, sky};

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(480, 600);
    sky(&mut photo, rgb(0x3F78BE), rgb(0xB5D0EA), 0.55, 31);
    let leaves = (rgb(0x1C3316), rgb(0x5F8A3C));
    foliage(&mut photo, (440.0, 520.0), 26.0, leaves, 32);
    crown(&mut photo, (40.0, 400.0), (85.0, 120.0), leaves, 33);
    crown(&mut photo, (452.0, 420.0), (70.0, 105.0), leaves, 34);
    photo.blur(0.8);
    lawn(&mut photo, 505.0, rgb(0x35591F), rgb(0x86AB4C), 35);
    photo.shadow(
        &polygon(&[(120.0, 522.0), (440.0, 512.0), (470.0, 545.0), (150.0, 548.0)]),
        6.0,
        0.55,
    );
    photo.with(|sheet| {
        nave(sheet);
        tower(sheet);
        sheet.mottle((50.0, 40.0), 0.06, 36);
    });
    path_to_door(&mut photo);
    photo.develop(0.75, 0.02, 37)
}

const LIT: u32 = 0xF1EFE8;
const SHADED: u32 = 0xA9B0BC;
const ROOF: u32 = 0x5B5A5E;
const GLASS: u32 = 0x27303D;

/// The long side with its roof, running back to the right.
fn nave(sheet: &mut Layer) {
    let wall = polygon(&[(215.0, 380.0), (425.0, 392.0), (425.0, 512.0), (215.0, 528.0)]);
    sheet.fill(
        &wall,
        gradient(
            (215.0, 0.0),
            (425.0, 0.0),
            &[(0.0, rgb(0xB6BCC6)), (1.0, rgb(0xC9CED5))],
        ),
    );
    clapboards(sheet, (215.0, 425.0), (382.0, 520.0), rgb(0x98A0AC));
    let roof = polygon(&[(205.0, 384.0), (232.0, 292.0), (418.0, 318.0), (438.0, 396.0)]);
    sheet.fill(
        &roof,
        gradient(
            (0.0, 290.0),
            (0.0, 396.0),
            &[(0.0, rgb(0x77767A)), (1.0, rgb(ROOF))],
        ),
    );
    for row in 0..13 {
        let share = row as f32 / 13.0;
        let y = 292.0 + share * 92.0;
        sheet.line(
            (232.0 - 27.0 * share, y),
            (418.0 + 20.0 * share, y + 26.0 - 14.0 * share),
            0.8,
            rgb(0x4A494D),
        );
    }
    for window in 0..4 {
        let share = window as f32;
        let (x, y) = (262.0 + 42.0 * share, 412.0 + 2.0 * share);
        arched_window(sheet, (x, y), (20.0, 76.0 - 2.0 * share));
    }
}

/// The front with the door, the belfry and the spire.
fn tower(sheet: &mut Layer) {
    let front = polygon(&[
        (92.0, 528.0),
        (92.0, 392.0),
        (158.0, 300.0),
        (226.0, 390.0),
        (226.0, 530.0),
    ]);
    sheet.fill(
        &front,
        gradient(
            (92.0, 0.0),
            (226.0, 0.0),
            &[(0.0, rgb(0xFBFAF5)), (1.0, rgb(0xE0DFDB))],
        ),
    );
    clapboards(sheet, (93.0, 225.0), (396.0, 526.0), rgb(0xC9C8C2));
    sheet.stroke(
        &polyline(&[(86.0, 398.0), (158.0, 296.0), (232.0, 396.0)]),
        7.0,
        solid(rgb(0x6A696C)),
    );

    prism(sheet, 124.0, 168.0, 192.0, (228.0, 530.0));
    clapboards(sheet, (125.0, 167.0), (236.0, 526.0), rgb(0xCFCEC8));
    prism(sheet, 118.0, 170.0, 199.0, (220.0, 232.0));
    prism(sheet, 130.0, 166.0, 187.0, (160.0, 222.0));
    louvre(sheet, (148.0, 172.0), (18.0, 42.0));
    louvre(sheet, (176.5, 174.0), (9.0, 40.0));
    prism(sheet, 124.0, 168.0, 193.0, (152.0, 162.0));
    let spire_left = polygon(&[(126.0, 154.0), (159.0, 40.0), (168.0, 154.0)]);
    sheet.fill(
        &spire_left,
        gradient(
            (126.0, 0.0),
            (168.0, 0.0),
            &[(0.0, rgb(0x8E8C90)), (1.0, rgb(0x6E6D72))],
        ),
    );
    let spire_right = polygon(&[(168.0, 154.0), (159.0, 40.0), (191.0, 154.0)]);
    sheet.fill(&spire_right, solid(rgb(0x48484E)));
    sheet.line((159.0, 44.0), (159.0, 12.0), 2.6, rgb(0xD9C27A));
    sheet.line((151.0, 22.0), (167.0, 22.0), 2.6, rgb(0xD9C27A));

    arched_window(sheet, (146.0, 300.0), (22.0, 56.0));
    arched_window(sheet, (104.0, 428.0), (16.0, 56.0));
    arched_window(sheet, (203.0, 428.0), (14.0, 56.0));
    sheet.fill(&rounded(133.0, 440.0, 46.0, 90.0, 3.0), solid(rgb(0xFFFFFF)));
    sheet.fill(
        &arch((138.0, 446.0), (36.0, 84.0)),
        gradient(
            (138.0, 0.0),
            (174.0, 0.0),
            &[(0.0, rgb(0x7A2C22)), (1.0, rgb(0x5A1F19))],
        ),
    );
    sheet.line((156.0, 452.0), (156.0, 530.0), 1.4, rgb(0x32100D));
    for step in 0..3 {
        let grow = 5.0 * step as f32;
        let y = 527.0 + 4.0 * step as f32;
        sheet.fill(
            &rounded(130.0 - grow, y, 52.0 + 2.0 * grow, 5.0, 1.0),
            solid(scale(rgb(0xB4AFA6), 1.0 - 0.1 * step as f32)),
        );
    }
}

/// A square tower's two visible faces: lit from `left` to `corner`, shaded from there to `right`.
fn prism(sheet: &mut Layer, left: f32, corner: f32, right: f32, (top, bottom): (f32, f32)) {
    sheet.fill(
        &rounded(left, top, corner - left, bottom - top, 0.1),
        solid(rgb(LIT)),
    );
    sheet.fill(
        &rounded(corner, top, right - corner, bottom - top, 0.1),
        solid(rgb(SHADED)),
    );
}

fn clapboards(sheet: &mut Layer, (left, right): (f32, f32), (top, bottom): (f32, f32), color: Rgb) {
    let count = ((bottom - top) / 5.0) as usize;
    for board in 0..count {
        let y = top + 5.0 * board as f32;
        sheet.stroke(&polyline(&[(left, y), (right, y)]), 0.8, glaze(color, 0.7));
    }
}

fn arch((x, y): (f32, f32), (width, height): (f32, f32)) -> Path {
    let spring = y + 0.8 * width;
    curve(|path| {
        path.move_to(x, y + height);
        path.line_to(x, spring);
        path.quad_to(x, y + 0.25 * width, x + 0.5 * width, y);
        path.quad_to(x + width, y + 0.25 * width, x + width, spring);
        path.line_to(x + width, y + height);
        path.close();
    })
}

fn arched_window(sheet: &mut Layer, (x, y): (f32, f32), (width, height): (f32, f32)) {
    sheet.fill(
        &arch((x - 3.0, y - 4.0), (width + 6.0, height + 8.0)),
        solid(rgb(0xFDFDFB)),
    );
    let glass = arch((x, y), (width, height));
    sheet.fill(
        &glass,
        gradient(
            (x, y),
            (x + width, y + height),
            &[(0.0, rgb(0x5A6B80)), (0.5, rgb(GLASS)), (1.0, rgb(0x36424F))],
        ),
    );
    sheet.line(
        (x + 0.5 * width, y + 2.0),
        (x + 0.5 * width, y + height),
        1.6,
        rgb(0xE6E6E2),
    );
    for bar in 1..4 {
        let level = y + height * bar as f32 / 4.0;
        sheet.line((x, level), (x + width, level), 1.2, rgb(0xE6E6E2));
    }
}

fn louvre(sheet: &mut Layer, corner: (f32, f32), size: (f32, f32)) {
    sheet.fill(&arch(corner, size), solid(rgb(0x3B3E44)));
    for slat in 2..8 {
        let y = corner.1 + size.1 * slat as f32 / 8.0;
        sheet.line(
            (corner.0 + 1.0, y),
            (corner.0 + size.0 - 1.0, y),
            1.3,
            rgb(0x8B8E92),
        );
    }
}

fn path_to_door(photo: &mut Layer) {
    photo.with(|sheet| {
        let gravel = polygon(&[(132.0, 540.0), (182.0, 540.0), (260.0, 600.0), (110.0, 600.0)]);
        sheet.fill(
            &gravel,
            gradient(
                (0.0, 540.0),
                (0.0, 600.0),
                &[(0.0, rgb(0xA79E8E)), (1.0, rgb(0xBDB4A2))],
            ),
        );
        sheet.mottle((3.0, 2.0), 0.25, 38);
        sheet.blur(0.8);
    });
}
