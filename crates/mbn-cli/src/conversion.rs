//! How to make weights of a file that is not read: commands that a user can paste.

mod scripts;

use std::path::{Path, PathBuf};

use mbn_files::{FileKind, folder_of};
use mbn_weights::pickle::{PickleError, Unread};

use crate::free_name::free_name;
use crate::quote;
pub(crate) use scripts::ALLOW_NAMESPACE;
use scripts::{
    FROM_EXPORTED, FROM_GRAPH, FROM_HDF5, FROM_KERAS, FROM_KERAS_WEIGHTS, FROM_NPZ, FROM_NUMPY_PICKLE,
    FROM_SAVED_MODEL, FROM_SHARDS, FROM_TENSORFLOW, FROM_TORCHSCRIPT, from_pytorch,
};

/// What to say of a command that runs what a file says.
const TRUST: &str = " runs what the file says, so use it only on a file that you trust";

/// What to say of a file that is damaged.
pub(crate) const NOT_WHOLE: &str = "the file was perhaps not copied or downloaded whole: fetch it again";

/// What a user can do about the file `path` of another kind than a program wants: how to get the right one.
pub fn other_kind(path: &Path, kind: FileKind) -> Option<String> {
    match kind {
        FileKind::GitLfsPointer => {
            let name = path.file_name().map_or(Path::new(""), Path::new);
            let (folder, name) = (quote(folder_of(path)), quote(name));
            Some(format!(
                "`git -C {folder} lfs pull --include {name}` fetches the file itself"
            ))
        }
        FileKind::PytorchPickle => Some(converts_checkpoint(&from_pytorch(""), path)),
        FileKind::Pickle | FileKind::NumpyPickle => {
            Some(converts(FROM_NUMPY_PICKLE, path, "NumPy") + "; it" + TRUST)
        }
        FileKind::Hdf5 if ends(path, ".weights.h5") => Some(
            converts(FROM_KERAS_WEIGHTS, path, "Keras 3")
                + "; in it, `alpha` and `classes` are to be those of the network",
        ),
        FileKind::Hdf5 => Some(converts(FROM_HDF5, path, "h5py")),
        FileKind::Zip if ends(path, ".keras") => Some(converts(FROM_KERAS, path, "Keras 3")),
        // Python may find objects among the inputs that it was traced with.
        FileKind::Zip | FileKind::PytorchZip if ends(path, ".pt2") => {
            Some(converts(FROM_EXPORTED, path, "PyTorch") + "; it" + TRUST)
        }
        FileKind::Zip if ends(path, ".npz") => Some(
            converts(FROM_NPZ, path, "NumPy")
                + "; its arrays need the names of the weights, such as `conv1/kernel`",
        ),
        FileKind::TensorflowCheckpoint => {
            Some(converts_as(FROM_TENSORFLOW, &checkpoint_name(path), "TensorFlow"))
        }
        FileKind::TensorflowGraph => Some(converts(FROM_GRAPH, path, "TensorFlow")),
        FileKind::TensorflowSavedModel => Some(converts_saved_model(folder_of(path))),
        FileKind::TensorflowLite => Some(format!(
            "`python3 -m tf2onnx.convert --tflite {} --output MODEL.onnx` makes an ONNX model of it; its batch norm is folded, so for \
             weights take the checkpoint that it was made from",
            quote(path)
        )),
        FileKind::Ort | FileKind::TensorRt => Some("give the ONNX model that it was made from".to_owned()),
        FileKind::Json if ends(path, ".index.json") => Some(format!(
            "it lists the files that the weights are in; {}",
            command(FROM_SHARDS, path, unindexed(path), "PyTorch")
        )),
        FileKind::WebPage | FileKind::Xml | FileKind::Json => Some(
            "download the file itself: on GitHub the address of `Raw`, on a model hub one with `/resolve/`"
                .to_owned(),
        ),
        kind if kind.is_archive() => Some("unpack it first".to_owned()),
        _ => None,
    }
}

fn ends(path: &Path, end: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.to_ascii_lowercase().ends_with(end)
}

