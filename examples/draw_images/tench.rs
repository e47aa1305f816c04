//! A tench, freshly caught, on a wet landing net in the grass.

use image::RgbImage;

use crate::layer::{
    Layer, Rgb, curve, ellipse, glaze, gradient, mix, polygon, polyline, rgb, scale, smoothstep, solid,
};
use crate::nature::{blades, lawn};
use crate::noise::{fractal, hash};

/// Where the snout and the root of the tail fin are.
const SNOUT: (f32, f32) = (66.0, 196.0);
const LENGTH: f32 = 356.0;
const HALF_DEPTH: f32 = 78.0;

pub fn draw() -> RgbImage {
    let mut photo = Layer::new(540, 350);
    let grass = (rgb(0x35561F), rgb(0x87AD4B));
    lawn(&mut photo, -60.0, grass.0, grass.1, 70);
    blades(&mut photo, (20.0, 370.0), 2200, 34.0, grass, 71);
    photo.with(net);
    photo.shadow(&ellipse(270.0, 262.0, 215.0, 34.0), 10.0, 0.7);
    photo.with(|sheet| {
        fins().iter().for_each(|fin| fin.draw(sheet));
        sheet.blur(0.6);
    });
    photo.with(body);
    photo.with(head);
    blades(&mut photo, (338.0, 375.0), 260, 44.0, grass, 73);
    photo.develop(0.75, 0.022, 74)
}

/// Upper and lower edge of the body at `share` of its length, as parts of the half depth.
fn profile(share: f32) -> (f32, f32) {
    let snout = (share / 0.34).min(1.0);
    let front = (1.0 - (1.0 - snout).powi(2)).max(0.0).powf(0.62);
    let tail = 1.0 - 0.66 * smoothstep(0.42, 1.0, share);
    (front * tail, 0.92 * front * tail.powf(1.05))
}

/// Height of the middle of the body: a fish on the ground is slightly bent.
fn spine(share: f32) -> f32 {
    SNOUT.1 - 14.0 * (std::f32::consts::PI * share).sin() + 14.0 * share
}

fn body(sheet: &mut Layer) {
    sheet.each(|x, y, color, _| {
        let share = (x - SNOUT.0) / LENGTH;
        if !(0.0..=1.03).contains(&share) {
            return (color, 0.0);
        }
        let (up, down) = profile(share.min(1.0));
        let offset = (y - spine(share)) / HALF_DEPTH;
        let side = if offset < 0.0 {
            offset / up.max(0.01)
        } else {
            offset / down.max(0.01)
        };
        // The root of the tail fin has no edge: skin passes into it.
        let edge =
            smoothstep(1.0, 0.985, side.abs()) * smoothstep(1.03, 0.96, share - 0.03 * (1.0 - side * side));
        if edge == 0.0 {
            return (color, 0.0);
        }
        (skin(x, y, share, side), edge)
    });
}

/// Olive back, golden flank, pale belly; small scales; wet highlights.
fn skin(x: f32, y: f32, share: f32, side: f32) -> Rgb {
    let back = smoothstep(0.1, -0.95, side);
    let belly = smoothstep(0.35, 1.0, side);
    let mut color = mix(rgb(0x8A7C33), rgb(0x33381C), back);
    color = mix(color, rgb(0xC0A65A), belly);
    let blotch = fractal(x / 38.0, y / 30.0, 4, 75);
    color = scale(color, 0.72 + 0.55 * blotch);
    if share > 0.22 {
        color = scale(color, scales(x, y));
    } else {
        color = scale(color, 0.92 + 0.16 * fractal(x / 5.0, y / 5.0, 3, 76));
    }
    // Rounded: dark towards both edges, a broad wet sheen above the middle.
    let round = (1.0 - side * side).max(0.0).sqrt();
    color = scale(color, 0.35 + 0.75 * round);
    let sheen = smoothstep(
        0.2,
        0.0,
        (side + 0.42 + 0.08 * fractal(x / 30.0, 0.0, 2, 77)).abs(),
    );
    let sparkle = if hash((x / 3.0) as i32, (y / 2.0) as i32, 78) > 0.82 {
        0.25
    } else {
        0.0
    };
    mix(color, rgb(0xF3F1DC), sheen * (0.20 + sparkle))
}

/// Brightness of overlapping scales in staggered rows.
fn scales(x: f32, y: f32) -> f32 {
    const SIZE: f32 = 7.0;
    // No fish is ruled: rows waver a little.
    let y = y + 7.0 * fractal(x / 60.0, y / 60.0, 2, 83);
    let x = x + 7.0 * fractal(x / 50.0, y / 50.0, 2, 84);
    let row = (y / (0.6 * SIZE)).floor();
    let shifted = x / SIZE + 0.5 * row.rem_euclid(2.0);
    let (u, v) = (shifted.fract() - 0.5, (y / (0.6 * SIZE)).fract() - 0.5);
    let rim = smoothstep(0.30, 0.52, (u + 0.15).hypot(0.8 * v));
    1.12 - 0.34 * rim + 0.10 * (hash(shifted as i32, row as i32, 79) - 0.5)
}

