//! Who may write when, and policies for all tenants at once.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rows;
use super::tenant::Tenant;
use super::tenants::Portal;
use crate::error::{Error, StoreError};
use crate::policy::PolicyBundle;

impl Portal {
    /// Replaces the policies of all tenants, or of none.
    ///
    /// First every tenant's facts are checked against the new schema, while writes, to any tenant,
    /// wait and questions do not. Then the tenants take the new policies one after the other. Once
    /// this returns, every question to every tenant is decided by them. A question under way, such
    /// as a list, goes on with those that it began with. Tenants that are added at the same time
    /// get the new policies too.
    ///
    /// # Errors
    ///
    /// When the policies are none for a portal (see
    /// [`PortalBuilder::build`](super::PortalBuilder::build)), a tenant's facts do not fit them (the
    /// error names the tenant), or this thread is inside a write. Every tenant keeps the old ones
    /// then.
    ///
    /// # Example: a rule is added while the portal runs
    ///
    /// ```
    /// use doorward::portal::shipped_sources;
    /// use doorward::{Portal, Preset};
    ///
    /// let portal = Portal::builder().build()?;
    /// let acme = portal.create_tenant("acme", Preset::Accounting)?;
    ///
    /// let holidays = r#"
    ///     @id("closed-for-holidays") @step("02") @rank("9") @reason("HOLIDAYS")
    ///     @message("We are back in January.")
    ///     forbid (principal is Contact, action == Action::"pay", resource);
    /// "#;
    /// portal.publish(shipped_sources().policies("own.cedar", holidays).build()?)?;
    /// assert!(portal.policies().policy("closed-for-holidays").is_some());
    /// assert_eq!(acme.world().policies().digest(), portal.policies().digest());
    ///
    /// let alone = doorward::PolicyBundle::builder().policies("own.cedar", holidays).build()?;
    /// assert!(portal.publish(alone).is_err(), "it has no schema of a portal");
    /// assert!(portal.policies().policy("closed-for-holidays").is_some());
    /// # Ok::<(), doorward::Error>(())
    /// ```
    pub fn publish(&self, policies: PolicyBundle) -> Result<(), Error> {
        self.0.setup.require(&policies)?;
        let writer = Writer::begin()?;
        // Tenants are added in a turn at the policies too: until this one ends, there are no more.
        let turn = self.0.policies.begin();
        let mut tenants: Vec<Tenant> = self.tenants();
        tenants.sort_unstable_by(|one, other| one.id().cmp(other.id()));
        let _turns: Vec<_> = tenants.iter().map(|tenant| writer.turn(&tenant.0.writing)).collect();
        let mut worlds = Vec::new();
        for tenant in &tenants {
            let world = tenant.0.engine.prepare(policies.clone());
            worlds.push(world.map_err(|error| error.within(rows::tenant(tenant.id())))?);
        }
        for world in worlds {
            world.publish();
        }
        turn.publish(policies);
        Ok(())
    }
}

thread_local! {
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// A thread's one write, until it is dropped.
///
/// INVARIANT (order of turns): who waits for a tenant's turn holds no other's, or only those of
/// tenants whose ids come before, and of the policies. So no two wait for each other. `begin`
/// upholds it for writes, whose commands are the host's code; [`Portal::publish`] takes the turns
/// in this order and runs no such code.
pub(super) struct Writer {
    /// Not `Send`: it stands for this thread.
    _thread: PhantomData<*const ()>,
}

impl Writer {
    /// A thread that writes already is told so: it would wait for itself, or for a thread that waits
    /// for it.
    pub(super) fn begin() -> Result<Self, StoreError> {
        if WRITES.replace(true) {
            return Err(StoreError::new("a write is under way on this thread").with_help(
                "use the `tx` that its closure is given, and begin the other when it has ended",
            ));
        }
        Ok(Self { _thread: PhantomData })
    }

    /// Waits for the writer before.
    pub(super) fn turn<'w>(&'w self, writing: &'w Mutex<()>) -> MutexGuard<'w, ()> {
        writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        WRITES.set(false);
    }
}

#[cfg(test)]
mod tests;
