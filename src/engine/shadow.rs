//! A share of the decisions, decided a second time by Cedar's own authorizer.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::World;
use crate::decide::{self, Decision, Reference, Request};
use crate::facts::EntityUid;

/// What was found by deciding a share of the requests a second time: see
/// [`EngineBuilder::shadow`](super::EngineBuilder::shadow).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShadowReport {
    /// How many decisions were decided again and compared.
    pub compared: u64,
    /// How many of them came out otherwise. Anything but 0 is a bug of doorward's.
    pub diverged: u64,
    /// How many were drawn and not compared: Cedar's authorizer had decided them in the first
    /// place, because not all policies could be compiled.
    pub skipped: u64,
    /// The divergence that came last.
    pub last: Option<ShadowDivergence>,
}

/// A decision that Cedar's own authorizer would have made otherwise.
///
/// It names types and policies, and no entity: nothing of it is personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShadowDivergence {
    /// The type of the principal.
    pub principal_type: String,
    /// The action.
    pub action: EntityUid,
    /// The type of the resource.
    pub resource_type: String,
    /// The decision that was given, with the digest of the policies and the revision.
    pub live: Decision,
    /// What Cedar's authorizer says.
    pub reference: Decision,
}

impl fmt::Display for ShadowDivergence {
    /// `Contact Action::"view" Document: allow, and by the reference deny HIDDEN (bundle …, revision 7)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { principal_type, action, resource_type, live, reference } = self;
        write!(f, "{principal_type} {action} {resource_type}: {live}, and by the reference ")?;
        let (bundle, revision) = (live.bundle(), live.revision().number());
        write!(f, "{reference} (bundle {}, revision {revision})", bundle.short())
    }
}

type OnDivergence = Arc<dyn Fn(&ShadowDivergence) + Send + Sync>;

/// How a shadow is set up.
#[derive(Clone, Default)]
pub(crate) struct ShadowSetup {
    pub(crate) rate: f64,
    pub(crate) on_divergence: Option<OnDivergence>,
}

impl ShadowSetup {
    /// The shadow, if anything is to be compared.
    pub(crate) fn build(self) -> Option<Arc<Shadow>> {
        // Not a number is no share.
        let rate = if self.rate > 0.0 { self.rate.min(1.0) } else { return None };
        Some(Arc::new(Shadow {
            // Rounded and saturated by the cast: at a rate of 1 every draw is below or equal.
            drawn_max: (rate * u64::MAX as f64) as u64,
            on_divergence: self.on_divergence,
            compared: AtomicU64::new(0),
            diverged: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            last: Mutex::new(None),
        }))
    }
}

impl fmt::Debug for ShadowSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShadowSetup").field("rate", &self.rate).finish_non_exhaustive()
    }
}

/// Decides again what it draws. What it counts is shared, and touched for these decisions only.
pub(crate) struct Shadow {
    drawn_max: u64,
    on_divergence: Option<OnDivergence>,
    compared: AtomicU64,
    diverged: AtomicU64,
    skipped: AtomicU64,
    last: Mutex<Option<ShadowDivergence>>,
}

impl Shadow {
    /// Whether this check is one of the share.
    pub(super) fn wants_one(&self) -> bool {
        draw().is_some_and(|drawn| drawn <= self.drawn_max)
    }

    /// Decides live, and again by the reference.
    pub(super) fn check_twice(&self, world: &World, request: &Request) -> Decision {
        Shadowing::during(|| self.compare(world, request))
    }

    /// Decides live, and again if drawn.
    pub(super) fn check(&self, world: &World, request: &Request) -> Decision {
        if self.wants_one() {
            self.check_twice(world, request)
        } else {
            decide::decide(world, request)
        }
    }

    fn compare(&self, world: &World, request: &Request) -> Decision {
        // Both look at the same moment, whatever the clock says meanwhile.
        let context = world.context_of(request).into_owned();
        let request = &request.clone().context(context);
        let live = decide::decide(world, request);
        if !world.plan().is_whole() {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return live;
        }
        let reference = decide::decide_by(&Reference, world, request);
        self.compared.fetch_add(1, Ordering::Relaxed);
        if live != reference {
            self.diverged.fetch_add(1, Ordering::Relaxed);
            let divergence = ShadowDivergence {
                principal_type: request.principal().type_name().to_owned(),
                action: request.action().clone(),
                resource_type: request.resource().type_name().to_owned(),
                live,
                reference,
            };
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(divergence.clone());
            if let Some(tell) = &self.on_divergence {
                tell(&divergence);
            }
        }
        live
    }

    pub(crate) fn report(&self) -> ShadowReport {
        // A divergence is counted after its comparison, so that it is read before.
        let diverged = self.diverged.load(Ordering::Relaxed);
        ShadowReport {
            compared: self.compared.load(Ordering::Relaxed).max(diverged),
            diverged,
            skipped: self.skipped.load(Ordering::Relaxed),
            last: self.last.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shadow").field("report", &self.report()).finish_non_exhaustive()
    }
}

thread_local! {
    /// Where this thread's draws stand, and whether it is comparing: then it draws nothing, so that
    /// a host who asks when told of a divergence does not go round.
    static DRAWS: (Cell<u64>, Cell<bool>) =
        (Cell::new(RandomState::new().hash_one(0)), Cell::new(false));
}

/// The next of a thread's random numbers (SplitMix64; Steele, Lea and Flood, 2014). `None` while it
/// compares, and when it is about to end.
fn draw() -> Option<u64> {
    let next = |(state, is_comparing): &(Cell<u64>, Cell<bool>)| {
        if is_comparing.get() {
            return None;
        }
        state.set(state.get().wrapping_add(0x9E37_79B9_7F4A_7C15));
        let mixed = (state.get() ^ (state.get() >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some(mixed ^ (mixed >> 31))
    };
    DRAWS.try_with(next).ok().flatten()
}

/// That this thread compares, until it is dropped.
struct Shadowing;

impl Shadowing {
    fn during<T>(work: impl FnOnce() -> T) -> T {
        let _ended = DRAWS.try_with(|(_, is_comparing)| is_comparing.set(true));
        let _shadowing = Self;
        work()
    }
}

impl Drop for Shadowing {
    fn drop(&mut self) {
        let _ended = DRAWS.try_with(|(_, is_comparing)| is_comparing.set(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_drawn_as_the_rate_says() {
        const DRAWS: u32 = 100_000;
        for rate in [0.01, 0.5, 0.9] {
            let drawn_max = ShadowSetup { rate, on_divergence: None }.build().unwrap().drawn_max;
            let drawn = (0..DRAWS).filter(|_| draw().unwrap() <= drawn_max).count();
            let share = drawn as f64 / f64::from(DRAWS);
            // Eight standard deviations at the widest.
            assert!((share - rate).abs() < 0.0127, "{share} of {rate}");
        }
    }

    #[test]
    fn what_is_no_share_is_the_nearest() {
        let built = |rate: f64| ShadowSetup { rate, on_divergence: None }.build();
        assert!(
            [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY].map(built).iter().all(Option::is_none)
        );
        for rate in [1.0, 1.5, f64::INFINITY] {
            assert_eq!(built(rate).unwrap().drawn_max, u64::MAX);
        }
    }
}
