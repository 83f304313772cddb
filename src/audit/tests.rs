use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;
use crate::facts::{EntityUid, Timestamp};

/// A record that is told from others by its resource.
fn view(number: usize) -> Record {
    let mut record = Record::new(Event::View, Timestamp::from_ms(0));
    record.resource = Some(EntityUid::new("Document", number.to_string()));
    record
}

/// What a sink was given: the number of each record, `dropped n` for reports.
fn seen(memory: &Memory) -> Vec<String> {
    let name = |record: &Record| match record.event {
        Event::Dropped => format!("dropped {}", record.count.unwrap()),
        _ => record.resource.as_ref().unwrap().id().to_owned(),
    };
    memory.records().iter().map(name).collect()
}

/// Keeps a record only once it was let through, and says when it was given one.
struct Gate {
    arrived: Sender<()>,
    open: Receiver<()>,
    memory: Memory,
}

/// The host's end of a gate. Once dropped, the gate stands open.
struct Keeper {
    arrived: Receiver<()>,
    open: Sender<()>,
    memory: Memory,
}

fn gate() -> (Gate, Keeper) {
    let (arrived, arrivals) = channel();
    let (open, opened) = channel();
    let memory = Memory::new();
    let keeper = Keeper { arrived: arrivals, open, memory: memory.clone() };
    (Gate { arrived, open: opened, memory }, keeper)
}

impl AuditSink for Gate {
    fn write(&mut self, record: &Record) -> Result<(), AuditError> {
        let _unheard = self.arrived.send(());
        let _always_open = self.open.recv();
        self.memory.write(record)
    }

    fn flush(&mut self) -> Result<(), AuditError> {
        Ok(())
    }
}

/// Fails or panics at some records, by their count from 1.
struct Faulty {
    memory: Memory,
    written: usize,
    fault: fn(usize) -> Fault,
}

enum Fault {
    None,
    Error,
    Panic,
}

fn faulty(fault: fn(usize) -> Fault) -> (Faulty, Memory) {
    let memory = Memory::new();
    (Faulty { memory: memory.clone(), written: 0, fault }, memory)
}

impl AuditSink for Faulty {
    fn write(&mut self, record: &Record) -> Result<(), AuditError> {
        self.written += 1;
        match (self.fault)(self.written) {
            Fault::None => self.memory.write(record),
            Fault::Error => Err(AuditError::other("full")),
            // Without the hook, which would print.
            Fault::Panic => std::panic::resume_unwind(Box::new("the sink's own")),
        }
    }

    fn flush(&mut self) -> Result<(), AuditError> {
        Ok(())
    }
}

#[test]
fn records_arrive_in_their_order() {
    let memory = Memory::new();
    let queue = AuditQueue::builder(memory.clone(), Overflow::Block).capacity(3).start().unwrap();
    (0..100).for_each(|number| queue.send(view(number)));
    queue.flush().unwrap();
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(seen(&memory), expected);
    assert_eq!((queue.written(), queue.dropped(), queue.failed()), (100, 0, 0));
}

#[test]
fn a_full_queue_drops_and_says_where() {
    let (sink, keeper) = gate();
    let queue = AuditQueue::builder(sink, Overflow::Drop).capacity(2).start().unwrap();
    queue.send(view(0));
    keeper.arrived.recv().unwrap();
    // The first is at the gate, two wait, three find no room.
    (1..6).for_each(|number| queue.send(view(number)));
    assert_eq!(queue.dropped(), 3);
    keeper.open.send(()).unwrap();
    keeper.arrived.recv().unwrap();
    // The second is at the gate: there is room for one.
    queue.send(view(6));
    queue.send(view(7));
    assert_eq!(queue.dropped(), 4);
    drop(keeper.open);
    queue.flush().unwrap();
    assert_eq!(seen(&keeper.memory), ["0", "1", "2", "dropped 3", "6", "dropped 1"]);
    assert_eq!((queue.written(), queue.dropped(), queue.failed()), (4, 4, 0));
}

#[test]
fn what_was_dropped_is_reported_although_nothing_follows() {
    let (sink, keeper) = gate();
    let queue = AuditQueue::builder(sink, Overflow::Drop).capacity(1).start().unwrap();
    queue.send(view(0));
    keeper.arrived.recv().unwrap();
    (1..4).for_each(|number| queue.send(view(number)));
    for _ in 0..2 {
        keeper.open.send(()).unwrap();
        keeper.arrived.recv().unwrap();
    }
    // What arrived last came without a flush, a record or the end of the queue.
    drop(keeper.open);
    drop(queue);
    assert_eq!(seen(&keeper.memory), ["0", "1", "dropped 2"]);
}

