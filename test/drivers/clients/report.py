"""What a client program prints: one JSON line for each thing it saw (see report.ts)."""

import datetime
import decimal
import enum
import ipaddress
import json
import math
import uuid

DIAGNOSTICS = (
    "severity_nonlocalized sqlstate message_primary message_detail message_hint statement_position context "
    "schema_name table_name column_name datatype_name constraint_name"
).split()


def observe(name, step):
    """Runs one step and prints what came of it."""
    try:
        line = {"name": name, "value": step()}
    except Exception as error:  # noqa: BLE001: whatever a driver raises is what is looked at
        line = {"name": name, "error": fields_of(error)}
    print(json.dumps(finite(line), default=plain, ensure_ascii=False), flush=True)


def finite(value):
    """JSON has no infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(each) for each in value]
    return value


def fields_of(error):
    cause = getattr(error, "orig", None) or (error.__cause__ if not hasattr(error, "diag") else None) or error
    fields = {"kind": type(error).__name__, "message": str(cause)}
    diagnostics = getattr(cause, "diag", None)
    for field in DIAGNOSTICS:
        value = getattr(diagnostics, field, None)
        if value is not None:
            fields[{"sqlstate": "code", "message_detail": "detail"}.get(field, field)] = value
    return fields


def plain(value):
    """What JSON has no word for, with its type, so that an int and a Decimal are told apart."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, (decimal.Decimal, datetime.timedelta, uuid.UUID)):
        return {type(value).__name__: str(value)}
    if isinstance(value, (datetime.date, datetime.time)):
        return {type(value).__name__: value.isoformat()}
    if isinstance(value, enum.Enum):
        return {"Enum": value.name}
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return {type(value).__name__: repr(value)}
