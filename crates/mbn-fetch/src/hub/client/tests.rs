use super::*;

#[test]
fn an_etag_is_the_name_of_a_file_or_nothing() {
    for (etag, expected) in [
        ("\"0a1b\"", Some("0a1b")),
        ("W/\"0a1b\"", Some("0a1b")),
        ("0a-1b", Some("0a-1b")),
        ("\"../x\"", None),
        ("\"\"", None),
        ("\"a/b\"", None),
    ] {
        assert_eq!(content_name(etag).as_deref(), expected, "{etag}");
    }
}
