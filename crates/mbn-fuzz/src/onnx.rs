//! ONNX files.

use mbn_onnx::foreign::{Ending, Heads, Layout};
use mbn_onnx::proto::TensorProto;
use mbn_onnx::{Model, checker, structure};

/// Most bytes of the constants that are filled up.
const MOST_BYTES: usize = 2 << 20;

/// Reads a model as it is, and with zeros for constants of a known size that have no values: the smallest network has a
/// megabyte of values, which a corpus cannot hold.
///
/// # Panics
/// If a model that was read cannot be written and read again.
pub fn onnx(file: &[u8]) {
    match Model::from_bytes(file) {
        Ok(model) => {
            read(&model);
            read(&filled(&model));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn read(model: &Model) {
    match checker::check(model) {
        Ok(report) => assert!(!report.outputs.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match structure(model, None) {
        Ok(found) => assert!(!found.opsets.is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Some(graph) = &model.proto().graph {
        let _ = checker::known_types(graph);
    }
    match model.metadata() {
        Ok(metadata) => assert!(metadata.classes.is_none_or(|names| !names.is_empty())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    read_as_foreign(model);
    match model.to_folded() {
        Ok(folded) => {
            assert!(checker::check(model).is_ok());
            assert_eq!(folded.convs.len(), folded.architecture.convs().len());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let written = model.to_bytes();
    let again = Model::from_bytes(&written).expect("a model that can be read again");
    // Bytes, because a number may be NaN.
    assert_eq!(again.to_bytes(), written);
}

/// What is read of the models of other tools.
fn read_as_foreign(model: &Model) {
    let heads = Heads::of(model);
    if let Some(graph) = &model.proto().graph {
        for output in &graph.output {
            let is_followed = heads.ending(output.name()) != Ending::Other;
            // An output is made of the same values as itself.
            assert!(!is_followed || heads.are_one(output.name(), output.name()));
        }
    }
    let _ = Layout::of_model(model);
    if let Some((told, _)) = model.ultralytics() {
        assert!(told.preprocess().size == told.size);
    }
    match model.any_metadata() {
        // What is not this project's is left aside.
        Ok(read) => assert!(read.is_ours || read.metadata.alpha.is_none()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn filled(model: &Model) -> Model {
    let mut proto = model.proto().clone();
    let mut left = MOST_BYTES;
    for tensor in proto.graph.iter_mut().flat_map(|graph| &mut graph.initializer) {
        if tensor.raw_data().is_empty()
            && let Some(bytes) = bytes(tensor).filter(|&bytes| bytes <= left)
        {
            left -= bytes;
            tensor.raw_data = Some(vec![0; bytes]);
        }
    }
    proto.into()
}

/// Bytes of the values of a constant.
fn bytes(tensor: &TensorProto) -> Option<usize> {
    let size = |dim: &i64| usize::try_from(*dim).ok();
    let mut dims = tensor.dims.iter().map(size);
    dims.try_fold(tensor.data_type().size(), |bytes, dim| bytes.checked_mul(dim?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Else the fuzzer would see nothing but refusals.
    #[test]
    fn the_models_of_the_corpus_are_read_once_they_are_filled() {
        for name in ["folded", "unfolded-bytes", "resized", "float16"] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpora/onnx");
            let file = std::fs::read(format!("{folder}/{name}.onnx")).unwrap();
            let model = filled(&Model::from_bytes(&file).unwrap());
            checker::check(&model).unwrap();
            let is_float16 = name == "float16";
            assert_eq!(model.to_folded().is_err(), is_float16, "{name}");
        }
    }

    #[test]
    fn the_corpus_has_a_model_of_another_tool() {
        let file = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fuzz/corpora/onnx/ultralytics.onnx"
        );
        let model = Model::from_bytes(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(Heads::of(&model).ending("output0"), Ending::Softmax);
        assert_eq!(Layout::of_model(&model), Some(Layout::ChannelsFirst));
        let (told, problems) = model.ultralytics().unwrap();
        assert_eq!(
            (told.size, told.names, problems.len()),
            (Some(64), Some(vec!["a".to_owned(), "b's".to_owned()]), 0)
        );
    }
}
