use super::*;
use crate::Activation;

#[test]
fn round_trip() {
    let metadata = Metadata {
        alpha: Some(Alpha::ThreeQuarters),
        classes: Some(vec!["a \"quoted\" name".into(), "ünïcode".into()]),
        preprocess: Some(Preprocess::default()),
        variant: Some(Variant {
            activation: Activation::Relu6,
            ..Variant::default()
        }),
        training: Some(Training {
            accuracy: 79.5,
            test_fingerprint: Some("f".into()),
            distilled: Some(Distilled {
                teacher: Some("hf:a/b@c:d".into()),
                teacher_sha256: "e".into(),
                teacher_alpha: Alpha::One,
                teacher_size: 192,
                teacher_accuracy: Some(91.25),
                weight: 0.9,
                temperature: 4.0,
            }),
            ..Training::default()
        }),
        multi_label: true,
    };
    let pairs = metadata.to_pairs();
    let read = Metadata::from_pairs(pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())));
    assert_eq!(read.unwrap(), metadata);
}

#[test]
fn another_tools_keys_are_no_error() {
    let names = r#"["a", "b"]"#;
    let pairs = [
        ("architecture", "resnet50"),
        ("classes", names),
        ("preprocess", "rescale"),
        ("alpha", "0.3"),
        ("training", "7"),
    ];
    let read = ModelMetadata::from_pairs(pairs).unwrap();
    assert!(!read.is_ours);
    assert_eq!(read.metadata.classes.unwrap(), ["a", "b"]);
    let collisions: Vec<_> = read.collisions.iter().map(ToString::to_string).collect();
    assert_eq!(collisions.len(), 2, "{collisions:?}");
    assert!(collisions[0].contains("resnet50") && collisions[1].contains("preprocess"));
    let ours = [("classes", "7"), ("architecture", ARCHITECTURE)];
    assert!(ModelMetadata::from_pairs(ours).is_err());
}

#[test]
fn refuses_unusable_values() {
    for (key, value) in [
        ("architecture", "resnet50"),
        ("alpha", "0.3"),
        ("classes", "not json"),
        (
            "preprocess",
            r#"{"size":224,"resize":"square","mean":[0,0,0],"std":[0,0,0]}"#,
        ),
        ("training", "7"),
        (
            "variant",
            r#"{"activation":"relu","batch_norm_epsilon":-1.0,"stride2_padding":"symmetric"}"#,
        ),
    ] {
        let error = Metadata::from_pairs([(key, value)]).unwrap_err();
        assert!(error.to_string().contains(key), "{error}");
    }
    assert_eq!(
        Metadata::from_pairs([("format", "pt")]).unwrap(),
        Metadata::default()
    );
}
