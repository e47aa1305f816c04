//! The confusion matrix and the mistakes of the best weights, as rows of numbers.

use anyhow::{Result, ensure};
use mbn_plot::Confusion;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::run::Mistake;

/// Values in a row of the confusion matrix: true class, predicted class, number of images.
pub const COUNT: usize = 3;
/// Values in a row of mistakes: image, true class, predicted class, bits of the probability.
pub const MISTAKE: usize = 4;

/// A confusion matrix as rows of [`COUNT`].
pub fn of_confusion(confusion: &Confusion) -> Result<Vec<u32>> {
    let mut rows = Vec::new();
    for (label, predicted, count) in confusion.pairs() {
        rows.extend([
            u32::try_from(label)?,
            u32::try_from(predicted)?,
            u32::try_from(count)?,
        ]);
    }
    Ok(rows)
}

/// A confusion matrix of so many classes.
pub fn confusion(view: &TensorView, classes: usize) -> Result<Confusion> {
    // Earlier versions saved the whole matrix.
    if view.dtype() == Dtype::U64 {
        return whole(view, classes);
    }
    let mut confusion = Confusion::new(classes);
    for row in rows::<COUNT>(view)? {
        let [label, predicted, count] = row.map(|value| value as usize);
        ensure!(
            label < classes && predicted < classes,
            "the confusion matrix has a class {label} or {predicted}, expected below {classes}"
        );
        confusion.add(label, predicted, count as u64);
    }
    Ok(confusion)
}

fn whole(view: &TensorView, classes: usize) -> Result<Confusion> {
    ensure!(
        view.shape() == [classes, classes],
        "the confusion matrix has shape {:?}, expected [{classes}, {classes}]",
        view.shape()
    );
    let mut confusion = Confusion::new(classes);
    for (cell, bytes) in view.data().as_chunks().0.iter().enumerate() {
        confusion.add(cell / classes, cell % classes, u64::from_le_bytes(*bytes));
    }
    Ok(confusion)
}

/// The rows of a matrix of so many columns.
fn rows<const COLUMNS: usize>(view: &TensorView) -> Result<Vec<[u32; COLUMNS]>> {
    ensure!(
        view.dtype() == Dtype::U32 && matches!(view.shape(), [_, columns] if *columns == COLUMNS),
        "a table is {} of shape {:?}, expected rows of {COLUMNS} U32",
        view.dtype(),
        view.shape()
    );
    let values: Vec<u32> = view
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| u32::from_le_bytes(*b))
        .collect();
    Ok(values.as_chunks().0.to_vec())
}

/// Mistakes as rows of [`MISTAKE`].
pub fn of_mistakes(mistakes: &[Mistake]) -> Result<Vec<u32>> {
    let rows = mistakes.iter().map(row);
    Ok(rows.collect::<Result<Vec<_>>>()?.concat())
}

fn row(mistake: &Mistake) -> Result<[u32; MISTAKE]> {
    let image = u32::try_from(mistake.image)?;
    Ok([
        image,
        mistake.label,
        mistake.predicted,
        mistake.probability.to_bits(),
    ])
}

/// The mistakes in rows of [`MISTAKE`].
pub fn mistakes(view: &TensorView) -> Result<Vec<Mistake>> {
    let mistake = |[image, label, predicted, probability]: [u32; MISTAKE]| Mistake {
        image: image as usize,
        label,
        predicted,
        probability: f32::from_bits(probability),
    };
    Ok(rows(view)?.into_iter().map(mistake).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(dtype: Dtype, shape: [usize; 2], bytes: &[u8]) -> TensorView<'_> {
        TensorView::new(dtype, shape.to_vec(), bytes).unwrap()
    }

    fn bytes(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn a_confusion_matrix_is_small_and_that_of_earlier_versions_is_read() {
        let mut matrix = Confusion::new(300);
        for (label, predicted, count) in [(0, 0, 7), (0, 299, 1), (17, 3, 70_000), (299, 0, 2)] {
            matrix.add(label, predicted, count);
        }
        let rows = of_confusion(&matrix).unwrap();
        assert_eq!(rows.len(), 4 * COUNT);
        assert_eq!(rows[..2 * COUNT], [0, 0, 7, 0, 299, 1]);
        let small = bytes(&rows);
        let read = confusion(&view(Dtype::U32, [4, COUNT], &small), 300).unwrap();
        assert!(read == matrix);
        let cells = (0..300 * 300).map(|cell| matrix.count(cell / 300, cell % 300));
        let whole: Vec<u8> = cells.flat_map(u64::to_le_bytes).collect();
        assert!(confusion(&view(Dtype::U64, [300, 300], &whole), 300).unwrap() == matrix);
        // A file that lies.
        let error = confusion(&view(Dtype::U32, [4, COUNT], &small), 299).unwrap_err();
        assert!(error.to_string().contains("expected below 299"), "{error}");
        let error = confusion(&view(Dtype::U64, [300, 300], &whole), 299).unwrap_err();
        assert!(error.to_string().contains("expected [299, 299]"), "{error}");
        assert!(confusion(&view(Dtype::U32, [3, 4], &small), 300).is_err());
        assert!(confusion(&view(Dtype::U64, [100, 900], &whole), 300).is_err());
    }

    #[test]
    fn mistakes_are_read_as_they_were_saved() {
        let saved =
            [(0, 1, 2, 0.75_f32), (70_000, 3, 0, 1.0 / 3.0)].map(|(image, label, predicted, probability)| {
                Mistake {
                    image,
                    label,
                    predicted,
                    probability,
                }
            });
        let rows = bytes(&of_mistakes(&saved).unwrap());
        assert_eq!(mistakes(&view(Dtype::U32, [2, MISTAKE], &rows)).unwrap(), saved);
        assert!(mistakes(&view(Dtype::F32, [2, MISTAKE], &rows)).is_err());
    }
}
