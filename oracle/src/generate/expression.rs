//! Text of expressions of a wanted type, over whatever leads to one.

use std::fmt::Write as _;
use std::sync::Arc;

use super::model::{Attribute, Shape, Ty, set};
use super::policy::{Holder, Scope};
use super::value::{LONGS, STRINGS};
use super::{Maker, Val};

const DEPTH: usize = 4;

fn is_plain(name: &str) -> bool {
    !matches!(name, "if" | "in" | "is" | "like" | "has" | "then" | "else" | "true" | "false")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) fn dot(base: &str, name: &str) -> String {
    if is_plain(name) { format!("{base}.{name}") } else { format!("{base}[{name:?}]") }
}

pub(super) fn has(base: &str, name: &str) -> String {
    if is_plain(name) { format!("({base} has {name})") } else { format!("({base} has {name:?})") }
}

impl Maker<'_> {
    /// A question, or some that are all evaluated, whatever the others come to.
    pub(super) fn condition(&mut self, scope: &Scope) -> String {
        let questions = *self.choices.pick(&[1, 1, 2, 4, 6]);
        let mut ask = || {
            let depth = self.choices.below(DEPTH);
            self.question(scope, depth)
        };
        if questions == 1 {
            return ask();
        }
        let questions: Vec<String> = (0..questions).map(|_| ask()).collect();
        let answer = self.choices.word(&["true", "true", "false"]);
        format!("[{}].contains({answer})", questions.join(", "))
    }

    /// Mostly one that something has.
    fn some_type(&mut self, scope: &Scope) -> Ty {
        if scope.holders.is_empty() || self.choices.chance(20) {
            return self.model.any_type(self.choices, 1);
        }
        self.choices.pick(&scope.holders).1.of.clone()
    }

    /// An expression of a type, or now and then of another where no schema forbids it.
    fn expression(&mut self, scope: &Scope, of: &Ty, depth: usize) -> String {
        if !self.schema && self.choices.chance(1 + self.strays / 2) {
            let other = self.model.any_type(self.choices, 1);
            return self.typed(scope, &other, depth.saturating_sub(1));
        }
        self.typed(scope, of, depth)
    }

    fn two(&mut self, scope: &Scope, of: &Ty, depth: usize) -> [String; 2] {
        [(); 2].map(|()| self.expression(scope, of, depth))
    }

    fn typed(&mut self, scope: &Scope, of: &Ty, depth: usize) -> String {
        if depth == 0 || self.fuel == 0 {
            let constant = self.choices.chance(40);
            return if constant { self.constant(of) } else { self.attribute(scope, of, 0) };
        }
        self.fuel -= 1;
        let deeper = depth - 1;
        match self.choices.below(12) {
            0 => self.constant(of),
            1..=3 => self.attribute(scope, of, deeper),
            4 => {
                let condition = self.expression(scope, &Ty::Bool, deeper);
                let [yes, no] = self.two(scope, of, deeper);
                format!("(if {condition} then {yes} else {no})")
            }
            5 => self.tag_of(scope, of, deeper),
            _ => self.operation(scope, of, deeper),
        }
    }

    fn operation(&mut self, scope: &Scope, of: &Ty, depth: usize) -> String {
        if self.choices.chance(9)
            && let Some(edge) = self.edge(scope, of)
        {
            return edge;
        }
        match of {
            Ty::Bool => self.question(scope, depth),
            Ty::Long => self.number(scope, depth),
            Ty::Entity(kind) => self.entity(scope, *kind, depth),
            Ty::Datetime | Ty::Duration if !self.schema && self.choices.chance(50) => {
                self.constructed(scope, of, depth)
            }
            Ty::Datetime => match self.choices.below(3) {
                0 => format!("{}.toDate()", self.expression(scope, &Ty::Datetime, depth)),
                _ => {
                    let moment = self.expression(scope, &Ty::Datetime, depth);
                    format!("{moment}.offset({})", self.expression(scope, &Ty::Duration, depth))
                }
            },
            Ty::Duration => match self.choices.below(2) {
                0 => {
                    let [one, two] = self.two(scope, &Ty::Datetime, depth);
                    format!("{one}.durationSince({two})")
                }
                _ => format!("{}.toTime()", self.expression(scope, &Ty::Datetime, depth)),
            },
            Ty::Set(element) => {
                let length = self.choices.below(3) + usize::from(self.schema);
                let elements: Vec<_> =
                    (0..length).map(|_| self.expression(scope, element, depth)).collect();
                format!("[{}]", elements.join(", "))
            }
            Ty::Record(shape) => self.record(scope, shape, depth),
            Ty::Str | Ty::Decimal | Ty::Ip => self.constructed(scope, of, depth),
        }
    }

    /// What overflows, or nearly.
    fn edge(&mut self, scope: &Scope, of: &Ty) -> Option<String> {
        let epoch = "datetime(\"1970-01-01\")";
        let next = "datetime(\"1969-12-31\")";
        let moment =
            if self.choices.chance(25) { epoch.to_owned() } else { self.late(scope, epoch, next) };
        let [least, most] = ["-9223372036854775808ms", "9223372036854775807ms"]
            .map(|length| format!("{moment}.offset(duration({length:?}))"));
        let later = self.choices.chance(50);
        Some(match of {
            Ty::Long if later => {
                let [one, two] = [i64::MIN, i64::MAX].map(|number| format!("({number})"));
                format!("(-{})", self.late(scope, &one, &two))
            }
            Ty::Long => format!("(-({}))", self.choices.pick(&[i64::MIN, i64::MIN, i64::MAX])),
            Ty::Datetime if later && self.choices.chance(30) => format!("{most}.toDate()"),
            Ty::Datetime => format!("{least}.toDate()"),
            Ty::Duration if later => format!("{most}.durationSince(datetime(\"1969-12-31\"))"),
            Ty::Duration => format!("{least}.toTime()"),
            _ => return None,
        })
    }

    fn record(&mut self, scope: &Scope, shape: &Shape, depth: usize) -> String {
        let mut attributes = Vec::new();
        for attribute in shape {
            // A literal has no optional members: strict validation takes it for another type.
            let there = if self.schema { true } else { !self.choices.chance(15) };
            if there {
                let value = self.expression(scope, &attribute.of, depth / 2);
                attributes.push(format!("{:?}: {value}", attribute.name));
            }
        }
        format!("{{{}}}", attributes.join(", "))
    }

    /// A value that a constructor makes of whatever text, right or wrong.
    fn constructed(&mut self, scope: &Scope, of: &Ty, depth: usize) -> String {
        let function = match of {
            Ty::Decimal => "decimal",
            Ty::Ip => "ip",
            Ty::Datetime => "datetime",
            Ty::Duration => "duration",
            _ => return self.constant(of),
        };
        if self.schema || self.choices.chance(30) {
            return self.constant(of);
        }
        let argument = match self.choices.below(6) {
            0 => self.expression(scope, &Ty::Str, depth),
            1 => format!("{:?}", self.choices.word(STRINGS)),
            2 => format!("{:?}", self.choices.word(texts(of))),
            _ => {
                let [one, two] = [(); 2].map(|()| format!("{:?}", self.choices.word(texts(of))));
                self.late(scope, &one, &two)
            }
        };
        format!("{function}({argument})")
    }

    /// One or the other: which, no compiler knows.
    fn late(&mut self, scope: &Scope, one: &str, two: &str) -> String {
        let condition = match self.choices.below(3) {
            0 => "principal == resource".to_owned(),
            1 => self.attribute(scope, &Ty::Bool, 0),
            _ => "(context has n)".to_owned(),
        };
        format!("(if {condition} then {one} else {two})")
    }

    /// An operator with an operand of whatever type, or a constructor with any text.
    fn mistaken(&mut self, scope: &Scope, depth: usize) -> String {
        let [one, two] = [(); 2].map(|()| {
            let of = self.some_type(scope);
            self.typed(scope, &of, depth / 2)
        });
        let fit = |maker: &mut Self, of: Ty| maker.typed(scope, &of, 0);
        let unary = [
            "toDate",
            "toTime",
            "toMilliseconds",
            "toSeconds",
            "toMinutes",
            "toHours",
            "toDays",
            "isIpv4",
            "isIpv6",
            "isLoopback",
            "isMulticast",
            "isEmpty",
        ];
        let number = self.choices.below(unary.len() + 48);
        if let Some(method) = unary.get(number) {
            return format!("({one}.{method}() == {two})");
        }
        let other = match number - unary.len() {
            0 => return format!("(!{one})"),
            1 => return format!("((-{one}) == {two})"),
            2 | 36 => return format!("({one} is {})", self.model.kinds[0].name),
            3 => return format!("({one} like \"a*\")"),
            4 => return format!("({one} has n)"),
            5 => return format!("({} == {two})", dot(&one, "n")),
            6 => return format!("(if {one} then true else false)"),
            7 | 34 | 35 => return format!("(decimal({one}) == {two})"),
            8 => return format!("(ip({one}) == {two})"),
            9 => return format!("(datetime({one}) == {two})"),
            10 => return format!("(duration({one}) == {two})"),
            11 | 12 => return format!("({one} && {two})"),
            13 | 14 => return format!("({one} || {two})"),
            15 => return format!("({one} < {two})"),
            16 => return format!("({one} <= {two})"),
            17 => return format!("({one} in {two})"),
            18 => return format!("{one}.hasTag({two})"),
            19 => return format!("({one}.getTag({two}) == {two})"),
            other => other,
        };
        let sets = ["contains", "containsAll", "containsAny"];
        let decimals = ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"];
        match other {
            20 | 28 => format!("(({one} {} {two}) == 1)", self.choices.pick(&["+", "-", "*"])),
            21 | 29 | 30 => {
                let fitting = fit(self, Ty::Long);
                format!("(({fitting} {} {two}) == 1)", self.choices.pick(&["+", "-", "*"]))
            }
            22 | 32 | 33 => format!("{one}.{}({two})", self.choices.pick(&sets)),
            23 => format!("{one}.isInRange({})", fit(self, Ty::Ip)),
            24 | 31 => format!("({one}.offset({}) == {two})", fit(self, Ty::Duration)),
            25 => format!("({one}.durationSince({}) == {two})", fit(self, Ty::Datetime)),
            40.. => {
                let of = self.choices.pick(&[Ty::Datetime, Ty::Duration, Ty::Decimal, Ty::Ip]);
                let of = of.clone();
                format!("({} == {two})", self.constructed(scope, &of, depth / 2))
            }
            _ => {
                let fitting = fit(self, Ty::Decimal);
                let method = self.choices.word(&decimals);
                format!("{fitting}.{method}({two})")
            }
        }
    }

    fn question(&mut self, scope: &Scope, depth: usize) -> String {
        if !self.schema && self.choices.chance(26) {
            return self.mistaken(scope, depth);
        }
        match self.choices.below(33) {
            0 => format!("(!{})", self.expression(scope, &Ty::Bool, depth)),
            1..=5 => {
                let [one, two] = self.two(scope, &Ty::Bool, depth);
                format!("({one} {} {two})", self.choices.pick(&["&&", "||"]))
            }
            6..=8 => {
                let of = self.some_type(scope);
                let [one, two] = self.two(scope, &of, depth);
                format!("({one} {} {two})", self.choices.pick(&["==", "!="]))
            }
            9 | 10 => {
                let of = self.choices.pick(&[Ty::Long, Ty::Datetime, Ty::Duration]).clone();
                let [one, two] = self.two(scope, &of, depth);
                format!("({one} {} {two})", self.choices.pick(&["<", "<=", ">", ">="]))
            }
            11..=13 => self.membership(scope, depth),
            14 | 15 => self.kind_test(scope, depth),
            16 | 17 => {
                let pattern = self.pattern();
                format!("({} like \"{pattern}\")", self.expression(scope, &Ty::Str, depth))
            }
            18..=20 => self.set_test(scope, depth),
            21..=23 => self.presence(scope, depth),
            24 => {
                let kind = self.choices.below(self.model.stored);
                let entity = self.expression(scope, &Ty::Entity(kind), depth);
                let key = self.tag_key(scope);
                format!("{entity}.hasTag({key})")
            }
            30..=32 => self.tag_test(scope, depth),
            25..=27 => {
                let address = self.expression(scope, &Ty::Ip, depth);
                match self.choices.below(7) {
                    0..=2 => {
                        format!("{address}.isInRange({})", self.expression(scope, &Ty::Ip, depth))
                    }
                    3 => format!("{address}.isIpv4()"),
                    4 => format!("{address}.isIpv6()"),
                    5 => format!("{address}.isLoopback()"),
                    _ => format!("{address}.isMulticast()"),
                }
            }
            _ => {
                let [one, two] = self.two(scope, &Ty::Decimal, depth);
                let methods = ["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"];
                format!("{one}.{}({two})", self.choices.pick(&methods))
            }
        }
    }

    fn set_test(&mut self, scope: &Scope, depth: usize) -> String {
        // What sets there are, or any.
        let held: Vec<Ty> = scope
            .holders
            .iter()
            .filter_map(|(_, attribute)| {
                if let Ty::Set(element) = &attribute.of { Some((**element).clone()) } else { None }
            })
            .collect();
        let element = if held.is_empty() || self.choices.chance(25) {
            self.model.any_type(self.choices, 1)
        } else {
            self.choices.pick(&held).clone()
        };
        let of = set(element.clone());
        let whole = self.expression(scope, &of, depth);
        match self.choices.below(5) {
            0 | 1 => format!("{whole}.contains({})", self.expression(scope, &element, depth)),
            2 => format!("{whole}.isEmpty()"),
            more => {
                let other = self.expression(scope, &of, depth);
                let method = if more == 3 { "containsAll" } else { "containsAny" };
                format!("{whole}.{method}({other})")
            }
        }
    }

    fn kind_test(&mut self, scope: &Scope, depth: usize) -> String {
        let (entity, kind) = match self.choices.below(3) {
            0 => ("principal".to_owned(), *self.choices.pick(&scope.principals)),
            1 => ("resource".to_owned(), *self.choices.pick(&scope.resources)),
            _ => {
                let kind = self.choices.below(self.model.kinds.len());
                (self.expression(scope, &Ty::Entity(kind), depth), kind)
            }
        };
        let asked =
            if self.choices.chance(25) { self.choices.below(self.model.kinds.len()) } else { kind };
        let name = self.model.kinds[asked].name;
        if self.choices.chance(50) {
            return format!("({entity} is {name})");
        }
        let whom = self.group_of(scope, kind, depth);
        format!("({entity} is {name} in {whom})")
    }

    /// What an entity of a kind may be in: an entity, a set or a list.
    fn group_of(&mut self, scope: &Scope, kind: usize, depth: usize) -> String {
        let above = self.above(kind);
        match self.choices.below(3) {
            0 => self.expression(scope, &set(Ty::Entity(above)), depth),
            _ => self.expression(scope, &Ty::Entity(above), depth),
        }
    }

    /// `in`, with an entity, a list or a set on the right.
    fn membership(&mut self, scope: &Scope, depth: usize) -> String {
        let (entity, kind) = match self.choices.below(5) {
            0 => ("principal".to_owned(), *self.choices.pick(&scope.principals)),
            1 => ("resource".to_owned(), *self.choices.pick(&scope.resources)),
            2 => ("action".to_owned(), self.model.action_kind()),
            _ => {
                let kind = self.choices.below(self.model.kinds.len());
                (self.expression(scope, &Ty::Entity(kind), depth), kind)
            }
        };
        format!("({entity} in {})", self.group_of(scope, kind, depth))
    }

    /// A text with stars in places.
    pub(super) fn pattern(&mut self) -> String {
        let text = self.choices.word(STRINGS);
        let mut pattern = String::new();
        if self.choices.chance(30) {
            pattern.push('*');
        }
        for letter in text.chars() {
            match (self.choices.below(6), letter) {
                (1, _) => pattern.push('*'),
                (2, _) if self.choices.chance(30) => pattern.push_str("\\*"),
                (_, '*') => pattern.push_str("\\*"),
                (_, '"' | '\\') => pattern.extend(['\\', letter]),
                _ => pattern.push(letter),
            }
        }
        if self.choices.chance(30) {
            pattern.push('*');
        }
        pattern
    }

    fn presence(&mut self, scope: &Scope, depth: usize) -> String {
        let Some((holder, attribute)) = self.holder(scope, |_| true, depth) else {
            return self.constant(&Ty::Bool);
        };
        let base = self.base(scope, &holder, depth);
        if !self.schema && self.choices.chance(5) {
            return has(&base, "nothing");
        }
        let mut path = vec![attribute.name];
        let mut of = attribute.of;
        while is_plain(path[path.len() - 1]) && path.len() < 4 && self.choices.chance(60) {
            let inner = match &of {
                Ty::Entity(kind) => &self.model.kinds[*kind].shape,
                Ty::Record(shape) => &**shape,
                _ => break,
            };
            let plain: Vec<_> = inner.iter().filter(|inner| is_plain(inner.name)).collect();
            if plain.is_empty() {
                break;
            }
            let next = (*self.choices.pick(&plain)).clone();
            path.push(next.name);
            of = next.of;
        }
        if path.len() == 1 {
            return has(&base, path[0]);
        }
        if !path.iter().all(|name| is_plain(name)) {
            return has(&base, path[0]);
        }
        let path = path.join(".");
        let found = format!("({base} has {path})");
        match of {
            Ty::Bool if self.choices.chance(60) => format!("({found} && {base}.{path})"),
            of if self.choices.chance(60) => {
                let other = self.expression(scope, &of, depth / 2);
                format!("({found} && ({base}.{path} == {other}))")
            }
            _ => found,
        }
    }

    fn number(&mut self, scope: &Scope, depth: usize) -> String {
        match self.choices.below(10) {
            0 => format!("(-{})", self.expression(scope, &Ty::Long, depth)),
            1 | 2 | 8 | 9 => {
                let length = self.expression(scope, &Ty::Duration, depth);
                let units = ["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"];
                format!("{length}.{}()", self.choices.pick(&units))
            }
            3 => {
                // What overflows, or nearly.
                let one = self.expression(scope, &Ty::Long, depth);
                let edge = self.choices.pick(&[i64::MAX, i64::MIN]);
                match self.choices.below(6) {
                    0 => format!("(-{})", self.late(scope, &format!("({edge})"), "1")),
                    5 => format!("({one} * {one} * ({edge}))"),
                    1 => format!("(({edge}) - {one})"),
                    2 => format!("({one} * ({edge}))"),
                    3 => format!("(({edge}) + {one})"),
                    _ => format!("({one} - ({edge}))"),
                }
            }
            _ => {
                let [one, two] = self.two(scope, &Ty::Long, depth);
                format!("({one} {} {two})", self.choices.pick(&["+", "-", "*"]))
            }
        }
    }

    fn entity(&mut self, scope: &Scope, kind: usize, depth: usize) -> String {
        let variables = scope.variable(kind);
        match self.choices.below(4) {
            0 => {
                // Through a record that the policy makes.
                let entity = self.expression(scope, &Ty::Entity(kind), depth);
                format!("{{x: {entity}, y: 1}}.x")
            }
            1..=2 if !variables.is_empty() => (*self.choices.pick(&variables)).to_owned(),
            1..=2 if kind == self.model.action_kind() => "action".to_owned(),
            _ => self.attribute(scope, &Ty::Entity(kind), depth),
        }
    }

    fn tag_key(&mut self, scope: &Scope) -> String {
        match self.choices.below(8) {
            0 => self.attribute(scope, &Ty::Str, 0),
            1 => {
                let [one, two] = [(); 2].map(|()| self.key());
                let condition = self.attribute(scope, &Ty::Bool, 0);
                format!("(if {condition} then {one:?} else {two:?})")
            }
            _ => format!("{:?}", self.key()),
        }
    }

    /// Whether a tag is what it might be.
    fn tag_test(&mut self, scope: &Scope, depth: usize) -> String {
        let tagged: Vec<Ty> =
            self.model.kinds.iter().filter_map(|kind| kind.tags.clone()).collect();
        if tagged.is_empty() {
            return self.constant(&Ty::Bool);
        }
        let of = self.choices.pick(&tagged).clone();
        let tag = self.tag_of(scope, &of, depth);
        match &of {
            Ty::Bool => tag,
            Ty::Set(element) => {
                format!("{tag}.contains({})", self.expression(scope, element, depth / 2))
            }
            of => format!("({tag} == {})", self.expression(scope, of, depth / 2)),
        }
    }

    /// A tag of this type, of whatever has one.
    fn tag_of(&mut self, scope: &Scope, of: &Ty, depth: usize) -> String {
        let owners: Vec<usize> = (0..self.model.stored)
            .filter(|kind| self.model.kinds[*kind].tags.as_ref() == Some(of))
            .collect();
        if owners.is_empty() {
            return self.attribute(scope, of, depth);
        }
        let owner = *self.choices.pick(&owners);
        let entity = self.expression(scope, &Ty::Entity(owner), depth / 2);
        let key = self.tag_key(scope);
        if self.schema || self.choices.chance(50) {
            let otherwise = self.constant(of);
            format!("(if {entity}.hasTag({key}) then {entity}.getTag({key}) else {otherwise})")
        } else {
            format!("{entity}.getTag({key})")
        }
    }

    /// Some attribute, and what holds it.
    fn holder(
        &mut self,
        scope: &Scope,
        wanted: impl Fn(&Attribute) -> bool,
        depth: usize,
    ) -> Option<(Holder, Attribute)> {
        let near = |holder: &Holder| {
            matches!(holder, Holder::Principal | Holder::Resource | Holder::Context)
        };
        let held: Vec<_> = scope
            .holders
            .iter()
            // What lies in records takes depth to reach.
            .filter(|(holder, _)| depth > 0 || near(holder) || matches!(holder, Holder::Kind(_)))
            .filter(|(_, attribute)| wanted(attribute))
            .collect();
        let nearest: Vec<_> = held.iter().filter(|(holder, _)| near(holder)).copied().collect();
        let among = if nearest.is_empty() || self.choices.chance(50) { held } else { nearest };
        (!among.is_empty()).then(|| (*self.choices.pick(&among)).clone())
    }

    /// An attribute of this type, of whatever has one.
    fn attribute(&mut self, scope: &Scope, of: &Ty, depth: usize) -> String {
        let Some((holder, attribute)) = self.holder(scope, |held| held.of == *of, depth) else {
            return self.constant(of);
        };
        let base = self.base(scope, &holder, depth);
        let name = attribute.name;
        if !self.schema && self.choices.chance(2) {
            return dot(&base, "nothing");
        }
        let value = dot(&base, name);
        if attribute.required || (!self.schema && self.choices.chance(40)) {
            return value;
        }
        let found = has(&base, name);
        match (of, self.choices.below(4)) {
            (Ty::Bool, 0 | 1) => format!("({found} && {value})"),
            (Ty::Bool, 2) => format!("(!{found} || {value})"),
            _ => format!("(if {found} then {value} else {})", self.constant(of)),
        }
    }

    fn base(&mut self, scope: &Scope, holder: &Holder, depth: usize) -> String {
        match holder {
            Holder::Principal => "principal".to_owned(),
            Holder::Resource => "resource".to_owned(),
            Holder::Context => "context".to_owned(),
            Holder::Kind(kind) => {
                if depth == 0 || self.fuel == 0 {
                    let variables = scope.variable(*kind);
                    let stored = variables.is_empty();
                    return if stored {
                        self.uid(*kind).to_string()
                    } else {
                        (*self.choices.pick(&variables)).to_owned()
                    };
                }
                self.fuel -= 1;
                self.expression(scope, &Ty::Entity(*kind), depth / 2)
            }
            Holder::Record(shape) => {
                let of = Ty::Record(Arc::clone(shape));
                // At the bottom a literal: attributes of attributes come to an end.
                if depth == 0 || self.fuel == 0 {
                    return self.constant(&of);
                }
                self.fuel -= 1;
                if self.choices.chance(15) {
                    self.record(scope, shape, depth - 1)
                } else {
                    self.attribute(scope, &of, depth - 1)
                }
            }
        }
    }

    pub(super) fn constant(&mut self, of: &Ty) -> String {
        match of {
            // What lies beyond the texts that constructors take.
            Ty::Datetime if self.choices.chance(10) => {
                let edge = self.choices.word(&["-9223372036854775808ms", "9223372036854775807ms"]);
                format!("datetime(\"1970-01-01\").offset(duration({edge:?}))")
            }
            Ty::Long if self.choices.chance(10) => format!("({})", self.choices.pick(LONGS)),
            // Validation refuses an empty set: it has no type.
            Ty::Set(element) if self.schema => format!("[{}]", self.constant(element)),
            Ty::Record(shape) => {
                let mut text = String::from("{");
                for (place, attribute) in shape.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    let value = self.constant(&attribute.of);
                    // Writing to a string never fails.
                    let _infallible = write!(text, "{comma}{:?}: {value}", attribute.name);
                }
                text + "}"
            }
            Ty::Bool => self.choices.word(&["true", "false"]).to_string(),
            _ => Val::to_policy(&self.value(of, 0, 0)),
        }
    }
}

