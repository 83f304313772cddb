//! Records on their way: a bounded queue and the thread that drains it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::error::AuditError;
use super::masking::Masking;
use super::record::Record;
use super::sink::AuditSink;

/// How many records wait at most, where nothing else is chosen.
pub const CAPACITY_DEFAULT: usize = 8_192;

/// The largest capacity that can be chosen.
pub const CAPACITY_MAX: usize = 1 << 20;

/// What becomes of a record that a full queue has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It is dropped and counted, and nobody waits. As soon as there is room, a record of the event
    /// [`Dropped`](super::Event::Dropped) says how many are missing, where they are missing.
    Drop,
    /// Whoever made it waits until there is room. A sink that stands still stops every check, and a
    /// sink that itself waits for a write to a tenant recorded here may wait for ever.
    Block,
}

/// A queue of records, drained into a sink by a thread of its own.
///
/// Sending takes no lock and does no I/O. Clones share the queue; when the last one is dropped, the
/// rest is written, and the drop waits for it. Nothing gets lost silently: once
/// [`flush`](Self::flush) returned, `written + failed + dropped` is the number of records sent
/// before it.
///
/// # Example
///
/// ```
/// use doorward::audit::{AuditQueue, Event, JsonLines, Overflow, Record};
/// use doorward::Timestamp;
///
/// let queue = AuditQueue::builder(JsonLines::new(std::io::sink()), Overflow::Drop)
///     .capacity(1_000)
///     .start()?;
/// queue.send(Record::new(Event::View, Timestamp::now()));
/// queue.flush()?;
/// assert_eq!((queue.written(), queue.failed(), queue.dropped()), (1, 0, 0));
/// # Ok::<(), doorward::audit::AuditError>(())
/// ```
#[derive(Clone)]
pub struct AuditQueue(Arc<Queue>);

struct Queue {
    /// Taken when the queue is dropped, which ends the thread.
    sender: Option<SyncSender<Message>>,
    drain: Option<JoinHandle<()>>,
    overflow: Overflow,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    written: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    /// Dropped, and not reported to the sink yet.
    unreported: AtomicU64,
    last_error: Mutex<Option<AuditError>>,
}

impl Tally {
    fn keep(&self, error: AuditError) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

enum Message {
    Record {
        record: Box<Record>,
        /// How many were dropped just before.
        dropped: u64,
    },
    Flush(SyncSender<Result<(), AuditError>>),
}

impl AuditQueue {
    /// A queue into a sink. What becomes of records that it has no room for has to be chosen.
    pub fn builder(sink: impl AuditSink + 'static, overflow: Overflow) -> AuditQueueBuilder {
        AuditQueueBuilder {
            sink: Box::new(sink),
            overflow,
            capacity: CAPACITY_DEFAULT,
            masking: Masking::default(),
        }
    }

    /// Sends a record on its way. Cost: the record's own allocation and a place in the queue; with
    /// [`Overflow::Block`] and a full queue, as long as the sink takes.
    pub fn send(&self, record: Record) {
        let queue = &*self.0;
        let Some(sender) = &queue.sender else { return };
        let dropped = queue.tally.unreported.swap(0, Ordering::AcqRel);
        let message = Message::Record { record: Box::new(record), dropped };
        // A sink that sends would wait for itself.
        let blocks = queue.overflow == Overflow::Block && !queue.is_own_thread();
        let sent = if blocks {
            sender.send(message).map_err(drop)
        } else {
            sender.try_send(message).map_err(|error| {
                let (TrySendError::Full(_) | TrySendError::Disconnected(_)) = error;
            })
        };
        if sent.is_err() {
            queue.tally.dropped.fetch_add(1, Ordering::AcqRel);
            queue.tally.unreported.fetch_add(dropped + 1, Ordering::AcqRel);
        }
    }

    /// Waits until all that was sent before is written, and flushes the sink.
    ///
    /// # Errors
    ///
    /// When the sink could not be flushed, or this is called from within the sink. Records that
    /// failed are counted and are no error here.
    pub fn flush(&self) -> Result<(), AuditError> {
        if self.0.is_own_thread() {
            return Err(AuditError::own_thread());
        }
        let (done, flushed) = sync_channel(1);
        let sender = self.0.sender.as_ref().ok_or_else(AuditError::gone)?;
        sender.send(Message::Flush(done)).map_err(|_error| AuditError::gone())?;
        flushed.recv().map_err(|_error| AuditError::gone())?
    }

    /// How many records the sink kept. Reports of dropped ones are not counted.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.0.tally.written.load(Ordering::Acquire)
    }

    /// How many records the queue had no room for.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.tally.dropped.load(Ordering::Acquire)
    }

    /// How many records the sink did not keep: it failed, or panicked.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.0.tally.failed.load(Ordering::Acquire)
    }

    /// The error of the sink that came last, also of a flush or of the report of dropped records.
    #[must_use]
    pub fn last_error(&self) -> Option<AuditError> {
        self.0.tally.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for AuditQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditQueue")
            .field("overflow", &self.0.overflow)
            .field("written", &self.written())
            .field("failed", &self.failed())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

impl Queue {
    fn is_own_thread(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.thread().id() == thread::current().id())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.sender = None;
        let own_thread = self.is_own_thread();
        if let Some(drain) = self.drain.take().filter(|_| !own_thread) {
            // It panics only where dropping the sink does.
            let _panicked = drain.join();
        }
    }
}

