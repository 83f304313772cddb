//! Ids of what a portal holds, each with its tenant.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $given:ident;)*) => {$(
        $(#[$doc])*
        #[pyclass(frozen, eq, ord, hash, str, module = "doorward")]
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(pub(crate) doorward::portal::$name);

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (tenant, id, /))]
            fn new(tenant: &str, id: &str) -> Self {
                Self(doorward::portal::$name::new(tenant, id))
            }

            #[getter]
            fn tenant(&self) -> &str {
                self.0.tenant()
            }

            #[getter]
            fn id(&self) -> &str {
                self.0.id()
            }

            /// Without the id, which may name a person.
            fn __repr__(&self) -> String {
                format!(concat!(stringify!($name), "({}/…)"), self.0.tenant())
            }

            fn __getnewargs__(&self) -> (&str, &str) {
                (self.0.tenant(), self.0.id())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        /// One in whichever way it is given: a text is an id of the tenant that is asked.
        pub(crate) enum $given {
            Id(doorward::portal::$name),
            Text(String),
        }

        impl $given {
            pub(crate) fn of(self, tenant: &str) -> doorward::portal::$name {
                match self {
                    Self::Id(id) => id,
                    Self::Text(id) => doorward::portal::$name::new(tenant, id),
                }
            }
        }

        impl<'a, 'py> FromPyObject<'a, 'py> for $given {
            type Error = PyErr;

            fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
                if let Ok(id) = given.cast::<$name>() {
                    return Ok(Self::Id(id.get().0.clone()));
                }
                match given.cast::<PyString>() {
                    Ok(text) => Ok(Self::Text(text.to_str()?.to_owned())),
                    Err(_) => Err(PyTypeError::new_err(format!(
                        concat!("a ", stringify!($name), " or its text is wanted, and not a {}"),
                        given.get_type().name()?
                    ))),
                }
            }
        }
    )*};
}

ids! {
    /// A client: a customer organisation of a tenant.
    ClientId, GivenClient;
    /// A contact: one person's seat at one client.
    ContactId, GivenContact;
    /// A member of the tenant's staff.
    StaffId, GivenStaff;
    /// A document of any kind, a container of documents, or a child of one.
    DocumentId, GivenDocument;
    /// A share: one document given to one contact.
    ShareId, GivenShare;
    /// A link: personal, for activation, or for a login.
    LinkId, GivenLink;
}
