//! The Python package's private module `doorward._core`: the engine, spoken to in Python's idiom.
//!
//! Every class is frozen. Work that may take milliseconds is done with the interpreter detached; a single
//! check is not, since that would cost more than the check.

mod batch;
mod bundle;
mod caller;
mod checker;
mod class;
mod decision;
mod document;
mod engine;
mod entity;
mod error;
mod filter;
mod ids;
mod known;
mod portal;
mod request;
mod suite;
mod uid;
mod value;
mod world;
mod write;

use pyo3::pymodule;

/// The classes of the package. It needs no global interpreter lock.
#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;

    use crate::error::IntoPython as _;

    #[pymodule_export]
    use crate::{
        bundle::{PolicyBundle, PolicyInfo},
        caller::Caller,
        checker::Checker,
        decision::{Clause, Decision, Explanation, PolicyTrace},
        document::Document,
        engine::Engine,
        entity::Entity,
        filter::{ColumnMapping, Filter, TableMapping},
        ids::{ClientId, ContactId, DocumentId, LinkId, ShareId, StaffId},
        portal::{Clock, Portal, Tenant},
        request::{Context, Request},
        suite::Suite,
        uid::EntityUid,
        world::World,
        write::{Tx, Write},
    };

    /// Runs the command `doorward`; the code to exit with.
    #[pyfunction]
    fn main(py: Python<'_>, arguments: Vec<std::ffi::OsString>) -> u8 {
        py.detach(|| doorward_cli::run(arguments))
    }

    /// The policies of a client portal that come with the library.
    #[pyfunction]
    fn shipped_policies(py: Python<'_>) -> PyResult<PolicyBundle> {
        let loaded = doorward::portal::shipped_policies();
        loaded.map(PolicyBundle).map_err(|error| error.into_python(py))
    }

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
