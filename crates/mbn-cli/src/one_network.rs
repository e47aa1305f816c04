//! How to take one of several networks out of a file.

use std::path::Path;

use mbn_weights::pickle::KEYS;
use mbn_weights::{MismatchError, Problem};

use crate::quote;

/// Writes the tensors under a prefix, without it. Of a checkpoint it takes the first dictionary of KEYS, as [`mbn_weights::pickle`]
/// usually does.
const BY_PREFIX: &str = "import sys, torch; from safetensors.torch import load_file, save_file; i, o, p = sys.argv[1:]; \
     d = load_file(i) if i.endswith(\".safetensors\") else torch.load(i, map_location=\"cpu\"); \
     d = next((d[k] for k in [KEYS] if k in d), d); \
     save_file({k[len(p):]: v.clone().contiguous() for k, v in d.items() if k.startswith(p) and torch.is_tensor(v)}, o)";

/// What a user can do about a file with several networks, of which nothing tells the right one.
pub(crate) fn one_network(path: &Path, error: &MismatchError) -> Option<String> {
    let [one, other] = error.problems.iter().find_map(|problem| match problem {
        Problem::Several(one, other) => Some([one, other]),
        _ => None,
    })?;
    // All names begin with an empty prefix, and one that a terminal does not show cannot be pasted.
    let is_usable = |prefix: &&String| !prefix.is_empty() && !prefix.contains(char::is_control);
    let mut usable = [one, other].into_iter().filter(is_usable);
    let prefix = usable.next()?;
    let other = usable.next().map_or(String::new(), |other| {
        format!(", and with `{other}` as its last word the other")
    });
    let keys = KEYS.map(|key| format!("\"{key}\"")).join(", ");
    let script = BY_PREFIX.replace("KEYS", &keys);
    let words = [
        Path::new(&script),
        path,
        &path.with_extension("one.safetensors"),
        Path::new(prefix),
    ];
    let words = words.map(quote).join(" ");
    Some(format!(
        "nothing in the file tells which is the better one, often an average called `ema`; `python3 -c {words}` saves that under \
         `{prefix}`{other}, in a Python that has PyTorch and safetensors"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several(one: &str, other: &str) -> MismatchError {
        MismatchError {
            expected: String::new(),
            problems: vec![Problem::Several(one.to_owned(), other.to_owned())],
        }
    }

    #[test]
    fn the_command_names_file_and_prefix() {
        let path = Path::new("my runs/last.ckpt");
        let advice = one_network(path, &several("", "net ema.module.")).unwrap();
        let command = advice
            .split('`')
            .find(|part| part.starts_with("python3 "))
            .unwrap();
        let words = shlex::split(command).unwrap();
        assert!(
            words[2].contains("[\"state_dict_ema\", \"model_ema\", "),
            "{}",
            words[2]
        );
        assert_eq!(
            words[3..],
            [
                "my runs/last.ckpt",
                "my runs/last.one.safetensors",
                "net ema.module."
            ]
        );
        assert!(!advice.contains("the other"), "{advice}");
        let both = one_network(path, &several("model.", "ema_model.")).unwrap();
        assert!(both.contains("saves that under `model.`, and with `ema_model.` as its last word the other"));
        assert_eq!(one_network(path, &several("", "a\nb")), None);
        let other = MismatchError {
            expected: String::new(),
            problems: vec![Problem::Other("x".to_owned())],
        };
        assert_eq!(one_network(path, &other), None);
    }
}
