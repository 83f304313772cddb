//! Text from files and standard input.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use crate::failure::Failure;

/// More than this is taken for a mistake: a device, or the wrong file.
const BYTES_MAX: u64 = 256 << 20;

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

impl Source {
    /// `-` is standard input, anything else a file.
    pub(crate) fn of(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    pub(crate) fn read(&self) -> Result<String, Failure> {
        let bytes = match self {
            Self::Stdin => bounded(io::stdin().lock()),
            Self::File(path) => File::open(path).and_then(bounded),
        };
        let bytes = bytes.map_err(|error| {
            let failure = Failure::at(self, format_args!("can't be read: {error}"));
            match error.kind() {
                io::ErrorKind::NotFound => failure.help("check the path, or pass - to use stdin"),
                _ => failure,
            }
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            Failure::at(self, format_args!("not UTF-8 from byte {offset} on"))
                .help("save it as UTF-8")
        })?;
        // Editors on Windows put a byte order mark first, which is no JSON.
        Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text))
    }

    pub(crate) fn read_json(&self) -> Result<Json, Failure> {
        json(self, &self.read()?)
    }
}

/// Reads JSON; `place` says in a failure where it came from.
pub(crate) fn json(place: impl fmt::Display, text: &str) -> Result<Json, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::at(place, format_args!("no JSON: {error}")))
}

fn bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = reader.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(io::Error::other(format!("it is larger than {} MiB", BYTES_MAX >> 20)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
