//! Tables of the host's, against the schema of policies.

use crate::policy::PolicyBundle;
use crate::query::{FilterError, TableMapping};

impl TableMapping {
    /// Checks all of it against the schema, as each filter does: for when a program starts.
    ///
    /// # Errors
    ///
    /// When the schema declares no such type or attribute, when a column does not hold what the
    /// attribute is, or when its `NULL` cannot mean what is said of it.
    pub fn check(&self, policies: &PolicyBundle) -> Result<(), FilterError> {
        match policies.types() {
            Some(types) => self.check_types(types),
            None => Err(FilterError::new("there is no schema to check the mapping against")
                .with_help("load the policies with their schema")),
        }
    }
}
