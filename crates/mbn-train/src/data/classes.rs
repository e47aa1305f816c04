//! The classes of a data set, listed before the first step.

use mbn_data::{ImageSource, Splits};
use mbn_spec::text::listed;

use crate::run::ImageSet;
use crate::settings::ClassWeights;

/// Classes that are listed before the others are counted.
const LISTED: usize = 20;
/// Classes that a warning lists before it counts the others.
const NAMED: usize = 12;
/// A class is rare if it has less than this part of the largest class's images: one in so many.
const RARE: usize = 10;

/// Numbers of images of a class.
struct Count<'a> {
    name: &'a str,
    train: usize,
    test: usize,
}

/// Lists the classes with their numbers of images, and warns about rare ones and those without test images.
pub(crate) fn list_classes(data: &Splits, left_out: &ImageSet, weights: ClassWeights) {
    let counts = counts(data, left_out);
    log::info!("{}", table(&counts));
    if let Some(warning) = rare(&counts, weights) {
        log::warn!("{warning}");
    }
    if let Some(warning) = untested(&counts) {
        log::warn!("{warning}");
    }
}

/// The largest class's part of the training images.
pub(crate) fn largest_share(data: &Splits, left_out: &ImageSet) -> f64 {
    let counts = counts(data, left_out);
    let images = counts.iter().map(|count| count.train);
    let largest = images.clone().max().unwrap_or(0);
    largest as f64 / images.sum::<usize>().max(1) as f64
}

fn counts<'a>(data: &'a Splits, left_out: &ImageSet) -> Vec<Count<'a>> {
    let count = |name| Count {
        name,
        train: 0,
        test: 0,
    };
    let mut counts: Vec<_> = data.class_names.iter().map(|name| count(name.as_str())).collect();
    let labels = |part: &dyn ImageSource, without: &std::collections::BTreeSet<usize>| {
        let kept = (0..part.len()).filter(|image| !without.contains(image));
        kept.map(|image| part.label(image) as usize).collect::<Vec<_>>()
    };
    for label in labels(&*data.train, &left_out.train) {
        counts[label].train += 1;
    }
    for label in labels(&*data.test, &left_out.test) {
        counts[label].test += 1;
    }
    counts
}

/// A line for each of the first classes.
fn table(counts: &[Count<'_>]) -> String {
    let shown = &counts[..counts.len().min(LISTED)];
    // A name must not look like a line of its own.
    let printable = |name: &str| name.replace(char::is_control, "\u{fffd}");
    let names = shown.iter().map(|count| printable(count.name).chars().count());
    let name = names.max().unwrap_or(0);
    let digits = |number: fn(&Count<'_>) -> usize| {
        let widths = shown.iter().map(|count| number(count).to_string().len());
        widths.max().unwrap_or(0)
    };
    let (train, test) = (digits(|count| count.train), digits(|count| count.test));
    let mut text = format!("{} classes, with their training and test images:", counts.len());
    for count in shown {
        let label = printable(count.name);
        text += &format!("\n  {label:name$}  {:train$}  {:test$}", count.train, count.test);
    }
    if counts.len() > LISTED {
        text += &format!("\n  and {} more", counts.len() - LISTED);
    }
    text
}

fn rare(counts: &[Count<'_>], weights: ClassWeights) -> Option<String> {
    // The first of several largest classes.
    let largest = counts.iter().rev().max_by_key(|count| count.train)?;
    let is_rare = |count: &&Count<'_>| count.train * RARE < largest.train;
    let rare: Vec<_> = counts.iter().filter(is_rare).collect();
    let of_largest = format!("under a tenth of the {} of `{}`", largest.train, largest.name);
    let hint = match weights {
        ClassWeights::Balanced => "",
        ClassWeights::None => {
            "\nhint: `--class-weights balanced` makes every class count the same in the loss"
        }
    };
    match rare.as_slice() {
        [] => None,
        [one] => {
            let images = if one.train == 1 { "image" } else { "images" };
            Some(format!(
                "class `{}` has {} training {images}, {of_largest}{hint}",
                one.name, one.train
            ))
        }
        several => {
            let names = several
                .iter()
                .map(|count| format!("`{}` {}", count.name, count.train));
            Some(format!(
                "{} classes have few training images, {of_largest}: {}{hint}",
                several.len(),
                listed(names, NAMED)
            ))
        }
    }
}

fn untested(counts: &[Count<'_>]) -> Option<String> {
    let names = counts
        .iter()
        .filter(|count| count.test == 0)
        .map(|count| format!("`{}`", count.name));
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!(
            "class {one} has no test images, so its accuracy cannot be measured"
        )),
        several => Some(format!(
            "{} classes have no test images, so their accuracy cannot be measured: {}",
            several.len(),
            listed(several, NAMED)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(name: &str, train: usize, test: usize) -> Count<'_> {
        Count { name, train, test }
    }

    #[test]
    fn classes_are_listed_up_to_twenty() {
        let few = [count("apple", 8, 4), count("kiwi fruit", 120, 0)];
        let expected = "2 classes, with their training and test images:\n  \
                        apple         8  4\n  \
                        kiwi fruit  120  0";
        assert_eq!(table(&few), expected);
        let names: Vec<String> = (0..21).map(|i| format!("c{i}")).collect();
        let all: Vec<_> = names.iter().map(|name| count(name, 1, 1)).collect();
        assert!(
            table(&all[..20]).ends_with("\n  c19  1  1"),
            "{}",
            table(&all[..20])
        );
        assert!(
            table(&all).ends_with("\n  c19  1  1\n  and 1 more"),
            "{}",
            table(&all)
        );
        assert!(!table(&[count("a\nb", 1, 1)]).contains("\nb"));
    }

    #[test]
    fn a_class_below_a_tenth_is_rare() {
        let warning = |counts: &[Count<'_>]| rare(counts, ClassWeights::Balanced);
        assert_eq!(warning(&[count("a", 100, 1), count("b", 10, 1)]), None);
        assert_eq!(
            warning(&[count("a", 101, 1), count("b", 10, 1), count("c", 101, 1)]).unwrap(),
            "class `b` has 10 training images, under a tenth of the 101 of `a`"
        );
        assert_eq!(
            warning(&[count("a", 1, 1), count("b", 10, 1), count("c", 101, 1)]).unwrap(),
            "2 classes have few training images, under a tenth of the 101 of `c`: `a` 1, `b` 10"
        );
        let hinted = rare(&[count("a", 1, 1), count("c", 11, 1)], ClassWeights::None).unwrap();
        assert!(
            hinted.contains("1 training image,") && hinted.contains("\nhint: `--class-weights"),
            "{hinted}"
        );
    }

    #[test]
    fn classes_without_test_images_are_named() {
        assert_eq!(untested(&[count("a", 1, 1)]), None);
        let one = untested(&[count("a", 1, 1), count("b", 1, 0)]).unwrap();
        assert!(one.starts_with("class `b` has no test images"), "{one}");
        let two = untested(&[count("a", 1, 0), count("b", 1, 0)]).unwrap();
        assert!(two.ends_with("cannot be measured: `a`, `b`"), "{two}");
    }
}
