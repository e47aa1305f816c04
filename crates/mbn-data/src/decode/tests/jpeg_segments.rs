//! JPEG files with odd segments before the one that says how the picture is turned. Pillow 13 and libjpeg-turbo read such files.

use proptest::prelude::*;

use super::jpeg_files::with_orientation;
use super::*;

/// What stands before a segment: bytes that fill up the space, or stray ones.
fn before() -> impl Strategy<Value = Vec<u8>> {
    let stray = prop::collection::vec(0..0xff_u8, 1..9);
    prop_oneof![(0..4_usize).prop_map(|count| vec![0xff; count]), stray]
}

/// An application's segment or a comment, also with a length that does not even count its own two bytes.
fn segment() -> impl Strategy<Value = Vec<u8>> {
    let marker = prop_oneof![0xe0..=0xef_u8, Just(0xfe)];
    let content = prop::collection::vec(any::<u8>(), 0..40);
    (before(), marker, 0..4_u16, content).prop_map(|(before, marker, kind, content)| {
        let (length, content) = match kind {
            0 | 1 => (kind, Vec::new()),
            _ => (content.len() as u16 + 2, content),
        };
        [&before[..], &[0xff, marker], &length.to_be_bytes(), &content].concat()
    })
}

proptest! {
    #[test]
    fn a_picture_is_turned_whatever_segments_precede_its_exif(
        segments in prop::collection::vec(segment(), 0..6),
        orientation in 1..=8_u8,
    ) {
        let file = file_of(PictureFormat::Jpeg, picture(24, 16));
        let turned = with_orientation(&file, orientation);
        // A file is known by its first three bytes: a marker follows the first one.
        let comment = [0xff, 0xfe, 0, 2];
        let odd = [&turned[..2], &comment, &segments.concat()[..], &turned[2..]].concat();
        prop_assert_eq!(decode_bytes(&odd).unwrap(), decode_bytes(&turned).unwrap());
        let size = decode_bytes(&odd).unwrap().dimensions();
        prop_assert_eq!(size, if orientation < 5 { (24, 16) } else { (16, 24) });
    }
}
