//! Programs: all that the policies of one state depend on, asked in one go.
//!
//! A machine asks one thing after the other, and where each answer leads has to be looked up before
//! the next can be asked. A program asks all that any policy that is left mentions, in a fixed order
//! and whatever the answers are; they make a number, and a table says what it came to before. What
//! it came to first, the machine said.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::around::SEEN_ROW;
use super::classes::{CLASS_BITS, class_of};
use super::lead::Verdict;
use super::machine::Matter;
use super::node::NodeId;
use super::relation::{Place, Reached, Relation};
use super::scope::Scope;
use crate::facts::{ABSENT, Row, SeenAt, Slot, UNCLASSED};

/// How many rows a program reads.
const ROWS_MAX: usize = 14;
/// How many of them every request has: those of principal, resource and context, and what was seen
/// around the first two.
const ROWS_GIVEN: usize = 5;
/// Most programs go to few rows more.
const ROWS_FEW: usize = 8;
/// How many bits all answers take together at most.
const BITS_MAX: u32 = 40;
/// How many bits find an outcome; of answers that meet there, one is kept.
const PLACE_BITS: u32 = 8;
/// The bits for what the tests of one row come to.
const CLASS_WIDTH: u32 = 3;
/// Of how many classes a program keeps what they come to: a byte each, for every row that it tests.
const CLASSES_MAX: usize = 4096;
/// How many groups of one row are told apart.
const GROUP_BITS_MAX: u32 = 16;
/// How many programs a plan has room for, of a few kilobytes each.
pub(super) const PROGRAMS_MAX: u32 = 4096;

pub(crate) struct Program {
    steps: Box<[Step]>,
    /// How many rows they read, and which of those that every request has.
    rows: usize,
    needed: Needed,
    /// How many of the steps are cheap: they come first.
    cheap: usize,
    /// By the answers of the cheap ones, where they decide alone.
    early: Outcomes,
    /// By all answers.
    outcomes: Outcomes,
}

/// Some of the rows that every request has, by number, a bit each.
#[derive(Debug, Clone, Copy, Default)]
struct Needed(u8);

impl Needed {
    #[inline]
    const fn has(self, row: u8) -> bool {
        self.0 >> row & 1 == 1
    }

    fn add(&mut self, row: u8) {
        self.0 |= 1_u8.checked_shl(row.into()).unwrap_or_default();
    }
}

/// What answers came to before: each place holds answers and the number of a verdict, or 0.
struct Outcomes(Box<[AtomicU64]>);

/// One step, and the place of its answer among all.
struct Step {
    act: Act,
    shift: u32,
}

/// What a program does. Places name rows by the program's own numbers.
pub(crate) enum Act {
    /// Goes to the row that a column names.
    Follow(Place, Target),
    /// Goes to the row of one of the plan's literals.
    Literal(u32, Target),
    /// Which of some groups a row is in, a bit each in their order.
    Groups(u8, Box<[AskedGroups]>),
    Relation(Relation),
}

/// Groups by their bits, in a word of them.
#[derive(Clone, Copy)]
pub(crate) struct AskedGroups {
    word: u16,
    mask: u64,
}

/// A row that a program goes to.
pub(crate) struct Target {
    row: u8,
    /// Where rows keep their columns for this program to read them.
    layout: u32,
    /// What each class comes to in the tests that matter here, if any do.
    tests: Option<Box<Tests>>,
}

/// What of a row alone tells how a machine goes on.
#[derive(Default)]
pub(super) struct AskedOfRow {
    /// Some of its type's tests, by number.
    pub(super) tests: Vec<u32>,
    /// The columns that may be empty sets, by number.
    pub(super) sets: Vec<usize>,
}

impl AskedOfRow {
    fn is_nothing(&self) -> bool {
        self.tests.is_empty() && self.sets.is_empty()
    }
}

/// What tests come to, and whether sets are empty.
type OfRow = (Box<[NodeId]>, Box<[bool]>);

/// What the classes of one type come to in some of its tests.
struct Tests {
    /// The plan's number for the type.
    type_number: u32,
    asked: AskedOfRow,
    /// By class: one more than the place among `known`. 0 is not known yet.
    places: Box<[AtomicU8]>,
    known: Mutex<Vec<OfRow>>,
}

