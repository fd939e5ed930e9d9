"""What Schemathesis cannot guess: in half of the requests, ids of what is in the ledger (see check_schema.py)."""

import atexit
import json
import os
import pathlib
import threading
import zlib

import schemathesis

KNOWN = json.loads(pathlib.Path(os.environ["VESTIARY_SCHEMA_KNOWN"]).read_text())
# What a path calls `id`.
IDS = {"batches": "batch", "claims": "claim", "issuers": "issuer", "wearables": "wearable", "worlds": "world"}
# What a body or a query calls otherwise than the table.
NAMES = {"issuer_id": "issuer", "profile": "world", "token_id": None, "wallets": "address", "to": "address"}
count = 0
lock = threading.Lock()


def choice(values, salt):
    """The same for the same request, so that a seed makes the same run."""
    number = zlib.crc32(repr(salt).encode())
    if number % 2 or not values:
        return None
    return values[(number >> 1) % len(values)]


def filled(name, value, salt):
    """A known id in place of a text that was made up."""
    if isinstance(value, list):
        return [filled(name, item, (salt, index)) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    table = NAMES.get(name, name)
    return choice(KNOWN.get(table, []), (name, value, salt)) or value


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    if not isinstance(path_parameters, dict):
        return path_parameters
    path = context.operation.path
    if path.startswith("/v1/api-keys"):
        return path_parameters
    kind = IDS.get(path.split("/")[2] if path.count("/") > 1 else "")
    answer = {}
    for name, value in path_parameters.items():
        table = {"id": kind, "path": "log"}.get(name, name)
        if path.startswith(("/metadata", "/contract-metadata")) and name in ("collection", "token_id"):
            wearable = choice(KNOWN["wearable"], (path, sorted(path_parameters)))
            parts = wearable.replace(":", "/").split("/") if wearable else None
            known = parts and (parts[-2] if name == "collection" else parts[-1])
            answer[name] = known or value
        else:
            answer[name] = filled(table, value, path)
    return answer


@schemathesis.hook
def map_query(context, query):
    if not isinstance(query, dict):
        return query
    return {name: filled(name, value, context.operation.path) for name, value in query.items()}


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    return {name: filled(name, value, context.operation.path) for name, value in body.items()}


@schemathesis.hook
def before_call(context, case, kwargs):
    global count
    with lock:
        count += 1


@atexit.register
def tell():
    pathlib.Path(os.environ["VESTIARY_SCHEMA_COUNT"]).write_text(str(count))