fn head(sheet: &mut Layer) {
    // Gill cover.
    let gill = curve(|path| {
        path.move_to(146.0, 134.0);
        path.cubic_to(172.0, 158.0, 174.0, 214.0, 138.0, 248.0);
    });
    sheet.stroke(&gill, 4.5, glaze([0.10, 0.10, 0.04], 0.75));
    let gleam = curve(|path| {
        path.move_to(141.0, 140.0);
        path.cubic_to(164.0, 162.0, 166.0, 210.0, 134.0, 240.0);
    });
    sheet.stroke(&gleam, 2.0, glaze([0.85, 0.78, 0.45], 0.45));
    // Thick lips with the barbel at the corner.
    let mouth = curve(|path| {
        path.move_to(66.0, 202.0);
        path.quad_to(80.0, 210.0, 90.0, 222.0);
    });
    sheet.stroke(&mouth, 6.5, solid(rgb(0xA8864E)));
    sheet.stroke(&mouth, 2.0, solid(rgb(0x2C2212)));
    sheet.line((90.0, 222.0), (92.0, 231.0), 2.0, rgb(0x6E5A2E));
    sheet.blur(0.8);
    sheet.fill(&ellipse(105.0, 180.0, 9.5, 9.0), solid(rgb(0x2A2413)));
    sheet.fill(&ellipse(105.0, 180.0, 8.0, 7.5), solid(rgb(0xC4451C)));
    sheet.fill(&ellipse(105.0, 180.0, 4.6, 4.6), solid(rgb(0x070605)));
    sheet.fill(&ellipse(103.0, 177.5, 1.8, 1.5), solid(rgb(0xFFFFFF)));
    // The pectoral fin lies on the flank.
    let pectoral = curve(|path| {
        path.move_to(160.0, 236.0);
        path.cubic_to(188.0, 232.0, 218.0, 246.0, 222.0, 262.0);
        path.cubic_to(206.0, 274.0, 174.0, 266.0, 160.0, 236.0);
        path.close();
    });
    sheet.fill(&pectoral, solid(rgb(0x4A4526)));
    for ray in 0..8 {
        sheet.line(
            (162.0, 238.0),
            (218.0 - 5.5 * ray as f32, 252.0 + 2.4 * ray as f32),
            0.9,
            rgb(0x7F7644),
        );
    }
}

/// A fin: skin between rays that fan out from its base.
struct Fin {
    base: [(f32, f32); 2],
    /// Start, control point and end of the free edge.
    edge: [(f32, f32); 3],
}

impl Fin {
    const RAYS: usize = 13;

    fn draw(&self, sheet: &mut Layer) {
        let shares = || (0..=Self::RAYS).map(|ray| ray as f32 / Self::RAYS as f32);
        let mut outline: Vec<_> = shares().map(|share| self.on_edge(share)).collect();
        outline.extend([self.base[1], self.base[0]]);
        sheet.fill(
            &polygon(&outline),
            gradient(
                self.base[0],
                self.edge[1],
                &[(0.0, rgb(0x45421F)), (1.0, rgb(0x25261A))],
            ),
        );
        for share in shares() {
            let root = between(self.base[0], self.base[1], share);
            let tip = self.on_edge(share);
            sheet.stroke(&polyline(&[root, tip]), 1.0, glaze(rgb(0x8A8150), 0.8));
            // Rays fork towards the edge.
            let fork = between(root, tip, 0.55);
            sheet.stroke(
                &polyline(&[fork, self.on_edge((share + 0.025).min(1.0))]),
                0.8,
                glaze(rgb(0x77703F), 0.6),
            );
        }
    }

    fn on_edge(&self, share: f32) -> (f32, f32) {
        let [start, control, end] = self.edge;
        between(
            between(start, control, share),
            between(control, end, share),
            share,
        )
    }
}

fn between(from: (f32, f32), to: (f32, f32), share: f32) -> (f32, f32) {
    (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1))
}

fn fins() -> [Fin; 5] {
    [
        Fin {
            base: [(398.0, 186.0), (402.0, 212.0)],
            edge: [(486.0, 132.0), (500.0, 178.0), (486.0, 204.0)],
        },
        Fin {
            base: [(402.0, 206.0), (396.0, 232.0)],
            edge: [(486.0, 204.0), (506.0, 232.0), (494.0, 274.0)],
        },
        Fin {
            base: [(232.0, 122.0), (322.0, 150.0)],
            edge: [(272.0, 66.0), (306.0, 70.0), (336.0, 138.0)],
        },
        Fin {
            base: [(322.0, 246.0), (372.0, 236.0)],
            edge: [(350.0, 290.0), (384.0, 300.0), (392.0, 250.0)],
        },
        Fin {
            base: [(226.0, 256.0), (272.0, 252.0)],
            edge: [(248.0, 296.0), (284.0, 312.0), (298.0, 272.0)],
        },
    ]
}

/// Dark knotless mesh, crumpled, with grass around its edge.
fn net(sheet: &mut Layer) {
    sheet.each(|x, y, color, _| {
        let (dx, dy) = ((x - 285.0) / 330.0, (y - 205.0) / 175.0);
        let ragged = 0.35 * (fractal(x / 90.0, y / 90.0, 4, 80) - 0.5);
        if (dx * dx + dy * dy * dy.abs()).abs().sqrt() + ragged > 0.92 {
            return (color, 0.0);
        }
        let wave = 40.0 * fractal(x / 110.0, y / 90.0, 3, 81);
        let (u, v) = ((x + y + wave) / 8.0, (x - y + 1.4 * wave) / 8.0);
        let thread = u.rem_euclid(1.0) < 0.3 || v.rem_euclid(1.0) < 0.3;
        let fold = fractal(x / 60.0, y / 45.0, 4, 82);
        let cloth = scale(rgb(0x343A44), 0.25 + 1.6 * fold * fold);
        if thread {
            (cloth, 0.97)
        } else {
            (scale(cloth, 0.4), 0.85)
        }
    });
}
