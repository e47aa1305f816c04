//! Order, gaps and pixel types of the pipeline's images.

use anyhow::bail;
use mbn_data::DecodeErrorKind;
use mbn_engine::images::Pixels;

use super::*;
use crate::inputs::Source;

/// Inputs that are at hand.
struct AtHand(std::vec::IntoIter<Input>);

impl Source for AtHand {
    fn next(&mut self, _: &mut dyn FnMut()) -> Result<Option<Input>> {
        Ok(self.0.next())
    }
}

/// Gives the chunks of inputs that are at hand to `consume`.
fn run(pipeline: &Pipeline, inputs: &[Input], mut consume: impl FnMut(Chunk) -> Result<()>) -> Result<()> {
    let inputs = inputs.to_vec();
    let source = Box::new(AtHand(inputs.into_iter()));
    let feed = Feed::start(source, pipeline.capacity()).unwrap();
    pipeline.run(&feed, |event| match event {
        Event::Chunk(chunk) => consume(chunk),
        Event::Idle | Event::Waiting => Ok(()),
    })
}

fn solid_images(folder: &std::path::Path, n: u8) -> Vec<Input> {
    let save = |i: u8| {
        let path = folder.join(format!("{i}.png"));
        image::RgbImage::from_pixel(5, 7, image::Rgb([i, i, i]))
            .save(&path)
            .unwrap();
        Input::file(path)
    };
    (0..n).map(save).collect()
}

fn pipeline(batch: usize) -> Pipeline {
    let preprocess = Preprocess {
        size: 32,
        mean: [0.0; 3],
        std: [1.0; 3],
        ..Preprocess::default()
    };
    Pipeline::new(preprocess, DecodeOptions::default(), PixelType::Float, batch, 2)
}

#[test]
fn order_is_kept_and_gaps_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = solid_images(folder.path(), 23);
    inputs[0].problem = Some("no such file".into());
    std::fs::write(&inputs[10].path, b"a text").unwrap();
    for batch in [1, 3, 64] {
        let (mut found, mut failed, mut next) = (Vec::new(), Vec::new(), 0);
        let pipeline = pipeline(batch);
        run(&pipeline, &inputs, |chunk| {
            for (input, outcome) in chunk.inputs.iter().zip(&chunk.outcomes) {
                assert_eq!(input.path, inputs[next].path);
                if let Err(failure) = outcome {
                    failed.push((next, failure.problem.clone()));
                    assert!(failure.require_of_input("it").is_ok());
                }
                next += 1;
            }
            let Pixels::Float(values) = chunk.images.pixels() else {
                panic!("these are not floats");
            };
            let values = values
                .chunks(3 * 32 * 32)
                .map(|image| (image[40] * 255.0).round());
            found.extend(values);
            Ok(())
        })
        .unwrap();
        let good = (0..23).filter(|i| ![0, 10].contains(i));
        assert_eq!(found, good.map(|i| i as f32).collect::<Vec<_>>(), "batch {batch}");
        assert_eq!(failed[0], (0, "no such file".to_owned()));
        assert_eq!((failed.len(), failed[1].0), (2, 10));
        assert!(pipeline.times().decode > Duration::ZERO);
    }
}

#[test]
fn an_error_of_the_consumer_ends_the_workers() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = solid_images(folder.path(), 40);
    let mut calls = 0;
    let result = run(&pipeline(2), &inputs, |_| {
        calls += 1;
        if calls == 2 { bail!("enough") } else { Ok(()) }
    });
    assert_eq!(result.unwrap_err().to_string(), "enough");
    assert_eq!(calls, 2);
}

#[test]
fn no_inputs_are_no_chunks() {
    run(&pipeline(4), &[], |_| bail!("called")).unwrap();
}

