//! A row in the making: values one after the other, to words in their places.

use std::sync::Arc;

use super::heap;
use super::layout::{Column, HEADER, Kind, PARENTS, Path, Reading, Shape};

/// How many forms a draft remembers.
const FORMS_MAX: usize = 64;

/// A row before it has a place.
///
/// Values may come in any order: their columns are in the order of their paths. Rows mostly come in a
/// few forms (the same values in the same order), and a draft that is used again remembers what it
/// made of them: then it neither sorts nor allocates.
#[derive(Debug, Default, Clone)]
pub(crate) struct Draft {
    pub(crate) words: Vec<u32>,
    /// The words of the values, as they came.
    values: Vec<u32>,
    parents: Vec<u32>,
    forms: Vec<Form>,
    /// The form that this row follows so far, and how far.
    at: usize,
    count: usize,
    depth: usize,
    /// Where the next form goes when there are too many.
    next: usize,
    is_doubtful: bool,
}

/// What a value is, beyond its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content<N> {
    /// What its kind says.
    Plain,
    /// An entity of this type, or a set of such.
    Entities(N),
    Texts,
    /// The empty set.
    Nothing,
    /// Anything: to know more, one has to look.
    Any,
}

/// What came at one place of a form.
#[derive(Debug, Clone)]
struct Item {
    /// In so many records.
    depth: usize,
    /// The name of the value; of parents, their type.
    name: Arc<str>,
    /// `None` for parents.
    kind: Option<Kind>,
    content: Content<Arc<str>>,
    /// Where the name and the type of the content stood last, if they stay there for good.
    seen: [Place; 2],
}

/// Wherever their names stand.
impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        let Self { depth, name, kind, content, seen: _ } = self;
        (depth, name, kind, content) == (&other.depth, &other.name, &other.kind, &other.content)
    }
}

/// Where a text stands in memory.
type Place = (usize, usize);

/// A name in a program's own text, or one that may change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name<'n> {
    Static(&'static str),
    Any(&'n str),
}

impl<'n> Name<'n> {
    pub(super) fn text(self) -> &'n str {
        match self {
            Self::Static(name) => name,
            Self::Any(name) => name,
        }
    }

    /// No two texts stand in one place, and one that is static stays as it is.
    #[inline]
    fn place(self) -> Place {
        match self {
            Self::Static(name) => (name.as_ptr() as usize, name.len()),
            Self::Any(_) => NOWHERE,
        }
    }
}

const NOWHERE: Place = (0, 0);

/// The items of some rows, and what they come to.
#[derive(Debug, Clone, Default)]
struct Form {
    items: Vec<Item>,
    made: Option<Made>,
}

#[derive(Debug, Clone)]
struct Made {
    /// In the order of their paths.
    columns: Arc<[Column]>,
    contents: Box<[Content<Arc<str>>]>,
    /// Where each word of the values goes.
    places: Box<[usize]>,
    /// Whether a path stands twice.
    came_twice: bool,
    /// The type that had it last, and the number of its shape.
    shape: Option<(u32, u32)>,
    /// By which plan it was read last, as what type, and how.
    reading: Option<((u64, u32), Reading)>,
    /// By whose schema it was looked at last, as what type, and whether it fits.
    fits: Option<([u8; 32], Arc<str>, bool)>,
}

/// What the schema is asked about a form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outline<'d> {
    /// In the order of their paths.
    pub(crate) columns: &'d [Column],
    pub(crate) contents: &'d [Content<Arc<str>>],
    items: &'d [Item],
}

impl Outline<'_> {
    /// The types of its parents.
    pub(crate) fn parents(&self) -> impl Iterator<Item = &Arc<str>> {
        self.items.iter().filter(|item| item.kind.is_none()).map(|item| &item.name)
    }
}

impl Item {
    #[inline]
    fn is(
        &self,
        depth: usize,
        name: Name<'_>,
        kind: Option<Kind>,
        content: Content<Name<'_>>,
    ) -> bool {
        let is_alike = self.kind == kind && self.depth == depth;
        let [seen, seen_type] = self.seen;
        let is_content = match (&self.content, content) {
            (Content::Entities(known), Content::Entities(name)) => {
                (name.place() == seen_type && seen_type != NOWHERE) || **known == *name.text()
            }
            (Content::Plain, Content::Plain)
            | (Content::Texts, Content::Texts)
            | (Content::Nothing, Content::Nothing)
            | (Content::Any, Content::Any) => true,
            _ => false,
        };
        let is_name = (name.place() == seen && seen != NOWHERE) || *self.name == *name.text();
        is_alike && is_content && is_name
    }

