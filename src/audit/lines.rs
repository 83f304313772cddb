//! Records as lines of JSON.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use super::error::AuditError;
use super::record::{Event, Record};
use super::sink::AuditSink;
use crate::facts::EntityUid;

/// How many bytes a record takes at most as a line: 1 MiB. Longer ones are refused, by the writer
/// and by the reader.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// Writes one record per line, as a JSON object.
///
/// A line is put together before anything is written, and goes out in one piece, so that no half
/// record is left by what can go wrong before the write. Where the write itself was cut short, the
/// next record starts on a line of its own.
///
/// # Example
///
/// ```
/// use doorward::audit::{AuditSink, Event, JsonLines, Record, read};
/// use doorward::Timestamp;
///
/// let mut file = Vec::new();
/// let record = Record::new(Event::View, Timestamp::from_ms(1_000));
/// JsonLines::new(&mut file).write(&record)?;
/// assert_eq!(read(&*file).collect::<Result<Vec<_>, _>>()?, [record]);
/// # Ok::<(), doorward::audit::AuditError>(())
/// ```
pub struct JsonLines<W> {
    writer: W,
    /// Whether what was written last may lack its end.
    torn: bool,
}

impl<W: Write> JsonLines<W> {
    /// Writes to a writer, each record with one call. [`flush`](AuditSink::flush) flushes the
    /// writer.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self { writer, torn: false }
    }
}

impl JsonLines<File> {
    /// Appends to a file, which is created where there is none; on Unix for its owner alone. Each
    /// record reaches the operating system with its write; nothing waits for the disk.
    ///
    /// Where the file ends in half a line, left by a process that was killed, the first record
    /// starts on a line of its own.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened to read and append.
    ///
    /// # Example
    ///
    /// ```
    /// use doorward::audit::{AuditSink, Event, JsonLines, Record};
    /// use doorward::Timestamp;
    ///
    /// let path = std::env::temp_dir().join(format!("audit-{}.jsonl", std::process::id()));
    /// std::fs::write(&path, r#"{"event":"vi"#)?;
    /// JsonLines::append(&path)?.write(&Record::new(Event::View, Timestamp::now()))?;
    /// assert_eq!(std::fs::read_to_string(&path)?.lines().count(), 2);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(path: impl AsRef<Path>) -> Result<Self, AuditError> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self { writer: file, torn: last != [b'\n'] })
    }
}

impl<W: Write + Send> AuditSink for JsonLines<W> {
    fn write(&mut self, record: &Record) -> Result<(), AuditError> {
        let mut line = Vec::new();
        if self.torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, record).map_err(AuditError::other)?;
        line.push(b'\n');
        if line.len() > LINE_BYTES_MAX {
            return Err(AuditError::too_long(LINE_BYTES_MAX));
        }
        self.torn = true;
        self.writer.write_all(&line)?;
        self.torn = false;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), AuditError> {
        Ok(self.writer.flush()?)
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").field("torn", &self.torn).finish_non_exhaustive()
    }
}

/// Reads what [`JsonLines`] wrote, in its order. Empty lines are passed over.
///
/// A line that is no record is an error with the number of the line, and the lines after it are
/// read all the same; after an error of the reader itself there is nothing more. Lines are at most
/// [`LINE_BYTES_MAX`] long.
///
/// # Example: what is torn costs one line
///
/// ```
/// use doorward::audit::read;
///
/// let file = "{\"event\":\"vi\n{\"event\":\"view\",\"time\":\"2026-11-30T12:00:00Z\"}\n";
/// let records: Vec<_> = read(file.as_bytes()).collect();
/// assert_eq!(records[0].as_ref().unwrap_err().line(), Some(1));
/// assert!(records[1].is_ok());
/// ```
pub fn read<R: BufRead>(reader: R) -> Lines<R> {
    Lines { reader, line: 0, over: false }
}

/// The records of a reader: see [`read`].
pub struct Lines<R> {
    reader: R,
    line: u64,
    over: bool,
}

impl<R: BufRead> Lines<R> {
    /// The next line with its end, or nothing at the end of the file.
    fn next_line(&mut self) -> Result<Vec<u8>, AuditError> {
        let mut line = Vec::new();
        let bytes_max = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
        self.reader.by_ref().take(bytes_max).read_until(b'\n', &mut line)?;
        Ok(line)
    }

    /// Passes over what is left of a line that is too long.
    fn skip_rest(&mut self, line: &[u8]) -> Result<(), AuditError> {
        let mut cut = line.len() >= LINE_BYTES_MAX && !line.ends_with(b"\n");
        while cut {
            let rest = self.next_line()?;
            cut = !rest.is_empty() && !rest.ends_with(b"\n");
        }
        Ok(())
    }

    /// Serde's own words may quote the line, which is personal.
    fn parse(&self, line: &[u8]) -> Result<Record, AuditError> {
        serde_json::from_slice(line).map_err(|error| {
            AuditError::at_line(self.line, format!("no record, at column {}", error.column()))
        })
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Record, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.over {
            self.line = self.line.saturating_add(1);
            let line = self.next_line().and_then(|line| self.skip_rest(&line).map(|()| line));
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    self.over = true;
                    return Some(Err(AuditError::at_line(self.line, error.to_string())));
                }
            };
            self.over = line.is_empty();
            if !line.trim_ascii().is_empty() {
                return Some(self.parse(&line));
            }
        }
        None
    }
}

impl<R> fmt::Debug for Lines<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Who saw something: the views of one resource, with whatever could not be read.
///
/// Ids are a tenant's own, so that the tenant is named too; `None` for records of an engine without
/// tenants. Staff viewing as a contact are among them, with both names: [`Record::staff`] tells
/// them from the contact himself. Where a [`Masking`](super::Masking) hides tenants or resources,
/// nothing is found.
///
/// # Example
///
/// ```
/// use doorward::audit::{read, views_of};
/// use doorward::EntityUid;
///
/// let file = r#"{"event":"view","time":"2026-11-30T12:00:00Z","tenant":"acme",
///     "principal":{"type":"Contact","id":"gm"},
///     "resource":{"type":"Document","id":"I1"}}"#.replace('\n', "");
/// let invoice = EntityUid::new("Document", "I1");
/// let seen: Vec<_> = views_of(read(file.as_bytes()), Some("acme"), &invoice).collect();
/// assert_eq!(seen[0].as_ref().unwrap().principal, Some(EntityUid::new("Contact", "gm")));
/// assert_eq!(views_of(read(file.as_bytes()), Some("other"), &invoice).count(), 0);
/// ```
pub fn views_of(
    records: impl IntoIterator<Item = Result<Record, AuditError>>,
    tenant: Option<&str>,
    resource: &EntityUid,
) -> impl Iterator<Item = Result<Record, AuditError>> {
    records.into_iter().filter(move |record| {
        record.as_ref().map_or(true, |record| {
            record.event == Event::View
                && record.tenant.as_deref() == tenant
                && record.resource.as_ref() == Some(resource)
        })
    })
}
