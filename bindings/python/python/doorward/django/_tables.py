"""What a model's fields are to the policies: the row of a check, and the columns of a list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models, router

from doorward import ColumnMapping, Engine, Entity, EntityUid, PolicyBundle, TableMapping
from doorward.filters import Holds, JoinedTable, Nulls, RelatedTable

# Exactly these: a class made from one of them may keep something else in the column.
_KINDS: Mapping[type[models.Field[Any, Any]], Literal["text", "integer", "boolean", "uuid"]] = {
    models.CharField: "text",
    models.EmailField: "text",
    models.SlugField: "text",
    models.TextField: "text",
    models.URLField: "text",
    models.AutoField: "integer",
    models.BigAutoField: "integer",
    models.SmallAutoField: "integer",
    models.IntegerField: "integer",
    models.BigIntegerField: "integer",
    models.SmallIntegerField: "integer",
    models.PositiveIntegerField: "integer",
    models.PositiveBigIntegerField: "integer",
    models.PositiveSmallIntegerField: "integer",
    models.BooleanField: "boolean",
    models.UUIDField: "uuid",
}
_VALUES: Mapping[str, Callable[[Any], str | int | bool]] = {
    # Its characters: `str` of a member of an enumeration may be its name.
    "text": str.__str__,
    "integer": int,
    "boolean": bool,
}
_SAMPLES: Mapping[str, str | int | bool] = {"text": "", "integer": 0, "boolean": False}


_KEYS = (models.ForeignKey, models.OneToOneField)


class NotDerivable(Exception):
    """A field of which nobody can tell from Django alone what stands in the column."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the rows of a model are to the policies.

    Args:
        model: The model. Its primary key is the entity's id.
        type: The entity type, as the schema has it.
        attributes: The fields that are attributes; where the names differ, fields by attribute.
            ``NULL`` means that an optional attribute is not there. A relation is an entity, or a set
            of them, of a model that has a ``Row`` as well.
        follow: Those foreign keys whose rows policies read on, as in ``resource.client.archived``;
            give them to ``select_related`` where many rows are checked. Not for what the principal
            brings along.
    """

    model: type[models.Model]
    type: str
    attributes: Sequence[str] | dict[str, str] = ()
    follow: Collection[str] = ()

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields by attribute."""
        attributes = self.attributes
        return attributes if isinstance(attributes, dict) else {name: name for name in attributes}


class Column(NamedTuple):
    """A field of the row's own table, or of one with the elements of a set."""

    field: models.Field[Any, Any]
    """The field whose column it is."""
    plain: models.Field[Any, Any]
    """The field that says what stands there: where a foreign key leads to."""
    target: Table | None
    """Whose id it is, if it is one."""

    @property
    def kind(self) -> str:
        return _KINDS[type(self.plain)]

    def mapping(self, native_uuids: bool) -> ColumnMapping:
        holds: dict[str, Holds] = {
            "text": "text",
            "integer": "integer",
            "boolean": "boolean",
            "uuid": "uuid" if native_uuids else "uuid_hex",
        }
        nulls: Nulls = "absent" if self.field.null else "never"
        return ColumnMapping(name_of(self.field), holds[self.kind], nulls)

    def value(self, raw: Any) -> EntityUid | str | int | bool | None:
        """What stands in a column, as policies read it."""
        value = self.plain.to_python(raw)
        if value is None:
            return None
        return self.target.uid(value) if self.target else _VALUES[self.kind](value)

    def sample(self) -> EntityUid | str | int | bool:
        return EntityUid(self.target.type, "") if self.target else _SAMPLES[self.kind]


class Elements(NamedTuple):
    """The table of a many-to-many relation."""

    through: type[models.Model]
    owner: models.Field[Any, Any]
    element: Column


@dataclass(slots=True, eq=False)
class Table:
    """A model's table, for checks and for lists."""

    model: type[models.Model]
    type: str
    id: Column = field(init=False)
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    sets: dict[str, Elements] = field(default_factory=dict[str, Elements])
    followed: set[str] = field(default_factory=set[str])
    mappings: dict[bool, TableMapping] = field(default_factory=dict[bool, TableMapping])

    def uid(self, pk: object) -> EntityUid:
        id = self.id.plain.to_python(pk)
        return EntityUid(self.type, str.__str__(id) if isinstance(id, str) else str(id))

    def entities(self, row: models.Model) -> list[Entity]:
        """A row as policies read it, and before it those that it leads to.

        The elements of a set are asked of the database each time: what was prefetched may be a part.
        """
        led_to: list[Entity] = []
        attributes: dict[str, Any] = {}
        for name, column in self.columns.items():
            value = column.value(getattr(row, column.field.attname))
            if value is None:
                continue
            attributes[name] = value
            if column.target and name in self.followed:
                try:
                    led_to += column.target.entities(getattr(row, column.field.name))
                except ObjectDoesNotExist:
                    pass  # As where the list joins it: an entity that is not there.
        using = router.db_for_read(self.model, instance=row)
        for name, of in self.sets.items():
            owned = {of.owner.attname: row.pk}
            # A manager of the host's may leave rows out.
            rows = models.QuerySet[models.Model](of.through, using=using).filter(**owned)
            elements = rows.values_list(of.element.field.attname, flat=True)
            attributes[name] = [of.element.value(it) for it in elements]
        return [*led_to, Entity(self.type, self.uid(row.pk).id, attributes)]

    def mapping(self, native_uuids: bool) -> TableMapping:
        """Where a list finds it: made once for databases that have UUIDs and once for others, since it
        keeps what engines found out about it."""
        if (known := self.mappings.get(native_uuids)) is not None:
            return known
        plain: dict[str, ColumnMapping] = {}
        joined: dict[str, JoinedTable] = {}
        for name, column in self.columns.items():
            mapping = column.mapping(native_uuids)
            if column.target and name in self.followed:
                table = column.target.model._meta.db_table
                joined[name] = JoinedTable(mapping, table, column.target.mapping(native_uuids))
            else:
                plain[name] = mapping
        related = {
            name: RelatedTable(
                of.through._meta.db_table, name_of(of.owner), of.element.mapping(native_uuids)
            )
            for name, of in self.sets.items()
        }
        id = self.id.mapping(native_uuids)
        made = TableMapping(self.type, id, columns=plain, related=related, joined=joined)
        return self.mappings.setdefault(native_uuids, made)

    def check(self, policies: PolicyBundle) -> None:
        """That it is what the schema declares: no attribute is missing, and none is too many.

        Raises:
            doorward.Error: It is not.
        """
        self.mapping(True).check(policies)
        # A check refuses a row that lacks something, while a list would show it.
        sample: dict[str, Any] = {name: it.sample() for name, it in self.columns.items()}
        sample |= {name: [it.element.sample()] for name, it in self.sets.items()}
        Engine(policies, facts=[Entity(self.type, "", sample)])


