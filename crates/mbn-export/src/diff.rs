//! `mbn-export diff`: runs two graphs on the same noise and names the first value in which they part.

mod expose;
mod functions;
mod graphs;
mod metadata;
mod nodes;
mod values;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use mbn_engine::engine::ModelSource;
use mbn_engine::precision::ModelPrecision;
use mbn_engine::runtime::Runtime;
use mbn_engine::{Feed, GraphSession, Output};
use mbn_onnx::foreign::with_data_inside;
use mbn_onnx::proto::GraphProto;
use mbn_onnx::{InputKind, InputSize, Model, Written, structure};
use mbn_spec::Preprocess;
use mbn_spec::text::{counted, listed};

use crate::limits::Limit;
use crate::noise::{Noise, blocks};
use crate::pictures::Sample;
use crate::proof::feed_of;
use crate::show::printable;
use crate::trial::Trial;
use crate::verify::{MAX_THREADS, find_runtime};

/// The usual tolerance: rounding of float32 in another order.
const FLOAT32: f32 = 1e-4;
/// The tolerance between precisions, and between resizing in the graph and outside.
const ROUNDED: f32 = 5e-2;
/// The tolerance between eight bits for each weight and value, and more.
const BYTES: f32 = 0.5;
/// The tolerance between two files that compute on integers: floats are only added in pooling.
const INTEGERS: f32 = 1e-2;
/// The same where some layers are float32: their rounding may move any byte by a step.
const MIXED_INTEGERS: f32 = 5e-2;

/// Names in a message.
const LISTED: usize = 5;
/// The most bytes of constants in other files that are read: a message can hold twice as many.
pub(crate) const MAX_BYTES: u64 = 1 << 30;

/// What to compare, and how.
#[derive(Clone, Debug)]
pub struct Diff {
    /// A file.
    pub a: PathBuf,
    /// Another file.
    pub b: PathBuf,
    /// Largest difference that counts as none, if the user says so.
    pub tolerance: Option<f32>,
    /// ONNX Runtime's library, if the user names one.
    pub ort_lib: Option<PathBuf>,
    /// Seconds that the files may take.
    pub time_limit: u64,
    /// CPU threads.
    pub threads: usize,
}

/// One of the two.
struct Side<'a> {
    path: &'a Path,
    model: Model,
    /// If `mbn-export` wrote it.
    written: Option<Written>,
}

/// Compares the files; gives the result as lines of text, and whether they agree.
///
/// # Errors
/// A file cannot be read or run, or the two take different inputs or share no value.
pub fn run(diff: &Diff) -> Result<(String, bool)> {
    let (a, b) = (Side::load(&diff.a)?, Side::load(&diff.b)?);
    let mut lines: Vec<String> = graphs::differences(&a.model, &b.model);
    if lines.is_empty() {
        lines.push("the graphs have the same structure".to_owned());
    }
    let metadata = metadata::differences(&a.model, &b.model);
    lines.extend(metadata.lines);
    let mut names = expose::shared(a.graph()?, b.graph()?);
    if a.on_bytes() || b.on_bytes() {
        // Channels between layers are scaled, so that only what comes out can be compared.
        let outputs = a.graph()?.output.iter();
        let outputs: HashSet<&str> = outputs.map(|output| output.name()).collect();
        names.retain(|name| outputs.contains(name.as_str()));
    }
    let outputs = Outputs::of(&a, &b, &names)?;
    let (mut names_a, mut names_b) = (names.clone(), names);
    if let Outputs::Pair(one, other) = &outputs {
        lines.push(format!(
            "`{}` of the first file is compared with `{}` of the second",
            printable(one),
            printable(other)
        ));
        names_a.push(one.clone());
        names_b.push(other.clone());
    }
    ensure!(
        !names_a.is_empty(),
        "the files share no value: no node of `{}` gives one that has its name in `{}`",
        diff.a.display(),
        diff.b.display()
    );
    let runtime = find_runtime(diff.ort_lib.as_deref(), "")?;
    let limit = Limit::start("the comparison".to_owned(), diff.time_limit)?;
    let threads = diff.threads.min(MAX_THREADS);
    let feeds = noise(&a, &b)?;
    let (mut running_a, mut running_b) = (
        a.start(&runtime, &names_a, threads)?,
        b.start(&runtime, &names_b, threads)?,
    );
    let (values_a, values_b) = match feeds {
        Some((feed_a, feed_b)) => (running_a.run(vec![feed_a])?, running_b.run(vec![feed_b])?),
        None => {
            let trial = trial(&running_a, &running_b)?;
            let found = trial.run(|feeds| Ok((running_a.run(feeds.clone())?, running_b.run(feeds)?)))?;
            found.0
        }
    };
    drop(limit);
    let tolerance = diff.tolerance.unwrap_or_else(|| usual_tolerance(&a, &b));
    let ours = a.written.is_some() && b.written.is_some();
    let (parting, agreeing) = values::part(&names_a, &values_a, &values_b, tolerance, ours);
    let of = counted(names_a.len(), "shared value");
    match &parting {
        None => lines.push(format!("all of {of} agree; {agreeing}")),
        Some(values::Parting { name, what }) => {
            let node = a.graph()?.node.iter().find(|node| node.output.contains(name));
            let node = node.map_or_else(String::new, |node| {
                format!(
                    ", the result of node `{}` ({})",
                    printable(node.name()),
                    printable(node.op_type())
                )
            });
            lines.push(format!("they part at `{}`{node}: {what}", printable(name)));
            lines.push(agreeing);
        }
    }
    if let Outputs::Apart(of_a, of_b) = &outputs {
        let list =
            |names: &[String]| listed(names.iter().map(|name| format!("`{}`", printable(name))), LISTED);
        lines.push(format!(
            "they part in their outputs, of which none is compared: {} has no counterpart in the second file, {} none in the first",
            list(of_a),
            list(of_b)
        ));
    }
    if metadata.part {
        lines.push("they part in what they say of themselves".to_owned());
    }
    let is_apart = matches!(outputs, Outputs::Apart(..)) || metadata.part;
    Ok((lines.join("\n"), parting.is_none() && !is_apart))
}

