use safetensors::tensor::TensorView;
use serde_json::{Map, json};

use super::*;
use crate::sample::sample;
use crate::{Taken, Weights};

const INDEX: &str = "model.safetensors.index.json";
const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";

/// A folder with weights in two shards, as transformers and huggingface_hub write them, without metadata of ours.
fn sharded(weights: &Weights) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tensors = weights.tensor_bytes();
    let mut map = Map::new();
    for (i, shard) in [FIRST, SECOND].into_iter().enumerate() {
        let part: Vec<_> = tensors.iter().skip(i).step_by(2).collect();
        map.extend(part.iter().map(|(name, _)| ((*name).clone(), json!(shard))));
        let views = part
            .into_iter()
            .map(|(n, (d, s, b))| (n, TensorView::new(*d, s.clone(), b).unwrap()));
        let pairs = [("format".to_owned(), "pt".to_owned())].into();
        let bytes = safetensors::serialize(views, Some(pairs)).unwrap();
        std::fs::write(folder.path().join(shard), bytes).unwrap();
    }
    write_index(&folder, map);
    folder
}

fn write_index(folder: &tempfile::TempDir, map: Map<String, Value>) {
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    std::fs::write(folder.path().join(INDEX), index.to_string()).unwrap();
}

fn map(folder: &tempfile::TempDir) -> Map<String, Value> {
    let index = std::fs::read(folder.path().join(INDEX)).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    index["weight_map"].as_object().unwrap().clone()
}

/// The message of the error, and the name of the file that it is about.
fn refused(folder: &tempfile::TempDir, name: &str) -> (String, String) {
    let error = WeightFile::load(&folder.path().join(name)).unwrap_err();
    let about = error.path.file_name().unwrap().to_string_lossy().into_owned();
    (error.kind.to_string(), about)
}

#[test]
fn the_index_or_any_shard_gives_the_whole() {
    let weights = sample(3);
    let folder = sharded(&weights);
    for name in [INDEX, FIRST, SECOND] {
        let file = WeightFile::load(&folder.path().join(name)).unwrap();
        assert_eq!(file.weights.sha256(), weights.sha256(), "{name}");
        assert_eq!(
            file.adaptations,
            [Adaptation::Shards(vec![FIRST.to_owned(), SECOND.to_owned()])]
        );
        assert!(file.taken.iter().any(|taken| matches!(taken, Taken::Variant(_))));
    }
    // A variant has a word in the index's name.
    let variant = folder.path().join("model.safetensors.index.fp16.json");
    std::fs::rename(folder.path().join(INDEX), &variant).unwrap();
    assert_eq!(
        WeightFile::load(&variant).unwrap().weights.sha256(),
        weights.sha256()
    );
}

#[test]
fn a_file_that_the_index_does_not_name_is_read_by_itself() {
    let folder = sharded(&sample(3));
    let other = sample(2);
    for name in ["model-00001-of-00001.safetensors", "model.safetensors"] {
        let path = folder.path().join(name);
        std::fs::write(&path, other.to_bytes().unwrap()).unwrap();
        assert_eq!(WeightFile::load(&path).unwrap().weights, other);
    }
    // Whole, though its name is that of a shard.
    let alone = tempfile::tempdir().unwrap();
    let path = alone.path().join(FIRST);
    std::fs::write(&path, other.to_bytes().unwrap()).unwrap();
    assert_eq!(WeightFile::load(&path).unwrap().weights, other);
}

#[test]
fn what_is_not_there_is_named() {
    let folder = sharded(&sample(3));
    std::fs::remove_file(folder.path().join(SECOND)).unwrap();
    for name in [INDEX, FIRST] {
        let (text, about) = refused(&folder, name);
        assert!(
            text.starts_with(&format!("its shard `{SECOND}` is not in its folder")),
            "{text}"
        );
        assert_eq!(about, INDEX);
    }
    std::fs::remove_file(folder.path().join(INDEX)).unwrap();
    let (text, about) = refused(&folder, FIRST);
    let expected = format!("one shard of several, and their index, `{INDEX}`, is not beside it; ");
    assert!(text.contains(&expected) && text.contains(" missing"), "{text}");
    assert_eq!(about, FIRST);
}

#[test]
fn a_shard_has_the_tensors_that_the_index_says() {
    let weights = sample(3);
    let folder = sharded(&weights);
    let whole = map(&folder);
    let mut moved = whole.clone();
    let name = moved
        .iter()
        .find(|(_, shard)| *shard == SECOND)
        .unwrap()
        .0
        .clone();
    moved.insert(name.clone(), json!(FIRST));
    write_index(&folder, moved);
    let (text, _) = refused(&folder, INDEX);
    let expected = format!("its shard `{FIRST}` has no tensor `{name}`");
    assert!(text.starts_with(&expected), "{text}");
    // The same tensor in both, of which the index names one.
    write_index(&folder, whole);
    std::fs::write(folder.path().join(FIRST), weights.to_bytes().unwrap()).unwrap();
    let (text, _) = refused(&folder, INDEX);
    assert!(
        text.starts_with(&format!("its shard `{SECOND}` has a tensor ")),
        "{text}"
    );
    // A shard that cannot be read is the file that the error is about.
    std::fs::write(folder.path().join(SECOND), b"<!DOCTYPE html><html></html>").unwrap();
    let (text, about) = refused(&folder, INDEX);
    assert!(
        text.starts_with("it is a web page") && about == SECOND,
        "{about}: {text}"
    );
}

/// An index is whatever its author wants.
#[test]
fn shards_are_files_in_the_folder_of_the_index() {
    let outside = sharded(&sample(3));
    let folder = tempfile::tempdir_in(outside.path()).unwrap();
    let (above, absolute) = (format!("../{FIRST}"), outside.path().join(FIRST));
    for shard in [
        above.as_str(),
        absolute.to_str().unwrap(),
        "a\\b.safetensors",
        "C:b.safetensors",
        "..",
        ".safetensors",
        "model.bin",
        "",
        "x\n/.safetensors",
    ] {
        let one = [("model.0.0.weight".to_owned(), json!(shard))];
        write_index(&folder, one.into_iter().collect());
        let (text, _) = refused(&folder, INDEX);
        assert!(
            text.starts_with(&format!("it names the shard {}", quoted(shard))),
            "{text}"
        );
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn an_index_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (content, expected) in [
        ("", "the file is empty"),
        ("{", "it is not JSON"),
        ("[]", "it has no object `weight_map`"),
        (r#"{"weight_map": {}}"#, "it has an empty `weight_map`"),
        (r#"{"weight_map": {"a": 3}}"#, "it has 3 for `a`"),
        ("<!DOCTYPE html><html></html>", "it is a web page"),
    ] {
        std::fs::write(folder.path().join(INDEX), content).unwrap();
        let (text, _) = refused(&folder, INDEX);
        assert!(text.starts_with(expected), "{text}");
    }
    let many = |shards: usize, tensors: usize| {
        let shard = |i: usize| format!("{}.safetensors", i % shards);
        let map = (0..tensors).map(|i| (i.to_string(), json!(shard(i)))).collect();
        write_index(&folder, map);
        refused(&folder, INDEX).0
    };
    assert!(many(1025, 1025).starts_with("it names 1025 shards, expected at most 1024"));
    assert!(many(1, 65_537).starts_with("it names 65537 tensors, expected at most 65536"));
}
