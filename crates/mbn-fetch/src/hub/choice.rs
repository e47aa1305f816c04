//! Which file of a repository is meant where none is named.

use std::collections::BTreeSet;

use super::{HubError, HubName};

/// What a file is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Weights: safetensors, or a PyTorch checkpoint.
    Weights,
    /// A model that classifies: ONNX if there is one, else weights.
    Model,
}

/// What a training script saves beside weights.
const NO_WEIGHTS: [&str; 5] = [
    "training_args.bin",
    "optimizer.bin",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
];

/// The file of that name, or the only one with one of the extensions.
enum Rule {
    Named(&'static str),
    Only(&'static [&'static str]),
}

const WEIGHTS: &[Rule] = &[
    Rule::Named("model.safetensors"),
    Rule::Named("pytorch_model.bin"),
    Rule::Only(&[".safetensors"]),
    Rule::Only(&[".pth", ".pt", ".bin"]),
];

const MODEL: &[Rule] = &[
    Rule::Named("model.onnx"),
    Rule::Named("onnx/model.onnx"),
    Rule::Only(&[".onnx"]),
];

/// Which of a repository's files are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// All of them.
    All,
    /// Those that were fetched. Another may be meant where none is named.
    Some,
}

/// The file of the repository that is named or, if none is, wanted.
pub(super) fn choose(
    name: &HubName,
    wanted: Wanted,
    files: &BTreeSet<String>,
    known: Known,
) -> Result<String, HubError> {
    if let Some(file) = name.file() {
        return match files.contains(file) {
            true => Ok(file.to_owned()),
            false => Err(HubError::NoFile {
                name: name.clone(),
                files: interesting(files),
            }),
        };
    }
    let model = match wanted {
        Wanted::Weights => &[],
        Wanted::Model => MODEL,
    };
    for rule in model.iter().chain(WEIGHTS) {
        match rule {
            Rule::Named(file) if files.contains(*file) => return Ok((*file).to_owned()),
            Rule::Named(_) => {}
            Rule::Only(extensions) => {
                let fitting: Vec<_> = files.iter().filter(|file| ends(file, extensions)).collect();
                match fitting[..] {
                    [] => continue,
                    [only] if known == Known::All => return Ok(only.clone()),
                    _ => {}
                }
                let (name, files) = (name.clone(), fitting.into_iter().cloned().collect());
                return Err(match known {
                    Known::All => HubError::Ambiguous { name, files },
                    Known::Some => HubError::Unnamed { name, files },
                });
            }
        }
    }
    Err(HubError::NoWeights {
        name: name.clone(),
        files: files.iter().cloned().collect(),
    })
}

fn ends(file: &str, extensions: &[&str]) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    extensions.iter().any(|extension| name.ends_with(extension)) && !NO_WEIGHTS.contains(&name)
}

/// The files that could have been meant, or all if there are none.
fn interesting(files: &BTreeSet<String>) -> Vec<String> {
    let known = [".safetensors", ".pth", ".pt", ".bin", ".onnx", ".tar"];
    let fitting: Vec<_> = files.iter().filter(|file| ends(file, &known)).cloned().collect();
    match fitting.is_empty() {
        true => files.iter().cloned().collect(),
        false => fitting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wanted: Wanted, files: &[&str]) -> Result<String, String> {
        let name = "hf:a/b".parse().unwrap();
        let files = files.iter().map(ToString::to_string).collect();
        choose(&name, wanted, &files, Known::All).map_err(|error| error.to_string())
    }

    #[test]
    fn the_usual_names_come_first() {
        for (files, expected) in [
            (
                &["model.safetensors", "pytorch_model.bin", "x.safetensors"][..],
                "model.safetensors",
            ),
            (&["pytorch_model.bin", "x.safetensors"], "pytorch_model.bin"),
            (&["x.safetensors", "y.pth", "README.md"], "x.safetensors"),
            (&["sub/y.pth", "training_args.bin", "optimizer.pt"], "sub/y.pth"),
        ] {
            assert_eq!(chosen(Wanted::Weights, files).unwrap(), expected);
        }
        let files = ["model.safetensors", "onnx/model.onnx", "onnx/model_fp16.onnx"];
        assert_eq!(chosen(Wanted::Weights, &files).unwrap(), "model.safetensors");
        assert_eq!(chosen(Wanted::Model, &files).unwrap(), "onnx/model.onnx");
        assert_eq!(chosen(Wanted::Model, &["x.pt"]).unwrap(), "x.pt");
    }

    /// The repository may have `onnx/model.onnx`, which would be taken.
    #[test]
    fn of_some_files_none_is_taken_for_the_only_one() {
        let chosen = |wanted, files: &[&str]| {
            let files = files.iter().map(ToString::to_string).collect();
            choose(&"hf:a/b".parse().unwrap(), wanted, &files, Known::Some).map_err(|error| error.to_string())
        };
        let files = ["onnx/model_quantized.onnx", "model.safetensors"];
        let error = chosen(Wanted::Model, &files).unwrap_err();
        assert!(
            error.ends_with("the cache has `onnx/model_quantized.onnx`"),
            "{error}"
        );
        assert_eq!(chosen(Wanted::Weights, &files).unwrap(), "model.safetensors");
        let files = ["onnx/model.onnx", "onnx/model_quantized.onnx"];
        assert_eq!(chosen(Wanted::Model, &files).unwrap(), "onnx/model.onnx");
    }

    #[test]
    fn a_choice_is_left_to_the_user() {
        let error = chosen(Wanted::Weights, &["a.safetensors", "b.safetensors"]).unwrap_err();
        assert!(error.contains("`a.safetensors`, `b.safetensors`"), "{error}");
        let error = chosen(Wanted::Weights, &["m.onnx", "README.md"]).unwrap_err();
        assert!(
            error.contains("no weights") && error.contains("`m.onnx`"),
            "{error}"
        );
        let error = choose(
            &"hf:a/b:c.pth".parse().unwrap(),
            Wanted::Weights,
            &["README.md".to_owned(), "d.pth".to_owned()].into(),
            Known::All,
        );
        assert!(error.unwrap_err().to_string().contains("`d.pth`"));
    }
}
