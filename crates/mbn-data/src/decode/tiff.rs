//! What the image crate does not tell about a TIFF file: where it ends, and which form it has.

use super::tiff_fields::{
    BITS_PER_SAMPLE, COMPRESSION, Directory, EXTRA_SAMPLES, JPEG, PHOTOMETRIC, PLANAR_CONFIGURATION,
    PREDICTOR, SAMPLES_PER_PIXEL, STRIP_BYTE_COUNTS, STRIP_OFFSETS, TILE_BYTE_COUNTS, TILE_OFFSETS,
};

const NEW_SUBFILE_TYPE: u16 = 254;
const FILL_ORDER: u16 = 266;
const MAKE: u16 = 271;
const MODEL: u16 = 272;
const SAMPLE_FORMAT: u16 = 339;
const DNG_VERSION: u16 = 50706;

/// Refuses a file that ends before its last strip or tile. They may lie in any order. The error says what is missing.
pub(super) fn check_end(bytes: &[u8]) -> Result<(), &'static str> {
    const MISSING: &str = "it ends within the directory";
    let directory = Directory::new(bytes).ok_or(MISSING)?;
    let parts = |offsets, counts| directory.find(offsets).zip(directory.find(counts));
    let Some((offsets, counts)) =
        parts(STRIP_OFFSETS, STRIP_BYTE_COUNTS).or_else(|| parts(TILE_OFFSETS, TILE_BYTE_COUNTS))
    else {
        return Err(MISSING);
    };
    for index in 0..offsets.len().min(counts.len()) {
        let end = offsets.integer(index).zip(counts.integer(index));
        if end.is_some_and(|(offset, length)| offset.saturating_add(length) > bytes.len() as u64) {
            return Err("it ends within the pixels");
        }
    }
    Ok(())
}

/// Whether the decoders read the form as other readers do. They do not know a reversed order of bits. The tiff crate undoes a
/// predictor where others ignore it (only LZW and deflate have one). Readers differ over 16-bit grey where 0 is white. JPEG data
/// have 8 bits a channel.
pub(super) fn is_understood(bytes: &[u8]) -> bool {
    const WITH_PREDICTOR: [u64; 3] = [5, 8, 32946];
    // None, CCITT group 4, JPEG, PackBits.
    const OTHERS: [u64; 4] = [1, 4, JPEG, 32773];
    const WHITE_IS_ZERO: u64 = 0;
    const HORIZONTAL: u64 = 2;
    let Some(directory) = Directory::new(bytes) else {
        return true;
    };
    let value = |tag| directory.integer(tag).unwrap_or(1);
    let compression = value(COMPRESSION);
    let has_known_predictor = match value(PREDICTOR) {
        1 => true,
        HORIZONTAL => WITH_PREDICTOR.contains(&compression),
        _ => false,
    };
    value(FILL_ORDER) == 1
        && (WITH_PREDICTOR.contains(&compression) || OTHERS.contains(&compression))
        && has_known_predictor
        && (compression != JPEG || value(BITS_PER_SAMPLE) == 8)
        && !(value(BITS_PER_SAMPLE) == 16 && value(PHOTOMETRIC) == WHITE_IS_ZERO)
}

/// Whether the file holds 8-bit grey, RGB or RGBA, all channels of a pixel together.
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    let Some(directory) = Directory::new(bytes) else {
        return false;
    };
    let value = |tag| directory.integer(tag).unwrap_or(1);
    let has_known_colours = matches!(
        (directory.integer(PHOTOMETRIC), value(SAMPLES_PER_PIXEL)),
        (Some(0 | 1), 1) | (Some(2), 3 | 4)
    );
    let bits = directory.find(BITS_PER_SAMPLE);
    let has_bytes = bits.is_some_and(|bits| (0..bits.len()).all(|index| bits.integer(index) == Some(8)));
    has_known_colours && has_bytes && value(PLANAR_CONFIGURATION) == 1 && value(SAMPLE_FORMAT) == 1
}

