//! Requests that take turns: what is timed, alike for all engines.

use std::error::Error;
use std::time::{Duration, Instant};

use crate::floor::{FloorById, FloorByIndex};
use crate::workload::Workload;
use crate::workload::cedar::Cedar;
use crate::workload::ours::{Checker, Ours, Resource};
use crate::workload::random::Random;
use crate::workload::rows::{Action, Asked, Rows};

/// Requests with their answers, in a new random order at each round: the same order again and
/// again would be learnt by the processor's branch predictor, which halves the time of a floor.
pub struct Turns<T> {
    items: Vec<(T, bool)>,
    next: usize,
    random: Random,
}

impl<T> Turns<T> {
    /// Asks each once, so that a wrong answer shows before any time is taken.
    pub fn proven(
        engine: &str,
        items: impl IntoIterator<Item = (T, bool)>,
        allows: impl Fn(&T) -> bool,
    ) -> Result<Self, Box<dyn Error>> {
        let items: Vec<(T, bool)> = items.into_iter().collect();
        let wrong = items.iter().filter(|(request, expected)| allows(request) != *expected).count();
        if wrong > 0 || items.is_empty() {
            return Err(format!("{engine}: {wrong} of {} answers are wrong", items.len()).into());
        }
        Ok(Self { next: items.len(), items, random: Random::seeded(4) })
    }

    /// The time of so many checks. All that a check is charged for besides is a step through an
    /// array and a comparison.
    pub fn time(&mut self, checks: u64, allows: impl Fn(&T) -> bool) -> Duration {
        let mut elapsed = Duration::ZERO;
        let mut left = usize::try_from(checks).unwrap_or(usize::MAX);
        while left > 0 {
            let round = self.round(left);
            left -= round.len();
            let started = Instant::now();
            for (request, expected) in round {
                assert_eq!(allows(request), *expected);
            }
            elapsed += started.elapsed();
        }
        elapsed
    }

    /// The next turns, at most so many.
    pub fn round(&mut self, count_max: usize) -> &[(T, bool)] {
        if self.next >= self.items.len() {
            self.random.shuffle(&mut self.items);
            self.next = 0;
        }
        let start = self.next;
        self.next = self.items.len().min(start.saturating_add(count_max));
        self.items.get(start..self.next).unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }
}

/// By place.
pub type ByPlace = Asked;

pub struct ById {
    pub contact: u128,
    pub action: Action,
    pub document: u128,
    pub mfa: bool,
}

pub struct ByText<'t> {
    pub contact: &'t str,
    pub action: Action,
    pub document: &'t str,
    pub mfa: bool,
}

pub struct ByChecker<'c> {
    checker: &'c Checker<'c>,
    action: Action,
    document: Resource,
    mfa: bool,
}

pub fn ids<'r>(rows: &'r Rows, asked: &'r [Asked]) -> impl Iterator<Item = (ById, bool)> + 'r {
    asked.iter().filter_map(|it| {
        let contact = rows.contacts.get(it.contact as usize)?.id;
        let document = rows.documents.get(it.document as usize)?.id;
        Some((ById { contact, action: it.action, document, mfa: it.mfa }, it.allowed))
    })
}

pub fn texts(workload: &Workload) -> impl Iterator<Item = (ByText<'_>, bool)> {
    workload.questions.iter().zip(&workload.asked).map(|(question, asked)| {
        let text = ByText {
            contact: &question.principal,
            action: question.action,
            document: &question.resource,
            mfa: question.context.mfa,
        };
        (text, asked.allowed)
    })
}

/// A checker for each contact.
pub fn checkers<'o>(ours: &'o Ours, rows: &Rows) -> Result<Vec<Checker<'o>>, Box<dyn Error>> {
    rows.contacts.iter().map(|contact| ours.checker(contact.id)).collect()
}

pub fn handles<'c>(
    checkers: &'c [Checker<'c>],
    rows: &'c Rows,
    asked: &'c [Asked],
) -> Vec<(ByChecker<'c>, bool)> {
    let handles = asked.iter().filter_map(|it| {
        let checker = checkers.get(it.contact as usize)?;
        let document = checker.resource(rows.documents.get(it.document as usize)?.id)?;
        Some((ByChecker { checker, action: it.action, document, mfa: it.mfa }, it.allowed))
    });
    handles.collect()
}

pub fn cedar_requests(
    cedar: &Cedar,
    workload: &Workload,
    asked: &[Asked],
) -> Result<Vec<(cedar_policy::Request, bool)>, Box<dyn Error>> {
    let requests = ids(&workload.rows, asked)
        .map(|(it, allowed)| Ok((cedar.request(&it.question())?, allowed)));
    requests.collect()
}

impl ById {
    pub fn question(&self) -> crate::workload::Question {
        crate::workload::Question {
            principal: uuid::Uuid::from_u128(self.contact).to_string(),
            action: self.action,
            resource: uuid::Uuid::from_u128(self.document).to_string(),
            context: crate::workload::QuestionContext { mfa: self.mfa },
        }
    }
}

/// How each engine is asked.
pub fn floor_index(floor: &FloorByIndex) -> impl Fn(&ByPlace) -> bool {
    |it| floor.check(it.contact, it.action, it.document, it.mfa)
}

pub fn floor_hash(floor: &FloorById) -> impl Fn(&ById) -> bool {
    |it| floor.check(it.contact, it.action, it.document, it.mfa)
}

pub fn floor_string<'t>(floor: &FloorById) -> impl Fn(&ByText<'t>) -> bool {
    |it| floor.check_text(it.contact, it.action, it.document, it.mfa)
}

pub fn by_checker<'c>() -> impl Fn(&ByChecker<'c>) -> bool {
    |it| it.checker.check(it.action, &it.document, it.mfa)
}

pub fn by_id(ours: &Ours) -> impl Fn(&ById) -> bool {
    |it| ours.check_by_id(it.contact, it.action, it.document, it.mfa)
}

pub fn by_string<'t>(ours: &Ours) -> impl Fn(&ByText<'t>) -> bool {
    |it| ours.check_by_string(it.contact, it.action, it.document, it.mfa)
}

pub fn by_cedar(cedar: &Cedar) -> impl Fn(&cedar_policy::Request) -> bool {
    |request| cedar.allows(request, &cedar.entities)
}
