//! The Python package's private module `doorward._core`: the engine, spoken to in Python's idiom.
//!
//! Every class is frozen. Work that may take milliseconds is done with the interpreter detached; a single
//! check is not, since that would cost more than the check.

mod batch;
mod bundle;
mod caller;
mod checker;
mod decision;
mod document;
mod engine;
mod entity;
mod error;
mod ids;
mod known;
mod portal;
mod request;
mod uid;
mod value;
mod write;

use pyo3::pymodule;

/// The classes of the package. It needs no global interpreter lock.
#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::{
        bundle::{PolicyBundle, PolicyInfo},
        caller::Caller,
        checker::Checker,
        decision::{Decision, Explanation},
        document::Document,
        engine::Engine,
        entity::Entity,
        ids::{ClientId, ContactId, DocumentId, LinkId, ShareId, StaffId},
        portal::{Clock, Portal, Tenant},
        request::{Context, Request},
        uid::EntityUid,
        write::{Tx, Write},
    };

    /// Runs the command `doorward`; the code to exit with.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
        py.detach(|| doorward_cli::run(arguments))
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
