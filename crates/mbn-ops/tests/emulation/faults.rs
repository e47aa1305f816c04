//! That the emulation notices what kernels can do wrong.

use super::library::broken;
use super::stream::Emulation;
use mbn_ops::kernels::{Launch, Stream};

const THREADS: usize = 64;

/// What a kernel of `broken.cu` wrote, or the message of the emulation.
fn run(kernel: &'static str) -> Option<Result<Vec<f32>, String>> {
    let device = Emulation::of(broken()?);
    let out = device.room(THREADS * size_of::<f32>());
    let launch = Launch::new("broken", kernel, [1, 1], [THREADS, 1]).unwrap();
    let launch = launch
        .shared(THREADS * size_of::<f32>())
        .unwrap()
        .pointers(&[out]);
    Some(
        device
            .launch(&launch)
            .map(|()| device.floats(out))
            .map_err(|error| error.to_string()),
    )
}

#[test]
fn faults_are_noticed() {
    let Some(right) = run("right") else { return };
    let expected: Vec<f32> = (0..THREADS).map(|i| ((i + 1) % THREADS) as f32).collect();
    assert_eq!(right, Ok(expected.clone()));
    assert_ne!(run("missing_barrier").unwrap().unwrap(), expected);
    let message = run("divergent_barrier").unwrap().unwrap_err();
    assert!(message.contains("not reached by thread (5, 0)"), "{message}");
    let message = run("writes_beyond").unwrap().unwrap_err();
    assert!(message.contains("wrote beside the 256 bytes"), "{message}");
    let message = run("writes_beyond_shared").unwrap().unwrap_err();
    assert!(message.contains("byte 256 of 256"), "{message}");
    let message = run("loads_beyond").unwrap().unwrap_err();
    assert!(message.contains("thread (63, 0) reads 4 bytes"), "{message}");
    let message = run("misaligned").unwrap().unwrap_err();
    assert!(message.contains("8 bytes is not aligned"), "{message}");
    assert!(
        run("reads_beyond")
            .unwrap()
            .unwrap()
            .iter()
            .all(|value| value.is_nan())
    );
}
