//! The Python package's private module `doorward._core`: the engine, spoken to in Python's idiom.
//!
//! Every class is frozen. What a call does with the interpreter detached is said where it is: work of
//! milliseconds, never a single check.

mod batch;
mod bundle;
mod checker;
mod decision;
mod engine;
mod entity;
mod error;
mod known;
mod request;
mod uid;
mod value;

use pyo3::pymodule;

/// The classes of the package. It needs no global interpreter lock.
#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        bundle::{PolicyBundle, PolicyInfo},
        checker::Checker,
        decision::{Decision, Explanation},
        engine::Engine,
        entity::Entity,
        request::{Context, Request},
        uid::EntityUid,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
