use super::*;
use crate::fixtures::model;
use crate::proto::{AttributeProto, AttributeType, StringStringEntryProto, TensorProto};

fn node(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    NodeProto {
        name: Some(name.into()),
        op_type: Some("Anything".into()),
        input: own(inputs),
        output: own(outputs),
        ..NodeProto::default()
    }
}

/// The structure of the exporter's model with other nodes, which read its input and give its output.
fn of_nodes(nodes: Vec<NodeProto>) -> Result<Structure, CheckError> {
    let mut proto = model();
    let graph = proto.graph.as_mut().unwrap();
    (graph.node, graph.initializer) = (nodes, Vec::new());
    structure(&Model::from(proto), None)
}

#[test]
fn operators_are_counted_and_what_is_not_needed_is_named() {
    let nodes = vec![
        node("a", &["input"], &["x", ""]),
        node("unused", &["x"], &["y"]),
        node("b", &["x", ""], &["logits"]),
    ];
    let found = of_nodes(nodes).unwrap();
    assert_eq!(found.operators, BTreeMap::from([("Anything".into(), 3)]));
    assert_eq!((found.nodes(), found.orphans), (3, vec!["unused".into()]));
    assert_eq!(found.opsets, [(String::new(), 17)]);
}

#[test]
fn cycles_are_told_from_a_wrong_order() {
    let cycle = of_nodes(vec![
        node("first", &["input"], &["logits"]),
        node("a", &["z"], &["x"]),
        node("b", &["x"], &["y"]),
        node("c", &["y"], &["z"]),
        node("after", &["z"], &["w"]),
    ]);
    let Err(CheckError::Cycle(mut names)) = cycle else {
        panic!("{cycle:?}");
    };
    assert_eq!((names.len(), names.first()), (4, names.last()));
    names.dedup();
    names.sort();
    names.dedup();
    assert_eq!(names, ["a", "b", "c"]);
    let order = of_nodes(vec![
        node("b", &["x"], &["logits"]),
        node("a", &["input"], &["x"]),
    ]);
    let expected = CheckError::Order {
        node: "b".into(),
        input: "x".into(),
    };
    assert_eq!(order, Err(expected));
}

/// A long chain takes neither the stack nor time that grows with its square.
#[test]
fn a_long_chain_is_followed() {
    let n = 90_000;
    let names: Vec<String> = (0..n).map(|i| format!("v{i}")).collect();
    let mut nodes = vec![node("n", &["input"], &["v0"])];
    nodes.extend(names.windows(2).map(|pair| node("n", &[&pair[0]], &[&pair[1]])));
    nodes.push(node("n", &[&names[n - 1]], &["logits"]));
    assert_eq!(of_nodes(nodes).unwrap().nodes(), n + 1);
}

#[test]
fn graphs_in_nodes_see_the_values_around_them() {
    let inner = |reads: &str| GraphProto {
        name: Some("branch".into()),
        node: vec![node("inner", &[reads], &["r"])],
        output: vec![crate::proto::ValueInfoProto {
            name: Some("r".into()),
            ..crate::proto::ValueInfoProto::default()
        }],
        ..GraphProto::default()
    };
    let branch = |reads: &str| {
        let mut branch = node("if", &[], &["logits"]);
        branch.attribute.push(AttributeProto {
            name: Some("then_branch".into()),
            r#type: Some(AttributeType::Graph as i32),
            g: Some(Box::new(inner(reads))),
            ..AttributeProto::default()
        });
        branch
    };
    let found = of_nodes(vec![node("a", &["input"], &["x"]), branch("x")]).unwrap();
    assert_eq!((found.nodes(), found.orphans.len()), (3, 0));
    let undefined = of_nodes(vec![branch("nowhere")]);
    assert!(
        matches!(undefined, Err(CheckError::Undefined { .. })),
        "{undefined:?}"
    );
}

