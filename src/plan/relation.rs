//! Questions to the values in two places, of one row or of two.

use super::around::SEEN_ROW;
use super::node::{JoinOperator, Operand};
use super::scope::Scope;
use crate::facts::{Kind, Row, Slot, contains};

/// A value's place: a column of a row, or, at offset 0, the row's entity itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The row, by the number that it has where the question is asked.
    pub(crate) row: u8,
    pub(crate) offset: u16,
}

/// How a number stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    Short,
    Long,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    SameWord(Place, Place),
    SameNumber((Place, Width), (Place, Width)),
    Less((Place, Width), (Place, Width), bool),
    Contains {
        set: Place,
        element: Place,
        texts: bool,
    },
    ContainsAny(Place, Place),
    In(Place, Place),
    /// Whether the row is in what the second names, which the plan may have numbered. The last is the
    /// row where it stands which of them the first is in.
    Among(Place, Place, u8),
    InAny {
        entity: Place,
        set: Place,
    },
}

/// The rows that a request has come to, by number.
pub(super) trait Reached<'w> {
    fn row(&mut self, scope: &Scope<'w>, row: u8) -> Row<'w>;

    /// The slot of a row's entity.
    fn slot(&self, row: u8) -> Slot;

    #[inline(always)]
    fn word(&mut self, scope: &Scope<'w>, place: Place) -> u32 {
        if place.offset == 0 {
            return self.slot(place.row);
        }
        self.row(scope, place.row).word(place.offset as usize)
    }

    #[inline]
    fn number(&mut self, scope: &Scope<'w>, (place, width): (Place, Width)) -> i64 {
        match width {
            Width::Short => i64::from(self.word(scope, place).cast_signed()),
            Width::Long => self.row(scope, place.row).long(place.offset as usize),
        }
    }
}

impl Relation {
    /// The question that a join's operator is, where its operands stand in these places.
    pub(super) fn of(
        operator: &JoinOperator,
        place: impl Fn(&Operand) -> Option<(Place, Kind)>,
    ) -> Option<Self> {
        let number = |(place, kind): (Place, Kind)| match kind {
            Kind::Short => Some((place, Width::Short)),
            Kind::Long | Kind::Datetime | Kind::Duration => Some((place, Width::Long)),
            _ => None,
        };
        let pair = |left: &Operand, right: &Operand| Some((place(left)?, place(right)?));
        match operator {
            JoinOperator::Equal(left, right) => {
                let (one, two) = pair(left, right)?;
                let is_word = matches!(one.1, Kind::Bool | Kind::Short | Kind::Text | Kind::Entity);
                if one.1 == two.1 && is_word {
                    return Some(Self::SameWord(one.0, two.0));
                }
                Some(Self::SameNumber(number(one)?, number(two)?))
            }
            JoinOperator::Less(left, right, or_equal) => {
                let (one, two) = pair(left, right)?;
                Some(Self::Less(number(one)?, number(two)?, *or_equal))
            }
            JoinOperator::Contains(set, element) => match pair(set, element)? {
                ((set, Kind::Set), (element, kind @ (Kind::Entity | Kind::Text))) => {
                    Some(Self::Contains { set, element, texts: kind == Kind::Text })
                }
                _ => None,
            },
            JoinOperator::ContainsAny(left, right) => match pair(left, right)? {
                ((left, Kind::Set), (right, Kind::Set)) => Some(Self::ContainsAny(left, right)),
                _ => None,
            },
            JoinOperator::In(entity, above) => match pair(entity, above)? {
                ((entity, Kind::Entity), (above, Kind::Entity)) => Some(Self::In(entity, above)),
                _ => None,
            },
            JoinOperator::InAny(entity, set) => match pair(entity, set)? {
                ((entity, Kind::Entity), (set, Kind::Set)) => Some(Self::InAny { entity, set }),
                _ => None,
            },
            JoinOperator::HasTag(..) | JoinOperator::Other => None,
        }
    }

    /// Whether it asks about these rows alone, and of their own words.
    pub(super) fn is_of(&self, rows: [u8; 3]) -> bool {
        let is_one = |place: &Place| place.offset != 0 && rows.contains(&place.row);
        match self {
            Self::SameWord(one, other) => is_one(one) && is_one(other),
            Self::SameNumber((one, _), (other, _)) | Self::Less((one, _), (other, _), _) => {
                is_one(one) && is_one(other)
            }
            _ => false,
        }
    }

    /// Whether it is a question to ancestors, in whatever way it is answered.
    pub(super) const fn is_of_ancestors(&self) -> bool {
        self.is_dear() || matches!(self, Self::Among(..))
    }

    /// Whether it looks at ancestors, which takes longest.
    pub(super) const fn is_dear(&self) -> bool {
        matches!(self, Self::In(..) | Self::InAny { .. })
    }