    /// Notes where its names stand.
    #[inline]
    fn see(&mut self, name: Name<'_>, content: Content<Name<'_>>) {
        if let Name::Static(_) = name {
            let of_type =
                if let Content::Entities(name) = content { name.place() } else { NOWHERE };
            self.seen = [name.place(), of_type];
        }
    }
}

impl Draft {
    /// Begins another row.
    pub(super) fn start(&mut self) {
        self.values.clear();
        self.parents.clear();
        (self.count, self.depth, self.is_doubtful) = (0, 0, false);
    }

    /// Adds a value.
    #[inline]
    pub(super) fn value(
        &mut self,
        name: Name<'_>,
        kind: Kind,
        content: Content<Name<'_>>,
        [first, second]: [u32; 2],
    ) {
        self.item(name, Some(kind), content);
        match kind.words() {
            0 => {}
            1 => self.values.push(first),
            _ => self.values.extend([first, second]),
        }
    }

    /// The values from here on are members of the record that was added last.
    pub(super) fn open(&mut self) {
        self.depth += 1;
    }

    pub(super) fn close(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn parent(&mut self, type_name: Name<'_>, slot: u32) {
        self.item(type_name, None, Content::Plain);
        self.parents.push(slot);
    }

    /// Notes that a value is outside of what the schema allows, or may be.
    pub(super) fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    #[inline]
    fn item(&mut self, name: Name<'_>, kind: Option<Kind>, content: Content<Name<'_>>) {
        let known = self.forms.get_mut(self.at).and_then(|form| form.items.get_mut(self.count));
        match known.filter(|item| item.is(self.depth, name, kind, content)) {
            Some(item) => item.see(name, content),
            None => self.turn(name, kind, content),
        }
        self.count += 1;
    }

    fn so_far(&self) -> &[Item] {
        let form = self.forms.get(self.at);
        form.and_then(|form| form.items.get(..self.count)).unwrap_or_default()
    }

    /// Leaves the form that was followed for one that goes on with this item.
    #[cold]
    fn turn(&mut self, name: Name<'_>, kind: Option<Kind>, content: Content<Name<'_>>) {
        let so_far = self.so_far();
        let goes_on = |form: &Form| {
            form.items.get(self.count).is_some_and(|it| it.is(self.depth, name, kind, content))
                && form.items.starts_with(so_far)
        };
        if let Some(other) = self.forms.iter().position(goes_on) {
            self.at = other;
            return;
        }
        let content = match content {
            Content::Entities(name) => Content::Entities(name.text().into()),
            Content::Plain => Content::Plain,
            Content::Texts => Content::Texts,
            Content::Nothing => Content::Nothing,
            Content::Any => Content::Any,
        };
        let (depth, name) = (self.depth, name.text().into());
        let item = Item { depth, name, kind, content, seen: [NOWHERE; 2] };
        let is_open = |form: &Form| form.made.is_none() && form.items.len() == self.count;
        if self.forms.get(self.at).is_some_and(is_open) {
            if let Some(form) = self.forms.get_mut(self.at) {
                form.items.push(item);
            }
        } else {
            let items = so_far.iter().cloned().chain([item]).collect();
            self.add(items);
        }
    }

    fn add(&mut self, items: Vec<Item>) {
        let form = Form { items, made: None };
        if self.forms.len() < FORMS_MAX {
            self.at = self.forms.len();
            self.forms.push(form);
            return;
        }
        self.next = (self.next + 1) % FORMS_MAX;
        self.at = self.next;
        if let Some(place) = self.forms.get_mut(self.at) {
            *place = form;
        }
    }

    /// Ends the row: its words stand in their places, its parents in the heap.
    pub(super) fn finish(&mut self, heap: &mut Vec<u32>) {
        self.settle();
        self.words.clear();
        self.words.resize(HEADER + self.values.len(), 0);
        let made = self.forms.get(self.at).and_then(|form| form.made.as_ref());
        let places = made.map_or(&[][..], |made| &made.places);
        for (offset, value) in places.iter().zip(&self.values) {
            if let Some(place) = self.words.get_mut(*offset) {
                *place = *value;
            }
        }
        if !self.parents.is_empty() {
            if let Some(word) = self.words.get_mut(PARENTS) {
                *word = heap.len() as u32;
            }
            self.parents.sort_unstable();
            self.parents.dedup();
            heap::write_parents(heap, &self.parents);
        }
    }

    /// Finds the form that has these items and no others.
    #[inline]
    fn settle(&mut self) {
        let is_whole = |form: &Form| form.items.len() == self.count && form.made.is_some();
        if !self.forms.get(self.at).is_some_and(is_whole) {
            self.settle_anew();
        }
    }

    #[cold]
    fn settle_anew(&mut self) {
        let so_far = self.so_far();
        match self.forms.iter().position(|form| form.items == so_far) {
            Some(at) => self.at = at,
            None => self.add(so_far.to_vec()),
        }
        if let Some(form) = self.forms.get_mut(self.at)
            && form.made.is_none()
        {
            form.made = Some(Made::of(&form.items));
        }
    }

    fn made(&self) -> Option<&Made> {
        self.forms.get(self.at)?.made.as_ref()
    }

    fn made_mut(&mut self) -> Option<&mut Made> {
        self.forms.get_mut(self.at)?.made.as_mut()
    }

    /// Where the values stand.
    pub(crate) fn columns(&self) -> &[Column] {
        self.made().map_or(&[], |made| &made.columns)
    }

    /// Whether a name came twice.
    pub(crate) fn came_twice(&self) -> bool {
        self.made().is_some_and(|made| made.came_twice)
    }

    /// The number of its shape, which `number` finds where this form had none yet.
    pub(super) fn shape(&mut self, type_number: u32, number: impl FnOnce(Shape) -> u32) -> u32 {
        let Some(made) = self.made_mut() else { return super::layout::NO_SHAPE };
        match made.shape {
            Some((known, shape)) if known == type_number => shape,
            _ => {
                let shape = number(Shape { type_number, columns: (*made.columns).into() });
                made.shape = Some((type_number, shape));
                shape
            }
        }
    }

    /// How a plan reads it as a type of its own, which `read` tells where this form was not read so
    /// last.
    pub(crate) fn reading(
        &mut self,
        plan: (u64, u32),
        read: impl FnOnce(&[Column]) -> Reading,
    ) -> Option<Reading> {
        let made = self.made_mut()?;
        match &made.reading {
            Some((known, reading)) if *known == plan => Some(reading.clone()),
            _ => {
                let reading = read(&made.columns);
                made.reading = Some((plan, reading.clone()));
                Some(reading)
            }
        }
    }

    /// Whether it fits what a schema declares of a type, as far as its form tells: false is not
    /// known. `look` is asked once for each form.
    pub(crate) fn fits(
        &mut self,
        schema: &[u8; 32],
        type_name: &str,
        look: impl FnOnce(Outline<'_>) -> bool,
    ) -> bool {
        if self.is_doubtful {
            return false;
        }
        let Some(Form { items, made: Some(made) }) = self.forms.get_mut(self.at) else {
            return false;
        };
        match &made.fits {
            Some((known, of, fits)) if known == schema && **of == *type_name => *fits,
            _ => {
                let (columns, contents) = (&*made.columns, &*made.contents);
                let fits = !made.came_twice && look(Outline { columns, contents, items });
                made.fits = Some((*schema, type_name.into(), fits));
                fits
            }
        }
    }
}

impl Made {
    fn of(items: &[Item]) -> Self {
        let mut above: Vec<Arc<str>> = Vec::new();
        let mut columns = Vec::new();
        for (at, item) in items.iter().filter(|item| item.kind.is_some()).enumerate() {
            let Some(kind) = item.kind else { continue };
            above.truncate(item.depth);
            let path: Path = match kind {
                Kind::Tags => super::layout::TAGS.into(),
                _ => {
                    above.push(Arc::clone(&item.name));
                    above.as_slice().into()
                }
            };
            columns.push((path, kind, item.content.clone(), at));
        }
        columns.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        let came_twice =
            columns.windows(2).any(|pair| matches!(pair, [(one, ..), (other, ..)] if one == other));
        let mut of_items = vec![(0, 0); columns.len()];
        let mut offset = HEADER;
        let mut made = Vec::new();
        let mut contents = Vec::new();
        for (path, kind, content, at) in columns {
            if let Some(place) = of_items.get_mut(at) {
                *place = (offset, kind.words());
            }
            made.push(Column { path, kind, offset: offset as u32 });
            contents.push(content);
            offset += kind.words();
        }
        let words = |(offset, count): &(usize, usize)| *offset..*offset + *count;
        Self {
            columns: made.into(),
            contents: contents.into(),
            places: of_items.iter().flat_map(words).collect(),
            came_twice,
            shape: None,
            reading: None,
            fits: None,
        }
    }
}
