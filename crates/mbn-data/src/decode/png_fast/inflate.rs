//! Inflates a zlib stream that lies in several chunks, a part at a time.

use std::slice::Iter;

use fdeflate::Decompressor;

/// How far back the stream may repeat earlier bytes.
const WINDOW: usize = 1 << 15;

/// A stream that is being inflated.
pub(super) struct Inflate<'a> {
    decompressor: Decompressor,
    /// What is left of a chunk, and the chunks after it.
    input: &'a [u8],
    chunks: Iter<'a, &'a [u8]>,
    /// The last bytes that were inflated, up to `filled`, and room for more.
    output: Vec<u8>,
    filled: usize,
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
        }
    }

    /// The next `length` bytes. `None` if the stream is damaged or ends before.
    pub(super) fn next(&mut self, length: usize) -> Option<&[u8]> {
        let kept = self.filled.min(WINDOW);
        self.output.copy_within(self.filled - kept..self.filled, 0);
        self.filled = kept;
        let end = kept + length;
        while self.filled < end {
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

    /// Inflates what can be, at most up to `end`. `None` if that is nothing, for good.
    fn read(&mut self, end: usize) -> Option<()> {
        let output = self.output.get_mut(..end)?;
        let (read, written) = self
            .decompressor
            .read(self.input, output, self.filled, false)
            .ok()?;
        self.input = self.input.get(read..)?;
        self.filled += written;
        if (read, written) == (0, 0) && !self.decompressor.is_done() {
            self.input = match self.input {
                [] => self.chunks.next()?,
                _ => return None,
            };
            return Some(());
        }
        (self.filled == end || !self.decompressor.is_done()).then_some(())
    }
}
