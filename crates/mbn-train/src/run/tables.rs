//! What the best weights confuse, and the images of the test set, as text for other programs.

use std::path::Path;

use anyhow::Result;
use mbn_data::Splits;

use super::{Best, Mistake, Progress};

/// The confusion matrix as CSV: a row for each true class, a column for each predicted one.
pub(super) fn confusion(best: &Best, classes: &[String]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(std::iter::once("true_class").chain(classes.iter().map(String::as_str)))?;
    for (class, row) in classes.iter().zip(&best.confusion) {
        let counts = row.iter().map(u64::to_string);
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

/// The test images that can be used, a path a line.
pub(super) fn test_images(progress: &Progress, data: &Splits) -> Vec<u8> {
    let unusable = progress.unusable();
    let mut text = Vec::new();
    for image in (0..data.test.len()).filter(|image| !unusable.test.contains(image)) {
        text.extend_from_slice(bytes(data.test.path(image)));
        text.push(b'\n');
    }
    text
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
    // A count, a probability, commas and quotes around names.
    const COUNT: usize = 4;
    const OTHERS: usize = 24;
    let names = data.class_names.iter().map(String::len);
    let longest = names.clone().max().unwrap_or(0);
    let paths = (0..data.test.len()).map(|image| data.test.path(image).as_os_str().len());
    let confusion = COUNT * data.class_names.len().pow(2) + 2 * names.sum::<usize>();
    confusion + paths.map(|path| 2 * path + 2 * longest + OTHERS).sum::<usize>()
}
