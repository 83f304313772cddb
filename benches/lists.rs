//! What a list costs, beside a scan by hand, a loop of our own checks and a loop of Cedar's.
//!
//! | group/case      | what                                            | size                          |
//! |-----------------|-------------------------------------------------|-------------------------------|
//! | `list/workload` | the documents that a contact may view           | 50 of his client's, among 50,000 |
//! | `list/few`      | the same, where he is invited to 20             | a client with a million documents |
//! | `list/all`      | the same, where he sees them all                | a client with 50,000 documents |
//! | `filter/build`  | the same as SQL, where the host keeps documents | 6,000 entities                |
//! | `page/50x5`     | what he may do with each of a page's documents  | 50 rows, 5 actions            |
//! | `mail/send-out` | whom invoices are sent to, and who nearly is    | 1,000, 5 contacts, 2 channels |
//!
//! | engine           | what                                                                        |
//! |------------------|-----------------------------------------------------------------------------|
//! | `floor-scan`     | the floor's check by places, of every document                              |
//! | `floor-hash`     | the floor's check by 128-bit ids, of every pair (the page)                  |
//! | `doorward`       | `Checker::list`, its checker included; on the page, checks of one checker   |
//! | `doorward-loop`  | a check of every document by a checker, names looked up before              |
//! | `cedar-policy`   | `Authorizer::is_authorized` of every document or pair                       |
//!
//! The send-out is asked of a portal (`Tenant::audiences`), of which there is no floor by hand.
//!
//! Before an engine is timed, its list of each contact is compared with that of the floor. The first
//! list of an engine makes the indexes that it looks rows up in: that is not part of the time.

#[allow(dead_code, reason = "each bench uses its part")]
mod floor;
#[allow(dead_code, reason = "each bench uses its part")]
mod selection;
#[allow(dead_code, reason = "each bench uses its part")]
mod tenant;
#[allow(dead_code, reason = "each bench uses its part")]
mod turns;
#[allow(dead_code, reason = "each bench uses its part")]
mod workload;

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use doorward::portal::Channel;

use floor::{FloorById, FloorByIndex};
use selection::is_selected;
use workload::Workload;
use workload::ours::Ours;
use workload::rows::{Action, Asked, Rows};

type Group<'c> = BenchmarkGroup<'c, WallTime>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .configure_from_args()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30);
    let criterion = &mut criterion;
    let workload = Workload::read()?;
    if is_selected("list/workload") {
        list_workload(criterion, &workload)?;
    }
    for (case, documents, contact) in [("list/few", 1_000_000, 1), ("list/all", 50_000, 0)] {
        if is_selected(case) {
            list_crowded(criterion, &workload, case, (documents, contact))?;
        }
    }
    if is_selected("page/50x5") {
        page(criterion, &workload)?;
    }
    if is_selected("filter/build") {
        filter_build(criterion, &workload)?;
    }
    if is_selected("mail/send-out") {
        send_out(criterion)?;
    }
    criterion.final_summary();
    Ok(())
}

/// What it costs to decide ten thousand pieces of mail.
fn send_out(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let tenant::SendOut { tenant, invoices } = tenant::send_out()?;
    let reached = || {
        let audiences = tenant
            .audiences(&invoices, "invoice.sent", &[Channel::Email, Channel::InApp])
            .unwrap_or_default();
        audiences.iter().fold((0, 0), |(sent, missed), audience| {
            (sent + audience.recipients.len(), missed + audience.near_misses.len())
        })
    };
    let mut group = criterion.benchmark_group("mail/send-out");
    group.sample_size(10);
    let expected = (6 * invoices.len(), 3 * invoices.len());
    if reached() != expected {
        return Err(format!("{:?} are reached and missed, and not {expected:?}", reached()).into());
    }
    group.bench_function("doorward", |bencher| {
        bencher.iter(|| assert_eq!(reached(), expected));
    });
    group.finish();
    Ok(())
}

/// What it costs to write a contact's list as SQL for a host that keeps the documents.
fn filter_build(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let ours =
        Ours::inline_documents(workload.small.bundle()?, &workload.entities_but_documents())?;
    let mut group = criterion.benchmark_group("filter/build");
    let mut next = workload.rows.contacts.iter().cycle();
    let sql = |contact: u128| ours.view_filter(contact).map(|sql| sql.condition.len());
    group.bench_function("doorward", |bencher| {
        bencher.iter(|| next.next().map(|contact| sql(contact.id).is_ok()));
    });
    group.finish();
    Ok(())
}

fn list_workload(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    let rows = &workload.rows;
    let mut group = criterion.benchmark_group("list/workload");
    let contacts: Vec<u32> = (0..rows.contacts.len() as u32).collect();
    let seen = scanned(&mut group, rows, &contacts);
    let ours = workload.ours(&workload.small)?;
    lists(&mut group, rows, &ours, &contacts, &seen)?;
    let every: Vec<Asked> = contacts.iter().take(1).flat_map(|it| about_all(rows, *it)).collect();
    by_cedar(&mut group, workload, &every)?;
    group.finish();
    Ok(())
}