/// Whether the file is a camera's RAW file: these begin with a small copy of the picture, which would be taken for it, and name
/// the camera.
pub(super) fn is_raw(bytes: &[u8]) -> bool {
    Directory::new(bytes).is_some_and(|directory| {
        directory.find(DNG_VERSION).is_some()
            || directory.find(MAKE).or_else(|| directory.find(MODEL)).is_some() && begins_with_copy(bytes)
    })
}

/// Whether the first page is a small copy of another.
pub(super) fn begins_with_copy(bytes: &[u8]) -> bool {
    const REDUCED: u64 = 1;
    let kind = Directory::new(bytes).and_then(|directory| directory.integer(NEW_SUBFILE_TYPE));
    kind.is_some_and(|kind| kind & REDUCED != 0)
}

/// Whether colours were multiplied by alpha, which has to be undone before alpha is dropped.
pub(super) fn has_associated_alpha(bytes: &[u8]) -> bool {
    const ASSOCIATED: u64 = 1;
    Directory::new(bytes).and_then(|directory| directory.integer(EXTRA_SAMPLES)) == Some(ASSOCIATED)
}

/// The form of a file that cannot be decoded, for a message: `palette colours, 8 bits a channel, CCITT compression`.
pub(super) fn describe_form(bytes: &[u8]) -> Option<String> {
    let directory = Directory::new(bytes)?;
    let samples = directory.integer(SAMPLES_PER_PIXEL).unwrap_or(1);
    let colours = match directory.integer(PHOTOMETRIC) {
        Some(0) if samples == 1 => "grey where 0 is white".to_owned(),
        Some(1) if samples == 1 => "grey".to_owned(),
        Some(0 | 1) if samples == 2 => "grey with alpha".to_owned(),
        Some(0 | 1) => format!("grey with {samples} channels"),
        Some(2) => format!("RGB with {samples} channels"),
        Some(3) => "palette colours".to_owned(),
        Some(4) => "a transparency mask".to_owned(),
        Some(5) => format!("CMYK with {samples} channels"),
        Some(6) => "YCbCr colours".to_owned(),
        Some(8..=10) => "L*a*b* colours".to_owned(),
        Some(32803) => "a colour filter array (RAW)".to_owned(),
        Some(34892) => "linear RAW".to_owned(),
        Some(other) => format!("colours of kind {other} with {samples} channels"),
        None => format!("{samples} channels of unnamed colours"),
    };
    let bits = directory.integer(BITS_PER_SAMPLE).unwrap_or(1);
    let numbers = match directory.integer(SAMPLE_FORMAT) {
        Some(2) => "signed integers",
        Some(3) => "floating point",
        Some(5 | 6) => "complex numbers",
        _ => "integers",
    };
    let compression = match directory.integer(COMPRESSION).unwrap_or(1) {
        1 => "no compression".to_owned(),
        2..=4 => "CCITT fax compression".to_owned(),
        5 => "LZW compression".to_owned(),
        6 => "JPEG compression of the old kind".to_owned(),
        7 => "JPEG compression".to_owned(),
        8 | 32946 => "deflate compression".to_owned(),
        32773 => "PackBits compression".to_owned(),
        34925 => "LZMA compression".to_owned(),
        50000 => "Zstandard compression".to_owned(),
        50001 => "WebP compression".to_owned(),
        other => format!("compression {other}"),
    };
    let planes = match directory.integer(PLANAR_CONFIGURATION) {
        Some(2) if samples > 1 => ", a plane for each channel",
        _ => "",
    };
    let order = match directory.integer(FILL_ORDER) {
        Some(2) => ", bits in reverse order",
        _ => "",
    };
    let predictor = match directory.integer(PREDICTOR) {
        None | Some(1) => "",
        _ => " with a predictor",
    };
    Some(format!(
        "{colours}, {numbers} of {bits} bits, {compression}{predictor}{planes}{order}"
    ))
}
