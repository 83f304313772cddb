"""What a decision costs from Python, beside cedarpy and beside if-statements by hand.

    python bench.py [--clients N] [--requests N]

| engine              | what it does with each of the workload's requests                              |
|---------------------|--------------------------------------------------------------------------------|
| `by-hand`           | a Python function of if-statements over dictionaries, ids looked up            |
| `allows`            | `engine.allows` of uids and a prepared context                                 |
| `check`             | `engine.check`: the same with a `Decision` object                              |
| `checker.allows`    | a checker for each contact, made before                                        |
| `check_many`        | `engine.check_many` of requests that were made before, per decision            |
| `cedarpy handles`   | `cedarpy.is_authorized` with policies, schema and all entities parsed before   |
| `cedarpy request`   | the same with no more than the policies parsed, and the entities of the request |
| `cedarpy batch`     | `cedarpy.is_authorized_batch` with the handles, per decision                   |

All give the workload's answers, which is checked before anything is timed. Times are the medians of
rounds over all requests (over a share of them for cedarpy), the loop around the call included.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cedarpy

from doorward import Context, Engine, EntityUid, PolicyBundle, Request

GENERATOR = Path(__file__).parents[3] / "benches" / "workload" / "gen.py"
ROUNDS = 9
# Of how many requests cedarpy is asked: each takes so long that more say nothing new.
CEDAR_REQUESTS = 300

Ask = Callable[[], list[bool]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = ["--clients", str(arguments.clients), "--requests", str(arguments.requests)]
        command = [sys.executable, str(GENERATOR), *sizes, folder]
        subprocess.run(command, check=True, capture_output=True)
        files = {path.name: path.read_text(encoding="utf-8") for path in Path(folder).iterdir()}
    entities: list[dict[str, Any]] = json.loads(files["entities.json"])
    requests: list[dict[str, Any]] = json.loads(files["requests.json"])
    expected = [bool(it) for it in json.loads(files["expected.json"])]

    engines = {"by-hand": by_hand(entities, requests)}
    engines |= doorward_engines(files, requests)
    medians = {name: median(name, ask, expected) for name, ask in engines.items()}
    few = requests[:CEDAR_REQUESTS]
    for name, ask in cedarpy_engines(files, entities, few).items():
        medians[name] = median(name, ask, expected[:CEDAR_REQUESTS])
    print_table(medians)


def median(name: str, ask: Ask, expected: list[bool]) -> float:
    """Seconds for one decision."""
    if ask() != expected:
        sys.exit(f"{name} gives other answers than the workload's")
    rounds = []
    gc.disable()
    for _ in range(ROUNDS):
        started = time.perf_counter()
        ask()
        rounds.append(time.perf_counter() - started)
    gc.enable()
    return statistics.median(rounds) / len(expected)


def doorward_engines(files: dict[str, str], requests: list[dict[str, Any]]) -> dict[str, Ask]:
    policies = PolicyBundle(files["policies.cedar"], files["schema.cedarschema"])
    engine = Engine(policies, facts=files["entities.json"])
    contexts = {flag: Context(mfa=flag) for flag in (False, True)}
    asked = [
        (
            EntityUid("Contact", it["principal"]),
            it["action"],
            EntityUid("Document", it["resource"]),
            contexts[it["context"]["mfa"]],
        )
        for it in requests
    ]
    whole = [Request(*it) for it in asked]
    checkers = {(who, id(context)): engine.checker(who, context) for who, _, _, context in asked}
    by_checker = [(checkers[who, id(context)], action, what) for who, action, what, context in asked]
    allows, check = engine.allows, engine.check
    return {
        "allows": lambda: [allows(*it) for it in asked],
        "check": lambda: [check(*it).allowed for it in asked],
        "checker.allows": lambda: [it.allows(action, what) for it, action, what in by_checker],
        "check_many": lambda: [it.allowed for it in engine.check_many(whole)],
    }


def by_hand(entities: list[dict[str, Any]], requests: list[dict[str, Any]]) -> Ask:
    """As one writes it who knows these rules and no others."""
    rows = {it["uid"]["id"]: it for it in entities}
    tenants = {id: it["attrs"]["open"] for id, it in rows.items() if it["uid"]["type"] == "Tenant"}
    held = {
        id: {parent["id"] for parent in it["parents"]}
        for id, it in rows.items()
        if it["uid"]["type"] == "PermissionSet"
    }

    def ids(uids: list[dict[str, Any]]) -> set[str]:
        return {it["__entity"]["id"] for it in uids}

    clients, contacts, documents = {}, {}, {}
    for id, row in rows.items():
        attributes = row["attrs"]
        match row["uid"]["type"]:
            case "Client":
                open_tenant = tenants[attributes["tenant"]["__entity"]["id"]]
                is_open = open_tenant and not attributes["archived"]
                clients[id] = {"open": is_open, "modules": set(attributes["modules"])}
            case "Contact":
                denied = ids(attributes["denied"])
                client = attributes["client"]["__entity"]["id"]
                contacts[id] = attributes | {
                    "client": client,
                    "held": held[attributes["role"]] - denied,
                    "acts": attributes["access"] == "enabled" and not attributes["must_change"],
                }
            case "Document":
                documents[id] = attributes | {
                    "client": attributes["client"]["__entity"]["id"],
                    "kind": attributes["kind"]["__entity"]["id"],
                    "invited": ids(attributes["invited"]),
                    "assigned": ids(attributes["assigned"]),
                }
            case _:
                pass
    suits = {
        "pay": {"invoice"},
        "accept": {"estimate"},
        "sign": {"letter", "return"},
        "attach": {"file", "request", "job"},
        "complete": {"request"},
        "reply": {"message", "job"},
    }
    permissions = {
        (kind, action): f"{kind}.{'view' if action == 'receive' else action}"
        for kind in {it["kind"] for it in documents.values()}
        for action in [*suits, "view", "download", "receive"]
    }

    def may(contact_id: str, action: str, document_id: str, mfa: bool) -> bool:
        contact, document = contacts[contact_id], documents[document_id]
        kind, client = document["kind"], clients[document["client"]]
        if contact["client"] != document["client"]:
            return False
        if not client["open"] or kind not in client["modules"]:
            return False
        if action != "receive" and not contact["acts"]:
            return False
        if document["state"] in ("draft", "void") or document["level"] == "hidden":
            return False
        if action in ("pay", "accept", "sign") and not mfa:
            return False
        if action in ("pay", "accept") and (
            contact["currency"] != document["currency"] or document["amount"] > contact["limit"]
        ):
            return False
        if action in suits and (
            kind not in suits[action] or (action != "reply" and document["state"] != "open")
        ):
            return False
        if permissions[kind, action] not in contact["held"]:
            return False
        if action == "receive" and (not contact["mail"] or contact["role"] == "assistant"):
            return False
        level = document["level"]
        return (
            level == "client"
            or (level == "invited" and contact_id in document["invited"])
            or (level == "assigned" and contact_id in document["assigned"])
            or (contact["role"] == "owner" and action in ("view", "download"))
        )

    asked = [(it["principal"], it["action"], it["resource"], it["context"]["mfa"]) for it in requests]
    return lambda: [may(*it) for it in asked]


def cedarpy_engines(
    files: dict[str, str], entities: list[dict[str, Any]], requests: list[dict[str, Any]]
) -> dict[str, Ask]:
    policies = cedarpy.PolicySet.from_str(files["policies.cedar"])
    schema = cedarpy.Schema.from_str(files["schema.cedarschema"])
    stored = cedarpy.Entities.from_json_str(files["entities.json"], schema)
    asked = [
        {
            "principal": {"type": "Contact", "id": it["principal"]},
            "action": {"type": "Action", "id": it["action"]},
            "resource": {"type": "Document", "id": it["resource"]},
            "context": it["context"],
        }
        for it in requests
    ]
    # What a request's policies read: its contact and document, their client, and what few there are.
    by_id = {it["uid"]["id"]: it for it in entities}
    common = [
        it for it in entities if it["uid"]["type"] not in ("Client", "Contact", "Document")
    ]

    def of_request(it: dict[str, Any]) -> list[dict[str, Any]]:
        contact, document = by_id[it["principal"]], by_id[it["resource"]]
        clients = {row["attrs"]["client"]["__entity"]["id"] for row in (contact, document)}
        return [contact, document, *(by_id[id] for id in clients), *common]

    alone = [(it, of_request(row)) for it, row in zip(asked, requests, strict=True)]
    return {
        "cedarpy handles": lambda: [
            cedarpy.is_authorized(it, policies, stored, schema).allowed for it in asked
        ],
        "cedarpy request": lambda: [
            cedarpy.is_authorized(it, policies, rows, schema).allowed for it, rows in alone
        ],
        "cedarpy batch": lambda: [
            it.allowed for it in cedarpy.is_authorized_batch(asked, policies, stored, schema)
        ],
    }


def print_table(medians: dict[str, float]) -> None:
    # (engine, nanoseconds at most, or the engine that is at least so many times slower)
    targets: dict[str, list[tuple[float, str | None]]] = {
        "allows": [(300, None), (200, "cedarpy handles")],
        "check": [(500, None)],
        "check_many": [(100, None)],
    }
    print(f"{'engine':18}{'ns':>12}{'by-hand':>12}{'cedarpy':>12}")
    for name, seconds in medians.items():
        to_hand = seconds / medians["by-hand"]
        to_cedar = medians["cedarpy handles"] / seconds
        print(f"{name:18}{seconds * 1e9:12.0f}{to_hand:11.2f}×{to_cedar:11.1f}×")
    print("\nby-hand: how many times its time; cedarpy: how many times faster than its handles\n")
    for name, bounds in targets.items():
        for bound, beside in bounds:
            if beside is None:
                found, unit, is_met = medians[name] * 1e9, "ns", medians[name] * 1e9 <= bound
            else:
                found, unit = medians[beside] / medians[name], f"times faster than {beside}"
                is_met = found >= bound
            print(f"{'met   ' if is_met else 'missed'} {name}: {found:.0f} {unit}, wanted {bound:.0f}")


if __name__ == "__main__":
    main()
