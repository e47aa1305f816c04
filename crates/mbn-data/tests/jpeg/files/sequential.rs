//! Scans of whole blocks (T.81, annex F), and the order of blocks in any scan.

use super::bits::{Bits, category};
use super::huffman::{Table, tables};
use super::{Layout, Picture, Scan};

/// A block's place in a scan.
pub(super) enum Step {
    /// Component and index of the block.
    Block(usize, usize),
    /// A restart marker's number.
    Restart(usize),
}

/// The blocks of a scan in their order, with restart markers (T.81, A.2).
pub(super) fn order(picture: &Picture, scan: &Scan, restart_interval: u16) -> Vec<Step> {
    let mut mcus: Vec<Vec<Step>> = Vec::new();
    if let [index] = scan.components[..] {
        // One component alone: only the blocks that hold samples of the picture, row by row.
        let component = &picture.components[index];
        let [across, down] = picture.samples(component).map(|samples| samples.div_ceil(8));
        for row in 0..down {
            let blocks = (0..across).map(|column| Step::Block(index, row * component.blocks[0] + column));
            mcus.extend(blocks.map(|block| vec![block]));
        }
    } else {
        let across = picture.width.div_ceil(8 * picture.most_h());
        let down = picture.height.div_ceil(8 * picture.most_v());
        for mcu in 0..across * down {
            let (column, row) = (mcu % across, mcu / across);
            let mut steps = Vec::new();
            for &index in &scan.components {
                let component = &picture.components[index];
                for i in 0..component.h * component.v {
                    let (x, y) = (i % component.h, i / component.h);
                    let block = (row * component.v + y) * component.blocks[0] + column * component.h + x;
                    steps.push(Step::Block(index, block));
                }
            }
            mcus.push(steps);
        }
    }
    let mut steps = Vec::new();
    for (i, mcu) in mcus.into_iter().enumerate() {
        let interval = usize::from(restart_interval);
        if interval > 0 && i > 0 && i % interval == 0 {
            steps.push(Step::Restart(i / interval - 1));
        }
        steps.extend(mcu);
    }
    steps
}

pub(super) fn write(file: &mut Vec<u8>, picture: &Picture, layout: &Layout, scan: &Scan) {
    let tables = [tables(layout, 0), tables(layout, 1)];
    let mut bits = Bits::default();
    let mut predictions = vec![0; picture.components.len()];
    for step in order(picture, scan, layout.restart_interval) {
        match step {
            Step::Restart(number) => {
                bits.restart(number);
                predictions.fill(0);
            }
            Step::Block(index, block) => {
                let coefficients = &picture.components[index].coefficients[block];
                let [dc, ac] = &tables[index.min(1)];
                write_dc(&mut bits, dc, coefficients[0] - predictions[index]);
                predictions[index] = coefficients[0];
                write_ac(&mut bits, ac, &coefficients[1..]);
            }
        }
    }
    file.extend(bits.finish());
}

pub(super) fn write_dc(bits: &mut Bits, table: &Table, difference: i32) {
    let category = category(difference);
    bits.symbol(table, category as u8);
    bits.magnitude(difference, category);
}

fn write_ac(bits: &mut Bits, table: &Table, coefficients: &[i32]) {
    let mut run = 0;
    for &coefficient in coefficients {
        if coefficient == 0 {
            run += 1;
            continue;
        }
        while run > 15 {
            bits.symbol(table, 0xf0);
            run -= 16;
        }
        let category = category(coefficient);
        bits.symbol(table, run << 4 | category as u8);
        bits.magnitude(coefficient, category);
        run = 0;
    }
    if run > 0 {
        bits.symbol(table, 0);
    }
}
