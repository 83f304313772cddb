//! Where answers lead: to a state, to a verdict, or to one of two by a comparison on the way.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::classes::CLASS_BITS;
use super::relation::{Place, Relation};
use crate::facts::Row;

/// What came of a request, with the policy that says so: a number for each, from 0 on, in the order
/// of the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict(u32);

impl Verdict {
    pub(crate) const NO_PERMIT: Self = Self(0);

    pub(crate) const fn allow(rule: u32) -> Self {
        Self(1 + rule * 3)
    }

    /// Denied by a forbid, or for a reason.
    pub(crate) const fn deny(rule: u32) -> Self {
        Self(2 + rule * 3)
    }

    pub(crate) const fn step_up(rule: u32) -> Self {
        Self(3 + rule * 3)
    }

    #[inline]
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    #[inline]
    pub(super) const fn of_number(number: u32) -> Self {
        Self(number)
    }

    #[inline]
    pub(crate) const fn allows(self) -> bool {
        self.0 % 3 == 1
    }
}

/// Where an answer leads, as a word: to a state, by its number, or to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Next(u32);

impl Next {
    /// Nobody went there yet.
    pub(super) const NOWHERE: Self = Self(0);
    /// Something fails, or no machine asks what is left: only all policies together tell what comes
    /// of it.
    pub(super) const GIVE_UP: Self = Self(u32::MAX);
    /// The bit that says that a word is no state's number.
    const END: u32 = 1 << 31;

    pub(super) const fn of_state(number: u32) -> Self {
        Self(number)
    }

    pub(super) const fn of_verdict(verdict: Verdict) -> Self {
        Self(Self::END | verdict.number())
    }

    #[inline]
    pub(super) fn state(self) -> Option<u32> {
        (self.0.wrapping_sub(1) < Self::END - 1).then_some(self.0)
    }

    #[inline]
    pub(super) fn verdict(self) -> Option<Verdict> {
        let is_one = self.0 >= Self::END && self != Self::GIVE_UP;
        is_one.then_some(Verdict::of_number(self.0 & !Self::END))
    }
}

/// One comparison: whether a word of the principal's row is one of the resource's. Most questions
/// ask it (whose client is it?), and many end there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gate(u32);

impl Gate {
    /// Everybody goes on.
    pub(super) const NONE: Self = Self(0);

    /// A relation as a gate; what comes of it that the words differ. `None` where it asks something
    /// else, or where a number has no room.
    pub(super) fn of(relation: &Relation, otherwise: Verdict) -> Option<Self> {
        let (left, right) = Self::offsets(relation)?;
        let verdict = u16::try_from(otherwise.number()).ok()?;
        Some(Self(u32::from(verdict) << 16 | u32::from(left) << 8 | u32::from(right)))
    }

    /// Whether a relation can be a gate.
    pub(super) fn can_be(relation: &Relation) -> bool {
        Self::offsets(relation).is_some()
    }

    /// Where the words stand in the rows of principal and resource.
    fn offsets(relation: &Relation) -> Option<(u8, u8)> {
        let Relation::SameWord(one, other) = *relation else { return None };
        let (left, right) = if one.row == 0 { (one, other) } else { (other, one) };
        let offset = |place: Place, row: u8| {
            u8::try_from(place.offset).ok().filter(|offset| place.row == row && *offset != 0)
        };
        offset(left, 0).zip(offset(right, 1))
    }

    #[inline]
    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether one goes on whose rows of principal and resource are these.
    #[inline(always)]
    pub(super) fn passes(self, [principal, resource]: [Row<'_>; 2]) -> bool {
        if self.is_none() {
            return true;
        }
        let (left, right) = ((self.0 >> 8 & 0xff) as usize, (self.0 & 0xff) as usize);
        let passes = principal.word(left) == resource.word(right);
        #[cfg(feature = "coverage")]
        crate::coverage::count_gate(passes);
        passes
    }

    /// What comes of it that the words differ.
    #[inline]
    pub(super) fn otherwise(self) -> Verdict {
        Verdict::of_number(self.0 >> 16)
    }
}

/// A [`Next`] that is written when somebody first goes there, and a [`Gate`] before it.
pub(super) struct Lead(AtomicU64);

impl Lead {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(Next::NOWHERE.0.into()))
    }

    /// Where it leads that has no gate, or the gate aside.
    #[inline]
    pub(super) fn get(&self) -> Next {
        self.get_gated().0
    }

    #[inline]
    pub(super) fn get_gated(&self) -> (Next, Gate) {
        let word = self.0.load(Ordering::Acquire);
        (Next(word as u32), Gate((word >> 32) as u32))
    }

    pub(super) fn set(&self, next: Next) {
        self.set_gated(next, Gate::NONE);
    }

    pub(super) fn set_gated(&self, next: Next, gate: Gate) {
        self.0.store(u64::from(gate.0) << 32 | u64::from(next.0), Ordering::Release);
    }
}

