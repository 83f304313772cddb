//! Random choices read off a tape of numbers, so that shrinking the numbers shrinks the case.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

/// A source of choices. At its end every choice is the first, which generators keep simple.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    numbers: Vec<u32>,
    at: usize,
}

impl Tape {
    pub(crate) fn new(numbers: Vec<u32>) -> Self {
        Self { numbers, at: 0 }
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::try_from(number).unwrap() % bound
    }

    pub(crate) fn pick<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.below(among.len())]
    }

    pub(crate) fn word(&mut self, among: &[&'static str]) -> &'static str {
        among[self.below(among.len())]
    }

    /// True in about `percent` of a hundred; never at the end of the tape.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }
}

pub(crate) fn tapes(length: usize) -> impl Strategy<Value = Tape> {
    prop::collection::vec(any::<u32>(), length / 2..length).prop_map(Tape::new)
}

/// The same cases in every run, unless the environment asks for more (`PROPTEST_CASES`) or others
/// (`PROPTEST_RNG_SEED`).
pub(crate) fn config(cases: u32) -> Config {
    let mut config =
        Config { failure_persistence: None, max_shrink_time: 20_000, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if std::env::var_os("PROPTEST_RNG_SEED").is_none() {
        config.rng_seed = RngSeed::Fixed(0x00D0_0A4D);
    }
    config
}
