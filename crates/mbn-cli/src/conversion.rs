//! How to make weights of a file that is not read: commands that a user can paste.

use std::path::{Path, PathBuf};

use mbn_files::{FileKind, folder_of};
use mbn_weights::pickle::{KEYS, PickleError};

use crate::quote;

/// Turns a PyTorch checkpoint into safetensors. Takes the weights that [`mbn_weights::pickle`] takes of a checkpoint that it reads:
/// KEYS in their order, unless another dictionary has more than twice as many, else the only dictionary of tensors, or the checkpoint itself; else it fails and writes nothing. A value
/// may be a model, as an object.
const FROM_PYTORCH: &str = "import sys, torch; from safetensors.torch import save_file; \
     t = lambda d: t(d.state_dict()) if hasattr(d, \"state_dict\") else \
     {k: v.clone().contiguous() for k, v in d.items() if isinstance(k, str) and torch.is_tensor(v)} \
     if isinstance(d, dict) else {}; \
     c = torch.load(sys.argv[1], map_location=\"cpu\"LOAD); w = t(c); \
     s = {k: t(v) for k, v in c.items() if t(v)} if isinstance(c, dict) else {}; \
     n = [k for k in [KEYS] if k in s and 2 * len(s[k]) >= max(map(len, s.values()))][:1] or ([] if len(w) > len(s) else list(s)); \
     len(n) > 1 and sys.exit(f\"several dictionaries of tensors: {n}\"); w = s[n[0]] if n else w; \
     save_file(w, sys.argv[2]) if w else sys.exit(\"no dictionary of tensors in it\")";

/// Turns a TorchScript program into safetensors.
const FROM_TORCHSCRIPT: &str = "import sys, torch; from safetensors.torch import save_file; \
     c = torch.jit.load(sys.argv[1], map_location=\"cpu\").state_dict(); \
     save_file({k: v.clone().contiguous() for k, v in c.items()}, sys.argv[2])";

/// Turns an HDF5 file into safetensors, each data set under its path.
const FROM_HDF5: &str = "import sys, h5py; from safetensors.numpy import save_file; t = {}; \
     h5py.File(sys.argv[1]).visititems(lambda k, v: t.update({k: v[()]}) \
     if isinstance(v, h5py.Dataset) and v.dtype.kind == \"f\" else None); save_file(t, sys.argv[2])";

/// Turns a model in Keras's own format into safetensors, each variable under its path.
const FROM_KERAS: &str = "import sys, keras; from safetensors.numpy import save_file; \
     m = keras.models.load_model(sys.argv[1], compile=False); \
     save_file({w.path: w.numpy() for w in m.weights}, sys.argv[2])";

/// The same of Keras's weights alone, which have neither the names of variables nor the network.
const FROM_KERAS_WEIGHTS: &str = "import sys, keras; from safetensors.numpy import save_file; \
     m = keras.applications.MobileNet(alpha=1.0, classes=1000, weights=None); m.load_weights(sys.argv[1]); \
     save_file({w.path: w.numpy() for w in m.weights}, sys.argv[2])";

/// Turns NumPy's arrays into safetensors. In the names of an archive, `__` often stands for `/`.
const FROM_NPZ: &str = "import sys, numpy; from safetensors.numpy import save_file; \
     save_file({k.replace(\"__\", \"/\"): v for k, v in numpy.load(sys.argv[1]).items()}, sys.argv[2])";

/// Turns a pickled dictionary of NumPy arrays into safetensors, which runs what the file says.
const FROM_NUMPY_PICKLE: &str = "import sys, pickle, numpy; from safetensors.numpy import save_file; \
     c = pickle.load(open(sys.argv[1], \"rb\")); \
     save_file({k: numpy.ascontiguousarray(v) for k, v in c.items() if isinstance(v, numpy.ndarray)}, sys.argv[2])";

/// Turns a TensorFlow checkpoint, named without the extensions of its files, into safetensors.
const FROM_TENSORFLOW: &str = "import sys, tensorflow as tf; from safetensors.numpy import save_file; \
     r = tf.train.load_checkpoint(sys.argv[1]); \
     save_file({k: r.get_tensor(k) for k, d in r.get_variable_to_dtype_map().items() if d.is_floating}, sys.argv[2])";

/// Turns the variables of a TensorFlow SavedModel, named by its folder, into safetensors.
const FROM_SAVED_MODEL: &str = "import sys, tensorflow as tf; from safetensors.numpy import save_file; \
     m = tf.saved_model.load(sys.argv[1]); \
     save_file({v.name: v.numpy() for v in m.variables if v.dtype.is_floating}, sys.argv[2])";

/// Turns the constants of a frozen TensorFlow graph into safetensors.
const FROM_GRAPH: &str = "import sys, tensorflow as tf; from safetensors.numpy import save_file; \
     g = tf.compat.v1.GraphDef.FromString(open(sys.argv[1], \"rb\").read()); \
     t = {n.name: tf.make_ndarray(n.attr[\"value\"].tensor) for n in g.node if n.op == \"Const\"}; \
     save_file({k: v for k, v in t.items() if v.dtype.kind == \"f\"}, sys.argv[2])";

/// Lets `torch.load` read what Python's parser of command lines makes, which training scripts keep as `args`. PyTorch before 2.4,
/// which lacks the function, reads everything.
pub(crate) const ALLOW_NAMESPACE: &str =
    "import argparse, torch; getattr(torch.serialization, \"add_safe_globals\", len)([argparse.Namespace]); ";

