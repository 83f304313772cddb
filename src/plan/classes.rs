//! Classes: what the policies could ask of one row alone, as a number.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use super::around::Surroundings;
use super::empty::is_empty_in;
use super::environment::TypePlan;
use super::eval::{Evaluator, Val};
use super::expr::{Arena, Binary, Expr, ExprId, Var};
use super::node::{FAIL, FALSE, NodeId, TRUE};
use super::scope::NO_SLOT;
use crate::facts::{CLASS_FIRST, Column, Kind, Path, Reading, Slot, UNCLASSED, Value};

/// The bits of a row's class word that number its class; those above number its layout.
pub(crate) const CLASS_BITS: u32 = 24;
const LAYOUTS_MAX: usize = 254;
/// The layout of an entity that is not there; others count from 1.
pub(crate) const NOT_THERE: u32 = 0;
/// The layout of rows that have none of their own.
pub(crate) const NO_LAYOUT: u32 = 255;
/// More classes than this of one type are no help any more.
const CLASSES_MAX: usize = 1 << 16;
/// How many of them say what is around their rows.
const SURROUNDED_MAX: usize = 1 << 12;
/// In how many different combinations of groups their rows may be.
const GROUPINGS_MAX: usize = 64;

pub(crate) const fn class_of(word: u32) -> u32 {
    word & ((1 << CLASS_BITS) - 1)
}

/// Where a class's rows keep the columns that the plan reads: {offset, kind}, by column.
pub(crate) type Layout = Arc<[Option<(u32, Kind)>]>;

/// The classes of one type's rows.
pub(crate) struct TypeClasses {
    questions: Vec<Question>,
    /// The columns that are looked at for whether the row names itself there, by number.
    own_columns: Vec<usize>,
    /// Those that are looked at for whether a set there is empty.
    set_columns: Vec<usize>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    classes: HashMap<Box<[u32]>, u32, RandomState>,
    /// By class, from [`CLASS_FIRST`] on.
    outcomes: Vec<Class>,
    /// By the class words of rows alone, and what is around them.
    surrounded: HashMap<(u32, Arc<Surroundings>), u32, RandomState>,
    /// What their rows are in, of what is around them.
    groups: HashSet<Arc<[u32]>, RandomState>,
    layouts: Vec<Layout>,
    layout_numbers: HashMap<Layout, u32>,
}

/// What the rows of a class have in common.
#[derive(Clone)]
pub(super) struct Class {
    /// Where they keep their columns; `None` for what is not there.
    pub(super) layout: Option<Layout>,
    /// What they come to in each test.
    pub(super) outcomes: Arc<[NodeId]>,
    /// The columns in which they name themselves, by number.
    pub(super) own: Arc<[usize]>,
    /// The columns in which they keep an empty set.
    pub(super) empty: Arc<[usize]>,
    /// What is around them, where that is part of the class.
    pub(super) around: Option<Arc<Surroundings>>,
}

/// The classes that rows were found to be of, to find them again without asking the plan's. It is
/// one thread's.
#[derive(Default)]
pub(crate) struct Memo(HashMap<Vec<u32>, u32, RandomState>);

/// How many of them are kept.
const MEMO_MAX: usize = 4096;

/// What was found for another is found again.
impl Clone for Memo {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memo({})", self.0.len())
    }
}

impl Memo {
    /// The class that goes with a key, which is asked for once.
    fn class(&mut self, key: &[u32], ask: impl FnOnce() -> u32) -> u32 {
        if let Some(known) = self.0.get(key) {
            return *known;
        }
        if self.0.len() >= MEMO_MAX {
            self.0.clear();
        }
        let class = ask();
        self.0.insert(key.to_vec(), class);
        class
    }
}

/// A question whose answer settles one or more tests.
enum Question {
    /// Where a number stands among these, in ascending order.
    Between(ExprId, Vec<i64>),
    /// Which of these texts it is.
    AmongTexts(ExprId, HashMap<Arc<str>, u32, RandomState>),
    /// Which of these literals it is.
    AmongLiterals(ExprId, HashMap<u32, u32, RandomState>),
    /// What the test comes to.
    Alone(ExprId),
}

/// Answers that are no numbers of their own.
const NONE: u32 = u32::MAX;
const ERROR: u32 = u32::MAX - 1;

impl TypeClasses {
    pub(crate) fn new(
        arena: &Arena,
        plan: &TypePlan,
        own_columns: Vec<usize>,
        set_columns: Vec<usize>,
    ) -> Self {
        let mut questions: Vec<Question> = Vec::new();
        for test in &plan.tests {
            add_question(&mut questions, arena, *test);
        }
        for question in &mut questions {
            if let Question::Between(_, numbers) = question {
                numbers.sort_unstable();
                numbers.dedup();
            }
        }
        Self { questions, own_columns, set_columns, known: Mutex::default() }
    }

