//! A state of which only a part is there, as after a copy that was stopped.

use std::collections::HashMap;
use std::path::Path;

use mbn_cli::quote;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::run::{BEST, TrainOn};

/// Bytes before the header, which say how long it is.
const LENGTH: usize = size_of::<u64>();

/// A tensor, or the metadata, in the header.
#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Tensor { data_offsets: [u64; 2] },
    Other(IgnoredAny),
}

/// What is wrong with the length of a file, if its first bytes say that it should have another.
pub(super) fn problem(bytes: &[u8]) -> Option<String> {
    let found = bytes.len() as u64;
    let problem = |expected: String| {
        Some(format!(
            "the file is cut off: it has {found} bytes, expected {expected}"
        ))
    };
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
        return problem("the state of a run".to_owned());
    };
    let header = u64::from_le_bytes(*length);
    let start = header.checked_add(LENGTH as u64)?;
    if start > found {
        // A file of another kind says anything here.
        return rest
            .starts_with(b"{")
            .then(|| problem(format!("more than {start}")))?;
    }
    let header = rest.get(..usize::try_from(header).ok()?)?;
    let entries: HashMap<String, Entry> = serde_json::from_slice(header).ok()?;
    let ends = entries.values().map(|entry| match entry {
        Entry::Tensor { data_offsets } => data_offsets[1],
        Entry::Other(_) => 0,
    });
    let expected = start.checked_add(ends.max()?)?;
    (found < expected).then(|| problem(expected.to_string()))?
}

/// What the user can do about the cut-off state at `path`.
pub(super) fn advice(path: &Path) -> String {
    let folder = path.parent().unwrap_or(path);
    let best = folder.join(BEST);
    let anew = match TrainOn::new(folder, None, &[]) {
        _ if !best.is_file() => "start a new run with another `--out`".to_owned(),
        Some(TrainOn { command, .. }) => format!("start a new run from the best weights: `{command}`"),
        None => format!(
            "start a new run from the best weights with `--init {}`",
            quote(&best)
        ),
    };
    format!("put back the whole file if there is a copy of it, or {anew}")
}

#[cfg(test)]
mod tests {
    use safetensors::Dtype;
    use safetensors::tensor::TensorView;

    use super::*;

    #[test]
    fn a_part_of_a_file_is_told_from_other_faults() {
        let data = [7; 1000];
        let view =
            |part: std::ops::Range<usize>| TensorView::new(Dtype::U8, vec![part.len()], &data[part]).unwrap();
        let metadata = HashMap::from([("progress".to_owned(), "{\"data_offsets\":[1,2]}".to_owned())]);
        let tensors = [("one", view(0..900)), ("two", view(0..100))];
        let whole = safetensors::serialize(tensors, Some(metadata)).unwrap();
        assert_eq!(problem(&whole), None);
        for length in [0, 5, 40, whole.len() - 1001, whole.len() - 1000, whole.len() - 1] {
            let found = problem(&whole[..length]).unwrap();
            let expected = format!("the file is cut off: it has {length} bytes, expected ");
            assert!(found.starts_with(&expected), "{found}");
            assert!(safetensors::SafeTensors::deserialize(&whole[..length]).is_err());
        }
        assert!(
            problem(&whole[..whole.len() - 1])
                .unwrap()
                .ends_with(&whole.len().to_string())
        );
        // What is longer or of another kind is not cut off.
        assert_eq!(problem(&[&whole[..], &[0]].concat()), None);
        assert_eq!(problem(b"some text that is longer"), None);
        assert_eq!(problem(&u64::MAX.to_le_bytes()), None);
    }

    #[test]
    fn the_advice_names_only_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.safetensors");
        assert!(advice(&state).ends_with("start a new run with another `--out`"));
        std::fs::write(folder.path().join(BEST), "").unwrap();
        assert!(advice(&state).contains("best weights with `--init ") && advice(&state).contains(BEST));
        std::fs::write(folder.path().join("settings.toml"), "alpha = 0.25").unwrap();
        let found = advice(&state);
        assert!(
            found.contains("`mbn-train --config ") && found.contains(&format!("{BEST}`")),
            "{found}"
        );
    }
}
