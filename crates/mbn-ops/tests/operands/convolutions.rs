//! The convolutions in training, forward, with the batch norm after them, and backward.

use super::*;

pub fn all() -> Vec<Operation> {
    let small = |types| ("the result", SMALL, types);
    let input = ("the activation", BIG, ACTIVATION);
    let operation = |name, operands: &[Operand], written, call| Operation {
        name,
        operands: operands.to_vec(),
        call,
        written,
    };
    let after = |mut first: Vec<Operand>, rest: &[Operand]| {
        first.extend(rest);
        first
    };
    vec![
        operation("stem", &[IMAGE, STEM, small(ACTIVATION)], 1, |t| {
            mbn_ops::stem(&t[0], &t[1], conv(), &t[2]).map(drop)
        }),
        operation(
            "stem_normalized",
            &after(norm(), &[IMAGE, STEM, small(ACTIVATION)]),
            1,
            |t| {
                with_norm(t, |norm, running| {
                    mbn_ops::stem_normalized(&t[4], &t[5], conv(), norm, running, &t[6])
                })
            },
        ),
        operation("stem_backward", &after(upstream(), &[IMAGE, STEM]), 0, |t| {
            with_upstream(t, |up| mbn_ops::stem_backward(up, &t[4], &t[5], conv()).map(drop))
        }),
        operation("depthwise", &[input, DEPTHWISE, small(ACTIVATION)], 1, |t| {
            mbn_ops::depthwise(lazy(&t[0], &normalization()), &t[1], conv(), &t[2]).map(drop)
        }),
        operation(
            "depthwise_normalized",
            &after(norm(), &[input, DEPTHWISE, small(ACTIVATION)]),
            1,
            |t| {
                with_norm(t, |norm, running| {
                    let normalization = normalization();
                    let input = lazy(&t[4], &normalization);
                    mbn_ops::depthwise_normalized(input, &t[5], conv(), norm, running, &t[6])
                })
            },
        ),
        operation(
            "depthwise_backward",
            &after(
                upstream(),
                &[input, DEPTHWISE, ("the input's gradient", BIG, ACTIVATION)],
            ),
            1,
            |t| {
                with_upstream(t, |up| {
                    let normalization = normalization();
                    let input = lazy(&t[4], &normalization);
                    mbn_ops::depthwise_backward(up, input, &t[5], conv(), &t[6]).map(drop)
                })
            },
        ),
        operation(
            "pointwise",
            &[
                ("the activation", SMALL, ACTIVATION),
                POINTWISE,
                small(ACTIVATION),
            ],
            1,
            |t| mbn_ops::pointwise(lazy(&t[0], &normalization()), &t[1], &t[2]).map(drop),
        ),
        operation(
            "pointwise_normalized",
            &after(
                norm(),
                &[
                    ("the activation", SMALL, ACTIVATION),
                    POINTWISE,
                    small(ACTIVATION),
                ],
            ),
            1,
            |t| {
                with_norm(t, |norm, running| {
                    let normalization = normalization();
                    mbn_ops::pointwise_normalized(lazy(&t[4], &normalization), &t[5], norm, running, &t[6])
                })
            },
        ),
        operation(
            "pointwise_backward",
            &after(
                upstream(),
                &[
                    ("the activation", SMALL, ACTIVATION),
                    POINTWISE,
                    ("the input's gradient", SMALL, ACTIVATION),
                ],
            ),
            1,
            |t| {
                with_upstream(t, |up| {
                    let normalization = normalization();
                    let input = lazy(&t[4], &normalization);
                    mbn_ops::pointwise_backward(up, input, &t[5], &t[6]).map(drop)
                })
            },
        ),
    ]
}
