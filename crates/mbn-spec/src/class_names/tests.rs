use super::*;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

/// `café` with one character for the last letter, and with two.
const COMPOSED: &str = "caf\u{e9}";
const DECOMPOSED: &str = "cafe\u{301}";

#[test]
fn the_name_that_was_meant_is_found() {
    let known = names(&[
        "golden_retriever",
        "church",
        "cat",
        "class_1",
        "class_2",
        COMPOSED,
    ]);
    for (name, meant) in [
        ("Golden Retriever", Some("golden_retriever")),
        ("golden-retriever", Some("golden_retriever")),
        ("golden_retreiver", Some("golden_retriever")),
        ("chruch", Some("church")),
        (DECOMPOSED, Some(COMPOSED)),
        // These are other classes.
        ("car", None),
        ("class_3", None),
        ("unicorn", None),
        ("church", None),
        ("", None),
    ] {
        assert_eq!(nearest(name, &known), meant, "{name}");
    }
    assert_eq!(
        unknown("Golden Retriever", &known),
        "`Golden Retriever` (did you mean `golden_retriever`?)"
    );
    assert_eq!(unknown("unicorn", &known), "`unicorn`");
    // They look the same, so the message shows how they differ.
    assert_eq!(
        unknown(DECOMPOSED, &known),
        r"`cafe\u{301}` (did you mean `caf\u{e9}`?)"
    );
}

/// Names that are prepared once give what a comparison of each pair gives, the first of several that are as close.
#[test]
fn prepared_names_are_compared_as_each_pair_is() {
    let syllables = ["", "ka", "Ka", "mu", "m\u{fc}", "_1", "-2", "tor"];
    let words: Vec<String> = (0..syllables.len().pow(3))
        .map(|i| [i / 64, i / 8 % 8, i % 8].map(|i| syllables[i]).concat())
        .collect();
    let (known, other): (Vec<_>, Vec<_>) = words.into_iter().enumerate().partition(|(i, _)| i % 3 == 0);
    let known: Vec<String> = known.into_iter().map(|(_, word)| word).collect();
    let prepared = KnownNames::new(&known);
    let mut found = 0;
    for (_, name) in &other {
        let close = known
            .iter()
            .filter_map(|known| Some((letters_apart(&normal(name), &normal(known))?, known.as_str())));
        let expected = close
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known);
        let expected = expected.filter(|_| !known.contains(name));
        assert_eq!(prepared.nearest(name), expected, "{name}");
        found += usize::from(expected.is_some());
    }
    assert!(found > 50 && found < other.len(), "{found} of {}", other.len());
}

#[test]
fn another_order_is_noticed_whatever_the_spelling() {
    let own = names(&["French_horn", "cassette_player", "church", "tench"]);
    for given in [
        ["cassette_player", "church", "French_horn", "tench"],
        ["Cassette player", "church", "french horn", "tench"],
        // One name is misspelt; the others still tell.
        ["casette_player", "French_horn", "church", "tench"],
    ] {
        let comparison = Comparison::new(&names(&given), &own);
        assert!(comparison.is_reordered(), "{given:?}");
    }
    let sorted = names(&["cassette_player", "church", "French_horn", "tench"]);
    assert_eq!(
        Comparison::new(&sorted, &own).reordered().to_string(),
        "line 1 is `cassette_player` where the weights have `French_horn`, line 2 is `church` where the weights have \
         `cassette_player`, line 3 is `French_horn` where the weights have `church`"
    );
}

#[test]
fn other_names_are_no_other_order() {
    let own = names(&["cat", "dog", "animal", "tench"]);
    for given in [
        ["cat", "dog", "animal", "tench"],
        ["Katze", "Hund", "Tier", "Schleie"],
        // Two classes are taken together under the name of a third.
        ["animal", "animal", "animal", "tench"],
        ["Cat", "dogs", "animal", "trench"],
    ] {
        assert!(!Comparison::new(&names(&given), &own).is_reordered(), "{given:?}");
    }
    // Two classes of the same name, as ImageNet has.
    let twice = names(&["crane", "b", "crane"]);
    assert_eq!(Comparison::new(&twice, &twice), Comparison::default());
}

#[test]
fn other_spellings_are_shown() {
    let own = names(&["golden_retriever", COMPOSED, "church", "tench", "x", "parachute"]);
    let given = names(&[
        "Golden Retriever",
        DECOMPOSED,
        "churhc",
        "tench",
        "y",
        "para chute",
    ]);
    assert_eq!(
        Comparison::new(&given, &own).respelled().unwrap(),
        r"4 names are spelled differently: `Golden Retriever` for `golden_retriever`, `cafe\u{301}` for `caf\u{e9}`, `churhc` for `church`, and 1 more line"
    );
    assert_eq!(Comparison::new(&own, &own).respelled(), None);
}