    /// The class word of the row that the evaluator's scope looks at. `key` is room for its answers;
    /// what stands in it already tells the plan and the type from all others.
    pub(crate) fn classify(
        &self,
        evaluator: &Evaluator<'_>,
        plan: &TypePlan,
        reading: &Reading,
        key: &mut Vec<u32>,
        memo: Option<&mut Memo>,
    ) -> u32 {
        let layout = reading.layout;
        if layout == NO_LAYOUT {
            return UNCLASSED;
        }
        let start = key.len();
        for (at, question) in self.questions.iter().enumerate() {
            let place = reading.places.get(at).copied().flatten();
            key.push(question.answer(evaluator, place));
        }
        key.push(layout);
        let columns = key.len();
        self.add_columns(evaluator, layout, key);
        let answers = key.get(start..).unwrap_or_default();
        let columns = key.get(columns..).unwrap_or_default();
        let ask = || self.class_of_answers(evaluator, plan, layout, columns, answers);
        match memo {
            Some(memo) => memo.class(key, ask),
            None => ask(),
        }
    }

    /// Adds what is seen in the columns of the row that is looked at: how many columns there are in which
    /// it names itself, these, and those in which it keeps an empty set.
    fn add_columns(&self, evaluator: &Evaluator<'_>, layout: u32, key: &mut Vec<u32>) {
        let count = key.len();
        key.push(0);
        if self.own_columns.is_empty() && self.set_columns.is_empty() {
            return;
        }
        let columns = self.known().layout(layout);
        let columns = columns.as_deref().unwrap_or_default();
        let place = |number: usize| columns.get(number).copied().flatten();
        let scope = &evaluator.scope;
        let row = scope.own_row();
        let is_own = |(offset, kind): (u32, Kind)| {
            kind == Kind::Entity && scope.own != NO_SLOT && row.word(offset as usize) == scope.own
        };
        let is_empty = |place| is_empty_in(row, place);
        let own = self.own_columns.iter().filter(|it| place(**it).is_some_and(is_own));
        key.extend(own.map(|number| *number as u32));
        let own_count = key.len() - count - 1;
        if let Some(count) = key.get_mut(count) {
            *count = own_count as u32;
        }
        let empty = self.set_columns.iter().filter(|it| place(**it).is_some_and(is_empty));
        key.extend(empty.map(|number| *number as u32));
    }

    fn class_of_answers(
        &self,
        evaluator: &Evaluator<'_>,
        plan: &TypePlan,
        layout: u32,
        columns: &[u32],
        answers: &[u32],
    ) -> u32 {
        let mut known = self.known();
        if let Some(class) = known.classes.get(answers) {
            return layout << CLASS_BITS | class;
        }
        if known.classes.len() >= CLASSES_MAX {
            return UNCLASSED;
        }
        let class = CLASS_FIRST + known.outcomes.len() as u32;
        let layout_of = known.layout(layout);
        let outcomes = outcomes(evaluator, plan);
        let (own, empty) = match columns.split_first() {
            Some((count, columns)) => columns.split_at_checked(*count as usize).unwrap_or_default(),
            None => Default::default(),
        };
        let [own, empty] = [own, empty].map(|all| all.iter().map(|it| *it as usize).collect());
        known.outcomes.push(Class { layout: layout_of, outcomes, own, empty, around: None });
        known.classes.insert(answers.into(), class);
        layout << CLASS_BITS | class
    }

    /// The groups that a row is in, as part of what is around it; `None` where rows are in so many
    /// different ones that classes would be no help any more.
    pub(super) fn known_groups(&self, groups: Vec<u32>) -> Option<Arc<[u32]>> {
        let mut known = self.known();
        if let Some(known) = known.groups.get(&groups[..]) {
            return Some(Arc::clone(known));
        }
        if known.groups.len() >= GROUPINGS_MAX {
            return None;
        }
        let groups: Arc<[u32]> = groups.into();
        known.groups.insert(Arc::clone(&groups));
        Some(groups)
    }

    /// The class word of rows that have these around them, and are of a class themselves. `None`
    /// where there are too many.
    pub(super) fn surrounded(&self, class: u32, around: Surroundings) -> Option<u32> {
        let mut known = self.known();
        let key = (class, Arc::new(around));
        if let Some(number) = known.surrounded.get(&key) {
            return Some(class >> CLASS_BITS << CLASS_BITS | number);
        }
        if known.surrounded.len() >= SURROUNDED_MAX {
            return None;
        }
        let alone = known.outcomes.get(class_of(class).checked_sub(CLASS_FIRST)? as usize)?.clone();
        let number = CLASS_FIRST + known.outcomes.len() as u32;
        known.outcomes.push(Class { around: Some(Arc::clone(&key.1)), ..alone });
        known.surrounded.insert(key, number);
        Some(class >> CLASS_BITS << CLASS_BITS | number)
    }

