//! Why a record was not kept, or cannot be read.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

/// Why a record was not kept or cannot be read, or a queue not set up. It holds nothing of a record.
///
/// Sinks make one from an [`io::Error`], or from anything else by [`other`](Self::other). Clones
/// share everything.
///
/// # Example
///
/// ```
/// use doorward::audit::{AuditError, read};
///
/// let broken = AuditError::other("the table `audit` is locked");
/// assert_eq!(broken.to_string(), "the table `audit` is locked");
///
/// let unreadable = read("\n{}\n".as_bytes()).next().unwrap().unwrap_err();
/// assert_eq!(unreadable.line(), Some(2));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct AuditError(Arc<Kind>);

#[derive(Debug, thiserror::Error)]
enum Kind {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("line {line}: {problem}")]
    Line { line: u64, problem: String },
    #[error("{message}; {help}")]
    Setup { message: String, help: String },
    #[error("a record takes more than {0} bytes as a line")]
    TooLong(usize),
    #[error("the sink panicked")]
    Panicked,
    #[error("the queue was flushed from its own thread")]
    OwnThread,
    #[error("the thread of the queue is gone")]
    Gone,
    #[error(transparent)]
    Other(Box<dyn StdError + Send + Sync>),
}

impl AuditError {
    /// What went wrong in a host's own sink.
    #[must_use]
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of(Kind::Other(error.into()))
    }

    /// The line that cannot be read, counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        if let Kind::Line { line, .. } = &*self.0 { Some(*line) } else { None }
    }

    pub(super) fn at_line(line: u64, problem: impl Into<String>) -> Self {
        Self::of(Kind::Line { line, problem: problem.into() })
    }

    pub(super) fn setup(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::of(Kind::Setup { message: message.into(), help: help.into() })
    }

    pub(super) fn too_long(bytes_max: usize) -> Self {
        Self::of(Kind::TooLong(bytes_max))
    }

    pub(super) fn panicked() -> Self {
        Self::of(Kind::Panicked)
    }

    pub(super) fn own_thread() -> Self {
        Self::of(Kind::OwnThread)
    }

    pub(super) fn gone() -> Self {
        Self::of(Kind::Gone)
    }

    fn of(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }
}

impl From<io::Error> for AuditError {
    fn from(error: io::Error) -> Self {
        Self::of(Kind::Io(error))
    }
}
