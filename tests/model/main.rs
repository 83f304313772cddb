//! Model checks of how worlds are published: the engine's own source, on threads whose schedule is
//! chosen, at every step, by a checker that tries the orders one after the other.
//!
//! What holds here holds in every order of the steps that was tried: in all of them, where the
//! search is exhaustive. Wrong protocols go through the same checks, and have to fail them.

#[cfg(test)]
mod checks;
#[cfg(test)]
mod protocol;
#[cfg(test)]
#[path = "../../src/engine/publication.rs"]
mod publication;
#[cfg(test)]
mod sync;
