//! Noise for graphs of any program, whose inputs may leave sizes to the caller.

mod shapes;

use std::fmt;

use anyhow::{Context, Error, Result};
use mbn_cli::Hint;
use mbn_engine::{ElementKind, Elements, EngineError, Feed, GraphSession};
use mbn_onnx::foreign::Layout;
use mbn_onnx::{Dim, Model, TensorType};
use mbn_spec::text::listed;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::show::printable;

/// An input, as far as the file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Input {
    name: String,
    /// `None` if there is no noise like them.
    elements: Option<ElementKind>,
    dims: Vec<Dim>,
}

impl Input {
    /// The same with the sizes that either says; `None` if they are not the same input.
    fn meet(&self, other: &Self) -> Option<Self> {
        if (&self.name, self.elements, self.dims.len()) != (&other.name, other.elements, other.dims.len()) {
            return None;
        }
        let both = self.dims.iter().zip(&other.dims);
        let dims = both.map(|pair| match pair {
            (Dim::Fixed(one), Dim::Fixed(two)) if one != two => None,
            (Dim::Symbol(_) | Dim::Unknown, fixed @ Dim::Fixed(_)) => Some(fixed.clone()),
            (Dim::Unknown, named @ Dim::Symbol(_)) => Some(named.clone()),
            (one, _) => Some(one.clone()),
        });
        Some(Self {
            dims: dims.collect::<Option<_>>()?,
            ..self.clone()
        })
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = self.elements.map_or("of another type", element_name);
        let dims = self.dims.iter().map(|dim| match dim {
            Dim::Fixed(size) => size.to_string(),
            Dim::Symbol(name) => printable(name),
            Dim::Unknown => "?".to_owned(),
        });
        let dims: Vec<_> = dims.collect();
        write!(f, "`{}` {elements} [{}]", printable(&self.name), dims.join(", "))
    }
}

/// The inputs of a graph, and what its nodes show of those for pictures.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    inputs: Vec<Input>,
    layout: Option<Layout>,
    /// Channels that the first convolution takes.
    channels: Option<usize>,
}

/// No sizes were found with which a graph runs that leaves them to the caller.
#[derive(Debug, thiserror::Error)]
#[error(
    "its inputs leave sizes open, and ONNX Runtime fails with all that were tried ({tried}), with the first: {error:#}"
)]
pub(crate) struct NoSizes {
    tried: String,
    error: Error,
}

impl Trial {
    /// What a graph takes.
    pub fn of(session: &GraphSession, model: &Model) -> Self {
        let infos = || model.proto().graph.iter().flat_map(|graph| &graph.input);
        let stated = |name: &str| {
            let info = infos().find(|info| info.name() == name)?;
            TensorType::stated(info).ok().map(|ty| ty.shape)
        };
        let inputs = session.inputs().into_iter().map(|input| {
            let stated = stated(&input.name).unwrap_or_default();
            let dims = input.shape.iter().enumerate();
            // The session knows no names.
            let dims = dims.map(|(i, dim)| match (dim, stated.get(i)) {
                (Some(size), _) => Dim::Fixed(*size),
                (None, Some(symbol @ Dim::Symbol(_))) => symbol.clone(),
                (None, _) => Dim::Unknown,
            });
            Input {
                dims: dims.collect(),
                name: input.name,
                elements: input.elements,
            }
        });
        Self {
            inputs: inputs.collect(),
            layout: Layout::of_model(model),
            channels: shapes::first_channels(model),
        }
    }

    /// What runs both graphs: sizes that one leaves open are those of the other.
    ///
    /// # Errors
    /// An input of one has another name, type, rank or size in the other.
    pub fn meet(&self, other: &Self) -> Result<Self> {
        let pairs = self.inputs.iter().zip(&other.inputs);
        let inputs: Option<Vec<_>> = pairs.map(|(one, two)| one.meet(two)).collect();
        let inputs = inputs.filter(|_| self.inputs.len() == other.inputs.len());
        Ok(Self {
            inputs: inputs.context("names, types and sizes must be the same")?,
            layout: self.layout.or(other.layout),
            channels: self.channels.or(other.channels),
        })
    }

