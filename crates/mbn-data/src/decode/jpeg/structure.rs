//! What the markers of a JPEG file say (ITU-T T.81, annex B). Decodes nothing.

use super::frame::{Component, Frame, Process};
use super::progress::Progress;
use crate::decode::error::DecodeErrorKind;
use crate::decode::picture_format::PictureFormat;
use crate::decode::segments::{END, SCAN, Segments};

/// The frame, the scans and what else decoding depends on.
#[derive(Debug)]
pub(super) struct Structure {
    pub frame: Frame,
    /// Whether the first scan holds every component.
    pub is_interleaved: bool,
    /// Number of scans.
    pub scans: u32,
    /// Number of blocks that all scans together visit.
    pub visits: u64,
    /// Fewest bits that the scans take, whatever the picture shows.
    pub fewest_bits: u64,
    /// Which coefficients the scans hold.
    pub progress: Progress,
    /// Whether the file has an end-of-image marker.
    pub has_end: bool,
}

/// Walks through a file to its end.
///
/// # Errors
/// The file ends before its first scan, or has a form that is not supported.
pub(super) fn read(bytes: &[u8]) -> Result<Structure, DecodeErrorKind> {
    let mut found = Found::default();
    let mut has_end = false;
    for segment in Segments::of(bytes) {
        match segment.marker {
            END => has_end = true,
            marker => found.segment(marker, segment.content)?,
        }
    }
    let progress = found.progress.filter(|_| found.scans > 0);
    let (Some(frame), Some(progress)) = (found.frame, progress) else {
        return Err(match has_end {
            true => malformed("it has no picture: it ends before the first pixel"),
            false => truncated("it ends before its first pixel"),
        });
    };
    Ok(Structure {
        frame,
        is_interleaved: found.is_interleaved,
        scans: found.scans,
        visits: found.visits,
        fewest_bits: found.fewest_bits,
        progress,
        has_end,
    })
}

/// What was found so far.
#[derive(Default)]
struct Found {
    frame: Option<Frame>,
    is_interleaved: bool,
    scans: u32,
    visits: u64,
    fewest_bits: u64,
    progress: Option<Progress>,
}

impl Found {
    fn segment(&mut self, marker: u8, content: &[u8]) -> Result<(), DecodeErrorKind> {
        match marker {
            // Huffman tables, an extension, and settings of arithmetic coding.
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => self.frame(marker, content)?,
            SCAN => self.scan(content)?,
            0xdc => return Err(unsupported("its height follows its pixels (`DNL`)")),
            0xde => return Err(unsupported("it is hierarchical")),
            0xf7 => return Err(unsupported("it is coded as JPEG-LS")),
            _ => {}
        }
        Ok(())
    }

    fn frame(&mut self, marker: u8, content: &[u8]) -> Result<(), DecodeErrorKind> {
        let process = match marker {
            0xc0 => Process::Baseline,
            0xc1 | 0xc9 => Process::Extended,
            0xc2 | 0xca => Process::Progressive,
            0xc3 | 0xcb => return Err(unsupported("it is coded without loss")),
            _ => return Err(unsupported("it is hierarchical")),
        };
        if self.frame.is_some() {
            return Err(malformed("it has two frame headers"));
        }
        let incomplete = || malformed("its frame header is incomplete");
        let (head, list) = content.split_first_chunk::<6>().ok_or_else(incomplete)?;
        let [bits, h0, h1, w0, w1, count] = *head;
        if bits != 8 {
            return Err(unsupported(&format!("it has {bits} bits a sample")));
        }
        if ![1, 3, 4].contains(&count) {
            return Err(unsupported(&format!("it has {count} components")));
        }
        if list.len() != 3 * usize::from(count) {
            return Err(incomplete());
        }
        let component = |&[id, factors, _]: &[u8; 3]| Component {
            id,
            h: factors >> 4,
            v: factors & 15,
        };
        let components: Vec<Component> = list.as_chunks().0.iter().map(component).collect();
        let is_valid = |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v);
        if !components.iter().all(is_valid) {
            return Err(malformed("its sampling factors are outside 1 to 4"));
        }
        let frame = Frame {
            process,
            is_arithmetic: marker >= 0xc9,
            height: u16::from_be_bytes([h0, h1]),
            width: u16::from_be_bytes([w0, w1]),
            components,
        };
        let (most_h, most_v) = frame.most();
        let is_whole = |c: &Component| most_h.is_multiple_of(c.h) && most_v.is_multiple_of(c.v);
        if !frame.components.iter().all(is_whole) {
            let factors: Vec<String> = frame
                .components
                .iter()
                .map(|c| format!("{}x{}", c.h, c.v))
                .collect();
            return Err(unsupported(&format!(
                "its components are sampled {}, which are no multiples of each other",
                factors.join(", ")
            )));
        }
        self.progress = Some(Progress::new(frame.components.len()));
        self.frame = Some(frame);
        Ok(())
    }

    fn scan(&mut self, content: &[u8]) -> Result<(), DecodeErrorKind> {
        let incomplete = || malformed("a scan header is incomplete");
        let (Some(frame), Some(progress)) = (&self.frame, &mut self.progress) else {
            return Err(malformed("a scan comes before the frame header"));
        };
        let (&count, rest) = content.split_first().ok_or_else(incomplete)?;
        let (list, parameters) = rest
            .split_at_checked(2 * usize::from(count))
            .ok_or_else(incomplete)?;
        let [first, last, bits] = *parameters.first_chunk().ok_or_else(incomplete)?;
        let mut components = Vec::with_capacity(list.len() / 2);
        for &[id, _] in list.as_chunks().0 {
            // Components may share an id.
            let mut indexes = (0..)
                .zip(&frame.components)
                .filter(|(_, component)| component.id == id);
            let index = indexes.find(|(index, _)| !components.contains(index));
            let (index, component) =
                index.ok_or_else(|| malformed("a scan names a component that the frame lacks"))?;
            components.push(index);
            self.visits += frame.blocks(*component);
            let blocks = match count {
                1 => frame.own_blocks(*component),
                _ => frame.blocks(*component),
            };
            self.fewest_bits += blocks * frame.fewest_bits(first);
        }
        match frame.process {
            Process::Progressive => progress.add(&components, [first, last], bits & 15),
            _ => progress.add(&components, [0, 63], 0),
        }
        if self.scans == 0 {
            self.is_interleaved = components.len() == frame.components.len();
        }
        self.scans += 1;
        Ok(())
    }
}

pub(super) fn malformed(reason: &str) -> DecodeErrorKind {
    DecodeErrorKind::Malformed {
        format: PictureFormat::Jpeg,
        reason: reason.to_owned(),
    }
}

pub(super) fn unsupported(form: &str) -> DecodeErrorKind {
    DecodeErrorKind::Unsupported {
        format: PictureFormat::Jpeg,
        form: form.to_owned(),
    }
}

pub(super) fn truncated(missing: &str) -> DecodeErrorKind {
    DecodeErrorKind::Truncated {
        format: PictureFormat::Jpeg,
        missing: missing.to_owned(),
    }
}
