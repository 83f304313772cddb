//! Ordered pairs in leaves that revisions share: which rows hold a value.

use std::sync::Arc;

/// How many pairs a leaf holds at most, and how many leaves a span: what one change copies.
const LEAF: usize = 256;
const SPAN: usize = 64;

/// Pairs of a value and the slot of a row that holds it, in ascending order, each once: a tree of
/// three levels. A clone costs one counter; a change of a clone copies one leaf, its span and the
/// list of spans.
#[derive(Debug, Clone, Default)]
pub(crate) struct Postings {
    spans: Arc<Vec<Branch<Span>>>,
}

type Leaf = Vec<u64>;
type Span = Vec<Branch<Leaf>>;

/// What is below, and the first pair there.
#[derive(Debug, Clone)]
struct Branch<B> {
    first: u64,
    below: Arc<B>,
}

impl<B> Branch<B> {
    fn new(first: u64, below: B) -> Self {
        Self { first, below: Arc::new(below) }
    }
}

const fn pair(value: u32, slot: u32) -> u64 {
    (value as u64) << 32 | slot as u64
}

/// The last branch that begins at or before a pair, or the first.
fn branch_at<B>(branches: &[Branch<B>], pair: u64) -> usize {
    branches.partition_point(|branch| branch.first <= pair).saturating_sub(1)
}

impl Postings {
    /// Of these pairs, in whatever order.
    pub(super) fn of(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let leaves: Span = pairs
            .chunks(LEAF)
            .map(|leaf| leaf.iter().map(|(value, slot)| pair(*value, *slot)).collect::<Leaf>())
            .map(|leaf| Branch::new(leaf.first().copied().unwrap_or_default(), leaf))
            .collect();
        let span = |leaves: &[Branch<Leaf>]| {
            Branch::new(leaves.first().map_or(0, |leaf| leaf.first), leaves.to_vec())
        };
        Self { spans: Arc::new(leaves.chunks(SPAN).map(span).collect()) }
    }

    /// The slots of the rows that hold a value, in ascending order.
    pub(crate) fn of_value(&self, value: u32) -> impl Iterator<Item = u32> {
        self.runs(value).flatten().map(|pair| *pair as u32)
    }

    /// Adds the slots of the rows that hold a value.
    pub(crate) fn add_to(&self, value: u32, slots: &mut Vec<u32>) {
        self.runs(value).for_each(|run| slots.extend(run.iter().map(|pair| *pair as u32)));
    }

    /// How many rows hold a value; `limit` where they are as many or more.
    pub(crate) fn count(&self, value: u32, limit: usize) -> usize {
        let mut count = 0;
        for run in self.runs(value) {
            count += run.len();
            if count >= limit {
                return limit;
            }
        }
        count
    }

    /// The pairs of a value, leaf by leaf.
    fn runs(&self, value: u32) -> impl Iterator<Item = &[u64]> {
        let (start, end) = (pair(value, 0), pair(value, u32::MAX));
        let (first, rest) = match self.spans.get(branch_at(&self.spans, start)..) {
            Some([span, rest @ ..]) => {
                let from = branch_at(&span.below, start);
                (span.below.get(from..).unwrap_or_default(), rest)
            }
            _ => Default::default(),
        };
        first
            .iter()
            .chain(rest.iter().flat_map(|span| span.below.iter()))
            .take_while(move |leaf| leaf.first <= end)
            .map(move |leaf| {
                let from = leaf.below.partition_point(|pair| *pair < start);
                let rest = leaf.below.get(from..).unwrap_or_default();
                // Most leaves of what many rows hold hold nothing else.
                if rest.last().is_some_and(|last| *last <= end) {
                    return rest;
                }
                let count = rest.partition_point(|pair| *pair <= end);
                rest.get(..count).unwrap_or_default()
            })
    }