/// How the outputs of the two files are compared.
enum Outputs {
    /// All of one file's by their names: in the other, they may be inner values.
    Shared,
    /// The only one of each that has no counterpart by its name.
    Pair(String, String),
    /// Not all: the names of those without a counterpart.
    Apart(Vec<String>, Vec<String>),
}

impl Outputs {
    /// How they are, if values of these `names` are compared.
    fn of(a: &Side<'_>, b: &Side<'_>, names: &[String]) -> Result<Self> {
        let left = |side: &Side<'_>| -> Result<Vec<String>> {
            let mut outputs = expose::outputs(side.graph()?);
            outputs.retain(|output| !names.contains(output));
            Ok(outputs)
        };
        let (of_a, of_b) = (left(a)?, left(b)?);
        Ok(match (of_a.as_slice(), of_b.as_slice()) {
            ([], _) | (_, []) => Self::Shared,
            ([one], [other]) => Self::Pair(one.clone(), other.clone()),
            _ => Self::Apart(of_a, of_b),
        })
    }
}

impl<'a> Side<'a> {
    fn load(path: &'a Path) -> Result<Self> {
        let model = Model::load(path)?;
        let cannot = || format!("model file `{}` cannot be used", path.display());
        let folder = path.parent().unwrap_or(Path::new(""));
        let found = structure(&model, Some(path)).with_context(cannot)?;
        let written = model.written().ok();
        let model = match found.external.is_empty() {
            true => model,
            // Its inner values are asked of a copy, which has no folder.
            false => with_data_inside(&model, folder, MAX_BYTES).with_context(cannot)?,
        };
        Ok(Self { written, path, model })
    }

    /// What it computes in.
    fn precision(&self) -> ModelPrecision {
        match &self.written {
            Some(written) => written.options.precision.into(),
            None => ModelPrecision::of(&self.model),
        }
    }

    /// The layers that are on floats where others are on integers, if it is an int8 file; those of other programs may have any.
    fn has_float_layers(&self) -> Option<bool> {
        let quantized = self.written.as_ref().map(|written| written.quantized.as_ref());
        match quantized {
            Some(quantized) => Some(!quantized?.float_layers().is_empty()),
            None => (self.precision() == ModelPrecision::Int8).then_some(true),
        }
    }

    fn on_bytes(&self) -> bool {
        self.written
            .as_ref()
            .is_some_and(|written| written.quantized.is_some())
    }

    fn graph(&self) -> Result<&GraphProto> {
        self.model.proto().graph.as_ref().context("it has no graph")
    }