    /// How the plan reads rows of these columns.
    pub(crate) fn reading(&self, arena: &Arena, plan: &TypePlan, columns: &[Column]) -> Reading {
        let place = |question: &Question| {
            let path = column_of(arena, question.subject()?)?;
            let at = columns
                .binary_search_by(|column| column.path.iter().cmp(path.iter().copied()))
                .ok()?;
            columns.get(at).map(|column| (column.offset, column.kind))
        };
        let places = self.questions.iter().map(place).collect();
        Reading { layout: self.layout_number(plan, columns), places }
    }

    /// The number of the layout of these columns, or [`NO_LAYOUT`] where there are too many.
    fn layout_number(&self, plan: &TypePlan, columns: &[Column]) -> u32 {
        let place = |path: &Path| {
            let at = columns.binary_search_by(|column| column.path.cmp(path)).ok()?;
            columns.get(at).map(|column| (column.offset, column.kind))
        };
        let layout: Layout = plan.columns.iter().map(place).collect();
        let mut known = self.known();
        if let Some(number) = known.layout_numbers.get(&layout) {
            return *number;
        }
        if known.layouts.len() >= LAYOUTS_MAX {
            return NO_LAYOUT;
        }
        known.layouts.push(Arc::clone(&layout));
        let number = known.layouts.len() as u32;
        known.layout_numbers.insert(layout, number);
        number
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        let known = self.known();
        CLASS_FIRST as usize + known.outcomes.len()
    }

    pub(super) fn class(&self, class: u32) -> Option<Class> {
        let known = self.known();
        known.outcomes.get(class.checked_sub(CLASS_FIRST)? as usize).cloned()
    }

    /// Where rows of this layout keep their columns; `None` for what is not there.
    pub(crate) fn layout(&self, number: u32) -> Option<Layout> {
        self.known().layout(number)
    }
}

impl Known {
    fn layout(&self, number: u32) -> Option<Layout> {
        self.layouts.get(number.checked_sub(1)? as usize).cloned()
    }
}

/// What every test comes to on the row that the scope looks at.
pub(crate) fn outcomes(evaluator: &Evaluator<'_>, plan: &TypePlan) -> Arc<[NodeId]> {
    plan.tests
        .iter()
        .map(|test| match evaluator.holds(*test) {
            Ok(true) => TRUE,
            Ok(false) => FALSE,
            Err(_) => FAIL,
        })
        .collect()
}

/// The names that lead from the row to what an expression stands for, if that is all it is.
fn column_of(arena: &Arena, mut id: ExprId) -> Option<Vec<&Arc<str>>> {
    let mut names = Vec::new();
    loop {
        match arena.get(id) {
            Expr::Attribute(of, name) => {
                names.push(name);
                id = *of;
            }
            Expr::Var(Var::Own | Var::Context) => {
                names.reverse();
                return Some(names);
            }
            _ => return None,
        }
    }
}

impl Question {
    /// The expression whose value is looked at.
    fn subject(&self) -> Option<ExprId> {
        match self {
            Self::Between(subject, _)
            | Self::AmongTexts(subject, _)
            | Self::AmongLiterals(subject, _) => Some(*subject),
            Self::Alone(_) => None,
        }
    }

    /// The answer for the row that is looked at, which keeps the subject in this place.
    fn answer(&self, evaluator: &Evaluator<'_>, place: Option<(u32, Kind)>) -> u32 {
        let scope = &evaluator.scope;
        let column = |of: &[Kind]| {
            let (offset, kind) = place.filter(|(_, kind)| of.contains(kind))?;
            Some((scope.own_row(), offset as usize, kind))
        };
        match self {
            Self::Between(subject, numbers) => {
                let number = match column(&[Kind::Short, Kind::Long]) {
                    Some((row, at, Kind::Short)) => Some(i64::from(row.word(at).cast_signed())),
                    Some((row, at, _)) => Some(row.long(at)),
                    None => match evaluator.eval(*subject) {
                        Ok(Val::Long(number)) => Some(number),
                        // Another type is an error of every test.
                        _ => None,
                    },
                };
                match number.map(|number| numbers.binary_search(&number)) {
                    Some(Ok(at)) => at as u32 * 2 + 1,
                    Some(Err(at)) => at as u32 * 2,
                    None => ERROR,
                }
            }
            Self::AmongTexts(subject, texts) => {
                let among = |text: &str| texts.get(text).copied().unwrap_or(NONE);
                match column(&[Kind::Text]) {
                    Some((row, at, _)) => among(scope.text(row.word(at))),
                    None => match evaluator.eval(*subject) {
                        Ok(Val::Text(text)) => among(text),
                        Ok(_) => NONE,
                        Err(_) => ERROR,
                    },
                }
            }
            Self::AmongLiterals(subject, literals) => {
                let among = |slot: Slot| {
                    let literal = scope.rows.literal_of(slot);
                    literal.and_then(|it| literals.get(&it).copied()).unwrap_or(NONE)
                };
                match column(&[Kind::Entity]) {
                    Some((row, at, _)) => among(row.word(at)),
                    None => match evaluator.eval(*subject) {
                        Ok(Val::Entity(slot)) => among(slot),
                        Ok(_) => NONE,
                        Err(_) => ERROR,
                    },
                }
            }
            Self::Alone(test) => match evaluator.holds(*test) {
                Ok(flag) => u32::from(flag),
                Err(_) => ERROR,
            },
        }
    }
}