/// Where one machine was entered by principals and circumstances of these classes, to go on from
/// there. Made when the first is kept.
#[derive(Default)]
pub(super) struct Halves(OnceLock<Box<[AtomicU64; HALVES]>>);

/// How many are kept. The place of two classes is theirs for as long as no others come to it.
const HALVES: usize = 1024;
/// The bits of what is kept that say where it leads; those above are the context's class, and above
/// that the principal's.
const LED_BITS: u32 = u32::BITS;
const CONTEXT_BITS: u32 = u64::BITS - LED_BITS - CLASS_BITS;

impl Halves {
    #[inline(always)]
    pub(super) fn get(&self, classes: [u32; 2]) -> Option<Next> {
        let key = Self::key(classes)?;
        let kept = self.0.get()?.get(Self::place(classes))?.load(Ordering::Acquire);
        let next = Next(kept as u32);
        (kept >> LED_BITS == key && next != Next::NOWHERE).then_some(next)
    }

    /// Keeps where a machine was entered, if the classes have room.
    pub(super) fn set(&self, classes: [u32; 2], next: Next) {
        let Some(key) = Self::key(classes) else { return };
        let all = self.0.get_or_init(|| Box::new([const { AtomicU64::new(0) }; HALVES]));
        if let Some(place) = all.get(Self::place(classes)) {
            place.store(key << LED_BITS | u64::from(next.0), Ordering::Release);
        }
    }

    /// Both classes in one number; `None` where the context's has no room.
    #[inline]
    fn key([principal, context]: [u32; 2]) -> Option<u64> {
        let has_room = context >> CONTEXT_BITS == 0;
        has_room.then(|| u64::from(principal) << CONTEXT_BITS | u64::from(context))
    }

    #[inline]
    fn place([principal, context]: [u32; 2]) -> usize {
        // Requests differ more in their principals' classes.
        (principal ^ context << (HALVES.ilog2() - 3)) as usize % HALVES
    }
}

/// Where the machines of some environments were entered by one principal in one set of
/// circumstances, to go on from there. Small, since there may be one for each principal.
#[derive(Default)]
pub(crate) struct Entered([AtomicU32; ENTERED]);

/// How many are kept. An environment's place is that of its number, for as long as no other's is.
const ENTERED: usize = 4;
/// The bits of what is kept that say where it leads; those above are the environment's number.
const NEXT_BITS: u32 = 20;

impl Entered {
    #[inline]
    pub(super) fn get(&self, environment: u32) -> Option<Next> {
        let kept = self.0.get(environment as usize % ENTERED)?.load(Ordering::Acquire);
        let end = kept << (u32::BITS - NEXT_BITS) & Next::END;
        let next = Next(end | kept & ((1 << (NEXT_BITS - 1)) - 1));
        (kept >> NEXT_BITS == environment && next != Next::NOWHERE).then_some(next)
    }

    /// Keeps where a machine was entered, if both numbers have room.
    pub(super) fn set(&self, environment: u32, next: Next) {
        let (end, number) = (next.0 & Next::END, next.0 & !Next::END);
        if let Some(place) = self.0.get(environment as usize % ENTERED)
            && environment < 1 << (u32::BITS - NEXT_BITS)
            && number < 1 << (NEXT_BITS - 1)
        {
            let next = end >> (u32::BITS - NEXT_BITS) | number;
            place.store(environment << NEXT_BITS | next, Ordering::Release);
        }
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_two_classes_is_found_for_no_others() {
        let halves = Halves::default();
        // By bits of its own, and by those of a context's class that has no room.
        halves.set([5, 1], Next::of_state(7));
        assert_eq!(halves.get([5, 1]), Some(Next::of_state(7)));
        for others in [[5, 257], [4, 257], [5, 2], [5 + 1024, 1], [1, 1281]] {
            assert_eq!(halves.get(others), None, "{others:?}");
        }
        halves.set([5, 257], Next::of_state(8));
        assert_eq!(halves.get([5, 1]), Some(Next::of_state(7)));
        assert_eq!(halves.get([5, 257]), None);
    }
}
