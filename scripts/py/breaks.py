"""Takes one cure out at a time and sees its test turn red: see scripts/breaks."""

import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

PATIENCE_S = 900


def fail(text):
    print(f"breaks: {text}", file=sys.stderr)
    sys.exit(1)


def run_tests(tree, entry):
    """The names of the tests that are red. Not compiled, or none of them run, ends the script."""
    command = ["cargo", "test", "--locked", "--all-features", "-p", entry["package"], "--test", "it", "--", entry["tests"]]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        fail(f"{' '.join(command)}: no end after {PATIENCE_S} s")
    if "test result:" not in done.stdout:
        fail(f"{' '.join(command)} did not get as far as its tests:\n{done.stderr[-2000:]}")
    red = re.findall(r"^test (\S+) \.\.\. FAILED", done.stdout, re.MULTILINE)
    ran = re.findall(r"^test \S+ \.\.\. (?:ok|FAILED)", done.stdout, re.MULTILINE)
    if not ran:
        fail(f"{' '.join(command)} ran no test")
    return red


def main():
    tree, table, *chosen = sys.argv[1:]
    with open(table, "rb") as file:
        entries = tomllib.load(file)["break"]
    crates = pathlib.Path(tree) / "crates"
    missed = []
    for entry in entries:
        if chosen and not any(word in f"{entry['what']} {entry['tests']} {entry['package']}" for word in chosen):
            continue
        path = crates / entry["file"]
        whole = path.read_text()
        if whole.count(entry["find"]) != 1:
            fail(f"{entry['what']}: its text stands {whole.count(entry['find'])} times in {entry['file']}")
        started = time.monotonic()
        try:
            path.write_text(whole.replace(entry["find"], entry["put"]))
            red = run_tests(tree, entry)
        finally:
            path.write_text(whole)
        named = [name for name in red if entry["red"] in name]
        said = f"red: {', '.join(red)}" if named else f"MISSED; red: {', '.join(red) or 'none'}"
        print(f"broken: {entry['what']}\n  {said}  ({time.monotonic() - started:.0f} s)", flush=True)
        if not named:
            missed.append(entry["what"])
    if missed:
        fail(f"nobody noticed: {'; '.join(missed)}")
    print("every break was noticed")


if __name__ == "__main__":
    os.environ["CARGO_TERM_COLOR"] = "never"
    main()
