//! Whether every segment of a JPEG file is as the standard (ITU-T T.81, annex B) and libjpeg demand. Of files that are not,
//! decoders make different pictures: the fast one passes over a table that is missing or damaged.

mod huffman;
mod scans;

use huffman::HuffmanTables;
use scans::Scans;

/// The first byte of every marker.
const MARKER: u8 = 0xff;
/// Bytes of a quantisation table, and of the byte with its number.
const QUANTISATION: usize = 65;

/// Whether no segment is damaged, unknown or missing, and no byte lies between them. Looks at no entropy-coded data.
pub(super) fn is_flawless(bytes: &[u8]) -> bool {
    walk(bytes).is_some()
}

/// `None` at the first flaw.
fn walk(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.strip_prefix(&[MARKER, 0xd8])?;
    let mut found = Found::default();
    loop {
        let (&[first, marker], after) = rest.split_first_chunk()?;
        if first != MARKER {
            return None;
        }
        if marker == 0xd9 {
            return found.scans?.are_complete().then_some(());
        }
        let length = usize::from(u16::from_be_bytes(*after.first_chunk()?));
        let (segment, after) = after.split_at_checked(length)?;
        let content = segment.get(2..)?;
        found.segment(marker, content)?;
        rest = match marker {
            0xda => found.after_data(after)?,
            _ => after,
        };
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    scans: Option<Scans>,
    /// Which quantisation tables are defined.
    quantisation: [bool; 4],
    huffman: HuffmanTables,
    has_jfif: bool,
    has_adobe: bool,
    /// Whether restart markers are announced.
    has_restarts: bool,
}

impl Found {
    fn segment(&mut self, marker: u8, content: &[u8]) -> Option<()> {
        match marker {
            0xc0..=0xc2 if self.scans.is_none() => {
                self.scans = Some(Scans::of_frame(marker == 0xc2, content, self.quantisation)?);
            }
            0xc4 => self.huffman.define(content)?,
            0xda => self.scans.as_mut()?.add(content, &self.huffman)?,
            // After the frame header it would depend on the decoder which table counts.
            0xdb if self.scans.is_none() => self.quantisation(content)?,
            0xdd => self.has_restarts = u16::from_be_bytes(content.try_into().ok()?) > 0,
            0xe0 if content.starts_with(b"JFIF") => {
                (!self.has_jfif && content.len() >= 14 && content[4] == 0).then_some(())?;
                self.has_jfif = true;
            }
            0xee if content.starts_with(b"Adobe") => {
                (!self.has_adobe && matches!(content.get(11), Some(0 | 1))).then_some(())?;
                self.has_adobe = true;
            }
            0xe0..=0xef | 0xfe => {}
            _ => return None,
        }
        Some(())
    }

    fn quantisation(&mut self, content: &[u8]) -> Option<()> {
        let tables = content.chunks_exact(QUANTISATION);
        let is_whole = tables.remainder().is_empty() && !content.is_empty();
        for table in tables {
            let (&number, steps) = table.split_first()?;
            // A number above 3 has a precision of 16 bits or does not exist.
            *self.quantisation.get_mut(usize::from(number))? = !steps.contains(&0);
        }
        is_whole.then_some(())
    }

    /// Skips entropy-coded data. Restart markers must be announced and in order.
    fn after_data<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let (mut at, mut restarts) = (0, 0);
        loop {
            at += memchr::memchr(MARKER, data.get(at..)?)?;
            match *data.get(at + 1)? {
                0x00 => {}
                marker @ 0xd0..=0xd7 => {
                    (self.has_restarts && marker == 0xd0 + restarts % 8).then_some(())?;
                    restarts = (restarts + 1) % 8;
                }
                _ => return data.get(at..),
            }
            at += 2;
        }
    }
}

#[cfg(test)]
mod tests;
