"""Compares slither's findings with the reasons that are written for them.

    check_slither.py FINDINGS.json REASONS.json

Of high and medium impact each must have a reason, and each reason a finding; so neither a new finding nor a stale
reason passes. A finding is named by its detector and the function (or contract) it is about.
"""

import json
import sys
from collections import Counter
from pathlib import Path


def place(element: dict) -> str:
    """`Contract.function(types)`, or the name of what it is."""
    fields = element.get("type_specific_fields", {})
    parent = fields.get("parent", {})
    if element["type"] == "function":
        return f"{parent['name']}.{fields['signature']}"
    if parent.get("type") == "function":
        return place(parent)
    return element["name"]


def main() -> int:
    findings, reasons = (json.loads(Path(path).read_text()) for path in sys.argv[1:3])
    if not findings["success"]:
        print(findings["error"])
        return 1
    found = findings["results"].get("detectors", [])
    grave = {(one["check"], place(one["elements"][0])): one for one in found if one["impact"] in ("High", "Medium")}
    known = {(one["check"], one["where"]): one["reason"] for one in reasons}
    for name in sorted(grave.keys() - known.keys()):
        print(f"no reason is written for {name[0]} in {name[1]}:\n{grave[name]['description']}")
    for name in sorted(known.keys() - grave.keys()):
        print(f"slither does not find {name[0]} in {name[1]} any more: take the reason out")
    if any(not reason.strip() for reason in known.values()) or len(known) != len(reasons):
        print("a reason is empty, or written twice")
        return 1
    impacts = Counter(one["impact"].lower() for one in found)
    print("slither: " + ", ".join(f"{impacts[impact]} {impact}" for impact in ("high", "medium", "low")))
    print(f"each of the {len(grave)} high and medium has its reason" if grave.keys() == known.keys() else "")
    return 0 if grave.keys() == known.keys() else 1


sys.exit(main())
