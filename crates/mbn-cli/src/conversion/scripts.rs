//! The programs in Python that make safetensors of other files, for `python3 -c`, given the file and the name of the new one.

use mbn_weights::pickle::{INNER_KEYS, KEYS};

/// Turns a PyTorch checkpoint into safetensors. Takes the weights that [`mbn_weights::pickle`] takes of a checkpoint that it reads:
/// KEYS in their order, perhaps one of INNER further inside, unless another dictionary has more than twice as many, or batch norm's
/// statistics, which an average of parameters lacks; else the only dictionary of tensors, or the checkpoint itself. If there is none,
/// it looks in the dictionaries, lists and tuples, each level after the one above it, and without any tensors for arrays of NumPy.
/// The keys that lead to a part, with dots between them, may be given as a third argument; then it looks in that part. It fails
/// and writes nothing if there are several or none at all. A value may be a model, as an object. An open file is read by what it
/// holds, whatever its name.
pub(super) const FROM_PYTORCH: &str = "import sys, torch; from safetensors.torch import save_file; \
     t = lambda d, q: t(d.state_dict(), q) if hasattr(d, \"state_dict\") else \
     {k: v for k, v in d.items() if isinstance(k, str) and q(v)} if isinstance(d, dict) else {}; \
     i = lambda d: list(d.items()) if isinstance(d, dict) else list(enumerate(d)) if isinstance(d, (list, tuple)) else []; \
     g = lambda d, p: next((x for k, v in i(d) for x in ([v] if str(k) == p \
     else [g(v, p[len(str(k)) + 1:])] if p.startswith(f\"{k}.\") else []) if x is not None), None); \
     c = torch.load(open(sys.argv[1], \"rb\"), map_location=\"cpu\"LOAD); c = g(c, sys.argv[3]) if sys.argv[3:] else c; \
     e = lambda p, k, v, q: max([(p, v)] + [(f\"{p}.{j}\", v[j]) for j in [INNER] if k in [KEYS] and isinstance(v, dict) and j in v], \
     key=lambda x: len(t(x[1], q)) * (2 if x[0] == p else 1)); \
     f = lambda l, n, q: [(p, k, x) for o, k, u in l for p, v in [e(o, k, u, q)] for x in [t(v, q)] if x] \
     or (f([(f\"{p}.{j}\", j, x) for p, v in {id(v): (p, v) for p, _, v in l}.values() for j, x in i(v)], n - 1, q) \
     if l and n and not t(c, q) else []); \
     w, s = next(filter(any, ((t(c, q), f([(str(k), k, v) for k, v in i(c)], 8, q)) for q in (torch.is_tensor, \
     lambda v: type(v).__name__ == \"ndarray\" and v.dtype.kind in \"fiub\"))), ({}, [])); \
     m = max([len(x) for _, _, x in s], default=0); \
     r = lambda d: any(\"running_mean\" in k for k in d); \
     n = next(filter(None, ([p for p in s if p[1] == k and 2 * len(p[2]) >= m and r(p[2]) >= any(r(x) for _, _, x in s)] \
     for k in [KEYS])), [] if len(w) > len(s) else s); \
     len(n) > 1 and sys.exit(f\"several dictionaries of tensors: {[p for p, _, _ in n]}; give one of these as the last word\"); \
     w = n[0][2] if n else w; w = {k: torch.as_tensor(v) for k, v in w.items()}; \
     save_file({k: (v if v.layout == torch.strided else v.to_dense()).clone().contiguous() for k, v in w.items()}, sys.argv[2]) \
     if w else sys.exit(\"no dictionary of tensors in it\")";

/// Turns a TorchScript program into safetensors.
pub(super) const FROM_TORCHSCRIPT: &str = "import sys, torch; from safetensors.torch import save_file; \
     c = torch.jit.load(open(sys.argv[1], \"rb\"), map_location=\"cpu\").state_dict(); \
     save_file({k: v.clone().contiguous() for k, v in c.items()}, sys.argv[2])";

/// Turns a program of `torch.export` into safetensors.
pub(super) const FROM_EXPORTED: &str = "import sys, torch; from safetensors.torch import save_file; \
     c = torch.export.load(sys.argv[1]).state_dict; \
     save_file({k: v.detach().clone().contiguous() for k, v in c.items()}, sys.argv[2])";

/// Puts the weights of several files together that an index lists, as the Hub's libraries write large ones.
pub(super) const FROM_SHARDS: &str = "import sys, json, os, torch; from safetensors.torch import load_file, save_file; \
     d = os.path.dirname(sys.argv[1]); t = {}; \
     [t.update(load_file(p) if p.endswith(\".safetensors\") else torch.load(open(p, \"rb\"), map_location=\"cpu\")) \
     for f in sorted(set(json.load(open(sys.argv[1]))[\"weight_map\"].values())) for p in [os.path.join(d, f)]]; \
     save_file({k: v.clone().contiguous() for k, v in t.items()}, sys.argv[2])";