    /// The file, ready to give the values of these names, in their order.
    fn start(&self, runtime: &Runtime, names: &[String], threads: usize) -> Result<Running<'_>> {
        let exposed = expose::exposed(&self.model, names).to_bytes();
        let source = ModelSource::Bytes(Arc::from(exposed));
        let session = GraphSession::load(runtime, &source, threads).with_context(|| self.failed())?;
        Ok(Running { side: self, session })
    }

    fn failed(&self) -> String {
        format!("`{}` cannot be compared", self.path.display())
    }
}

/// One of the two in ONNX Runtime.
struct Running<'a> {
    side: &'a Side<'a>,
    session: GraphSession,
}

impl Running<'_> {
    fn run(&mut self, feeds: Vec<Feed>) -> Result<Vec<Output>> {
        self.session.run(feeds).with_context(|| self.side.failed())
    }
}

/// What both files can be run on, if not both say how they take pictures: they must take the same inputs, but for sizes that one of
/// them leaves open.
fn trial(a: &Running<'_>, b: &Running<'_>) -> Result<Trial> {
    let of = |running: &Running<'_>| Trial::of(&running.session, &running.side.model);
    let (of_a, of_b) = (of(a), of(b));
    of_a.meet(&of_b).with_context(|| {
        format!(
            "the files take different inputs, and not both were written by `mbn-export`: {of_a} in `{}`, {of_b} in `{}`",
            a.side.path.display(),
            b.side.path.display()
        )
    })
}

/// The same noise for both, if `mbn-export` wrote both: each takes it in its own way.
fn noise(a: &Side<'_>, b: &Side<'_>) -> Result<Option<(Feed, Feed)>> {
    let (Some(of_a), Some(of_b)) = (&a.written, &b.written) else {
        return Ok(None);
    };
    let n = match (of_a.options.batch, of_b.options.batch) {
        (Some(a), Some(b)) if a != b => bail!("the files take batches of {a} and of {b} images"),
        (batch, other) => batch.or(other).unwrap_or(2),
    };
    let preprocess = &common_preprocessing(of_a, of_b)?;
    let resizes = [of_a, of_b]
        .iter()
        .any(|of| of.options.size == InputSize::Resized);
    let sample = match resizes {
        true => {
            let side = preprocess.size as u32;
            Sample::of_whole(blocks(n, side + side / 2 + 1, side + 3), preprocess)?
        }
        false => Sample::of_resized(Noise::new(n, preprocess.size).images(), preprocess),
    };
    Ok(Some((feed_of(&sample, of_a), feed_of(&sample, of_b))))
}

/// The preprocessing with which both networks get the same input: that of the file which does more of it itself. What the other
/// file says of itself is compared as metadata.
fn common_preprocessing(a: &Written, b: &Written) -> Result<Preprocess> {
    let inside = |of: &Written| match (of.options.size, of.options.input) {
        (InputSize::Resized, _) => 2,
        (_, InputKind::Uint8) => 1,
        (_, InputKind::Float) => 0,
    };
    let (leader, other) = if inside(b) > inside(a) { (b, a) } else { (a, b) };
    let size = match (leader.options.size, other.options.size) {
        (InputSize::Any, InputSize::Fixed) => other.preprocess.size,
        _ => leader.preprocess.size,
    };
    if other.options.size == InputSize::Fixed && other.preprocess.size != size {
        let (a, b) = (a.preprocess.size, b.preprocess.size);
        bail!("the files take pictures of {a} x {a} and of {b} x {b}, so that they cannot get the same");
    }
    Ok(leader.preprocess.with_size(size))
}

/// The largest difference that the kinds of the two files explain.
fn usual_tolerance(a: &Side<'_>, b: &Side<'_>) -> f32 {
    let differ =
        |of: fn(&Written) -> bool| a.written.as_ref().is_some_and(of) != b.written.as_ref().is_some_and(of);
    let is_half = |side: &Side<'_>| side.precision() == ModelPrecision::Float16;
    let rounds = is_half(a) != is_half(b) || differ(|written| written.options.size == InputSize::Resized);
    let of_bytes = match (a.has_float_layers(), b.has_float_layers()) {
        (None, None) => FLOAT32,
        (Some(false), Some(false)) => INTEGERS,
        (Some(_), Some(_)) => MIXED_INTEGERS,
        _ => BYTES,
    };
    if rounds { of_bytes.max(ROUNDED) } else { of_bytes }
}