fn external(pairs: &[(&str, &str)]) -> TensorProto {
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value.into()),
    };
    TensorProto {
        name: Some("model.0.0.bias".into()),
        dims: vec![8],
        data_type: Some(1),
        external_data: pairs.iter().map(entry).collect(),
        data_location: Some(1),
        ..TensorProto::default()
    }
}

#[test]
fn data_in_other_files_stays_in_the_folder_and_has_its_length() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("models");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("m.onnx"), "").unwrap();
    std::fs::write(inside.join("data.bin"), [0; 40]).unwrap();
    std::fs::write(folder.path().join("secret"), [0; 40]).unwrap();
    let check = |pairs: &[(&str, &str)]| {
        let mut proto = model();
        proto.graph.as_mut().unwrap().initializer[1] = external(pairs);
        structure(&Model::from(proto), Some(&inside.join("m.onnx"))).map(|found| found.external)
    };
    let found = check(&[("location", "data.bin"), ("offset", "8"), ("length", "32")]).unwrap();
    assert_eq!((found[0].location.as_str(), found[0].bytes), ("data.bin", 32));
    check(&[("location", "data.bin"), ("offset", "8")]).unwrap();
    let secret = folder.path().join("secret");
    let mut hostile = vec![
        vec![("location", "../secret"), ("length", "32")],
        vec![("location", secret.to_str().unwrap()), ("length", "32")],
        vec![("location", "")],
        vec![("length", "32")],
        vec![("location", "."), ("length", "32")],
        vec![("location", "gone.bin")],
        vec![("location", "data.bin"), ("length", "31")],
        vec![("location", "data.bin"), ("offset", "9"), ("length", "32")],
        vec![
            ("location", "data.bin"),
            ("offset", "18446744073709551615"),
            ("length", "32"),
        ],
        vec![("location", "data.bin"), ("offset", "-1")],
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, inside.join("link.bin")).unwrap();
        hostile.push(vec![("location", "link.bin"), ("length", "32")]);
    }
    for pairs in hostile {
        let found = check(&pairs);
        assert!(
            matches!(found, Err(CheckError::ExternalFile { .. })),
            "{pairs:?}: {found:?}"
        );
    }
}

#[test]
fn constants_may_keep_their_data_in_fields_of_their_type() {
    let with = |change: &dyn Fn(&mut TensorProto)| {
        let mut proto = model();
        let tensor = &mut proto.graph.as_mut().unwrap().initializer[1];
        tensor.raw_data = None;
        change(tensor);
        structure(&Model::from(proto), None)
    };
    assert!(with(&|tensor| tensor.float_data = vec![0.0; 8]).is_ok());
    let short = with(&|tensor| tensor.float_data = vec![0.0; 7]);
    assert!(
        matches!(short, Err(CheckError::Elements { found: 7, .. })),
        "{short:?}"
    );
    let wrong = with(&|tensor| tensor.int64_data = vec![0; 8]);
    assert!(
        matches!(wrong, Err(CheckError::Elements { found: 0, .. })),
        "{wrong:?}"
    );
    let ok = with(&|tensor| {
        (tensor.data_type, tensor.int32_data) = (Some(10), vec![0; 8]);
    });
    assert!(ok.is_ok());
}

/// The Hub's cache keeps a repository's files in one folder, and links to them under their names.
#[cfg(unix)]
#[test]
fn data_may_lie_where_a_link_to_the_model_leads() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (folder.path().join("blobs"), folder.path().join("snapshots/c"));
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::create_dir_all(&snapshot).unwrap();
    for (blob, name) in [("aaaa", "m.onnx"), ("bbbb", "m.onnx_data")] {
        std::fs::write(blobs.join(blob), [0; 32]).unwrap();
        symlink(format!("../../blobs/{blob}"), snapshot.join(name)).unwrap();
    }
    let check = |file: &Path| {
        let mut proto = model();
        let data = external(&[("location", "m.onnx_data"), ("length", "32")]);
        proto.graph.as_mut().unwrap().initializer[1] = data;
        structure(&Model::from(proto), Some(file))
    };
    assert_eq!(check(&snapshot.join("m.onnx")).unwrap().external.len(), 1);
    // The model itself lies here, and its data elsewhere.
    std::fs::write(snapshot.join("copy.onnx"), "").unwrap();
    let error = check(&snapshot.join("copy.onnx")).unwrap_err().to_string();
    assert!(
        error.contains("a link leads to `") && error.contains("bbbb`"),
        "{error}"
    );
    let gone = check(&snapshot.join("gone.onnx"));
    assert!(matches!(gone, Err(CheckError::ExternalFile { .. })), "{gone:?}");
}