#[test]
fn a_full_queue_lets_wait() {
    let (sink, keeper) = gate();
    let queue = AuditQueue::builder(sink, Overflow::Block).capacity(1).start().unwrap();
    queue.send(view(0));
    keeper.arrived.recv().unwrap();
    queue.send(view(1));
    let (sent, waits) = channel();
    let sender = queue.clone();
    let waiting = thread::spawn(move || {
        sender.send(view(2));
        sent.send(()).unwrap();
    });
    // As long as the gate is shut nobody can have gone on.
    assert!(waits.try_recv().is_err());
    keeper.open.send(()).unwrap();
    waits.recv().unwrap();
    drop(keeper.open);
    waiting.join().unwrap();
    queue.flush().unwrap();
    assert_eq!(seen(&keeper.memory), ["0", "1", "2"]);
    assert_eq!(queue.dropped(), 0);
}

#[test]
fn counts_add_up_under_four_threads() {
    const EACH: usize = 2_000;
    for overflow in [Overflow::Drop, Overflow::Block] {
        // Every seventh fails.
        let (sink, memory) = faulty(|n| if n % 7 == 0 { Fault::Error } else { Fault::None });
        let queue = AuditQueue::builder(sink, overflow).capacity(8).start().unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..EACH).for_each(|number| queue.send(view(number))));
            }
        });
        queue.flush().unwrap();
        let sent = queue.written() + queue.dropped() + queue.failed();
        assert_eq!(sent, 4 * u64::try_from(EACH).unwrap(), "{queue:?}");
        assert!(queue.failed() > 0);
        assert!(overflow == Overflow::Drop || queue.dropped() == 0);
        let (reports, kept): (Vec<Record>, Vec<Record>) =
            memory.records().into_iter().partition(|record| record.event == Event::Dropped);
        assert_eq!(u64::try_from(kept.len()).unwrap(), queue.written());
        // A report that failed is made again with the next message: flush until the last is made.
        queue.flush().unwrap();
        let late = memory.records().len() - reports.len() - kept.len();
        let late = memory.records().into_iter().rev().take(late);
        let reported: u64 = reports.into_iter().chain(late).map(|r| r.count.unwrap()).sum();
        assert_eq!(reported, queue.dropped(), "{queue:?}");
    }
}

#[test]
fn a_failing_or_panicking_sink_is_counted_and_goes_on() {
    let (sink, memory) = faulty(|n| match n {
        2 => Fault::Error,
        4 => Fault::Panic,
        _ => Fault::None,
    });
    let queue = AuditQueue::builder(sink, Overflow::Block).start().unwrap();
    assert!(queue.last_error().is_none());
    queue.send(view(1));
    queue.send(view(2));
    queue.flush().unwrap();
    assert_eq!(queue.last_error().unwrap().to_string(), "full");
    (3..6).for_each(|number| queue.send(view(number)));
    queue.flush().unwrap();
    assert_eq!(queue.last_error().unwrap().to_string(), "the sink panicked");
    assert_eq!(seen(&memory), ["1", "3", "5"]);
    assert_eq!((queue.written(), queue.dropped(), queue.failed()), (3, 0, 2));
}

#[test]
fn a_report_that_fails_is_made_again() {
    let (arrived, arrivals) = channel();
    let (open, opened) = channel::<()>();
    struct Once {
        gate: Gate,
        refused: bool,
    }
    impl AuditSink for Once {
        fn write(&mut self, record: &Record) -> Result<(), AuditError> {
            if record.event == Event::Dropped && !std::mem::replace(&mut self.refused, true) {
                return Err(AuditError::other("not now"));
            }
            self.gate.write(record)
        }
        fn flush(&mut self) -> Result<(), AuditError> {
            Ok(())
        }
    }
    let memory = Memory::new();
    let gate = Gate { arrived, open: opened, memory: memory.clone() };
    let sink = Once { gate, refused: false };
    let queue = AuditQueue::builder(sink, Overflow::Drop).capacity(1).start().unwrap();
    queue.send(view(0));
    arrivals.recv().unwrap();
    (1..4).for_each(|number| queue.send(view(number)));
    drop(open);
    queue.flush().unwrap();
    queue.flush().unwrap();
    assert_eq!(seen(&memory), ["0", "1", "dropped 2"]);
    assert_eq!((queue.failed(), queue.last_error().unwrap().to_string()), (0, "not now".into()));
}

