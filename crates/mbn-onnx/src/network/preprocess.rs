//! Preprocessing inside the graph: pictures of bytes become the network's normalised input.
//!
//! `Resize` gets bytes and gives bytes, as `mbn-data`'s resizing and Pillow do, and not floats: rounding in between is part of
//! what the network was trained on. With `exclude_outside` the filter is cut off at the picture's edges, as Pillow's is.

use mbn_spec::{Centre, Interpolation, Preprocess, Resize};

use super::{Nodes, cast_to};
use crate::builder::Attribute;
use crate::names::{AXES, INPUT, OFFSET, SCALE, SHAPE, SHORTER, SIZE, TWO};
use crate::proto::DataType;

/// What [`add`] calls the pictures once they have their size.
const RESIZED: &str = "preprocess.resized";

/// Adds the nodes from the input, `[batch, height, width, 3]`, to the network's.
pub(super) fn add(nodes: &mut Nodes, preprocess: &Preprocess, resized: bool) {
    match (resized, preprocess.resize) {
        (false, _) => {}
        (true, Resize::Square) => nodes.add("Resize", RESIZED, &["", "", SIZE], attributes(preprocess)),
        (true, Resize::Crop) => crop(nodes, preprocess),
    }
    // Transposing comes first, while each value is still one byte.
    let perm = Attribute::Ints(vec![0, 3, 1, 2]);
    nodes.add("Transpose", "preprocess.nchw", &[], [("perm", perm)]);
    nodes.add("Cast", "preprocess.float", &[], [cast_to(DataType::Float)]);
    nodes.add("Mul", "preprocess.scaled", &[SCALE], []);
    nodes.add("Add", "preprocess.normalised", &[OFFSET], []);
}

/// Resizes the whole picture and takes its centre, in the arithmetic of [`Preprocess::longer_side`] and [`Centre::offset`]: in integers. The
/// shorter side comes out exactly by the same division.
fn crop(nodes: &mut Nodes, preprocess: &Preprocess) {
    let between = [("start", Attribute::Int(1)), ("end", Attribute::Int(3))];
    let graph = &mut *nodes.graph;
    let mut node = |op: &str, inputs: &[&str], output: &str, attributes: &[(&'static str, Attribute)]| {
        graph.node(
            op,
            output,
            inputs.iter().copied(),
            output,
            attributes.iter().cloned(),
        );
    };
    let (sides, products) = ("preprocess.sides", "preprocess.products");
    node("Shape", &[INPUT], sides, &between);
    node("ReduceMin", &[sides], "preprocess.least", &[]);
    node("Mul", &[sides, SHORTER], products, &[]);
    let target = "preprocess.target";
    node("Div", &[products, "preprocess.least"], target, &[]);
    let whole = "preprocess.whole";
    node("Resize", &[INPUT, "", "", target], whole, &attributes(preprocess));
    let (margins, halves) = ("preprocess.margins", "preprocess.halves");
    node("Sub", &[target, SIZE], margins, &[]);
    node("Div", &[margins, TWO], halves, &[]);
    let starts = match preprocess.centre {
        Centre::Down => halves,
        Centre::Even => {
            let (odd, odd_half) = ("preprocess.margins.odd", "preprocess.halves.odd");
            let up = "preprocess.up";
            node("Mod", &[margins, TWO], odd, &[]);
            node("Mod", &[halves, TWO], odd_half, &[]);
            node("Mul", &[odd, odd_half], up, &[]);
            node("Add", &[halves, up], "preprocess.starts", &[]);
            "preprocess.starts"
        }
    };
    node("Add", &[starts, SIZE], "preprocess.ends", &[]);
    let centre = "preprocess.centre";
    node("Slice", &[whole, starts, "preprocess.ends", AXES], centre, &[]);
    // It has this shape already; now whoever reads the graph knows it too.
    node("Reshape", &[centre, SHAPE], RESIZED, &[]);
    RESIZED.clone_into(&mut nodes.value);
}

fn attributes(preprocess: &Preprocess) -> [(&'static str, Attribute); 6] {
    let mode = match preprocess.interpolation {
        Interpolation::Bicubic => "cubic",
        Interpolation::Bilinear => "linear",
        // `ExportOptions::validate_for` refuses the filters that `Resize` does not have.
        Interpolation::Nearest
        | Interpolation::Box
        | Interpolation::BilinearNoAntialias
        | Interpolation::Hamming
        | Interpolation::Lanczos => "linear",
    };
    [
        ("antialias", Attribute::Int(1)),
        ("axes", Attribute::Ints(vec![1, 2])),
        ("coordinate_transformation_mode", Attribute::Text("half_pixel")),
        // Keys's filter, as Pillow has it; the mode `linear` does not use it.
        ("cubic_coeff_a", Attribute::Float(-0.5)),
        ("exclude_outside", Attribute::Int(1)),
        ("mode", Attribute::Text(mode)),
    ]
}
