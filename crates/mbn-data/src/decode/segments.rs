//! The segments of a JPEG file (ITU-T T.81, annex B.1.1), found where libjpeg and Pillow find them.

/// The first byte of every marker.
const MARKER: u8 = 0xff;
/// The code of the end-of-image marker (EOI).
pub(super) const END: u8 = 0xd9;
/// The code of the marker before a scan (SOS).
pub(super) const SCAN: u8 = 0xda;

/// A marker with what belongs to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// The marker's code: its second byte.
    pub marker: u8,
    /// What follows the length; empty for the end of the image, which has no length.
    pub content: &'a [u8],
    /// Where the marker begins, behind the bytes that fill up the space before it.
    pub at: usize,
}

/// The segments of a file, up to the end of the image or of the bytes, even within a segment. Skips entropy-coded data, stray bytes,
/// and markers without a length.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// Those of a file, behind its first marker.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self::after(bytes, 2)
    }

    /// Those that begin at byte `at` or later.
    pub fn after(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += memchr::memchr(MARKER, rest)?;
            let at = self.at;
            match *self.bytes.get(at + 1)? {
                // A fill byte before a marker.
                MARKER => self.at += 1,
                // `FF 00` is a byte of data. TEM, restart markers and SOI have no length.
                0x00 | 0x01 | 0xd0..=0xd8 => self.at += 2,
                END => {
                    // What follows is no part of the picture.
                    self.at = self.bytes.len();
                    return Some(Segment {
                        marker: END,
                        content: &[],
                        at,
                    });
                }
                marker => {
                    let length = self.bytes.get(at + 2..)?.first_chunk()?;
                    let start = at + 4;
                    // The length counts its own two bytes. A smaller one stands for an empty segment, after which readers go on.
                    let end = start + usize::from(u16::from_be_bytes(*length)).saturating_sub(2);
                    let content = self.bytes.get(start..end)?;
                    self.at = end;
                    return Some(Segment { marker, content, at });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A piece of a file, and the segment that it is.
    type Piece = (Vec<u8>, Option<(u8, Vec<u8>)>);

    /// A marker with the bytes that fill up the space before it.
    fn marker(fill: usize, code: u8) -> Vec<u8> {
        [vec![MARKER; 1 + fill], vec![code]].concat()
    }

    /// A segment with a length, or with one that is too small to be true.
    fn segment() -> impl Strategy<Value = Piece> {
        let code = prop_oneof![0x02..=0xcf_u8, 0xda..=0xfe_u8];
        let content = prop::collection::vec(any::<u8>(), 0..300);
        (0..4_usize, code, 0..4_u16, content).prop_map(|(fill, code, kind, content)| {
            let (length, content) = match kind {
                0 | 1 => (kind, Vec::new()),
                _ => (content.len() as u16 + 2, content),
            };
            let bytes = [&marker(fill, code), &length.to_be_bytes()[..], &content].concat();
            (bytes, Some((code, content)))
        })
    }

    /// What stands between segments.
    fn other() -> impl Strategy<Value = Piece> {
        let stray = prop::collection::vec(0..MARKER, 1..9);
        let alone = prop_oneof![Just(0), Just(1), 0xd0..=0xd8_u8];
        let alone = (0..4_usize, alone).prop_map(|(fill, code)| marker(fill, code));
        prop_oneof![stray, alone].prop_map(|bytes| (bytes, None))
    }

    fn found(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        Segments::of(bytes)
            .map(|segment| {
                assert_eq!(bytes[segment.at..][..2], [0xff, segment.marker]);
                (segment.marker, segment.content.to_vec())
            })
            .collect()
    }

    /// As libjpeg's `next_marker` and `skip_variable`, byte by byte.
    fn as_libjpeg(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut rest = bytes.iter().copied().skip(2);
        let mut found = Vec::new();
        let mut read = || -> Option<bool> {
            while rest.next()? != 0xff {}
            let mut code = rest.next()?;
            while code == 0xff {
                code = rest.next()?;
            }
            if matches!(code, 0 | 1 | 0xd0..=0xd8) {
                return Some(true);
            }
            if code == 0xd9 {
                found.push((code, Vec::new()));
                return Some(false);
            }
            let left = i32::from(rest.next()?) * 256 + i32::from(rest.next()?) - 2;
            let mut content = Vec::new();
            for _ in 0..left {
                content.push(rest.next()?);
            }
            found.push((code, content));
            Some(true)
        };
        while read() == Some(true) {}
        found
    }

    proptest! {
        #[test]
        fn every_segment_is_found_whatever_lies_between(
            pieces in prop::collection::vec(prop_oneof![segment(), other()], 0..20),
            after in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let (bytes, mut expected): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
            expected.push(Some((END, Vec::new())));
            let expected: Vec<_> = expected.into_iter().flatten().collect();
            let file = [&[0xff, 0xd8], &bytes.concat()[..], &[0xff, END], &after].concat();
            prop_assert_eq!(&as_libjpeg(&file), &expected);
            prop_assert_eq!(found(&file), expected);
        }

        #[test]
        fn any_bytes_are_read_as_libjpeg_reads_them(
            bytes in prop::collection::vec(prop_oneof![Just(0xff), 0..4_u8, 0xd0..=0xe2_u8, any::<u8>()], 0..300),
        ) {
            prop_assert_eq!(found(&bytes), as_libjpeg(&bytes));
        }
    }

    #[test]
    fn nothing_follows_the_end() {
        let mut segments = Segments::of(b"\xff\xd8\xff\xd9\xff\xfe\0\x02");
        assert_eq!(segments.next().map(|segment| segment.at), Some(2));
        assert_eq!(segments.next(), None);
        assert_eq!(segments.next(), None);
    }
}
