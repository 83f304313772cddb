//! Programs: all that the policies of one state depend on, asked in one go.
//!
//! A machine asks one thing after the other, and where each answer leads has to be looked up before
//! the next can be asked. A program asks all that any policy that is left mentions, in a fixed order
//! and whatever the answers are; they make a number, and a table says what it came to before. What
//! it came to first, the machine said.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::around::SEEN_ROW;
use super::classes::{CLASS_BITS, class_of};
use super::machine::{Matter, Verdict};
use super::node::NodeId;
use super::relation::{Place, Reached, Relation};
use super::scope::Scope;
use crate::facts::{ABSENT, Row, Slot, UNCLASSED};

/// How many rows a program reads.
const ROWS_MAX: usize = 14;
/// Most read so few, and need no room for more.
const ROWS_FEW: usize = 7;
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

/// What the classes of one type come to in some of its tests.
struct Tests {
    /// The plan's number for the type.
    type_number: u32,
    numbers: Box<[u32]>,
    /// By class: one more than the place among `known`. 0 is not known yet.
    places: Box<[AtomicU8]>,
    known: Mutex<Vec<Box<[NodeId]>>>,
}

/// A program in the making.
pub(super) struct Drafting {
    steps: Vec<Step>,
    rows: usize,
    /// The groups that are asked for, by rows and words.
    groups: BTreeMap<u8, BTreeMap<u16, u64>>,
}

/// The rows that a program has come to.
struct Rows<'w, const COUNT: usize> {
    rows: [Row<'w>; COUNT],
    slots: [Slot; COUNT],
}

