//! Ids of what a portal holds. Every id carries its tenant.

use std::fmt;
use std::sync::Arc;

use crate::facts::EntityUid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $entity:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// The id names its tenant and is looked up in that tenant only, so that nothing can
        /// cross. The part within the tenant is any text, usually a UUID.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            tenant: Arc<str>,
            id: Arc<str>,
        }

        impl $name {
            /// An id within a tenant. Nothing is looked up: unknown ids are refused when used.
            #[must_use]
            pub fn new(tenant: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
                Self { tenant: tenant.into(), id: id.into() }
            }

            /// The id of the tenant.
            #[must_use]
            pub fn tenant(&self) -> &str {
                &self.tenant
            }

            /// The id within the tenant.
            #[must_use]
            pub fn id(&self) -> &str {
                &self.id
            }

            /// The entity that policies see.
            #[must_use]
            pub fn uid(&self) -> EntityUid {
                EntityUid::new($entity, Arc::clone(&self.id))
            }
        }

        /// The tenant and the id: `acme/gm`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.tenant, self.id)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    )*};
}

ids! {
    /// A client: a customer organisation of a tenant.
    ClientId = "Client";
    /// A client group, which settings can be given to.
    ClientGroupId = "ClientGroup";
    /// A contact: one person's seat at one client.
    ContactId = "Contact";
    /// A member of the tenant's staff.
    StaffId = "Staff";
    /// A document of any kind, a container of documents, or a child of one.
    DocumentId = "Document";
    /// A share: one document given to one contact.
    ShareId = "Share";
    /// A link: personal, for activation, or for a login. The secret in its address is the host's.
    LinkId = "Link";
}