/// What a user can do about a checkpoint that cannot be read.
pub(crate) fn broken_checkpoint(path: &Path, error: &PickleError) -> Option<String> {
    match error {
        PickleError::Zip(_) | PickleError::Checksum(_) => Some(NOT_WHOLE.to_owned()),
        PickleError::TorchScript => Some(converts(FROM_TORCHSCRIPT, path, "PyTorch")),
        PickleError::NotDictionary(_) | PickleError::NoStateDict(_) if is_of_ultralytics(error) => {
            Some(format!(
                "no network of Ultralytics is a MobileNetV1; `yolo export model={} format=onnx` makes an ONNX model of it, which \
             `mbn-infer --model` takes",
                quote(path)
            ))
        }
        // Such as one with the bytes of NumPy's arrays.
        PickleError::TooLarge { .. } => {
            Some(converts(&from_pytorch(", weights_only=False"), path, "PyTorch, NumPy") + "; it" + TRUST)
        }
        PickleError::NotDictionary(_) | PickleError::NoStateDict(_) if has_object(error) => Some(
            converts(
                &from_pytorch(", weights_only=False"),
                path,
                "PyTorch, the code of the objects that the file names",
            ) + "; it"
                + TRUST,
        ),
        PickleError::SeveralStateDicts(keys) => one_of(path, keys),
        PickleError::NotDictionary(_) | PickleError::NoStateDict(_) | PickleError::NotTensor { .. } => Some(
            converts_checkpoint(&(ALLOW_NAMESPACE.to_owned() + &from_pytorch("")), path),
        ),
        _ => None,
    }
}

/// How to take one of the state dicts under these keys, which are as a message shows them.
fn one_of(path: &Path, keys: &[String]) -> Option<String> {
    let keys = keys
        .iter()
        .filter_map(|key| key.strip_prefix('`')?.strip_suffix('`'));
    // So a message shows one that it had to change.
    let mut usable = keys.filter(|key| !key.is_empty() && !key.contains('\\') && !key.ends_with("..."));
    let key = usable.next()?;
    let other = usable.next().map_or(String::new(), |other| {
        format!(", with `{other}` as its last word that under `{other}`")
    });
    let script = ALLOW_NAMESPACE.to_owned() + &from_pytorch("");
    Some(format!(
        "nothing in the file tells which is the better one, often an average called `ema`; {} converts that under `{key}`{other}, in a \
         Python that has PyTorch and safetensors",
        call_for(&script, path, key)
    ))
}

/// How to take the weights that are not read, if they are the better ones.
pub(crate) fn instead(path: &Path, unread: &Unread) -> String {
    let (script, trust) = match unread.object {
        Some(_) => (
            from_pytorch(", weights_only=False"),
            ", and the code of that object; it".to_owned() + TRUST,
        ),
        None => (ALLOW_NAMESPACE.to_owned() + &from_pytorch(""), String::new()),
    };
    format!(
        "an average is often better; {} converts it, in a Python that has PyTorch and safetensors{trust}",
        call_for(&script, path, unread.key)
    )
}

/// The call of a script that converts what is under a key of the checkpoint.
fn call_for(script: &str, path: &Path, key: &str) -> String {
    let out = free_name(path.with_extension("safetensors"), path);
    let words = [Path::new(script), path, &out, Path::new(key)].map(quote);
    format!("`python3 -c {}`", words.join(" "))
}

/// Whether the error names an object, which may have the weights and which PyTorch makes only where it may run code. Arguments of a
/// script are none.
fn has_object(error: &PickleError) -> bool {
    found_in(error).iter().any(|found| {
        found.contains("an object made by ") && !found.contains("an object made by `argparse.Namespace`")
    })
}

/// Whether the error names a network as Ultralytics saves it.
fn is_of_ultralytics(error: &PickleError) -> bool {
    found_in(error)
        .iter()
        .any(|found| found.contains("an object made by `ultralytics."))
}

