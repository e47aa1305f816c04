//! Pictures of known levels, the files that hold them, and what they look like by the definition of the format.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_pcg::Pcg64;

/// White space of one byte.
const SPACES: [&str; 6] = [" ", "\n", "\t", "\r", "\x0b", "\x0c"];
/// What may stand between numbers besides.
const GAPS: [&str; 5] = ["\r\n", "  ", " # 7 of 9\n", "\n#\r", "\t#\n#\u{b5}\r\n"];

/// Levels, with what the file says of them.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The digit that the file begins with, behind `P`.
    pub kind: u8,
    pub width: usize,
    pub height: usize,
    pub most: u16,
    /// A level for each channel.
    pub levels: Vec<u16>,
}

impl Picture {
    /// A picture of any kind, depth and size.
    pub fn random(random: &mut Pcg64) -> Self {
        let kind = random.random_range(1..=6);
        let most = match random.random_range(0..4) {
            _ if is_of_bits(kind) => 1,
            0 => 255,
            1 => *[1, 254, 256, 65_534, 65_535].choose(random).unwrap(),
            2 => random.random_range(1..=255),
            _ => random.random_range(1..=65_535),
        };
        let (width, height) = (random.random_range(1..40), random.random_range(1..12));
        let levels = (0..width * height * channels(kind)).map(|_| match random.random_range(0..8) {
            0 => 0,
            1 => most,
            _ => random.random_range(0..=most),
        });
        Self {
            kind,
            width,
            height,
            most,
            levels: levels.collect(),
        }
    }

    /// A picture in a row that has every level.
    pub fn of_all_levels(kind: u8, most: u16) -> Self {
        let mut levels: Vec<u16> = (0..=most).collect();
        levels.resize(levels.len().next_multiple_of(channels(kind)), most);
        Self {
            kind,
            width: levels.len() / channels(kind),
            height: 1,
            most,
            levels,
        }
    }

    /// A file that holds the picture, with gaps of every sort where the format allows them.
    pub fn file(&self, random: &mut Pcg64) -> Vec<u8> {
        let mut file = vec![b'P', b'0' + self.kind];
        push_gap(&mut file, random);
        push_number(&mut file, self.width, random);
        push_gap(&mut file, random);
        push_number(&mut file, self.height, random);
        if !is_of_bits(self.kind) {
            push_gap(&mut file, random);
            push_number(&mut file, usize::from(self.most), random);
        }
        // What follows it are pixels.
        file.extend(SPACES.choose(random).unwrap().bytes());
        match self.kind {
            1 => {
                for level in &self.levels {
                    file.push(b'0' + *level as u8);
                    if random.random_bool(0.5) {
                        push_gap(&mut file, random);
                    }
                }
            }
            2 | 3 => {
                for level in &self.levels {
                    push_number(&mut file, usize::from(*level), random);
                    push_gap(&mut file, random);
                }
            }
            4 => {
                for row in self.levels.chunks(self.width) {
                    for bits in row.chunks(8) {
                        // The bits behind the end of a row mean nothing.
                        let rest: u8 = random.random();
                        let bit = |at: usize| bits.get(at).map_or(rest >> at & 1, |bit| *bit as u8);
                        file.push((0..8).fold(0, |byte, at| byte << 1 | bit(at)));
                    }
                }
            }
            _ if self.most < 256 => file.extend(self.levels.iter().map(|level| *level as u8)),
            _ => file.extend(self.levels.iter().flat_map(|level| level.to_be_bytes())),
        }
        file
    }

    /// Whether these are the picture's RGB pixels, by the definition: `most` is white, of bits black. A level halfway between two
    /// may be either.
    pub fn is(&self, pixels: &[u8]) -> bool {
        let repeats = 3 / channels(self.kind);
        let expected = self.levels.iter().flat_map(|level| [*level].repeat(repeats));
        let is_right = |(level, found): (u16, &u8)| {
            let (level, most, found) = (u64::from(level), u64::from(self.most), u64::from(*found));
            match self.kind {
                1 | 4 => found == 255 * (1 - level),
                // The high byte of 16 bits.
                2 | 5 if most > 255 => {
                    let twice = 2 * level * 65_535;
                    let nearest = [(twice + most) / (2 * most), (twice + most - 1) / (2 * most)];
                    nearest.iter().any(|word| word / 256 == found)
                }
                _ => (2 * level * 255).abs_diff(2 * found * most) <= most,
            }
        };
        pixels.len() == 3 * self.width * self.height && expected.zip(pixels).all(is_right)
    }
}

fn is_of_bits(kind: u8) -> bool {
    matches!(kind, 1 | 4)
}

fn channels(kind: u8) -> usize {
    if matches!(kind, 3 | 6) { 3 } else { 1 }
}

fn push_gap(file: &mut Vec<u8>, random: &mut Pcg64) {
    let gaps = if random.random_bool(0.1) {
        &GAPS[..]
    } else {
        &SPACES[..]
    };
    // Not all of it is UTF-8 in files: as Latin-1.
    file.extend(gaps.choose(random).unwrap().chars().map(|c| c as u8));
}

/// Some programs fill numbers up with zeros.
fn push_number(file: &mut Vec<u8>, number: usize, random: &mut Pcg64) {
    let width = if random.random_bool(0.1) { 5 } else { 0 };
    file.extend(format!("{number:0width$}").bytes());
}
