//! JPEG files, from the writer of the decoder's tests.

use crate::File;
use crate::jpeg::files::{
    Exif, Layout, Marker, Picture, Process, Scan, Tables, one_by_one, progression, write as jpeg_file,
};

/// Id and factors of each component.
type Sampling = &'static [(u8, usize, usize)];

/// JPEG files of every coding, and of the samplings that take a path of their own through the decoders.
pub fn jpegs() -> Vec<File> {
    let baseline = Process::Sequential { extended: false };
    let codings = |n: usize| {
        let all: Vec<usize> = (0..n).collect();
        let one = vec![Scan::sequential(&all)];
        [
            ("baseline", baseline, Tables::Standard, one.clone(), 0),
            ("restarts", baseline, Tables::Flat, one.clone(), 1),
            ("no-tables", baseline, Tables::Omitted, one, 0),
            ("one-by-one", baseline, Tables::Standard, one_by_one(&all), 0),
            (
                "progressive",
                Process::Progressive,
                Tables::Flat,
                progression(n),
                0,
            ),
        ]
    };
    let samplings: [(&str, Sampling, Marker); 6] = [
        ("444", &[(1, 1, 1), (2, 1, 1), (3, 1, 1)], Marker::Jfif),
        ("420", &[(1, 2, 2), (2, 1, 1), (3, 1, 1)], Marker::Jfif),
        ("422", &[(1, 2, 1), (2, 1, 1), (3, 1, 1)], Marker::Adobe(1)),
        ("fine-chroma", &[(1, 1, 1), (2, 1, 2), (3, 1, 2)], Marker::Jfif),
        ("grey", &[(1, 1, 1)], Marker::Jfif),
        (
            "ycck",
            &[(1, 2, 1), (2, 1, 1), (3, 1, 1), (4, 2, 1)],
            Marker::Adobe(2),
        ),
    ];
    let turned = Marker::Exif(Exif {
        big_endian: true,
        entries_before: 1,
        orientation: 6,
    });
    let mut files = Vec::new();
    for (index, (name, sampling, marker)) in samplings.into_iter().enumerate() {
        for (coding, process, tables, scans, restart_interval) in codings(sampling.len()) {
            // The other combinations add nothing but bytes.
            if index > 2 && matches!(coding, "restarts" | "no-tables") {
                continue;
            }
            let layout = Layout {
                process,
                tables,
                scans,
                restart_interval,
                markers: vec![marker.clone(), turned.clone()],
            };
            // Large enough to be reduced by 2.
            let picture = Picture::drawn(32, 34, sampling, index as u64);
            files.push((format!("{name}-{coding}.jpg"), jpeg_file(&picture, &layout)));
        }
    }
    files
}
