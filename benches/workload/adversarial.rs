//! A thousand policies over the workload's facts that are hard to share work between: half name a
//! contact and a threshold each, half a threshold.

use std::collections::HashMap;
use std::fmt::Write as _;

use uuid::Uuid;

use super::random::Random;
use super::rows::{Asked, Rows};
use super::{Rules, Workload};

const HALF: usize = 500;
/// No document of the workload costs more.
const AMOUNT_MAX: usize = 900_000;
const REQUEST_COUNT: usize = 10_000;

/// The policies, and requests with the answers that their making decides.
pub struct Adversarial {
    pub rules: Rules,
    pub asked: Vec<Asked>,
}

/// `forbid when { resource.amount > amount && principal.limit < limit }`
struct Threshold {
    amount: i64,
    limit: i64,
}

impl Adversarial {
    pub fn over(workload: &Workload) -> Self {
        let random = &mut Random::seeded(3);
        let rows = &workload.rows;
        let mut permits = HashMap::new();
        while permits.len() < HALF.min(rows.contacts.len()) {
            permits.insert(random.below(rows.contacts.len()), random.below(AMOUNT_MAX / 2) as i64);
        }
        let forbids: Vec<Threshold> = (0..HALF)
            .map(|_| Threshold {
                amount: (AMOUNT_MAX / 2 + random.below(AMOUNT_MAX / 2)) as i64,
                limit: random.below(20_000_000) as i64,
            })
            .collect();
        let policies = text(rows, &permits, &forbids);
        let mut named: Vec<usize> = permits.keys().copied().collect();
        named.sort_unstable();
        let mut asked: Vec<Asked> = Vec::new();
        for question in workload.asked.iter().take(REQUEST_COUNT) {
            let mut asks = *question;
            // Three of four requests are of contacts who have a policy.
            if random.chance(75) {
                asks.contact = random.one_of(&named).map_or(asks.contact, |place| place as u32);
            }
            asks.allowed = allows(rows, &permits, &forbids, &asks);
            asked.push(asks);
        }
        Self { rules: Rules { schema: workload.small.schema.clone(), policies }, asked }
    }
}

fn text(rows: &Rows, permits: &HashMap<usize, i64>, forbids: &[Threshold]) -> String {
    let mut text = String::new();
    let mut places: Vec<_> = permits.iter().collect();
    places.sort_unstable();
    for (place, threshold) in places {
        let id = Uuid::from_u128(rows.contacts.get(*place).map_or(0, |contact| contact.id));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            r#"@id("user-{place}")
permit (principal == Contact::"{id}", action, resource is Document)
when {{ resource.amount > {threshold} }};"#
        );
    }
    for (place, Threshold { amount, limit }) in forbids.iter().enumerate() {
        let _ = writeln!(
            text,
            r#"@id("threshold-{place}")
forbid (principal is Contact, action, resource is Document)
when {{ resource.amount > {amount} && principal.limit < {limit} }};"#
        );
    }
    text
}

fn allows(
    rows: &Rows,
    permits: &HashMap<usize, i64>,
    forbids: &[Threshold],
    asked: &Asked,
) -> bool {
    let (place, document) = (asked.contact as usize, asked.document as usize);
    let (Some(contact), Some(document)) = (rows.contacts.get(place), rows.documents.get(document))
    else {
        return false;
    };
    let forbidden = |it: &Threshold| document.amount > it.amount && contact.limit < it.limit;
    permits.get(&place).is_some_and(|threshold| document.amount > *threshold)
        && !forbids.iter().any(forbidden)
}
