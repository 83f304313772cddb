//! Policies to environments: which of them can apply to whom, and what each asks of which rows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::facts::{Attributes, EntityUid, Path, TAGS, Type, Types};
use crate::plan::{
    Arena, Binary, Environment, EnvironmentKey, Expr, ExprId, FAIL, FALSE, Items, Join,
    JoinOperator, Link, Machine, Node, NodeId, Nodes, Operand, PATHS_MAX, PathId, PathInfo, Rule,
    RuleKind, TRUE, TypePlan, Unary, Var,
};

/// What is known of all environments while they are lowered one after the other.
pub(super) struct Environments<'c> {
    pub(super) arena: &'c mut Arena,
    pub(super) literals: &'c [EntityUid],
    pub(super) groups: &'c [u32],
    types: &'c Types,
    /// Each action and all above it, itself included.
    actions: BTreeMap<EntityUid, BTreeSet<EntityUid>>,
    type_plans: Vec<TypePlan>,
    type_numbers: HashMap<Arc<str>, u32>,
    test_numbers: HashMap<(u32, ExprId), u32>,
    contexts: Vec<(&'c Attributes, u32)>,
}

/// The environments of a schema and what they ask of each type.
#[derive(Default)]
pub(super) struct Lowered {
    pub(super) environments: Vec<Environment>,
    pub(super) keys: HashMap<EnvironmentKey, u32>,
    pub(super) types: Vec<TypePlan>,
}

impl<'c> Environments<'c> {
    pub(super) fn new(
        arena: &'c mut Arena,
        literals: &'c [EntityUid],
        groups: &'c [u32],
        types: &'c Types,
        parents: &BTreeMap<EntityUid, BTreeSet<EntityUid>>,
    ) -> Self {
        let above = |action: &EntityUid| {
            let mut found = BTreeSet::from([action.clone()]);
            let mut open = vec![action.clone()];
            while let Some(action) = open.pop() {
                for group in parents.get(&action).into_iter().flatten() {
                    if found.insert(group.clone()) {
                        open.push(group.clone());
                    }
                }
            }
            found
        };
        Self {
            arena,
            literals,
            groups,
            types,
            actions: parents.keys().map(|action| (action.clone(), above(action))).collect(),
            type_plans: Vec::new(),
            type_numbers: HashMap::new(),
            test_numbers: HashMap::new(),
            contexts: Vec::new(),
        }
    }

    pub(super) fn lower(
        mut self,
        keys: impl IntoIterator<Item = (Arc<str>, EntityUid, Arc<str>)>,
        rules: &[Option<Rule>],
    ) -> Lowered {
        let mut environments = Vec::new();
        let mut numbers = HashMap::new();
        for (principal, action, resource) in keys {
            let environment = OneEnvironment::new(&mut self, &principal, &action, &resource);
            let Some(environment) = environment.map(|it| it.lower(rules)) else { continue };
            let key = EnvironmentKey {
                principal: self.type_number(&principal),
                action,
                resource: self.type_number(&resource),
            };
            numbers.insert(key, environments.len() as u32);
            environments.push(environment);
        }
        Lowered { environments, keys: numbers, types: self.type_plans }
    }

