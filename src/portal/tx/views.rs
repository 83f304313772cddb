//! What a view leads to.

use super::Tx;
use crate::portal::error::WriteError;
use crate::portal::id::DocumentId;
use crate::portal::name::State;
use crate::portal::rows::Row as _;

impl Tx<'_> {
    /// Moves a document that is sent to viewed; any other stays, also one that was sent when
    /// somebody looked and has moved on meanwhile.
    pub(in crate::portal) fn mark_viewed(
        &mut self,
        document: &DocumentId,
    ) -> Result<(), WriteError> {
        let row = self.facts.entity(&document.uid());
        if row.is_some_and(|row| row.text_at("state") == State::Sent.as_str()) {
            self.set_state(document, State::Viewed)?;
        }
        Ok(())
    }
}
