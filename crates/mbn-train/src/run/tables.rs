//! What the best weights confuse, and the images of the test set, as text for other programs.

use std::path::Path;

use anyhow::Result;
use mbn_data::Splits;
use mbn_plot::Confusion;

use super::{Mistake, Progress};

/// With more classes, the table of the confusion matrix has only the pairs that occur: of all pairs, there are millions.
const MOST_CLASSES: usize = 2000;

/// The confusion matrix as CSV: a row for each true class, a column for each predicted one. Of more than [`MOST_CLASSES`], a row for
/// each pair that occurs.
pub(super) fn confusion(counted: &Confusion, classes: &[String]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if classes.len() > MOST_CLASSES {
        writer.write_record(["true_class", "predicted_class", "images"])?;
        for (truth, predicted, images) in counted.pairs() {
            writer.write_record([&classes[truth], &classes[predicted], &images.to_string()])?;
        }
        return Ok(writer.into_inner()?);
    }
    writer.write_record(std::iter::once("true_class").chain(classes.iter().map(String::as_str)))?;
    for (truth, class) in classes.iter().enumerate() {
        let counts = (0..classes.len()).map(|predicted| counted.count(truth, predicted).to_string());
        writer.write_record(std::iter::once(class.clone()).chain(counts))?;
    }
    Ok(writer.into_inner()?)
}

/// The mistakes as CSV, the most confident first.
pub(super) fn mistakes(mistakes: &[Mistake], progress: &Progress, data: &Splits) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["path", "true_class", "predicted_class", "probability"])?;
    let name = |class: u32| progress.classes.get(class as usize).map_or("", String::as_str);
    for mistake in mistakes.iter().filter(|mistake| mistake.image < data.test.len()) {
        let probability = mistake.probability.to_string();
        writer.write_record([
            &place(data, mistake.image)[..],
            name(mistake.label).as_bytes(),
            name(mistake.predicted).as_bytes(),
            probability.as_bytes(),
        ])?;
    }
    Ok(writer.into_inner()?)
}

/// The test images that can be used, a path a line. Line breaks in a path, which names of folders may have, are `\n` and `\r`.
pub(super) fn test_images(progress: &Progress, data: &Splits) -> Vec<u8> {
    let unusable = progress.unusable();
    let mut text = Vec::new();
    for image in (0..data.test.len()).filter(|image| !unusable.test.contains(image)) {
        text.extend(on_one_line(bytes(data.test.path(image))));
        text.push(b'\n');
    }
    text
}

fn on_one_line(path: &[u8]) -> Vec<u8> {
    let escaped = path.iter().map(|byte| match byte {
        b'\n' => &b"\\n"[..],
        b'\r' => b"\\r",
        byte => std::slice::from_ref(byte),
    });
    escaped.flatten().copied().collect()
}

/// The file of a test image; in STL-10's, which has all of them, the number of the image from 0.
fn place(data: &Splits, image: usize) -> Vec<u8> {
    let mut place = bytes(data.test.path(image)).to_vec();
    if data.class_folders.is_empty() {
        place.extend(format!("#{image}").bytes());
    }
    place
}

/// A path as the system has it, which need not be UTF-8.
fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// At most so many bytes that the tables have.
pub(crate) fn size(data: &Splits) -> usize {
    let paths = (0..data.test.len()).map(|image| data.test.path(image).as_os_str().len());
    let longest = longest(&data.class_names);
    let mistakes = paths.map(|path| 2 * path + 2 * longest + OTHERS);
    size_of_confusion(&data.class_names, data.test.len()) + mistakes.sum::<usize>()
}

/// Bytes of a count with its comma, and of a row's other parts than names and paths: a probability or a count, commas and quotes.
const COUNT: usize = 4;
const OTHERS: usize = 24;

/// At most so many bytes that the confusion matrix of so many images has.
fn size_of_confusion(classes: &[String], images: usize) -> usize {
    match classes.len() {
        n if n > MOST_CLASSES => images.min(n.saturating_mul(n)) * (4 * longest(classes) + OTHERS),
        n => COUNT * n.pow(2) + 2 * classes.iter().map(String::len).sum::<usize>(),
    }
}

fn longest(names: &[String]) -> usize {
    names.iter().map(String::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(classes: usize) -> Vec<String> {
        (0..classes).map(|class| format!("\"{class}\"")).collect()
    }

    /// The size of `confusion.csv` and its first lines, of so many classes, two pairs of which occur.
    fn table(classes: usize) -> (usize, String) {
        let mut counted = Confusion::new(classes);
        for (truth, predicted, images) in [(1, 0, 3), (0, 0, 17)] {
            counted.add(truth, predicted, images);
        }
        let names = names(classes);
        let bytes = confusion(&counted, &names).unwrap();
        assert!(bytes.len() <= size_of_confusion(&names, 20) + "true_class,predicted_class,images\n".len());
        let text = String::from_utf8(bytes).unwrap();
        (text.len(), text.lines().take(4).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn a_path_stays_on_its_line() {
        for (path, expected) in [
            (&b"a/b c.png"[..], &b"a/b c.png"[..]),
            (b"two\nlines/1\r.png", b"two\\nlines/1\\r.png"),
            (b"\xff\\n", b"\xff\\n"),
        ] {
            assert_eq!(on_one_line(path), expected);
        }
    }

    #[test]
    fn the_matrix_of_thousands_of_classes_has_the_pairs_that_occur() {
        let (_, usual) = table(2);
        assert_eq!(
            usual,
            "true_class,\"\"\"0\"\"\",\"\"\"1\"\"\"\n\"\"\"0\"\"\",17,0\n\"\"\"1\"\"\",3,0"
        );
        let (most, first) = table(MOST_CLASSES);
        assert!(most > 2 * MOST_CLASSES * MOST_CLASSES && first.starts_with("true_class,\"\"\"0"));
        let (size, pairs) = table(MOST_CLASSES + 1);
        assert_eq!(
            pairs,
            "true_class,predicted_class,images\n\"\"\"0\"\"\",\"\"\"0\"\"\",17\n\"\"\"1\"\"\",\"\"\"0\"\"\",3"
        );
        assert!(size < 100, "{size}");
    }
}
