//! Command lines that contradict themselves.

use std::path::Path;

use clap::Parser;

use super::resolve;
use crate::options::{Command, Options};

#[test]
fn contradictions_are_refused() {
    for line in [
        "mbn-train --data d --alpha 0.3",
        "mbn-train --data d --lr 0",
        "mbn-train --data d --lr nan",
        "mbn-train --data d --label-smoothing 1",
        "mbn-train --data d --size 16",
        "mbn-train --workers 0",
        "mbn-train --workers 1025",
        "mbn-train --seed 9223372036854775808",
        "mbn-train --fold 9223372036854775808",
        "mbn-train --epochs 9223372036854775808",
        "mbn-train --batch-size 9223372036854775808",
        "mbn-train --max-pixels 9223372036854775808",
        "mbn-train --patience 9223372036854775808",
        "mbn-train --profile --init w",
        "mbn-train --download --download-url u --download-md5 zzz",
        "mbn-train --download --download-url u --download-md5 91f7769df0f17e558f3565bffb0c7df",
        "mbn-train --resume r --config c",
        "mbn-train --data d --publish p --no-publish",
        "mbn-train --data d --no-flip --flip 0.5",
        "mbn-train --data d --no-crop --crop-scale 0.5",
        "mbn-train --data d --freeze 15",
        "mbn-train report",
        "mbn-train --data d report r",
    ] {
        assert!(Options::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
    for line in [
        "mbn-train --epochs 2 --warmup 3",
        "mbn-train --trivial-augment --rand-augment 2,9",
        "mbn-train --size 64 --progressive 128",
        "mbn-train --train-size 64 --progressive 128",
        "mbn-train --freeze 3",
        "mbn-train --batch-size 1 --mixup 0.2",
        "mbn-train --batch-size 1 --cutmix",
        "mbn-train --batch-size 1 --class-weights balanced",
        "mbn-train --std 0,0,0",
        "mbn-train --std 0,0,0 --init w",
        "mbn-train --shorter 256",
        "mbn-train --resize crop --shorter 160",
    ] {
        let error = resolve(line).unwrap_err();
        assert!(error.is::<mbn_cli::UsageError>(), "{line}: {error}");
    }
    // The size of the weights, which is not known yet, decides.
    resolve("mbn-train --shorter 160 --init w").unwrap();
    resolve("mbn-train --batch-size 1 --mixup 0").unwrap();
    let options = Options::try_parse_from(["mbn-train", "report", "a", "b"]).unwrap();
    let Some(Command::Report { runs }) = options.command else {
        panic!("no report");
    };
    assert_eq!(runs, [Path::new("a"), Path::new("b")]);
}
