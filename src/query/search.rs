//! The rows that can come into question for one end of a request, looked up by what is known of the
//! other.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::facts::{Index, Path, Postings, Rows, Slot, UNCLASSED, View, each, members};
use crate::plan::{
    Demand, Evaluator, FALSE, GuardId, KnownId, NodeId, PlaceId, Plan, Reach, Related, SOUGHT,
    Scope, Source, SourceId, TRUE, Way,
};

/// Where what all ways demand leads to fewer rows than this, nothing narrower is looked for. In the
/// comparison with Cedar there are few rows of anything.
const FEW: usize = if cfg!(feature = "coverage") { 1 } else { 64 };
/// Of fewer rows than this, it is not asked whether they are fewer than others.
const RACE: usize = 1024;
/// Of how many rows, on the way to those that are looked for, tests are asked.
const TESTED_MAX: usize = 1024;
/// Of a type with no more rows than this, all are looked at.
const TYPE_MAX: usize = 1024;

/// What a class comes to in each test.
type Outcomes = Arc<[NodeId]>;

/// One look for rows.
pub(super) struct Search<'w> {
    plan: &'w Plan,
    scope: Scope<'w>,
    reach: &'w Reach,
    /// An entity that a column of the rows that are looked for has to hold, and the number of its
    /// index.
    within: Option<(usize, Slot)>,
    /// The end of the request that is known.
    known: Slot,
    /// The entities that columns lead to from there, what came of the guards, and of the sources, as far
    /// as they were looked at.
    entities: Vec<OnceCell<Option<Slot>>>,
    /// What their classes come to in all tests, where they are of one. All guards of an entity are
    /// tests of one type: that of the path that leads to it.
    outcomes: Vec<OnceCell<Option<Outcomes>>>,
    guards: Vec<OnceCell<bool>>,
    values: Vec<OnceCell<Option<Vec<u32>>>>,
}

