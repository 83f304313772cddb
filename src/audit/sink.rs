//! Where records go.

use std::sync::{Arc, Mutex, PoisonError};

use super::error::AuditError;
use super::record::Record;

/// Where records go: a file, a table, a log. Called by the thread of an
/// [`AuditQueue`](super::AuditQueue) alone, one record at a time.
///
/// An error or a panic counts as one record that [`failed`](super::AuditQueue::failed); the next
/// record is written all the same. The queue does not try again: a sink that wants to, does so
/// itself.
///
/// # Example: a sink of one's own
///
/// ```
/// use doorward::audit::{AuditError, AuditQueue, AuditSink, Event, Overflow, Record};
/// use doorward::Timestamp;
///
/// struct Refusing;
///
/// impl AuditSink for Refusing {
///     fn write(&mut self, _record: &Record) -> Result<(), AuditError> {
///         Err(AuditError::other("no room"))
///     }
///
///     fn flush(&mut self) -> Result<(), AuditError> {
///         Ok(())
///     }
/// }
///
/// let queue = AuditQueue::builder(Refusing, Overflow::Block).start()?;
/// queue.send(Record::new(Event::View, Timestamp::now()));
/// queue.flush()?;
/// assert_eq!(queue.failed(), 1);
/// assert_eq!(queue.last_error().unwrap().to_string(), "no room");
/// # Ok::<(), AuditError>(())
/// ```
pub trait AuditSink: Send {
    /// Keeps one record, which is masked already.
    ///
    /// # Errors
    ///
    /// When the record was not kept.
    fn write(&mut self, record: &Record) -> Result<(), AuditError>;

    /// Hands on what the sink holds back.
    ///
    /// # Errors
    ///
    /// When that was not possible.
    fn flush(&mut self) -> Result<(), AuditError>;
}

/// Keeps records in memory, for tests. Clones share them.
///
/// # Example
///
/// ```
/// use doorward::audit::{AuditSink, Event, Memory, Record};
/// use doorward::Timestamp;
///
/// let memory = Memory::new();
/// let mut sink = memory.clone();
/// sink.write(&Record::new(Event::View, Timestamp::now()))?;
/// assert_eq!(memory.records().len(), 1);
/// # Ok::<(), doorward::audit::AuditError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Vec<Record>>>);

impl Memory {
    /// Holds no record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of the records so far, in their order.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the records so far out, in their order.
    #[must_use]
    pub fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AuditSink for Memory {
    fn write(&mut self, record: &Record) -> Result<(), AuditError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record.clone());
        Ok(())
    }

    fn flush(&mut self) -> Result<(), AuditError> {
        Ok(())
    }
}
