//! Scans of a band of coefficients or of one more bit (T.81, annex G).

use super::bits::{Bits, category};
use super::huffman::{Table, refining_ac, tables};
use super::sequential::{Step, order, write_dc};
use super::{Layout, Picture, Scan};

/// Longest run of blocks whose band has ended.
const LONGEST_RUN: u32 = 0x7fff;

pub(super) fn write(file: &mut Vec<u8>, picture: &Picture, layout: &Layout, scan: &Scan) {
    let tables = [tables(layout, 0), tables(layout, 1)];
    let mut bits = Bits::default();
    let mut predictions = vec![0; picture.components.len()];
    let [before, low] = scan.bits.map(u32::from);
    let refining = refining_ac();
    let mut band = Band {
        table: match before {
            0 => &tables[scan.components[0].min(1)][1],
            _ => &refining,
        },
        ended_blocks: 0,
        corrections: Vec::new(),
    };
    for step in order(picture, scan, layout.restart_interval) {
        match step {
            Step::Restart(number) => {
                band.end(&mut bits);
                bits.restart(number);
                predictions.fill(0);
            }
            Step::Block(index, block) => {
                let coefficients = &picture.components[index].coefficients[block];
                let [first, last] = scan.band.map(usize::from);
                match (first, before) {
                    (0, 0) => {
                        let value = coefficients[0] >> low;
                        write_dc(&mut bits, &tables[index.min(1)][0], value - predictions[index]);
                        predictions[index] = value;
                    }
                    (0, _) => bits.put((coefficients[0] >> low) as u32, 1),
                    (_, 0) => band.first(&mut bits, &coefficients[first..=last], low),
                    _ => band.refine(&mut bits, &coefficients[first..=last], low),
                }
            }
        }
    }
    band.end(&mut bits);
    file.extend(bits.finish());
}

/// State of a scan of AC coefficients.
struct Band<'a> {
    table: &'a Table,
    /// Blocks whose band has ended since the last symbol.
    ended_blocks: u32,
    /// Correction bits that follow the run of ended blocks.
    corrections: Vec<u32>,
}

impl Band<'_> {
    /// Writes the run of ended blocks.
    fn end(&mut self, bits: &mut Bits) {
        if self.ended_blocks > 0 {
            let length = self.ended_blocks.ilog2();
            bits.symbol(self.table, (length << 4) as u8);
            bits.put(self.ended_blocks, length);
            self.ended_blocks = 0;
        }
        self.corrections.drain(..).for_each(|bit| bits.put(bit, 1));
    }

    /// The first scan of a band: run lengths as in a sequential scan, without the low bits.
    fn first(&mut self, bits: &mut Bits, coefficients: &[i32], low: u32) {
        let mut run = 0;
        for &coefficient in coefficients {
            let value = coefficient.signum() * (coefficient.abs() >> low);
            if value == 0 {
                run += 1;
                continue;
            }
            self.end(bits);
            while run > 15 {
                bits.symbol(self.table, 0xf0);
                run -= 16;
            }
            let category = category(value);
            bits.symbol(self.table, run << 4 | category as u8);
            bits.magnitude(value, category);
            run = 0;
        }
        self.close(bits, run > 0, Vec::new());
    }

    /// One more bit: coefficients that become nonzero here, and correction bits for those that already are.
    fn refine(&mut self, bits: &mut Bits, coefficients: &[i32], low: u32) {
        let magnitudes: Vec<u32> = coefficients.iter().map(|c| c.unsigned_abs() >> low).collect();
        let last_new = magnitudes.iter().rposition(|&magnitude| magnitude == 1);
        let (mut run, mut corrections) = (0, Vec::new());
        for (i, (&magnitude, coefficient)) in magnitudes.iter().zip(coefficients).enumerate() {
            if magnitude == 0 {
                run += 1;
                continue;
            }
            // Runs of 16 zeros are only needed before a coefficient that becomes nonzero.
            while run > 15 && last_new.is_some_and(|last| i <= last) {
                self.end(bits);
                bits.symbol(self.table, 0xf0);
                corrections.drain(..).for_each(|bit| bits.put(bit, 1));
                run -= 16;
            }
            if magnitude > 1 {
                corrections.push(magnitude & 1);
                continue;
            }
            self.end(bits);
            bits.symbol(self.table, run << 4 | 1);
            bits.put(u32::from(*coefficient > 0), 1);
            corrections.drain(..).for_each(|bit| bits.put(bit, 1));
            run = 0;
        }
        self.close(bits, run > 0 || !corrections.is_empty(), corrections);
    }

    fn close(&mut self, bits: &mut Bits, has_ended: bool, corrections: Vec<u32>) {
        if has_ended {
            self.ended_blocks += 1;
            self.corrections.extend(corrections);
            if self.ended_blocks == LONGEST_RUN {
                self.end(bits);
            }
        }
    }
}
