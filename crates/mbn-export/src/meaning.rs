//! In what two descriptions of a network's input and of its classes differ, in words.

use mbn_spec::{Preprocess, Resize};

/// A field of which two descriptions have different values, as texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Differing {
    pub name: &'static str,
    pub one: String,
    pub other: String,
}

/// The fields in which two descriptions of the preprocessing differ; one that is left out has its default.
pub(crate) fn of_preprocessing(one: &Preprocess, other: &Preprocess) -> Vec<Differing> {
    let crop = one.resize == Resize::Crop && other.resize == Resize::Crop;
    let fields = texts(one, crop).into_iter().zip(texts(other, crop));
    let pairs = fields.filter(|((_, one), (_, other))| one != other);
    pairs
        .map(|((name, one), (_, other))| Differing { name, one, other })
        .collect()
}

/// The fields as texts; those of a crop only where both crop.
fn texts(preprocess: &Preprocess, crop: bool) -> Vec<(&'static str, String)> {
    let Preprocess {
        size,
        resize,
        shorter: _,
        centre,
        interpolation,
        mean,
        std,
    } = preprocess;
    let mut fields = vec![
        ("size", size.to_string()),
        ("resize", text(serde_json::to_string(resize))),
    ];
    if crop {
        fields.extend([
            ("shorter", preprocess.shorter_side().to_string()),
            ("centre", text(serde_json::to_string(centre))),
        ]);
    }
    fields.extend([
        ("interpolation", text(serde_json::to_string(interpolation))),
        ("mean", text(serde_json::to_string(mean))),
        ("std", text(serde_json::to_string(std))),
    ]);
    fields
}

/// JSON without quotes and brackets.
pub(crate) fn text(json: serde_json::Result<String>) -> String {
    let json = json.unwrap_or_default();
    json.replace(['[', ']', '{', '}', '"'], "").replace(',', ", ")
}

#[cfg(test)]
mod tests {
    use mbn_spec::{Centre, Interpolation};

    use super::*;

    #[test]
    fn fields_that_differ_are_named_with_both_values() {
        let usual = Preprocess::default();
        assert_eq!(of_preprocessing(&usual, &usual), []);
        let other = Preprocess {
            mean: [0.1, 0.5, 0.485],
            interpolation: Interpolation::Bicubic,
            // Without meaning where nothing is cropped.
            centre: Centre::Down,
            shorter: Some(300),
            ..usual
        };
        let found = of_preprocessing(&other, &usual);
        let found: Vec<_> = found
            .iter()
            .map(|field| (field.name, field.one.as_str(), field.other.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("interpolation", "bicubic", "bilinear"),
                ("mean", "0.1, 0.5, 0.485", "0.485, 0.456, 0.406")
            ]
        );
        let crop = |shorter, centre| Preprocess {
            resize: Resize::Crop,
            shorter,
            centre,
            ..usual
        };
        let found = of_preprocessing(&crop(Some(300), Centre::Down), &crop(None, Centre::Even));
        let names: Vec<_> = found.iter().map(|field| field.name).collect();
        assert_eq!(names, ["shorter", "centre"]);
        assert_eq!((found[0].one.as_str(), found[0].other.as_str()), ("300", "256"));
        // The usual length may be written or left out.
        assert_eq!(
            of_preprocessing(&crop(Some(256), Centre::Even), &crop(None, Centre::Even)),
            []
        );
    }
}
