//! Why a command could not run.

use std::fmt;

/// What the process exits with when a command could not run; clap's for wrong usage is the same.
pub(crate) const EXIT_CODE: u8 = 2;

/// What went wrong, where, and what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    help: Option<String>,
}

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    /// A failure about something that was named: a file, or an argument.
    pub(crate) fn at(place: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::new(format!("{place}: {error}"))
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What to do, where that is known.
    pub(crate) fn help_of(self, help: Option<&str>) -> Self {
        Self { help: help.map(str::to_owned), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}
