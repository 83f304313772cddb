//! Policy text: expressions of a wanted type, over whatever leads to one.

use super::value::{DECIMALS, LONGS, STRINGS, Val};
use super::{ACTION, ACTIONS, DOC, GROUP, Maker, Shape, TYPES, Ty, USER, Uid, tags_of};

const DEPTH: usize = 4;

#[derive(Debug)]
pub(in crate::oracle) struct Policy {
    pub(in crate::oracle) id: String,
    pub(in crate::oracle) effect: &'static str,
    pub(in crate::oracle) template: bool,
    pub(in crate::oracle) text: String,
}

/// A link of a template. Its id is the template's, an `@` and a number.
#[derive(Debug)]
pub(in crate::oracle) struct Link {
    pub(in crate::oracle) template: String,
    pub(in crate::oracle) id: String,
    pub(in crate::oracle) principal: Option<Uid>,
    pub(in crate::oracle) resource: Option<Uid>,
}

impl Maker<'_> {
    pub(super) fn policies(&mut self) -> (Vec<Policy>, Vec<Link>) {
        let count = *self.tape.pick(&[8, 1, 3, 12, 20]);
        let mut links = Vec::new();
        let mut policies = Vec::new();
        for number in 0..count {
            let id = format!("p{number:02}");
            let effect = *self.tape.pick(&["permit", "permit", "permit", "forbid"]);
            let [by_principal, by_resource] = [(); 2].map(|()| self.tape.chance(12));
            let template = by_principal || by_resource;
            let principal = self.scope("principal", USER, by_principal);
            let action = self.action_scope();
            let resource = self.scope("resource", DOC, by_resource);
            let mut text = format!("@id(\"{id}\")\n");
            if effect == "forbid" && self.tape.chance(80) {
                let step = self.tape.below(5);
                text += &format!("@step(\"{step:02}\")\n@rank(\"{}\")\n", self.tape.below(2));
                if self.tape.chance(80) {
                    text += &format!("@reason(\"R{}\")\n", self.tape.below(4));
                }
            }
            text += &format!("{effect} ({principal}, {action}, {resource})");
            for _ in 0..*self.tape.pick(&[1, 1, 2, 0]) {
                let word = *self.tape.pick(&["when", "when", "unless"]);
                text += &format!("\n{word} {{ {} }}", self.expression(&Ty::Bool, DEPTH));
            }
            text += ";\n";
            if template {
                for link in 0..self.tape.below(3) {
                    links.push(Link {
                        template: id.clone(),
                        id: format!("{id}@{link}"),
                        principal: by_principal.then(|| self.link_target(USER)),
                        resource: by_resource.then(|| self.link_target(DOC)),
                    });
                }
            }
            policies.push(Policy { id, effect, template, text });
        }
        (policies, links)
    }

    fn link_target(&mut self, of: usize) -> Uid {
        let of = *self.tape.pick(&[of, GROUP]);
        self.uid(of)
    }

    fn scope(&mut self, variable: &str, of: usize, slot: bool) -> String {
        let type_name = TYPES[of];
        let whom = if slot {
            format!("?{variable}")
        } else {
            let of = *self.tape.pick(&[of, GROUP]);
            self.uid(of).to_string()
        };
        match (self.tape.below(if slot { 2 } else { 7 }), slot) {
            (0, true) => format!("{variable} in {whom}"),
            (1, true) => format!("{variable} is {type_name} in {whom}"),
            (1, false) => format!("{variable} == {}", self.uid(of)),
            (2, false) => format!("{variable} in {whom}"),
            (3, false) => format!("{variable} is {type_name}"),
            (4, false) => format!("{variable} is {type_name} in {whom}"),
            _ => variable.to_owned(),
        }
    }

    fn action_scope(&mut self) -> String {
        let [one, two] = [(); 2].map(|()| *self.tape.pick(&ACTIONS));
        match self.tape.below(6) {
            1 => format!("action == Action::\"{one}\""),
            2 => format!("action in Action::\"{one}\""),
            3 => format!("action in [Action::\"{one}\", Action::\"{two}\"]"),
            _ => "action".to_owned(),
        }
    }

    /// An expression of a type, or now and then of another where no schema forbids it.
    fn expression(&mut self, of: &Ty, depth: usize) -> String {
        if !self.schema && self.tape.chance(2) {
            let other = self.any_type();
            return self.typed(&other, depth.saturating_sub(1));
        }
        self.typed(of, depth)
    }

    fn typed(&mut self, of: &Ty, depth: usize) -> String {
        if depth == 0 {
            return if self.tape.chance(60) { self.attribute(of, 0) } else { self.constant(of) };
        }
        let deeper = depth - 1;
        match self.tape.below(10) {
            0 => self.constant(of),
            1..=3 => self.attribute(of, deeper),
            4 => {
                let condition = self.expression(&Ty::Bool, deeper);
                let [yes, no] = [(); 2].map(|()| self.expression(of, deeper));
                format!("(if {condition} then {yes} else {no})")
            }
            _ => self.operation(of, deeper),
        }
    }

    fn operation(&mut self, of: &Ty, depth: usize) -> String {
        match of {
            Ty::Bool => self.question(depth),
            Ty::Long => self.number(depth),
            Ty::Entity(of) => self.entity(*of, depth),
            Ty::Datetime => match self.tape.below(2) {
                0 => {
                    let [moment, length] =
                        [&Ty::Datetime, &Ty::Duration].map(|of| self.expression(of, depth));
                    format!("{moment}.offset({length})")
                }
                _ => format!("{}.toDate()", self.expression(&Ty::Datetime, depth)),
            },
            Ty::Duration => match self.tape.below(2) {
                0 => {
                    let [one, two] = [(); 2].map(|()| self.expression(&Ty::Datetime, depth));
                    format!("{one}.durationSince({two})")
                }
                _ => format!("{}.toTime()", self.expression(&Ty::Datetime, depth)),
            },
            Ty::Set(element) => {
                let length = self.tape.below(2) + usize::from(self.schema || self.tape.chance(90));
                let elements: Vec<_> =
                    (0..length).map(|_| self.expression(element, depth)).collect();
                format!("[{}]", elements.join(", "))
            }
            Ty::Record(shape) => {
                let mut attributes = Vec::new();
                for (name, of, required) in shape.attributes() {
                    if required || (!self.schema && self.tape.chance(50)) {
                        attributes.push(format!("{name}: {}", self.expression(&of, depth / 2)));
                    }
                }
                format!("{{{}}}", attributes.join(", "))
            }
            Ty::Str | Ty::Decimal | Ty::Ip => self.constant(of),
        }
    }

    fn question(&mut self, depth: usize) -> String {
        match self.tape.below(18) {
            0 => format!("!{}", self.expression(&Ty::Bool, depth)),
            1 | 2 => {
                let [one, two] = [(); 2].map(|()| self.expression(&Ty::Bool, depth));
                format!("({one} {} {two})", self.tape.pick(&["&&", "||"]))
            }
            3 | 4 => {
                let of = self.any_type();
                let [one, two] = [(); 2].map(|()| self.expression(&of, depth));
                format!("({one} {} {two})", self.tape.pick(&["==", "!="]))
            }
            5 => {
                let of = self.tape.pick(&[Ty::Long, Ty::Datetime, Ty::Duration]).clone();
                let [one, two] = [(); 2].map(|()| self.expression(&of, depth));
                format!("({one} {} {two})", self.tape.pick(&["<", "<=", ">", ">="]))
            }
            6..=8 => self.membership(depth),
            9 => {
                let of = *self.tape.pick(&[USER, DOC, GROUP]);
                let entity = self.expression(&Ty::Entity(of), depth);
                let group = self.uid(GROUP);
                match self.tape.below(2) {
                    0 => format!("({entity} is {})", TYPES[self.tape.below(3)]),
                    _ => format!("({entity} is {} in {group})", TYPES[of]),
                }
            }
            10 => {
                let pattern = *self.tape.pick(&["*", "a*", "a\\*b", "*😀", "", "k*y*"]);
                format!("({} like \"{pattern}\")", self.expression(&Ty::Str, depth))
            }
            11 | 12 => {
                let element = self.any_element();
                let set = self.expression(&Ty::Set(Box::new(element.clone())), depth);
                match self.tape.below(4) {
                    0 => format!("{set}.contains({})", self.expression(&element, depth)),
                    1 => format!("{set}.isEmpty()"),
                    more => {
                        let other = self.expression(&Ty::Set(Box::new(element)), depth);
                        let method = if more == 2 { "containsAll" } else { "containsAny" };
                        format!("{set}.{method}({other})")
                    }
                }
            }
            13 | 14 => self.presence(depth),
            15 => {
                let of = *self.tape.pick(&[USER, GROUP, DOC]);
                let entity = self.expression(&Ty::Entity(of), depth);
                format!("{entity}.hasTag({})", self.expression(&Ty::Str, 0))
            }
            16 => {
                let address = self.expression(&Ty::Ip, depth);
                match self.tape.below(5) {
                    0 => format!("{address}.isInRange({})", self.expression(&Ty::Ip, depth)),
                    1 => format!("{address}.isIpv4()"),
                    2 => format!("{address}.isIpv6()"),
                    3 => format!("{address}.isLoopback()"),
                    _ => format!("{address}.isMulticast()"),
                }
            }
            _ => {
                let [one, two] = [(); 2].map(|()| self.expression(&Ty::Decimal, depth));
                let methods = ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"];
                format!("{one}.{}({two})", self.tape.pick(&methods))
            }
        }
    }

    fn any_element(&mut self) -> Ty {
        let elements = [
            Ty::Entity(USER),
            Ty::Entity(GROUP),
            Ty::Entity(DOC),
            Ty::Entity(ACTION),
            Ty::Long,
            Ty::Str,
            Ty::Record(Shape::Element),
        ];
        self.tape.pick(&elements).clone()
    }

    /// `in`, with an entity, a list or a set on the right.
    fn membership(&mut self, depth: usize) -> String {
        let (below, above) = *self.tape.pick(&[
            (USER, GROUP),
            (USER, USER),
            (DOC, USER),
            (DOC, GROUP),
            (GROUP, GROUP),
            (ACTION, ACTION),
            (ACTION, ACTION),
        ]);
        let entity = self.expression(&Ty::Entity(below), depth);
        let whom = match self.tape.below(2) {
            0 => self.expression(&Ty::Entity(above), depth),
            _ => self.expression(&Ty::Set(Box::new(Ty::Entity(above))), depth),
        };
        format!("({entity} in {whom})")
    }

    fn presence(&mut self, depth: usize) -> String {
        let shape = *self.tape.pick(&Shape::ALL);
        let base = self.base(shape, depth);
        let attributes = shape.attributes();
        let (name, of, _) = self.tape.pick(&attributes).clone();
        match of {
            Ty::Record(inner) if self.tape.chance(60) => {
                let inner = inner.attributes();
                format!("({base} has {name}.{})", self.tape.pick(&inner).0)
            }
            _ if !self.schema && self.tape.chance(10) => format!("({base} has nothing)"),
            _ => format!("({base} has {name})"),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        match self.tape.below(6) {
            0 => format!("(-{})", self.expression(&Ty::Long, depth)),
            1 => {
                let length = self.expression(&Ty::Duration, depth);
                let units = ["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"];
                format!("{length}.{}()", self.tape.pick(&units))
            }
            _ => {
                let [one, two] = [(); 2].map(|()| self.expression(&Ty::Long, depth));
                format!("({one} {} {two})", self.tape.pick(&["+", "-", "*"]))
            }
        }
    }

    fn entity(&mut self, of: usize, depth: usize) -> String {
        match (self.tape.below(4), of) {
            (0, _) => {
                // Through a record that the policy makes.
                let entity = self.expression(&Ty::Entity(of), depth);
                format!("{{x: {entity}, y: 1}}.x")
            }
            (1, USER) => self.tag(USER, depth),
            (_, USER) => "principal".to_owned(),
            (_, DOC) => "resource".to_owned(),
            (_, ACTION) => "action".to_owned(),
            _ => self.attribute(&Ty::Entity(of), depth),
        }
    }

    fn tag(&mut self, of: usize, depth: usize) -> String {
        let entity = self.expression(&Ty::Entity(of), depth);
        let key = format!("{:?}", self.tape.pick(STRINGS));
        if self.schema || self.tape.chance(50) {
            let otherwise = self.constant(&tags_of(of));
            format!("(if {entity}.hasTag({key}) then {entity}.getTag({key}) else {otherwise})")
        } else {
            format!("{entity}.getTag({key})")
        }
    }

    /// An attribute of this type, of whatever has one.
    fn attribute(&mut self, of: &Ty, depth: usize) -> String {
        let tagged = [GROUP, DOC].into_iter().find(|owner| tags_of(*owner) == *of);
        if let Some(owner) = tagged
            && self.tape.chance(30)
        {
            return self.tag(owner, depth);
        }
        let holders: Vec<(Shape, &str, bool)> = Shape::ALL
            .into_iter()
            .flat_map(|shape| shape.attributes().into_iter().map(move |a| (shape, a)))
            .filter(|(_, (_, held, _))| held == of)
            .map(|(shape, (name, _, required))| (shape, name, required))
            // What lies in records takes depth to reach.
            .filter(|(shape, ..)| depth > 0 || !shape.of_record())
            .collect();
        if holders.is_empty() {
            return self.constant(of);
        }
        let (shape, name, required) = *self.tape.pick(&holders);
        let base = self.base(shape, depth);
        if required || (!self.schema && self.tape.chance(50)) {
            format!("{base}.{name}")
        } else {
            format!("(if {base} has {name} then {base}.{name} else {})", self.constant(of))
        }
    }

    fn base(&mut self, shape: Shape, depth: usize) -> String {
        match shape {
            Shape::Context => "context".to_owned(),
            Shape::Entity if depth == 0 => {
                (*self.tape.pick(&["principal", "resource", "context.u"])).to_owned()
            }
            Shape::Entity => {
                let of = *self.tape.pick(&[USER, DOC, GROUP]);
                self.expression(&Ty::Entity(of), depth - 1)
            }
            record => self.expression(&Ty::Record(record), depth.saturating_sub(1)),
        }
    }

    fn constant(&mut self, of: &Ty) -> String {
        if !self.schema && self.tape.chance(3) {
            let bad = match of {
                Ty::Decimal => Some("decimal(\"1.23456\")"),
                Ty::Ip => Some("ip(\"10.0.0.256\")"),
                Ty::Datetime => Some("datetime(\"2026-02-30\")"),
                Ty::Duration => Some("duration(\"1m1h\")"),
                _ => None,
            };
            if let Some(bad) = bad {
                return bad.to_owned();
            }
        }
        match of {
            Ty::Long => format!("({})", self.tape.pick(LONGS)),
            Ty::Decimal => format!("decimal(\"{}\")", self.tape.pick(DECIMALS)),
            // Strict validation takes no empty set.
            Ty::Set(element) => format!("[{}]", self.constant(element)),
            Ty::Record(_) if self.schema => {
                let mut whole = self.value(of, 0, 4);
                fill(&mut whole);
                whole.to_policy()
            }
            _ => self.value(of, 0, 4).to_policy(),
        }
    }
}

/// Puts an element into each empty set: strict validation takes none.
fn fill(value: &mut Val) {
    if let Val::Record(attributes) = value {
        for (name, value) in attributes {
            match value {
                Val::Set(elements) if elements.is_empty() => {
                    // Every set in a record of the generator is one of users.
                    assert_eq!(*name, "us");
                    elements.push(Val::Entity(Uid::new(USER, "0")));
                }
                inner => fill(inner),
            }
        }
    }
}