/// Where to look rows up.
enum Lookup<'s> {
    These(Cow<'s, [Slot]>),
    /// Those that hold one of these values.
    Holding(&'s Index, Cow<'s, [u32]>),
    /// Those of these classes.
    OfClasses(Vec<(&'s Postings, u32)>),
}

impl Lookup<'_> {
    /// How many rows it leads to, or `limit` where there are as many or more.
    fn count(&self, limit: usize) -> usize {
        match self {
            Self::These(slots) => slots.len().min(limit),
            Self::Holding(index, values) => {
                values.iter().fold(0, |count, value| count + index.count(*value, limit - count))
            }
            Self::OfClasses(classes) => classes
                .iter()
                .fold(0, |count, (rows, class)| count + rows.count(*class, limit - count)),
        }
    }

    fn rows(self, into: &mut Vec<Slot>) {
        match self {
            Self::These(slots) => into.extend_from_slice(&slots),
            Self::Holding(index, values) => {
                values.iter().for_each(|value| index.add_to(*value, into));
            }
            Self::OfClasses(classes) => {
                classes.iter().for_each(|(rows, class)| rows.add_to(*class, into));
            }
        }
    }
}

impl<'w> Search<'w> {
    pub(super) fn new(
        plan: &'w Plan,
        scope: Scope<'w>,
        reach: &'w Reach,
        known: Slot,
        within: Option<(usize, Slot)>,
    ) -> Self {
        let entities = vec![OnceCell::new(); reach.knowns.len()];
        let outcomes = vec![OnceCell::new(); reach.knowns.len()];
        let guards = vec![OnceCell::new(); reach.guards.len()];
        let values = vec![OnceCell::new(); reach.sources.len()];
        Self { plan, scope, reach, within, known, entities, outcomes, guards, values }
    }

    /// The facts, in ascending order, each once: all that a check may allow, and others. `None` where
    /// nothing tells them from the rest of their type.
    pub(super) fn rows(&self) -> Option<Vec<Slot>> {
        let mut found = Vec::new();
        let always = match self.lead(&self.reach.always) {
            Sights::Nothing => return Some(found),
            Sights::All => None,
            Sights::Lookup(lead) => Some(lead),
        };
        let leads = match &always {
            Some(lead) if lead.count(FEW) < FEW => None,
            _ => self.narrower(always.as_ref()),
        };
        match leads {
            Some(leads) => leads.into_iter().for_each(|lead| lead.rows(&mut found)),
            None => always?.rows(&mut found),
        }
        // One row may hold several of the values, or be at the end of several ways.
        if !found.is_sorted_by(|one, other| one < other) {
            found.sort_unstable();
            found.dedup();
        }
        Some(found)
    }

    /// The leads of all ways, where together they lead to fewer rows than what all ways demand.
    fn narrower(&self, always: Option<&Lookup<'_>>) -> Option<Vec<Lookup<'_>>> {
        let mut leads = Vec::new();
        for way in &self.reach.ways {
            match self.lead(way) {
                Sights::Nothing => {}
                Sights::All => return None,
                Sights::Lookup(lead) => leads.push(lead),
            }
        }
        let count = |limit: usize| {
            leads.iter().fold(0, |count: usize, lead| count + lead.count(limit - count))
        };
        let is_narrower = always.is_none_or(|always| {
            count(RACE) < RACE || {
                let most = always.count(usize::MAX);
                count(most) < most
            }
        });
        is_narrower.then_some(leads)
    }

    fn rows_of(&self) -> &'w Rows {
        self.scope.rows
    }

    /// Where a way leads.
    fn lead<'s>(&'s self, way: &'s Way) -> Sights<'s> {
        if !way.guards.iter().any(|all| all.iter().all(|guard| self.lets_pass(*guard))) {
            return Sights::Nothing;
        }
        let mut at = At { search: self, way, open: Vec::new() };
        at.lead(SOUGHT, usize::MAX)
    }

    /// Whether a guard's row comes out as wanted, if there is one.
    fn lets_pass(&self, guard: GuardId) -> bool {
        let number = usize::from(guard);
        let (Some(kept), Some(guard)) = (self.guards.get(number), self.reach.guards.get(number))
        else {
            return true;
        };
        *kept.get_or_init(|| {
            let Some(slot) = self.entity(guard.known) else { return true };
            let of_class = self.outcomes.get(usize::from(guard.known)).and_then(|kept| {
                kept.get_or_init(|| self.outcomes(guard.type_number, slot)).as_ref()
            });
            self.comes_out(of_class, slot, (guard.type_number, guard.test), guard.want)
        })
    }

    /// The entity that columns lead to.
    fn entity(&self, known: KnownId) -> Option<Slot> {
        let number = usize::from(known);
        let (kept, known) = self.entities.get(number).zip(self.reach.knowns.get(number))?;
        *kept.get_or_init(|| {
            let start = match known.literal {
                Some(literal) => self.scope.rows.literals().get(literal as usize).copied()?,
                None => self.known,
            };
            known.columns.iter().try_fold(start, |slot, column| match self.view(slot, column)? {
                View::Entity(slot) => Some(slot),
                _ => None,
            })
        })
    }

    /// What a row comes to in the tests of a type, if its class tells.
    fn outcomes(&self, type_number: u32, slot: Slot) -> Option<Outcomes> {
        let rows = self.scope.rows;
        let is_of_type = rows.type_number(slot) == rows.plan_type(type_number);
        is_of_type.then(|| self.plan.outcomes(type_number, self.scope.row(slot).class())).flatten()
    }

    /// Whether a test of a row's type comes out as wanted; it does where there is none.
    fn comes_out(
        &self,
        of_class: Option<&Outcomes>,
        slot: Slot,
        (type_number, test): (u32, u32),
        want: bool,
    ) -> bool {
        if let Some(outcome) = of_class.and_then(|all| all.get(test as usize)) {
            return *outcome == if want { TRUE } else { FALSE };
        }
        let scope = Scope { own: slot, ..self.scope };
        let evaluator = Evaluator::new(&self.plan.arena, scope);
        let test = self.plan.test(type_number, test);
        test.is_none_or(|test| evaluator.holds(test) == Ok(want))
    }

    fn view(&self, slot: Slot, path: &Path) -> Option<View<'w>> {
        let columns = self.scope.columns(slot)?;
        let at = columns.binary_search_by(|column| column.path.cmp(path)).ok()?;
        columns.get(at).map(|column| self.scope.row(slot).view(column))
    }

    /// What a source comes to, ascending. `None` where the index does not know such values.
    fn values(&self, source: SourceId) -> Option<&[u32]> {
        let number = usize::from(source);
        let (kept, source) = self.values.get(number).zip(self.reach.sources.get(number))?;
        kept.get_or_init(|| self.values_of(source)).as_deref()
    }

    fn values_of(&self, source: &Source) -> Option<Vec<u32>> {
        // What is not there fails every condition that reads it.
        let Some(slot) = self.entity(source.known) else { return Some(Vec::new()) };
        let mut values = Vec::new();
        match &source.column {
            None => values.push(slot),
            Some(column) => match self.view(slot, column) {
                None => {}
                Some(View::Entity(number) | View::Text(number)) => values.push(number),
                Some(set @ (View::Entities(_) | View::Texts(_) | View::Mixed(..))) => {
                    let mut all = true;
                    each(set, |element| match element {
                        View::Entity(number) | View::Text(number) => values.push(number),
                        _ => all = false,
                    });
                    if !all {
                        return None;
                    }
                }
                Some(tags @ View::Record(..)) if column.is_empty() => {
                    values.extend(members(tags).map(|(name, _)| name));
                }
                Some(_) => return None,
            },
        }
        match source.related {
            Related::Same => {}
            // What a request brings along may lie between.
            _ if self.scope.local.has_parents() => return None,
            Related::Above => {
                let mut above = Vec::new();
                for slot in values {
                    self.rows_of().each_above(slot, |it| above.push(it));
                }
                values = above;
            }
            Related::Below(type_number) => {
                values = below(self.plan, self.rows_of(), values, type_number, usize::MAX)?;
            }
        }
        values.sort_unstable();
        values.dedup();
        Some(values)
    }
}

