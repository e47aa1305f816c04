//! Marker segments.

use super::huffman::Table;
use super::{Layout, Picture, Process, Scan, Tables, huffman};

/// Number of the AC table of scans that add one bit.
const REFINING: u8 = 2;

/// A segment in front of the tables.
#[derive(Clone, Debug)]
pub enum Marker {
    /// `APP0` of JFIF.
    Jfif,
    /// `APP14` of Adobe with its transform: 0 for RGB or CMYK, 1 for YCbCr, 2 for YCCK.
    Adobe(u8),
    /// `APP1` with an orientation.
    Exif(Exif),
    /// Any other segment: marker and content.
    Other(u8, Vec<u8>),
}

/// An orientation in EXIF data.
#[derive(Clone, Copy, Debug)]
pub struct Exif {
    pub big_endian: bool,
    /// Number of other entries before it.
    pub entries_before: u16,
    pub orientation: u8,
}

/// A marker segment with its length.
pub(super) fn segment(file: &mut Vec<u8>, marker: u8, content: &[u8]) {
    file.extend([0xff, marker]);
    file.extend((content.len() as u16 + 2).to_be_bytes());
    file.extend(content);
}

pub(super) fn write_markers(file: &mut Vec<u8>, markers: &[Marker]) {
    for marker in markers {
        match marker {
            Marker::Jfif => segment(file, 0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            Marker::Adobe(transform) => {
                segment(
                    file,
                    0xee,
                    &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[*transform]].concat(),
                );
            }
            Marker::Exif(exif) => segment(file, 0xe1, &exif.bytes()),
            Marker::Other(marker, content) => segment(file, *marker, content),
        }
    }
}

impl Exif {
    fn bytes(&self) -> Vec<u8> {
        let short = |value: u16| match self.big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        };
        let long = |value: u32| match self.big_endian {
            true => value.to_be_bytes(),
            false => value.to_le_bytes(),
        };
        let mut bytes = b"Exif\0\0".to_vec();
        bytes.extend(if self.big_endian { b"MM" } else { b"II" });
        bytes.extend(short(42));
        bytes.extend(long(8));
        bytes.extend(short(self.entries_before + 1));
        let mut entry = |tag: u16, value: u16| {
            // Type 3 is SHORT.
            bytes.extend([short(tag), short(3)].concat());
            bytes.extend(long(1));
            bytes.extend([short(value), short(0)].concat());
        };
        for i in 0..self.entries_before {
            entry(0x0100 + i, 7);
        }
        entry(0x0112, self.orientation.into());
        bytes.extend(long(0));
        bytes
    }
}

pub(super) fn write_quantization(file: &mut Vec<u8>, picture: &Picture) {
    for (i, steps) in (0u8..).zip(&picture.steps) {
        let steps = steps.iter().map(|&step| step as u8);
        segment(file, 0xdb, &[i].into_iter().chain(steps).collect::<Vec<_>>());
    }
}

pub(super) fn write_frame(file: &mut Vec<u8>, picture: &Picture, process: Process) {
    let marker = match process {
        Process::Sequential { extended } => 0xc0 + u8::from(extended),
        Process::Progressive => 0xc2,
    };
    let mut content = vec![8];
    content.extend((picture.height as u16).to_be_bytes());
    content.extend((picture.width as u16).to_be_bytes());
    content.push(picture.components.len() as u8);
    for (i, component) in picture.components.iter().enumerate() {
        let factors = (component.h << 4 | component.v) as u8;
        content.extend([component.id, factors, i.min(1) as u8]);
    }
    segment(file, marker, &content);
}

pub(super) fn write_tables(file: &mut Vec<u8>, layout: &Layout) {
    if layout.tables == Tables::Omitted {
        return;
    }
    let mut write = |head: usize, table: &Table| {
        segment(
            file,
            0xc4,
            &[&[head as u8], &table.counts[..], &table.symbols].concat(),
        );
    };
    for class in 0..2 {
        for (kind, table) in huffman::tables(layout, class).iter().enumerate() {
            write(kind << 4 | class, table);
        }
    }
    if layout.process == Process::Progressive {
        write(1 << 4 | usize::from(REFINING), &huffman::refining_ac());
    }
}

pub(super) fn write_scan(file: &mut Vec<u8>, picture: &Picture, scan: &Scan, process: Process) {
    let mut content = vec![scan.components.len() as u8];
    for &i in &scan.components {
        let table = i.min(1) as u8;
        // A progressive scan names only the tables that it uses.
        let tables = match process {
            Process::Sequential { .. } => table << 4 | table,
            Process::Progressive if scan.band[0] == 0 => table << 4,
            Process::Progressive if scan.bits[0] > 0 => REFINING,
            Process::Progressive => table,
        };
        content.extend([picture.components[i].id, tables]);
    }
    content.extend(scan.band);
    content.push(scan.bits[0] << 4 | scan.bits[1]);
    segment(file, 0xda, &content);
}
