//! Huffman tables.

use super::{Layout, Process, Tables};

/// Symbols in the order of their codes, and how many codes there are of each length.
pub(super) struct Table {
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
}

impl Table {
    /// The code of a symbol and its length (T.81, annex C).
    pub(super) fn code(&self, symbol: u8) -> (u32, u32) {
        let (mut code, mut at) = (0, 0);
        for (length, &count) in (1..).zip(&self.counts) {
            for _ in 0..count {
                if self.symbols[at] == symbol {
                    return (code, length);
                }
                code += 1;
                at += 1;
            }
            code <<= 1;
        }
        panic!("the table has no code for symbol {symbol:#04x}");
    }
}

/// The tables for DC and AC coefficients of luminance (0) or chrominance (1).
pub(super) fn tables(layout: &Layout, class: usize) -> [Table; 2] {
    match (layout.process, layout.tables) {
        (Process::Sequential { .. }, Tables::Standard | Tables::Omitted) => {
            [standard_dc(class), standard_ac(class)]
        }
        _ => [flat_dc(), flat_ac()],
    }
}

/// A code of 4 bits for each category.
fn flat_dc() -> Table {
    let mut counts = [0; 16];
    counts[3] = 12;
    Table {
        counts,
        symbols: (0..12).collect(),
    }
}

/// A code of 8 or 9 bits for each byte.
fn flat_ac() -> Table {
    let mut counts = [0; 16];
    (counts[7], counts[8]) = (254, 2);
    Table {
        counts,
        symbols: (0..=255).collect(),
    }
}

/// The AC table of scans that add one bit, in which every new coefficient has a magnitude of 1: a code of 5 or 6 bits for each
/// run before such a coefficient or of ended blocks.
pub(super) fn refining_ac() -> Table {
    let mut counts = [0; 16];
    (counts[4], counts[5]) = (30, 2);
    Table {
        counts,
        symbols: (0..16).flat_map(|run| [run << 4, run << 4 | 1]).collect(),
    }
}

/// T.81, tables K.3 and K.4.
fn standard_dc(class: usize) -> Table {
    let counts = match class {
        0 => [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        _ => [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
    };
    Table {
        counts,
        symbols: (0..12).collect(),
    }
}

/// T.81, tables K.5 and K.6.
fn standard_ac(class: usize) -> Table {
    let (counts, symbols) = match class {
        0 => ([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d], LUMINANCE_AC),
        _ => (
            [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
            CHROMINANCE_AC,
        ),
    };
    let digits: Vec<u32> = symbols.chars().filter_map(|c| c.to_digit(16)).collect();
    let symbols = digits
        .as_chunks()
        .0
        .iter()
        .map(|[high, low]| (high * 16 + low) as u8);
    Table {
        counts,
        symbols: symbols.collect(),
    }
}

const LUMINANCE_AC: &str = "
    01 02 03 00 04 11 05 12 21 31 41 06 13 51 61 07 22 71 14 32 81 91 a1 08 23 42 b1 c1 15 52 d1 f0
    24 33 62 72 82 09 0a 16 17 18 19 1a 25 26 27 28 29 2a 34 35 36 37 38 39 3a 43 44 45 46 47 48 49
    4a 53 54 55 56 57 58 59 5a 63 64 65 66 67 68 69 6a 73 74 75 76 77 78 79 7a 83 84 85 86 87 88 89
    8a 92 93 94 95 96 97 98 99 9a a2 a3 a4 a5 a6 a7 a8 a9 aa b2 b3 b4 b5 b6 b7 b8 b9 ba c2 c3 c4 c5
    c6 c7 c8 c9 ca d2 d3 d4 d5 d6 d7 d8 d9 da e1 e2 e3 e4 e5 e6 e7 e8 e9 ea f1 f2 f3 f4 f5 f6 f7 f8
    f9 fa";

const CHROMINANCE_AC: &str = "
    00 01 02 03 11 04 05 21 31 06 12 41 51 07 61 71 13 22 32 81 08 14 42 91 a1 b1 c1 09 23 33 52 f0
    15 62 72 d1 0a 16 24 34 e1 25 f1 17 18 19 1a 26 27 28 29 2a 35 36 37 38 39 3a 43 44 45 46 47 48
    49 4a 53 54 55 56 57 58 59 5a 63 64 65 66 67 68 69 6a 73 74 75 76 77 78 79 7a 82 83 84 85 86 87
    88 89 8a 92 93 94 95 96 97 98 99 9a a2 a3 a4 a5 a6 a7 a8 a9 aa b2 b3 b4 b5 b6 b7 b8 b9 ba c2 c3
    c4 c5 c6 c7 c8 c9 ca d2 d3 d4 d5 d6 d7 d8 d9 da e2 e3 e4 e5 e6 e7 e8 e9 ea f2 f3 f4 f5 f6 f7 f8
    f9 fa";
