//! Finds the orientation in XMP, which is XML text.

/// The first `tiff:Orientation`, as an attribute or as an element.
pub(super) fn orientation(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let names = xmp.windows(NAME.len()).enumerate();
    names
        .filter(|(_, window)| *window == NAME)
        .find_map(|(at, _)| digit_after(&xmp[at + NAME.len()..]))
}

fn digit_after(rest: &[u8]) -> Option<u8> {
    let value = rest
        .strip_prefix(b">")
        .or_else(|| rest.strip_prefix(b"=\""))
        .or_else(|| rest.strip_prefix(b"='"))?;
    let digit = *value.first()?;
    digit.is_ascii_digit().then(|| digit - b'0')
}
