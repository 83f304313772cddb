//! Conditions as a machine asks them: what is true or false, joined.

use std::collections::HashMap;

use super::expr::ExprId;
use crate::facts::Path;

/// A condition's place among those of one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(u32);

pub(crate) const TRUE: NodeId = NodeId(0);
pub(crate) const FALSE: NodeId = NodeId(1);
pub(crate) const FAIL: NodeId = NodeId(2);

/// A way from a request to a row, by number.
pub(crate) type PathId = u16;

/// A condition: all of it is boolean, or fails.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    True,
    False,
    Fail,
    Not(NodeId),
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
    If(NodeId, NodeId, NodeId),
    /// What the row's class says: the number of a test of its type.
    Test(PathId, u32),
    /// Whether the row is in one of the plan's groups, by its number.
    Group(PathId, u32),
    /// What more than one row says.
    Join(Join),
}

/// A condition on more than one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Join {
    pub(crate) expr: ExprId,
    pub(crate) operator: JoinOperator,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum JoinOperator {
    /// Entities, texts, booleans or numbers of one type.
    Equal(Operand, Operand),
    /// Less, or less or equal: numbers, moments or durations.
    Less(Operand, Operand, bool),
    /// A set of entities or of texts, and one.
    Contains(Operand, Operand),
    /// Two sets.
    ContainsAny(Operand, Operand),
    /// An entity, and another.
    In(Operand, Operand),
    /// An entity, and a set of entities.
    InAny(Operand, Operand),
    /// An entity, and the name of a tag.
    HasTag(Operand, Operand),
    /// Anything else: the evaluator's.
    Other,
}

impl Join {
    /// Whether they ask the same, in whatever words.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        match (&self.operator, &other.operator) {
            (JoinOperator::Other, JoinOperator::Other) => self.expr == other.expr,
            (JoinOperator::Equal(one, two), JoinOperator::Equal(left, right)) => {
                (one, two) == (left, right) || (one, two) == (right, left)
            }
            (one, two) => one == two,
        }
    }
}

impl JoinOperator {
    /// The same operator on other operands.
    pub(crate) fn map(&self, of: impl Fn(&Operand) -> Operand) -> Self {
        match self {
            Self::Equal(left, right) => Self::Equal(of(left), of(right)),
            Self::Less(left, right, or_equal) => Self::Less(of(left), of(right), *or_equal),
            Self::Contains(set, element) => Self::Contains(of(set), of(element)),
            Self::ContainsAny(left, right) => Self::ContainsAny(of(left), of(right)),
            Self::In(entity, above) => Self::In(of(entity), of(above)),
            Self::InAny(entity, above) => Self::InAny(of(entity), of(above)),
            Self::HasTag(entity, tag) => Self::HasTag(of(entity), of(tag)),
            Self::Other => Self::Other,
        }
    }

    pub(crate) fn operands(&self) -> impl Iterator<Item = &Operand> {
        let (left, right) = match self {
            Self::Equal(left, right)
            | Self::Less(left, right, _)
            | Self::Contains(left, right)
            | Self::ContainsAny(left, right)
            | Self::In(left, right)
            | Self::InAny(left, right)
            | Self::HasTag(left, right) => (Some(left), Some(right)),
            Self::Other => (None, None),
        };
        left.into_iter().chain(right)
    }
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    /// A path's entity itself, which is at the start of all others.
    Root(PathId),
    /// A column of a path's row.
    Column(PathId, Path),
}

impl Operand {
    /// The path of the entity that it is, or is a column of.
    pub(crate) fn path(&self) -> PathId {
        match self {
            Self::Root(path) | Self::Column(path, _) => *path,
        }
    }

    /// The same of another path's row.
    pub(crate) fn at(&self, path: PathId) -> Self {
        match self {
            Self::Root(_) => Self::Root(path),
            Self::Column(_, column) => Self::Column(path, Path::clone(column)),
        }
    }

    /// The row that has to be read.
    pub(crate) fn row(&self) -> Option<PathId> {
        match self {
            // Who asks and what for are given; a literal has to be found.
            Self::Root(path) => (*path > 2).then_some(*path),
            Self::Column(path, _) => Some(*path),
        }
    }
}

/// Conditions, each distinct one kept once.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    nodes: Vec<Node>,
    ids: HashMap<Node, NodeId>,
}

impl Default for Nodes {
    fn default() -> Self {
        let mut nodes = Self { nodes: Vec::new(), ids: HashMap::new() };
        for node in [Node::True, Node::False, Node::Fail] {
            nodes.add(node);
        }
        nodes
    }
}

impl Nodes {
    pub(crate) fn get(&self, id: NodeId) -> &Node {
        self.nodes.get(id.0 as usize).unwrap_or(&Node::Fail)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The place of a condition that is among these.
    pub(crate) fn known(&self, node: &Node) -> Option<NodeId> {
        self.ids.get(node).copied()
    }

    pub(crate) fn add(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.ids.get(&node) {
            return *known;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.ids.insert(node, id);
        id
    }

    pub(crate) fn not(&mut self, of: NodeId) -> NodeId {
        match of {
            TRUE => FALSE,
            FALSE => TRUE,
            FAIL => FAIL,
            _ => match self.get(of) {
                Node::Not(inner) => *inner,
                _ => self.add(Node::Not(of)),
            },
        }
    }

    /// A conjunction. What comes after something false is never reached; something false settles it
    /// only if nothing before it can fail.
    pub(crate) fn all(
        &mut self,
        parts: impl IntoIterator<Item = NodeId>,
        is_safe: &dyn Fn(&Self, NodeId) -> bool,
    ) -> NodeId {
        self.chain(parts, TRUE, FALSE, is_safe)
    }

    pub(crate) fn any(
        &mut self,
        parts: impl IntoIterator<Item = NodeId>,
        is_safe: &dyn Fn(&Self, NodeId) -> bool,
    ) -> NodeId {
        self.chain(parts, FALSE, TRUE, is_safe)
    }

    fn chain(
        &mut self,
        parts: impl IntoIterator<Item = NodeId>,
        neutral: NodeId,
        settling: NodeId,
        is_safe: &dyn Fn(&Self, NodeId) -> bool,
    ) -> NodeId {
        let is_all = neutral == TRUE;
        let mut kept: Vec<NodeId> = Vec::new();
        let mut open: Vec<NodeId> = parts.into_iter().collect();
        open.reverse();
        while let Some(part) = open.pop() {
            match self.get(part) {
                Node::All(inner) if is_all => open.extend(inner.iter().rev()),
                Node::Any(inner) if !is_all => open.extend(inner.iter().rev()),
                _ if part == neutral || kept.contains(&part) => {}
                _ if part == settling || part == FAIL => {
                    kept.push(part);
                    break;
                }
                _ => kept.push(part),
            }
        }
        match kept.split_last() {
            None => neutral,
            Some((last, [])) => *last,
            Some((last, before)) => {
                if *last == settling && before.iter().all(|part| is_safe(self, *part)) {
                    return settling;
                }
                let kept = kept.into_boxed_slice();
                self.add(if is_all { Node::All(kept) } else { Node::Any(kept) })
            }
        }
    }

    pub(crate) fn choice(&mut self, test: NodeId, then: NodeId, other: NodeId) -> NodeId {
        match test {
            TRUE => then,
            FALSE => other,
            FAIL => FAIL,
            _ if (then, other) == (TRUE, FALSE) => test,
            _ => self.add(Node::If(test, then, other)),
        }
    }
}
