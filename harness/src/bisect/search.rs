//! Binary search over kernels that are good up to one of them, and bad from there on.

use std::ops::RangeInclusive;

use super::Answer;

/// Where the search ended; kernels by their place in the list, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The first bad kernel.
    First(usize),
    /// It is one of these: the others than the last cannot be told.
    Among(RangeInclusive<usize>),
}

/// The list does not begin with a good kernel and end with a bad one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongEnd {
    /// The kernel's place in the list.
    pub index: usize,
    /// What it is instead.
    pub answer: Answer,
}

/// Finds the first bad of `count` kernels. Both ends are asked first.
///
/// # Errors
/// What keeps a kernel from being asked; within it, a first kernel that is not good or a last one that is not bad.
///
/// # Panics
/// If there are less than two.
pub fn search<E>(
    count: usize,
    mut ask: impl FnMut(usize) -> Result<Answer, E>,
) -> Result<Result<Found, WrongEnd>, E> {
    assert!(count >= 2, "a search needs a good and a bad kernel");
    let (mut good, mut bad) = (0, count - 1);
    match ask(good)? {
        Answer::Good => {}
        answer => return Ok(Err(WrongEnd { index: good, answer })),
    }
    match ask(bad)? {
        Answer::Bad(_) => {}
        answer => return Ok(Err(WrongEnd { index: bad, answer })),
    }
    let mut untold = vec![false; count];
    while let Some(next) = nearest_to_middle(good, bad, &untold) {
        match ask(next)? {
            Answer::Good => good = next,
            Answer::Bad(_) => bad = next,
            Answer::CannotTell(_) => untold[next] = true,
        }
    }
    Ok(Ok(if good + 1 == bad { Found::First(bad) } else { Found::Among(good + 1..=bad) }))
}

/// The kernel to ask next: strictly between, and not asked in vain before.
fn nearest_to_middle(good: usize, bad: usize, untold: &[bool]) -> Option<usize> {
    let middle = good.midpoint(bad);
    (good + 1..bad).filter(|index| !untold[*index]).min_by_key(|index| index.abs_diff(middle))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// Searches a list written as `g`, `b` and `?`; what came of it, and the places that were asked.
    fn find(list: &str) -> (Result<Found, WrongEnd>, Vec<usize>) {
        let mut asked = Vec::new();
        let Ok(found) = search(list.len(), |index| {
            asked.push(index);
            Ok::<_, Infallible>(match list.as_bytes()[index] {
                b'g' => Answer::Good,
                b'b' => Answer::Bad(vec!["uts/hostname".into()]),
                _ => Answer::CannotTell("it does not boot".into()),
            })
        });
        (found, asked)
    }

    #[test]
    fn the_first_bad_one_is_found_wherever_it_is() {
        for count in 2..40 {
            for first in 1..count {
                let list = "g".repeat(first) + &"b".repeat(count - first);
                let (found, asked) = find(&list);
                assert_eq!(found, Ok(Found::First(first)), "{list}");
                // Both ends, and then one for each halving.
                let most = 2 + count.next_power_of_two().ilog2() as usize;
                assert!(asked.len() <= most, "{list}: {asked:?}");
                assert!((1..asked.len()).all(|i| !asked[..i].contains(&asked[i])), "{list}: {asked:?}");
            }
        }
    }

    #[rstest::rstest]
    #[case("g?gbb", Found::First(3))]
    #[case("gg?bb", Found::Among(2..=3))]
    #[case("g???b", Found::Among(1..=4))]
    #[case("g?b?b", Found::Among(1..=2))]
    #[case("ggg??bb?b", Found::Among(3..=5))]
    #[case("gb", Found::First(1))]
    #[case("g?b", Found::Among(1..=2))]
    fn what_cannot_be_told_is_not_guessed(#[case] list: &str, #[case] expected: Found) {
        assert_eq!(find(list).0, Ok(expected));
    }

    #[rstest::rstest]
    #[case("bb", 0, Answer::Bad(vec!["uts/hostname".into()]))]
    #[case("ggg", 2, Answer::Good)]
    #[case("?b", 0, Answer::CannotTell("it does not boot".into()))]
    #[case("g?", 1, Answer::CannotTell("it does not boot".into()))]
    fn wrong_ends(#[case] list: &str, #[case] index: usize, #[case] answer: Answer) {
        assert_eq!(find(list).0, Err(WrongEnd { index, answer }));
    }
}