    fn type_number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.type_numbers.get(name) {
            return *number;
        }
        let number = self.type_plans.len() as u32;
        let above = self.types.entity(name).map(|it| it.ancestors.clone()).unwrap_or_default();
        self.type_plans.push(TypePlan { name: name.into(), above, ..TypePlan::default() });
        self.type_numbers.insert(name.into(), number);
        number
    }

    /// The number that stands for the type of an action's context. Actions whose contexts are declared
    /// alike share it, and what is known of one context serves them all.
    fn context_type(&mut self, action: &EntityUid) -> u32 {
        let declared = self.types.action(action).map(|action| &action.context);
        let known = self.contexts.iter().find(|(known, _)| Some(*known) == declared);
        if let Some((_, number)) = known {
            return *number;
        }
        // No entity type has such a name.
        let number = self.type_number(&format!("context of {action}"));
        self.contexts.extend(declared.map(|declared| (declared, number)));
        number
    }

    fn test(&mut self, type_number: u32, test: ExprId) -> u32 {
        if let Some(number) = self.test_numbers.get(&(type_number, test)) {
            return *number;
        }
        let Some(plan) = self.type_plans.get_mut(type_number as usize) else { return 0 };
        let number = plan.tests.len() as u32;
        plan.tests.push(test);
        self.test_numbers.insert((type_number, test), number);
        number
    }

    fn column(&mut self, type_number: u32, column: &Path) {
        if let Some(plan) = self.type_plans.get_mut(type_number as usize)
            && !plan.columns.contains(column)
        {
            plan.columns.push(Arc::clone(column));
        }
    }
}

/// One environment while it is lowered.
struct OneEnvironment<'e, 'c> {
    all: &'e mut Environments<'c>,
    principal: Arc<str>,
    action: EntityUid,
    resource: Arc<str>,
    action_number: u32,
    action_literal: ExprId,
    paths: Vec<PathInfo>,
    nodes: Nodes,
    folded: HashMap<ExprId, ExprId>,
    lowered: HashMap<ExprId, NodeId>,
}

/// What an expression of variables, literals and attributes leads to.
#[derive(Clone)]
struct Access {
    /// The row that it starts from.
    path: PathId,
    /// The names that lead on from there, none if it is the entity itself.
    column: Vec<Arc<str>>,
    of: Of,
}

/// What is declared of it.
#[derive(Clone)]
enum Of {
    Entity(Arc<str>),
    Record,
    Set,
    Text,
    Long,
    Bool,
    Moment,
    Other,
}

/// The rows that an expression reads.
#[derive(Default)]
struct Reads {
    rows: BTreeSet<PathId>,
    /// Entities that are compared themselves.
    entities: BTreeSet<PathId>,
    /// More than rows: a hierarchy, or what no access leads to.
    more: bool,
}

impl<'e, 'c> OneEnvironment<'e, 'c> {
    fn new(
        all: &'e mut Environments<'c>,
        principal: &Arc<str>,
        action: &EntityUid,
        resource: &Arc<str>,
    ) -> Option<Self> {
        let literal = all.literals.iter().position(|literal| literal == action)?;
        let action_literal = all.arena.add(Expr::Literal(literal as u32));
        let paths = vec![
            PathInfo { link: Link::Principal, type_number: all.type_number(principal) },
            PathInfo { link: Link::Resource, type_number: all.type_number(resource) },
            PathInfo { link: Link::Context, type_number: all.context_type(action) },
        ];
        Some(Self {
            all,
            principal: Arc::clone(principal),
            action: action.clone(),
            resource: Arc::clone(resource),
            action_number: literal as u32,
            action_literal,
            paths,
            nodes: Nodes::default(),
            folded: HashMap::new(),
            lowered: HashMap::new(),
        })
    }

    fn lower(mut self, rules: &[Option<Rule>]) -> Environment {
        let mut items = Items::default();
        for (index, rule) in rules.iter().enumerate() {
            let Some(rule) = rule else { continue };
            let condition = self.fold(rule.condition);
            let node = self.node(condition);
            if node != FALSE {
                items.of(rule.kind).push((index as u32, node));
            }
        }
        let place = |index: &u32| {
            let rule = rules.get(*index as usize).and_then(Option::as_ref);
            rule.map(|rule| (rule.step.unwrap_or(u8::MAX), rule.rank, *index))
        };
        for kind in [RuleKind::Forbid, RuleKind::StepUp, RuleKind::Permit, RuleKind::Reason] {
            items.of(kind).sort_by_key(|(index, _)| place(index));
        }
        let paths = self.paths.into_boxed_slice();
        let machine = (paths.len() <= PATHS_MAX).then(|| Machine::new(self.nodes, items));
        Environment {
            action: self.action_number,
            paths,
            numbers: Default::default(),
            machine,
            reaches: Default::default(),
            at_steps: Default::default(),
        }
    }

