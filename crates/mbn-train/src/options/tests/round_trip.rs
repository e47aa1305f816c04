//! Every setting of the table survives the command line, `settings.toml`, `--config`, and a saved state.

use candle_core::Device;
use clap::Parser;
use mbn_model::{OptimizerState, fresh_weights};
use mbn_spec::{Architecture, Metadata, Preprocess};

use super::page::example;
use crate::options::Options;
use crate::run::{
    ImageSet, Position, Progress, Publish, RunDir, SETTINGS as SETTINGS_FILE, STATE, State, TeacherRecord,
};
use crate::settings::{SETTINGS, Settings};

/// A run with these settings before its first step.
fn state(settings: &Settings) -> State {
    let architecture = Architecture::new(settings.alpha, 2);
    let weights = fresh_weights(architecture, 0, Metadata::default()).unwrap();
    State {
        average: (settings.ema.get() > 0.0).then(|| weights.clone()),
        weights,
        best: None,
        optimizer: OptimizerState::default(),
        progress: Progress {
            settings: settings.clone(),
            publish: Publish::default(),
            preprocess: Preprocess::default(),
            data_set: "d".into(),
            init_sha256: Some("0".into()),
            teacher: Some(TeacherRecord {
                sha256: "1".into(),
                alpha: settings.alpha,
                size: 160,
                accuracy: Some(90.5),
                accuracy_in_training: Some(80.25),
            }),
            classes: vec!["a".into(), "b".into()],
            train_images: 2,
            test_images: Some(2),
            fingerprint: Some("f".into()),
            test_fingerprint: Some("t".into()),
            short_steps: 2,
            left_out: ImageSet::default(),
            broken: ImageSet::default(),
            ranks: 2,
            device: Some("cpu".into()),
            steps: 0,
            history: Vec::new(),
            position: Position::default(),
            mistakes: Vec::new(),
        },
    }
}

#[test]
fn every_setting_survives_its_file_and_a_saved_state() {
    let saved = |settings: &Settings, key: &str| toml::Table::try_from(settings).unwrap().remove(key);
    let defaults = Settings::resolve(Default::default(), "data/stl10_binary".into(), None).unwrap();
    for setting in SETTINGS {
        let key = setting.key;
        let settings = example(setting);
        assert!(saved(&settings, key).is_some(), "`{key}` is not saved");
        assert_ne!(
            saved(&settings, key),
            saved(&defaults, key),
            "the example of `{key}` is its default"
        );
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let run = RunDir::create(Some(&out), &settings, "", |_| Ok(())).unwrap();
        run.write_settings(&settings).unwrap();
        run.write(STATE, &state(&settings).to_bytes().unwrap()).unwrap();
        let text = std::fs::read_to_string(run.file(SETTINGS_FILE)).unwrap();
        drop(run);

        let config = format!("--config={}", out.join(SETTINGS_FILE).display());
        let options = Options::try_parse_from(["mbn-train", &config]).unwrap();
        let args = options.run_args().unwrap();
        let data = args.data.clone().unwrap();
        assert_eq!(options.resolve(args, data, None).unwrap(), settings, "{text}");

        let run = RunDir::open(&out).unwrap();
        let state = State::load(&run.file(STATE), &Device::Cpu).unwrap();
        assert_eq!(state.progress.settings, settings, "{text}");
        assert!(!run.has_other_settings(&settings).unwrap(), "{text}");
        run.write_settings(&state.progress.settings).unwrap();
        assert_eq!(std::fs::read_to_string(run.file(SETTINGS_FILE)).unwrap(), text);
    }
}

/// A state from before a setting was added lacks its key, and the run had no other choice than the default.
#[test]
fn a_state_without_a_setting_has_its_default() {
    let defaults = Settings::resolve(Default::default(), "data/stl10_binary".into(), None).unwrap();
    let saved = serde_json::to_value(&defaults).unwrap();
    for setting in SETTINGS {
        let mut older = saved.clone();
        older.as_object_mut().unwrap().remove(setting.key);
        let found: Settings = serde_json::from_value(older).unwrap();
        assert_eq!(found, defaults, "`{}`", setting.key);
    }
    // A state of a later version may have settings that this version cannot follow.
    let mut later = saved;
    later["not-yet"] = true.into();
    assert!(serde_json::from_value::<Settings>(later).is_err());
}
