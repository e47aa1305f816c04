//! `mbn-export show`: a file's graph, metadata and counts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};
use mbn_onnx::proto::{GraphProto, TensorProto};
use mbn_onnx::{Model, TensorType, checker, structure};
use mbn_spec::text::{counted, thousands};

/// The longest value of the metadata that is printed whole.
const LONGEST: usize = 300;

/// The file as text.
///
/// # Errors
/// It cannot be read, or its graph makes no sense.
pub fn text(path: &Path) -> Result<String> {
    let model = Model::load(path)?;
    let file = || format!("model file `{}`", path.display());
    let found = structure(&model, Some(path)).with_context(file)?;
    let proto = model.proto();
    let graph = proto.graph.as_ref().with_context(file)?;
    let mut text = String::new();
    let mut line = |content: String| {
        let _ = writeln!(text, "{content}");
    };
    line(format!("file        {}", path.display()));
    let opsets = found
        .opsets
        .iter()
        .map(|(domain, version)| match domain.as_str() {
            "" => format!("opset {version}"),
            domain => format!("{} {version}", printable(domain)),
        });
    line(format!(
        "format      IR {}, {}",
        proto.ir_version(),
        opsets.collect::<Vec<_>>().join(", ")
    ));
    let producer = format!("{} {}", proto.producer_name(), proto.producer_version());
    line(format!("producer    {}", printable(producer.trim())));
    line(format!("graph       {}", printable(graph.name())));
    if !proto.doc_string().is_empty() {
        line(format!("description {}", printable(proto.doc_string())));
    }
    for (what, infos) in [("input", &graph.input), ("output", &graph.output)] {
        for info in infos {
            line(format!("{what:<11} {}", value(info)));
        }
    }
    for entry in &proto.metadata_props {
        line(format!(
            "metadata    {} = {}",
            printable(entry.key()),
            short(entry.value())
        ));
    }
    line(String::new());
    line(nodes(graph));
    line(String::new());
    let parameters: u128 = graph.initializer.iter().map(elements).sum();
    let bytes = graph
        .initializer
        .iter()
        .map(|tensor| elements(tensor) * tensor.data_type().bits() as u128);
    line(format!(
        "{}: {}",
        counted(found.nodes(), "node"),
        found
            .operators
            .iter()
            .map(|(name, n)| format!("{n} {}", printable(name)))
            .collect::<Vec<_>>()
            .join(", ")
    ));
    line(format!(
        "{}: {} elements, {} bytes",
        counted(graph.initializer.len(), "constant"),
        thousands(parameters),
        thousands(bytes.sum::<u128>().div_ceil(8))
    ));
    if let (Some(alpha), Ok(written)) = (
        model.metadata().ok().and_then(|metadata| metadata.alpha),
        model.written(),
    ) {
        let architecture = written.weights.architecture;
        let summary = architecture.summary(written.preprocess.size);
        line(format!(
            "MobileNetV1 alpha {alpha}, {}: {} parameters, {} multiply-adds for a picture of {size} x {size}",
            architecture.class_count(),
            thousands(summary.parameters()),
            thousands(summary.multiply_adds()),
            size = written.preprocess.size,
        ));
    }
    for external in &found.external {
        line(format!(
            "in `{}`: {} bytes of `{}`",
            printable(&external.location),
            thousands(external.bytes),
            printable(&external.name)
        ));
    }
    if !found.orphans.is_empty() {
        let names = found.orphans.iter().map(|name| format!("`{}`", printable(name)));
        line(format!(
            "no output depends on {}",
            mbn_spec::text::listed(names, 10)
        ));
    }
    Ok(text.trim_end().to_owned())
}

fn nodes(graph: &GraphProto) -> String {
    let types = checker::known_types(graph);
    let constants: BTreeMap<&str, u128> = graph
        .initializer
        .iter()
        .map(|tensor| (tensor.name(), elements(tensor)))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["node", "operator", "result", "type", "elements of constants"]);
    for node in &graph.node {
        let own: u128 = node
            .input
            .iter()
            .filter_map(|name| constants.get(name.as_str()))
            .sum();
        let results = node.output.iter().map(|name| {
            let ty = types
                .get(name)
                .map_or_else(|| "?".to_owned(), ToString::to_string);
            (printable(name), printable(&ty))
        });
        let (names, kinds): (Vec<_>, Vec<_>) = results.unzip();
        table.add_row([
            printable(node.name()),
            printable(node.op_type()),
            names.join(", "),
            kinds.join(", "),
            if own == 0 { String::new() } else { thousands(own) },
        ]);
    }
    if let Some(column) = table.column_mut(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// Number of elements; `structure` has checked that the dimensions are none that overflow.
fn elements(tensor: &TensorProto) -> u128 {
    tensor.dims.iter().map(|&dim| dim.max(0) as u128).product()
}

pub(crate) fn value(info: &mbn_onnx::proto::ValueInfoProto) -> String {
    let ty = TensorType::stated(info).map_or_else(|error| error.to_string(), |ty| ty.to_string());
    format!("{} {}", printable(info.name()), printable(&ty))
}

/// The start of a long text.
pub(crate) fn short(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(LONGEST) {
        None => text,
        Some((end, _)) => format!("{}... ({} bytes)", &text[..end], thousands(text.len() as u64)),
    }
}

/// A text from a file, without what would move a terminal's cursor.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
