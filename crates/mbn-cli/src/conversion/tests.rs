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
        found[2].contains("[\"state_dict_ema\", \"ema_state_dict\", "),
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
    for kind in [FileKind::Zip, FileKind::PytorchZip] {
        let advice = other_kind(Path::new("m.pt2"), kind).unwrap();
        assert_eq!(words(&advice)[2], FROM_EXPORTED);
        assert!(advice.ends_with(TRUST), "{advice}");
    }
    assert_eq!(
        other_kind(Path::new("m.zip"), FileKind::Zip).unwrap(),
        "unpack it first"
    );
}

#[test]
fn an_index_is_no_page_that_a_download_saved() {
    let advice = |name: &str| other_kind(Path::new(name), FileKind::Json).unwrap();
    for (name, out) in [
        ("a/model.safetensors.index.json", "a/model.safetensors"),
        ("pytorch_model.bin.index.json", "pytorch_model.safetensors"),
    ] {
        assert_eq!(words(&advice(name))[3..], [name, out]);
    }
    assert!(advice("config.json").starts_with("download the file itself"));
}

/// Only where an object is in the way.
#[test]
fn code_of_a_file_is_run_only_where_that_may_help() {
    let script = |error: PickleError| {
        let advice = broken_checkpoint(Path::new("w.pth"), &error).unwrap();
        assert!(advice.contains("on a file that you trust"), "{advice}");
        words(&advice)[2].clone()
    };
    let safe = ALLOW_NAMESPACE.to_owned() + &from_pytorch("");
    let keys = |keys: &[&str]| PickleError::NoStateDict(keys.iter().map(ToString::to_string).collect());
    let of_object = "`model` (an object made by `models.Net`)";
    for (error, expected) in [
        (PickleError::NotDictionary("a list".to_owned()), &safe),
        (keys(&["`model`", "`epoch`"]), &safe),
        (keys(&["`args` (an object made by `argparse.Namespace`)"]), &safe),
        (
            PickleError::NotDictionary("an object made by `models.Net`".to_owned()),
            &from_pytorch(", weights_only=False"),
        ),
        // However many keys come before it.
        (
            keys(&["`a`", "`b`", "`c`", "`d`", "`e`", "`f`", "`g`", of_object]),
            &from_pytorch(", weights_only=False"),
        ),
    ] {
        assert_eq!(&script(error.clone()), expected, "{error}");
    }
}

#[test]
fn one_of_several_dictionaries_is_named_as_the_last_word() {
    let advice = |keys: &[&str]| {
        let keys = keys.iter().map(|key| format!("`{key}`")).collect();
        broken_checkpoint(Path::new("w.pth"), &PickleError::SeveralStateDicts(keys))
    };
    let found = advice(&["my net", "other", "more"]).unwrap();
    assert_eq!(words(&found)[3..], ["w.pth", "w.safetensors", "my net"]);
    assert!(
        found.contains(", with `other` as its last word that under `other`"),
        "{found}"
    );
    // As a message shows keys that it had to change.
    assert_eq!(words(&advice(&["a\\n", "b...", "c"]).unwrap())[5..], ["c"]);
    assert_eq!(advice(&["a\\n", "b..."]), None);
}

#[test]
fn weights_that_are_not_read_may_be_taken_in_their_place() {
    let unread = |object: Option<&str>| Unread {
        key: "ema",
        object: object.map(str::to_owned),
    };
    for (unread, script) in [
        (unread(None), ALLOW_NAMESPACE.to_owned() + &from_pytorch("")),
        (
            unread(Some("an object made by `a.B`")),
            from_pytorch(", weights_only=False"),
        ),
    ] {
        let advice = instead(Path::new("w.pth"), &unread);
        assert_eq!(words(&advice)[2..], [&script, "w.pth", "w.safetensors", "ema"]);
        assert_eq!(advice.contains(TRUST), unread.object.is_some(), "{advice}");
    }
}

/// Nothing that reads its tensors would help.
#[test]
fn a_checkpoint_of_ultralytics_is_to_be_exported() {
    for error in [
        PickleError::NotDictionary("an object made by `ultralytics.nn.tasks.ClassificationModel`".to_owned()),
        PickleError::NoStateDict(vec![
            "`epoch`".to_owned(),
            "`model` (an object made by `ultralytics.nn.tasks.ClassificationModel`)".to_owned(),
        ]),
    ] {
        let advice = broken_checkpoint(Path::new("my best.pt"), &error).unwrap();
        let command = shlex::split(advice.split('`').nth(1).unwrap()).unwrap();
        assert_eq!(command, ["yolo", "export", "model=my best.pt", "format=onnx"]);
    }
}

#[test]
fn the_folder_of_a_saved_model_may_end_in_a_slash() {
    for folder in ["my/net", "my/net/"] {
        assert_eq!(
            words(&converts_saved_model(Path::new(folder)))[4],
            "my/net.safetensors"
        );
    }
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