/// Some entities, and what lies below them: rows of a type of the plan's, and of types between. No
/// more are looked for where there are more than `most`. `None` where no index tells.
pub(super) fn below(
    plan: &Plan,
    rows: &Rows,
    mut found: Vec<Slot>,
    type_number: u32,
    most: usize,
) -> Option<Vec<Slot>> {
    let parent_indexes = plan.parent_indexes(type_number)?;
    if found.is_empty() {
        return Some(found);
    }
    let indexes = parent_indexes.iter().map(|number| rows.index(*number));
    let indexes: Vec<&Index> = indexes.collect::<Option<_>>()?;
    let mut seen: HashSet<Slot, RandomState> = found.iter().copied().collect();
    let mut next = 0;
    while let Some(above) = found.get(next).copied().filter(|_| found.len() <= most) {
        next += 1;
        let below = indexes.iter().flat_map(|index| index.of_value(above));
        found.extend(below.filter(|below| seen.insert(*below)));
    }
    Some(found)
}

/// What comes of a look along a way.
enum Sights<'s> {
    /// The way cannot be gone.
    Nothing,
    /// Nothing tells where to look.
    All,
    Lookup(Lookup<'s>),
}

/// A look along one way.
struct At<'s, 'w> {
    search: &'s Search<'w>,
    way: &'s Way,
    /// The places that are being looked at: columns may lead in a circle.
    open: Vec<PlaceId>,
}

