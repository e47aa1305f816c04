//! Command lines that are accepted and refused.

use anyhow::Result;
use clap::CommandFactory;

use super::*;

fn parse(arguments: &str) -> Result<Options> {
    let words = std::iter::once("mbn-infer").chain(arguments.split_whitespace());
    let options = Options::try_parse_from(words)?;
    match &options.command {
        Some(Command::Bench(bench)) => bench.validate()?,
        None => options.validate()?,
    }
    Ok(options)
}

#[test]
fn candle_does_not_stand_in_where_something_else_is_asked_for() {
    for arguments in [
        "--engine ort a.png",
        "--parity first a.png",
        "--tolerance 1 a.png",
        "--output-name logits a.png",
        "--cuda-graph a.png",
        "--cuda-libs /lib a.png",
    ] {
        assert!(parse(arguments).unwrap().needs_onnx_runtime(), "{arguments}");
    }
    for arguments in ["a.png", "--parity off a.png", "--weights w a.png", "--tf32 a.png"] {
        assert!(!parse(arguments).unwrap().needs_onnx_runtime(), "{arguments}");
    }
}

#[test]
fn the_command_is_consistent() {
    Options::command().debug_assert();
}

#[test]
fn contradictions_are_refused() {
    for arguments in [
        "",
        "--engine candle --parity all a.png",
        "--engine candle --ort-lib x.so a.png",
        "--engine candle --tolerance 1 a.png",
        "--engine candle --parity off --tolerance 1 a.png",
        "--parity off --tolerance 1 a.png",
        "--engine ort --parity off --weights w.safetensors a.png",
        "bench --engine candle --ort-lib x.so a.onnx",
        "--evaluate --list names.txt data",
        "--batch-size 0 a.png",
        "--batch-size 100000 a.png",
        "--top-k 0 a.png",
        "--tolerance -1 a.png",
        "--tolerance nan a.png",
        "--format xml a.png",
        "bench --batch-size 0",
        "bench --threads 0 a.onnx",
        "bench --engine tract",
        "bench --top-k 3",
        "--threshold 1.5 a.png",
        "--threshold 50% a.png",
        "--threshold nan a.png",
        "--logits a.png",
        "--features a.png",
        "--features --format parquet a.png",
        "--device cpu --tf32 a.png",
        "--engine candle --device cpu --tf32 a.png",
        "--device cpu --cuda-libs /lib a.png",
        "--engine candle --cuda-graph a.png",
        "--engine candle --prefer-nhwc a.png",
        "--device cpu --fuse-conv-bias a.png",
        "--engine candle --device cuda --cudnn-search heuristic a.png",
        "--engine candle --output-name logits a.png",
        "--preprocess resnet a.png",
        "--mean 1,2 a.png",
        "--mean nan a.png",
        "--mean 123.675,116.28,103.53 a.png",
        "--std 0 a.png",
        "--resize square --shorter 300 a.png",
        "--preprocess keras --shorter 300 a.png",
        "--size 224 --shorter 200 a.png",
        "--size 7 a.png",
        "--device cuda --cudnn-search default a.png",
    ] {
        assert!(parse(arguments).is_err(), "{arguments}");
    }
    for arguments in [
        "a.png b.png",
        "--list names.txt",
        "--engine candle --parity off a.png",
        "--parity off --weights w.safetensors a.png",
        "--engine candle --parity off --weights w.safetensors a.png",
        "--engine candle --weights w.safetensors a.png",
        "--parity all --tolerance 1 --weights w.safetensors a.png",
        "bench --engine candle,ort --ort-lib x.so a.onnx",
        "--tolerance 0 a.png",
        "bench",
        "bench --engine ort,candle --batch-size 1,4 --threads 1,2 --seconds 0.5 --format json a.onnx b.onnx",
        "./bench",
        "--threshold 0 a.png",
        "--threshold 1 a.png",
        "--logits --format parquet a.png",
        "--logits --features --format csv a.png",
        "--tf32 --cuda-graph a.png",
        "--device cuda --prefer-nhwc --fuse-conv-bias a.png",
        "--engine candle --tf32 a.png",
        "--preprocess imagenet --size 224 --resize crop --shorter 232 --interpolation bicubic --mean 0.5 --std 1,1,1 a.png",
        "--preprocess keras --resize crop --shorter 300 a.png",
        "--shorter 96 a.png",
        "--classes a.txt --output-name probs --multi-label a.png",
        "--device cuda:1 --cudnn-search exhaustive --cuda-libs /lib a.png",
    ] {
        assert!(parse(arguments).is_ok(), "{arguments}");
    }
}
