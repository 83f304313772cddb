//! What the words of a row mean: types, shapes and columns.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

/// The words before a row's columns.
pub(crate) const HEADER: usize = 8;
/// The id: a UUID or a short text in four words, or the number of a text in the first.
pub(crate) const ID: usize = 0;
/// The class that the plan sees in the row: [`ABSENT`], [`UNCLASSED`], or one of the plan's own.
pub(crate) const CLASS: usize = 4;
/// The number of the row's [`Shape`].
pub(crate) const SHAPE: usize = 5;
/// Where its parents stand in the page's heap.
pub(crate) const PARENTS: usize = 6;
/// Its number among the rows that have something below them; 0 is none.
pub(crate) const INNER: usize = 7;

/// The class of an entity that others name, and that is not there.
pub(crate) const ABSENT: u32 = 0;
/// The class of a row that no plan has looked at, or that has no class of its own.
pub(crate) const UNCLASSED: u32 = 1;
/// The first class that says something.
pub(crate) const CLASS_FIRST: u32 = 2;

/// The shape of an entity that is not there.
pub(crate) const NO_SHAPE: u32 = 0;

/// How a value stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Bool,
    /// An integer of 32 bits in one word.
    Short,
    /// An integer of 64 bits in two words, the lower first; so are the next three.
    Long,
    Decimal,
    Datetime,
    Duration,
    /// The number of a text.
    Text,
    /// A slot.
    Entity,
    /// Where the value stands in the page's heap; so is the next.
    Ip,
    Set,
    /// No words of its own: its members are columns, named by their path.
    Record,
    /// Tags, in the heap, under the empty path, which no attribute has.
    Tags,
}

impl Kind {
    /// How many words a value takes in its row.
    pub(crate) const fn words(self) -> usize {
        match self {
            Self::Record => 0,
            Self::Long | Self::Decimal | Self::Datetime | Self::Duration => 2,
            _ => 1,
        }
    }

    pub(crate) const fn in_heap(self) -> bool {
        matches!(self, Self::Ip | Self::Set | Self::Tags)
    }
}

/// The names that lead to a value from an entity: its attribute, then members of records.
pub(crate) type Path = Arc<[Arc<str>]>;

/// The path of an entity's tags, where it has any.
pub(crate) const TAGS: [Arc<str>; 0] = [];

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Column {
    pub(crate) path: Path,
    pub(crate) kind: Kind,
    /// Its first word in the row, the header counted.
    pub(crate) offset: u32,
}

/// What the words of some rows mean. Columns are in the order of their paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    pub(crate) type_number: u32,
    pub(crate) columns: Box<[Column]>,
}

/// How a plan reads the rows of one shape.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// The plan's number for where they keep what it reads.
    pub(crate) layout: u32,
    /// Where they keep what it classes them by, in the plan's order; `None` for what is not there, or
    /// is more than a column.
    pub(crate) places: Arc<[Option<(u32, Kind)>]>,
}

/// The types and shapes of some facts, by number.
#[derive(Debug, Clone)]
pub(crate) struct Catalog {
    types: Vec<Arc<str>>,
    type_numbers: HashMap<Arc<str>, u32, RandomState>,
    shapes: Vec<Arc<Shape>>,
    shape_numbers: HashMap<Arc<Shape>, u32, RandomState>,
}

impl Default for Catalog {
    fn default() -> Self {
        let absent = Arc::new(Shape { type_number: u32::MAX, columns: Box::new([]) });
        Self {
            types: Vec::new(),
            type_numbers: HashMap::default(),
            shapes: vec![absent],
            shape_numbers: HashMap::default(),
        }
    }
}

impl Catalog {
    pub(crate) fn type_number(&self, name: &str) -> Option<u32> {
        self.type_numbers.get(name).copied()
    }

    pub(crate) fn type_name(&self, number: u32) -> &Arc<str> {
        static NONE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| Arc::from(""));
        self.types.get(number as usize).unwrap_or(&NONE)
    }

    pub(crate) fn types(&self) -> &[Arc<str>] {
        &self.types
    }

    /// INVARIANT (numbers): facts hold fewer than 2³¹ types, shapes, texts and rows: memory ends
    /// first.
    pub(crate) fn add_type(&mut self, name: &str) -> u32 {
        let number = self.types.len() as u32;
        let name: Arc<str> = name.into();
        self.types.push(Arc::clone(&name));
        self.type_numbers.insert(name, number);
        number
    }

    pub(crate) fn shape(&self, number: u32) -> Option<&Arc<Shape>> {
        self.shapes.get(number as usize)
    }

    pub(crate) fn shape_number(&self, shape: &Shape) -> Option<u32> {
        self.shape_numbers.get(shape).copied()
    }

    pub(crate) fn add_shape(&mut self, shape: Shape) -> u32 {
        let number = self.shapes.len() as u32;
        let shape = Arc::new(shape);
        self.shapes.push(Arc::clone(&shape));
        self.shape_numbers.insert(shape, number);
        number
    }
}
