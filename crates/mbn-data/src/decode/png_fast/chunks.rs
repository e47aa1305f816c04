//! Walks the chunks of a PNG file and lets only those through that have no part in the pixels.

/// Bytes before the first chunk.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Chunks beside header, pixels and end that may be in the file, in any order: the png crate reads over them, whatever they
/// hold.
const IGNORED: [&[u8; 4]; 12] = [
    b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"bKGD", b"pHYs", b"tIME", b"eXIf", b"tEXt", b"zTXt",
    b"iTXt",
];

/// Most `IDAT` chunks: the largest file that is read has so many of 8 KiB.
const MOST: usize = 1 << 16;

/// The content of the consecutive `IDAT` chunks. `None` unless every chunk is whole, known and has the right checksum, the
/// header is first, and the end is last and nothing after it.
pub(super) fn image_data(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let mut last = next(&mut rest)?.name;
    let mut data = Vec::new();
    if &last != b"IHDR" {
        return None;
    }
    while &last != b"IEND" {
        let Chunk { name, content } = next(&mut rest)?;
        match &name {
            b"IDAT" if (data.is_empty() || &last == b"IDAT") && data.len() < MOST => data.push(content),
            b"IEND" if content.is_empty() => {}
            _ if IGNORED.contains(&&name) => {}
            _ => return None,
        }
        last = name;
    }
    (rest.is_empty() && !data.is_empty()).then_some(data)
}

struct Chunk<'a> {
    name: [u8; 4],
    content: &'a [u8],
}

/// Takes a chunk off: length, name, content, and the checksum of the latter two.
fn next<'a>(rest: &mut &'a [u8]) -> Option<Chunk<'a>> {
    let (&length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
    let (covered, after) = after.split_at_checked(length.checked_add(4)?)?;
    let (&checksum, after) = after.split_first_chunk()?;
    let (&name, content) = covered.split_first_chunk()?;
    *rest = after;
    (crc32fast::hash(covered) == u32::from_be_bytes(checksum)).then_some(Chunk { name, content })
}
