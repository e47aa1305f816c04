use super::*;

#[test]
fn json_is_the_contract() {
    let json = serde_json::to_string(&Preprocess::default()).unwrap();
    assert_eq!(
        json,
        r#"{"size":224,"resize":"square","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#
    );
    assert_eq!(
        serde_json::from_str::<Preprocess>(&json).unwrap(),
        Preprocess::default()
    );
    let timm = Preprocess {
        resize: Resize::Crop,
        centre: Centre::Down,
        interpolation: Interpolation::Bicubic,
        ..Preprocess::default().with_size(256).with_shorter(269)
    };
    let json = serde_json::to_string(&timm).unwrap();
    assert!(
        json.starts_with(
            r#"{"size":256,"resize":"crop","shorter":269,"centre":"down","interpolation":"bicubic","mean":"#
        ),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Preprocess>(&json).unwrap(), timm);
}

#[test]
fn refuses_values_out_of_range() {
    let base = Preprocess::default();
    assert!(Preprocess { size: 0, ..base }.validate().is_err());
    assert!(
        Preprocess {
            std: [0.0, 1.0, 1.0],
            ..base
        }
        .validate()
        .is_err()
    );
    assert!(
        Preprocess {
            mean: [f32::NAN, 0.0, 0.0],
            ..base
        }
        .validate()
        .is_err()
    );
    assert!(base.validate().is_ok());
    let scaled = |mean, std| Preprocess { mean, std, ..base };
    for (mean, std) in [
        ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]),
        ([123.675, 116.28, 103.53], [1.0; 3]),
        ([0.0; 3], [255.0; 3]),
        ([127.5; 3], [127.5; 3]),
        ([0.485, 0.456, -103.53], [0.229; 3]),
        ([0.0; 3], [1.0, 1.0, 2.5]),
    ] {
        let error = scaled(mean, std).validate().unwrap_err();
        assert_eq!(error, PreprocessError::Scale { mean, std });
        assert!(error.to_string().contains("by 255"), "{error}");
        // What the message says to do.
        let divided = |values: [f32; 3]| values.map(|value| value / 255.0);
        assert!(scaled(divided(mean), divided(std)).validate().is_ok());
    }
    for (mean, std) in [
        ([0.0; 3], [1.0; 3]),
        ([1.0; 3], [1.0; 3]),
        ([-1.0; 3], [0.5; 3]),
        // Bytes divided by 256, or multiplied by a rounded 1/255.
        ([0.0; 3], [256.0 / 255.0; 3]),
        ([0.0; 3], [1.0 / (255.0 * 0.0039); 3]),
        ([0.0; 3], [2.0; 3]),
        // ImageNet's mean off channels from 0 to 255.
        ([0.485, 0.456, 0.406], [1.0 / 255.0; 3]),
    ] {
        assert_eq!(scaled(mean, std).validate(), Ok(()));
    }
    // The reciprocals of the first two are infinite, and the squares of the third's.
    for std in [[1e-45, 1.0, 1.0], [1.0, 1e-40, 1.0], [1.0, 1.0, 1e-20]] {
        for mean in [[0.0; 3], [1.0; 3], [-1.0; 3]] {
            let error = scaled(mean, std).validate().unwrap_err();
            assert_eq!(error, PreprocessError::TooSmall { std });
            assert!(error.to_string().contains("is too small"), "{error}");
        }
    }
    // Far more than the channels of any picture are spread.
    assert_eq!(scaled([1.0; 3], [1e-12; 3]).validate(), Ok(()));
    let crop = |shorter| Preprocess {
        resize: Resize::Crop,
        shorter: Some(shorter),
        ..base
    };
    assert!(crop(224).validate().is_ok());
    for shorter in [0, 223, usize::MAX] {
        let message = crop(shorter).validate().unwrap_err().to_string();
        assert!(message.contains(&shorter.to_string()), "{message}");
    }
}

#[test]
fn shorter_side_of_224_is_256() {
    let usual = Preprocess::default();
    assert_eq!(usual.shorter_side(), 256);
    assert_eq!(usual.with_shorter(256), usual);
    assert_eq!(usual.with_size(192).shorter_side(), 219);
}

/// `int(256 * 333 / 257)`, and `int(round((331 - 224) / 2))` in Python, whose halves go to the even number.
#[test]
fn the_centre_is_where_the_libraries_have_it() {
    let usual = Preprocess::default();
    assert_eq!(usual.longer_side(257, 333), 331);
    for (length, even, down) in [
        (224, 0, 0),
        (225, 0, 0),
        (226, 1, 1),
        (227, 2, 1),
        (229, 2, 2),
        (331, 54, 53),
    ] {
        assert_eq!(Centre::Even.offset(length, 224), even, "{length}");
        assert_eq!(Centre::Down.offset(length, 224), down, "{length}");
    }
    assert_eq!(Centre::Even.offset(1, 2), 0);
}

#[test]
fn another_size_keeps_the_part_that_is_cropped() {
    let small = Preprocess::default().with_size(192).with_shorter(224);
    assert_eq!(small.shorter_side(), 224);
    assert_eq!(small.with_size(96).shorter_side(), 112);
    assert_eq!(small.with_size(192), small);
    // A size from a file may be any; `validate` refuses it.
    assert!(small.with_size(usize::MAX).validate().is_err());
}

/// A graph that casts its input to whole numbers drops what is behind the point.
#[test]
fn channels_of_bytes_are_whole_numbers() {
    let every_byte = || (0..=255).map(|byte| (byte, f32::from(byte)));
    // 1/255, and as files write it in decimals.
    for std in [1.0 / 255.0, 0.003_921_57, 0.003_921_568_6] {
        let of = |mean: f32| Preprocess {
            mean: [mean; 3],
            std: [std; 3],
            ..Preprocess::default()
        };
        for (byte, value) in every_byte() {
            assert_eq!(of(0.0).input_of(1, byte), value, "{std}");
        }
        for (_, mean) in every_byte() {
            let preprocess = of(mean / 255.0);
            assert_eq!(preprocess.affine(2), (1.0, -mean), "{std}");
            assert!(every_byte().all(|(byte, value)| preprocess.input_of(2, byte) == value - mean));
        }
    }
}

#[test]
fn other_channels_are_rounded_as_pytorch_rounds_them() {
    let half = Preprocess {
        mean: [0.5; 3],
        std: [0.5; 3],
        ..Preprocess::default()
    };
    let divided = Preprocess {
        mean: [0.0; 3],
        std: [256.0 / 255.0; 3],
        ..half
    };
    let near = Preprocess {
        std: [0.0039, 0.003_922, 0.003_921],
        ..half
    };
    for preprocess in [Preprocess::default(), half, divided, near] {
        for (c, byte) in (0..3).flat_map(|c| (0..=255).map(move |byte| (c, byte))) {
            let (mean, std) = (preprocess.mean[c], preprocess.std[c]);
            let expected = (f32::from(byte) / 255.0 - mean) / std;
            assert_eq!(preprocess.input_of(c, byte).to_bits(), expected.to_bits());
            assert_eq!(preprocess.affine(c), (1.0 / (255.0 * std), -mean / std));
        }
    }
    // `torchvision.transforms.functional.normalize` of the bytes 1 and 200 of channel 0 in torch 2.15.
    let usual = Preprocess::default();
    assert_eq!(
        [1, 200].map(|byte| usual.input_of(0, byte)),
        [-2.100_779_3, 1.307_046_8]
    );
}
