//! The integration tests: one binary, through the public API alone.
//!
//! `cfg(test)` says nothing new here, and lets lints take the helpers for tests as well.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod filters;
#[cfg(test)]
mod joins;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod portal_properties;
#[cfg(test)]
mod presets;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
#[path = "../servers/mod.rs"]
mod servers;
#[cfg(test)]
mod shipped_states;
#[cfg(test)]
mod stale;
#[cfg(test)]
mod tape;
#[cfg(test)]
mod threads;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod worked;
#[cfg(test)]
mod write_codes;
#[cfg(test)]
mod write_properties;
