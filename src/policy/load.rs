//! Reads the sources of a bundle from a folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::diagnostics::Diagnostic;
use super::limits::Limits;
use super::{Source, SourceKind};

/// What a folder held, in the order of the names.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) sources: Vec<Source>,
    pub(super) findings: Vec<Diagnostic>,
}

/// Reads every source below `root`, without recursion and without leaving `root`.
pub(super) fn read(root: &Path, limits: Limits) -> Folder {
    let mut folder = Folder::default();
    let inside = match fs::canonicalize(root) {
        Ok(inside) => inside,
        Err(error) => {
            folder.findings.push(unreadable(&root.to_string_lossy(), &error));
            return folder;
        }
    };
    let mut files = BTreeMap::new();
    let mut waiting = vec![(inside.clone(), String::new())];
    while let Some((path, prefix)) = waiting.pop() {
        let shown = if prefix.is_empty() { root.to_string_lossy() } else { (*prefix).into() };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) => {
                folder.findings.push(unreadable(&shown, &error));
                continue;
            }
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    folder.findings.push(unreadable(&shown, &error));
                    continue;
                }
            };
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match sort(&entry, &inside) {
                Ok(Found::Folder) => waiting.push((entry.path(), format!("{name}/"))),
                Ok(Found::File(path, kind)) => {
                    files.insert(name, (path, kind));
                }
                Ok(Found::Outside) => folder.findings.push(outside(&name)),
                Ok(Found::Nothing) => {}
                Err(error) => folder.findings.push(unreadable(&name, &error)),
            }
        }
    }
    read_files(files, limits, &mut folder);
    if folder.findings.is_empty() && !folder.sources.iter().any(Source::holds_policies) {
        let message = format!("no `.cedar` file in `{}`", root.to_string_lossy());
        folder.findings.push(Diagnostic::error("empty", message));
    }
    folder
}

fn read_files(files: BTreeMap<String, (PathBuf, SourceKind)>, limits: Limits, folder: &mut Folder) {
    let mut bytes_left = limits.total_bytes_max;
    for (name, (path, kind)) in files {
        let bytes = match read_file(&path, limits.source_bytes_max.min(bytes_left)) {
            Ok(bytes) => bytes,
            Err(error) => {
                folder.findings.push(unreadable(&name, &error));
                continue;
            }
        };
        // One byte more than allowed was asked for, so an excess shows; building reports it.
        bytes_left = bytes_left.saturating_sub(bytes.len());
        match decoded(bytes, limits.source_bytes_max) {
            Ok(text) => folder.sources.push(Source::new(kind, name, text)),
            Err(offset) => folder.findings.push(
                Diagnostic::error("not-utf8", format!("not UTF-8 from byte {offset} on"))
                    .in_file(name),
            ),
        }
    }
}

/// At most one byte more than `bytes_max`, so that an excess shows without reading all of it.
fn read_file(path: &Path, bytes_max: usize) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn decoded(bytes: Vec<u8>, bytes_max: usize) -> Result<String, usize> {
    let length = bytes.len();
    String::from_utf8(bytes).or_else(|error| {
        let valid = error.utf8_error().valid_up_to();
        // A file that was cut for its size may be cut inside a character: only the size counts.
        if length > bytes_max && length - valid < 4 {
            Ok(String::from_utf8_lossy(error.as_bytes()).into_owned())
        } else {
            Err(valid)
        }
    })
}

enum Found {
    Folder,
    File(PathBuf, SourceKind),
    Outside,
    Nothing,
}

fn sort(entry: &fs::DirEntry, inside: &Path) -> std::io::Result<Found> {
    let own_name = entry.file_name();
    let skipped = own_name == "tests";
    // Hidden names are what editors and volume mounts keep for themselves.
    if own_name.to_string_lossy().starts_with('.') {
        return Ok(Found::Nothing);
    }
    let kind = match entry.path().extension().and_then(|extension| extension.to_str()) {
        Some("cedar") => Some(SourceKind::Policies),
        Some("cedarschema") => Some(SourceKind::Schema),
        _ => None,
    };
    let file_type = entry.file_type()?;
    if file_type.is_dir() {
        return Ok(if skipped { Found::Nothing } else { Found::Folder });
    }
    let path =
        if file_type.is_symlink() { fs::canonicalize(entry.path()) } else { Ok(entry.path()) };
    let path = match (path, kind) {
        (Ok(path), _) => path,
        (Err(_), None) => return Ok(Found::Nothing),
        (Err(error), Some(_)) => return Err(error),
    };
    if !path.starts_with(inside) && (kind.is_some() || path.is_dir()) && !skipped {
        return Ok(Found::Outside);
    }
    match kind {
        // A pipe or a device would block or never end.
        Some(kind) if fs::metadata(&path)?.is_file() => Ok(Found::File(path, kind)),
        Some(_) => Err(std::io::Error::other("it is not a regular file")),
        None => Ok(Found::Nothing),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error("unreadable", format!("can't read it: {error}")).in_file(name)
}

fn outside(name: &str) -> Diagnostic {
    Diagnostic::error("symlink", "this link leads out of the folder that is loaded")
        .in_file(name)
        .with_help("copy what it points to, or load the folder that holds both")
}
