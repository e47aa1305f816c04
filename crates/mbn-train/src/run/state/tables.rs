//! The confusion matrix and the mistakes of the best weights, as rows of numbers.

use anyhow::{Context, Result, anyhow, ensure};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::run::Mistake;

/// Values in a row of the confusion matrix: true class, predicted class, number of images.
pub const COUNT: usize = 3;
/// Values in a row of mistakes: image, true class, predicted class, bits of the probability.
pub const MISTAKE: usize = 4;

/// The counts of a confusion matrix that are not 0, as rows of [`COUNT`]: of thousands of classes, most are never taken for most
/// others.
pub fn sparse(confusion: &[Vec<u64>]) -> Result<Vec<u32>> {
    let mut rows = Vec::new();
    for (label, counts) in (0..).zip(confusion) {
        for (predicted, count) in (0..).zip(counts).filter(|(_, count)| **count > 0) {
            rows.extend([label, predicted, u32::try_from(*count)?]);
        }
    }
    Ok(rows)
}

/// A confusion matrix of so many classes.
pub fn confusion(view: &TensorView, classes: usize) -> Result<Vec<Vec<u64>>> {
    // Earlier versions saved the whole matrix.
    if view.dtype() == Dtype::U64 {
        return dense(view);
    }
    let mut confusion = vec![vec![0; classes]; classes];
    for [label, predicted, count] in rows::<COUNT>(view)? {
        let row: Option<&mut Vec<u64>> = confusion.get_mut(label as usize);
        let cell = row.and_then(|row| row.get_mut(predicted as usize));
        *cell.with_context(|| {
            format!("the confusion matrix has a class {label} or {predicted}, expected below {classes}")
        })? += u64::from(count);
    }
    Ok(confusion)
}

fn dense(view: &TensorView) -> Result<Vec<Vec<u64>>> {
    let &[rows, columns] = view.shape() else {
        return Err(anyhow!("the confusion matrix has shape {:?}", view.shape()));
    };
    ensure!(
        rows == columns && rows > 0,
        "the confusion matrix is not a square matrix of U64"
    );
    let counts: Vec<u64> = view
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|b| u64::from_le_bytes(*b))
        .collect();
    Ok(counts.chunks(columns).map(<[u64]>::to_vec).collect())
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
        let mut matrix = vec![vec![0; 300]; 300];
        for (label, predicted, count) in [(0, 0, 7), (0, 299, 1), (17, 3, 70_000), (299, 0, 2)] {
            matrix[label][predicted] = count;
        }
        let sparse = sparse(&matrix).unwrap();
        assert_eq!(sparse.len(), 4 * COUNT);
        let small = bytes(&sparse);
        let read = confusion(&view(Dtype::U32, [4, COUNT], &small), 300).unwrap();
        assert!(read == matrix);
        let whole: Vec<u8> = matrix
            .iter()
            .flatten()
            .flat_map(|count| count.to_le_bytes())
            .collect();
        assert!(confusion(&view(Dtype::U64, [300, 300], &whole), 300).unwrap() == matrix);
        // A file that lies.
        let error = confusion(&view(Dtype::U32, [4, COUNT], &small), 299).unwrap_err();
        assert!(error.to_string().contains("expected below 299"), "{error}");
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
