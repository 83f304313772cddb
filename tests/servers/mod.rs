//! Database servers of the tests' and benches' own: `server.py` starts one, and stops it when whoever
//! asked for it is gone.

use std::io::{BufRead as _, BufReader, Error, Read as _};
use std::process::{Child, ChildStdin, Command, Stdio};

/// What `server.py` ends with where there is no such server.
const MISSING: i32 = 77;

/// A server that stops when this is dropped, or the process is gone.
pub struct Server {
    /// Where it listens.
    pub address: String,
    script: Child,
    /// It stops when this is closed.
    open: Option<ChildStdin>,
}

impl Server {
    /// Starts one by its name; `None` where there is none to be started. `DOORWARD_TEST_PYTHON` is
    /// the Python that does.
    ///
    /// # Errors
    ///
    /// It is there, and does not start.
    pub fn start(name: &str) -> Result<Option<Self>, Error> {
        let Some(python) = std::env::var_os("DOORWARD_TEST_PYTHON") else { return Ok(None) };
        let mut script = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/server.py"))
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let open = script.stdin.take();
        let mut line = String::new();
        if let Some(told) = script.stdout.take() {
            BufReader::new(told).read_line(&mut line)?;
        }
        let mut server = Self { address: line.trim().to_owned(), script, open };
        if !server.address.is_empty() {
            return Ok(Some(server));
        }
        let mut why = String::new();
        if let Some(mut told) = server.script.stderr.take() {
            told.read_to_string(&mut why)?;
        }
        if server.script.wait()?.code() == Some(MISSING) {
            return Ok(None);
        }
        Err(Error::other(format!("{name} does not start: {why}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.open.take());
        // However it ends, it is over.
        let _ended = self.script.wait();
    }
}