/// A program in the making.
pub(super) struct Drafting {
    steps: Vec<Step>,
    rows: usize,
    /// The groups that are asked for, by rows and words.
    groups: BTreeMap<u8, BTreeMap<u16, u64>>,
}

/// The rows that a program has come to.
struct Rows<'w, W> {
    rows: [Row<'w>; ROWS_MAX],
    slots: [Slot; ROWS_MAX],
    source: PhantomData<W>,
}

impl Drafting {
    /// Starts from the rows that every request has, and what was seen around two of them: they are the
    /// first.
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), rows: ROWS_GIVEN, groups: BTreeMap::new() }
    }

    /// Goes to the row of a literal, or that a column names; what number it gets. `asked` is what
    /// matters of it alone, and `classes` of how many classes there is room for that.
    pub(super) fn go(
        &mut self,
        from: Result<Place, u32>,
        (type_number, layout): (u32, u32),
        asked: AskedOfRow,
        classes: usize,
    ) -> Option<u8> {
        let row = u8::try_from(self.rows).ok().filter(|_| self.rows < ROWS_MAX)?;
        if !asked.is_nothing() && classes > CLASSES_MAX {
            return None;
        }
        self.rows += 1;
        let tests = (!asked.is_nothing()).then(|| {
            let places = (0..classes).map(|_| AtomicU8::new(0)).collect();
            Box::new(Tests { type_number, asked, places, known: Mutex::default() })
        });
        let target = Target { row, layout, tests };
        let act = match from {
            Ok(column) => Act::Follow(column, target),
            Err(literal) => Act::Literal(literal, target),
        };
        self.steps.push(Step { act, shift: 0 });
        Some(row)
    }

    /// Asks whether a row is in one of the plan's groups, by its number.
    pub(super) fn group(&mut self, row: u8, number: u32) {
        let (word, mask) = ((number / 64) as u16, 1 << (number % 64));
        let words = self.groups.entry(row).or_default();
        *words.entry(word).or_default() |= mask;
    }

    pub(super) fn relation(&mut self, relation: Relation) {
        self.steps.push(Step { act: Act::Relation(relation), shift: 0 });
    }

    /// The program; `None` where its answers are too many.
    pub(super) fn finish(mut self) -> Option<Program> {
        let rows = self.rows;
        for (row, words) in std::mem::take(&mut self.groups) {
            let asked = words.into_iter().map(|(word, mask)| AskedGroups { word, mask }).collect();
            self.steps.push(Step { act: Act::Groups(row, asked), shift: 0 });
        }
        let is_dear = |step: &Step| match &step.act {
            Act::Relation(relation) => relation.is_dear(),
            act => matches!(act, Act::Groups(..)),
        };
        let (dear, mut steps): (Vec<Step>, Vec<Step>) = self.steps.into_iter().partition(is_dear);
        let cheap = steps.len();
        steps.extend(dear);
        let mut bits = 0;
        let mut early = 0;
        for (step, at) in steps.iter_mut().zip(1..) {
            step.shift = bits;
            bits += step.act.width();
            if at == cheap {
                early = bits;
            }
        }
        if bits > BITS_MAX {
            return None;
        }
        let early = Outcomes::of(if cheap < steps.len() { early } else { 0 });
        let mut needed = Needed::default();
        steps.iter().for_each(|step| step.act.add_rows(&mut needed));
        let outcomes = Outcomes::of(bits);
        Some(Program { early, outcomes, steps: steps.into(), rows, needed, cheap })
    }
}

impl Act {
    /// Adds the rows that are read for it.
    fn add_rows(&self, needed: &mut Needed) {
        match self {
            Self::Follow(from, _) => needed.add(from.row),
            Self::Literal(..) => {}
            Self::Groups(row, _) => needed.add(*row),
            Self::Relation(relation) => relation.rows().for_each(|row| needed.add(row)),
        }
    }

    fn width(&self) -> u32 {
        match self {
            Self::Groups(_, asked) => AskedGroups::width(asked),
            Self::Follow(_, target) | Self::Literal(_, target) => match target.tests {
                Some(_) => CLASS_WIDTH,
                None => 0,
            },
            Self::Relation(_) => 1,
        }
    }
}

