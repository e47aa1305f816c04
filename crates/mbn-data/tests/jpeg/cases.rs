//! The files of the sweep: every layout at many sizes.

use std::fmt::Write;

use crate::files::oracle::Colour;
use crate::files::{Exif, Layout, Marker, Picture, Process, Scan, Tables, one_by_one, progression, write};

/// A file, and what it shows.
pub struct Case {
    /// Size, sampling, coding and markers.
    pub name: String,
    pub picture: Picture,
    pub colour: Colour,
    /// EXIF orientation, 1 if there is none.
    pub orientation: u8,
    pub bytes: Vec<u8>,
}

const SIZES: [(usize, usize); 17] = [
    (1, 1),
    (2, 1),
    (1, 3),
    (3, 5),
    (7, 4),
    (8, 8),
    (9, 7),
    (5, 17),
    (15, 17),
    (16, 16),
    (17, 15),
    (33, 31),
    (31, 48),
    (64, 40),
    (88, 88),
    (97, 129),
    (129, 97),
];

/// Sampling factors of three components. The sum of their products is at most 10, so that one scan may hold all.
const THREE: [[(usize, usize); 3]; 22] = [
    [(1, 1), (1, 1), (1, 1)],
    [(2, 1), (1, 1), (1, 1)],
    [(1, 2), (1, 1), (1, 1)],
    [(2, 2), (1, 1), (1, 1)],
    [(4, 1), (1, 1), (1, 1)],
    [(1, 4), (1, 1), (1, 1)],
    [(4, 2), (1, 1), (1, 1)],
    [(2, 4), (1, 1), (1, 1)],
    [(3, 1), (1, 1), (1, 1)],
    [(1, 3), (1, 1), (1, 1)],
    [(3, 2), (1, 1), (1, 1)],
    [(2, 2), (2, 1), (2, 1)],
    [(2, 2), (1, 2), (1, 2)],
    [(2, 2), (1, 1), (2, 1)],
    [(4, 1), (2, 1), (2, 1)],
    [(4, 1), (1, 1), (2, 1)],
    [(2, 1), (2, 1), (2, 1)],
    // Chrominance finer than luminance.
    [(1, 1), (1, 2), (1, 2)],
    [(1, 1), (2, 1), (2, 1)],
    [(1, 1), (2, 2), (2, 2)],
    [(2, 1), (1, 2), (1, 2)],
    [(1, 1), (2, 1), (1, 2)],
];

/// Samplings of one component, of four, and of three that no single scan may hold.
const ONE: [(usize, usize); 4] = [(1, 1), (2, 2), (2, 1), (4, 2)];
const FOUR: [[(usize, usize); 4]; 4] = [
    [(1, 1), (1, 1), (1, 1), (1, 1)],
    [(2, 2), (1, 1), (1, 1), (2, 2)],
    [(2, 1), (1, 1), (1, 1), (2, 1)],
    [(1, 2), (1, 1), (1, 1), (1, 2)],
];
const LARGE: [[(usize, usize); 3]; 2] = [[(2, 2), (2, 2), (2, 2)], [(4, 4), (1, 1), (1, 1)]];

/// Markers of three components, their ids, and the colour that they stand for (libjpeg, `default_decompress_parms`).
const THREE_MARKERS: [(&str, &[Marker], [u8; 3], Colour); 9] = [
    ("jfif", &[Marker::Jfif], [1, 2, 3], Colour::YCbCr),
    ("adobe 1", &[Marker::Adobe(1)], [1, 2, 3], Colour::YCbCr),
    ("adobe 0", &[Marker::Adobe(0)], [1, 2, 3], Colour::Rgb),
    ("no marker", &[], [1, 2, 3], Colour::YCbCr),
    (
        "jfif, adobe 0",
        &[Marker::Jfif, Marker::Adobe(0)],
        [1, 2, 3],
        Colour::YCbCr,
    ),
    ("no marker, ids RGB", &[], *b"RGB", Colour::Rgb),
    ("no marker, ids 0 to 2", &[], [0, 1, 2], Colour::YCbCr),
    ("adobe 2", &[Marker::Adobe(2)], [1, 2, 3], Colour::YCbCr),
    ("jfif, ids RGB", &[Marker::Jfif], *b"RGB", Colour::YCbCr),
];

const FOUR_MARKERS: [(&str, &[Marker], Colour); 4] = [
    ("adobe 0", &[Marker::Adobe(0)], Colour::Cmyk),
    ("adobe 2", &[Marker::Adobe(2)], Colour::Ycck),
    ("no marker", &[], Colour::Cmyk),
    ("jfif", &[Marker::Jfif], Colour::Cmyk),
];

/// Every file of the sweep.
pub fn all() -> Vec<Case> {
    let mut cases = of_sizes(&SIZES);
    cases.extend(turned());
    cases
}

