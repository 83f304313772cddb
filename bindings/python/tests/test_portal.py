"""Portals, through Python."""

import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from ipaddress import ip_network
from typing import Any

import pytest

from doorward import (
    Caller,
    Clock,
    ContactId,
    Decision,
    Denied,
    Document,
    DocumentId,
    Portal,
    RequestError,
    Tenant,
    WriteError,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def acme(clock: Clock) -> Tenant:
    acme = Portal(clock=clock).create_tenant("acme", "invoicing")
    with acme.write_as_system() as tx:
        client = tx.create_client("C1")
        for name in ("ann", "ben"):
            tx.create_contact(name, client, email=f"{name}@c1.example")
            tx.enable(name)
        other = tx.create_client("C2")
        tx.create_contact("cyd", other, email="cyd@c2.example")
        tx.enable("cyd")
        invoice = Document(
            acme.document("I1"),
            "invoice",
            client=client,
            state="sent",
            level="invited",
            amount=(12_000, "EUR"),
        )
        tx.put_document(invoice)
        tx.put_document(Document(acme.document("I2"), "invoice", client=client, state="draft"))
        tx.invite("I1", "ann")
        for name in ("ann", "ben", "cyd"):
            tx.create_activation_link(f"L-{name}", name)
    assert tx.revision == acme.revision
    for name in ("ann", "ben", "cyd"):
        with acme.write(Caller.link(acme.link(f"L-{name}"))) as tx:
            tx.set_password(name)
    return acme


def signed_in(acme: Tenant, name: str) -> Caller:
    access = acme.access(name)
    assert access is not None and access[0] == "enabled"
    return Caller.contact(
        acme.contact(name),
        credential_version=access[2],
        epoch=access[3],
        authenticated_by="password",
        mfa_at=NOW,
        last_seen=NOW,
    )


def test_the_invited_see_and_others_do_not(acme: Tenant) -> None:
    ann, ben = signed_in(acme, "ann"), signed_in(acme, "ben")
    assert acme.check(ann, "view", "I1").code == "REACHED_BY_INVITATION"
    assert acme.allows(ann, "view", acme.document("I1"))
    refused = acme.check(ben, "view", "I1")
    assert not refused.allowed and acme.message(refused)
    assert not acme.is_disclosed(ben, "view", "I1") and acme.is_disclosed(ann, "edit", "I1")
    assert acme.require(ann, "pay", "I1").allowed
    with pytest.raises(Denied):
        acme.require(signed_in(acme, "cyd"), "view", "I1")
    # Whoever is not signed in, sees nothing.
    assert not acme.allows(Caller.contact(acme.contact("ann")), "view", "I1")


def test_lists_and_buttons_are_single_checks(acme: Tenant) -> None:
    ann = signed_in(acme, "ann")
    assert acme.list(ann, "view", "invoice") == [acme.document("I1")]
    assert acme.page(ann, "view", "invoice", limit=1) == ([acme.document("I1")], 1, None)
    assert acme.page(ann, "view", "invoice", after="I1", limit=1)[0] == []
    assert acme.list(signed_in(acme, "cyd"), "view", "invoice") == []
    assert acme.who("view", "I1") == [acme.contact("ann")]
    buttons = acme.actions(ann, "I1")
    assert buttons["pay"] == acme.check(ann, "pay", "I1") and not buttons["edit"].allowed
    assert set(acme.field_groups(ann, "I1")) <= {"view_prices", "view_staff_fields"}
    assert acme.explain(ann, "view", "I1").decision.allowed


def test_mail_goes_to_whom_check_mail_allows(acme: Tenant) -> None:
    audience = acme.audience("I1", "invoice.sent", ["email"])
    assert type(audience) is tuple
    recipients, near_misses = audience
    for contact, channel, decision in recipients + near_misses:
        assert acme.check_mail(contact, "invoice.sent", channel, "I1") == decision
    assert [it[0].id for it in recipients] == ["ann"]
    assert "cyd" not in [it[0].id for it in near_misses]


def test_documents_of_the_host_come_with_the_question(acme: Tenant) -> None:
    ann = signed_in(acme, "ann")
    own = Document(
        acme.document("E7"), "estimate", client=acme.client("C1"), owner=acme.contact("ann")
    )
    assert acme.check(ann, "view", own).allowed
    assert not acme.allows(signed_in(acme, "cyd"), "view", own)


def test_a_write_is_whole_or_nothing(acme: Tenant) -> None:
    before = acme.to_json()
    with pytest.raises(KeyError), acme.write_as_system() as tx:
        tx.create_client("C3")
        raise KeyError("the host changed its mind")
    with pytest.raises(WriteError) as error, acme.write_as_system() as tx:
        tx.create_contact("dan", "C1")
        tx.enable("dan")
    assert error.value.code == "EMAIL_REQUIRED"
    assert [code for code, _ in error.value.violations] == ["EMAIL_REQUIRED"]
    # A refusal that is swallowed fails the write all the same.
    with pytest.raises(WriteError), acme.write(signed_in(acme, "ann")) as tx:
        with pytest.raises(WriteError):
            tx.disable("ben")
        tx.set_mail("ann", False)
    assert acme.to_json() == before and tx.revision is None


def test_an_actor_writes_what_he_may(acme: Tenant) -> None:
    with pytest.raises(WriteError) as error, acme.write(signed_in(acme, "ann")) as tx:
        tx.disable("ben")
    assert error.value.decision is not None and not error.value.decision.allowed
    assert error.value.code == error.value.decision.code
    with acme.write_as_system() as tx:
        tx.revoke("ann")
    assert acme.list(Caller.contact(acme.contact("ann")), "view", "invoice") == []


def test_a_thread_does_one_write_at_a_time(acme: Tenant) -> None:
    portal = Portal()
    other = portal.create_tenant("other", "invoicing")
    with acme.write_as_system() as tx:
        tx.create_client("C5")
        with pytest.raises(WriteError, match="under way"), acme.write_as_system():
            pass
        with pytest.raises(WriteError, match="under way"), other.write_as_system():
            pass
        with pytest.raises(WriteError, match="under way"):
            portal.create_tenant("third", "agency")
        with pytest.raises(WriteError, match="under way"):
            portal.publish(portal.policies)
        # Questions see what was before.
        assert acme.client("C5").id not in acme.to_json()
    assert '"C5"' in acme.to_json()
    with pytest.raises(WriteError, match="ended"):
        tx.create_client("C6")
    with other.write_as_system() as tx:
        tx.create_client("C1")


def test_a_forgotten_write_holds_nobody_up(acme: Tenant) -> None:
    write = acme.write_as_system()
    write.__enter__().create_client("C9")
    del write
    with acme.write_as_system() as tx:
        tx.create_client("C8")
    assert '"C8"' in acme.to_json() and '"C9"' not in acme.to_json()


def test_a_write_that_two_threads_end_ends_once() -> None:
    """In a process of its own: who waits for a lock with the interpreter in hand stops it all."""
    script = """
import threading
from doorward import Portal
acme = Portal().create_tenant("acme", "invoicing")
for turn in range(20):
    write = acme.write_as_system()
    tx = write.__enter__()
    for number in range(30):
        tx.create_client(f"C{turn}-{number}")
    start = threading.Barrier(4)
    def ends():
        start.wait()
        write.__exit__(None, None, None)
    threads = [threading.Thread(target=ends) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
assert '"C19-29"' in acme.to_json()
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


@pytest.mark.parametrize("address", ["10.0.0.0/8", ip_network("10.0.0.0/8"), "", "ten", 10])
def test_an_address_is_no_network(acme: Tenant, address: Any) -> None:
    with pytest.raises(RequestError, match="address"):
        Caller.contact(acme.contact("ann"), address=address)


def test_threads_write_one_after_the_other(acme: Tenant) -> None:
    def writes(number: int) -> None:
        for turn in range(10):
            with acme.write_as_system() as tx:
                tx.create_client(f"T{number}-{turn}")

    threads = [threading.Thread(target=writes, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = acme.to_json()
    assert all(f'"T{number}-{turn}"' in stored for number in range(8) for turn in range(10))


def test_a_share_ends_by_time(acme: Tenant, clock: Clock) -> None:
    with acme.write_as_system() as tx:
        tx.share("S1", "I1", "ben", ["view"], until=NOW + timedelta(hours=1))
    ben = signed_in(acme, "ben")
    assert acme.allows(ben, "view", "I1")
    clock.set(NOW + timedelta(hours=2))
    assert clock.now == NOW + timedelta(hours=2)
    assert not acme.allows(ben, "view", "I1")


def test_what_was_stored_is_restored(acme: Tenant, clock: Clock) -> None:
    portal = Portal(clock=clock)
    restored = portal.restore_tenant("acme", acme.to_json())
    assert restored.allows(signed_in(restored, "ann"), "view", "I1")
    assert portal["acme"].id == "acme" and portal.tenant("x") is None
    with pytest.raises(KeyError):
        portal["x"]
    with pytest.raises(WriteError, match="acme"):
        portal.create_tenant("acme", "agency")


def test_ids_name_their_tenant(acme: Tenant) -> None:
    stranger = ContactId("globex", "ann")
    decision: Decision = acme.check(Caller.contact(stranger), "view", "I1")
    assert decision.code == "CROSS_TENANT"
    assert acme.check(signed_in(acme, "ann"), "view", DocumentId("globex", "I1")).code == "CROSS_TENANT"
    assert repr(stranger) == "ContactId(globex/…)" and str(stranger) == "globex/ann"
    assert len({stranger, ContactId("globex", "ann"), ContactId("acme", "ann")}) == 2