/// What a constructor takes, or nearly.
const fn texts(of: &Ty) -> &'static [&'static str] {
    match of {
        Ty::Decimal => &[
            "1.5",
            "1.50",
            "-0.0",
            "0.0",
            "-1.5",
            "922337203685477.5807",
            "922337203685477.5808",
            "-922337203685477.5808",
            "-922337203685477.5809",
            "1.23456",
            "1.2345",
            "1.",
            ".5",
            "1",
            "+1.5",
            "-.5",
            "01.50",
            "1.5 ",
            "1,5",
            "--1.5",
            "1.-5",
            "0x1.0",
            "٣.٣",
            "",
        ],
        Ty::Ip => &[
            "10.0.0.7",
            "10.0.0.7/32",
            "10.0.0.0/8",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/",
            "010.0.0.1",
            "999.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "::1",
            "::1/128",
            "::1/129",
            "::/0",
            "::ffff:10.0.0.7",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "fe80::1%eth0",
            "::1/0128",
            "2001:DB8::7",
            "[::1]",
            "10.0.0.7 ",
            "/8",
            "",
        ],
        Ty::Datetime => &[
            "2024-02-29",
            "2023-02-29",
            "2024-02-30",
            "2024-13-01",
            "2024-00-10",
            "2024-01-01T00:00:00Z",
            "2024-01-01T25:00:00Z",
            "2024-01-01T23:59:60Z",
            "2024-01-01T23:59:59.999Z",
            "2024-01-01T23:59:59.99Z",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00-2359",
            "2024-01-01T00:00:00+2400",
            "2024-01-01T00:00:00+0060",
            "2024-01-01T00:00:00.000-0530",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00Z",
            "2024-01-01t00:00:00z",
            "0000-01-01",
            "9999-12-31T23:59:59.999-2359",
            "10000-01-01",
            "24-01-01",
            "2024-1-1",
            "",
        ],
        _ => &[
            "1d2h3m4s5ms",
            "1h",
            "-1h",
            "0ms",
            "-",
            "",
            "1d1d",
            "1ms1h",
            "1m1s",
            "1s1m",
            "1ms",
            "1h1",
            "h1",
            "+1h",
            "1 h",
            "1H",
            "-1d-1h",
            "9223372036854775807ms",
            "9223372036854775808ms",
            "-9223372036854775808ms",
            "-9223372036854775809ms",
            "106751991167d",
            "106751991168d",
            "-106751991167d7h12m55s808ms",
            "-106751991167d7h12m55s809ms",
            "00001d",
        ],
    }
}