/// Every layout at some sizes.
pub fn of_sizes(sizes: &[(usize, usize)]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (i, &(width, height)) in sizes.iter().enumerate() {
        for (j, sampling) in THREE.iter().enumerate() {
            for (k, (coding, layout)) in codings(3, true).into_iter().enumerate() {
                let (markers, segments, ids, colour) =
                    THREE_MARKERS[(i + 5 * j + 7 * k) % THREE_MARKERS.len()];
                let sampling: Vec<_> = ids
                    .into_iter()
                    .zip(sampling)
                    .map(|(id, s)| (id, s.0, s.1))
                    .collect();
                cases.push(case(
                    (width, height),
                    &sampling,
                    coding,
                    layout,
                    (markers, segments),
                    colour,
                ));
            }
        }
        for sampling in LARGE {
            for (coding, layout) in codings(3, false) {
                let sampling: Vec<_> = (1..).zip(sampling).map(|(id, s)| (id, s.0, s.1)).collect();
                let markers: (&str, &[Marker]) = ("jfif", &[Marker::Jfif]);
                cases.push(case(
                    (width, height),
                    &sampling,
                    coding,
                    layout,
                    markers,
                    Colour::YCbCr,
                ));
            }
        }
        for (j, &(h, v)) in ONE.iter().enumerate() {
            for (k, (coding, layout)) in codings(1, true).into_iter().enumerate() {
                let markers: (&str, &[Marker]) = match (i + j + k) % 2 {
                    0 => ("jfif", &[Marker::Jfif]),
                    _ => ("no marker", &[]),
                };
                cases.push(case(
                    (width, height),
                    &[(1, h, v)],
                    coding,
                    layout,
                    markers,
                    Colour::Grey,
                ));
            }
        }
        for (j, sampling) in FOUR.iter().enumerate() {
            for (k, (coding, layout)) in codings(4, true).into_iter().enumerate() {
                let (markers, segments, colour) = FOUR_MARKERS[(i + j + k) % FOUR_MARKERS.len()];
                let sampling: Vec<_> = (1..).zip(sampling).map(|(id, s)| (id, s.0, s.1)).collect();
                cases.push(case(
                    (width, height),
                    &sampling,
                    coding,
                    layout,
                    (markers, segments),
                    colour,
                ));
            }
        }
    }
    cases
}

fn case(
    (width, height): (usize, usize),
    sampling: &[(u8, usize, usize)],
    coding: &str,
    layout: Layout,
    (name, segments): (&str, &[Marker]),
    colour: Colour,
) -> Case {
    let layout = Layout {
        markers: segments.to_vec(),
        ..layout
    };
    let picture = Picture::drawn(width, height, sampling, (width * 131 + height) as u64);
    let mut factors = String::new();
    for (_, h, v) in sampling {
        let _ = write!(factors, " {h}x{v}");
    }
    Case {
        name: format!("{width} x {height},{factors}, {coding}, {name}"),
        bytes: write(&picture, &layout),
        picture,
        colour,
        orientation: 1,
    }
}

/// The ways to code `n` components. Only without `together` do all scans hold one component each.
fn codings(n: usize, together: bool) -> Vec<(&'static str, Layout)> {
    let baseline = Process::Sequential { extended: false };
    let all: Vec<usize> = (0..n).collect();
    let layout = |process, tables, scans, restart_interval| Layout {
        process,
        tables,
        scans,
        restart_interval,
        markers: Vec::new(),
    };
    let mut codings = vec![
        (
            "one by one",
            layout(baseline, Tables::Standard, one_by_one(&all), 0),
        ),
        (
            "one by one, restarts",
            layout(baseline, Tables::Flat, one_by_one(&all), 2),
        ),
    ];
    if together {
        let one = || vec![Scan::sequential(&all)];
        codings.extend([
            ("baseline", layout(baseline, Tables::Standard, one(), 0)),
            (
                "baseline, own tables, restarts",
                layout(baseline, Tables::Flat, one(), 1),
            ),
            ("baseline, no tables", layout(baseline, Tables::Omitted, one(), 0)),
            (
                "extended, restarts",
                layout(Process::Sequential { extended: true }, Tables::Flat, one(), 3),
            ),
            (
                "progressive",
                layout(Process::Progressive, Tables::Flat, progression(n), 0),
            ),
            (
                "progressive, restarts",
                layout(Process::Progressive, Tables::Flat, progression(n), 2),
            ),
        ]);
    }
    if n == 3 {
        let last_first = layout(baseline, Tables::Standard, one_by_one(&[1, 2, 0]), 0);
        codings.push(("Cb, Cr, Y", last_first));
        let pair = vec![Scan::sequential(&[0]), Scan::sequential(&[1, 2])];
        codings.push(("Y, then Cb with Cr", layout(baseline, Tables::Flat, pair, 0)));
    }
    codings
}

/// Files with an orientation in EXIF data of every byte order, place and neighbourhood.
fn turned() -> Vec<Case> {
    let mut cases = Vec::new();
    for orientation in 1..=8 {
        for big_endian in [false, true] {
            for entries_before in [0, 3] {
                for place in ["before JFIF", "after JFIF", "after Adobe", "alone"] {
                    let exif = Marker::Exif(Exif {
                        big_endian,
                        entries_before,
                        orientation,
                    });
                    let markers = match place {
                        "before JFIF" => vec![exif, Marker::Jfif],
                        "after JFIF" => vec![Marker::Jfif, exif],
                        "after Adobe" => {
                            vec![Marker::Adobe(1), Marker::Other(0xfe, b"comment".to_vec()), exif]
                        }
                        _ => vec![exif],
                    };
                    let layout = Layout {
                        process: Process::Sequential { extended: false },
                        tables: Tables::Standard,
                        scans: vec![Scan::sequential(&[0, 1, 2])],
                        restart_interval: 0,
                        markers: Vec::new(),
                    };
                    let sampling = [(1, 2, 2), (2, 1, 1), (3, 1, 1)];
                    let name = format!(
                        "orientation {orientation} {place}, big endian {big_endian}, {entries_before} entries before it"
                    );
                    let case = case(
                        (21, 13),
                        &sampling,
                        "baseline",
                        layout,
                        (&name, &markers),
                        Colour::YCbCr,
                    );
                    cases.push(Case { orientation, ..case });
                }
            }
        }
    }
    cases
}
