"""Configurations, settings and the commands that change them, through Python."""

import pytest

from doorward import (
    Caller,
    ConfigError,
    Document,
    LinkId,
    PolicyError,
    Portal,
    RequestError,
    Tenant,
    WriteError,
)


@pytest.fixture
def acme() -> Tenant:
    acme = Portal().create_tenant("acme", "invoicing")
    with acme.write_as_system() as tx:
        client = tx.create_client("C1")
        for name in ("ann", "ben"):
            tx.create_contact(name, client, email=f"{name}@c1.example")
            tx.enable(name)
        for number, amount in (("I1", 12_000), ("I2", 500)):
            tx.put_document(
                Document(
                    acme.document(number),
                    "invoice",
                    client=client,
                    state="sent",
                    amount=(amount, "EUR"),
                )
            )
    return acme


def signed_in(acme: Tenant, name: str) -> Caller:
    with acme.write_as_system() as tx:
        link = tx.create_activation_link(f"L-{name}", name)
    with acme.write(Caller.link(link)) as tx:
        tx.set_password(name)
    access = acme.access(name)
    assert access is not None
    _, _, version, epoch = access
    return Caller.contact(
        acme.contact(name), epoch=epoch, credential_version=version, authenticated_by="password"
    )


def test_a_tenant_starts_from_a_configuration_of_its_own() -> None:
    portal = Portal()
    strict = portal.create_tenant("acme", {"from": "practice", "settings": {"mfa": True}})
    assert strict.settings["mfa"] is True
    plain = portal.create_tenant("globex", "practice")
    assert plain.settings["mfa"] is False
    with pytest.raises(ConfigError) as raised:
        portal.create_tenant("initech", {"from": "bookings", "sets": {"planner": ["booking.vew"]}})
    (finding,) = raised.value.diagnostics
    assert finding.code == "unknown-permission" and "booking.view" in str(finding.help)
    assert isinstance(raised.value, PolicyError) and portal.tenant("initech") is None
    with pytest.raises(RequestError):
        portal.create_tenant("initech", "dentistry")  # type: ignore[arg-type] # pyright: ignore
    with pytest.raises(TypeError):
        portal.create_tenant("initech", {"settings": {1, 2}})
    with pytest.raises(TypeError):
        portal.create_tenant("initech", ["bookings"])  # type: ignore[arg-type] # pyright: ignore


def test_settings_are_changed_for_all_for_a_group_and_for_a_client(acme: Tenant) -> None:
    ann = signed_in(acme, "ann")
    assert acme.allows(ann, "view", "I1")
    with acme.write_as_system() as tx:
        tx.set_client_settings("C1", {"kinds": {"invoice": {"module": False}}})
    assert acme.check(ann, "view", "I1").code == "MODULE_OFF"
    with acme.write_as_system() as tx:
        tx.set_client_settings("C1", {"kinds": {"invoice": {"module": True}}})
        tx.set_group_settings("strict", {"mfa": True})
        tx.set_client_group("C1", "strict")
    assert acme.check(ann, "view", "I1").step_up == "mfa"
    with acme.write_as_system() as tx:
        tx.set_client_group("C1")
        tx.set_settings({"networks": ["192.0.2.0/24"]})
    assert acme.settings["networks"] == ["192.0.2.0/24"]
    assert not acme.allows(ann, "view", "I1")
    for settings in ({"mfaa": True}, {"mfa": "yes"}, {"kinds": {"invoice": {"level": "all"}}}):
        with pytest.raises(RequestError, match="settings cannot be read"):
            with acme.write_as_system() as tx:
                tx.set_settings(settings)
    with pytest.raises(WriteError, match="UNKNOWN_KIND|kind"):
        with acme.write_as_system() as tx:
            tx.set_settings({"kinds": {"moodboard": {"module": True}}})


def test_kinds_of_its_own(acme: Tenant) -> None:
    with acme.write_as_system() as tx:
        tx.declare_kind("moodboard", {"actions": ["view", "comment"], "owner": "client"})
        tx.set_settings({"kinds": {"moodboard": {"level": "client"}}})
        board = Document(acme.document("M1"), "moodboard", client=acme.client("C1"))
        tx.put_document(board)
        tx.grant("ann", "moodboard.view")
    ann = signed_in(acme, "ann")
    allowed = {action for action, decision in acme.actions(ann, "M1").items() if decision.allowed}
    assert allowed == {"view"}
    with pytest.raises(RequestError, match="declaration cannot be read"):
        with acme.write_as_system() as tx:
            tx.declare_kind("collage", {"actions": ["fly"]})


def test_contacts_are_edited(acme: Tenant) -> None:
    with acme.write_as_system() as tx:
        tx.edit_contact("ann", name="Ann", email="ann@new.example", login="ann")
    assert "ann@new.example" in acme.to_json()
    with pytest.raises(ValueError, match="given or removed"):
        with acme.write_as_system() as tx:
            tx.edit_contact("ann", email="a@c1.example", remove_email=True)
    with pytest.raises(WriteError) as raised:
        with acme.write_as_system() as tx:
            # Who is enabled has to be reachable.
            tx.edit_contact("ann", remove_email=True)
    assert raised.value.code == "EMAIL_REQUIRED" and "ann@new.example" in acme.to_json()
    with acme.write_as_system() as tx:
        tx.set_limit("ann", (500, "EUR"))
        tx.set_recipient_of("ann", ["invoice"])
    with acme.write_as_system() as tx:
        tx.set_limit("ann")
        tx.create_staff("sam", only_clients=["C1"])
        tx.set_staff_clients("sam", [])
        tx.set_staff_clients("sam")


def test_documents_are_sent(acme: Tenant) -> None:
    with acme.write_as_system() as tx:
        acme_invoice = Document(acme.document("I3"), "invoice", client=acme.client("C1"), state="draft")
        tx.put_document(acme_invoice)
        ((contact, link),) = tx.send_document("I3", ["ann"])
    assert contact == acme.contact("ann") and isinstance(link, LinkId)
    ann = signed_in(acme, "ann")
    assert acme.allows(ann, "view", "I3")
    with acme.write_as_system() as tx:
        tx.set_recipient_of("ben", ["invoice"])
        sent = tx.send_document("I3")
    assert acme.contact("ben") in [contact for contact, _ in sent]


def test_buttons_totals_and_mail(acme: Tenant) -> None:
    ann = signed_in(acme, "ann")
    rows = acme.actions_many(ann, ["I1", acme.document("I2"), "missing"], ["view", "pay"])
    assert [[it.allowed for it in row] for row in rows][2] == [False, False]
    for resource, row in zip(["I1", "I2", "missing"], rows, strict=True):
        assert row == (acme.check(ann, "view", resource), acme.check(ann, "pay", resource))
    assert acme.totals(ann, "view", "invoice") == (2, {"EUR": 12_500})
    assert acme.check_credential_mail("ann").allowed
    assert not acme.check_credential_mail("nobody").allowed
    assert acme.contact("ann").id in acme.to_json() and len(acme.world()) > 10
    assert acme.world().revision == acme.revision
