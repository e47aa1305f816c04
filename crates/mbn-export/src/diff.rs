//! `mbn-export diff`: runs two graphs on the same noise and names the first value in which they part.

mod expose;
mod graphs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use mbn_engine::engine::ModelSource;
use mbn_engine::runtime::Runtime;
use mbn_engine::{Feed, GraphSession, Output};
use mbn_onnx::proto::GraphProto;
use mbn_onnx::{InputSize, Model, Precision, Written, structure};
use mbn_spec::text::counted;

use crate::check::feeds;
use crate::limits::Limit;
use crate::noise::{Noise, blocks};
use crate::pictures::Sample;
use crate::proof::feed_of;
use crate::show::printable;
use crate::verify::{MAX_THREADS, find_runtime};

/// The usual tolerance: rounding of float32 in another order.
const FLOAT32: f32 = 1e-4;
/// The tolerance between precisions, and between resizing in the graph and outside.
const ROUNDED: f32 = 5e-2;
/// Eight bits for each weight and value.
const BYTES: f32 = 0.5;

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

/// The first value in which two graphs part.
struct Parting {
    name: String,
    what: String,
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
    let mut names = expose::shared(a.graph()?, b.graph()?);
    if a.on_bytes() || b.on_bytes() {
        // Channels between layers are scaled, so that only what comes out can be compared.
        let outputs = &a.graph()?.output;
        names.retain(|name| outputs.iter().any(|output| output.name() == name));
    }
    ensure!(
        !names.is_empty(),
        "the files share no value: no node of `{}` gives one that has its name in `{}`",
        diff.a.display(),
        diff.b.display()
    );
    let runtime = find_runtime(diff.ort_lib.as_deref(), "")?;
    let limit = Limit::start("the comparison".to_owned(), diff.time_limit);
    let (feed_a, feed_b) = noise(&a, &b)?;
    let threads = diff.threads.min(MAX_THREADS);
    let values_a = a.run(&runtime, &names, feed_a, threads)?;
    let values_b = b.run(&runtime, &names, feed_b, threads)?;
    drop(limit);
    let tolerance = diff.tolerance.unwrap_or_else(|| usual_tolerance(&a, &b));
    let (parting, agreeing) = part(&names, &values_a, &values_b, tolerance);
    let of = counted(names.len(), "shared value");
    match &parting {
        None => lines.push(format!("all of {of} agree; {agreeing}")),
        Some(Parting { name, what }) => {
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
    Ok((lines.join("\n"), parting.is_none()))
}

impl<'a> Side<'a> {
    fn load(path: &'a Path) -> Result<Self> {
        let model = Model::load(path)?;
        let cannot = || format!("model file `{}` cannot be used", path.display());
        let found = structure(&model, Some(path.parent().unwrap_or(Path::new("")))).with_context(cannot)?;
        if !found.external.is_empty() {
            bail!(
                "model file `{}` cannot be used: the data of its constants is in other files, which `diff` does not read",
                path.display()
            );
        }
        Ok(Self {
            written: model.written().ok(),
            path,
            model,
        })
    }

    fn on_bytes(&self) -> bool {
        self.written
            .as_ref()
            .is_some_and(|written| written.quantized.is_some())
    }

    fn graph(&self) -> Result<&GraphProto> {
        self.model.proto().graph.as_ref().context("it has no graph")
    }

    /// The values of these names, in their order.
    fn run(
        &self,
        runtime: &Runtime,
        names: &[String],
        feed: Option<Feed>,
        threads: usize,
    ) -> Result<Vec<Output>> {
        let failed = || format!("`{}` cannot be compared", self.path.display());
        let exposed = expose::exposed(&self.model, names).to_bytes();
        let source = ModelSource::Bytes(Arc::from(exposed));
        let mut session = GraphSession::load(runtime, &source, threads).with_context(failed)?;
        let feeds = match feed {
            Some(feed) => vec![feed],
            None => feeds(&session).with_context(failed)?,
        };
        session.run(feeds).with_context(failed)
    }
}

/// The same noise for both, if `mbn-export` wrote both: each takes it in its own way. Others must take the same inputs.
fn noise(a: &Side<'_>, b: &Side<'_>) -> Result<(Option<Feed>, Option<Feed>)> {
    let (Some(of_a), Some(of_b)) = (&a.written, &b.written) else {
        let inputs = |side: &Side<'_>| -> Result<Vec<_>> {
            let graph = side.graph()?;
            let constants = |name: &str| graph.initializer.iter().any(|tensor| tensor.name() == name);
            let inputs = graph.input.iter().filter(|input| !constants(input.name()));
            Ok(inputs
                .map(|input| (input.name().to_owned(), input.r#type.clone()))
                .collect())
        };
        ensure!(
            inputs(a)? == inputs(b)?,
            "the files take different inputs, and not both were written by `mbn-export`"
        );
        return Ok((None, None));
    };
    ensure!(
        of_a.preprocess == of_b.preprocess,
        "the files prepare pictures differently: {:?} and {:?}",
        of_a.preprocess,
        of_b.preprocess
    );
    let n = match (of_a.options.batch, of_b.options.batch) {
        (Some(a), Some(b)) if a != b => bail!("the files take batches of {a} and of {b} images"),
        (batch, other) => batch.or(other).unwrap_or(2),
    };
    let preprocess = &of_a.preprocess;
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
    Ok((Some(feed_of(&sample, of_a)), Some(feed_of(&sample, of_b))))
}

fn usual_tolerance(a: &Side<'_>, b: &Side<'_>) -> f32 {
    let rounds = |side: &Side<'_>| {
        side.written
            .as_ref()
            .is_some_and(|written| written.options.precision == Precision::Fp16)
    };
    if a.on_bytes() || b.on_bytes() {
        return BYTES;
    }
    let resizes = |side: &Side<'_>| {
        side.written
            .as_ref()
            .is_some_and(|written| written.options.size == InputSize::Resized)
    };
    match rounds(a) != rounds(b) || resizes(a) != resizes(b) {
        true => ROUNDED,
        false => FLOAT32,
    }
}

/// The first of the values that differ, and what the others have in common.
fn part(names: &[String], a: &[Output], b: &[Output], tolerance: f32) -> (Option<Parting>, String) {
    let (mut parting, mut agree, mut largest) = (None, 0, (0.0, ""));
    for (name, (a, b)) in names.iter().zip(a.iter().zip(b)) {
        let scale = a
            .values
            .iter()
            .fold(1.0, |scale: f32, value| scale.max(value.abs()));
        let difference = a
            .values
            .iter()
            .zip(&b.values)
            .map(|(a, b)| difference(*a, *b))
            .fold(0.0, f32::max);
        let what = if a.shape != b.shape {
            Some(format!(
                "its shape is {:?} in the first file, {:?} in the second",
                a.shape, b.shape
            ))
        } else if difference > tolerance * scale {
            Some(format!(
                "largest difference {difference:.1e}, {:.1e} allowed",
                tolerance * scale
            ))
        } else {
            None
        };
        match what {
            None => {
                agree += 1;
                if difference / scale >= largest.0 {
                    largest = (difference / scale, name.as_str());
                }
            }
            Some(what) if parting.is_none() => {
                parting = Some(Parting {
                    name: name.clone(),
                    what,
                });
            }
            Some(_) => {}
        }
    }
    let differ = names.len() - agree;
    let text = match (&parting, agree) {
        (_, 0) => "no value agrees".to_owned(),
        (None, _) => format!(
            "largest relative difference {:.1e}, in `{}`",
            largest.0,
            printable(largest.1)
        ),
        (Some(_), _) => format!("{} agree, {differ} differ", counted(agree, "value")),
    };
    (parting, text)
}

/// How far two values are apart; values that are not numbers are as far as can be, unless both are.
fn difference(a: f32, b: f32) -> f32 {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) if a == b => 0.0,
        (false, false) => (a - b).abs(),
        _ => f32::INFINITY,
    }
}
