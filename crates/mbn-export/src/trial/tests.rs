//! Which sizes are tried, and what comes of graphs that run with none.

use super::*;

fn input(dims: &[&str]) -> Input {
    let dim = |dim: &&str| match (dim.parse(), *dim) {
        (Ok(size), _) => Dim::Fixed(size),
        (Err(_), "?") => Dim::Unknown,
        (Err(_), name) => Dim::Symbol(name.to_owned()),
    };
    Input {
        name: "x".to_owned(),
        elements: Some(ElementKind::Float),
        dims: dims.iter().map(dim).collect(),
    }
}

fn trial(inputs: &[&[&str]]) -> Trial {
    Trial {
        inputs: inputs.iter().map(|dims| input(dims)).collect(),
        layout: None,
        channels: None,
    }
}

/// A run that fails unless the shapes are these; gives how often it was tried.
fn runs_with(trial: &Trial, shapes: &[&[usize]]) -> Result<usize> {
    let mut tried = 0;
    trial.run(|feeds| {
        tried += 1;
        let found: Vec<&[usize]> = feeds.iter().map(|feed| feed.shape.as_slice()).collect();
        match found == shapes {
            true => Ok(()),
            false => Err(EngineError::Run("Invalid input shape".to_owned()).into()),
        }
    })?;
    Ok(tried)
}

#[test]
fn the_likeliest_sizes_come_first() {
    for (dims, expected) in [
        (&["b", "3", "h", "w"][..], &[1, 3, 224, 224][..]),
        (&["b", "h", "w", "3"], &[1, 224, 224, 3]),
        (&["b", "1", "h", "w"], &[1, 1, 224, 224]),
        (&["b", "c", "h", "w"], &[1, 3, 224, 224]),
        (&["b", "?", "96", "96"], &[1, 3, 96, 96]),
        (&["b", "4", "?", "?"], &[1, 4, 224, 224]),
        (&["4", "3", "224", "?"], &[4, 3, 224, 224]),
        (&["b", "n"], &[1, 64]),
        (&["b", "n", "768"], &[1, 64, 768]),
        (&["?", "10"], &[1, 10]),
        (&[], &[]),
        // A name stands for one size, and 224 pictures would take long.
        (&["n", "3", "n", "n"], &[64, 3, 64, 64]),
    ] {
        assert_eq!(runs_with(&trial(&[dims]), &[expected]).unwrap(), 1, "{dims:?}");
    }
    let of_bytes = Input {
        elements: Some(ElementKind::Int64),
        ..input(&["b", "3", "h", "w"])
    };
    let trial = Trial {
        inputs: vec![of_bytes],
        ..trial(&[])
    };
    assert_eq!(runs_with(&trial, &[&[1, 3, 64, 64]]).unwrap(), 1);
}

#[test]
fn what_the_nodes_show_goes_first() {
    let open = ["b", "h", "w", "c"];
    let shown = Trial {
        layout: Some(Layout::ChannelsLast),
        channels: Some(4),
        ..trial(&[&open])
    };
    assert_eq!(runs_with(&shown, &[&[1, 224, 224, 4]]).unwrap(), 1);
    // What they do not show is tried afterwards, such as the other layout, grey pictures and other sizes.
    for expected in [
        [1, 224, 224, 3],
        [1, 1, 224, 224],
        [1, 3, 32, 32],
        [1, 3, 28, 28],
        [1, 3, 299, 299],
        [1, 3, 64, 64],
    ] {
        let tried = runs_with(&trial(&[&open]), &[&expected]).unwrap();
        assert!((2..=12).contains(&tried), "{expected:?}: {tried}");
    }
}

#[test]
fn names_are_shared_between_inputs() {
    let both = trial(&[&["b", "n"], &["b", "n", "n"]]);
    assert_eq!(runs_with(&both, &[&[1, 64], &[1, 64, 64]]).unwrap(), 1);
    // The batch of one is a length of the other.
    let crossed = trial(&[&["n", "8"], &["1", "n"]]);
    assert_eq!(runs_with(&crossed, &[&[64, 8], &[1, 64]]).unwrap(), 1);
}

#[test]
fn without_sizes_that_run_nothing_is_said_of_the_file() {
    let open = trial(&[&["b", "3", "h", "w"]]);
    let error = runs_with(&open, &[&[1, 3, 7, 9]]).unwrap_err();
    assert!(crate::verify::is_unchecked(&error), "{error:#}");
    let message = error.to_string();
    for part in [
        "its inputs leave sizes open",
        "(`x` [1, 3, 224, 224], `x` [1, 3, 64, 64], ",
        "with the first: ONNX Runtime fails: Invalid input shape",
    ] {
        assert!(message.contains(part), "{message}");
    }
    // Every size is the file's own.
    let fixed = trial(&[&["1", "3", "8", "8"]]);
    let error = runs_with(&fixed, &[&[1, 3, 7, 9]]).unwrap_err();
    assert!(!crate::verify::is_unchecked(&error), "{error:#}");
    // Another error is none of the sizes.
    let mut tried = 0;
    let refused: Result<((), _)> = open.run(|_| {
        tried += 1;
        Err(EngineError::Empty.into())
    });
    assert_eq!(refused.unwrap_err().to_string(), "the file is empty");
    assert_eq!(tried, 1);
}

#[test]
fn a_size_meets_one_that_is_open() {
    for (one, two, expected) in [
        (["b", "3"], ["batch", "3"], Some("`x` float32 [b, 3]")),
        (["b", "3"], ["1", "3"], Some("`x` float32 [1, 3]")),
        (["2", "c"], ["b", "3"], Some("`x` float32 [2, 3]")),
        (["?", "3"], ["b", "3"], Some("`x` float32 [b, 3]")),
        (["2", "3"], ["1", "3"], None),
        (["b", "3"], ["b", "4"], None),
    ] {
        let met = trial(&[&one]).meet(&trial(&[&two])).ok();
        assert_eq!(
            met.map(|met| met.to_string()).as_deref(),
            expected,
            "{one:?} {two:?}"
        );
    }
    let one = trial(&[&["b", "3"]]);
    for other in [
        trial(&[]),
        trial(&[&["b", "3", "1"]]),
        trial(&[&["b", "3"], &["b", "3"]]),
    ] {
        assert!(one.meet(&other).is_err() && other.meet(&one).is_err(), "{other}");
    }
    let mut other = one.clone();
    other.inputs[0].elements = Some(ElementKind::Half);
    assert!(one.meet(&other).is_err());
}