/// Where a program finds rows, and whether it learns on the way: known when this is compiled, since
/// every row that is looked up pays for a question.
trait Source {
    const LEARNS: bool;

    fn row<'w>(scope: &Scope<'w>, slot: Slot) -> Row<'w>;
}

/// All rows are those of the facts.
struct Stored;
/// Some may be the request's own.
struct Brought;
struct Learning;

impl Source for Stored {
    const LEARNS: bool = false;

    #[inline]
    fn row<'w>(scope: &Scope<'w>, slot: Slot) -> Row<'w> {
        scope.rows.row(slot)
    }
}

impl Source for Brought {
    const LEARNS: bool = false;

    fn row<'w>(scope: &Scope<'w>, slot: Slot) -> Row<'w> {
        scope.row(slot)
    }
}

impl Source for Learning {
    const LEARNS: bool = true;

    fn row<'w>(scope: &Scope<'w>, slot: Slot) -> Row<'w> {
        scope.row(slot)
    }
}

impl Program {
    /// What the answers came to before; `None` where they were not given yet, or where a row is not
    /// as the program takes it to be. `ends` are the rows of principal and resource.
    #[inline(always)]
    pub(super) fn run<'w>(&self, matter: &Matter<'w>, ends: [Row<'w>; 2]) -> Option<Verdict> {
        match (matter.scope.local.is_empty(), self.rows) {
            (true, ..=ROWS_FEW) => self.run_on(matter, &mut Given::of(matter, ends, self.needed)),
            (true, _) => self.run_further::<Stored>(*matter),
            (false, _) => self.run_further::<Brought>(*matter),
        }
    }

    /// A copy of the matter is passed on, so that it need not stand in memory before.
    #[inline(never)]
    fn run_further<W: Source>(&self, matter: Matter<'_>) -> Option<Verdict> {
        self.run_on(&matter, &mut Rows::<W>::of(&matter, self.needed))
    }

    #[inline(always)]
    fn run_on<'w>(&self, matter: &Matter<'w>, rows: &mut impl Goes<'w>) -> Option<Verdict> {
        let mut answers = 0;
        for (at, step) in self.steps.iter().enumerate() {
            if at == self.cheap
                && let Some(verdict) = self.early.get(answers)
            {
                return Some(verdict);
            }
            answers |= step.answer(matter, rows)?;
        }
        self.outcomes.get(answers)
    }

    /// Keeps what a machine said. `early` says that it asked nothing dear for it.
    #[cold]
    pub(super) fn learn(&self, matter: &Matter<'_>, verdict: Verdict, early: bool) -> Option<()> {
        let count = if early { self.cheap } else { self.steps.len() };
        let rows = &mut Rows::<Learning>::of(matter, self.needed);
        let mut answers = 0;
        for step in self.steps.get(..count)? {
            answers |= step.answer(matter, rows)?;
        }
        let outcomes = if count < self.steps.len() { &self.early } else { &self.outcomes };
        outcomes.keep(answers, verdict);
        Some(())
    }
}

impl Outcomes {
    /// The bits of a place that say which verdict.
    const VERDICT_BITS: u32 = u64::BITS - BITS_MAX;

    fn of(bits: u32) -> Self {
        Self((0..1_u32 << bits.min(PLACE_BITS)).map(|_| AtomicU64::new(0)).collect())
    }

    #[inline(always)]
    fn place(&self, answers: u64) -> Option<&AtomicU64> {
        // The last of the bits that the multiplication mixes are mixed best; few answers need none.
        let mixed = answers.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACE_BITS);
        let at = if answers < 1 << PLACE_BITS { answers } else { mixed };
        self.0.get(at as usize & self.0.len().wrapping_sub(1))
    }

    #[inline(always)]
    fn get(&self, answers: u64) -> Option<Verdict> {
        let kept = self.place(answers)?.load(Ordering::Relaxed);
        let number = (kept as u32 & ((1 << Self::VERDICT_BITS) - 1)).checked_sub(1)?;
        (kept >> Self::VERDICT_BITS == answers).then(|| Verdict::of_number(number))
    }

    fn keep(&self, answers: u64, verdict: Verdict) {
        let number = u64::from(verdict.number()) + 1;
        if let Some(place) = self.place(answers)
            && number < 1 << Self::VERDICT_BITS
        {
            place.store(answers << Self::VERDICT_BITS | number, Ordering::Relaxed);
        }
    }
}

