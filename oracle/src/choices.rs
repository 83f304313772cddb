//! Where random choices come from.

/// A source of choices. At its end every choice is the first, which generators keep simple.
///
/// # Example
///
/// ```
/// use doorward_oracle::Choices;
///
/// let mut choices = Choices::from_bytes(&[7]);
/// assert_eq!((choices.below(5), choices.below(5)), (2, 0));
/// assert_eq!(Choices::from_seed(1).below(1_000), Choices::from_seed(1).below(1_000));
/// ```
#[derive(Debug, Clone)]
pub struct Choices(Source);

#[derive(Debug, Clone)]
enum Source {
    Seed(u64),
    Bytes { bytes: Vec<u8>, at: usize },
    Numbers { numbers: Vec<u32>, at: usize },
}

impl Choices {
    /// Choices without an end, the same for the same seed.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    /// A byte for each choice among at most 256, else two.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Source::Bytes { bytes: bytes.to_vec(), at: 0 })
    }

    /// A number for each choice.
    #[must_use]
    pub const fn from_numbers(numbers: Vec<u32>) -> Self {
        Self(Source::Numbers { numbers, at: 0 })
    }

    /// A number below `bound`, and 0 where the bound is.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound < 2 {
            return 0;
        }
        let number = match &mut self.0 {
            Source::Seed(state) => next(state),
            Source::Bytes { bytes, at } => {
                let mut byte = || {
                    let byte = bytes.get(*at).copied().unwrap_or(0);
                    *at += 1;
                    u64::from(byte)
                };
                if bound <= 256 { byte() } else { byte() | byte() << 8 }
            }
            Source::Numbers { numbers, at } => {
                let number = numbers.get(*at).copied().unwrap_or(0);
                *at += 1;
                u64::from(number)
            }
        };
        usize::try_from(number % u64::try_from(bound).unwrap_or(1)).unwrap_or(0)
    }

    /// One of some.
    ///
    /// # Panics
    ///
    /// When there are none.
    pub fn pick<'t, T>(&mut self, among: &'t [T]) -> &'t T {
        &among[self.below(among.len())]
    }

    /// One of some words.
    pub fn word(&mut self, among: &[&'static str]) -> &'static str {
        among[self.below(among.len())]
    }

    /// True in about `percent` of a hundred; never at the end.
    pub fn chance(&mut self, percent: usize) -> bool {
        percent > 0 && self.below(100) >= 100 - percent.min(100)
    }
}

/// SplitMix64.
pub(crate) const fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