    /// The rows in which something is read; an entity alone is known without.
    pub(super) fn rows(&self) -> impl Iterator<Item = u8> {
        let (left, right) = match *self {
            Self::SameWord(left, right) | Self::ContainsAny(left, right) => (left, right),
            Self::SameNumber((left, _), (right, _)) | Self::Less((left, _), (right, _), _) => {
                (left, right)
            }
            Self::Contains { set, element, .. } => (set, element),
            Self::In(entity, above) | Self::Among(entity, above, _) => (entity, above),
            Self::InAny { entity, set } => (entity, set),
        };
        let looks_up = matches!(self, Self::In(..) | Self::Among(..));
        let is_read = move |place: &Place| place.offset != 0 || looks_up;
        let beside = if let Self::Among(.., beside) = self { Some(*beside) } else { None };
        [left, right].into_iter().filter(is_read).map(|place| place.row).chain(beside)
    }

    /// The same question to what was seen around the row of principal or resource, where that says it.
    pub(super) fn numbered(self, is_aimed: impl Fn(u8) -> bool) -> Self {
        match self {
            Self::In(entity @ Place { row: root @ 0..=1, offset: 0 }, above)
                if above.row >= SEEN_ROW && is_aimed(root) =>
            {
                Self::Among(entity, above, SEEN_ROW + root)
            }
            relation => relation,
        }
    }

    /// The same question where rows have other numbers; `None` where one of them has none.
    pub(super) fn renumbered(self, row: impl Fn(u8) -> Option<u8>) -> Option<Self> {
        let place = |place: Place| Some(Place { row: row(place.row)?, ..place });
        let number = |(of, width): (Place, Width)| Some((place(of)?, width));
        Some(match self {
            Self::SameWord(left, right) => Self::SameWord(place(left)?, place(right)?),
            Self::SameNumber(left, right) => Self::SameNumber(number(left)?, number(right)?),
            Self::Less(left, right, or_equal) => {
                Self::Less(number(left)?, number(right)?, or_equal)
            }
            Self::Contains { set, element, texts } => {
                Self::Contains { set: place(set)?, element: place(element)?, texts }
            }
            Self::ContainsAny(left, right) => Self::ContainsAny(place(left)?, place(right)?),
            Self::In(entity, above) => Self::In(place(entity)?, place(above)?),
            Self::Among(entity, above, beside) => {
                Self::Among(place(entity)?, place(above)?, row(beside)?)
            }
            Self::InAny { entity, set } => Self::InAny { entity: place(entity)?, set: place(set)? },
        })
    }

    /// The answer; `None` where a set holds what only the evaluator compares.
    #[inline(always)]
    pub(super) fn holds<'w>(&self, scope: &Scope<'w>, rows: &mut impl Reached<'w>) -> Option<bool> {
        Some(match *self {
            Self::SameWord(left, right) => rows.word(scope, left) == rows.word(scope, right),
            Self::SameNumber(left, right) => rows.number(scope, left) == rows.number(scope, right),
            Self::Less(left, right, or_equal) => {
                let (left, right) = (rows.number(scope, left), rows.number(scope, right));
                left < right || (or_equal && left == right)
            }
            Self::Contains { set, element, texts } => {
                let members = rows.row(scope, set.row).members(set.offset as usize, texts)?;
                contains(members, rows.word(scope, element))
            }
            Self::ContainsAny(left, right) => {
                let (one, other) = (rows.row(scope, left.row), rows.row(scope, right.row));
                [false, true].into_iter().find_map(|texts| {
                    let left = one.members(left.offset as usize, texts)?;
                    let right = other.members(right.offset as usize, texts)?;
                    Some(left.iter().any(|member| contains(right, *member)))
                })?
            }
            Self::In(entity, above) => {
                let (slot, above) = (rows.word(scope, entity), rows.word(scope, above));
                match entity.offset {
                    0 => scope.is_row_in(slot, rows.row(scope, entity.row), above),
                    _ => scope.is_in(slot, above),
                }
            }
            Self::Among(entity, above, beside) => {
                let number = rows.row(scope, above.row).word(usize::from(above.offset) + 1);
                let at = number.checked_sub(1);
                match at.and_then(|at| rows.row(scope, beside).bit(at)) {
                    Some(is_in) => is_in,
                    None => {
                        let above = rows.word(scope, above);
                        scope.is_row_in(rows.slot(entity.row), rows.row(scope, entity.row), above)
                    }
                }
            }
            Self::InAny { entity, set } => {
                let slot = rows.word(scope, entity);
                let above = rows.row(scope, set.row).members(set.offset as usize, false)?;
                above.iter().any(|above| scope.is_in(slot, *above))
            }
        })
    }
}