/// Turns an HDF5 file into safetensors, each data set under its path. A scalar is read as a number of NumPy, which is no array.
pub(super) const FROM_HDF5: &str = "import sys, h5py, numpy; from safetensors.numpy import save_file; t = {}; \
     h5py.File(sys.argv[1]).visititems(lambda k, v: t.update({k: numpy.asarray(v[()])}) \
     if isinstance(v, h5py.Dataset) and v.shape is not None and v.dtype.kind == \"f\" \
     and not k.startswith(\"optimizer_weights/\") else None); save_file(t, sys.argv[2])";

/// Turns a model in Keras's own format into safetensors, each variable under its path.
pub(super) const FROM_KERAS: &str = "import sys, keras, numpy; from safetensors.numpy import save_file; \
     m = keras.models.load_model(sys.argv[1], compile=False); \
     save_file({w.path: numpy.asarray(w.numpy()) for w in m.weights}, sys.argv[2])";

/// The same of Keras's weights alone, which have neither the names of variables nor the network.
pub(super) const FROM_KERAS_WEIGHTS: &str = "import sys, keras, numpy; from safetensors.numpy import save_file; \
     m = keras.applications.MobileNet(alpha=1.0, classes=1000, weights=None); m.load_weights(sys.argv[1]); \
     save_file({w.path: numpy.asarray(w.numpy()) for w in m.weights}, sys.argv[2])";

/// Turns NumPy's arrays into safetensors. In the names of an archive, `__` often stands for `/`.
pub(super) const FROM_NPZ: &str = "import sys, numpy; from safetensors.numpy import save_file; \
     save_file({k.replace(\"__\", \"/\"): v for k, v in numpy.load(sys.argv[1]).items()}, sys.argv[2])";

/// Turns a pickled dictionary of NumPy arrays into safetensors, which runs what the file says.
pub(super) const FROM_NUMPY_PICKLE: &str = "import sys, pickle, numpy; from safetensors.numpy import save_file; \
     c = pickle.load(open(sys.argv[1], \"rb\")); \
     save_file({k: numpy.ascontiguousarray(v) for k, v in c.items() if isinstance(v, numpy.ndarray)}, sys.argv[2])";

/// Turns a TensorFlow checkpoint, named without the extensions of its files, into safetensors.
pub(super) const FROM_TENSORFLOW: &str = "import sys, numpy, tensorflow as tf; from safetensors.numpy import save_file; \
     r = tf.train.load_checkpoint(sys.argv[1]); \
     save_file({k: numpy.asarray(r.get_tensor(k)) for k, d in r.get_variable_to_dtype_map().items() if d.is_floating}, sys.argv[2])";

/// Turns the variables of a TensorFlow SavedModel, named by its folder, into safetensors.
pub(super) const FROM_SAVED_MODEL: &str = "import sys, numpy, tensorflow as tf; from safetensors.numpy import save_file; \
     m = tf.saved_model.load(sys.argv[1]); \
     save_file({v.name: numpy.asarray(v.numpy()) for v in m.variables if v.dtype.is_floating}, sys.argv[2])";

/// Turns the constants of a frozen TensorFlow graph into safetensors.
pub(super) const FROM_GRAPH: &str = "import sys, tensorflow as tf; from safetensors.numpy import save_file; \
     g = tf.compat.v1.GraphDef.FromString(open(sys.argv[1], \"rb\").read()); \
     t = {n.name: tf.make_ndarray(n.attr[\"value\"].tensor) for n in g.node if n.op == \"Const\"}; \
     save_file({k: v for k, v in t.items() if v.dtype.kind == \"f\"}, sys.argv[2])";

/// Lets `torch.load` read what Python's parser of command lines makes, which training scripts keep as `args`. PyTorch before 2.4,
/// which lacks the function, reads everything.
pub(crate) const ALLOW_NAMESPACE: &str =
    "import argparse, torch; getattr(torch.serialization, \"add_safe_globals\", len)([argparse.Namespace]); ";

/// [`FROM_PYTORCH`], with more arguments for `torch.load`.
pub(super) fn from_pytorch(load: &str) -> String {
    let listed = |keys: &[&str]| {
        keys.iter()
            .map(|key| format!("\"{key}\""))
            .collect::<Vec<_>>()
            .join(", ")
    };
    FROM_PYTORCH
        .replace("LOAD", load)
        .replace("KEYS", &listed(&KEYS))
        .replace("INNER", &listed(&INNER_KEYS))
}
