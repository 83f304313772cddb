//! Facts against a plain map, whatever is written and removed.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A small world of ids, so that rows are written again, removed, and named while they are gone.
fn uid() -> impl Strategy<Value = EntityUid> {
    let uuid = |n: u8| format!("00000000-0000-4000-8000-0000000000{n:02x}");
    (0..3_u8, 0..40_u8, any::<bool>()).prop_map(move |(kind, n, is_uuid)| {
        let type_name = ["Client", "Contact", "Doc"][usize::from(kind)];
        EntityUid::new(type_name, if is_uuid { uuid(n) } else { format!("n{n}") })
    })
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-3..3_i64).prop_map(Value::from),
        "[a-c]{0,3}".prop_map(Value::from),
        uid().prop_map(Value::from),
        any::<i64>().prop_map(Value::duration_ms),
        (0..1000_i64).prop_map(|ms| Value::from(Timestamp::from_ms(ms))),
        any::<u32>().prop_map(|n| Value::from(std::net::IpAddr::from(n.to_be_bytes()))),
        any::<u128>().prop_map(|n| Value::from(std::net::IpAddr::from(n.to_be_bytes()))),
        Just(Value::decimal("12.50").unwrap()),
        prop::collection::vec(uid(), 0..5).prop_map(Value::entities),
        prop::collection::vec("[a-c]{0,2}", 0..5).prop_map(Value::strings),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|set| Value::set(set).unwrap()),
            prop::collection::btree_map("[x-z]", inner, 0..4).prop_map(|members| {
                let members = members.into_iter().map(|(name, it)| (name.into(), it)).collect();
                Value::record(members).unwrap()
            }),
        ]
    })
}

fn entity() -> impl Strategy<Value = Entity> {
    let members = || prop::collection::btree_map("[a-e]{1,2}", value(), 0..6);
    (uid(), members(), members(), prop::collection::vec(uid(), 0..4)).prop_map(
        |(uid, attributes, tags, parents)| {
            let mut entity = Entity::new(uid);
            attributes.into_iter().for_each(|(name, value)| entity.set(name, value));
            tags.into_iter().for_each(|(name, value)| entity.set_tag(name, value));
            entity.set_parents(parents);
            entity
        },
    )
}

#[derive(Debug, Clone)]
enum Step {
    Put(Entity),
    Remove(EntityUid),
    /// Facts of before go on beside these.
    Fork,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => entity().prop_map(Step::Put),
        3 => uid().prop_map(Step::Remove),
        1 => Just(Step::Fork),
    ];
    prop::collection::vec(step, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn facts_are_what_was_written(steps in steps()) {
        let (mut facts, mut model) = (Facts::new(), BTreeMap::new());
        let mut forks: Vec<(Facts, BTreeMap<EntityUid, Entity>)> = Vec::new();
        for step in steps {
            match step {
                Step::Put(entity) => {
                    facts.put(&entity);
                    model.insert(entity.uid().clone(), entity);
                }
                Step::Remove(uid) => {
                    facts.remove(&uid);
                    model.remove(&uid);
                }
                Step::Fork => forks.push((facts.clone(), model.clone())),
            }
        }
        forks.push((facts, model));
        for (facts, model) in forks {
            same(&facts, &model)?;
        }
    }
}

fn same(facts: &Facts, model: &BTreeMap<EntityUid, Entity>) -> Result<(), TestCaseError> {
    prop_assert_eq!(facts.len(), model.len());
    prop_assert!(facts.iter().eq(model.values().cloned()));
    for (uid, entity) in model {
        prop_assert_eq!(&facts.entity(uid), &Some(entity.clone()));
        prop_assert_eq!(&facts.parents(uid), entity.parents());
        let slot = facts.rows().slot(uid).unwrap();
        let above = ancestors(uid, model);
        for other in model.keys().chain(above.iter()) {
            let known = facts.rows().slot(other).unwrap();
            let expected = uid == other || above.contains(other);
            prop_assert_eq!(facts.rows().is_in(slot, known), expected, "{} in {}", uid, other);
        }
    }
    Ok(())
}

fn ancestors(
    uid: &EntityUid,
    model: &BTreeMap<EntityUid, Entity>,
) -> std::collections::BTreeSet<EntityUid> {
    let mut found = std::collections::BTreeSet::new();
    let mut open = vec![uid];
    while let Some(uid) = open.pop() {
        for parent in model.get(uid).into_iter().flat_map(Entity::parents) {
            if found.insert(parent.clone()) {
                open.push(parent);
            }
        }
    }
    found
}
