//! Names and preprocessing from metadata and from files beside the model.

use super::model::{Build, IDENTITY};
use super::{
    COLOUR, assert_close, imagenet, labels, normalised, picture, probabilities, program, run, says, softmax,
    start, write,
};
use crate::common::{Run, folder};

fn expected(mean: f64, std: f64) -> Vec<f64> {
    softmax(&normalised(COLOUR, [mean; 3], [std; 3]))
}

#[test]
fn ultralytics_metadata_is_understood() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let said = [
        ("author", "Ultralytics"),
        ("task", "classify"),
        ("stride", "1"),
        ("imgsz", "[32, 32]"),
        ("names", "{0: 'tench', 1: \"cardinal's hat\", 2: 'n03000684'}"),
    ];
    Build::ending_in("Softmax", &IDENTITY).saying(&said).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(0.0, 1.0), &found);
    assert_eq!(labels(&found), ["tench", "cardinal's hat", "n03000684"]);
    says(
        &found,
        "preprocessing (as Ultralytics' metadata says): --size 32 --resize crop --shorter 32 --interpolation bilinear \
         --mean 0,0,0 --std 1,1,1\n",
    );
    assert!(!found.stderr.contains("assumed"), "{}", found.stderr);
    let Some(found) = run(&folder, "--preprocess imagenet a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
}

#[test]
fn keys_that_collide_with_ours_are_a_warning() {
    let folder = folder();
    picture(&folder, "a.png", COLOUR);
    let said = [
        ("architecture", "resnet50"),
        ("classes", "1000"),
        ("preprocess", "{\"rescale\": true}"),
        ("alpha", "0.3"),
        ("variant", "tv2_in1k"),
    ];
    Build::of_size(32).saying(&said).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
    for key in ["`architecture` is `resnet50`", "`classes`", "`preprocess`"] {
        says(&found, key);
    }
    assert_eq!(labels(&found), ["class_0", "class_1", "class_2"]);
    // What has our form is taken, whoever wrote it.
    let said = [
        ("architecture", "resnet50"),
        ("classes", "[\"x\", \"y\", \"z\"]"),
        (
            "preprocess",
            "{\"size\":32,\"resize\":\"square\",\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.5]}",
        ),
    ];
    Build::of_size(32).saying(&said).save(&folder);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(0.5, 0.5), &found);
    assert_eq!(labels(&found), ["x", "y", "z"]);
}

#[test]
fn the_type_of_a_preprocessor_counts() {
    let folder = start();
    let fields = r#""size": 32, "crop_size": 32, "do_center_crop": true, "do_normalize": false"#;
    let of = |name: &str| format!(r#"{{"image_processor_type": "{name}", {fields}}}"#);
    // 256/224 of 32 pixels are 36.
    for (name, expected, is_known) in [
        (
            "LevitImageProcessor",
            "--resize crop --shorter 36 --interpolation bicubic",
            true,
        ),
        (
            "ViTImageProcessor",
            "--resize square --interpolation bilinear",
            true,
        ),
        ("NewImageProcessor", "--resize crop --shorter 32", false),
    ] {
        write(&folder, "preprocessor_config.json", &of(name));
        let Some(found) = run(&folder, "a.png") else {
            return;
        };
        says(&found, expected);
        let warning = format!("`preprocessor_config.json` beside it names the unknown type `{name}`");
        assert_eq!(found.stderr.contains(&warning), !is_known, "{}", found.stderr);
    }
    write(
        &folder,
        "preprocessor_config.json",
        &of("PerceiverImageProcessor"),
    );
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!((found.code, found.stdout.as_str()), (1, ""));
    says(&found, "cuts the centre out before it resizes");
    says(&found, "hint: `--preprocess PRESET`");
}

#[test]
fn transformers_files_beside_it_are_read() {
    let folder = start();
    write(
        &folder,
        "config.json",
        r#"{"model_type": "focalnet", "id2label": {"0": "red", "1": "green", "2": "blue"}}"#,
    );
    write(
        &folder,
        "preprocessor_config.json",
        r#"{"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}, "do_center_crop": true,
            "resample": 3, "image_mean": [0.25, 0.25, 0.25], "image_std": [0.5, 0.5, 0.5]}"#,
    );
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(0.25, 0.5), &found);
    assert_eq!(labels(&found), ["red", "green", "blue"]);
    says(
        &found,
        "preprocessing (as `preprocessor_config.json` beside it says): --size 32 --resize crop --shorter 36 \
         --interpolation bicubic --mean 0.25,0.25,0.25 --std 0.5,0.5,0.5\n",
    );
    says(&found, "classes: as `config.json` beside it names them");
    assert!(!found.stderr.contains("assumed): "), "{}", found.stderr);
    // An option goes before the file, and the file before an assumption.
    let Some(found) = run(&folder, "--std 1 a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(0.25, 1.0), &found);
}