/// What to say of a command that runs what a file says.
const TRUST: &str = " runs what the file says, so use it only on a file that you trust";

/// [`FROM_PYTORCH`], with more arguments for `torch.load`.
fn from_pytorch(load: &str) -> String {
    let keys = KEYS.map(|key| format!("\"{key}\""));
    FROM_PYTORCH
        .replace("LOAD", load)
        .replace("KEYS", &keys.join(", "))
}

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
        FileKind::PytorchPickle => Some(
            converts(&from_pytorch(""), path, "PyTorch")
                + "; where PyTorch refuses an object in it, `map_location=\"cpu\", weights_only=False` loads that too, and"
                + TRUST,
        ),
        FileKind::Pickle | FileKind::NumpyPickle => {
            Some(converts(FROM_NUMPY_PICKLE, path, "NumPy") + "; it" + TRUST)
        }
        FileKind::Hdf5 if ends(path, ".weights.h5") => Some(
            converts(FROM_KERAS_WEIGHTS, path, "Keras 3")
                + "; in it, `alpha` and `classes` are to be those of the network",
        ),
        FileKind::Hdf5 => Some(converts(FROM_HDF5, path, "h5py")),
        FileKind::Zip if ends(path, ".keras") => Some(converts(FROM_KERAS, path, "Keras 3")),
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
        PickleError::Zip(_) | PickleError::Checksum(_) => {
            Some("the file was perhaps not copied or downloaded whole: fetch it again".to_owned())
        }
        PickleError::TorchScript => Some(converts(FROM_TORCHSCRIPT, path, "PyTorch")),
        PickleError::NotDictionary(_) | PickleError::NoStateDict(_) | PickleError::NotTensor { .. } => Some(
            converts(
                &from_pytorch(", weights_only=False"),
                path,
                "PyTorch, the code of the objects that the file names",
            ) + "; it"
                + TRUST,
        ),
        _ => None,
    }
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
    command(script, path, &path.with_extension("safetensors"), needs)
}

/// The same for a name that no file has; its extension, such as `ckpt-1000`, tells it from others and stays.
fn converts_as(script: &str, path: &Path, needs: &str) -> String {
    let mut out = path.as_os_str().to_owned();
    if path.file_name().is_none() {
        out = "weights".into();
    }
    out.push(".safetensors");
    command(script, path, Path::new(&out), needs)
}

fn command(script: &str, path: &Path, out: &Path, needs: &str) -> String {
    let (script, path, out) = (quote(Path::new(script)), quote(path), quote(out));
    format!("`python3 -c {script} {path} {out}` converts it, in a Python that has {needs} and safetensors")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(advice: &str) -> Vec<String> {
        let command = advice.split('`').find(|part| part.starts_with("python3 "));
        shlex::split(command.unwrap()).unwrap()
    }

    #[test]
    fn advice_is_one_command_for_a_shell() {
        let path = Path::new("my models/it's.pth");
        let found = words(&other_kind(path, FileKind::PytorchPickle).unwrap());
        assert_eq!(found[..2], ["python3", "-c"]);
        assert_eq!(found[2], from_pytorch(""));
        assert!(
            found[2].contains("[\"state_dict_ema\", \"model_ema\", "),
            "{}",
            found[2]
        );
        assert_eq!(found[3..], ["my models/it's.pth", "my models/it's.safetensors"]);
        let advice = other_kind(path, FileKind::TensorflowLite).unwrap();
        let words = shlex::split(advice.split('`').nth(1).unwrap()).unwrap();
        assert_eq!(
            words[1..5],
            ["-m", "tf2onnx.convert", "--tflite", "my models/it's.pth"]
        );
        let advice = other_kind(path, FileKind::GitLfsPointer).unwrap();
        let words = shlex::split(advice.split('`').nth(1).unwrap()).unwrap();
        assert_eq!(
            words,
            ["git", "-C", "my models", "lfs", "pull", "--include", "it's.pth"]
        );
    }

    /// A `.keras` file is a zip, which nobody is to unpack.
    #[test]
    fn files_of_keras_and_numpy_are_told_by_their_names() {
        for (name, kind, script) in [
            ("m.keras", FileKind::Zip, FROM_KERAS),
            ("m.weights.h5", FileKind::Hdf5, FROM_KERAS_WEIGHTS),
            ("m.h5", FileKind::Hdf5, FROM_HDF5),
            ("M.NPZ", FileKind::Zip, FROM_NPZ),
        ] {
            let advice = other_kind(Path::new(name), kind).unwrap();
            assert_eq!(words(&advice)[2], script, "{name}");
        }
        assert_eq!(
            other_kind(Path::new("m.zip"), FileKind::Zip).unwrap(),
            "unpack it first"
        );
    }

    #[test]
    fn a_tensorflow_checkpoint_is_named_by_any_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("mobilenet.ckpt-90");
        let (prefix, out) = (
            name.display().to_string(),
            format!("{}.safetensors", name.display()),
        );
        let file = |end: &str| PathBuf::from(format!("{prefix}{end}"));
        assert_eq!(tensorflow_checkpoint(&name), None);
        std::fs::write(file(".index"), "").unwrap();
        for advice in [
            tensorflow_checkpoint(&name),
            tensorflow_checkpoint(&file(".data-00000-of-00001")),
            other_kind(&file(".index"), FileKind::TensorflowCheckpoint),
        ] {
            assert_eq!(words(&advice.unwrap())[3..], [prefix.clone(), out.clone()]);
        }
        assert_eq!(tensorflow_checkpoint(&file(".data-1-of-2")), None);
    }
}
