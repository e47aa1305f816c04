//! JPEG data that are a strip or tile of a TIFF file. They may share their tables, and the TIFF file alone says what their
//! channels are.

use super::structure::{self, Structure, malformed, unsupported};
use super::{cost, finished, flawless, libjpeg, turbo};
use crate::decode::error::DecodeErrorKind;
use crate::decode::jpeg::frame::Process;
use crate::decode::limits::Limits;
use crate::decode::segments::{END, SCAN, Segments};

const START: [u8; 2] = [0xff, 0xd8];
/// Adobe's segment with transform 0: the channels are grey, RGB or CMYK, which decoders do not convert.
const NOT_CONVERTED: [u8; 16] = *b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0";

/// A strip or tile whose markers were read.
pub(in crate::decode) struct Part {
    /// A JPEG file of its own.
    file: Vec<u8>,
    structure: Structure,
}

impl Part {
    /// Reads the markers of a strip or tile, of which `tables` has those that all share.
    ///
    /// # Errors
    /// As of a JPEG file, and for a form about which decoders of TIFF files disagree.
    pub fn read(tables: Option<&[u8]>, data: &[u8], limits: Limits) -> Result<Self, DecodeErrorKind> {
        let own = data
            .strip_prefix(&START)
            .ok_or_else(|| malformed("it is no JPEG data"))?;
        let tables = match tables {
            Some(tables) => {
                between_ends(tables).ok_or_else(|| malformed("the common JPEG tables are damaged"))?
            }
            None => &[],
        };
        let mut file = [&START, &NOT_CONVERTED[..], tables, own].concat();
        hide_names_of_colours(&mut file);
        let structure = structure::read(&file)?;
        check_form(&structure)?;
        cost::check(data.len(), &structure, 1, limits)?;
        Ok(Self { file, structure })
    }

    /// Width and height.
    pub fn size(&self) -> (usize, usize) {
        let frame = &self.structure.frame;
        (frame.width.into(), frame.height.into())
    }

    pub fn channels(&self) -> usize {
        self.structure.frame.components.len()
    }

    /// Number of blocks that decoding visits.
    pub fn blocks(&self) -> u64 {
        self.structure.visits
    }

    /// Bytes of a JPEG file of its own.
    pub fn bytes(&self) -> u64 {
        self.file.len() as u64
    }

    /// Whether the data have their end-of-image marker.
    pub fn has_end(&self) -> bool {
        self.structure.has_end
    }

    /// The levels, row by row, with all channels of a pixel together.
    ///
    /// # Errors
    /// As of a JPEG file.
    pub fn levels(&self) -> Result<Vec<u8>, DecodeErrorKind> {
        if !self.has_end() {
            return libjpeg::stored_levels(&finished(&self.file), &self.structure);
        }
        if turbo::is_exact(&self.structure)
            && flawless::is_flawless(&self.file)
            && let Some(levels) = turbo::stored_levels(&self.file, self.channels())
        {
            return Ok(levels);
        }
        libjpeg::stored_levels(&self.file, &self.structure)
    }
}

/// What the tables have between their first marker and their last.
fn between_ends(tables: &[u8]) -> Option<&[u8]> {
    tables.strip_prefix(&START)?;
    let end = Segments::of(tables).find(|segment| segment.marker == END)?;
    tables.get(2..end.at)
}

/// Makes comments of JFIF's and Adobe's segments, which would say what the channels are; but for the first.
fn hide_names_of_colours(file: &mut [u8]) {
    const COMMENT: u8 = 0xfe;
    // Decoders have read the names of the colours when pixels begin.
    let segments = Segments::after(file, START.len() + NOT_CONVERTED.len())
        .take_while(|segment| segment.marker != SCAN)
        .filter(|segment| matches!(segment.marker, 0xe0 | 0xee));
    // The code is the marker's second byte.
    let codes: Vec<usize> = segments.map(|segment| segment.at + 1).collect();
    for at in codes {
        file[at] = COMMENT;
    }
}

/// Refuses all but one scan of all channels, none of them subsampled, in Huffman codes.
fn check_form(structure: &Structure) -> Result<(), DecodeErrorKind> {
    let frame = &structure.frame;
    let most = frame.most();
    if frame.process == Process::Progressive {
        return Err(unsupported("it is progressive"));
    }
    if frame.is_arithmetic {
        return Err(unsupported("it is in arithmetic coding"));
    }
    if frame
        .components
        .iter()
        .any(|component| (component.h, component.v) != most)
    {
        return Err(unsupported("its channels are subsampled"));
    }
    if structure.scans > 1 || !structure.is_interleaved {
        return Err(unsupported("it has several scans"));
    }
    Ok(())
}
