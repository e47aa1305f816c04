//! TIFF structures of any tags.

/// A directory entry: tag, type, count, values.
#[derive(Clone)]
pub(crate) struct Entry(pub u16, pub u16, pub u32, pub Vec<u8>);

/// A TIFF structure with one directory.
pub(crate) fn tiff_of(is_little_endian: bool, entries: &[Entry]) -> Vec<u8> {
    let u16_of = |value: u16| {
        if is_little_endian {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    };
    let u32_of = |value: u32| {
        if is_little_endian {
            value.to_le_bytes()
        } else {
            value.to_be_bytes()
        }
    };
    let mut file = if is_little_endian {
        b"II*\0".to_vec()
    } else {
        b"MM\0*".to_vec()
    };
    file.extend(u32_of(8));
    file.extend(u16_of(entries.len() as u16));
    let values_at = 8 + 2 + 12 * entries.len() + 4;
    let mut values: Vec<u8> = Vec::new();
    for Entry(tag, kind, count, content) in entries {
        file.extend(u16_of(*tag));
        file.extend(u16_of(*kind));
        file.extend(u32_of(*count));
        if content.len() <= 4 {
            let mut inline = content.clone();
            inline.resize(4, 0);
            file.extend(inline);
        } else {
            file.extend(u32_of((values_at + values.len()) as u32));
            values.extend(content);
        }
    }
    file.extend(u32_of(0));
    file.extend(values);
    file
}
