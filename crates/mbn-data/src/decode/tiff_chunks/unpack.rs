//! The compressions of TIFF whose data are plain bytes: none, LZW, deflate and PackBits (TIFF 6.0, sections 9 and 13).

use std::io::Read;

use flate2::read::ZlibDecoder;
use weezl::decode::Configuration;
use weezl::{BitOrder, LzwStatus};

const NONE: u64 = 1;
const LZW: u64 = 5;
const DEFLATE: u64 = 8;
const OLD_DEFLATE: u64 = 32946;
const PACK_BITS: u64 = 32773;

/// Whether a compression is one of these.
pub(super) fn is_unpacked(compression: u64) -> bool {
    [NONE, LZW, DEFLATE, OLD_DEFLATE, PACK_BITS].contains(&compression)
}

/// Fills `rows` from `data`, of which the first `count` bytes belong to them. False if they do not suffice.
pub(super) fn unpack(compression: u64, data: &[u8], count: u64, rows: &mut [u8]) -> bool {
    let packed = &data[..usize::try_from(count).map_or(data.len(), |count| count.min(data.len()))];
    match compression {
        // Some programs write a wrong count.
        NONE => match data.get(..rows.len()) {
            Some(data) => {
                rows.copy_from_slice(data);
                true
            }
            None => false,
        },
        LZW => lzw(packed, rows),
        PACK_BITS => pack_bits(packed, rows).is_some(),
        _ => ZlibDecoder::new(packed).read_exact(rows).is_ok(),
    }
}

/// The end code may be missing, and padding follow the rows.
fn lzw(mut packed: &[u8], mut rows: &mut [u8]) -> bool {
    let mut decoder = Configuration::with_tiff_size_switch(BitOrder::Msb, 8)
        .with_yield_on_full_buffer(true)
        .build();
    while !rows.is_empty() {
        let result = decoder.decode_bytes(packed, rows);
        packed = &packed[result.consumed_in..];
        rows = &mut rows[result.consumed_out..];
        let is_stuck = result.consumed_in == 0 && result.consumed_out == 0;
        match result.status {
            Ok(LzwStatus::Ok | LzwStatus::NoProgress) if !is_stuck => {}
            _ => break,
        }
    }
    rows.is_empty()
}

/// Runs: a byte `n` of 0 to 127 and `n + 1` bytes, or of 129 to 255 and one byte that is repeated `257 - n` times.
fn pack_bits(mut packed: &[u8], rows: &mut [u8]) -> Option<()> {
    let mut at = 0;
    while at < rows.len() {
        let (&head, rest) = packed.split_first()?;
        packed = rest;
        let left = &mut rows[at..];
        match usize::from(head) {
            128 => {}
            literal @ 0..128 => {
                let length = (literal + 1).min(left.len());
                let (bytes, rest) = packed.split_at_checked(length)?;
                left[..length].copy_from_slice(bytes);
                (packed, at) = (rest, at + length);
            }
            repeated => {
                let (&byte, rest) = packed.split_first()?;
                let length = (257 - repeated).min(left.len());
                left[..length].fill(byte);
                (packed, at) = (rest, at + length);
            }
        }
    }
    Some(())
}