/// These numbers leave a normalised float no bits for the byte: bytes that went through floats would change.
#[test]
fn a_uint8_network_gets_the_bytes_of_the_resized_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    RgbImage::from_fn(50, 41, |x, y| {
        image::Rgb([5 * x as u8, 6 * y as u8, (x * y) as u8])
    })
    .save(&path)
    .unwrap();
    let preprocess = Preprocess {
        size: 32,
        mean: [1e6; 3],
        std: [1e-3; 3],
        ..Preprocess::default()
    };
    let expected = resize(&mbn_data::decode_file(&path).unwrap(), &preprocess).unwrap();
    let inputs = [Input::file(path)];
    let pipeline = Pipeline::new(preprocess, DecodeOptions::default(), PixelType::Uint8, 1, 1);
    let mut chunks = 0;
    run(&pipeline, &inputs, |chunk| {
        chunks += 1;
        assert_eq!(chunk.images.pixels(), Pixels::Uint8(expected.as_raw()));
        Ok(())
    })
    .unwrap();
    assert_eq!(chunks, 1);
}

/// A stale handle of a network file system says nothing about the picture.
#[cfg(target_os = "linux")]
#[test]
fn a_fault_of_the_machine_ends_the_run() {
    let stale = || std::io::Error::from_raw_os_error(116);
    let found = |kind: std::io::Error| {
        let error = mbn_data::CollectError {
            path: "a.png".into(),
            kind: kind.into(),
        };
        let input = Input::new(Err(error), None);
        let mut found = None;
        run(&pipeline(1), &[input], |chunk| {
            found = chunk.outcomes.into_iter().next().and_then(Result::err);
            Ok(())
        })
        .unwrap();
        found.unwrap().require_of_input("a.png")
    };
    let error = format!("{:#}", found(stale()).unwrap_err());
    assert!(
        error.contains("cannot read `a.png`: ") && error.contains("os error 116"),
        "{error}"
    );
    // A damaged disk gives this for one file.
    assert!(found(std::io::Error::from_raw_os_error(5)).is_ok());
    assert!(DecodeErrorKind::from(stale()).is_of_machine());
}

/// Pictures that wait for a network that resizes them: large ones would fill the memory.
#[test]
fn large_pictures_wait_in_short_chunks() {
    const PICTURES: usize = 200;
    const BYTES: usize = 3 * 5 * 7;
    let folder = tempfile::tempdir().unwrap();
    let inputs = solid_images(folder.path(), PICTURES as u8);
    std::fs::write(&inputs[10].path, b"a text").unwrap();
    for limit in [1, 10 * BYTES as u64, 1 << 30] {
        let pipeline = Pipeline {
            whole_pictures: WholePictures::with_limit(limit),
            ..Pipeline::new(
                Preprocess::default(),
                DecodeOptions::default(),
                PixelType::Pictures,
                8,
                32,
            )
        };
        let (mut found, mut next, mut most) = (Vec::new(), 0, 0);
        // As the program does, which writes the results of a chunk while the next one is classified.
        let mut in_flight = VecDeque::new();
        run(&pipeline, &inputs, |chunk| {
            assert_eq!(chunk.inputs.len(), chunk.outcomes.len());
            for (input, outcome) in chunk.inputs.iter().zip(&chunk.outcomes) {
                assert_eq!((&input.path, outcome.is_ok()), (&inputs[next].path, next != 10));
                next += 1;
            }
            let Pixels::Pictures(pictures) = chunk.images.pixels() else {
                panic!("these are not whole pictures");
            };
            found.extend(pictures.iter().map(|picture| picture.bytes[0]));
            in_flight.push_back(chunk);
            let alive = |chunk: &Chunk| BYTES * chunk.images.pixels().len();
            most = most.max(in_flight.iter().map(alive).sum());
            if in_flight.len() > 1 {
                in_flight.pop_front();
            }
            Ok(())
        })
        .unwrap();
        let expected = (0..PICTURES as u8).filter(|i| *i != 10);
        assert_eq!(found, expected.collect::<Vec<_>>(), "{limit}");
        // Each thread may be at one picture, and each chunk has one.
        let over = BYTES * (rayon::current_num_threads() + AHEAD + 1);
        assert!(
            most as u64 <= limit.saturating_add(over as u64),
            "{most} of {limit}"
        );
        if limit == 1 << 30 {
            // Two whole chunks.
            assert_eq!(most, 2 * 64 * BYTES);
        }
        drop(in_flight);
        assert!(!WholePictures::are_many(&pipeline.whole_pictures));
    }
}

#[test]
fn many_downloads_may_wait_however_few_threads_decode() {
    assert!(pipeline(1).capacity() >= 32);
}