#[test]
fn the_last_handle_writes_the_rest_and_flushes() {
    struct Counting(Memory, Arc<AtomicUsize>);
    impl AuditSink for Counting {
        fn write(&mut self, record: &Record) -> Result<(), AuditError> {
            self.0.write(record)
        }
        fn flush(&mut self) -> Result<(), AuditError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    let (memory, flushed) = (Memory::new(), Arc::new(AtomicUsize::new(0)));
    let sink = Counting(memory.clone(), Arc::clone(&flushed));
    let queue = AuditQueue::builder(sink, Overflow::Block).start().unwrap();
    let other = queue.clone();
    drop(queue);
    (0..50).for_each(|number| other.send(view(number)));
    drop(other);
    assert_eq!(memory.records().len(), 50);
    assert_eq!(flushed.load(Ordering::SeqCst), 1);
}

/// Waiting for itself, the thread would wait for ever.
#[test]
fn a_sink_may_hold_its_own_queue() {
    struct Curious(Arc<Mutex<Option<AuditQueue>>>, Memory, Sender<()>);
    impl AuditSink for Curious {
        fn write(&mut self, record: &Record) -> Result<(), AuditError> {
            let queue = self.0.lock().unwrap().take();
            if let Some(queue) = queue {
                self.1.write(record)?;
                let error = queue.flush().unwrap_err().to_string();
                assert_eq!(error, "the queue was flushed from its own thread");
                // One finds room, the other would have to wait.
                queue.send(view(8));
                queue.send(view(9));
                self.2.send(()).unwrap();
            }
            Ok(())
        }
        fn flush(&mut self) -> Result<(), AuditError> {
            Ok(())
        }
    }
    let (own, memory) = (Arc::new(Mutex::new(None)), Memory::new());
    let (done, sent) = channel();
    let sink = Curious(Arc::clone(&own), memory.clone(), done);
    let queue = AuditQueue::builder(sink, Overflow::Block).capacity(1).start().unwrap();
    *own.lock().unwrap() = Some(queue.clone());
    queue.send(view(0));
    sent.recv().unwrap();
    queue.flush().unwrap();
    assert_eq!(seen(&memory), ["0"]);
    assert_eq!((queue.written(), queue.dropped(), queue.failed()), (2, 1, 0));
}

fn personal() -> Record {
    let mut record = view(1);
    record.tenant = Some("acme".into());
    record.principal = Some(EntityUid::new("ViewAs", "uma:gm"));
    record.staff = Some(EntityUid::new("Staff", "uma"));
    record.contact = Some(EntityUid::new("Contact", "gm"));
    record.evidence.insert("address".into(), "203.0.113.9".into());
    record.evidence.insert("via".into(), serde_json::json!({ "type": "Document", "id": "1" }));
    record.evidence.insert("epoch".into(), 7.into());
    record
}

fn masked(masking: &Masking) -> Record {
    let mut record = personal();
    masking.apply(&mut record);
    record
}

const KEY: &[u8] = b"a key of the host's own";

#[test]
fn the_address_is_hidden_where_nothing_is_chosen() {
    let expected = |address: &str| {
        let mut record = personal();
        record.evidence.insert("address".into(), address.into());
        record
    };
    assert_eq!(masked(&Masking::default()), expected("***"));
    assert_eq!(masked(&Masking::new().show("address").unwrap()), expected("203.0.113.9"));
    assert!(Masking::new().show("adress").is_err());
}

#[test]
fn whoever_stands_in_is_masked_as_strictly_as_both_names() {
    let contact = masked(&Masking::new().hide("contact").unwrap());
    assert_eq!(contact.contact, Some(EntityUid::new("Contact", "***")));
    assert_eq!(contact.principal, Some(EntityUid::new("ViewAs", "***")));
    assert_eq!(contact.staff, personal().staff);
    let both = Masking::new().pseudonym("principal", KEY).unwrap().hide("staff").unwrap();
    assert_eq!(masked(&both).principal, Some(EntityUid::new("ViewAs", "***")));
}

#[test]
fn a_pseudonym_is_the_same_wherever_the_name_stands() {
    let masking = ["resource", "via", "epoch", "tenant"]
        .iter()
        .try_fold(Masking::new(), |masking, name| masking.pseudonym(name, KEY))
        .unwrap();
    let record = masked(&masking);
    let resource = record.resource.clone().unwrap();
    assert_eq!(record.evidence["via"]["id"], resource.id());
    assert!(resource.id().starts_with("p:") && resource.id().len() == 34, "{resource}");
    assert_eq!(masked(&masking), record);
    let distinct =
        [record.tenant.as_deref(), record.evidence["epoch"].as_str(), Some(resource.id())];
    assert!(distinct[0] != distinct[1] && distinct[1] != distinct[2] && distinct[0] != distinct[2]);
    let other = Masking::new().pseudonym("resource", b"another key of the host").unwrap();
    assert_ne!(masked(&other).resource, record.resource);
    assert!(!format!("{masking:?}").contains("host"));
}

#[test]
fn masks_that_would_protect_nothing_are_refused() {
    let unknown = Masking::new().hide("e-mail").unwrap_err().to_string();
    assert!(unknown.starts_with("a record has no attribute `e-mail`; known are tenant, "));
    assert!(Masking::new().hide("code").is_err());
    assert!(Masking::new().declare("badge").hide("badge").is_ok());
    let short = Masking::new().pseudonym("principal", b"short").unwrap_err().to_string();
    assert_eq!(short, "a key of 5 bytes can be guessed; give at least 16");
}

#[test]
fn lines_come_back_as_they_went() {
    let mut decided = personal();
    decided.rehearsal = true;
    decided.effect = Some(Effect::StepUp);
    decided.code = Some("MFA_REQUIRED".into());
    decided.step = Some(13);
    decided.write = Some(Fate::Refused);
    decided.bundle = Some(crate::PolicyBundle::builder().build().unwrap().digest());
    let mut odd = view(2);
    odd.time = Timestamp::from_ms(i64::MAX);
    odd.resource = Some(EntityUid::new("Document", "two\nlines\u{2028}"));
    let records = [decided, odd, Record::dropped(3)];
    let mut file = Vec::new();
    let mut sink = JsonLines::new(&mut file);
    records.iter().for_each(|record| sink.write(record).unwrap());
    sink.flush().unwrap();
    assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), records.len());
    let back: Vec<Record> = read(&*file).map(Result::unwrap).collect();
    assert_eq!(back, records);
}