impl<'s> At<'s, '_> {
    /// The narrowest lead to the rows at a place, if it is narrower than so many.
    fn lead(&mut self, place: PlaceId, mut most: usize) -> Sights<'s> {
        let rows = self.search.rows_of();
        // No index knows what a request brings along.
        let is_whole = place == SOUGHT || self.search.scope.local.is_empty();
        let mut best = None;
        let better = |lead: Lookup<'s>, most: &mut usize, best: &mut Option<Lookup<'s>>| {
            let count = lead.count(*most);
            if count < *most {
                (*most, *best) = (count, Some(lead));
            }
            count == 0 && is_whole
        };
        for demand in &self.way.demands {
            let lead = match demand {
                Demand::Is(at, source) if *at == place => {
                    self.search.values(*source).map(|values| Lookup::These(values.into()))
                }
                Demand::Holds(at, index, source) if *at == place => self
                    .search
                    .values(*source)
                    .and_then(|values| Some(Lookup::Holding(rows.index(*index)?, values.into()))),
                _ => None,
            };
            if let Some(lead) = lead
                && better(lead, &mut most, &mut best)
            {
                return Sights::Nothing;
            }
        }
        if place == SOUGHT
            && let Some((index, slot)) = self.search.within
            && let Some(index) = rows.index(index)
            && better(Lookup::Holding(index, vec![slot].into()), &mut most, &mut best)
        {
            return Sights::Nothing;
        }
        self.open.push(place);
        for step in self.way.steps.iter().filter(|step| step.from == place) {
            if self.open.contains(&step.to) {
                continue;
            }
            let beyond = match self.lead(step.to, most) {
                Sights::Nothing => return Sights::Nothing,
                Sights::All => continue,
                Sights::Lookup(lead) => lead,
            };
            let mut values = Vec::new();
            beyond.rows(&mut values);
            values.extend(self.search.scope.local.slots());
            let values = self.tested(step.to, values);
            if values.is_empty() {
                return Sights::Nothing;
            }
            if let Some(index) = rows.index(step.index)
                && better(Lookup::Holding(index, values.into()), &mut most, &mut best)
            {
                return Sights::Nothing;
            }
        }
        self.open.pop();
        match best {
            // What rows are asked to be, or to be in, may be of any type, and need not be there.
            Some(Lookup::These(mut slots)) if place == SOUGHT => {
                let of = self.search.reach.type_at(SOUGHT).map(|number| rows.plan_type(number));
                slots
                    .to_mut()
                    .retain(|slot| Some(rows.type_number(*slot)) == of && rows.is_fact(*slot));
                Sights::Lookup(Lookup::These(slots))
            }
            Some(lead) if place == SOUGHT => self.of_classes(lead),
            Some(lead) => Sights::Lookup(lead),
            None if place != SOUGHT => self.all(place, most),
            None => Sights::All,
        }
    }

    /// Of the rows that are looked for, those of classes that come out of their tests as demanded,
    /// where rows are kept by their class.
    fn of_classes(&self, lead: Lookup<'s>) -> Sights<'s> {
        let Lookup::Holding(index, values) = &lead else { return Sights::Lookup(lead) };
        let kept = values.iter().map(|value| index.classes(*value)).collect::<Option<Vec<_>>>();
        let Some((kept, (type_number, tests))) = kept.zip(self.tests(SOUGHT)) else {
            return Sights::Lookup(lead);
        };
        let mut classes = Vec::new();
        for rows in kept {
            let wanted = rows.values().filter(|(class, row)| {
                // What one row of a class comes to, all do.
                *class == UNCLASSED || self.all_come_out(*row, type_number, &tests)
            });
            classes.extend(wanted.map(|(class, _)| (rows, class)));
        }
        if classes.is_empty() {
            Sights::Nothing
        } else {
            Sights::Lookup(Lookup::OfClasses(classes))
        }
    }

    /// All rows of a place's type that its tests leave, where there are few.
    fn all(&self, place: PlaceId, most: usize) -> Sights<'s> {
        let rows = self.search.rows_of();
        let is_tested =
            self.way.demands.iter().any(|it| matches!(it, Demand::Test(at, ..) if *at == place));
        let type_number = self.search.reach.type_at(place).map(|number| rows.plan_type(number));
        match type_number {
            Some(number) if is_tested && rows.at_most(number) <= TYPE_MAX.min(most) => {
                Sights::Lookup(Lookup::These(rows.slots_of(number).collect()))
            }
            _ => Sights::All,
        }
    }

    /// Those of a place's rows that come out of its tests as demanded.
    fn tested(&self, place: PlaceId, mut slots: Vec<Slot>) -> Vec<Slot> {
        if slots.len() > TESTED_MAX {
            return slots;
        }
        if let Some((type_number, tests)) = self.tests(place) {
            slots.retain(|slot| self.all_come_out(*slot, type_number, &tests));
        }
        slots
    }

    /// What is demanded of a place's row alone: tests of its type, by number.
    fn tests(&self, place: PlaceId) -> Option<(u32, Vec<(u32, bool)>)> {
        let test = |demand: &Demand| match demand {
            Demand::Test(at, test, want) if *at == place => Some((*test, *want)),
            _ => None,
        };
        let tests: Vec<(u32, bool)> = self.way.demands.iter().filter_map(test).collect();
        let type_number = self.search.reach.type_at(place)?;
        (!tests.is_empty()).then_some((type_number, tests))
    }

    fn all_come_out(&self, slot: Slot, type_number: u32, tests: &[(u32, bool)]) -> bool {
        let of_class = self.search.outcomes(type_number, slot);
        let comes_out = |(test, want): &(u32, bool)| {
            self.search.comes_out(of_class.as_ref(), slot, (type_number, *test), *want)
        };
        tests.iter().all(comes_out)
    }
}
