//! What rows are asked to be in, numbered.
//!
//! `principal in resource.kind.view` names another group for each kind, so no policy says which groups
//! matter. But where there is a handful of kinds, all that they name can be numbered, and which of
//! these a principal is in is seen with its row: one bit answers what a look at all of its ancestors
//! would.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Plan;
use super::around::Outlook;
use super::environment::{Environment, TypePlan};
use super::node::{JoinOperator, Node, Operand};
use crate::facts::{Around, Kind, Path, Rows, Slot};

/// How many groups are numbered: a bit each, in so many words.
const AIMS_MAX: usize = AIM_WORDS * u32::BITS as usize;
pub(super) const AIM_WORDS: usize = 8;

/// A column that names what others are asked to be in, and the plan's number for the type of the rows
/// that have it.
pub(super) type Aim = (u32, Path);

/// A question whether a root's row is in what a column beyond the other root's names.
pub(super) fn aim(environment: &Environment, operator: &JoinOperator) -> Option<(usize, Aim)> {
    let JoinOperator::In(Operand::Root(root @ 0..=1), Operand::Column(path, column)) = operator
    else {
        return None;
    };
    let holder = environment.paths.get(usize::from(*path)).filter(|_| *path > 1)?;
    Some((usize::from(*root), (holder.type_number, Path::clone(column))))
}

impl Plan {
    /// What the environments ask rows to be in. Tells the types whose rows are asked.
    pub(super) fn aims(environments: &[Environment], outlooks: &mut [Outlook]) -> Vec<Aim> {
        let mut aims = Vec::new();
        for environment in environments {
            let Some(machine) = &environment.machine else { continue };
            machine.at_start(|nodes, _| {
                for node in nodes.iter() {
                    let Node::Join(join) = node else { continue };
                    let Some((root, aim)) = aim(environment, &join.operator) else { continue };
                    let of = environment.paths.get(root).map(|info| info.type_number as usize);
                    if let Some(outlook) = of.and_then(|of| outlooks.get_mut(of)) {
                        outlook.is_aimed = true;
                    }
                    if !aims.contains(&aim) {
                        aims.push(aim);
                    }
                }
            });
        }
        aims
    }

    /// By type: whether rows of it may be above rows that are asked what they are in.
    pub(super) fn above_aimed(types: &[TypePlan], outlooks: &[Outlook]) -> BTreeSet<Arc<str>> {
        let aimed = types.iter().zip(outlooks).filter(|(_, outlook)| outlook.is_aimed);
        aimed.flat_map(|(plan, _)| plan.above.iter().cloned()).collect()
    }

    /// What rows of these facts are asked to be in, ascending: the first so many.
    fn aimed_at<'a>(&self, rows: &Rows, around: &'a Around) -> &'a [Slot] {
        around.aims(|| {
            let mut found = BTreeSet::new();
            for (holder, column) in &self.aims {
                if !around.is_handful(rows.plan_type(*holder)) {
                    continue;
                }
                for slot in rows.of_type(&self.type_name(*holder)) {
                    let layout = self.layout_of(rows, slot, *holder);
                    if let Some((offset, Kind::Entity)) =
                        self.column_in(*holder, layout.as_ref(), column)
                    {
                        found.insert(rows.row(slot).word(offset as usize));
                    }
                }
            }
            found.into_iter().take(AIMS_MAX).collect()
        })
    }

    /// The number of what rows are asked to be in, from 1 on; 0 where it has none.
    pub(super) fn aim_number(&self, rows: &Rows, around: &Around, slot: Slot) -> u32 {
        self.aimed_at(rows, around).binary_search(&slot).map_or(0, |at| at as u32 + 1)
    }

    /// Which of them a row is in, a bit each.
    pub(super) fn aims_of(&self, rows: &Rows, around: &Around, slot: Slot) -> [u32; AIM_WORDS] {
        let aims = self.aimed_at(rows, around);
        let mut words = [0; AIM_WORDS];
        rows.each_above(slot, |above| {
            if let Ok(at) = aims.binary_search(&above)
                && let Some(word) = words.get_mut(at / u32::BITS as usize)
            {
                *word |= 1 << (at as u32 % u32::BITS);
            }
        });
        words
    }
}
