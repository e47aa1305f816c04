//! Writes JPEG files of every layout, and computes the pixels that they stand for without a decoder.

mod bits;
mod coefficients;
mod headers;
mod huffman;
pub mod oracle;
mod progressive;
mod sequential;

pub use coefficients::{Component, Picture};
pub use headers::{Exif, Marker};

/// How the coefficients are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// `SOF0`, or `SOF1` if `extended`: every coefficient in one scan of its component.
    Sequential { extended: bool },
    /// `SOF2`: bands and bits of the coefficients in scans of their own.
    Progressive,
}

/// Which Huffman tables a sequential file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// The tables of T.81, annex K.3.
    Standard,
    /// None: the standard tables are meant, as in the pictures of a motion JPEG.
    Omitted,
    /// Tables with a code for every symbol. Progressive files always have these.
    Flat,
}

/// Part of the data: components, and for progressive files a band of coefficients and a range of their bits.
#[derive(Clone, Debug)]
pub struct Scan {
    pub components: Vec<usize>,
    /// First and last coefficient in zigzag order.
    pub band: [u8; 2],
    /// The lowest bit of the scan before (0 if there is none), and of this scan.
    pub bits: [u8; 2],
}

impl Scan {
    /// All coefficients of some components.
    pub fn sequential(components: &[usize]) -> Self {
        Self {
            components: components.to_vec(),
            band: [0, 63],
            bits: [0, 0],
        }
    }

    pub fn progressive(components: &[usize], band: [u8; 2], bits: [u8; 2]) -> Self {
        Self {
            components: components.to_vec(),
            band,
            bits,
        }
    }
}

/// Everything about a file but its picture.
#[derive(Clone, Debug)]
pub struct Layout {
    pub process: Process,
    pub tables: Tables,
    pub scans: Vec<Scan>,
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: u16,
    pub markers: Vec<Marker>,
}

/// Scans that send each of `n` components alone, in this order.
pub fn one_by_one(order: &[usize]) -> Vec<Scan> {
    order.iter().map(|&i| Scan::sequential(&[i])).collect()
}

/// Scans that send the DC coefficients of all components first, then two bands, then one more bit of everything.
pub fn progression(components: usize) -> Vec<Scan> {
    let all: Vec<usize> = (0..components).collect();
    let mut scans = vec![Scan::progressive(&all, [0, 0], [0, 1])];
    for band in [[1, 5], [6, 63]] {
        scans.extend(all.iter().map(|&i| Scan::progressive(&[i], band, [0, 2])));
    }
    for bits in [[2, 1], [1, 0]] {
        scans.extend(all.iter().rev().map(|&i| Scan::progressive(&[i], [1, 63], bits)));
    }
    scans.push(Scan::progressive(&all, [0, 0], [1, 0]));
    scans
}

/// The bytes of a file.
pub fn write(picture: &Picture, layout: &Layout) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    headers::write_markers(&mut file, &layout.markers);
    headers::write_quantization(&mut file, picture);
    headers::write_frame(&mut file, picture, layout.process);
    headers::write_tables(&mut file, layout);
    if layout.restart_interval > 0 {
        headers::segment(&mut file, 0xdd, &layout.restart_interval.to_be_bytes());
    }
    for scan in &layout.scans {
        headers::write_scan(&mut file, picture, scan, layout.process);
        match layout.process {
            Process::Sequential { .. } => sequential::write(&mut file, picture, layout, scan),
            Process::Progressive => progressive::write(&mut file, picture, layout, scan),
        }
    }
    file.extend([0xff, 0xd9]);
    file
}
