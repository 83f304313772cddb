//! A vector in pages that revisions share.

use std::sync::Arc;

/// How many pages one span holds: a vector of `n` pages is copied in `n / SPAN + SPAN` counters when
/// one page of it changes.
const SPAN: usize = 128;

/// Pages behind a spine of two levels. A clone costs one counter; to change a page of a clone copies
/// that page, its span and the spine, and nothing else.
#[derive(Debug)]
pub(crate) struct Paged<P> {
    spans: Arc<[Arc<[Arc<P>]>]>,
}

impl<P> Clone for Paged<P> {
    fn clone(&self) -> Self {
        Self { spans: Arc::clone(&self.spans) }
    }
}

impl<P> Default for Paged<P> {
    fn default() -> Self {
        Self { spans: Arc::new([]) }
    }
}

impl<P: Clone> Paged<P> {
    pub(crate) fn len(&self) -> usize {
        let Some((last, full)) = self.spans.split_last() else { return 0 };
        full.len() * SPAN + last.len()
    }

    #[inline]
    pub(crate) fn get(&self, page: usize) -> Option<&P> {
        Some(self.spans.get(page / SPAN)?.get(page % SPAN)?)
    }

    /// The page, for changing: copied first if another revision has it too.
    pub(crate) fn get_mut(&mut self, page: usize) -> Option<&mut P> {
        let span = Arc::make_mut(&mut self.spans).get_mut(page / SPAN)?;
        Some(Arc::make_mut(Arc::make_mut(span).get_mut(page % SPAN)?))
    }

    pub(crate) fn push(&mut self, page: P) {
        let page = Arc::new(page);
        let mut spans: Vec<_> = self.spans.to_vec();
        match spans.pop_if(|last| last.len() < SPAN) {
            Some(open) => spans.push(open.iter().cloned().chain([page]).collect()),
            None => spans.push(Arc::new([page])),
        }
        self.spans = spans.into();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &P> {
        self.spans.iter().flat_map(|span| span.iter()).map(|page| &**page)
    }
}
