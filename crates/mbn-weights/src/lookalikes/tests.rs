use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;

/// What the names and first sides of a file's tensors are taken for.
fn taken_for(tensors: &[(&str, usize)]) -> Option<&'static str> {
    let bytes = vec![0; 4 * 4096];
    let views: BTreeMap<_, _> = tensors
        .iter()
        .map(|(name, side)| {
            let view = TensorView::new(Dtype::F32, vec![*side, 1], &bytes[..4 * side]).unwrap();
            ((*name).to_owned(), view)
        })
        .collect();
    recognise(&views).map(|other| other.name)
}

/// Names that tell networks apart, of files that the libraries write.
#[test]
fn other_networks_are_known_by_their_names() {
    let timm = [
        ("conv_stem.weight", 32),
        ("blocks.0.0.conv_dw.weight", 32),
        (TIMM_LAST, 1024),
    ];
    let with = |more: &[(&'static str, usize)]| taken_for(&[&timm[..], more].concat());
    assert_eq!(with(&[]), None);
    for (more, expected) in [
        (("conv_head.weight", 1280), "mobilenetv1_100h"),
        (("blocks.1.0.conv_pwl.weight", 24), "inverted residuals"),
        (("blocks.4.1.se.conv_reduce.weight", 8), "squeeze and excitation"),
    ] {
        let found = with(&[more]).unwrap();
        assert!(found.contains(expected), "{found}");
    }
    for (tensors, expected) in [
        (
            &[("module.conv_stem.weight", 40), (TIMM_LAST, 1280)][..],
            "mobilenetv1_125",
        ),
        (
            &[("conv_stem.weight", 32), ("conv_head.weight", 1280)],
            "MobileNetV4",
        ),
        (
            &[
                ("features.init_block.conv.weight", 32),
                ("features.stage1.unit1.dw_conv.conv.weight", 32),
            ],
            "`mobilenetb`",
        ),
        (
            &[
                ("features.init_block.conv.weight", 32),
                ("features.stage1.unit1.dw_conv.conv.weight", 32),
                ("features.stage1.unit1.dw_conv.bn.weight", 32),
                ("features.stage4.unit6.dw_conv.conv.weight", 512),
            ],
            "FD-MobileNet",
        ),
        (
            &[
                ("features.init_block.conv.weight", 32),
                ("features.stage1.unit1.conv1.conv.weight", 32),
            ],
            "IGCV3",
        ),
        (&[("features.1.conv.0.0.weight", 32)], "torchvision's MobileNetV2"),
        (
            &[("features.1.block.0.0.weight", 16)],
            "torchvision's MobileNetV3",
        ),
        (
            &[("mobilenet_v2.conv_stem.first_conv.convolution.weight", 32)],
            "transformers' MobileNetV2",
        ),
        (&[("MobilenetV2/Conv/weights", 3)], "TF-slim's MobileNetV2"),
        (
            &[("expanded_conv_depthwise/depthwise_kernel", 3)],
            "Keras's MobileNetV2",
        ),
        (
            &[("layers.0.conv1.weight", 32), ("linear.weight", 10)],
            "kuangliu",
        ),
        (&[("stem.0.conv.weight", 32)], "weiaicunzai"),
        (
            &[("module.stage1.0.0.weight", 8), ("module.stage3.0.0.weight", 128)],
            "RetinaFace",
        ),
    ] {
        let found = taken_for(tensors).unwrap_or_else(|| panic!("{expected} is not recognised"));
        assert!(found.contains(expected), "{found}");
    }
    assert_eq!(
        taken_for(&[("stage1.0.0.weight", 32), ("stage3.0.0.weight", 512)]),
        None
    );
}

#[test]
fn uneven_widths_are_those_of_a_pruned_network() {
    let names: Vec<String> = (0..13)
        .map(|block| format!("features.{block}.3.weight"))
        .collect();
    let layers = Architecture::new(Alpha::Half, 1).convs();
    let mut widths = layers.iter().filter(|layer| layer.kind == LayerKind::Pointwise);
    let mut tensors = vec![("conv1.0.weight", 16)];
    tensors.extend(
        names
            .iter()
            .map(|name| (name.as_str(), widths.next().unwrap().out_channels)),
    );
    assert_eq!(taken_for(&tensors), None);
    tensors[4].1 += 8;
    assert_eq!(taken_for(&tensors), Some("a pruned network of AMC"));
}
