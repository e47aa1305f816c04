//! Reads single tags of a TIFF structure (TIFF 6.0, section 2): a TIFF file, or Exif data, which is one. BigTIFF differs in
//! the widths of counts and offsets.

// Where the pixels are, in strips or tiles.
pub(super) const IMAGE_WIDTH: u16 = 256;
pub(super) const IMAGE_LENGTH: u16 = 257;
pub(super) const STRIP_OFFSETS: u16 = 273;
pub(super) const ROWS_PER_STRIP: u16 = 278;
pub(super) const STRIP_BYTE_COUNTS: u16 = 279;
pub(super) const TILE_WIDTH: u16 = 322;
pub(super) const TILE_LENGTH: u16 = 323;
pub(super) const TILE_OFFSETS: u16 = 324;
pub(super) const TILE_BYTE_COUNTS: u16 = 325;
// What they are.
pub(super) const BITS_PER_SAMPLE: u16 = 258;
pub(super) const COMPRESSION: u16 = 259;
pub(super) const PHOTOMETRIC: u16 = 262;
pub(super) const SAMPLES_PER_PIXEL: u16 = 277;
pub(super) const PLANAR_CONFIGURATION: u16 = 284;
pub(super) const PREDICTOR: u16 = 317;
pub(super) const EXTRA_SAMPLES: u16 = 338;
pub(super) const JPEG_TABLES: u16 = 347;

/// JPEG data as a value of `COMPRESSION`.
pub(super) const JPEG: u64 = 7;

/// The first directory of a TIFF structure.
#[derive(Clone, Copy)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    is_little_endian: bool,
    is_big: bool,
    at: usize,
}

/// The values of a tag.
pub(super) struct Values<'a> {
    directory: Directory<'a>,
    kind: u16,
    /// The values as they are stored.
    pub bytes: &'a [u8],
}

impl<'a> Directory<'a> {
    /// Reads the header. `None` if the bytes do not start with one.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let (is_little_endian, is_big) = match bytes.first_chunk()? {
            b"II*\0" => (true, false),
            b"MM\0*" => (false, false),
            b"II+\0" => (true, true),
            b"MM\0+" => (false, true),
            _ => return None,
        };
        let header = Self {
            bytes,
            is_little_endian,
            is_big,
            at: 0,
        };
        let at = match is_big {
            true => header.u64(8),
            false => header.u32(4).map(u64::from),
        };
        Some(Self {
            at: usize::try_from(at?).ok()?,
            ..header
        })
    }

    /// The values of a tag. If it is there twice, the last counts. An entry without values, of an unknown type or with
    /// values beyond the end does not count.
    pub(super) fn find(self, tag: u16) -> Option<Values<'a>> {
        let (count, first, each) = match self.is_big {
            true => (self.u64(self.at)?, 8, 20),
            false => (self.u16(self.at)?.into(), 2, 12),
        };
        let entries = self.bytes.get(self.at..)?.get(first..)?.chunks_exact(each);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let places = (0..entries.len().min(count)).map(|entry| self.at + first + each * entry);
        places
            .filter(|&at| self.u16(at) == Some(tag))
            .filter_map(|at| self.values(at))
            .next_back()
    }

    /// The first value of a tag as an unsigned integer.
    pub(super) fn integer(self, tag: u16) -> Option<u64> {
        self.find(tag)?.integer(0)
    }

    /// The values of the entry at `at`.
    fn values(self, at: usize) -> Option<Values<'a>> {
        let kind = self.u16(at + 2)?;
        let (count, place, fitting) = match self.is_big {
            true => (self.u64(at + 4)?, at + 12, 8),
            false => (self.u32(at + 4)?.into(), at + 8, 4),
        };
        let length = size_of(kind)?.checked_mul(usize::try_from(count).ok()?)?;
        let start = match length {
            0 => return None,
            length if length <= fitting => place,
            _ if self.is_big => usize::try_from(self.u64(place)?).ok()?,
            _ => self.u32(place)? as usize,
        };
        let bytes = self.bytes.get(start..start.checked_add(length)?)?;
        Some(Values {
            directory: self,
            kind,
            bytes,
        })
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(self.bytes, at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(self.bytes, at).map(u32::from_le_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.array(self.bytes, at).map(u64::from_le_bytes)
    }

    /// `N` bytes, the least significant first.
    fn array<const N: usize>(self, bytes: &[u8], at: usize) -> Option<[u8; N]> {
        let mut array = *bytes.get(at..)?.first_chunk::<N>()?;
        if !self.is_little_endian {
            array.reverse();
        }
        Some(array)
    }
}

impl Values<'_> {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() / size_of(self.kind).unwrap_or(1)
    }

    /// Value `index` as an unsigned integer, if the type is BYTE, SHORT, LONG, LONG8 or an offset.
    pub(super) fn integer(&self, index: usize) -> Option<u64> {
        let at = index.checked_mul(size_of(self.kind)?)?;
        match self.kind {
            1 => self.array(at).map(u8::from_le_bytes).map(u64::from),
            3 => self.array(at).map(u16::from_le_bytes).map(u64::from),
            4 | 13 => self.array(at).map(u32::from_le_bytes).map(u64::from),
            16 | 18 => self.array(at).map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// The first value as a number. `None` for bytes and text.
    pub(super) fn number(&self) -> Option<f64> {
        Some(match self.kind {
            3 | 4 | 13 | 16 | 18 => self.integer(0)? as f64,
            5 => {
                f64::from(u32::from_le_bytes(self.array(0)?)) / f64::from(u32::from_le_bytes(self.array(4)?))
            }
            6 => f64::from(i8::from_le_bytes(self.array(0)?)),
            8 => f64::from(i16::from_le_bytes(self.array(0)?)),
            9 => f64::from(i32::from_le_bytes(self.array(0)?)),
            10 => {
                f64::from(i32::from_le_bytes(self.array(0)?)) / f64::from(i32::from_le_bytes(self.array(4)?))
            }
            11 => f64::from(f32::from_le_bytes(self.array(0)?)),
            12 => f64::from_le_bytes(self.array(0)?),
            _ => return None,
        })
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.directory.array(self.bytes, at)
    }
}

/// Bytes of one value of a type, `None` for a type that does not exist.
fn size_of(kind: u16) -> Option<usize> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}
