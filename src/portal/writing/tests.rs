use crate::facts::{Changes, Entity, EntityUid};
use crate::policy::PolicyBundle;
use crate::portal::{
    Action, Caller, Portal, Preset, Tenant, TenantConfig, WriteError, Written, shipped_sources,
};

/// The shipped policies, and a type of the host's own.
fn with_regions() -> PolicyBundle {
    shipped_sources().schema("own.cedarschema", "entity Region;").build().unwrap()
}

/// The shipped policies, and one that closes the portal.
fn closed() -> PolicyBundle {
    let policy = r#"
        @id("closed") @step("02") @rank("9") @reason("CLOSED") @message("Closed.")
        forbid (principal, action, resource);
    "#;
    shipped_sources().policies("own.cedar", policy).build().unwrap()
}

fn portal(ids: &[&str]) -> (Portal, Vec<Tenant>) {
    let portal = Portal::builder().policies(with_regions()).build().unwrap();
    let tenants = ids.iter().map(|id| portal.create_tenant(*id, Preset::Accounting).unwrap());
    let tenants = tenants.collect();
    (portal, tenants)
}

fn add_client(tenant: &Tenant, id: &str) -> Result<Written<()>, WriteError> {
    tenant.write_as_system(|tx| tx.create_client(tenant.client(id)).map(drop))
}

#[test]
fn policies_that_one_tenants_facts_do_not_fit_reach_none() {
    let (portal, mut tenants) = portal(&["a", "c"]);
    let region = Entity::new(EntityUid::new("Region", "north"));
    let (elsewhere, others) = self::portal(&["b"]);
    let facts = others[0].facts().with(&Changes::new().put(region.clone()));
    tenants.push(portal.restore_tenant("b", facts).unwrap());
    let states = || tenants.iter().map(|tenant| tenant.world().revision()).collect::<Vec<_>>();
    let before = states();

    let refused = portal.publish(closed()).unwrap_err().to_string();
    assert!(refused.starts_with(r#"Tenant::"b": Region::"north": "#), "{refused}");
    assert_eq!(states(), before);
    for tenant in &tenants {
        assert_eq!(tenant.world().policies().digest(), with_regions().digest());
        add_client(tenant, "C1").unwrap();
    }
    assert_eq!(portal.policies().digest(), with_regions().digest());

    elsewhere.publish(closed()).unwrap();
    assert_eq!(elsewhere.policies().digest(), closed().digest());
    let bare = PolicyBundle::builder().build().unwrap();
    assert!(elsewhere.publish(bare).unwrap_err().to_string().contains("`Tenant`"));
    assert_eq!(elsewhere.policies().digest(), closed().digest());
}

#[test]
fn every_tenant_takes_the_new_policies_and_keeps_its_facts() {
    let (portal, tenants) = portal(&["a", "b"]);
    let facts: Vec<_> = tenants.iter().map(Tenant::facts).collect();
    let held = tenants[0].world();
    portal.publish(closed()).unwrap();
    for (tenant, facts) in tenants.iter().zip(facts) {
        let stranger = Caller::contact(tenant.contact("x"));
        let decision = tenant.check(&stranger, Action::View, tenant.document("I1"));
        assert_eq!(decision.bundle(), closed().digest());
        assert_eq!(tenant.facts(), facts);
    }
    assert_eq!(held.policies().digest(), with_regions().digest());
    assert!(tenants[0].world().revision() > held.revision());
}

#[test]
fn a_tenant_that_is_added_meanwhile_has_the_new_policies() {
    /// A configuration that policies are published under the hand of.
    struct Slow(Portal);

    impl From<Slow> for TenantConfig {
        fn from(slow: Slow) -> Self {
            slow.0.publish(closed()).unwrap();
            Preset::Accounting.into()
        }
    }

    let (portal, _) = portal(&[]);
    let tenant = portal.create_tenant("late", Slow(portal.clone())).unwrap();
    assert_eq!(tenant.world().policies().digest(), closed().digest());
}

#[test]
fn a_write_begun_inside_a_write_is_refused_whatever_it_writes() {
    let (portal, tenants) = portal(&["a", "b"]);
    let (other_portal, _) = self::portal(&[]);
    let facts = tenants[0].facts();
    let written = tenants[0].write_as_system(|tx| {
        tx.create_client(tenants[0].client("C1"))?;
        let refused = [
            add_client(&tenants[0], "C2").unwrap_err().to_string(),
            add_client(&tenants[1], "C2").unwrap_err().to_string(),
            portal.publish(closed()).unwrap_err().to_string(),
            other_portal.publish(closed()).unwrap_err().to_string(),
            portal.create_tenant("c", Preset::Accounting).unwrap_err().to_string(),
            other_portal.restore_tenant("a", facts.clone()).unwrap_err().to_string(),
        ];
        for refused in refused {
            assert!(refused.starts_with("a write is under way on this thread; "), "{refused}");
        }
        Ok(())
    });
    // The write that they were begun in goes on.
    written.unwrap();
    assert!(tenants[0].facts().contains(&tenants[0].client("C1").uid()));
    assert_eq!(portal.policies().digest(), with_regions().digest());
    assert!(portal.tenant("c").is_none() && other_portal.tenant("a").is_none());
    add_client(&tenants[1], "C2").unwrap();
    portal.publish(closed()).unwrap();
}