fn list_crowded(
    criterion: &mut Criterion,
    workload: &Workload,
    case: &str,
    (documents, contact): (u32, u32),
) -> Result<(), Box<dyn Error>> {
    let rows = Rows::crowded(documents, 20);
    let mut group = criterion.benchmark_group(case);
    group.sample_size(10);
    let seen = scanned(&mut group, &rows, &[contact]);
    let ours = Ours::from_rows(workload.small.bundle()?, &rows)?;
    lists(&mut group, &rows, &ours, &[contact], &seen)?;
    group.finish();
    Ok(())
}

/// How many documents each of these contacts may view, by hand.
fn scanned(group: &mut Group<'_>, rows: &Rows, contacts: &[u32]) -> Vec<usize> {
    let floor = FloorByIndex::new(rows);
    let scan = |contact: u32| {
        let documents = 0..rows.documents.len() as u32;
        documents.filter(|document| floor.check(contact, Action::View, *document, true)).count()
    };
    let mut next = contacts.iter().cycle();
    group.bench_function("floor-scan", |bencher| {
        bencher.iter(|| next.next().map(|contact| black_box(scan(*contact))));
    });
    // All of them would take minutes.
    contacts.iter().take(500).map(|contact| scan(*contact)).collect()
}

fn lists(
    group: &mut Group<'_>,
    rows: &Rows,
    ours: &Ours,
    contacts: &[u32],
    seen: &[usize],
) -> Result<(), Box<dyn Error>> {
    let ids: Vec<u128> = contacts
        .iter()
        .filter_map(|contact| rows.contacts.get(*contact as usize))
        .map(|contact| contact.id)
        .collect();
    let list = |contact: u128| {
        let (checker, environment) = ours.asking(contact, Action::View, true)?;
        Ok::<_, Box<dyn Error>>(checker.list(environment).len())
    };
    for (contact, seen) in ids.iter().zip(seen) {
        let found = list(*contact)?;
        if found != *seen {
            return Err(format!("{found} are listed, and {seen} are allowed").into());
        }
    }
    let mut next = ids.iter().cycle();
    group.bench_function("doorward", |bencher| {
        bencher.iter(|| next.next().map(|contact| list(*contact).is_ok()));
    });
    let contact = ids.first().copied().unwrap_or_default();
    let checker = ours.checker(contact)?;
    let documents: Vec<_> = rows.documents.iter().map(|row| checker.resource(row.id)).collect();
    group.bench_function("doorward-loop", |bencher| {
        bencher.iter(|| {
            let allowed = |it: &&workload::ours::Resource| checker.check(Action::View, it, true);
            documents.iter().flatten().filter(allowed).count()
        });
    });
    Ok(())
}

/// Times Cedar on all of some questions, one after the other.
fn by_cedar(
    group: &mut Group<'_>,
    workload: &Workload,
    asked: &[Asked],
) -> Result<(), Box<dyn Error>> {
    let cedar = workload.cedar(&workload.small)?;
    let requests = turns::cedar_requests(&cedar, workload, asked)?;
    let allows = turns::by_cedar(&cedar);
    group.sample_size(10);
    group.bench_function("cedar-policy", |bencher| {
        bencher.iter(|| requests.iter().filter(|(request, _)| allows(request)).count());
    });
    Ok(())
}

/// A contact's questions about all documents.
fn about_all(rows: &Rows, contact: u32) -> impl Iterator<Item = Asked> {
    let documents = 0..rows.documents.len() as u32;
    documents.map(move |document| Asked {
        contact,
        action: Action::View,
        document,
        mfa: true,
        allowed: false,
    })
}

fn page(criterion: &mut Criterion, workload: &Workload) -> Result<(), Box<dyn Error>> {
    const ACTIONS: [Action; 5] =
        [Action::View, Action::Download, Action::Pay, Action::Accept, Action::Reply];
    let rows = &workload.rows;
    let mut group = criterion.benchmark_group("page/50x5");
    // A client's first contact, and all of the client's documents.
    let pages: Vec<(u128, Vec<u128>)> = rows
        .contacts
        .iter()
        .step_by(5)
        .zip(rows.documents.chunks(50))
        .map(|(contact, documents)| (contact.id, documents.iter().map(|row| row.id).collect()))
        .collect();
    let floor = FloorById::new(rows);
    let by_hand = |(contact, documents): &(u128, Vec<u128>)| {
        let pairs = documents.iter().flat_map(|it| ACTIONS.map(|action| (it, action)));
        pairs.filter(|(it, action)| floor.check(*contact, *action, **it, true)).count()
    };
    let ours = workload.ours(&workload.small)?;
    let by_page = |(contact, documents): &(u128, Vec<u128>)| {
        ours.page(*contact, &ACTIONS, documents)
            .map_or(0, |decisions| decisions.iter().filter(|allowed| **allowed).count())
    };
    if let Some(page) = pages.iter().find(|page| by_hand(page) != by_page(page)) {
        return Err(format!("{} and {} buttons", by_hand(page), by_page(page)).into());
    }
    let mut next = pages.iter().cycle();
    group.bench_function("floor-hash", |bencher| bencher.iter(|| next.next().map(by_hand)));
    let mut next = pages.iter().cycle();
    group.bench_function("doorward", |bencher| bencher.iter(|| next.next().map(by_page)));
    let asked: Vec<Asked> = (0..50)
        .flat_map(|document| {
            ACTIONS.map(|action| Asked { contact: 0, action, document, mfa: true, allowed: false })
        })
        .collect();
    by_cedar(&mut group, workload, &asked)?;
    group.finish();
    Ok(())
}
