//! What a caller may do something with.

use std::fmt;
use std::sync::Arc;

use crate::engine::World;
use crate::facts::{Entity, EntityUid, Id, Slot};

/// The stored resources that a check allows, of one [`World`].
///
/// It holds four bytes for each; names and rows are read when asked for. Its count is that of what
/// is visible, and so are all totals that are made from its [rows](Self::rows).
///
/// # Example: page by page
///
/// ```
/// use doorward::{Changes, Engine, Entity, EntityUid, PolicyBundle, Record};
///
/// let policies = PolicyBundle::builder()
///     .schema("library.cedarschema", "
///         entity Reader;
///         entity Book = { lent_to?: Reader };
///         action read appliesTo { principal: Reader, resource: Book };
///     ")
///     .policies("library.cedar", r#"
///         @id("lent") permit (principal, action, resource)
///         when { resource has lent_to && resource.lent_to == principal };
///     "#)
///     .build()?;
/// let engine = Engine::builder(policies).build()?;
/// let ada = EntityUid::new("Reader", "ada");
/// let mut changes = Changes::new().put(Entity::new(ada.clone()));
/// for book in ["dune", "emma", "persuasion"] {
///     let row = Entity::new(EntityUid::new("Book", book)).with("lent_to", ada.clone());
///     changes = changes.put(row);
/// }
/// changes = changes.put(Entity::new(EntityUid::new("Book", "ulysses")));
/// engine.apply(&changes)?;
///
/// let read = engine.environment("Reader", "read", "Book")?;
/// let context = engine.context(&read, Record::new())?;
/// let listing = engine.checker(&read, "ada", &context)?.list(&read);
/// assert_eq!(listing.len(), 3);
/// let first = listing.page(None, 2);
/// assert_eq!(first.iter().map(EntityUid::id).collect::<Vec<_>>(), ["dune", "emma"]);
/// let next = listing.page(first.last().map(|last| last.id().into()), 2);
/// assert_eq!(next.iter().map(EntityUid::id).collect::<Vec<_>>(), ["persuasion"]);
/// # Ok::<(), doorward::Error>(())
/// ```
#[derive(Clone)]
pub struct Listing {
    world: Arc<World>,
    /// Ascending.
    slots: Vec<Slot>,
}

impl Listing {
    pub(crate) fn new(world: Arc<World>, slots: Vec<Slot>) -> Self {
        Self { world, slots }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All of them, ordered by id.
    #[must_use]
    pub fn uids(&self) -> Vec<EntityUid> {
        self.named(self.slots.clone())
    }

    /// At most `limit` of them, ordered by id: those whose ids come after `after`, or the first.
    ///
    /// The last id of a page is the cursor for the next one. It is good for any later listing, too:
    /// what was added or taken away meanwhile moves nothing else to another page. Cost: a look at
    /// the id of each, and the sorting of one page.
    #[must_use]
    pub fn page(&self, after: Option<Id<'_>>, limit: usize) -> Vec<EntityUid> {
        let rows = self.world.facts().rows();
        let mut slots = self.slots.clone();
        if let Some(after) = after {
            slots.retain(|slot| rows.is_after(*slot, after.0));
        }
        if limit == 0 {
            return Vec::new();
        }
        if slots.len() > limit {
            slots.select_nth_unstable_by(limit - 1, |one, other| rows.by_id(*one, *other));
            slots.truncate(limit);
        }
        self.named(slots)
    }

    /// The rows, in no order that means anything: for totals.
    pub fn rows(&self) -> impl Iterator<Item = Entity> + '_ {
        self.slots.iter().filter_map(|slot| self.world.facts().rows().entity(*slot))
    }

    /// The policies and facts that it was made from.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    fn named(&self, mut slots: Vec<Slot>) -> Vec<EntityUid> {
        let rows = self.world.facts().rows();
        slots.sort_unstable_by(|one, other| rows.by_id(*one, *other));
        slots.into_iter().map(|slot| rows.uid_of(slot)).collect()
    }
}

/// How many there are: who sees what is personal.
impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listing({})", self.len())
    }
}
