//! Writes to a tenant, as a block of commands that is written at its end, or not at all.
//!
//! The library takes commands in a closure; Python's `with` has none. So the closure runs on a thread of
//! its own, where it waits for the commands one by one.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use doorward::portal::{
    Archive, ClientGroupId, ContactEdit, KindDeclaration, Limit, NewContact, NewShare, NewStaff,
    Recipients, Relation, Role, Settings, State, Tx as Commands, Watch,
};
use doorward::{Action, Kind, WriteError};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDateTime, PyDict, PyTuple};

use crate::document::{About, Document, word};
use crate::error::{IntoPython, write_error};
use crate::ids::{
    ClientId, ContactId, GivenClient, GivenContact, GivenDocument, GivenLink, GivenShare,
    GivenStaff, LinkId, ShareId, StaffId,
};
use crate::value::{read_json, timestamp};

type Command = Box<dyn FnOnce(&mut Commands<'_>) + Send>;

enum Message {
    Run(Command),
    Commit,
}

/// What came of a write: its revision, and what was found.
type Outcome = Result<(u64, Vec<String>), WriteError>;

struct Worker {
    messages: Sender<Message>,
    thread: JoinHandle<Outcome>,
    open: Open,
}

/// Whether a write goes on. Whoever forgets it may write again: without a word to commit, nothing is
/// written.
struct Open(Arc<AtomicBool>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

thread_local! {
    /// Whether the write that this thread began last goes on.
    static OPEN: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Refuses where this thread is inside a write: it would wait for itself.
pub(crate) fn outside_of_writes(py: Python<'_>) -> PyResult<()> {
    let is_open =
        OPEN.with_borrow(|open| open.as_ref().is_some_and(|open| open.load(Ordering::Acquire)));
    if is_open {
        return Err(WriteError::of_host(
            "a write is under way on this thread; begin the other when it has ended",
        )
        .into_python(py));
    }
    Ok(())
}

/// A write under way.
pub(crate) struct Shared {
    pub(crate) tenant: doorward::Tenant,
    worker: Mutex<Option<Worker>>,
    written: OnceLock<(u64, Vec<String>)>,
}

impl Shared {
    fn run<T: Send + 'static>(
        &self,
        py: Python<'_>,
        command: impl FnOnce(&mut Commands<'_>) -> Result<T, WriteError> + Send + 'static,
    ) -> PyResult<T> {
        let answer = py.detach(|| {
            let (answers, answer) = channel();
            let run: Command = Box::new(move |tx| {
                // Nobody waits any more only where the interpreter ends.
                let _nobody_waits = answers.send(command(tx));
            });
            let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            worker.as_ref()?.messages.send(Message::Run(run)).ok()?;
            drop(worker);
            answer.recv().ok()
        });
        match answer {
            Some(answer) => answer.map_err(|error| error.into_python(py)),
            None => Err(write_error(py, "the write has ended")),
        }
    }
}

/// A block of commands: `with tenant.write(actor) as tx`.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Write {
    actor: Option<doorward::Caller>,
    shared: Arc<Shared>,
}

impl Write {
    pub(crate) fn new(tenant: doorward::Tenant, actor: Option<doorward::Caller>) -> Self {
        let shared = Shared { tenant, worker: Mutex::default(), written: OnceLock::new() };
        Self { actor, shared: Arc::new(shared) }
    }
}

#[pymethods]
impl Write {
    fn __enter__(&self, py: Python<'_>) -> PyResult<Tx> {
        outside_of_writes(py)?;
        let mut worker = self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_some() || self.shared.written.get().is_some() {
            return Err(PyRuntimeError::new_err(
                "a write is entered once: ask the tenant for another",
            ));
        }
        let (messages, commands) = channel();
        let (tenant, actor) = (self.shared.tenant.clone(), self.actor.clone());
        let thread = thread::Builder::new()
            .name("doorward-write".to_owned())
            .spawn(move || write(&tenant, actor.as_ref(), &commands))
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        let open = Arc::new(AtomicBool::new(true));
        OPEN.with_borrow_mut(|known| *known = Some(Arc::clone(&open)));
        *worker = Some(Worker { messages, thread, open: Open(open) });
        Ok(Tx(Arc::clone(&self.shared)))
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        error: Option<&Bound<'_, PyAny>>,
        _value: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        // The lock is given back first: who waits for it may keep the interpreter from going on.
        let worker = self.shared.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(worker) = worker else { return Ok(false) };
        let is_committed = error.is_none();
        let outcome = py.detach(|| worker.end(is_committed));
        match outcome {
            Some(Ok(written)) => {
                let _is_first = self.shared.written.set(written);
                Ok(false)
            }
            // What was raised in the block says more than that nothing was written.
            _ if !is_committed => Ok(false),
            Some(Err(error)) => Err(error.into_python(py)),
            None => Err(write_error(py, "the write has ended")),
        }
    }
}

impl Worker {
    /// Commits, or gives up.
    fn end(self, is_committed: bool) -> Option<Outcome> {
        let Self { messages, thread, open } = self;
        if is_committed {
            // Where nobody takes it, the thread says why.
            let _is_taken = messages.send(Message::Commit);
        }
        // Without a word to commit, that nobody sends any more ends it.
        drop(messages);
        let outcome = thread.join().ok();
        drop(open);
        outcome
    }
}

/// Takes commands until they end.
fn write(
    tenant: &doorward::Tenant,
    actor: Option<&doorward::Caller>,
    messages: &Receiver<Message>,
) -> Outcome {
    let commands = |tx: &mut Commands<'_>| {
        loop {
            match messages.recv() {
                Ok(Message::Run(command)) => command(tx),
                Ok(Message::Commit) => return Ok(()),
                Err(_) => return Err(WriteError::of_host("the write was given up")),
            }
        }
    };
    let written = match actor {
        Some(actor) => tenant.write(actor, commands),
        None => tenant.write_as_system(commands),
    }?;
    let findings = written.findings.iter().map(ToString::to_string).collect();
    Ok((written.revision.number(), findings))
}

/// Commands on a copy of the tenant's facts, written together at the end of the block.
#[pyclass(frozen, module = "doorward")]
pub(crate) struct Tx(Arc<Shared>);

impl Tx {
    fn tenant(&self) -> &str {
        self.0.tenant.id()
    }
}

fn watch_of(text: &str) -> PyResult<Watch> {
    match text {
        "no" => Ok(Watch::No),
        "silently" => Ok(Watch::Silently),
        "with_mail" => Ok(Watch::WithMail),
        other => Err(PyValueError::new_err(format!(
            "watch is `no`, `silently` or `with_mail`, and not {other:?}"
        ))),
    }
}

fn archive_of(text: &str) -> PyResult<Archive> {
    match text {
        "no" => Ok(Archive::No),
        "read_only" => Ok(Archive::ReadOnly),
        "closed" => Ok(Archive::Closed),
        other => Err(PyValueError::new_err(format!(
            "archive is `no`, `read_only` or `closed`, and not {other:?}"
        ))),
    }
}

#[pymethods]
impl Tx {
    /// The revision that has it, once the block has ended.
    #[getter]
    fn revision(&self) -> Option<u64> {
        self.0.written.get().map(|(revision, _)| *revision)
    }

    /// What was found beside, once the block has ended.
    #[getter]
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.0.written.get().map_or(&[][..], |(_, findings)| findings))
    }

    #[pyo3(signature = (
        contact, client, *, name = None, email = None, login = None, main = false, sets = None,
        register = false,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn create_contact(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        client: GivenClient,
        name: Option<String>,
        email: Option<String>,
        login: Option<String>,
        main: bool,
        sets: Option<Vec<String>>,
        register: bool,
    ) -> PyResult<ContactId> {
        let mut new = NewContact::new(contact.of(self.tenant()), client.of(self.tenant()));
        if let Some(name) = name {
            new = new.name(name);
        }
        if let Some(email) = email {
            new = new.email(email);
        }
        if let Some(login) = login {
            new = new.login(login);
        }
        if main {
            new = new.main();
        }
        if let Some(sets) = sets {
            new = new.sets(sets);
        }
        let create = move |tx: &mut Commands<'_>| {
            if register { tx.register(new) } else { tx.create_contact(new) }
        };
        self.0.run(py, create).map(ContactId)
    }

    #[pyo3(signature = (staff, *, email = None, sets = None, only_clients = None))]
    fn create_staff(
        &self,
        py: Python<'_>,
        staff: GivenStaff,
        email: Option<String>,
        sets: Option<Vec<String>>,
        only_clients: Option<Vec<GivenClient>>,
    ) -> PyResult<StaffId> {
        let mut new = NewStaff::new(staff.of(self.tenant()));
        if let Some(email) = email {
            new = new.email(email);
        }
        if let Some(sets) = sets {
            new = new.sets(sets);
        }
        if let Some(clients) = only_clients {
            new = new.only_clients(clients.into_iter().map(|client| client.of(self.tenant())));
        }
        self.0.run(py, move |tx| tx.create_staff(new)).map(StaffId)
    }

    #[pyo3(signature = (document, contact, role, *, attach = None, mail = None))]
    fn relate(
        &self,
        py: Python<'_>,
        document: About,
        contact: GivenContact,
        role: &str,
        attach: Option<bool>,
        mail: Option<bool>,
    ) -> PyResult<()> {
        let (document, contact) = (document.of(&self.0.tenant), contact.of(self.tenant()));
        let mut relation = Relation::new(word::<Role>(py, role)?);
        if let Some(attach) = attach {
            relation = relation.attach(attach);
        }
        if let Some(mail) = mail {
            relation = relation.mail(mail);
        }
        self.0.run(py, move |tx| tx.relate(document, &contact, relation))
    }

    #[pyo3(signature = (
        share, document, contact, actions, *, start = None, until = None, uses = None,
        made_from = None, by_link = None,
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are named in Python")]
    fn share(
        &self,
        py: Python<'_>,
        share: GivenShare,
        document: About,
        contact: GivenContact,
        actions: Vec<String>,
        start: Option<&Bound<'_, PyDateTime>>,
        until: Option<&Bound<'_, PyDateTime>>,
        uses: Option<u32>,
        made_from: Option<GivenShare>,
        by_link: Option<GivenLink>,
    ) -> PyResult<ShareId> {
        let (share, document) = (share.of(self.tenant()), document.of(&self.0.tenant));
        let actions: Vec<Action> =
            actions.iter().map(|action| word(py, action)).collect::<PyResult<_>>()?;
        let mut new = NewShare::new(contact.of(self.tenant()), actions);
        if let Some(start) = start {
            new = new.from(timestamp(start)?);
        }
        if let Some(until) = until {
            new = new.until(timestamp(until)?);
        }
        if let Some(uses) = uses {
            new = new.uses(uses);
        }
        if let Some(share) = made_from {
            new = new.made_from(share.of(self.tenant()));
        }
        if let Some(link) = by_link {
            new = new.by_link(link.of(self.tenant()));
        }
        self.0.run(py, move |tx| tx.share(share, document, new)).map(ShareId)
    }

    fn create_client(&self, py: Python<'_>, client: GivenClient) -> PyResult<ClientId> {
        let client = client.of(self.tenant());
        self.0.run(py, move |tx| tx.create_client(client)).map(ClientId)
    }

    #[pyo3(signature = (client, parent = None))]
    fn set_client_parent(
        &self,
        py: Python<'_>,
        client: GivenClient,
        parent: Option<GivenClient>,
    ) -> PyResult<()> {
        let client = client.of(self.tenant());
        let parent = parent.map(|parent| parent.of(self.tenant()));
        self.0.run(py, move |tx| tx.set_client_parent(&client, parent.as_ref()))
    }

    fn set_archived(&self, py: Python<'_>, client: GivenClient, archive: &str) -> PyResult<()> {
        let client = client.of(self.tenant());
        let archive = archive_of(archive)?;
        self.0.run(py, move |tx| tx.set_archived(&client, archive))
    }

    fn erase_client(&self, py: Python<'_>, client: GivenClient) -> PyResult<()> {
        let client = client.of(self.tenant());
        self.0.run(py, move |tx| tx.erase_client(&client))
    }

    fn enable(&self, py: Python<'_>, contact: GivenContact) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.enable(&contact))
    }

    fn revoke(&self, py: Python<'_>, contact: GivenContact) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.revoke(&contact))
    }

    fn disable(&self, py: Python<'_>, contact: GivenContact) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.disable(&contact))
    }

    fn delete_contact(&self, py: Python<'_>, contact: GivenContact) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.delete_contact(&contact))
    }

    fn reset_credential(&self, py: Python<'_>, contact: GivenContact) -> PyResult<i64> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.reset_credential(&contact))
    }

    fn force_password_change(&self, py: Python<'_>, contact: GivenContact) -> PyResult<i64> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.force_password_change(&contact))
    }

    fn require_password_change(&self, py: Python<'_>, contact: GivenContact) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.require_password_change(&contact))
    }

    fn set_password(&self, py: Python<'_>, contact: GivenContact) -> PyResult<i64> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_password(&contact))
    }

    #[pyo3(signature = (link, contact, expires = None))]
    fn create_activation_link(
        &self,
        py: Python<'_>,
        link: GivenLink,
        contact: GivenContact,
        expires: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<LinkId> {
        let link = link.of(self.tenant());
        let contact = contact.of(self.tenant());
        let expires = expires.map(timestamp).transpose()?;
        self.0.run(py, move |tx| tx.create_activation_link(link, &contact, expires)).map(LinkId)
    }

    fn create_magic_link(
        &self,
        py: Python<'_>,
        link: GivenLink,
        contact: GivenContact,
        expires: &Bound<'_, PyDateTime>,
    ) -> PyResult<LinkId> {
        let link = link.of(self.tenant());
        let contact = contact.of(self.tenant());
        let expires = timestamp(expires)?;
        self.0.run(py, move |tx| tx.create_magic_link(link, &contact, expires)).map(LinkId)
    }

    fn use_link(&self, py: Python<'_>, link: GivenLink) -> PyResult<()> {
        let link = link.of(self.tenant());
        self.0.run(py, move |tx| tx.use_link(&link))
    }

    fn revoke_link(&self, py: Python<'_>, link: GivenLink) -> PyResult<()> {
        let link = link.of(self.tenant());
        self.0.run(py, move |tx| tx.revoke_link(&link))
    }

    fn set_main(&self, py: Python<'_>, contact: GivenContact) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_main(&contact))
    }

    fn set_permission_sets(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        sets: Vec<String>,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_permission_sets(&contact, sets))
    }

    fn set_alert_sets(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        sets: Vec<String>,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_alert_sets(&contact, sets))
    }

    fn grant(&self, py: Python<'_>, contact: GivenContact, permission: String) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.grant(&contact, &permission))
    }

    fn deny(&self, py: Python<'_>, contact: GivenContact, permission: String) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.deny(&contact, &permission))
    }

    fn unset_permission(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        permission: String,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.unset_permission(&contact, &permission))
    }

    fn deny_document(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        document: GivenDocument,
        denied: bool,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        let document = document.of(self.tenant());
        self.0.run(py, move |tx| tx.deny_document(&contact, &document, denied))
    }

    fn set_mail(&self, py: Python<'_>, contact: GivenContact, mail: bool) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_mail(&contact, mail))
    }

    fn set_uploads(&self, py: Python<'_>, contact: GivenContact, uploads: bool) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_uploads(&contact, uploads))
    }

    fn set_approver(&self, py: Python<'_>, contact: GivenContact, approver: bool) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_approver(&contact, approver))
    }

    fn set_signatory(&self, py: Python<'_>, contact: GivenContact, signs: bool) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_signatory(&contact, signs))
    }

    fn set_admin(&self, py: Python<'_>, contact: GivenContact, admin: bool) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.set_admin(&contact, admin))
    }

    fn put_document(&self, py: Python<'_>, document: &Document) -> PyResult<()> {
        let document = document.0.clone();
        self.0.run(py, move |tx| tx.put_document(&document))
    }

    fn set_state(&self, py: Python<'_>, document: GivenDocument, state: &str) -> PyResult<()> {
        let document = document.of(self.tenant());
        let state: State = word(py, state)?;
        self.0.run(py, move |tx| tx.set_state(&document, state))
    }

    fn set_visible(&self, py: Python<'_>, document: GivenDocument, visible: bool) -> PyResult<()> {
        let document = document.of(self.tenant());
        self.0.run(py, move |tx| tx.set_visible(&document, visible))
    }

    fn remove_document(&self, py: Python<'_>, document: GivenDocument) -> PyResult<()> {
        let document = document.of(self.tenant());
        self.0.run(py, move |tx| tx.remove_document(&document))
    }

    #[pyo3(signature = (document, contact, link = None))]
    fn invite(
        &self,
        py: Python<'_>,
        document: About,
        contact: GivenContact,
        link: Option<GivenLink>,
    ) -> PyResult<()> {
        let document = document.of(&self.0.tenant);
        let contact = contact.of(self.tenant());
        let link = link.map(|link| link.of(self.tenant()));
        self.0.run(py, move |tx| tx.invite(document, &contact, link.as_ref()))
    }

    fn withdraw_invitation(
        &self,
        py: Python<'_>,
        document: About,
        contact: GivenContact,
    ) -> PyResult<()> {
        let document = document.of(&self.0.tenant);
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.withdraw_invitation(document, &contact))
    }

    #[pyo3(signature = (link, contact, document, expires = None))]
    fn create_personal_link(
        &self,
        py: Python<'_>,
        link: GivenLink,
        contact: GivenContact,
        document: About,
        expires: Option<&Bound<'_, PyDateTime>>,
    ) -> PyResult<LinkId> {
        let link = link.of(self.tenant());
        let contact = contact.of(self.tenant());
        let document = document.of(&self.0.tenant);
        let expires = expires.map(timestamp).transpose()?;
        self.0
            .run(py, move |tx| tx.create_personal_link(link, &contact, document, expires))
            .map(LinkId)
    }

    fn unrelate(&self, py: Python<'_>, document: About, contact: GivenContact) -> PyResult<()> {
        let document = document.of(&self.0.tenant);
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.unrelate(document, &contact))
    }

    fn revoke_share(&self, py: Python<'_>, share: GivenShare) -> PyResult<()> {
        let share = share.of(self.tenant());
        self.0.run(py, move |tx| tx.revoke_share(&share))
    }

    fn use_share(&self, py: Python<'_>, share: GivenShare, action: &str) -> PyResult<()> {
        let share = share.of(self.tenant());
        let action: Action = word(py, action)?;
        self.0.run(py, move |tx| tx.use_share(&share, action))
    }

    fn watch_document(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        document: GivenDocument,
        watch: &str,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        let document = document.of(self.tenant());
        let watch = watch_of(watch)?;
        self.0.run(py, move |tx| tx.watch_document(&contact, &document, watch))
    }

    fn watch_kind(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        kind: &str,
        watch: &str,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        let kind: Kind = word(py, kind)?;
        let watch = watch_of(watch)?;
        self.0.run(py, move |tx| tx.watch_kind(&contact, &kind, watch))
    }

    fn sign(
        &self,
        py: Python<'_>,
        document: GivenDocument,
        contact: GivenContact,
    ) -> PyResult<usize> {
        let document = document.of(self.tenant());
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.sign(&document, &contact))
    }

    fn approve(
        &self,
        py: Python<'_>,
        document: GivenDocument,
        contact: GivenContact,
    ) -> PyResult<usize> {
        let document = document.of(self.tenant());
        let contact = contact.of(self.tenant());
        self.0.run(py, move |tx| tx.approve(&document, &contact))
    }

    fn complete(&self, py: Python<'_>, document: GivenDocument) -> PyResult<()> {
        let document = document.of(self.tenant());
        self.0.run(py, move |tx| tx.complete(&document))
    }

    fn set_signers(
        &self,
        py: Python<'_>,
        document: GivenDocument,
        signers: Vec<GivenContact>,
    ) -> PyResult<()> {
        let document = document.of(self.tenant());
        let signers: Vec<_> = signers.into_iter().map(|it| it.of(self.tenant())).collect();
        self.0.run(py, move |tx| tx.set_signers(&document, &signers))
    }

    #[pyo3(signature = (document, recipients = None))]
    fn send_document(
        &self,
        py: Python<'_>,
        document: GivenDocument,
        recipients: Option<Vec<GivenContact>>,
    ) -> PyResult<Vec<(ContactId, LinkId)>> {
        let document = document.of(self.tenant());
        let recipients = match recipients {
            None => Recipients::Default,
            Some(only) => {
                Recipients::Only(only.into_iter().map(|it| it.of(self.tenant())).collect())
            }
        };
        let sent = self.0.run(py, move |tx| tx.send_document(&document, recipients))?;
        Ok(sent.into_iter().map(|it| (ContactId(it.contact), LinkId(it.link))).collect())
    }

    #[pyo3(signature = (contact, *, name = None, email = None, login = None, remove_email = false))]
    fn edit_contact(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        name: Option<String>,
        email: Option<String>,
        login: Option<String>,
        remove_email: bool,
    ) -> PyResult<()> {
        if remove_email && email.is_some() {
            return Err(PyValueError::new_err("an e-mail is either given or removed"));
        }
        let contact = contact.of(self.tenant());
        let mut edit = ContactEdit::default();
        if let Some(name) = name {
            edit = edit.name(name);
        }
        if let Some(email) = email {
            edit = edit.email(email);
        }
        if let Some(login) = login {
            edit = edit.login(login);
        }
        if remove_email {
            edit = edit.no_email();
        }
        self.0.run(py, move |tx| tx.edit_contact(&contact, &edit))
    }

    #[pyo3(signature = (contact, limit = None))]
    fn set_limit(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        limit: Option<(i64, String)>,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        let limit = limit.map(|(amount, currency)| Limit { amount, currency });
        self.0.run(py, move |tx| tx.set_limit(&contact, limit.as_ref()))
    }

    fn set_recipient_of(
        &self,
        py: Python<'_>,
        contact: GivenContact,
        kinds: Vec<String>,
    ) -> PyResult<()> {
        let contact = contact.of(self.tenant());
        let kinds: Vec<Kind> = kinds.iter().map(|kind| word(py, kind)).collect::<PyResult<_>>()?;
        self.0.run(py, move |tx| tx.set_recipient_of(&contact, kinds))
    }

    fn set_settings(&self, py: Python<'_>, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let settings: Settings = read_json(settings, "settings")?;
        self.0.run(py, move |tx| tx.set_settings(settings))
    }

    fn set_client_settings(
        &self,
        py: Python<'_>,
        client: GivenClient,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let client = client.of(self.tenant());
        let settings: Settings = read_json(settings, "settings")?;
        self.0.run(py, move |tx| tx.set_client_settings(&client, settings))
    }

    fn set_group_settings(
        &self,
        py: Python<'_>,
        group: &str,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let group = ClientGroupId::new(self.tenant(), group);
        let settings: Settings = read_json(settings, "settings")?;
        self.0.run(py, move |tx| tx.set_group_settings(&group, settings))
    }

    #[pyo3(signature = (client, group = None))]
    fn set_client_group(
        &self,
        py: Python<'_>,
        client: GivenClient,
        group: Option<&str>,
    ) -> PyResult<()> {
        let client = client.of(self.tenant());
        let group = group.map(|group| ClientGroupId::new(self.tenant(), group));
        self.0.run(py, move |tx| tx.set_client_group(&client, group.as_ref()))
    }

    fn declare_kind(
        &self,
        py: Python<'_>,
        kind: &str,
        declaration: &Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let kind: Kind = word(py, kind)?;
        let declaration: KindDeclaration = read_json(declaration, "declaration")?;
        self.0.run(py, move |tx| tx.declare_kind(&kind, &declaration))
    }

    #[pyo3(signature = (staff, clients = None))]
    fn set_staff_clients(
        &self,
        py: Python<'_>,
        staff: GivenStaff,
        clients: Option<Vec<GivenClient>>,
    ) -> PyResult<()> {
        let staff = staff.of(self.tenant());
        let clients: Option<Vec<_>> =
            clients.map(|it| it.into_iter().map(|client| client.of(self.tenant())).collect());
        self.0.run(py, move |tx| tx.set_staff_clients(&staff, clients.as_deref()))
    }

    fn define_permission_set(
        &self,
        py: Python<'_>,
        set: String,
        held: Vec<String>,
    ) -> PyResult<()> {
        self.0.run(py, move |tx| tx.define_permission_set(&set, held))
    }

    fn remove_permission_set(&self, py: Python<'_>, set: String) -> PyResult<()> {
        self.0.run(py, move |tx| tx.remove_permission_set(&set))
    }

    fn define_alert_set(&self, py: Python<'_>, set: String, alerts: Vec<String>) -> PyResult<()> {
        self.0.run(py, move |tx| tx.define_alert_set(&set, alerts))
    }

    fn set_staff_sets(&self, py: Python<'_>, staff: GivenStaff, sets: Vec<String>) -> PyResult<()> {
        let staff = staff.of(self.tenant());
        self.0.run(py, move |tx| tx.set_staff_sets(&staff, sets))
    }

    fn set_staff_active(&self, py: Python<'_>, staff: GivenStaff, active: bool) -> PyResult<()> {
        let staff = staff.of(self.tenant());
        self.0.run(py, move |tx| tx.set_staff_active(&staff, active))
    }
}
