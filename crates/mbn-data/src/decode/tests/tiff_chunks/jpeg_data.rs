//! JPEG data as they lie in TIFF files: of any colours, with tables of their own or without.

use mozjpeg::{ColorSpace, Compress};

/// A JPEG file of the best quality, whose channels are stored as they are.
pub(in crate::decode::tests) fn file_of(size: (usize, usize), channels: usize, levels: &[u8]) -> Vec<u8> {
    file_with(size, channels, levels, |_| {})
}

/// The same, of a form that `change` makes.
pub(in crate::decode::tests) fn file_with(
    (width, height): (usize, usize),
    channels: usize,
    levels: &[u8],
    change: impl FnOnce(&mut Compress),
) -> Vec<u8> {
    let colours = match channels {
        1 => ColorSpace::JCS_GRAYSCALE,
        3 => ColorSpace::JCS_RGB,
        _ => ColorSpace::JCS_CMYK,
    };
    let mut compress = Compress::new(colours);
    compress.set_fastest_defaults();
    compress.set_color_space(colours);
    compress.set_size(width, height);
    compress.set_quality(100.0);
    change(&mut compress);
    let mut started = compress.start_compress(Vec::new()).unwrap();
    started.write_scanlines(levels).unwrap();
    started.finish().unwrap()
}

/// The segments before the scan, with their markers, and what follows them.
fn segments(file: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut segments, mut rest) = (Vec::new(), &file[2..]);
    while rest[1] != 0xda {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (segment, after) = rest.split_at(2 + length);
        segments.push(segment);
        rest = after;
    }
    (segments, rest)
}

fn is_table(segment: &[u8]) -> bool {
    [0xdb, 0xc4].contains(&segment[1])
}

/// What the tag `JPEGTables` holds.
pub(in crate::decode::tests) fn tables_of(file: &[u8]) -> Vec<u8> {
    let tables: Vec<&[u8]> = segments(file)
        .0
        .into_iter()
        .filter(|segment| is_table(segment))
        .collect();
    [&[0xff, 0xd8], &tables.concat()[..], &[0xff, 0xd9]].concat()
}

pub(in crate::decode::tests) fn without_tables(file: &[u8]) -> Vec<u8> {
    let (segments, scan) = segments(file);
    let others: Vec<&[u8]> = segments
        .into_iter()
        .filter(|segment| !is_table(segment))
        .collect();
    [&[0xff, 0xd8], &others.concat()[..], scan].concat()
}
