//! Conditions as people write them: rows compared with values, with literals and with each other.
//! Machines decide these by looking at one or two columns, which the nested ones never come to.

use super::expression::{dot, has};
use super::model::{Shape, Ty};
use super::policy::{Holder, Scope};
use super::{Maker, Val};

/// More than these are seldom picked.
const ACCESSES_MAX: usize = 160;
/// How many names lead from a variable to a value.
const NAMES_MAX: usize = 3;

/// Variables, literals and attributes that lead to a value, and what has to be asked on the way.
#[derive(Clone)]
pub(super) struct Access {
    text: String,
    of: Ty,
    guards: Vec<String>,
    names: usize,
}

impl Access {
    fn root(text: String, kind: usize) -> Self {
        Self { text, of: Ty::Entity(kind), guards: Vec::new(), names: 0 }
    }
}

impl Maker<'_> {
    /// What is near first.
    pub(super) fn accesses(&mut self, scope: &Scope) -> Vec<Access> {
        let mut found = Vec::new();
        for kind in 0..self.model.kinds.len() {
            let variables = scope.variable(kind);
            found.extend(variables.into_iter().map(|name| Access::root(name.to_owned(), kind)));
        }
        for (holder, attribute) in &scope.holders {
            let base = match holder {
                Holder::Principal => "principal",
                Holder::Resource => "resource",
                Holder::Context => "context",
                Holder::Kind(_) | Holder::Record(_) => continue,
            };
            found.push(Access {
                text: dot(base, attribute.name),
                of: attribute.of.clone(),
                guards: if attribute.required { vec![] } else { vec![has(base, attribute.name)] },
                names: 1,
            });
        }
        for _ in 0..2 {
            let kind = self.choices.below(self.model.stored);
            let literal = self.uid(kind).to_string();
            found.push(Access::root(literal, kind));
        }
        let mut at = 0;
        while at < found.len() && found.len() < ACCESSES_MAX {
            let from = found[at].clone();
            at += 1;
            let is_root = matches!(from.text.as_str(), "principal" | "resource");
            if from.names >= NAMES_MAX || is_root {
                continue;
            }
            let shape: &Shape = match &from.of {
                Ty::Entity(kind) => &self.model.kinds[*kind].shape,
                Ty::Record(shape) => shape,
                _ => continue,
            };
            for inner in shape {
                let mut guards = from.guards.clone();
                if !inner.required {
                    guards.push(has(&from.text, inner.name));
                }
                let (text, of) = (dot(&from.text, inner.name), inner.of.clone());
                found.push(Access { text, of, guards, names: from.names + 1 });
            }
        }
        found
    }

    /// Questions to one row or two, joined as they may be.
    pub(super) fn plain(&mut self, scope: &Scope, accesses: &[Access], depth: usize) -> String {
        if depth == 0 {
            return self.atom(scope, accesses);
        }
        let mut part = || self.plain(scope, accesses, depth - 1);
        let [one, two] = [part(), part()];
        match self.choices.below(12) {
            0..=4 => format!("({one} && {two})"),
            5..=7 => format!("({one} || {two})"),
            8 => format!("(!{one})"),
            9 => format!("(if {one} then {two} else {})", self.plain(scope, accesses, depth - 1)),
            _ => one,
        }
    }

    fn atom(&mut self, scope: &Scope, accesses: &[Access]) -> String {
        let is_any = |of: &Ty| !matches!(of, Ty::Set(_) | Ty::Record(_));
        let found = match self.choices.below(30) {
            0..=2 => self.equality(accesses, is_any),
            3 | 4 => self.equality(accesses, is_ordered),
            5..=7 => self.order(accesses),
            8..=12 => self.element(accesses),
            13..=16 => self.below_another(accesses),
            17..=19 => self.below_literals(scope, accesses),
            20 => self.presence_of(accesses),
            21 | 22 => self.tag_of_row(accesses),
            23..=26 => self.meeting(accesses),
            _ => None,
        };
        found.or_else(|| self.comparison(accesses)).unwrap_or_else(|| "true".to_owned())
    }

    /// One that is of a wanted type; near ones as often as all others.
    fn one_of<'a>(
        &mut self,
        accesses: &'a [Access],
        wanted: impl Fn(&Ty) -> bool,
    ) -> Option<&'a Access> {
        let fitting: Vec<_> = accesses.iter().filter(|access| wanted(&access.of)).collect();
        let near: Vec<_> = fitting.iter().filter(|access| access.names < 2).copied().collect();
        let among = if near.is_empty() || self.choices.chance(50) { fitting } else { near };
        (!among.is_empty()).then(|| *self.choices.pick(&among))
    }

    /// Whether principal and resource name the same, or the principal is in what a row beyond the
    /// resource names: what most policies of a portal ask first.
    pub(super) fn between(&mut self, scope: &Scope, accesses: &[Access]) -> Option<String> {
        let of = |variable: &str, names: usize| -> Vec<&Access> {
            let is_of = |it: &&Access| it.names == names && it.text.starts_with(variable);
            accesses.iter().filter(is_of).collect()
        };
        let mut pairs: Vec<([&Access; 2], String)> = Vec::new();
        if self.choices.chance(50) {
            for one in of("principal.", 1) {
                for other in of("resource.", 1).into_iter().filter(|other| other.of == one.of) {
                    if matches!(one.of, Ty::Entity(_) | Ty::Str | Ty::Bool) {
                        pairs.push(([one, other], format!("{} == {}", one.text, other.text)));
                    }
                }
            }
        } else {
            let parents: Vec<usize> = scope
                .principals
                .iter()
                .flat_map(|kind| self.model.kinds[*kind].parents.iter().copied())
                .collect();
            let beyond = of("resource.", 2).into_iter().chain(of("resource.", 3));
            let is_above = |it: &&Access| matches!(it.of, Ty::Entity(of) if parents.contains(&of));
            for other in beyond.filter(is_above) {
                pairs.push(([other, other], format!("principal in {}", other.text)));
            }
        }
        let (accesses, question) = (!pairs.is_empty()).then(|| self.choices.pick(&pairs))?;
        Some(self.guarded(accesses, &format!("({question})")))
    }

    fn equality(&mut self, accesses: &[Access], wanted: fn(&Ty) -> bool) -> Option<String> {
        let one = self.one_of(accesses, wanted)?;
        let other = self.one_of(accesses, |of| *of == one.of)?;
        let sign = self.choices.word(&["==", "==", "!="]);
        Some(self.guarded(&[one, other], &format!("({} {sign} {})", one.text, other.text)))
    }

    fn order(&mut self, accesses: &[Access]) -> Option<String> {
        let one = self.one_of(accesses, is_ordered)?;
        let other = self.one_of(accesses, |of| *of == one.of)?;
        let sign = self.choices.word(&["<", "<=", ">", ">="]);
        Some(self.guarded(&[one, other], &format!("({} {sign} {})", one.text, other.text)))
    }

    fn element(&mut self, accesses: &[Access]) -> Option<String> {
        let whole = if self.choices.chance(50) {
            self.one_of(accesses, |of| *of == super::model::set(Ty::Str))
        } else {
            self.one_of(accesses, |of| matches!(of, Ty::Set(_)))
        }?;
        let Ty::Set(element) = &whole.of else { return None };
        let element = self.one_of(accesses, |of| *of == **element)?;
        Some(self.guarded(&[whole, element], &format!("{}.contains({})", whole.text, element.text)))
    }

    /// Two sets, which may have a member in common.
    fn meeting(&mut self, accesses: &[Access]) -> Option<String> {
        let is_plain = |of: &Ty| match of {
            Ty::Set(element) => matches!(**element, Ty::Str | Ty::Entity(_)),
            _ => false,
        };
        let one = self.one_of(accesses, is_plain)?;
        let others = |of: &Ty| *of == one.of;
        let different: Vec<Access> =
            accesses.iter().filter(|it| others(&it.of) && it.text != one.text).cloned().collect();
        let other = self.one_of(&different, others).unwrap_or(one);
        let question = format!("{}.containsAny({})", one.text, other.text);
        Some(self.guarded(&[one, other], &question))
    }

    fn below_another(&mut self, accesses: &[Access]) -> Option<String> {
        let one = self.one_of(accesses, |of| matches!(of, Ty::Entity(_)))?;
        let Ty::Entity(kind) = one.of else { return None };
        let above = Ty::Entity(self.above(kind));
        let many = super::model::set(above.clone());
        let sets = self.choices.chance(60);
        let other = self.one_of(accesses, |of| *of == if sets { &many } else { &above }.clone());
        let other = other.or_else(|| self.one_of(accesses, |of| matches!(of, Ty::Entity(_))))?;
        Some(self.guarded(&[one, other], &format!("({} in {})", one.text, other.text)))
    }

    fn below_literals(&mut self, scope: &Scope, accesses: &[Access]) -> Option<String> {
        let (entity, kind, guards) = if self.choices.chance(15) {
            ("action".to_owned(), self.model.action_kind(), None)
        } else {
            let one = self.one_of(accesses, |of| matches!(of, Ty::Entity(_)))?;
            let Ty::Entity(kind) = one.of else { return None };
            (one.text.clone(), kind, Some(one))
        };
        let count = *self.choices.pick(&[1, 1, 2, 3]);
        let mut group = || {
            let above = self.above(kind);
            self.uid(above).to_string()
        };
        let groups: Vec<String> = (0..count).map(|_| group()).collect();
        let groups = match &groups[..] {
            [only] => only.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let is_principal = entity == "principal" && scope.principals.len() == 1;
        let is = if is_principal && self.choices.chance(20) {
            format!(" is {}", self.model.kinds[kind].name)
        } else {
            String::new()
        };
        let guards: Vec<&Access> = guards.into_iter().collect();
        Some(self.guarded(&guards, &format!("({entity}{is} in {groups})")))
    }

    fn presence_of(&mut self, accesses: &[Access]) -> Option<String> {
        let optional: Vec<_> = accesses.iter().filter(|it| !it.guards.is_empty()).collect();
        if optional.is_empty() {
            return None;
        }
        Some(self.choices.pick(&optional).guards.join(" && ")).map(|all| format!("({all})"))
    }

    fn tag_of_row(&mut self, accesses: &[Access]) -> Option<String> {
        let model = self.model;
        let tags = |of: &Ty| match of {
            Ty::Entity(kind) => model.kinds[*kind].tags.as_ref(),
            _ => None,
        };
        let one = self.one_of(accesses, |of| tags(of).is_some())?;
        let key = self.key();
        let there = format!("{}.hasTag({key:?})", one.text);
        let of = tags(&one.of)?;
        if self.choices.chance(40) || matches!(of, Ty::Set(_) | Ty::Record(_)) {
            return Some(self.guarded(&[one], &there));
        }
        let tag = format!("{}.getTag({key:?})", one.text);
        let question = match self.one_of(accesses, |other| other == of) {
            Some(other) if other.guards.is_empty() => format!("({tag} == {})", other.text),
            _ => format!("({tag} == {})", self.constant(of)),
        };
        Some(self.guarded(&[one], &format!("({there} && {question})")))
    }

    /// One row alone, and a value.
    fn comparison(&mut self, accesses: &[Access]) -> Option<String> {
        let one = self.one_of(accesses, |of| !matches!(of, Ty::Set(_) | Ty::Record(_)))?;
        let text = &one.text;
        let value = Val::to_policy(&self.value(&one.of, 0, 0));
        let question = match &one.of {
            Ty::Bool => text.clone(),
            Ty::Long | Ty::Datetime | Ty::Duration => {
                format!("({text} {} {value})", self.choices.pick(&["<", "<=", ">", ">=", "=="]))
            }
            Ty::Str if self.choices.chance(30) => format!("({text} like \"{}\")", self.pattern()),
            Ty::Str | Ty::Entity(_) if self.choices.chance(40) => {
                let other = Val::to_policy(&self.value(&one.of, 0, 0));
                format!("[{value}, {other}].contains({text})")
            }
            Ty::Decimal => format!("{text}.lessThanOrEqual({value})"),
            Ty::Ip => format!("{text}.isInRange({value})"),
            _ => format!("({text} == {value})"),
        };
        Some(self.guarded(&[one], &question))
    }

    fn guarded(&mut self, accesses: &[&Access], question: &str) -> String {
        let mut guards: Vec<&str> = Vec::new();
        for guard in accesses.iter().flat_map(|access| &access.guards) {
            if !guards.contains(&guard.as_str()) {
                guards.push(guard);
            }
        }
        if guards.is_empty() {
            return question.to_owned();
        }
        let guards = guards.join(" && ");
        if self.choices.chance(15) {
            format!("(if {guards} then {question} else true)")
        } else {
            format!("({guards} && {question})")
        }
    }
}

const fn is_ordered(of: &Ty) -> bool {
    matches!(of, Ty::Long | Ty::Datetime | Ty::Duration)
}
