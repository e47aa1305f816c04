//! Every operation refuses operands of another type by name, before it reads any of them, and results in the storage of an
//! operand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod operands;

use candle_core::{DType, Device, Tensor};
use mbn_ops::optim::AdamW;
use operands::{ACTIVATION, ADAMW, C, Operand, Operation, all, entry};

/// Types that an operand might have by mistake.
const TYPES: [DType; 6] = [
    DType::U8,
    DType::U32,
    DType::I64,
    DType::F16,
    DType::BF16,
    DType::F64,
];

/// Operands that fit, in the first of their types.
fn fitting(operation: &Operation) -> Vec<Tensor> {
    let tensor = |(i, (_, shape, types)): (usize, &Operand)| {
        let values = common::tensor(i as u64 + 1, shape).abs().unwrap();
        values.to_dtype(types[0]).unwrap()
    };
    operation.operands.iter().enumerate().map(tensor).collect()
}

/// The contents of what an operation may change.
fn contents(operation: &Operation, tensors: &[Tensor]) -> Vec<Vec<f32>> {
    let written = &tensors[tensors.len() - operation.written..];
    written.iter().map(common::values).collect()
}

/// The message has to be that of a check of the operands, which a GPU's kernels have too: on the CPU, what reads the values
/// would notice a wrong type as well.
#[test]
fn operands_of_another_type_are_refused_by_name() {
    for operation in all() {
        let name = operation.name;
        (operation.call)(&fitting(&operation)).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (i, &(operand, _, types)) in operation.operands.iter().enumerate() {
            for dtype in TYPES
                .into_iter()
                .chain([DType::F32])
                .filter(|dtype| !types.contains(dtype))
            {
                let mut tensors = fitting(&operation);
                tensors[i] = tensors[i].to_dtype(dtype).unwrap();
                let before = contents(&operation, &tensors);
                let error = (operation.call)(&tensors).expect_err(name).to_string();
                // Of a result and of gradients, the type of the activation is expected.
                assert!(
                    error.contains(&format!("{operand} is {dtype:?}, expected ")),
                    "{name}, {operand} as {dtype:?}: {error}"
                );
                assert_eq!(contents(&operation, &tensors), before, "{name}, {operand}");
            }
        }
    }
}

/// An activation in bfloat16 beside one in float32. The stem alone reads float32 whatever it writes.
#[test]
fn activations_of_two_types_are_refused() {
    for operation in all() {
        let operands = operation.operands.iter().enumerate();
        let activations: Vec<usize> = operands
            .filter(|(_, (_, _, types))| *types == ACTIVATION)
            .map(|(i, _)| i)
            .collect();
        if activations.len() < 2 {
            continue;
        }
        for i in activations {
            let mut tensors = fitting(&operation);
            tensors[i] = tensors[i].to_dtype(DType::BF16).unwrap();
            let error = (operation.call)(&tensors).expect_err(operation.name).to_string();
            assert!(
                error.contains("BF16") && error.contains("expected"),
                "{}, operand {i}: {error}",
                operation.name
            );
        }
    }
}

/// Two tensors of the given shapes, as two parts of one storage.
fn parts(a: &Tensor, b: &Tensor) -> (Tensor, Tensor) {
    let (len, other) = (a.elem_count(), b.elem_count());
    let whole = Tensor::ones(len + other, a.dtype(), &Device::Cpu).unwrap();
    let part = |start: usize, like: &Tensor| {
        let part = whole.narrow(0, start, like.elem_count()).unwrap();
        part.reshape(like.shape()).unwrap()
    };
    (part(0, a), part(len, b))
}

/// candle would wait for ever for a lock that the same thread holds.
#[test]
fn a_result_in_the_storage_of_an_operand_is_refused() {
    for operation in all() {
        let count = operation.operands.len();
        for written in count - operation.written..count {
            for other in (0..count).filter(|other| *other != written) {
                let mut tensors = fitting(&operation);
                if tensors[other].dtype() != tensors[written].dtype() {
                    continue;
                }
                let (a, b) = parts(&tensors[written], &tensors[other]);
                (tensors[written], tensors[other]) = (a, b);
                let (send, receive) = std::sync::mpsc::channel();
                let call = operation.call;
                std::thread::spawn(move || {
                    // Whoever waits may have given up.
                    let _ = send.send(call(&tensors));
                });
                let found = receive.recv_timeout(std::time::Duration::from_secs(20));
                let case = format!("{}, operands {written} and {other}", operation.name);
                let result = found.unwrap_or_else(|_| panic!("{case}: it hangs"));
                let error = result.expect_err(&case).to_string();
                assert!(error.contains("shares its storage"), "{case}: {error}");
            }
        }
    }
}

/// Step 0 would divide by zero, and parameters be no numbers.
#[test]
fn adamw_refuses_settings_that_divide_by_zero() {
    let cases = [
        (AdamW { step: 0, ..ADAMW }, "number 0"),
        (AdamW { step: -3, ..ADAMW }, "number -3"),
        (AdamW { beta1: 1.0, ..ADAMW }, "beta1 is 1"),
        (
            AdamW {
                beta2: f64::NAN,
                ..ADAMW
            },
            "beta2 is NaN",
        ),
    ];
    for (adamw, part) in cases {
        let ones = |shape: &[usize]| Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
        let tensors = [ones(&[C]), ones(&[C]), ones(&[2, C])];
        let calls = [
            adamw.step(&tensors[1], &tensors[2], &tensors[0]),
            adamw.step_all(&entry(&tensors)),
        ];
        for result in calls {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(common::values(&tensors[1]), [1.0; C], "nothing has changed");
    }
}