/// Sets up an [`AuditQueue`].
#[must_use]
pub struct AuditQueueBuilder {
    sink: Box<dyn AuditSink>,
    overflow: Overflow,
    capacity: usize,
    masking: Masking,
}

impl AuditQueueBuilder {
    /// How many records wait at most, from 1 to [`CAPACITY_MAX`]. Default: [`CAPACITY_DEFAULT`].
    /// Their places, a few bytes each, are kept from the start.
    pub fn capacity(mut self, records: usize) -> Self {
        self.capacity = records;
        self
    }

    /// What is hidden of each record. Default: the address of the request.
    pub fn masking(mut self, masking: Masking) -> Self {
        self.masking = masking;
        self
    }

    /// Starts the thread, which masks records and hands them to the sink.
    ///
    /// # Errors
    ///
    /// When the capacity is out of its bounds, or the system has no thread to give.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::audit::{AuditQueue, Memory, Overflow};
    ///
    /// let error = AuditQueue::builder(Memory::new(), Overflow::Drop).capacity(0).start();
    /// let message = error.unwrap_err().to_string();
    /// assert_eq!(message, "a queue cannot have room for 0 records; choose from 1 to 1048576");
    /// ```
    pub fn start(self) -> Result<AuditQueue, AuditError> {
        if self.capacity == 0 || self.capacity > CAPACITY_MAX {
            let message = format!("a queue cannot have room for {} records", self.capacity);
            return Err(AuditError::setup(message, format!("choose from 1 to {CAPACITY_MAX}")));
        }
        let (sender, receiver) = sync_channel(self.capacity);
        let tally = Arc::new(Tally::default());
        let drain =
            Drain { sink: self.sink, masking: self.masking, tally: Arc::clone(&tally), receiver };
        let thread = thread::Builder::new().name("doorward-audit".into());
        let drain = thread.spawn(move || drain.run())?;
        Ok(AuditQueue(Arc::new(Queue {
            sender: Some(sender),
            drain: Some(drain),
            overflow: self.overflow,
            tally,
        })))
    }
}

impl fmt::Debug for AuditQueueBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditQueueBuilder")
            .field("overflow", &self.overflow)
            .field("capacity", &self.capacity)
            .field("masking", &self.masking)
            .finish_non_exhaustive()
    }
}

/// The other end of the queue.
struct Drain {
    sink: Box<dyn AuditSink>,
    masking: Masking,
    tally: Arc<Tally>,
    receiver: Receiver<Message>,
}

impl Drain {
    fn run(mut self) {
        while let Some(message) = self.next() {
            match message {
                Message::Record { mut record, dropped } => {
                    self.report(dropped);
                    self.masking.apply(&mut record);
                    let counter = match self.guarded(|sink| sink.write(&record)) {
                        Ok(()) => &self.tally.written,
                        Err(_kept) => &self.tally.failed,
                    };
                    counter.fetch_add(1, Ordering::AcqRel);
                }
                Message::Flush(done) => {
                    self.report_rest();
                    let flushed = self.guarded(AuditSink::flush);
                    // Whoever waited may have gone.
                    let _gone = done.try_send(flushed);
                }
            }
        }
        self.report_rest();
        let _kept = self.guarded(AuditSink::flush);
    }

    /// The next message, or nothing once the queue is dropped. Before waiting for one there is room
    /// to say what was dropped.
    fn next(&mut self) -> Option<Message> {
        match self.receiver.try_recv() {
            Ok(message) => return Some(message),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => self.report_rest(),
        }
        self.receiver.recv().ok()
    }

    fn report_rest(&mut self) {
        let dropped = self.tally.unreported.swap(0, Ordering::AcqRel);
        self.report(dropped);
    }

    /// Says how many were dropped. Where that fails it is said again the next time.
    fn report(&mut self, dropped: u64) {
        if dropped == 0 {
            return;
        }
        let record = Record::dropped(dropped);
        if self.guarded(|sink| sink.write(&record)).is_err() {
            self.tally.unreported.fetch_add(dropped, Ordering::AcqRel);
        }
    }

    /// Calls the host's code, which may fail and panic.
    fn guarded(
        &mut self,
        call: impl FnOnce(&mut (dyn AuditSink + 'static)) -> Result<(), AuditError>,
    ) -> Result<(), AuditError> {
        let sink = &mut *self.sink;
        let called = catch_unwind(AssertUnwindSafe(|| call(sink)));
        let result = called.unwrap_or_else(|_panic| Err(AuditError::panicked()));
        if let Err(error) = &result {
            self.tally.keep(error.clone());
        }
        result
    }
}