    /// The expression with what is known of this environment folded in.
    fn fold(&mut self, id: ExprId) -> ExprId {
        if let Some(known) = self.folded.get(&id) {
            return *known;
        }
        let expr = self.all.arena.get(id).clone();
        let folded = match expr {
            Expr::Var(Var::Action) => self.action_literal,
            Expr::Unary(Unary::Not, of) => {
                let of = self.fold(of);
                match self.flag(of) {
                    Some(flag) => self.all.arena.constant(!flag),
                    None => self.all.arena.add(Expr::Unary(Unary::Not, of)),
                }
            }
            Expr::Unary(operator, of) => {
                let of = self.fold(of);
                self.all.arena.add(Expr::Unary(operator, of))
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.fold(left), self.fold(right));
                match self.known_relation(operator, left, right) {
                    Some(flag) => self.all.arena.constant(flag),
                    None => self.all.arena.add(Expr::Binary(operator, left, right)),
                }
            }
            Expr::All(parts) => self.chain(&parts, true),
            Expr::Any(parts) => self.chain(&parts, false),
            Expr::If(test, then, other) => {
                let test = self.fold(test);
                match self.flag(test) {
                    Some(true) => self.fold(then),
                    Some(false) => self.fold(other),
                    None => {
                        let (then, other) = (self.fold(then), self.fold(other));
                        self.all.arena.add(Expr::If(test, then, other))
                    }
                }
            }
            Expr::Attribute(of, name) => {
                let of = self.fold(of);
                self.all.arena.add(Expr::Attribute(of, name))
            }
            Expr::Has(of, name) => {
                let of = self.fold(of);
                self.all.arena.add(Expr::Has(of, name))
            }
            Expr::Like(of, pattern) => {
                let of = self.fold(of);
                self.all.arena.add(Expr::Like(of, pattern))
            }
            Expr::Is(of, type_name) => {
                let of = self.fold(of);
                let known = match self.all.arena.get(of) {
                    Expr::Var(Var::Principal) => Some(self.principal == type_name),
                    Expr::Var(Var::Resource) => Some(self.resource == type_name),
                    Expr::Literal(index) => {
                        self.uid(*index).map(|uid| uid.type_name() == &*type_name)
                    }
                    _ => None,
                };
                match known {
                    Some(flag) => self.all.arena.constant(flag),
                    None => self.all.arena.add(Expr::Is(of, type_name)),
                }
            }
            Expr::Set(elements) => {
                let elements = elements.iter().map(|element| self.fold(*element)).collect();
                self.all.arena.add(Expr::Set(elements))
            }
            Expr::Record(members) => {
                let members =
                    members.iter().map(|(name, it)| (Arc::clone(name), self.fold(*it))).collect();
                self.all.arena.add(Expr::Record(members))
            }
            Expr::Constant(_) | Expr::Literal(_) | Expr::Var(_) | Expr::Fail(_) => id,
        };
        self.folded.insert(id, folded);
        folded
    }

    fn chain(&mut self, parts: &[ExprId], all: bool) -> ExprId {
        let mut kept = Vec::new();
        for part in parts {
            let part = self.fold(*part);
            match self.flag(part) {
                Some(flag) if flag == all => {}
                Some(_) => {
                    kept.push(part);
                    break;
                }
                None => kept.push(part),
            }
        }
        match kept.first() {
            None => self.all.arena.constant(all),
            Some(first) if self.flag(*first).is_some() => *first,
            Some(_) if all => self.all.arena.all(kept),
            Some(_) => self.all.arena.any(kept),
        }
    }

    fn flag(&self, id: ExprId) -> Option<bool> {
        match self.all.arena.get(id) {
            Expr::Constant(value) => value.as_bool(),
            _ => None,
        }
    }

    fn uid(&self, literal: u32) -> Option<&EntityUid> {
        self.all.literals.get(literal as usize)
    }

    /// What literals alone decide, and the types of principal and resource.
    fn known_relation(&self, operator: Binary, left: ExprId, right: ExprId) -> Option<bool> {
        let arena = &*self.all.arena;
        let literal = |id: ExprId| match arena.get(id) {
            Expr::Literal(index) => self.uid(*index),
            _ => None,
        };
        let literals = |id: ExprId| match arena.get(id) {
            Expr::Set(elements) => {
                elements.iter().map(|element| literal(*element)).collect::<Option<Vec<_>>>()
            }
            _ => literal(id).map(|uid| vec![uid]),
        };
        match operator {
            Binary::Equal => match (literal(left), literal(right)) {
                (Some(left), Some(right)) => Some(left == right),
                (None, None) => None,
                (known, other) => {
                    let uid = known.or(other)?;
                    let var = if known.is_some() { right } else { left };
                    let type_name = match arena.get(var) {
                        Expr::Var(Var::Principal) => &self.principal,
                        Expr::Var(Var::Resource) => &self.resource,
                        _ => return None,
                    };
                    (**type_name != *uid.type_name()).then_some(false)
                }
            },
            Binary::Contains if matches!(arena.get(left), Expr::Set(_)) => {
                let wanted = literal(right)?;
                Some(literals(left)?.contains(&wanted))
            }
            Binary::In => {
                let above = self.all.actions.get(literal(left)?)?;
                Some(literals(right)?.into_iter().any(|group| above.contains(group)))
            }
            _ => None,
        }
    }

    /// The condition that a boolean expression is.
    fn node(&mut self, id: ExprId) -> NodeId {
        if let Some(known) = self.lowered.get(&id) {
            return *known;
        }
        let node = match self.all.arena.get(id).clone() {
            Expr::Constant(value) => match value.as_bool() {
                Some(true) => TRUE,
                Some(false) => FALSE,
                None => FAIL,
            },
            Expr::Fail(_) => FAIL,
            Expr::Unary(Unary::Not, of) => {
                let of = self.node(of);
                self.nodes.not(of)
            }
            Expr::All(parts) => {
                let parts: Vec<NodeId> = parts.iter().map(|part| self.node(*part)).collect();
                self.nodes.all(parts, &|_, _| false)
            }
            Expr::Any(parts) => {
                let parts: Vec<NodeId> = parts.iter().map(|part| self.node(*part)).collect();
                self.nodes.any(parts, &|_, _| false)
            }
            Expr::If(test, then, other) => {
                let (test, then, other) = (self.node(test), self.node(then), self.node(other));
                self.nodes.choice(test, then, other)
            }
            expr => self.question(id, &expr),
        };
        self.lowered.insert(id, node);
        node
    }

    /// A condition that no other makes up.
    fn question(&mut self, id: ExprId, expr: &Expr) -> NodeId {
        if let Expr::Binary(Binary::In, left, right) = expr
            && let Some(node) = self.groups(*left, *right)
        {
            return node;
        }
        let mut reads = Reads::default();
        self.reads(id, &mut reads);
        let paths: BTreeSet<PathId> = reads.rows.union(&reads.entities).copied().collect();
        if let (false, Some(path), 1) = (reads.more, paths.first().copied(), paths.len())
            && let Some(info) = self.paths.get(path as usize).cloned()
        {
            let own = self.own(id, path);
            let test = self.all.test(info.type_number, own);
            return self.nodes.add(Node::Test(path, test));
        }
        let operator = self.join(expr).unwrap_or(JoinOperator::Other);
        self.nodes.add(Node::Join(Join { expr: id, operator }))
    }

    /// An entity asked to be in literals: a question to its ancestors alone.
    fn groups(&mut self, left: ExprId, right: ExprId) -> Option<NodeId> {
        let literals: Vec<u32> = match self.all.arena.get(right) {
            Expr::Literal(index) => vec![*index],
            Expr::Set(elements) => elements
                .iter()
                .map(|element| match self.all.arena.get(*element) {
                    Expr::Literal(index) => Some(*index),
                    _ => None,
                })
                .collect::<Option<_>>()?,
            _ => return None,
        };
        let path = self.entity_path(left)?;
        let bits: Option<Vec<usize>> =
            literals.iter().map(|literal| self.all.groups.binary_search(literal).ok()).collect();
        let nodes: Vec<NodeId> =
            bits?.into_iter().map(|bit| self.nodes.add(Node::Group(path, bit as u32))).collect();
        Some(self.nodes.any(nodes, &|_, _| false))
    }

    /// The row of the entity that an expression leads to.
    fn entity_path(&mut self, id: ExprId) -> Option<PathId> {
        let access = self.access(id)?;
        let Of::Entity(type_name) = &access.of else { return None };
        self.path_of(&access, &Arc::clone(type_name))
    }

    fn path_of(&mut self, access: &Access, type_name: &Arc<str>) -> Option<PathId> {
        if access.column.is_empty() {
            return Some(access.path);
        }
        let column: Path = access.column.as_slice().into();
        let from = self.paths.get(access.path as usize)?.type_number;
        self.all.column(from, &column);
        let type_number = self.all.type_number(type_name);
        Some(self.path(PathInfo { link: Link::Column(access.path, column), type_number }))
    }

    fn path(&mut self, info: PathInfo) -> PathId {
        let known = self.paths.iter().position(|known| *known == info);
        known.unwrap_or_else(|| {
            self.paths.push(info);
            self.paths.len() - 1
        }) as PathId
    }

    /// What an expression leads to, if it is variables, literals and attributes alone.
    fn access(&mut self, id: ExprId) -> Option<Access> {
        let root = |path: PathId, of: Of| Some(Access { path, column: Vec::new(), of });
        match self.all.arena.get(id).clone() {
            Expr::Var(Var::Principal) => root(0, Of::Entity(Arc::clone(&self.principal))),
            Expr::Var(Var::Resource) => root(1, Of::Entity(Arc::clone(&self.resource))),
            Expr::Var(Var::Context) => root(2, Of::Record),
            Expr::Literal(index) => {
                let type_name: Arc<str> = self.uid(index)?.type_name().into();
                let type_number = self.all.type_number(&type_name);
                let path = self.path(PathInfo { link: Link::Literal(index), type_number });
                root(path, Of::Entity(type_name))
            }
            Expr::Attribute(of, name) => {
                let of = self.access(of)?;
                let (path, mut column) = match &of.of {
                    Of::Entity(type_name) => {
                        (self.path_of(&of, &Arc::clone(type_name))?, Vec::new())
                    }
                    Of::Record => (of.path, of.column),
                    _ => return None,
                };
                column.push(name);
                let of = self.declared(path, &column)?;
                Some(Access { path, column, of })
            }
            _ => None,
        }
    }

    /// What the schema declares of a column of a path's rows.
    fn declared(&self, path: PathId, column: &[Arc<str>]) -> Option<Of> {
        let (first, rest) = column.split_first()?;
        let info = self.paths.get(path as usize)?;
        let mut declared: &Type = if info.link == Link::Context {
            &self.all.types.action(&self.action)?.context.get(&**first)?.of
        } else {
            let name = &self.all.type_plans.get(info.type_number as usize)?.name;
            &self.all.types.entity(name)?.attributes.get(&**first)?.of
        };
        for name in rest {
            let Type::Record(members) = declared else { return None };
            declared = &members.get(&**name)?.of;
        }
        Some(match declared {
            Type::Entity(name) => Of::Entity(Arc::clone(name)),
            Type::Record(_) => Of::Record,
            Type::Set(_) => Of::Set,
            Type::Bool => Of::Bool,
            Type::Long => Of::Long,
            Type::String => Of::Text,
            Type::Datetime | Type::Duration => Of::Moment,
            Type::Decimal | Type::Ip => Of::Other,
        })
    }

    /// Adds the rows that an expression reads.
    fn reads(&mut self, id: ExprId, reads: &mut Reads) {
        if matches!(self.all.arena.get(id), Expr::Literal(_)) {
            return;
        }
        if let Some(access) = self.access(id) {
            if access.column.is_empty() && access.path != 2 {
                reads.entities.insert(access.path);
            } else {
                reads.rows.insert(access.path);
            }
            return;
        }
        match self.all.arena.get(id).clone() {
            Expr::Has(of, _) => match self.entity_path(of) {
                Some(path) => {
                    reads.rows.insert(path);
                }
                // Branches may choose an entity, whose row it would be.
                None if self.access(of).is_none() => reads.more = true,
                None => self.reads(of, reads),
            },
            Expr::Binary(Binary::HasTag | Binary::GetTag, entity, tag) => {
                match self.entity_path(entity) {
                    Some(path) => {
                        reads.rows.insert(path);
                    }
                    None => reads.more = true,
                }
                self.reads(tag, reads);
            }
            Expr::Binary(operator, left, right) => {
                reads.more |= operator == Binary::In;
                self.reads(left, reads);
                self.reads(right, reads);
            }
            // What tags hold, or branches choose, may be anything.
            Expr::Attribute(..) => reads.more = true,
            Expr::Unary(_, of) | Expr::Like(of, _) | Expr::Is(of, _) => self.reads(of, reads),
            Expr::All(parts) | Expr::Any(parts) | Expr::Set(parts) => {
                parts.iter().for_each(|part| self.reads(*part, reads));
            }
            Expr::Record(members) => members.iter().for_each(|(_, it)| self.reads(*it, reads)),
            Expr::If(test, then, other) => {
                [test, then, other].into_iter().for_each(|part| self.reads(part, reads));
            }
            Expr::Constant(_) | Expr::Literal(_) | Expr::Var(_) | Expr::Fail(_) => {}
        }
    }

    /// The expression as asked of one row: what leads to it becomes `Own`. A literal stays one where
    /// nothing of it is read.
    fn own(&mut self, id: ExprId, path: PathId) -> ExprId {
        if path == 2 {
            return id;
        }
        // To look where another literal leads would make a path of each that is named.
        if let Expr::Literal(index) = self.all.arena.get(id)
            && self.paths.get(path as usize).is_none_or(|of| of.link != Link::Literal(*index))
        {
            return id;
        }
        if let Some(access) = self.access(id)
            && access.path == path
        {
            let mut own = self.all.arena.add(Expr::Var(Var::Own));
            for name in access.column {
                own = self.all.arena.add(Expr::Attribute(own, name));
            }
            return own;
        }
        let expr = self.all.arena.get(id).clone();
        // An entity whose attributes are asked for is the row itself.
        if let Expr::Attribute(of, _)
        | Expr::Has(of, _)
        | Expr::Binary(Binary::HasTag | Binary::GetTag, of, _) = &expr
            && self.entity_path(*of) == Some(path)
            && self.access(*of).is_some_and(|access| access.path != path)
        {
            let own = self.all.arena.add(Expr::Var(Var::Own));
            return match expr {
                Expr::Has(_, name) => self.all.arena.add(Expr::Has(own, name)),
                Expr::Attribute(_, name) => self.all.arena.add(Expr::Attribute(own, name)),
                Expr::Binary(operator, _, right) => {
                    let right = self.own(right, path);
                    self.all.arena.add(Expr::Binary(operator, own, right))
                }
                _ => id,
            };
        }
        let mapped = match expr {
            Expr::Unary(operator, of) => Expr::Unary(operator, self.own(of, path)),
            Expr::Binary(operator, left, right) => {
                Expr::Binary(operator, self.own(left, path), self.own(right, path))
            }
            Expr::All(parts) => Expr::All(parts.iter().map(|it| self.own(*it, path)).collect()),
            Expr::Any(parts) => Expr::Any(parts.iter().map(|it| self.own(*it, path)).collect()),
            Expr::Set(parts) => Expr::Set(parts.iter().map(|it| self.own(*it, path)).collect()),
            Expr::Record(members) => Expr::Record(
                members.iter().map(|(name, it)| (Arc::clone(name), self.own(*it, path))).collect(),
            ),
            Expr::If(test, then, other) => {
                Expr::If(self.own(test, path), self.own(then, path), self.own(other, path))
            }
            Expr::Attribute(of, name) => Expr::Attribute(self.own(of, path), name),
            Expr::Has(of, name) => Expr::Has(self.own(of, path), name),
            Expr::Like(of, pattern) => Expr::Like(self.own(of, path), pattern),
            Expr::Is(of, name) => Expr::Is(self.own(of, path), name),
            other => other,
        };
        self.all.arena.add(mapped)
    }

    /// A join that has an operator of its own.
    fn join(&mut self, expr: &Expr) -> Option<JoinOperator> {
        let Expr::Binary(operator, left, right) = expr else { return None };
        if *operator == Binary::HasTag {
            return self.has_tag(*left, *right);
        }
        let (left, right) = (self.access(*left)?, self.access(*right)?);
        let entity = |of: &Of| matches!(of, Of::Entity(_));
        let (one, other) = (self.operand(&left)?, self.operand(&right)?);
        match operator {
            Binary::Equal if entity(&left.of) && entity(&right.of) => {
                Some(JoinOperator::Equal(one, other))
            }
            Binary::Equal if same_scalar(&left.of, &right.of) => {
                Some(JoinOperator::Equal(one, other))
            }
            Binary::Less | Binary::LessEqual if is_ordered(&left.of) && is_ordered(&right.of) => {
                Some(JoinOperator::Less(one, other, *operator == Binary::LessEqual))
            }
            Binary::Contains if matches!(left.of, Of::Set) => (entity(&right.of)
                || matches!(right.of, Of::Text))
            .then_some(JoinOperator::Contains(one, other)),
            Binary::ContainsAny if matches!((&left.of, &right.of), (Of::Set, Of::Set)) => {
                Some(JoinOperator::ContainsAny(one, other))
            }
            Binary::In if entity(&left.of) && entity(&right.of) => {
                Some(JoinOperator::In(one, other))
            }
            Binary::In if entity(&left.of) && matches!(right.of, Of::Set) => {
                Some(JoinOperator::InAny(one, other))
            }
            _ => None,
        }
    }

    fn has_tag(&mut self, entity: ExprId, tag: ExprId) -> Option<JoinOperator> {
        let path = self.entity_path(entity)?;
        let tag = self.access(tag).filter(|tag| matches!(tag.of, Of::Text))?;
        let tag = self.operand(&tag)?;
        // Whether there are any tags is for the row's layout to say.
        let type_number = self.paths.get(path as usize)?.type_number;
        self.all.column(type_number, &TAGS.into());
        Some(JoinOperator::HasTag(Operand::Root(path), tag))
    }

    fn operand(&mut self, access: &Access) -> Option<Operand> {
        if access.column.is_empty() {
            return (access.path != 2).then_some(Operand::Root(access.path));
        }
        let column: Path = access.column.as_slice().into();
        let type_number = self.paths.get(access.path as usize)?.type_number;
        self.all.column(type_number, &column);
        Some(Operand::Column(access.path, column))
    }
}

fn same_scalar(left: &Of, right: &Of) -> bool {
    matches!(
        (left, right),
        (Of::Bool, Of::Bool)
            | (Of::Long, Of::Long)
            | (Of::Text, Of::Text)
            | (Of::Moment, Of::Moment)
    )
}

fn is_ordered(of: &Of) -> bool {
    matches!(of, Of::Moment | Of::Long)
}