#[test]
fn lines_that_cannot_be_read_say_which_and_tell_nothing() {
    let mut file = b"\n\"gm@x.example\"\n".to_vec();
    JsonLines::new(&mut file).write(&view(1)).unwrap();
    file.extend(vec![b'x'; 2 * LINE_BYTES_MAX]);
    file.extend(b"\n\xff\n");
    JsonLines::new(&mut file).write(&view(2)).unwrap();
    file.extend(br#"{"event":"view","time":"2026-"#);
    let read: Vec<Result<Record, Option<u64>>> = read(&*file)
        .map(|record| {
            record.map_err(|error| {
                assert!(!error.to_string().contains("example"), "{error}");
                error.line()
            })
        })
        .collect();
    let expected =
        [Err(Some(2)), Ok(view(1)), Err(Some(4)), Err(Some(5)), Ok(view(2)), Err(Some(7))];
    assert_eq!(read, expected);
}

#[test]
fn a_write_that_was_cut_short_costs_one_line() {
    /// Takes as many bytes as it has room for; then it is full once.
    struct Cut(Vec<u8>, Option<usize>);
    impl Write for Cut {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.1 {
                Some(0) => {
                    self.1 = None;
                    Err(io::Error::other("disk full"))
                }
                Some(room) => {
                    let taken = bytes.get(..room.min(bytes.len())).unwrap();
                    self.0.extend(taken);
                    self.1 = Some(room - taken.len());
                    Ok(taken.len())
                }
                None => self.0.write(bytes),
            }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut cut = Cut(Vec::new(), Some(10));
    let mut sink = JsonLines::new(&mut cut);
    assert_eq!(sink.write(&view(1)).unwrap_err().to_string(), "disk full");
    sink.write(&view(2)).unwrap();
    sink.write(&view(3)).unwrap();
    let read: Vec<Option<Record>> = read(&*cut.0).map(Result::ok).collect();
    assert_eq!(read, [None, Some(view(2)), Some(view(3))]);
}

#[test]
fn a_record_too_long_for_a_line_is_refused_whole() {
    let mut record = view(1);
    record.evidence.insert("fields".into(), "x".repeat(LINE_BYTES_MAX).into());
    let mut file = Vec::new();
    let error = JsonLines::new(&mut file).write(&record).unwrap_err();
    assert_eq!(error.to_string(), "a record takes more than 1048576 bytes as a line");
    assert_eq!(file, b"");
}

#[test]
fn views_are_those_of_one_resource_of_one_tenant() {
    let of = |tenant: Option<&str>, event, number| {
        let mut record = view(number);
        record.event = event;
        record.tenant = tenant.map(str::to_owned);
        record
    };
    let records = [
        of(Some("acme"), Event::View, 1),
        of(Some("acme"), Event::Decision, 1),
        of(Some("acme"), Event::View, 2),
        of(Some("other"), Event::View, 1),
        of(None, Event::View, 1),
    ];
    let document = EntityUid::new("Document", "1");
    let found = |tenant| {
        views_of(records.iter().cloned().map(Ok), tenant, &document)
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    assert_eq!(found(Some("acme")), [records[0].clone()]);
    assert_eq!(found(None), [records[4].clone()]);
}

#[test]
fn debug_tells_nothing_that_is_personal() {
    let shown = format!("{:?}", personal());
    assert!(shown.contains("address") && !shown.contains("203"), "{shown}");
}