#[test]
fn what_a_file_beside_it_leaves_open_is_assumed() {
    let folder = start();
    write(
        &folder,
        "preprocessor_config.json",
        r#"{"size": {"height": 32, "width": 32}, "image_mean": [0.5, 0.5, 0.5]}"#,
    );
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    says(
        &found,
        "beside it says): --size 32 --resize square --mean 0.5,0.5,0.5\n",
    );
    says(
        &found,
        "(assumed): --interpolation bilinear --std 0.229,0.224,0.225\n",
    );
}

/// A model that was exported at another size than its configuration's, or takes any.
#[test]
fn timms_part_of_the_crop_counts_at_every_size() {
    let folder = start();
    let config =
        r#"{"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 224, 224], "crop_pct": 0.95}}"#;
    write(&folder, "config.json", config);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    // 0.95 of 33.68; 235 of 224 would give 34.
    says(&found, "--size 32 --resize crop --shorter 33 ");
}

#[test]
fn a_file_that_cannot_be_followed_is_an_error_unless_the_user_says_it() {
    let folder = start();
    let unknown = r#"{"size": {"shortest_edge": 36}, "crop_size": 32, "resample": 6}"#;
    write(&folder, "preprocessor_config.json", unknown);
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    says(&found, "`resample` 6");
    says(&found, "hint: `--preprocess PRESET`");
    let in_folder = "the preprocessing in `.` cannot be used";
    says(&found, in_folder);
    // The folder above one that is called so.
    std::fs::create_dir(folder.path().join("onnx")).unwrap();
    std::fs::copy(
        folder.path().join("model.onnx"),
        folder.path().join("onnx/m.onnx"),
    )
    .unwrap();
    let Some(found) = run(&folder, "--model onnx/m.onnx a.png") else {
        return;
    };
    says(&found, in_folder);
    let Some(found) = run(&folder, "--preprocess half a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(0.5, 0.5), &found);
}

#[test]
fn timms_file_beside_it_is_read() {
    let folder = start();
    write(
        &folder,
        "config.json",
        r#"{"architecture": "resnet18", "label_names": ["r", "g", "b"], "pretrained_cfg": {"input_size": [3, 32, 32],
            "crop_pct": 0.8, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}"#,
    );
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &expected(0.5, 0.25), &found);
    assert_eq!(labels(&found), ["r", "g", "b"]);
    says(
        &found,
        "--size 32 --resize crop --shorter 40 --interpolation bicubic",
    );
    // timm's own defaults: 32 / 0.875 rounded down, bicubic, ImageNet's mean and standard deviation.
    write(
        &folder,
        "config.json",
        r#"{"architecture": "resnet18", "label_names": ["r", "g", "b"], "pretrained_cfg": {"input_size": [3, 32, 32]}}"#,
    );
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_close(&probabilities(&found), &softmax(&imagenet(COLOUR)), &found);
    says(
        &found,
        "--size 32 --resize crop --shorter 36 --interpolation bicubic --mean 0.485,0.456,0.406",
    );
    // On the Hub, the model has a folder of its own.
    std::fs::create_dir(folder.path().join("onnx")).unwrap();
    std::fs::rename(
        folder.path().join("model.onnx"),
        folder.path().join("onnx/model.onnx"),
    )
    .unwrap();
    let Some(found) = run(&folder, "--model onnx/model.onnx a.png") else {
        return;
    };
    assert_eq!(labels(&found), ["r", "g", "b"]);
}

