//! JPEG files that the image crate cannot write.

/// A marker segment with its length.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

/// Puts an Exif segment with an orientation (1 to 8) at the start of a JPEG file.
pub(super) fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
    // One entry: tag 0x0112, type SHORT, one value.
    exif.extend([1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    exif.extend([0; 4]);
    [&jpeg[..2], &segment(0xe1, &exif), &jpeg[2..]].concat()
}

/// An 8 x 8 JPEG of four constant components. Adobe's `transform` is 0 for CMYK and 2 for YCCK.
pub(super) fn four_components(values: [u8; 4], transform: u8) -> Vec<u8> {
    let mut file = vec![0xff, 0xd8];
    file.extend(segment(
        0xee,
        &[b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat(),
    ));
    // The quantisation table: all coefficients are divided by 1.
    file.extend(segment(0xdb, &[[0].as_slice(), &[1; 64]].concat()));
    let components: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
    file.extend(segment(
        0xc0,
        &[[8, 0, 8, 0, 8, 4].as_slice(), &components].concat(),
    ));
    // DC: the categories 0 to 11 have the codes 0000 to 1011.
    let lengths = |bits: usize, count: u8| {
        let mut lengths = [0; 16];
        lengths[bits - 1] = count;
        lengths
    };
    let categories: Vec<u8> = (0..12).collect();
    file.extend(segment(
        0xc4,
        &[[0x00].as_slice(), &lengths(4, 12), &categories].concat(),
    ));
    // AC: the end of the block has the code 0.
    file.extend(segment(0xc4, &[[0x10].as_slice(), &lengths(1, 1), &[0]].concat()));
    let selectors: Vec<u8> = (1..=4).flat_map(|id| [id, 0x00]).collect();
    file.extend(segment(0xda, &[[4].as_slice(), &selectors, &[0, 63, 0]].concat()));

    let mut bits = String::new();
    for value in values {
        // The DC coefficient is eight times the mean less 128.
        let dc = (i32::from(value) - 128) * 8;
        let category = (32 - dc.unsigned_abs().leading_zeros()) as usize;
        bits += &format!("{category:04b}");
        if category > 0 {
            // A negative number is stored minus one, in the same number of bits.
            let stored = if dc < 0 { dc + (1 << category) - 1 } else { dc };
            bits += &format!("{stored:0category$b}");
        }
        bits += "0";
    }
    while !bits.len().is_multiple_of(8) {
        bits += "1";
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0'));
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend([0xff, 0xd9]);
    file
}
