//! The command line, and options that contradict each other.

use super::*;

fn parse(line: &str) -> Result<Options, clap::Error> {
    Options::try_parse_from(line.split(' '))
}

#[test]
fn command_line_is_well_formed() {
    use clap::CommandFactory;
    Options::command().debug_assert();
}

#[test]
fn the_defaults_are_the_librarys() {
    let options = parse("mbn-export --alpha 1 out.onnx").unwrap();
    assert_eq!(options.export_options(), ExportOptions::default());
    assert_eq!(options.source().unwrap(), WeightsSource::Published(Alpha::One));
}

#[test]
fn contradictions_are_refused() {
    for line in [
        "mbn-export --alpha 0.25",
        "mbn-export --alpha 0.3 out.onnx",
        "mbn-export --random-weights 1 out.onnx",
        "mbn-export --alpha 1 --weights w --random-weights 1 out.onnx",
        "mbn-export --alpha 1 --precision int4 out.onnx",
        "mbn-export --alpha 1 --precision int8 --calibration d --calibrate-by guess out.onnx",
        "mbn-export --alpha 1 --precision int8 --calibration d --keep-float blocks.14 out.onnx",
        "mbn-export --alpha 1 --opset 10 out.onnx",
        "mbn-export --alpha 1 --input jpeg out.onnx",
        "mbn-export --alpha 1 one.onnx two.onnx",
        "mbn-export --alpha 1 --triton",
        "mbn-export --alpha 1 --triton-name birds out.onnx",
        "mbn-export --alpha 1 --triton repository --triton-name a/b",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
    assert!(parse("mbn-export out.onnx").unwrap().source().is_err());
    for option in [
        "--softmax",
        "--no-fold",
        "--opset 18",
        "--precision fp16",
        "--input uint8",
    ] {
        let line = format!("mbn-export --weights a.safetensors {option} b.safetensors");
        let message = parse(&line).unwrap().validate().unwrap_err().to_string();
        assert!(message.contains(option.split(' ').next().unwrap()), "{message}");
    }
}

#[test]
fn what_tables_do_not_depend_on_is_refused_without_a_file_to_write() {
    let validate = |line: &str| {
        let parsed = parse(&format!("mbn-export --alpha 1 {line}"));
        parsed.unwrap().validate()
    };
    let int8 = "--precision int8 --calibration d";
    let costs = format!("{int8} --sensitivity");
    for option in [
        "--opset 18",
        "--batch 2",
        "--resize-inside",
        "--dynamic-size",
        "--features",
        "--report r.json",
        "--keep-rejected",
        "--check-images d",
        "--input uint8",
        "--softmax",
        "--ort-lib f",
        "--no-verify",
    ] {
        for tables in ["--summary", &costs, &format!("{costs} --summary")] {
            let message = validate(&format!("{tables} {option}")).unwrap_err().to_string();
            let name = option.split(' ').next().unwrap();
            assert!(message.contains(&format!("`{name}` has no effect")), "{message}");
        }
    }
    for line in [
        "--summary --no-fold",
        "--summary --precision fp16",
        &format!("--summary {int8}"),
    ] {
        assert!(validate(line).is_err(), "{line}");
    }
    for line in [
        "--summary --size 96 --activation relu6",
        &format!("{costs} --summary --calibrate-by minmax --keep-float stem"),
        "--summary --opset 18 --softmax out.onnx",
        "--summary --softmax --triton r",
    ] {
        assert!(validate(line).is_ok(), "{line}");
    }
}

#[test]
fn int8_needs_pictures_and_its_options_need_int8() {
    let message = |line: &str| parse(line).unwrap().validate().unwrap_err().to_string();
    for (line, named) in [
        ("--precision int8", "--calibration DIR"),
        ("--precision int8 --calibration d --no-fold", "--no-fold"),
        ("--calibration d", "--calibration"),
        ("--precision fp16 --calibrate-by mse", "--calibrate-by"),
        ("--keep-float auto", "--keep-float"),
        ("--sensitivity", "--sensitivity"),
    ] {
        let message = message(&format!("mbn-export --alpha 1 {line} out.onnx"));
        assert!(message.contains(named), "{line}: {message}");
    }
    let blocks: Vec<_> = (1..=13).map(|block| format!("blocks.{block}")).collect();
    let all = format!("stem,{},fc", blocks.join(","));
    let line = format!("--precision int8 --calibration d --keep-float {all}");
    let message = message(&format!("mbn-export --alpha 1 {line} out.onnx"));
    assert!(message.contains("names every layer"), "{message}");
    let line = "mbn-export --alpha 1 --precision int8 --calibration d --keep-float stem,fc out.onnx";
    let options = parse(line).unwrap();
    options.validate().unwrap();
    let float = LayerSet::NONE.with(0).with(27);
    assert_eq!(options.export_options().keep_float, float);
}

#[test]
fn a_repository_takes_bytes_unless_floats_are_asked_for_and_no_file_beside_it() {
    let input = |line: &str| {
        let options = parse(&format!("mbn-export --alpha 1 {line}")).unwrap();
        options.validate().unwrap();
        options.export_options().input
    };
    assert_eq!(input("--triton r"), InputKind::Uint8);
    assert_eq!(
        input("--triton r --input uint8 --resize-inside"),
        InputKind::Uint8
    );
    assert_eq!(input("--triton r --resize-inside"), InputKind::Uint8);
    assert_eq!(input("--triton r --input float"), InputKind::Float);
    assert_eq!(input("out.onnx"), InputKind::Float);
    for line in [
        "--triton r out.onnx",
        "--triton r out.safetensors",
        "--triton r --keep-rejected",
    ] {
        let options = parse(&format!("mbn-export --alpha 1 {line}")).unwrap();
        assert!(options.validate().is_err(), "{line}");
    }
}

#[test]
fn commands_that_run_files_take_threads() {
    for files in ["check a.onnx", "diff a.onnx b.onnx"] {
        let threads = |more: &str| {
            let options = parse(&format!("mbn-export {files}{more}"))?;
            Ok::<_, clap::Error>(options.command.unwrap().threads())
        };
        assert_eq!(threads("").unwrap(), None);
        assert_eq!(threads(" --threads 3").unwrap(), Some(3));
        assert!(threads(" --threads 0").is_err());
    }
}

#[test]
fn each_source_can_be_named() {
    let source = |line| parse(line).unwrap().source().unwrap();
    assert_eq!(
        source("mbn-export --weights w out.onnx"),
        WeightsSource::File("w".into(), None)
    );
    let file = source("mbn-export --weights w --alpha 0.5 out.onnx");
    assert_eq!(file, WeightsSource::File("w".into(), Some(Alpha::Half)));
    let random = source("mbn-export --alpha 0.25 --random-weights 3 out.onnx");
    assert_eq!(random, WeightsSource::Random(Alpha::Quarter, 3));
}
