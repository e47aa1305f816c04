//! How to take one of several networks out of a file.

use std::path::Path;

use mbn_files::FileKind;
use mbn_weights::{MismatchError, Problem};

use crate::conversion::ALLOW_NAMESPACE;
use crate::free_name::free_name;
use crate::quote;

/// Writes the tensors under a prefix, without it. Of a checkpoint they are those under the key, if one is given before the prefix; it
/// may be that and the key in its dictionary, with a dot between them.
const BY_PREFIX: &str = "import sys; from safetensors.torch import load_file, save_file; i, o, *keys, p = sys.argv[1:]; \
     g = lambda d, k: d[k] if k in d else g(d[k.split(\".\", 1)[0]], k.split(\".\", 1)[1]); d = LOAD; d = g(d, keys[0]) if keys else d; \
     w = {k[len(p):]: v.clone().contiguous() for k, v in d.items() \
     if isinstance(k, str) and k.startswith(p) and torch.is_tensor(v)}; \
     save_file(w, o) if w else sys.exit(f\"no tensors under {p}\")";

/// How Python reads a file, which is by what it holds, whatever its name. Nothing reads several files as one.
fn loader(kind: Option<FileKind>) -> Option<&'static str> {
    match kind {
        Some(FileKind::PytorchZip | FileKind::Zip) => {
            Some("torch.load(open(i, \"rb\"), map_location=\"cpu\")")
        }
        Some(FileKind::Json) => None,
        _ => Some("load_file(i)"),
    }
}

/// What a user can do about a file of this kind with several networks, of which nothing tells the right one.
pub(crate) fn one_network(path: &Path, kind: Option<FileKind>, error: &MismatchError) -> Option<String> {
    let (prefixes, key) = error.problems.iter().find_map(|problem| match problem {
        Problem::Several { one, other, key } => Some(([one, other], key.as_deref())),
        _ => None,
    })?;
    // All names begin with an empty prefix, and one that a terminal does not show cannot be pasted.
    let is_usable = |prefix: &&String| !prefix.is_empty() && !prefix.contains(char::is_control);
    let mut usable = prefixes.into_iter().filter(is_usable);
    let prefix = usable.next()?;
    let other = usable.next().map_or(String::new(), |other| {
        format!(", and with `{other}` as its last word the other")
    });
    // So a message shows one that it had to change.
    if key.is_some_and(|key| key.contains('\\') || key.ends_with("...")) {
        return None;
    }
    let script = ALLOW_NAMESPACE.to_owned() + &BY_PREFIX.replace("LOAD", loader(kind)?);
    let out = free_name(path.with_extension("one.safetensors"), path);
    let mut words = vec![Path::new(&script), path, &out];
    words.extend(key.map(Path::new));
    words.push(Path::new(prefix));
    let words = words.into_iter().map(quote).collect::<Vec<_>>().join(" ");
    Some(format!(
        "nothing in the file tells which is the better one, often an average called `ema`; `python3 -c {words}` saves that under \
         `{prefix}`{other}, in a Python that has PyTorch and safetensors"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several(one: &str, other: &str, key: Option<&str>) -> MismatchError {
        MismatchError {
            expected: String::new(),
            problems: vec![Problem::Several {
                one: one.to_owned(),
                other: other.to_owned(),
                key: key.map(str::to_owned),
            }],
        }
    }

    fn words(advice: &str) -> Vec<String> {
        let command = advice.split('`').find(|part| part.starts_with("python3 "));
        shlex::split(command.unwrap()).unwrap()
    }

    #[test]
    fn the_command_names_file_key_and_prefix() {
        let path = Path::new("my runs/last.ckpt");
        let one_network =
            |path: &Path, error: &MismatchError| one_network(path, Some(FileKind::PytorchZip), error);
        let advice = one_network(path, &several("", "net ema.module.", None)).unwrap();
        let out = "my runs/last.one.safetensors";
        assert_eq!(words(&advice)[3..], ["my runs/last.ckpt", out, "net ema.module."]);
        assert!(!advice.contains("the other"), "{advice}");
        let both = one_network(path, &several("model.", "ema_model.", Some("my net"))).unwrap();
        assert!(both.contains("saves that under `model.`, and with `ema_model.` as its last word the other"));
        assert_eq!(words(&both)[3..], ["my runs/last.ckpt", out, "my net", "model."]);
        assert_eq!(one_network(path, &several("", "a\nb", None)), None);
        assert_eq!(one_network(path, &several("a.", "b.", Some("x\\n"))), None);
        let other = MismatchError {
            expected: String::new(),
            problems: vec![Problem::Other("x".to_owned())],
        };
        assert_eq!(one_network(path, &other), None);
    }

    #[test]
    fn a_file_is_read_by_its_kind_whatever_its_name() {
        let script = |name: &str, kind| {
            let advice = one_network(Path::new(name), kind, &several("a.", "b.", None));
            advice.map(|advice| words(&advice)[2].clone())
        };
        for name in ["two.bin", "two.safetensors"] {
            for kind in [None, Some(FileKind::Safetensors)] {
                let script = script(name, kind).unwrap();
                assert!(script.contains(" d = load_file(i); "), "{script}");
            }
            let script = script(name, Some(FileKind::PytorchZip)).unwrap();
            assert!(script.contains(" d = torch.load(open(i, \"rb\"), "), "{script}");
        }
        assert_eq!(script("w.safetensors.index.json", Some(FileKind::Json)), None);
    }
}
