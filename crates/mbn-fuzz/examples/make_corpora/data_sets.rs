//! Folders of STL-10 as one input each.

use crate::File;

/// Data sets in the form that `mbn_fuzz::stl10` reads.
pub fn data_sets() -> Vec<File> {
    let input = |fold: u8, parts: [&[u8]; 6], changes: [i16; 2]| {
        let mut input = vec![fold];
        for (index, part) in parts.iter().enumerate() {
            input.extend((part.len() as u16).to_le_bytes());
            if let Some(change) = index.checked_sub(4).and_then(|index| changes.get(index)) {
                input.extend(change.to_le_bytes());
            }
            input.extend(*part);
        }
        input
    };
    let names: &[u8] = b"cat\nsea lion\n";
    let folds: &[u8] = b"0 1 \n3 2\n";
    let whole: [&[u8]; 6] = [names, folds, &[1, 2, 1, 2], &[2, 1], &[7; 9], b""];
    let other_label: [&[u8]; 6] = [names, folds, &[1, 2, 3], &[2, 1], b"", b""];
    let bom: [&[u8]; 6] = [
        "\u{feff}a\r\nb\r\nc".as_bytes(),
        b"0\n",
        &[1, 2, 3],
        &[3, 2, 1],
        b"",
        b"",
    ];
    vec![
        ("whole".to_owned(), input(1, whole, [0, 0])),
        ("too-short".to_owned(), input(0, whole, [-1, 0])),
        ("other-label".to_owned(), input(0, other_label, [0, 0])),
        ("byte-order-mark".to_owned(), input(2, bom, [0, 1])),
    ]
}