#[test]
fn lists_of_names_beside_it_are_read() {
    let folder = start();
    write(
        &folder,
        "synset.txt",
        "n01440764 tench, Tinca tinca\nn01443537 goldfish\nn01484850 great white shark\n",
    );
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(
        labels(&found),
        ["tench, Tinca tinca", "goldfish", "great white shark"]
    );
    write(&folder, "labels.txt", "a\nb\nc\n");
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(labels(&found), ["a", "b", "c"]);
    // Another number of names is about something else.
    write(&folder, "labels.txt", "a\nb\n");
    let Some(found) = run(&folder, "a.png") else {
        return;
    };
    assert_eq!(labels(&found)[1], "goldfish");
    says(&found, "`labels.txt` beside it are not used");
    write(&folder, "mine.txt", "x\ny\nz\n");
    let Some(found) = run(&folder, "--classes mine.txt a.png") else {
        return;
    };
    assert_eq!(labels(&found), ["x", "y", "z"]);
    write(&folder, "mine.txt", "x\ny\n");
    let Some(found) = run(&folder, "--classes mine.txt a.png") else {
        return;
    };
    assert_eq!(found.code, 1);
    says(&found, "`--classes mine.txt` has 2 classes");
}

/// Red, green and blue pictures in folders that are called like identifiers, names and synonyms.
#[test]
fn evaluation_finds_the_classes_of_folders() {
    let folder = start();
    write(
        &folder,
        "synset.txt",
        "n01440764 tench, Tinca tinca\nn01443537 goldfish\nn01484850 great white shark\n",
    );
    picture(&folder, "data/n01440764/1.png", [250, 0, 0]);
    picture(&folder, "data/goldfish/1.png", [0, 250, 0]);
    picture(&folder, "data/great_white_shark/1.png", [0, 0, 250]);
    picture(&folder, "data/great_white_shark/2.png", [250, 0, 0]);
    let Some(mut command) = program(&folder) else {
        return;
    };
    let run = Run::of(
        command
            .args(["--preprocess", "half", "--evaluate", "data"])
            .output()
            .unwrap(),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    says(&run, "top-1 75.00 %");
}

/// Lists of names in the forms of other programs.
#[test]
fn classes_that_come_with_their_numbers_are_ordered_by_them() {
    let folder = start();
    let (tench, shark) = ("tench, Tinca tinca", "great white shark");
    for (file, content, expected) in [
        (
            "labels.txt",
            "2: great white shark\n0: tench, Tinca tinca\n1: goldfish\n",
            [tench, "goldfish", shark],
        ),
        (
            "mine.json",
            r#"{"2": ["n01484850", "great white shark"], "0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}"#,
            ["tench", "goldfish", shark],
        ),
        ("mine.txt", "2\n0\n1\n", ["2", "0", "1"]),
    ] {
        write(&folder, file, content);
        let arguments = match file {
            "labels.txt" => "a.png".to_owned(),
            file => format!("--classes {file} a.png"),
        };
        let Some(found) = run(&folder, &arguments) else {
            return;
        };
        assert_eq!(labels(&found), expected, "{}", found.stderr);
        if file == "labels.txt" {
            says(&found, "labels.txt`: its lines are numbered from 0 on");
        }
    }
    for (content, parts) in [
        (
            "{0: 'tench',\n 1: 'goldfish',\n 2: 'shark'}\n",
            &["`mine.txt` is text of Python", "ast.literal_eval"][..],
        ),
        (
            "# classes\ntench\ngoldfish\nshark\n",
            &[
                "`--classes mine.txt` has 4 classes",
                "its first line counts as one",
            ],
        ),
    ] {
        write(&folder, "mine.txt", content);
        let Some(found) = run(&folder, "--classes mine.txt a.png") else {
            return;
        };
        assert_eq!(found.code, 1, "{}", found.stderr);
        for part in parts {
            says(&found, part);
        }
    }
}
