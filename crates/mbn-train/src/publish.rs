//! Copies the best weights to where `mbn-export` and `mbn-infer` look for them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mbn_spec::Weights;

use crate::options::Options;

/// Writes `weights` to `--publish`, or to `models/` where that is an improvement.
pub(crate) fn publish(weights: &Weights, options: &Options) -> Result<()> {
    if options.no_publish {
        return Ok(());
    }
    if let Some(path) = &options.publish {
        return write(weights, path);
    }
    let path = PathBuf::from(format!(
        "models/mobilenet_v1_{}.safetensors",
        weights.architecture().alpha
    ));
    match reason_to_keep(weights, &path) {
        Some(reason) => log::info!("`{}` stays as it is: {reason}", path.display()),
        None => write(weights, &path)?,
    }
    Ok(())
}

fn write(weights: &Weights, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    }
    weights.save(path)?;
    let alpha = weights.architecture().alpha;
    log::info!(
        "Published as `{}`; export it with `mbn-export --alpha {alpha} model.onnx`",
        path.display()
    );
    Ok(())
}

/// Why the published weights are not replaced, if they are not.
fn reason_to_keep(weights: &Weights, path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    let published = match Weights::load(path) {
        Ok(published) => published,
        Err(error) => return Some(format!("it cannot be read ({error}); `--publish` replaces it")),
    };
    let (old, new) = (
        published.metadata().training.clone(),
        weights.metadata().training.clone(),
    );
    let (Some(old), Some(new)) = (old, new) else {
        return Some("it does not say how it was trained; `--publish` replaces it".into());
    };
    if old.data_set != new.data_set || published.class_names() != weights.class_names() {
        return Some(format!(
            "it was trained on `{}`; `--publish` replaces it",
            old.data_set
        ));
    }
    let (old, new) = (old.accuracy, new.accuracy);
    (old >= new).then(|| format!("its accuracy of {old:.2} % is not below {new:.2} %"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mbn_model::fresh_weights;
    use mbn_spec::{Alpha, Architecture, Metadata, Training};

    fn trained(data_set: &str, accuracy: f64) -> Weights {
        let training = Training {
            data_set: data_set.into(),
            accuracy,
            ..Training::default()
        };
        let metadata = Metadata {
            training: Some(training),
            ..Metadata::default()
        };
        fresh_weights(Architecture::new(Alpha::Quarter, 2), 0, metadata).unwrap()
    }

    #[test]
    fn only_better_weights_on_the_same_data_replace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("models/w.safetensors");
        assert_eq!(reason_to_keep(&trained("a", 50.0), &path), None);
        write(&trained("a", 50.0), &path).unwrap();
        assert_eq!(reason_to_keep(&trained("a", 50.1), &path), None);
        assert!(
            reason_to_keep(&trained("a", 50.0), &path)
                .unwrap()
                .contains("50.00 %")
        );
        assert!(
            reason_to_keep(&trained("b", 90.0), &path)
                .unwrap()
                .contains("`a`")
        );
        std::fs::write(&path, "broken").unwrap();
        assert!(
            reason_to_keep(&trained("a", 90.0), &path)
                .unwrap()
                .contains("cannot be read")
        );
    }
}
