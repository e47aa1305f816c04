//! Converts an image folder to a small data set in STL-10's binary layout. Takes the first images by name of each class
//! in `train` and all images in `val` (or `test`), resizes the shorter side to 96 pixels and crops the centre.
//!
//! ```sh
//! cargo run --release -p mbn-data --example stl10_like -- imagenette stl10_like/stl10_binary 500
//! ```

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::{RgbImage, imageops};
use mbn_data::{ImageSource, Splits};
use mbn_files::atomic::AtomicFile;
use mbn_spec::{Preprocess, Resize};
use rayon::prelude::*;

const USAGE: &str = "usage: stl10_like IMAGE_FOLDER OUTPUT_FOLDER [IMAGES_PER_CLASS]";
/// As many training images per class as STL-10 has.
const PER_CLASS: usize = 500;
/// Height and width of STL-10's images.
const SIDE: usize = 96;
/// Number of images to decode before writing them.
const CHUNK: usize = 256;

fn main() -> Result<()> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let (data, out, per_class) = match args.as_slice() {
        [data, out] => (data, out, PER_CLASS),
        [data, out, n] => match n.to_str().map(str::parse) {
            Some(Ok(n)) if n > 0 => (data, out, n),
            _ => bail!("`{}` is not a number of images per class\n{USAGE}", n.display()),
        },
        _ => bail!(USAGE),
    };
    let (train, test) = convert(Path::new(data), Path::new(out), per_class)?;
    println!("{}: {train} training and {test} test images", out.display());
    Ok(())
}

/// Writes the data set. Returns the numbers of training and test images.
fn convert(data: &Path, out: &Path, per_class: usize) -> Result<(usize, usize)> {
    let Splits {
        class_names,
        train,
        test,
        ..
    } = mbn_data::open(data)?;
    let classes = class_names.len();
    ensure!(
        (2..=255).contains(&classes),
        "`{}` has {classes} classes, expected 2 to 255 because a label is one byte",
        data.display()
    );
    fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let mut seen = vec![0; classes];
    let first = (0..train.len()).filter(|&index| {
        let seen = &mut seen[train.label(index) as usize];
        *seen += 1;
        *seen <= per_class
    });
    let first: Vec<usize> = first.collect();
    for (name, &count) in class_names.iter().zip(&seen) {
        if count < per_class {
            eprintln!("class `{name}` has only {count} training images");
        }
    }
    write_part(&*train, &first, out, "train")?;
    write_part(&*test, &(0..test.len()).collect::<Vec<_>>(), out, "test")?;
    write_file(&out.join("class_names.txt"), |file| {
        class_names
            .iter()
            .try_for_each(|name| Ok(writeln!(file, "{name}")?))
    })?;
    Ok((first.len(), test.len()))
}

/// Writes `PART_X.bin` and `PART_y.bin` for some images of a source.
fn write_part(source: &dyn ImageSource, indices: &[usize], out: &Path, part: &str) -> Result<()> {
    write_file(&out.join(format!("{part}_X.bin")), |file| {
        for chunk in indices.chunks(CHUNK) {
            let pictures: Vec<Vec<u8>> = chunk
                .par_iter()
                .map(|&index| Ok(planes(&shrink(&*source.load(index)?)?)))
                .collect::<Result<_>>()?;
            pictures.iter().try_for_each(|picture| file.write_all(picture))?;
        }
        Ok(())
    })?;
    write_file(&out.join(format!("{part}_y.bin")), |file| {
        let labels: Vec<u8> = indices.iter().map(|&i| source.label(i) as u8 + 1).collect();
        Ok(file.write_all(&labels)?)
    })
}

fn write_file(path: &Path, fill: impl FnOnce(&mut AtomicFile) -> Result<()>) -> Result<()> {
    let write = || -> Result<()> {
        let mut file = AtomicFile::create(path)?;
        fill(&mut file)?;
        Ok(file.commit()?)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

/// The central square, resized like the network's input: bilinear with antialiasing.
fn shrink(image: &RgbImage) -> Result<RgbImage> {
    let (width, height) = image.dimensions();
    let side = width.min(height);
    let square = imageops::crop_imm(image, (width - side) / 2, (height - side) / 2, side, side).to_image();
    let preprocess = Preprocess {
        size: SIDE,
        resize: Resize::Square,
        ..Preprocess::default()
    };
    Ok(mbn_data::resize(&square, &preprocess)?)
}

/// Red, green and blue planes, each column by column.
fn planes(image: &RgbImage) -> Vec<u8> {
    let column = |c: usize, x| (0..image.height()).map(move |y| image.get_pixel(x, y)[c]);
    (0..3)
        .flat_map(|c| (0..image.width()).flat_map(move |x| column(c, x)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes of different sizes, with images of 96 x 96 that differ in every pixel.
    fn image_folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (part, count) in [("train", 4), ("val", 2)] {
            for (label, class) in ["cat", "dog", "gnu"].into_iter().enumerate() {
                let folder = dir.path().join(part).join(class);
                fs::create_dir_all(&folder).unwrap();
                for index in 0..count + label {
                    let image = RgbImage::from_fn(96, 96, |x, y| {
                        image::Rgb([x as u8, 2 * y as u8, (10 * index + label) as u8])
                    });
                    image.save(folder.join(format!("{index}.png"))).unwrap();
                }
            }
        }
        dir
    }

    #[test]
    fn the_converted_data_set_opens_with_the_same_images() {
        let data = image_folder();
        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("new/stl10_binary");
        assert_eq!(convert(data.path(), &out, 3).unwrap(), (9, 9));
        let (from, to) = (
            mbn_data::open(data.path()).unwrap(),
            mbn_data::open(&out).unwrap(),
        );
        assert_eq!(to.class_names, ["cat", "dog", "gnu"]);
        // The first three of 4, 5 and 6 training images.
        for (index, original) in [0, 1, 2, 4, 5, 6, 9, 10, 11].into_iter().enumerate() {
            assert_eq!(to.train.label(index), from.train.label(original));
            assert_eq!(to.train.load(index).unwrap(), from.train.load(original).unwrap());
        }
        for index in 0..9 {
            assert_eq!(to.test.label(index), from.test.label(index));
            assert_eq!(to.test.load(index).unwrap(), from.test.load(index).unwrap());
        }
    }

    #[test]
    fn the_centre_is_kept() {
        // A white square in the middle of a black image that is wide or high.
        for (width, height) in [(400, 200), (200, 400), (131, 97)] {
            let side = width.min(height);
            let (left, top) = ((width - side) / 2, (height - side) / 2);
            let image = RgbImage::from_fn(width, height, |x, y| {
                let inside = (left..left + side).contains(&x) && (top..top + side).contains(&y);
                image::Rgb([if inside { 255 } else { 0 }; 3])
            });
            let small = shrink(&image).unwrap();
            assert_eq!(small.dimensions(), (96, 96));
            assert!(small.pixels().all(|pixel| pixel.0 == [255; 3]));
        }
    }

    #[test]
    fn classes_with_too_few_images_are_taken_whole() {
        let data = image_folder();
        let out = tempfile::tempdir().unwrap();
        assert_eq!(convert(data.path(), out.path(), 5).unwrap(), (4 + 5 + 5, 9));
        assert!(convert(&data.path().join("nothing"), out.path(), 5).is_err());
    }
}