impl AskedGroups {
    /// How many bits their answers take: none, where they are so many that only that a row is in none
    /// of them is an answer.
    fn width(asked: &[Self]) -> u32 {
        let bits = asked.iter().map(|asked| asked.mask.count_ones()).sum();
        if bits > GROUP_BITS_MAX { 0 } else { bits }
    }

    /// Most rows are in none of them.
    #[inline]
    fn answer(asked: &[Self], groups: impl Fn(usize) -> u64) -> Option<u64> {
        let found = |asked: &Self| groups(usize::from(asked.word)) & asked.mask;
        if asked.iter().all(|asked| found(asked) == 0) {
            return Some(0);
        }
        Self::answer_each(asked, found)
    }

    fn answer_each(asked: &[Self], found: impl Fn(&Self) -> u64) -> Option<u64> {
        if Self::width(asked) == 0 {
            return None;
        }
        let bits = asked.iter().flat_map(|asked| {
            let found = found(asked);
            (0..u64::BITS).filter(|bit| asked.mask >> bit & 1 == 1).map(move |bit| found >> bit & 1)
        });
        Some(bits.zip(0..).fold(0, |answer, (bit, at)| answer | bit << at))
    }
}

impl Tests {
    #[inline]
    fn answer<W: Source>(&self, matter: &Matter<'_>, class: u32) -> Option<u32> {
        let place = self.places.get(class as usize)?;
        match place.load(Ordering::Relaxed) {
            0 if W::LEARNS => self.learn(matter, class, place),
            known => u32::from(known).checked_sub(1),
        }
    }

    #[cold]
    fn learn(&self, matter: &Matter<'_>, class: u32, place: &AtomicU8) -> Option<u32> {
        let (outcomes, empty) = match class {
            ABSENT => (matter.plan.nobody(matter.scope.rows, self.type_number)?, Arc::default()),
            class => {
                let of_type = matter.plan.classes.get(self.type_number as usize)?;
                let class = of_type.class(class)?;
                (class.outcomes, class.empty)
            }
        };
        let outcome = |number: &u32| outcomes.get(*number as usize).copied();
        let outcomes = self.asked.tests.iter().map(outcome).collect::<Option<_>>()?;
        let outcomes = (outcomes, self.asked.sets.iter().map(|it| empty.contains(it)).collect());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = match known.iter().position(|known| *known == outcomes) {
            Some(at) => at,
            None if known.len() < 1 << CLASS_WIDTH => {
                known.push(outcomes);
                known.len() - 1
            }
            None => return None,
        };
        place.store(at as u8 + 1, Ordering::Relaxed);
        Some(at as u32)
    }
}

/// Rows that steps go on from.
trait Goes<'w>: Reached<'w> {
    /// Goes to a row; what its tests come to. `None` where it is not as the program takes it to be.
    fn go(&mut self, matter: &Matter<'w>, slot: Slot, target: &Target) -> Option<u32>;
}

impl Step {
    /// Its answer, in its place.
    #[inline(always)]
    fn answer<'w>(&self, matter: &Matter<'w>, rows: &mut impl Goes<'w>) -> Option<u64> {
        let scope = &matter.scope;
        let answer = match &self.act {
            Act::Relation(relation) => u64::from(relation.holds(scope, rows)?),
            Act::Groups(row, asked) => {
                let (slot, row) = (rows.slot(*row), rows.row(scope, *row));
                let scope = *scope;
                AskedGroups::answer(asked, move |word| scope.groups(slot, row, word))?
            }
            Act::Follow(from, target) => {
                let slot = rows.word(scope, *from);
                rows.go(matter, slot, target)?.into()
            }
            Act::Literal(literal, target) => {
                let slot = *scope.rows.literals().get(*literal as usize)?;
                rows.go(matter, slot, target)?.into()
            }
        };
        #[cfg(feature = "coverage")]
        crate::coverage::count_step(&self.act, answer);
        Some(answer << self.shift)
    }
}

