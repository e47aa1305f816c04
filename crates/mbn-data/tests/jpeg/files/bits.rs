//! Bits of entropy-coded data (T.81, F.1.2.3).

use super::huffman::Table;

/// Writes bits, most significant first.
#[derive(Default)]
pub(super) struct Bits {
    bytes: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    /// The lowest `count` bits of `value`.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        for i in (0..count).rev() {
            self.held = self.held << 1 | value >> i & 1;
            self.count += 1;
            if self.count == 8 {
                self.push(self.held as u8);
            }
        }
    }

    pub(super) fn symbol(&mut self, table: &Table, symbol: u8) {
        let (code, length) = table.code(symbol);
        self.put(code, length);
    }

    /// The magnitude bits that follow a category: a negative value is stored minus one.
    pub(super) fn magnitude(&mut self, value: i32, category: u32) {
        let stored = if value < 0 { value - 1 } else { value };
        self.put(stored as u32, category);
    }

    /// Fills the last byte with ones and adds a marker, if there is one.
    pub(super) fn align(&mut self) {
        while self.count != 0 {
            self.put(1, 1);
        }
    }

    pub(super) fn restart(&mut self, number: usize) {
        self.align();
        self.bytes.extend([0xff, 0xd0 + (number % 8) as u8]);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.align();
        self.bytes
    }

    fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
        if byte == 0xff {
            self.bytes.push(0);
        }
        (self.held, self.count) = (0, 0);
    }
}

/// The number of bits of a value's magnitude.
pub(super) fn category(value: i32) -> u32 {
    32 - value.unsigned_abs().leading_zeros()
}