    /// The values that rows hold, in ascending order, each with the first row that holds it.
    pub(crate) fn values(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let pair = self.first_from(next?)?;
            let value = (pair >> 32) as u32;
            next = value.checked_add(1).map(|value| self::pair(value, 0));
            Some((value, pair as u32))
        })
    }

    /// The first pair that is not less than this one.
    fn first_from(&self, start: u64) -> Option<u64> {
        let at = branch_at(&self.spans, start);
        let rest = self.spans.get(at..)?;
        let leaves = rest
            .first()
            .map(|span| span.below.get(branch_at(&span.below, start)..).unwrap_or_default())?;
        // The one that it would stand in, or else the next, which begins after it.
        let next = rest.get(1..).unwrap_or_default().iter().flat_map(|span| span.below.iter());
        leaves.iter().chain(next).take(3).find_map(|leaf| {
            let from = leaf.below.partition_point(|pair| *pair < start);
            leaf.below.get(from).copied()
        })
    }

    /// Adds a pair. Whether rows that hold this value fill a leaf by now, and may be many.
    pub(super) fn insert(&mut self, value: u32, slot: u32) -> bool {
        let pair = pair(value, slot);
        let spans = Arc::make_mut(&mut self.spans);
        if spans.is_empty() {
            spans.push(Branch::new(pair, vec![Branch::new(pair, vec![pair])]));
            return false;
        }
        let at = branch_at(spans, pair);
        let Some(span) = spans.get_mut(at) else { return false };
        let leaves = Arc::make_mut(&mut span.below);
        let leaf_at = branch_at(leaves, pair);
        let Some(leaf) = leaves.get_mut(leaf_at) else { return false };
        let Err(place) = leaf.below.binary_search(&pair) else { return false };
        let pairs = Arc::make_mut(&mut leaf.below);
        pairs.insert(place, pair);
        leaf.first = leaf.first.min(pair);
        let is_full = pairs.len() > LEAF && pairs.first().is_some_and(|it| it >> 32 == pair >> 32);
        if let Some(split) = split(pairs, LEAF) {
            leaves.insert(leaf_at + 1, Branch::new(split.first().copied().unwrap_or(pair), split));
        }
        span.first = span.first.min(pair);
        if let Some(split) = split(leaves, SPAN) {
            let first = split.first().map_or(pair, |leaf| leaf.first);
            spans.insert(at + 1, Branch::new(first, split));
        }
        is_full
    }

    pub(super) fn remove(&mut self, value: u32, slot: u32) {
        let pair = pair(value, slot);
        let at = branch_at(&self.spans, pair);
        let Some(leaves) = self.spans.get(at).map(|span| &span.below) else { return };
        let leaf_at = branch_at(leaves, pair);
        let place = leaves.get(leaf_at).and_then(|leaf| leaf.below.binary_search(&pair).ok());
        let Some(place) = place else { return };
        let spans = Arc::make_mut(&mut self.spans);
        let Some(span) = spans.get_mut(at) else { return };
        let leaves = Arc::make_mut(&mut span.below);
        if let Some(leaf) = leaves.get_mut(leaf_at) {
            let pairs = Arc::make_mut(&mut leaf.below);
            pairs.remove(place);
            // Where a branch begins may stay: nothing lies between.
            if pairs.is_empty() {
                leaves.remove(leaf_at);
            }
        }
        if leaves.is_empty() {
            spans.remove(at);
        }
    }
}

/// The upper half of what has become too long.
fn split<T>(all: &mut Vec<T>, most: usize) -> Option<Vec<T>> {
    (all.len() > most).then(|| all.split_off(all.len() / 2))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn slots(postings: &Postings, value: u32) -> Vec<u32> {
        postings.of_value(value).collect()
    }

    #[test]
    fn pairs_are_found_whatever_the_way_they_came() {
        let pairs: Vec<(u32, u32)> = (0..40_000).map(|at| (at * 7 % 13, at)).collect();
        let all = Postings::of(pairs.iter().rev().copied().collect());
        let mut one_by_one = Postings::default();
        for (value, slot) in &pairs {
            one_by_one.insert(*value, *slot);
        }
        for value in [0, 6, 12, 13, u32::MAX] {
            let wanted: Vec<u32> =
                pairs.iter().filter(|(of, _)| *of == value).map(|(_, slot)| *slot).collect();
            assert_eq!(slots(&all, value), wanted);
            assert_eq!(slots(&one_by_one, value), wanted);
        }
    }

    proptest! {
        #[test]
        fn a_change_of_a_clone_is_its_own(
            first in prop::collection::vec((0_u32..9, 0_u32..400), 0..900),
            changes in prop::collection::vec((any::<bool>(), 0_u32..9, 0_u32..400), 0..900),
        ) {
            let before = Postings::of(first.clone());
            let mut known: BTreeSet<(u32, u32)> = first.into_iter().collect();
            let kept = known.clone();
            let mut after = before.clone();
            for (add, value, slot) in changes {
                if add {
                    after.insert(value, slot);
                    known.insert((value, slot));
                } else {
                    after.remove(value, slot);
                    known.remove(&(value, slot));
                }
            }
            for (postings, wanted) in [(before, kept), (after, known)] {
                let mut values: Vec<u32> = wanted.iter().map(|(value, _)| *value).collect();
                values.dedup();
                let found: Vec<(u32, u32)> = postings.values().collect();
                prop_assert_eq!(found.iter().map(|(value, _)| *value).collect::<Vec<_>>(), values);
                prop_assert!(found.iter().all(|pair| wanted.contains(pair)));
                for value in 0..9 {
                    let of_value = wanted.iter().filter(|(of, _)| *of == value);
                    let wanted: Vec<u32> = of_value.map(|(_, slot)| *slot).collect();
                    prop_assert_eq!(slots(&postings, value), wanted);
                }
            }
        }
    }
}
