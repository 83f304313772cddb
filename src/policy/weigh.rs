//! How large a schema becomes once its names are resolved.
//!
//! Cedar writes out every common type wherever it is used, recursing on the result, and closes the
//! hierarchies of types and actions over all pairs. A short text can thus grow without bound, so it
//! is weighed first. Names are resolved generously here: where two readings exist, both count.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::diagnostics::Diagnostic;
use super::limits::Limits;

/// Parts of types, attributes included, after writing out every name.
const PARTS_MAX: usize = 1_000_000;
/// Steps to find all ancestors of all entity types and actions.
const ANCESTRY_STEPS_MAX: usize = 1_000_000;
/// Combinations of principal type, action and resource type.
const ENVIRONMENTS_MAX: usize = 100_000;

/// Refuses schemas, in Cedar's JSON form, that would grow too large or too deep.
pub(super) fn weigh(namespaces: &Map<String, Value>, limits: Limits) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let weights = Weights::of(namespaces);
    let total = weights.total(namespaces);
    if total.parts > PARTS_MAX {
        let message = format!("its types have more than {PARTS_MAX} parts when written out");
        findings.push(Diagnostic::error("schema-size", message));
    }
    // Names may add as much depth as brackets do.
    let depth_max = limits.nesting_max.saturating_mul(2);
    if total.depth > depth_max {
        let message = format!("its types nest deeper than {depth_max} when written out");
        findings.push(Diagnostic::error("nesting", message));
    }
    if !ancestry_is_small(namespaces) {
        let message = "its types or actions have too many ancestors in all";
        findings.push(Diagnostic::error("schema-size", message));
    }
    if environments(namespaces) > ENVIRONMENTS_MAX {
        let message = format!(
            "its actions apply to more than {ENVIRONMENTS_MAX} pairs of principal and resource types"
        );
        findings.push(Diagnostic::error("schema-size", message));
    }
    findings
}

#[derive(Debug, Default, Clone, Copy)]
struct Weight {
    parts: usize,
    depth: usize,
}

/// A type's own parts, and the names in it with the depth at which they stand.
#[derive(Debug, Default)]
struct Outline {
    own: Weight,
    names: Vec<(String, usize)>,
}

impl Outline {
    fn of(root: &Value, namespace: &str) -> Self {
        let mut outline = Self::default();
        let mut waiting = vec![(root, 1)];
        while let Some((part, depth)) = waiting.pop() {
            outline.own.parts += 1;
            outline.own.depth = outline.own.depth.max(depth);
            waiting.extend(part.get("element").map(|element| (element, depth + 1)));
            let attributes = part.get("attributes").and_then(Value::as_object);
            let attributes = attributes.into_iter().flat_map(Map::values);
            waiting.extend(attributes.map(|attribute| (attribute, depth + 1)));
            for key in ["type", "name"] {
                if let Some(name) = part.get(key).and_then(Value::as_str) {
                    outline.names.extend(readings(name, namespace).map(|name| (name, depth)));
                }
            }
        }
        outline
    }
}

/// What a name may stand for: itself, or the same name in its own namespace.
fn readings(name: &str, namespace: &str) -> impl Iterator<Item = String> + use<> {
    let qualified = (!namespace.is_empty()).then(|| format!("{namespace}::{name}"));
    std::iter::once(name.to_owned()).chain(qualified)
}

/// Every common type's weight, by its full name.
struct Weights(HashMap<String, Weight>);

impl Weights {
    fn of(namespaces: &Map<String, Value>) -> Self {
        let mut outlines = HashMap::new();
        for (namespace, name, common) in members(namespaces, "commonTypes") {
            outlines.insert(full_name(namespace, name), Outline::of(common, namespace));
        }
        let mut weights = Self(HashMap::new());
        let mut begun = HashSet::new();
        for name in outlines.keys() {
            // Depth first with a stack of its own: a type is weighed after what it names. A cycle,
            // which Cedar refuses by itself, ends at the type that was begun before.
            let mut waiting = vec![(name, false)];
            while let Some((name, is_ready)) = waiting.pop() {
                let Some(outline) = outlines.get(name) else { continue };
                if is_ready {
                    let weight = weights.written_out(outline);
                    weights.0.insert(name.clone(), weight);
                } else if begun.insert(name) {
                    waiting.push((name, true));
                    waiting.extend(outline.names.iter().map(|(name, _)| (name, false)));
                }
            }
        }
        weights
    }

