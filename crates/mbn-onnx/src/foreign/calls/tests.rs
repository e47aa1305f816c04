use super::*;
use crate::foreign::functions::FunctionProto;
use crate::foreign::test_models::{model, names, node, subgraph};
use crate::{Model, ModelErrorKind};

/// A function of the domain `own` that calls others, each one in as many graphs in nodes as it says.
fn function(name: &str, overload: &str, calls: &[(&str, &str, usize)]) -> FunctionProto {
    let call = |&(name, overload, around): &(&str, &str, usize)| {
        let called = NodeProto {
            domain: Some("own".to_owned()),
            overload: Some(overload.to_owned()),
            ..node(name, &["a"], &["c"], vec![])
        };
        (0..around).fold(called, |inner, _| {
            node(
                "If",
                &["a"],
                &["c"],
                vec![subgraph("then_branch", vec![inner], "c")],
            )
        })
    };
    FunctionProto {
        name: Some(name.to_owned()),
        domain: Some("own".to_owned()),
        input: names(&["a"]),
        output: names(&["c"]),
        node: calls.iter().map(call).collect(),
        overload: Some(overload.to_owned()),
        ..FunctionProto::default()
    }
}

fn found(functions: &[FunctionProto]) -> Result<(), CallError> {
    check(model(17, vec![node("Relu", &["x"], &["y"], vec![])], functions).proto())
}

/// So many functions in a row, the last of which calls none.
fn row(len: usize, around: usize) -> Vec<FunctionProto> {
    let name = |i: usize| format!("f{i}");
    let each = (0..len).map(|i| match i + 1 == len {
        true => function(&name(i), "", &[]),
        false => function(&name(i), "", &[(&name(i + 1), "", around)]),
    });
    each.collect()
}

#[test]
fn rows_of_calls_have_an_end() {
    assert_eq!(found(&[]), Ok(()));
    assert_eq!(found(&row(MAX_DEPTH, 0)), Ok(()));
    let too_deep = |depth| Err(CallError::Depth("`own.f0`".to_owned(), depth));
    assert_eq!(found(&row(MAX_DEPTH + 1, 0)), too_deep(MAX_DEPTH + 1));
    // Graphs in nodes count as functions do.
    assert_eq!(found(&row(MAX_DEPTH / 4, 3)), Ok(()));
    assert_eq!(found(&row(40, 3)), too_deep(39 * 4 + 1));
    // Several ways to one function are no circle, and the longest counts.
    let mut several = row(MAX_DEPTH, 0);
    several.push(function(
        "top",
        "",
        &[("f99", "", 0), ("f1", "", 0), ("f1", "", 0)],
    ));
    assert_eq!(found(&several), Ok(()));
    several.push(function("f100", "", &[("f0", "", 0)]));
    assert!(found(&several).is_err());
}

/// 17 functions, each of which calls the next twice, stand for 131,071 nodes; 100 for more than there are numbers.
#[test]
fn functions_that_grow_without_end_are_refused() {
    let doubling = |len: usize| {
        let name = |i: usize| format!("f{i}");
        let each = (0..len).map(|i| match i + 1 == len {
            true => FunctionProto {
                node: vec![node("Relu", &["a"], &["c"], vec![])],
                ..function(&name(i), "", &[])
            },
            false => function(&name(i), "", &[(&name(i + 1), "", 0), (&name(i + 1), "", 0)]),
        });
        let call = NodeProto {
            domain: Some("own".to_owned()),
            ..node("f0", &["x"], &["y"], vec![])
        };
        check(model(17, vec![call], &each.collect::<Vec<_>>()).proto())
    };
    assert_eq!(doubling(16), Ok(()));
    assert_eq!(doubling(17), Err(CallError::Nodes));
    assert_eq!(doubling(MAX_DEPTH), Err(CallError::Nodes));
}

#[test]
fn circles_are_refused() {
    let circle = |name: &str| Err(CallError::Circle(format!("`own.{name}`")));
    assert_eq!(found(&[function("a", "", &[("a", "", 0)])]), circle("a"));
    assert_eq!(found(&[function("a", "", &[("a", "", 2)])]), circle("a"));
    let outside = function("a", "", &[("end", "", 0), ("b", "", 0)]);
    let (b, c) = (
        function("b", "", &[("c", "", 0)]),
        function("c", "", &[("b", "", 0)]),
    );
    let message = found(&[outside, b, c, function("end", "", &[])])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("function `own.b` calls itself")
            || message.contains("function `own.c` calls itself"),
        "{message}"
    );
    // One overload may call another, and a function may have the name of an operator.
    let overloads = [function("a", "x", &[("a", "y", 0)]), function("a", "y", &[])];
    assert_eq!(found(&overloads), Ok(()));
    let overloads = [
        function("a", "x", &[("a", "y", 0)]),
        function("a", "y", &[("a", "x", 0)]),
    ];
    let message = found(&overloads).unwrap_err().to_string();
    assert!(message.contains("`own.a` of overload `"), "{message}");
    let mut relu = function("Relu", "", &[]);
    relu.node = vec![node("Relu", &["a"], &["c"], vec![])];
    assert_eq!(found(std::slice::from_ref(&relu)), Ok(()));
    relu.domain = Some("ai.onnx".to_owned());
    assert!(matches!(found(&[relu]), Err(CallError::Circle(_))));
}

/// 50,000 in a row overflow the stack of ONNX Runtime 1.31.1, and would one of this program.
#[test]
fn a_file_is_refused_when_it_is_read() {
    let start = std::time::Instant::now();
    for (mut functions, expected) in [(row(50_000, 0), "50000 deep"), (row(50_000, 0), "calls itself")] {
        if expected == "calls itself" {
            functions[49_999] = function("f49999", "", &[("f0", "", 0)]);
        }
        let bytes = model(17, vec![node("Relu", &["x"], &["y"], vec![])], &functions).to_bytes();
        let error = Model::from_bytes(&bytes).unwrap_err();
        assert!(matches!(error, ModelErrorKind::Calls(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
