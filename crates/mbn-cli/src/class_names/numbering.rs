//! Classes that come with their numbers.

/// What classes are numbered as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered<T> {
    /// In the order of their numbers.
    pub items: Vec<T>,
    /// The number of the first class: 0 or 1.
    pub first: u64,
}

/// Numbers that do not say which class is which.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the numbers are neither 0 to {} nor 1 to {count}: {problem}", count - 1)]
pub(super) struct NumberError {
    count: usize,
    problem: String,
}

/// Orders classes by their numbers, which are all of those from 0 or from 1 on.
pub(super) fn ordered<T>(mut numbered: Vec<(u64, T)>) -> Result<Numbered<T>, NumberError> {
    numbered.sort_by_key(|(number, _)| *number);
    let first = numbered.first().map_or(0, |(number, _)| *number);
    let mut pairs = numbered.windows(2).map(|pair| (pair[0].0, pair[1].0));
    let problem = match pairs.find(|(one, next)| next - one != 1) {
        _ if first > 1 => Some(format!("the lowest is {first}")),
        Some((one, next)) if one == next => Some(format!("{one} comes twice")),
        Some((one, _)) => Some(format!("{} is missing", one + 1)),
        None => None,
    };
    match problem {
        Some(problem) => Err(NumberError {
            count: numbered.len(),
            problem,
        }),
        None => Ok(Numbered {
            items: numbered.into_iter().map(|(_, item)| item).collect(),
            first,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ordered_by_their_numbers() {
        for (numbers, items, first) in [
            (&[0, 1, 2][..], &[0, 1, 2][..], 0),
            (&[2, 0, 1], &[0, 1, 2], 0),
            (&[3, 2, 1], &[1, 2, 3], 1),
            (&[1], &[1], 1),
        ] {
            let numbered = numbers.iter().map(|number| (*number, *number)).collect();
            let expected = Numbered {
                items: items.to_vec(),
                first,
            };
            assert_eq!(ordered(numbered), Ok(expected), "{numbers:?}");
        }
    }

    #[test]
    fn other_numbers_are_refused_with_the_first_that_is_wrong() {
        for (numbers, problem) in [
            (
                &[0, 1, 3][..],
                "the numbers are neither 0 to 2 nor 1 to 3: 2 is missing",
            ),
            (&[20, 30], "neither 0 to 1 nor 1 to 2: the lowest is 20"),
            (&[1, 0, 1], "1 comes twice"),
            (&[0, u64::MAX], "1 is missing"),
        ] {
            let numbered = numbers.iter().map(|number| (*number, ())).collect();
            let message = ordered(numbered).unwrap_err().to_string();
            assert!(message.ends_with(problem), "{message}");
        }
    }
}