    /// Runs noise of the likeliest sizes, and as long as ONNX Runtime fails on them of others. Gives the result, and the shapes if sizes
    /// besides the batch were open.
    ///
    /// # Errors
    /// There is no noise like an input, or it would be too large; or it runs with none of the sizes, which says nothing of the file.
    pub fn run<T>(&self, mut run: impl FnMut(Vec<Feed>) -> Result<T>) -> Result<(T, Option<String>)> {
        let is_run = |error: &Error| {
            let mut causes = error.chain();
            causes.any(|cause| matches!(cause.downcast_ref::<EngineError>(), Some(EngineError::Run(_))))
        };
        let shapes = shapes::candidates(&self.inputs, self.layout, self.channels);
        let (mut first, mut tried) = (None, Vec::new());
        for shapes in &shapes {
            let feeds = match self.feeds(shapes) {
                Ok(feeds) => feeds,
                // The largest come last.
                Err(_) if !tried.is_empty() => continue,
                Err(error) => return Err(error),
            };
            match run(feeds) {
                Ok(result) => {
                    let described = self.leaves_sizes_open().then(|| self.described(shapes));
                    return Ok((result, described));
                }
                Err(error) if is_run(&error) => {
                    tried.push(self.described(shapes));
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        let error = first.context("there are no shapes to try")?;
        if !self.inputs.iter().any(|input| input.dims.iter().any(is_open)) {
            return Err(error);
        }
        let tried = listed(tried, MOST_NAMED);
        Err(NoSizes { tried, error }).hint(|| {
            "fix the sizes that the model takes, as `python3 -m onnxruntime.tools.make_dynamic_shape_fixed` does".to_owned()
        })
    }

    fn leaves_sizes_open(&self) -> bool {
        self.inputs
            .iter()
            .any(|input| input.dims.iter().skip(1).any(is_open))
    }

    fn described(&self, shapes: &[Vec<usize>]) -> String {
        let inputs = self.inputs.iter().zip(shapes);
        let texts: Vec<_> = inputs
            .map(|(input, shape)| format!("`{}` {shape:?}", printable(&input.name)))
            .collect();
        texts.join(" and ")
    }

    fn feeds(&self, shapes: &[Vec<usize>]) -> Result<Vec<Feed>> {
        const MOST: usize = 64 << 20;
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let inputs = self.inputs.iter().zip(shapes);
        let feeds = inputs.map(|(input, shape)| {
            let name = printable(&input.name);
            let kind = input.elements.with_context(|| {
                format!(
                    "its input `{name}` is of a type for which there is no noise; float16, bfloat16, float32, float64, uint8, int8, \
                     int32 and int64 have it"
                )
            })?;
            let elements = shapes::elements(shape).filter(|n| *n <= MOST);
            let elements =
                elements.with_context(|| format!("its input `{name}` of {shape:?} is too large for noise"))?;
            Ok(Feed {
                elements: Elements::bytes(kind, (0..elements).map(|_| rng.random())),
                name: input.name.clone(),
                shape: shape.clone(),
            })
        });
        feeds.collect()
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inputs = self.inputs.iter().map(ToString::to_string);
        match self.inputs.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&listed(inputs, MOST_NAMED)),
        }
    }
}

/// Shapes and inputs that a message names.
const MOST_NAMED: usize = 6;

fn element_name(elements: ElementKind) -> &'static str {
    match elements {
        ElementKind::Float => "float32",
        ElementKind::Double => "float64",
        ElementKind::Half => "float16",
        ElementKind::Brain => "bfloat16",
        ElementKind::Uint8 => "uint8",
        ElementKind::Int8 => "int8",
        ElementKind::Int32 => "int32",
        ElementKind::Int64 => "int64",
    }
}

fn is_open(dim: &Dim) -> bool {
    !matches!(dim, Dim::Fixed(_))
}

#[cfg(test)]
mod tests;