/// Adds what has to be asked for a test, to a question that is there if it can be.
fn add_question(questions: &mut Vec<Question>, arena: &Arena, test: ExprId) {
    let is_subject = |id: ExprId| {
        let mut at = id;
        while let Expr::Attribute(of, _) = arena.get(at) {
            at = *of;
        }
        matches!(arena.get(at), Expr::Var(Var::Own | Var::Context))
    };
    let constant = |id: ExprId| match arena.get(id) {
        Expr::Constant(value) => Some(value),
        _ => None,
    };
    match arena.get(test) {
        Expr::Binary(Binary::Less | Binary::LessEqual, left, right) => {
            let (subject, number) = match (constant(*left), constant(*right)) {
                (Some(number), None) => (*right, number.as_long()),
                (None, Some(number)) => (*left, number.as_long()),
                _ => (*left, None),
            };
            if let (true, Some(number)) = (is_subject(subject), number) {
                for question in questions.iter_mut() {
                    if let Question::Between(known, numbers) = question
                        && *known == subject
                    {
                        numbers.push(number);
                        return;
                    }
                }
                questions.push(Question::Between(subject, vec![number]));
                return;
            }
        }
        Expr::Binary(Binary::Equal, left, right) => {
            let subject = if is_subject(*left) { *left } else { *right };
            let other = if subject == *left { *right } else { *left };
            if is_subject(subject) && among(questions, arena, subject, &[other]) {
                return;
            }
        }
        Expr::Binary(Binary::Contains, set, subject) if is_subject(*subject) => {
            if let Expr::Set(elements) = arena.get(*set)
                && among(questions, arena, *subject, elements)
            {
                return;
            }
            let texts: Option<Vec<Arc<str>>> = constant(*set)
                .and_then(Value::as_set)
                .and_then(|set| set.iter().map(|it| it.as_str().map(Arc::from)).collect());
            if let Some(texts) = texts {
                among_texts(questions, *subject, texts);
                return;
            }
        }
        _ => {}
    }
    questions.push(Question::Alone(test));
}

/// Asks which of some constants a value is; false where they are neither texts nor literals.
fn among(
    questions: &mut Vec<Question>,
    arena: &Arena,
    subject: ExprId,
    constants: &[ExprId],
) -> bool {
    let literals: Option<Vec<u32>> = constants
        .iter()
        .map(|id| if let Expr::Literal(index) = arena.get(*id) { Some(*index) } else { None })
        .collect();
    let texts: Option<Vec<Arc<str>>> = constants
        .iter()
        .map(|id| match arena.get(*id) {
            Expr::Constant(value) => value.as_str().map(Arc::from),
            _ => None,
        })
        .collect();
    if let Some(literals) = literals {
        among_literals(questions, subject, literals);
        return true;
    }
    if let Some(texts) = texts {
        among_texts(questions, subject, texts);
        return true;
    }
    false
}

fn among_literals(questions: &mut Vec<Question>, subject: ExprId, literals: Vec<u32>) {
    for question in questions.iter_mut() {
        if let Question::AmongLiterals(known, numbers) = question
            && *known == subject
        {
            return number(numbers, literals);
        }
    }
    let mut numbers = HashMap::default();
    number(&mut numbers, literals);
    questions.push(Question::AmongLiterals(subject, numbers));
}

fn among_texts(questions: &mut Vec<Question>, subject: ExprId, texts: Vec<Arc<str>>) {
    for question in questions.iter_mut() {
        if let Question::AmongTexts(known, numbers) = question
            && *known == subject
        {
            return number(numbers, texts);
        }
    }
    let mut numbers = HashMap::default();
    number(&mut numbers, texts);
    questions.push(Question::AmongTexts(subject, numbers));
}

/// Numbers what is new, each differently: a list may name one twice.
fn number<T: Eq + std::hash::Hash>(numbers: &mut HashMap<T, u32, RandomState>, more: Vec<T>) {
    for one in more {
        let next = numbers.len() as u32;
        numbers.entry(one).or_insert(next);
    }
}

impl fmt::Debug for TypeClasses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeClasses({})", self.count())
    }
}
