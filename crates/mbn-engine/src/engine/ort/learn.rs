//! A run that shows what the file does not state of its outputs.

use ort::session::Session;

use super::interface::Input;
use super::output::Shapes;
use crate::error::EngineError;
use crate::images::{PixelBuffer, PixelType};

/// Height and width where the file does not fix them.
const SIZE: usize = 224;

/// The shapes of the outputs for black pictures.
///
/// # Errors
/// ONNX Runtime fails.
pub(super) fn shapes(session: &mut Session, input: &Input) -> Result<Shapes, EngineError> {
    if input.pixel_type() == PixelType::Pictures {
        return Ok(Shapes::new());
    }
    let (n, size) = (input.batch.unwrap_or(1), input.size.unwrap_or(SIZE));
    let blank = PixelBuffer::blank(input.pixel_type(), n, size);
    let pixels = blank.pixels();
    let shape = input.shape(pixels.len(), n);
    let arranged = input.arrange(pixels, n)?;
    let value = arranged.tensor(shape).map_err(EngineError::run)?;
    let outputs = session
        .run(ort::inputs![input.name.as_str() => value])
        .map_err(EngineError::run)?;
    let shapes = outputs.iter().filter_map(|(name, value)| {
        let shape = value.dtype().tensor_shape()?;
        Some((name.to_owned(), shape.to_vec()))
    });
    Ok(shapes.collect())
}
