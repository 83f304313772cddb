"""What the policies of the odd rows are told."""

from functools import cache
from typing import Any

from django_host.models import Book, Odd, Reader, Shelf

from doorward import Engine, PolicyBundle
from doorward.django import Access, Principal, Row

ENTITIES = """
entity Shelf = { closed: Bool };
entity Reader = { branch: String };
entity Book = {
    title: String, remark?: String, pages?: Long, kept?: Bool,
    shelf: Shelf, owner?: Reader, readers: Set<Reader>,
};
entity Odd = { title: String };
action know appliesTo { principal: Reader, resource: Reader };
action odd appliesTo { principal: Reader, resource: Odd };
"""
# Each is an action of its own, so that each is a list of its own.
CONDITIONS = {
    "all": "true",
    "same_title": "resource.title == principal.branch",
    "other_title": "resource.title != principal.branch",
    "like_percent": r'resource.title like "a%*"',
    "like_underscore": r'resource.title like "*_b*"',
    "like_glob": r'resource.title like "*\*?[x]*"',
    "like_quote": """resource.title like "*o'*" """,
    "unlike": r'!(resource.title like "A*")',
    "empty_title": 'resource.title == ""',
    "remarked": 'resource has remark && resource.remark != "x"',
    "unremarked": "!(resource has remark)",
    "read_remark": 'resource has remark && resource.remark == "x"',
    "long": "resource has pages && resource.pages > 10",
    "not_long": "!(resource has pages && resource.pages > 10)",
    "kept": "resource has kept && resource.kept",
    "not_kept": "!(resource has kept && resource.kept)",
    "owned": "resource has owner && resource.owner == principal",
    "not_owned": "!(resource has owner && resource.owner == principal)",
    "lent": "resource.readers.contains(principal)",
    "not_lent": "!resource.readers.contains(principal)",
    "on_shelf": """resource.shelf == Shelf::"o'%s_sun" """,
    "on_open_shelf": "!resource.shelf.closed",
}
LISTS = "".join(
    f'permit (principal, action == Action::"{name}", resource) when {{ {condition} }};\n'
    for name, condition in CONDITIONS.items()
)
# Reading a shelf that is gone is an error, which refuses.
OTHERS = """
permit (principal, action == Action::"view", resource);
forbid (principal, action == Action::"view", resource) when { resource.shelf.closed };
permit (principal, action == Action::"lend", resource) when { resource.readers.contains(principal) };
forbid (principal, action == Action::"lend", resource)
when { resource has owner && resource.owner != principal };
permit (principal, action == Action::"know", resource) when { resource == principal };
permit (principal, action == Action::"odd", resource) when { resource.title == principal.branch };
"""
# Of the last there is no policy.
ACTIONS = [*CONDITIONS, "view", "lend", "burn"]
APPLIES = f"action {', '.join(ACTIONS)} appliesTo {{ principal: Reader, resource: Book }};"

resolved: list[object] = []


@cache
def engine() -> Engine:
    return Engine(PolicyBundle(LISTS + OTHERS, ENTITIES + APPLIES), all_inline=True)


def principal(user: Any) -> Principal | None:
    resolved.append(user)
    return Principal(user) if isinstance(user, Reader) else None


ROWS = [
    Row(Shelf, "Shelf", ["closed"]),
    Row(Reader, "Reader", ["branch"]),
    Row(Odd, "Odd", ["title"]),
    Row(
        Book,
        "Book",
        {
            "title": "title",
            "remark": "note",
            "pages": "pages",
            "kept": "kept",
            "shelf": "shelf",
            "owner": "owner",
            "readers": "readers",
        },
        follow=["shelf"],
    ),
]
access = Access(engine=engine, principal=principal, rows=ROWS, open_to_all=["listed", "open:"])
