#!/usr/bin/env python3
"""Let a verifier of W3C credentials that knows nothing of Vestiary (openvc-core) judge certificates.

    check_certificate.py PATH...

A directory with a cases.json: every case says in "w3c" whether the verifier must accept ("valid") or refuse
("invalid") it, or is not asked. Any other directory, or a file: every certificate must be accepted, and
refused after any one value in it was altered. Exits with 0 only if all of that held.

Needs requirements.txt. Resolves nothing over a network: every key is a did:key.
"""

import copy
import json
import pathlib
import sys

from openvc.did.base import DidResolverRegistry
from openvc.did.did_key import DidKeyResolver
from openvc.verify import verify_credential

RESOLVER = DidResolverRegistry([DidKeyResolver()])

# openvc-core 1.37.0 verifies with the document's contexts and does not look at the proof's copy.
NOT_LOOKED_AT = {("proof", "@context", 0), ("proof", "@context", 1)}


def refusal(certificate):
    """None if the verifier accepts, else why it does not."""
    try:
        verify_credential(certificate, resolver=RESOLVER)
    except Exception as error:  # whatever it raises is a refusal
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def places(value, path=()):
    """The path of every string and number in a document."""
    if isinstance(value, (dict, list)):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(member, (*path, key))
    else:
        yield path


def altered(certificate, path):
    """The certificate with one value altered."""
    copied = copy.deepcopy(certificate)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    value = holder[path[-1]]
    # The last base58 digits of a signature may decode to what they did before: alter in the middle.
    if isinstance(value, str):
        middle = len(value) // 2
        holder[path[-1]] = value[:middle] + ("2" if value[middle : middle + 1] != "2" else "3") + value[middle + 1 :]
    else:
        holder[path[-1]] = value + 1
    return copied


def check_alone(path):
    """A certificate of ours: accepted as it is, refused when altered. Returns (looked at, wrong)."""
    certificate = json.loads(path.read_bytes())
    why = refusal(certificate)
    if why is not None:
        print(f"wrong: {path.name} is refused: {why}")
        return 1, 1
    looked_at, wrong = 1, 0
    for place in places(certificate):
        if place in NOT_LOOKED_AT:
            continue
        looked_at += 1
        if refusal(altered(certificate, place)) is None:
            print(f"wrong: {path.name} is accepted although {'/'.join(map(str, place))} was altered")
            wrong += 1
    return looked_at, wrong


def check_cases(folder):
    """The cases of fixtures/certificates. Returns (looked at, wrong)."""
    looked_at = wrong = 0
    for case in json.loads((folder / "cases.json").read_bytes())["cases"]:
        if case["w3c"] == "not_asked":
            continue
        looked_at += 1
        try:
            why = refusal(json.loads((folder / case["certificate"]).read_bytes()))
        except ValueError as error:
            why = str(error)
        if (why is None) != (case["w3c"] == "valid"):
            print(f"wrong: {case['name']} should be {case['w3c']}: {why or 'accepted'}")
            wrong += 1
    for path in sorted(folder.glob("valid_*.json")):
        more = check_alone(path)
        looked_at, wrong = looked_at + more[0], wrong + more[1]
    return looked_at, wrong


def main(arguments):
    if not arguments:
        print(__doc__)
        return 2
    looked_at = wrong = 0
    for argument in map(pathlib.Path, arguments):
        if (argument / "cases.json").exists():
            results = [check_cases(argument)]
        elif argument.is_dir():
            results = [check_alone(path) for path in sorted(argument.glob("*.json"))]
        else:
            results = [check_alone(argument)]
        looked_at += sum(result[0] for result in results)
        wrong += sum(result[1] for result in results)
    print(f"openvc-core: {looked_at} decisions, {wrong} wrong")
    return 0 if looked_at and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
