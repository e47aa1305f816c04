//! Inflates a zlib stream that lies in several chunks, a part at a time.

use std::slice::Iter;

use fdeflate::Decompressor;

/// How far back the stream may repeat earlier bytes.
const WINDOW: usize = 1 << 15;

/// Calls in a row that neither read nor write before the stream counts as damaged. An empty block may lie in the bits that were
/// read before, so that one such call is sound.
const MOST_IDLE: usize = 8;

/// A stream that is being inflated.
pub(super) struct Inflate<'a> {
    decompressor: Decompressor,
    /// What is left of a chunk, and the chunks after it.
    input: &'a [u8],
    chunks: Iter<'a, &'a [u8]>,
    /// The last bytes that were inflated, up to `filled`, and room for more.
    output: Vec<u8>,
    filled: usize,
    /// Calls of the decompressor since it last read or wrote.
    idle: usize,
}

impl<'a> Inflate<'a> {
    /// A stream of which at most `most` bytes are asked for at once.
    pub(super) fn new(chunks: &'a [&'a [u8]], most: usize) -> Self {
        let mut decompressor = Decompressor::new();
        // The png crate ignores it too, so such a file is decoded on either way.
        decompressor.ignore_adler32();
        Self {
            decompressor,
            input: &[],
            chunks: chunks.iter(),
            // One more byte, which stays free unless the stream is too long.
            output: vec![0; WINDOW + most + 1],
            filled: 0,
            idle: 0,
        }
    }

    /// The next `length` bytes. `None` if the stream is damaged or ends before.
    pub(super) fn next(&mut self, length: usize) -> Option<&[u8]> {
        let kept = self.filled.min(WINDOW);
        self.output.copy_within(self.filled - kept..self.filled, 0);
        self.filled = kept;
        let end = kept + length;
        while self.filled < end {
            if self.decompressor.is_done() {
                return None;
            }
            self.read(end)?;
        }
        self.output.get(kept..end)
    }

    /// Whether the stream ends after what was inflated. Bytes that follow it do not count: the png crate ignores them too, and
    /// the decompressor does not tell how many of those that it took are left.
    pub(super) fn ends_here(mut self) -> bool {
        let end = self.filled;
        while !self.decompressor.is_done() {
            if self.read(end + 1).is_none() || self.filled > end {
                return false;
            }
        }
        true
    }

    /// Inflates what can be, at most up to `end`. `None` if the stream is damaged, or the chunks end before it.
    fn read(&mut self, end: usize) -> Option<()> {
        let output = self.output.get_mut(..end)?;
        let (read, written) = self
            .decompressor
            .read(self.input, output, self.filled, false)
            .ok()?;
        self.input = self.input.get(read..)?;
        self.filled += written;
        if (read, written) != (0, 0) {
            self.idle = 0;
        } else if !self.decompressor.is_done() {
            self.idle += 1;
            if self.input.is_empty() {
                self.input = self.chunks.next()?;
                self.idle = 0;
            }
            return (self.idle <= MOST_IDLE).then_some(());
        }
        Some(())
    }
}
