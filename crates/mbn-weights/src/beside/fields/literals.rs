//! What Python's `json` writes for floats that JSON has no numbers for.

/// JSON with null in the place of `NaN`, `Infinity` and `-Infinity`, which are not JSON; `None` if it has none of them.
pub(super) fn without_literals(bytes: &[u8]) -> Option<Vec<u8>> {
    const LITERALS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    let mut replaced = Vec::with_capacity(bytes.len());
    let (mut rest, mut found, mut in_string) = (bytes, false, false);
    while let Some((&byte, behind)) = rest.split_first() {
        let literal = LITERALS
            .iter()
            .find(|literal| !in_string && rest.starts_with(literal));
        let taken = match (literal, byte) {
            (Some(literal), _) => {
                replaced.extend_from_slice(b"null");
                found = true;
                rest = rest.get(literal.len()..).unwrap_or_default();
                continue;
            }
            // What is escaped ends no string.
            (None, b'\\') if in_string => behind.len().min(1) + 1,
            (None, b'"') => {
                in_string = !in_string;
                1
            }
            (None, _) => 1,
        };
        let (copied, after) = rest.split_at(taken);
        replaced.extend_from_slice(copied);
        rest = after;
    }
    found.then_some(replaced)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_slice, json};

    use super::*;

    fn replaced(text: &str) -> Option<String> {
        without_literals(text.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_three_literals_are_null_and_nothing_else_changes() {
        let text = r#"{"a": NaN, "b": [Infinity, -Infinity,-1.5e3], "NaN": "a \"NaN\" of -Infinity \\", "c": {"d":NaN}}"#;
        let value: Value = from_slice(replaced(text).unwrap().as_bytes()).unwrap();
        let expected = json!({
            "a": null, "b": [null, null, -1500.0], "NaN": "a \"NaN\" of -Infinity \\", "c": {"d": null}
        });
        assert_eq!(value, expected);
        for other in [
            r#"{"a": "NaN", "Infinity": 1}"#,
            r#"["\"", "\\", "é NaN"]"#,
            "",
            "\"\\",
        ] {
            assert_eq!(replaced(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_wrong_besides_stays_wrong() {
        for text in ["[1NaN]", "[-NaN]", "[NaNs]", "[+Infinity]", "[nan]", "[NaN,]"] {
            let bytes = without_literals(text.as_bytes()).unwrap_or(text.into());
            assert!(from_slice::<Value>(&bytes).is_err(), "{text}");
        }
    }
}
