//! TIFF structures of any tags.

/// A directory entry: tag, type, count, values.
#[derive(Clone)]
pub(crate) struct Entry(pub u16, pub u16, pub u32, pub Vec<u8>);

/// The order of bytes and the widths of counts and offsets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub is_little_endian: bool,
    /// BigTIFF.
    pub is_big: bool,
}

impl Form {
    /// Every form.
    pub fn all() -> [Self; 4] {
        [(true, false), (false, false), (true, true), (false, true)].map(|(is_little_endian, is_big)| Self {
            is_little_endian,
            is_big,
        })
    }

    /// `value` in `N` bytes.
    pub fn number<const N: usize>(self, value: u64) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&value.to_le_bytes()[..N]);
        if !self.is_little_endian {
            bytes.reverse();
        }
        bytes
    }

    /// A count of values or an offset.
    fn wide(self, value: usize) -> Vec<u8> {
        match self.is_big {
            true => self.number::<8>(value as u64).to_vec(),
            false => self.number::<4>(value as u64).to_vec(),
        }
    }
}

/// A TIFF structure with one directory, not BigTIFF.
pub(crate) fn tiff_of(is_little_endian: bool, entries: &[Entry]) -> Vec<u8> {
    let form = Form {
        is_little_endian,
        is_big: false,
    };
    tiff_in(form, entries)
}

/// A TIFF structure with one directory. The values of the entries are in the order of `form`.
pub(crate) fn tiff_in(form: Form, entries: &[Entry]) -> Vec<u8> {
    let order: &[u8] = if form.is_little_endian { b"II" } else { b"MM" };
    let mut file = order.to_vec();
    let (entries_at, entry_bytes, inline_bytes) = if form.is_big {
        file.extend(form.number::<2>(43));
        file.extend(form.number::<2>(8));
        file.extend([0, 0]);
        file.extend(form.wide(16));
        file.extend(form.number::<8>(entries.len() as u64));
        (16 + 8, 20, 8)
    } else {
        file.extend(form.number::<2>(42));
        file.extend(form.wide(8));
        file.extend(form.number::<2>(entries.len() as u64));
        (8 + 2, 12, 4)
    };
    let values_at = entries_at + entry_bytes * entries.len() + inline_bytes;
    let mut values: Vec<u8> = Vec::new();
    for Entry(tag, kind, count, content) in entries {
        file.extend(form.number::<2>(u64::from(*tag)));
        file.extend(form.number::<2>(u64::from(*kind)));
        file.extend(form.wide(*count as usize));
        if content.len() <= inline_bytes {
            let mut inline = content.clone();
            inline.resize(inline_bytes, 0);
            file.extend(inline);
        } else {
            file.extend(form.wide(values_at + values.len()));
            values.extend(content);
        }
    }
    file.extend(form.wide(0));
    file.extend(values);
    file
}
