//! What the shipped policies compile to.

use std::collections::BTreeSet;

use doorward::portal::{shipped_policies, shipped_sources};
use doorward::{PlanFilter, PlanListing, PlanPart, Symbol};

fn shipped() -> PlanListing {
    shipped_policies().unwrap().plan_listing(&PlanFilter::new())
}

#[test]
fn shipped_policies_are_all_compiled() {
    let listing = shipped();
    assert_eq!(listing.on_reference, Vec::<Symbol>::new());
    let whole = listing.environments.iter().filter(|environment| environment.evaluates_all);
    assert_eq!(whole.count(), 0, "environments that evaluate every policy");
    assert_eq!(listing.counts.environments, listing.environments.len());
    assert!(listing.counts.environments > 200 && listing.counts.policies > 100);
}

#[test]
fn every_policy_is_listed_once_per_environment_in_the_order_of_reasons() {
    let bundle = shipped_policies().unwrap();
    let all: BTreeSet<Symbol> = bundle.policies().iter().map(|policy| policy.id()).collect();
    for environment in shipped().environments {
        let kept = environment.policies.iter().map(|policy| policy.id);
        let listed: Vec<Symbol> = kept.chain(environment.dropped.iter().copied()).collect();
        assert_eq!(listed.len(), all.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), all);
        let places = environment
            .policies
            .iter()
            .map(|policy| (policy.part, policy.step.unwrap_or(u8::MAX), policy.rank));
        assert!(places.is_sorted(), "{} {}", environment.principal, environment.action);
        let parts = [PlanPart::Forbid, PlanPart::StepUp, PlanPart::Permit, PlanPart::ReasonOnly];
        let counted: usize = parts.into_iter().map(|part| environment.count(part)).sum();
        assert_eq!(counted, environment.policies.len());
    }
}

/// The second bundle is parsed and compiled anew, with hash maps of its own.
#[test]
fn equal_policies_have_equal_listings() {
    let again = shipped_sources().build().unwrap().plan_listing(&PlanFilter::new());
    assert_eq!(serde_json::to_string(&shipped()).unwrap(), serde_json::to_string(&again).unwrap());
}
