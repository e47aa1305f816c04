use super::*;

#[test]
fn an_empty_filter_is_as_if_it_were_missing() {
    let found = |value: &str| {
        let fields = [("interpolation".to_owned(), value.into())].into_iter().collect();
        let object = Object {
            place: Place::File("config.json"),
            path: String::new(),
            fields,
        };
        object
            .interpolation("interpolation")
            .map_err(|error| error.to_string())
    };
    assert_eq!(found(""), Ok(None));
    assert_eq!(found("lanczos"), Ok(Some(Interpolation::Lanczos)));
    assert!(found("random").is_err() && found(" ").is_err());
}
