//! Weight files.

use mbn_weights::{WeightFile, Weights};

/// Most bytes that a file is filled up to.
const MOST_BYTES: usize = 2 << 20;

/// Reads a weight file as it is, and with zeros for the values that its header promises: the smallest network has a megabyte
/// of values, which a corpus cannot hold.
///
/// # Panics
/// If weights that were read cannot be folded, or written and read again.
pub fn weights(file: &[u8]) {
    read(file);
    if let Some(filled) = filled(file) {
        read(&filled);
    }
}

fn read(file: &[u8]) {
    let WeightFile {
        weights, adaptations, ..
    } = match WeightFile::from_bytes(file) {
        Ok(read) => read,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for adaptation in adaptations {
        assert!(!adaptation.to_string().is_empty());
    }
    let architecture = weights.architecture();
    assert_eq!(weights.class_names().len(), architecture.classes);
    let folded = weights.fold();
    assert_eq!(folded.convs.len(), architecture.convs().len());
    assert_eq!(folded.fc_bias.len(), architecture.classes);
    let written = weights.to_bytes().expect("weights that can be written");
    let again = Weights::from_bytes(&written).expect("weights that can be read again");
    assert_eq!(again.metadata(), weights.metadata());
    assert_eq!(again.sha256(), weights.sha256());
}

/// The file with zeros up to the end of its last tensor.
fn filled(file: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = file.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let header: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(rest.get(..length)?).ok()?;
    let ends = header
        .values()
        .filter_map(|tensor| tensor["data_offsets"][1].as_u64());
    let end = usize::try_from(ends.max()?).ok()?.checked_add(8 + length)?;
    if end <= file.len() || end > MOST_BYTES {
        return None;
    }
    let mut filled = file.to_vec();
    filled.resize(end, 0);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the fuzzer would see nothing but refusals.
    #[test]
    fn the_networks_of_the_corpus_are_read_once_they_are_filled() {
        for name in ["ours", "keras", "prefix"] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpora/weights");
            let file = std::fs::read(format!("{folder}/{name}")).unwrap();
            let read = WeightFile::from_bytes(&filled(&file).unwrap());
            assert!(read.is_ok(), "{name}: {}", read.unwrap_err());
        }
    }
}