type Change = fn(&mut TensorProto);

/// Engines read one or the other.
#[test]
fn data_in_two_places_is_refused() {
    let with = |change: Change| {
        let mut proto = model();
        change(&mut proto.graph.as_mut().unwrap().initializer[1]);
        structure(&Model::from(proto), Some(Path::new("m.onnx")))
    };
    let changes: [(Change, _, _); 5] = [
        (
            |tensor| tensor.float_data = vec![1.0; 8],
            "raw_data",
            "float_data",
        ),
        (|tensor| tensor.int32_data = vec![1], "raw_data", "int32_data"),
        (
            |tensor| tensor.string_data = vec![b"a".to_vec()],
            "raw_data",
            "string_data",
        ),
        (
            |tensor| {
                tensor.raw_data = None;
                (tensor.float_data, tensor.int64_data) = (vec![1.0; 8], vec![1]);
            },
            "float_data",
            "int64_data",
        ),
        (
            |tensor| {
                let raw_data = tensor.raw_data.take();
                *tensor = external(&[("location", "m.bin")]);
                tensor.raw_data = raw_data;
            },
            "external_data",
            "raw_data",
        ),
    ];
    for (change, one, other) in changes {
        let expected = CheckError::TwoData {
            name: "model.0.0.bias".into(),
            one,
            other,
        };
        assert_eq!(with(change), Err(expected));
    }
}

#[test]
fn graphs_need_a_name() {
    for name in [None, Some(String::new())] {
        let mut proto = model();
        proto.graph.as_mut().unwrap().name = name;
        let found = structure(&Model::from(proto), None);
        assert_eq!(found, Err(CheckError::UnnamedGraph));
    }
}

#[test]
fn constants_that_an_old_format_wants_among_the_inputs_are_named() {
    let of_version = |version| {
        let mut proto = model();
        proto.ir_version = Some(version);
        let found = structure(&Model::from(proto), None).unwrap();
        found.unlisted.len()
    };
    let constants = model().graph.unwrap().initializer.len();
    assert_eq!([of_version(3), of_version(4)], [constants, 0]);
}

/// 100,000 names of each kind: each is looked up in no time.
#[test]
fn time_does_not_grow_with_the_square_of_a_file() {
    let many = || (0..100_000).map(|i| format!("v{i}"));
    let mut proto = model();
    let import = |domain| crate::proto::OperatorSetIdProto {
        domain: Some(domain),
        version: Some(1),
    };
    proto.opset_import.extend(many().map(import));
    let graph = proto.graph.as_mut().unwrap();
    let constant = |name| TensorProto {
        name: Some(name),
        data_type: Some(1),
        dims: vec![0],
        ..TensorProto::default()
    };
    graph.initializer.extend(many().map(constant));
    let input = |name| crate::proto::ValueInfoProto {
        name: Some(name),
        ..crate::proto::ValueInfoProto::default()
    };
    graph.input = many().map(input).chain(graph.input.clone()).collect();
    let model = Model::from(proto);
    let start = std::time::Instant::now();
    assert_eq!(structure(&model, None).unwrap().opsets.len(), 100_001);
    assert_eq!((model.fixed_batch(), model.takes_bytes()), (None, false));
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}
