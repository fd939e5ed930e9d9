"""Reads what halmos says of test/proofs.

    check_halmos.py REPORT.json...

Of the contracts of proofs every check must pass, cut short by no bound; of those of examples every check must fail
with an example, and each proof of a step have one. Prints a line for each check.
"""

import json
import sys
from pathlib import Path

PASSED, FAILED = 0, 1
# Says that nothing succeeds, so nothing can be an example of it.
WITHOUT_EXAMPLE = {"check_actBySignature_refuses_other_acts"}


def main() -> int:
    proofs, examples = {}, {}
    for path in sys.argv[1:]:
        for contract, results in json.loads(Path(path).read_text())["test_results"].items():
            found = examples if contract.endswith("Examples") else proofs
            found.update({one["name"].split("(")[0]: one for one in results})
    wrong = []
    for name, one in sorted(proofs.items()):
        example = examples.get(name)
        proved = one["exitcode"] == PASSED and one["num_bounded_loops"] == 0
        possible = example is not None and example["exitcode"] == FAILED and example["num_models"] > 0
        total, succeeding, _ = one["num_paths"]
        print(
            f"{name:<44} {one['time'][0]:7.1f} s {total:5} paths, {succeeding:4} to the end: "
            + ("proved" if proved else f"NOT PROVED (halmos: {one['exitcode']}, bounds: {one['num_bounded_loops']})")
            + (", with an example" if possible else "")
        )
        if not proved or not (possible or name in WITHOUT_EXAMPLE):
            wrong.append(name)
    wrong += sorted(examples.keys() - proofs.keys())
    print(f"halmos: {len(proofs)} checks in {sum(one['time'][0] for one in proofs.values()):.0f} s, {len(wrong)} failed")
    if wrong or not proofs:
        print("not proved, or without an example: " + ", ".join(wrong))
        return 1
    return 0


sys.exit(main())
