//! Counts and sums over what a caller may see, and over nothing else.

use std::collections::BTreeMap;
use std::fmt;

use super::caller::Caller;
use super::name::{Action, Kind};
use super::rows::Row as _;
use super::tenant::Tenant;
use crate::facts::Value;

/// How many documents there are, and what they come to.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many.
    pub count: usize,
    /// By currency, the sum in minor units of those whose prices may be seen.
    pub amounts: BTreeMap<String, i128>,
}

/// The count alone: amounts are the client's business.
impl fmt::Debug for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totals").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Tenant {
    /// Counts the stored documents of a kind that the check allows, and adds up their amounts.
    ///
    /// What a caller does not see counts nowhere: a total over it would tell that it is there. An
    /// amount counts only where the caller may `view_prices` too, or the kind has no such action.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::{Action, Caller, Kind, Portal, Preset};
    /// use doorward::portal::{Document, NewContact, State};
    ///
    /// let acme = Portal::builder().build()?.create_tenant("acme", Preset::Invoicing)?;
    /// acme.write_as_system(|tx| {
    ///     let client = tx.create_client(acme.client("C1"))?;
    ///     let gm = NewContact::new(acme.contact("gm"), client.clone()).email("gm@mail.example");
    ///     let gm = tx.create_contact(gm)?;
    ///     tx.enable(&gm)?;
    ///     tx.set_password(&gm)?;
    ///     for (id, state) in [("I1", State::Sent), ("I2", State::Paid), ("I3", State::Draft)] {
    ///         let invoice = Document::new(acme.document(id), Kind::INVOICE).client(client.clone());
    ///         tx.put_document(&invoice.state(state).amount(10_000, "EUR"))?;
    ///     }
    ///     Ok(())
    /// })?;
    ///
    /// let gm = acme.contact("gm");
    /// let access = acme.access(&gm).ok_or("no such contact")?;
    /// let caller = Caller::contact(gm).session(access.epoch, access.credential_version).password();
    /// let totals = acme.totals(&caller, Action::View, &Kind::INVOICE);
    /// assert_eq!((totals.count, totals.amounts["EUR"]), (2, 20_000));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn totals(&self, caller: &Caller, action: Action, kind: &Kind) -> Totals {
        let checker = self.checker(caller);
        let world = checker.world();
        let priced = world
            .facts()
            .entity(&kind.uid())
            .is_some_and(|row| row.attribute(Action::ViewPrices.as_str()).is_some());
        let mut totals = Totals::default();
        for row in checker.list(action, kind).rows() {
            totals.count = totals.count.saturating_add(1);
            let Some(amount) = row.attribute("amount").and_then(Value::as_long) else { continue };
            let document = self.document(row.uid().shared_id());
            let seen = !priced || checker.decide(Action::ViewPrices, &document.into()).is_allowed();
            if seen {
                let sum = totals.amounts.entry(row.text_at("currency").to_owned()).or_default();
                *sum = sum.saturating_add(i128::from(amount));
            }
        }
        self.record_documents(world, caller, action, kind.uid(), totals.count);
        totals
    }
}