    fn written_out(&self, outline: &Outline) -> Weight {
        let mut weight = outline.own;
        for (name, depth) in &outline.names {
            if let Some(inner) = self.0.get(name) {
                weight.parts = weight.parts.saturating_add(inner.parts);
                weight.depth = weight.depth.max(depth.saturating_add(inner.depth));
            }
        }
        weight
    }

    fn total(&self, namespaces: &Map<String, Value>) -> Weight {
        let shapes = members(namespaces, "entityTypes")
            .flat_map(|(namespace, _, entity)| {
                [entity.get("shape"), entity.get("tags")].map(|part| (namespace, part))
            })
            .chain(members(namespaces, "actions").map(|(namespace, _, action)| {
                (namespace, action.get("appliesTo").and_then(|applies| applies.get("context")))
            }))
            .filter_map(|(namespace, part)| Some(Outline::of(part?, namespace)))
            .map(|outline| self.written_out(&outline));
        shapes.chain(self.0.values().copied()).fold(Weight::default(), |total, weight| Weight {
            parts: total.parts.saturating_add(weight.parts),
            depth: total.depth.max(weight.depth),
        })
    }
}

/// Whether finding every ancestor of every entity type and action takes few enough steps.
fn ancestry_is_small(namespaces: &Map<String, Value>) -> bool {
    let mut steps_left = ANCESTRY_STEPS_MAX;
    [parents_of_types(namespaces), parents_of_actions(namespaces)].iter().all(|parents| {
        parents.keys().all(|start| {
            let mut seen = HashSet::new();
            let mut waiting = vec![start];
            while let Some(name) = waiting.pop() {
                for parent in parents.get(name).into_iter().flatten() {
                    steps_left = steps_left.saturating_sub(1);
                    if parents.contains_key(parent) && seen.insert(parent) {
                        waiting.push(parent);
                    }
                }
                if steps_left == 0 {
                    return false;
                }
            }
            true
        })
    })
}

type Parents = HashMap<String, Vec<String>>;

fn parents_of_types(namespaces: &Map<String, Value>) -> Parents {
    members(namespaces, "entityTypes")
        .map(|(namespace, name, entity)| {
            let parents = list(entity.get("memberOfTypes")).filter_map(Value::as_str);
            let parents = parents.flat_map(|parent| readings(parent, namespace)).collect();
            (full_name(namespace, name), parents)
        })
        .collect()
}

fn parents_of_actions(namespaces: &Map<String, Value>) -> Parents {
    members(namespaces, "actions")
        .map(|(namespace, id, action)| {
            let parents = list(action.get("memberOf")).flat_map(|parent| {
                let id = parent.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
                let of = parent.get("type").and_then(Value::as_str).unwrap_or("Action");
                readings(of, namespace).map(move |of| full_name(&of, &id))
            });
            (full_name(&full_name(namespace, "Action"), id), parents.collect())
        })
        .collect()
}

fn environments(namespaces: &Map<String, Value>) -> usize {
    members(namespaces, "actions")
        .filter_map(|(_, _, action)| action.get("appliesTo"))
        .map(|applies| {
            let count = |key| list(applies.get(key)).count();
            count("principalTypes").saturating_mul(count("resourceTypes"))
        })
        .fold(0, usize::saturating_add)
}

fn members<'a>(
    namespaces: &'a Map<String, Value>,
    section: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    namespaces.iter().flat_map(move |(namespace, content)| {
        let members = content.get(section).and_then(Value::as_object).into_iter().flatten();
        members.map(move |(name, member)| (namespace.as_str(), name.as_str(), member))
    })
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn full_name(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}