def name_of(field: models.Field[Any, Any]) -> str:
    """A field's column, which every field has that is derived."""
    assert field.column is not None
    return field.column


def derive_tables(rows: Iterable[Row]) -> dict[type[models.Model], Table]:
    """Derives tables by model.

    Raises:
        NotDerivable: With all that is wrong, in the order of the rows.
    """
    rows = list(rows)
    wrong: list[str] = []
    tables: dict[type[models.Model], Table] = {}
    for row in rows:
        model = row.model._meta.concrete_model or row.model
        if model in tables:
            wrong.append(f"{row.model._meta.label}: it has two rows")
        tables[model] = Table(model, row.type)
    for row in rows:
        wrong += _fill(tables[row.model._meta.concrete_model or row.model], row, tables)
    wrong += [f"{it.model._meta.label}: it is followed in a circle" for it in _circles(tables)]
    if wrong:
        raise NotDerivable(*wrong)
    return tables


def _fill(table: Table, row: Row, tables: Mapping[type[models.Model], Table]) -> list[str]:
    """Derives the columns of a table, and tells what cannot be derived."""
    label, wrong = table.model._meta.label, list[str]()
    try:
        table.id = _column(table, table.model._meta.pk, None)
    except NotDerivable as error:
        wrong.append(f"{label}: the primary key {error}")
    for attribute, name in row.fields.items():
        try:
            found: Any = table.model._meta.get_field(name)
            if isinstance(found, models.ManyToManyField):
                table.sets[attribute] = _elements(table, found, tables)
            else:
                table.columns[attribute] = _column(table, found, tables)
        except (FieldDoesNotExist, NotDerivable) as error:
            wrong.append(f"{label}.{name}: {error}")
    for attribute in row.follow:
        column = table.columns.get(attribute)
        if column is None or column.target is None:
            wrong.append(f"{label}: {attribute} is no foreign key to follow")
        elif '"' in column.target.model._meta.db_table:
            wrong.append(f"{label}: {attribute} leads to a table with a quote in its name")
        else:
            table.followed.add(attribute)
    return wrong


def _column(table: Table, found: Any, tables: Mapping[type[models.Model], Table] | None) -> Column:
    """A column; where ``tables`` are given, a foreign key names an entity of one of them."""
    if getattr(found, "column", None) is None:
        raise NotDerivable("it has no column")
    if found.model._meta.concrete_model is not table.model:
        raise NotDerivable("it stands in the table of another model")
    plain, target = found, None
    if type(plain) in _KEYS and tables is not None:
        target = _target(plain, tables)
    while type(plain) in _KEYS:
        plain = plain.target_field
    if type(plain) not in _KINDS:
        raise NotDerivable(f"nobody knows what a {type(plain).__name__} keeps in its column")
    if _KINDS[type(plain)] == "uuid" and target is None and tables is not None:
        raise NotDerivable("policies know no UUIDs but as ids: make it a foreign key")
    return Column(found, plain, target)


def _target(key: Any, tables: Mapping[type[models.Model], Table]) -> Table:
    related = key.related_model
    target = tables.get(related._meta.concrete_model)
    if target is None:
        raise NotDerivable(f"{related._meta.label} has no row")
    if not key.target_field.primary_key:
        raise NotDerivable("it names another field than the primary key")
    return target


def _elements(table: Table, found: Any, tables: Mapping[type[models.Model], Table]) -> Elements:
    through = found.remote_field.through
    owner = through._meta.get_field(found.m2m_field_name())
    named = through._meta.get_field(found.m2m_reverse_field_name())
    if found.model._meta.concrete_model is not table.model:
        raise NotDerivable("it belongs to another model")
    if '"' in through._meta.db_table:
        raise NotDerivable("its table has a quote in its name")
    if not owner.target_field.primary_key:
        raise NotDerivable("it goes by another field than the primary key")
    plain = named
    while type(plain) in _KEYS:
        plain = plain.target_field
    if named.null or type(plain) not in _KINDS:
        raise NotDerivable("nobody knows what its table keeps for an element")
    return Elements(through, owner, Column(named, plain, _target(named, tables)))


def _circles(tables: Mapping[type[models.Model], Table]) -> list[Table]:
    """The tables that following leads back to."""

    def leads(table: Table, path: tuple[Table, ...]) -> bool:
        targets = [table.columns[it].target for it in table.followed]
        return any(
            target in path or leads(target, (*path, target)) for target in targets if target
        )

    return [table for table in tables.values() if leads(table, (table,))]