/// Few rows, all of them the facts' but the context's.
struct Given<'w> {
    slots: [Slot; ROWS_FEW],
    rows: [Row<'w>; ROWS_FEW],
}

impl<'w> Given<'w> {
    #[inline(always)]
    fn of(matter: &Matter<'w>, [one, other]: [Row<'w>; 2], needed: Needed) -> Self {
        let Scope { rows, local, principal, resource, .. } = matter.scope;
        let [(_, around), (_, beside)] = matter.looks;
        let seen = |at: SeenAt| rows.seen(at).map_or(Row::NONE, Row::of_seen);
        let given = [
            one,
            other,
            if needed.has(2) { local.context.row() } else { Row::NONE },
            if needed.has(3) { seen(around) } else { Row::NONE },
            if needed.has(4) { seen(beside) } else { Row::NONE },
            Row::NONE,
            Row::NONE,
            Row::NONE,
        ];
        Self { slots: [principal, resource, 0, 0, 0, 0, 0, 0], rows: given }
    }
}

impl<'w> Reached<'w> for Given<'w> {
    #[inline(always)]
    fn row(&mut self, _scope: &Scope<'w>, row: u8) -> Row<'w> {
        self.rows.get(row as usize % ROWS_FEW).copied().unwrap_or(Row::NONE)
    }

    #[inline(always)]
    fn slot(&self, row: u8) -> Slot {
        self.slots.get(row as usize % ROWS_FEW).copied().unwrap_or_default()
    }
}

impl<'w> Goes<'w> for Given<'w> {
    #[inline]
    fn go(&mut self, matter: &Matter<'w>, slot: Slot, target: &Target) -> Option<u32> {
        let row = matter.scope.rows.row(slot);
        let answer = target.answer::<Stored>(matter, row)?;
        *self.rows.get_mut(target.row as usize)? = row;
        *self.slots.get_mut(target.row as usize)? = slot;
        Some(answer)
    }
}

impl Target {
    /// What the tests of this row come to.
    #[inline]
    fn answer<W: Source>(&self, matter: &Matter<'_>, row: Row<'_>) -> Option<u32> {
        let class = row.class();
        if class >> CLASS_BITS != self.layout || class == UNCLASSED {
            return None;
        }
        match &self.tests {
            None => Some(0),
            Some(tests) => tests.answer::<W>(matter, class_of(class)),
        }
    }
}

impl<'w, W: Source> Rows<'w, W> {
    fn of(matter: &Matter<'w>, needed: Needed) -> Self {
        let mut found =
            Self { rows: [Row::NONE; ROWS_MAX], slots: [0; ROWS_MAX], source: PhantomData };
        let scope = &matter.scope;
        let [principal, resource, context, around, beside, ..] = &mut found.rows;
        let [one, other, ..] = &mut found.slots;
        (*one, *other) = (scope.principal, scope.resource);
        if needed.has(0) {
            *principal = W::row(scope, *one);
        }
        if needed.has(1) {
            *resource = W::row(scope, *other);
        }
        if needed.has(2) {
            *context = scope.local.context.row();
        }
        if needed.has(3) {
            *around = matter.seen_row(SEEN_ROW);
        }
        if needed.has(4) {
            *beside = matter.seen_row(SEEN_ROW + 1);
        }
        found
    }
}

impl<'w, W: Source> Goes<'w> for Rows<'w, W> {
    #[inline]
    fn go(&mut self, matter: &Matter<'w>, slot: Slot, target: &Target) -> Option<u32> {
        let row = W::row(&matter.scope, slot);
        let answer = target.answer::<W>(matter, row)?;
        *self.rows.get_mut(target.row as usize)? = row;
        *self.slots.get_mut(target.row as usize)? = slot;
        Some(answer)
    }
}

impl<'w, W: Source> Reached<'w> for Rows<'w, W> {
    #[inline]
    fn row(&mut self, _scope: &Scope<'w>, row: u8) -> Row<'w> {
        self.rows.get(row as usize).copied().unwrap_or(Row::NONE)
    }

    #[inline]
    fn slot(&self, row: u8) -> Slot {
        self.slots.get(row as usize).copied().unwrap_or_default()
    }
}