impl Drafting {
    /// Starts from the rows that every request has, and what was seen around two of them: they are the
    /// first.
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), rows: 5, groups: BTreeMap::new() }
    }

    /// Goes to the row of a literal, or that a column names; what number it gets. `tests` are those
    /// that matter of its type, and `classes` how many of these there is room for.
    pub(super) fn go(
        &mut self,
        from: Result<Place, u32>,
        (type_number, layout): (u32, u32),
        tests: &[u32],
        classes: usize,
    ) -> Option<u8> {
        let row = u8::try_from(self.rows).ok().filter(|_| self.rows < ROWS_MAX)?;
        if !tests.is_empty() && classes > CLASSES_MAX {
            return None;
        }
        self.rows += 1;
        let tests = (!tests.is_empty()).then(|| {
            let places = (0..classes).map(|_| AtomicU8::new(0)).collect();
            Box::new(Tests { type_number, numbers: tests.into(), places, known: Mutex::default() })
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

/// Where a program finds rows, and whether it learns on the way: known when it is built, since every
/// row that is looked up pays for a question.
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
    /// as the program takes it to be.
    #[inline]
    pub(super) fn run(&self, matter: &Matter<'_>) -> Option<Verdict> {
        match (matter.scope.local.is_empty(), self.rows) {
            (true, ..=ROWS_FEW) => self.run_on::<Stored, ROWS_FEW>(matter),
            (true, _) => self.run_on::<Stored, ROWS_MAX>(matter),
            (false, _) => self.run_on::<Brought, ROWS_MAX>(matter),
        }
    }

    #[inline]
    fn run_on<W: Source, const COUNT: usize>(&self, matter: &Matter<'_>) -> Option<Verdict> {
        let (cheap, dear) = self.steps.split_at_checked(self.cheap)?;
        let mut rows = Rows::<COUNT>::of::<W>(matter, self.needed);
        let mut answers = rows.answer::<W>(matter, cheap)?;
        if !dear.is_empty() {
            if let Some(verdict) = self.early.get(answers) {
                return Some(verdict);
            }
            answers |= rows.answer::<W>(matter, dear)?;
        }
        self.outcomes.get(answers)
    }

    /// Keeps what a machine said. `early` says that it asked nothing dear for it.
    #[cold]
    pub(super) fn learn(&self, matter: &Matter<'_>, verdict: Verdict, early: bool) -> Option<()> {
        let (cheap, dear) = self.steps.split_at_checked(self.cheap)?;
        let mut rows = Rows::<ROWS_MAX>::of::<Learning>(matter, self.needed);
        let answers = rows.answer::<Learning>(matter, cheap)?;
        if early && !dear.is_empty() {
            self.early.keep(answers, verdict);
        } else {
            let answers = answers | rows.answer::<Learning>(matter, dear)?;
            self.outcomes.keep(answers, verdict);
        }
        Some(())
    }
}

impl Outcomes {
    /// The bits of a place that say which verdict.
    const VERDICT_BITS: u32 = u64::BITS - BITS_MAX;

    fn of(bits: u32) -> Self {
        Self((0..1_u32 << bits.min(PLACE_BITS)).map(|_| AtomicU64::new(0)).collect())
    }

    #[inline]
    fn place(&self, answers: u64) -> Option<&AtomicU64> {
        // The last of the bits that the multiplication mixes are mixed best; few answers need none.
        let mixed = answers.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACE_BITS);
        let at = if answers < 1 << PLACE_BITS { answers } else { mixed };
        self.0.get(at as usize & self.0.len().wrapping_sub(1))
    }

    #[inline]
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
        let outcomes = match class {
            ABSENT => matter.plan.nobody(matter.scope.rows, self.type_number)?,
            class => matter.plan.classes.get(self.type_number as usize)?.class(class)?.outcomes,
        };
        let outcome = |number: &u32| outcomes.get(*number as usize).copied();
        let outcomes: Box<[NodeId]> = self.numbers.iter().map(outcome).collect::<Option<_>>()?;
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

impl<'w, const COUNT: usize> Rows<'w, COUNT> {
    #[inline]
    fn of<W: Source>(matter: &Matter<'w>, needed: Needed) -> Self {
        let mut found = Self { rows: [Row::NONE; COUNT], slots: [0; COUNT] };
        let scope = &matter.scope;
        if let ([principal, resource, context, around, beside, ..], [one, other, ..]) =
            (&mut found.rows[..], &mut found.slots[..])
        {
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
        }
        found
    }

    /// The answers of these steps, each in its place.
    #[inline]
    fn answer<W: Source>(&mut self, matter: &Matter<'w>, steps: &[Step]) -> Option<u64> {
        let scope = &matter.scope;
        let mut answers = 0;
        for step in steps {
            let answer = match &step.act {
                Act::Follow(from, target) => {
                    let slot = self.word(scope, *from);
                    self.reach::<W>(matter, slot, target)?.into()
                }
                Act::Literal(literal, target) => {
                    let slot = *scope.rows.literals().get(*literal as usize)?;
                    self.reach::<W>(matter, slot, target)?.into()
                }
                Act::Relation(relation) => u64::from(relation.holds(scope, self)?),
                Act::Groups(row, asked) => {
                    let (slot, row) = (self.slot(*row), self.row(scope, *row));
                    AskedGroups::answer(asked, |word| scope.groups(slot, row, word))?
                }
            };
            #[cfg(feature = "coverage")]
            crate::coverage::count_step(&step.act, answer);
            answers |= answer << step.shift;
        }
        Some(answers)
    }

    #[inline]
    fn reach<W: Source>(
        &mut self,
        matter: &Matter<'w>,
        slot: Slot,
        target: &Target,
    ) -> Option<u32> {
        let row = W::row(&matter.scope, slot);
        let class = row.class();
        if class >> CLASS_BITS != target.layout || class == UNCLASSED {
            return None;
        }
        *self.rows.get_mut(target.row as usize)? = row;
        *self.slots.get_mut(target.row as usize)? = slot;
        match &target.tests {
            None => Some(0),
            Some(tests) => tests.answer::<W>(matter, class_of(class)),
        }
    }
}

impl<'w, const COUNT: usize> Reached<'w> for Rows<'w, COUNT> {
    #[inline]
    fn row(&mut self, _scope: &Scope<'w>, row: u8) -> Row<'w> {
        self.rows.get(row as usize).copied().unwrap_or(Row::NONE)
    }

    #[inline]
    fn slot(&self, row: u8) -> Slot {
        self.slots.get(row as usize).copied().unwrap_or_default()
    }
}