/// What the error says was found in place of a state dict.
fn found_in(error: &PickleError) -> &[String] {
    match error {
        PickleError::NotDictionary(found) => std::slice::from_ref(found),
        PickleError::NoStateDict(keys) => keys,
        _ => &[],
    }
}

/// What a user can do about a file of this kind, or of one that nothing tells, which ends early or makes no sense.
pub(crate) fn broken_safetensors(path: &Path, kind: Option<FileKind>) -> Option<String> {
    let is_meant = kind == Some(FileKind::Safetensors) || ends(path, ".safetensors");
    is_meant.then(|| NOT_WHOLE.to_owned())
}

fn converts_checkpoint(script: &str, path: &Path) -> String {
    converts(script, path, "PyTorch")
        + "; where PyTorch refuses an object in it, `map_location=\"cpu\", weights_only=False` loads that too, and"
        + TRUST
}

/// The name of the file that an index `NAME.safetensors.index.json` or `NAME.bin.index.json` stands for, as safetensors.
fn unindexed(path: &Path) -> PathBuf {
    let name = path.with_extension("").with_extension("");
    name.with_extension("safetensors")
}

/// What a user can do about a checkpoint whose `args` cannot be followed.
pub(crate) fn without_arguments(path: &Path) -> String {
    let script = ALLOW_NAMESPACE.to_owned() + &from_pytorch("");
    format!(
        "this program has no network as these arguments make it; if they are about something else, leave them out: {}",
        converts(&script, path, "PyTorch")
    )
}

/// What a user can do about `path` if it is a data file of a TensorFlow checkpoint, which nothing in it tells, or the name of
/// one without an extension.
pub(crate) fn tensorflow_checkpoint(path: &Path) -> Option<String> {
    let name = checkpoint_name(path);
    let mut index = name.clone().into_os_string();
    index.push(".index");
    let is_data = name != path && path.extension().is_none_or(|extension| extension != "index");
    (is_data || Path::new(&index).is_file()).then(|| {
        let conversion = converts_as(FROM_TENSORFLOW, &name, "TensorFlow");
        format!("`{}` is a TensorFlow checkpoint: {conversion}", name.display())
    })
}

/// What a user can do about the folder `path` if it is a SavedModel.
pub(crate) fn saved_model(path: &Path) -> Option<String> {
    path.join("saved_model.pb")
        .is_file()
        .then(|| converts_saved_model(path))
}

fn converts_saved_model(folder: &Path) -> String {
    converts_as(FROM_SAVED_MODEL, folder, "TensorFlow")
}

/// The name of a TensorFlow checkpoint, by that of one of its files: `NAME.index` or `NAME.data-00000-of-00001`.
fn checkpoint_name(path: &Path) -> PathBuf {
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_data = |extension: &str| {
        let shard = extension.strip_prefix("data-")?;
        let (number, count) = shard.split_once("-of-")?;
        (digits(number) && digits(count)).then_some(())
    };
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("index") => path.with_extension(""),
        Some(extension) if is_data(extension).is_some() => path.with_extension(""),
        _ => path.to_owned(),
    }
}

/// A command that converts the file to one with the extension `safetensors`.
fn converts(script: &str, path: &Path, needs: &str) -> String {
    command(script, path, path.with_extension("safetensors"), needs)
}

/// The same for a name that no file has; its extension, such as `ckpt-1000`, tells it from others and stays.
fn converts_as(script: &str, path: &Path, needs: &str) -> String {
    // Without a slash at the end, after which the name would be that of a hidden file in the folder.
    let mut out = path.components().as_path().as_os_str().to_owned();
    if path.file_name().is_none() {
        out = "weights".into();
    }
    out.push(".safetensors");
    command(script, path, out.into(), needs)
}

fn command(script: &str, path: &Path, out: PathBuf, needs: &str) -> String {
    let out = free_name(out, path);
    let (script, path, out) = (quote(Path::new(script)), quote(path), quote(&out));
    format!("`python3 -c {script} {path} {out}` converts it, in a Python that has {needs} and safetensors")
}

#[cfg(test)]
mod tests;
