//! Who did what, who saw what, and who was refused: records on their way to where a host keeps them.
//!
//! - A [`Record`] says who asked for what, with what evidence, and what came of it: always the true
//!   code, also where the one who asked was only told that there is no such thing.
//! - An [`AuditQueue`] takes records without making the caller wait for I/O: a thread of its own
//!   drains it into an [`AuditSink`]. What happens when it is full is the host's choice, an
//!   [`Overflow`]. Nothing gets lost silently: the queue counts, and the sink is told.
//! - A [`Masking`] hides attributes or replaces them by pseudonyms, before a record reaches the sink.
//! - [`JsonLines`] writes one record per line; [`read`] reads them back, and [`views_of`] answers
//!   who saw a document. [`Memory`] keeps records, for tests.
//!
//! A portal makes its records itself: see [`PortalBuilder::audit`](crate::portal::PortalBuilder::audit).
//! Hosts of an [`Engine`](crate::Engine) make them from each request and its decision.
//!
//! # Example: the decisions of an engine
//!
//! ```
//! use doorward::audit::{AuditQueue, Effect, Memory, Overflow, Record};
//! use doorward::{Engine, EntityUid, PolicyBundle, Request, Timestamp};
//!
//! let engine = Engine::builder(PolicyBundle::builder().build()?).build()?;
//! let memory = Memory::new();
//! let queue = AuditQueue::builder(memory.clone(), Overflow::Block).start()?;
//!
//! let request = Request::new(EntityUid::new("Reader", "ada"), "borrow", EntityUid::new("Book", "1"));
//! let decision = engine.check(&request);
//! queue.send(Record::decided(&request, &decision, Timestamp::now()));
//!
//! queue.flush()?;
//! let records = memory.records();
//! assert_eq!(records[0].effect, Some(Effect::Deny));
//! assert_eq!(records[0].code.as_deref(), Some("NO_PERMIT"));
//! # Ok::<(), doorward::Error>(())
//! ```

mod error;
mod lines;
mod masking;
mod queue;
mod record;
mod sink;

pub use error::AuditError;
pub use lines::{JsonLines, LINE_BYTES_MAX, Lines, read, views_of};
pub use masking::{MASKABLE, Masking};
pub use queue::{AuditQueue, AuditQueueBuilder, CAPACITY_DEFAULT, CAPACITY_MAX, Overflow};
pub use record::{Effect, Event, Fate, Record};
pub use sink::{AuditSink, Memory};

#[cfg(test)]
mod tests;
