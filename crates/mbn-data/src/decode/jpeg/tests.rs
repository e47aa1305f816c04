use proptest::prelude::*;

use super::*;
use crate::decode::limits::{DEFAULT_MAX_PIXELS, Limits};

/// A picture of one grey, in codes of one bit: the shortest file of its size.
#[derive(Clone, Debug)]
struct Flat {
    width: u16,
    height: u16,
    /// Sampling factors of each component.
    factors: Vec<(u8, u8)>,
    /// Marker of the frame header.
    frame: u8,
    /// Whether one scan holds all components.
    is_interleaved: bool,
}

impl Flat {
    /// The file, and the bits that its scans take without what fills up their last bytes.
    fn write(&self) -> (Vec<u8>, u64) {
        let mut file = vec![0xff, 0xd8];
        let mut segment = |marker: u8, content: &[u8]| {
            let length = u16::try_from(content.len() + 2).unwrap();
            file.extend([0xff, marker]);
            file.extend(length.to_be_bytes());
            file.extend(content);
        };
        segment(0xdb, &[[0].as_slice(), &[1; 64]].concat());
        for class in [0, 0x10] {
            // One code of one bit, for the symbol 0: no difference, and no other coefficient.
            segment(0xc4, &[[class, 1].as_slice(), &[0; 15], &[0]].concat());
        }
        let count = self.factors.len() as u8;
        let [h0, h1] = self.height.to_be_bytes();
        let [w0, w1] = self.width.to_be_bytes();
        let mut frame = vec![8, h0, h1, w0, w1, count];
        for (id, &(h, v)) in (1..).zip(&self.factors) {
            frame.extend([id, h << 4 | v, 0]);
        }
        segment(self.frame, &frame);
        let all: Vec<u8> = (1..=count).collect();
        let scans = match self.is_interleaved {
            true => vec![all],
            false => all.iter().map(|&id| vec![id]).collect(),
        };
        let mut bits = 0;
        for ids in scans {
            self.scan(&mut file, &ids);
            let taken = self.bits(&ids);
            bits += taken;
            file.extend(vec![0; (taken / 8) as usize]);
            if !taken.is_multiple_of(8) {
                file.push(0xff >> (taken % 8));
            }
        }
        file.extend([0xff, 0xd9]);
        (file, bits)
    }

    fn scan(&self, file: &mut Vec<u8>, ids: &[u8]) {
        let last = if self.is_progressive() { 0 } else { 63 };
        file.extend([0xff, 0xda, 0, 6 + 2 * ids.len() as u8, ids.len() as u8]);
        file.extend(ids.iter().flat_map(|&id| [id, 0]));
        file.extend([0, last, 0]);
    }

    fn is_progressive(&self) -> bool {
        self.frame == 0xc2
    }

    /// Bits of a scan, counted block by block (ITU-T T.81, A.2).
    fn bits(&self, ids: &[u8]) -> u64 {
        let most_h = usize::from(self.factors.iter().map(|factors| factors.0).max().unwrap());
        let most_v = usize::from(self.factors.iter().map(|factors| factors.1).max().unwrap());
        let (width, height) = (usize::from(self.width), usize::from(self.height));
        let mut blocks = 0;
        if let [id] = ids {
            let (h, v) = self.factors[usize::from(id - 1)];
            // The component's own size, rounded up.
            let columns = (width * usize::from(h)).div_ceil(most_h);
            let rows = (height * usize::from(v)).div_ceil(most_v);
            for _ in (0..rows).step_by(8) {
                blocks += (0..columns).step_by(8).count() as u64;
            }
        } else {
            for _ in (0..height).step_by(8 * most_v) {
                for _ in (0..width).step_by(8 * most_h) {
                    let unit = ids.iter().map(|id| self.factors[usize::from(id - 1)]);
                    blocks += unit.map(|(h, v)| u64::from(h * v)).sum::<u64>();
                }
            }
        }
        blocks * if self.is_progressive() { 1 } else { 2 }
    }
}

fn flat() -> impl Strategy<Value = Flat> {
    let components = prop_oneof![
        (1..=4_u8, 1..=4_u8).prop_map(|luma| vec![luma]),
        (1..=4_u8, 1..=2_u8).prop_map(|luma| vec![luma, (1, 1), (1, 1)]),
        Just(vec![(2, 2), (1, 2), (2, 1)]),
        Just(vec![(1, 1), (2, 2), (2, 2)]),
        Just(vec![(2, 2), (1, 1), (1, 1), (2, 2)]),
    ];
    let frame = prop::sample::select(vec![0xc0, 0xc1, 0xc2]);
    (1..200_u16, 1..200_u16, components, frame, any::<bool>()).prop_map(
        |(width, height, factors, frame, is_interleaved)| Flat {
            width,
            height,
            factors,
            frame,
            is_interleaved,
        },
    )
}

fn check(bytes: usize, file: &[u8]) -> Result<u64, DecodeErrorKind> {
    let structure = structure::read(file).unwrap();
    cost::check(bytes, &structure, 1, Limits::new(DEFAULT_MAX_PIXELS))
}

proptest! {
    #[test]
    fn the_shortest_file_of_a_size_is_decoded(flat in flat()) {
        let (file, bits) = flat.write();
        prop_assert_eq!(structure::read(&file).unwrap().fewest_bits, bits);
        let decoded = crate::decode_bytes(&file).unwrap();
        prop_assert_eq!((decoded.width(), decoded.height()), (flat.width.into(), flat.height.into()));
        let first = *decoded.get_pixel(0, 0);
        prop_assert!(decoded.pixels().all(|pixel| *pixel == first));
    }

    #[test]
    fn a_shorter_one_is_refused_before_its_pixels_take_memory(flat in flat()) {
        let (file, bits) = flat.write();
        let bytes = bits.div_ceil(8) as usize;
        prop_assert!(check(bytes, &file).is_ok());
        let short = matches!(check(bytes - 1, &file), Err(DecodeErrorKind::Malformed { .. }));
        prop_assert!(short);
        let without_end = &file[..file.len() - 2];
        let unfinished = matches!(check(bytes - 1, without_end), Err(DecodeErrorKind::Truncated { .. }));
        prop_assert!(unfinished);
    }
}

/// A camera's size.
const LARGE: Flat = Flat {
    width: 16_320,
    height: 12_240,
    factors: Vec::new(),
    frame: 0xc0,
    is_interleaved: true,
};

#[test]
fn a_photo_of_200_megapixels_is_taken_if_it_is_long_enough() {
    let flat = Flat {
        factors: vec![(2, 2), (1, 1), (1, 1)],
        ..LARGE
    };
    let (file, _) = flat.write();
    assert!(check(file.len(), &file).is_ok());
    assert!(matches!(
        check(1000, &file),
        Err(DecodeErrorKind::Malformed { .. })
    ));
}

#[test]
fn arithmetic_coding_counts_the_pixels() {
    let flat = Flat {
        factors: vec![(1, 1)],
        frame: 0xc9,
        ..LARGE
    };
    let (file, _) = flat.write();
    let error = check(file.len(), &file).unwrap_err();
    assert!(matches!(error, DecodeErrorKind::TooMuchMemory { .. }), "{error}");
}
