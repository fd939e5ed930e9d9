"""Schemathesis over /openapi.json of a running `vestiary dev` that has a story behind it.

    check_schema.py REQUESTS dev.json

Asks with the administrator's key, with a brand's and with none, until REQUESTS requests were made. No answer may be a
5xx, have a status or media type that the description does not know, or a body outside its schema. VESTIARY_SEED makes
other requests; the same seed makes the same ones.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "missing_required_header",
    "ignored_auth",
]
FOLDER = pathlib.Path(__file__).parent


def get(url):
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


def known(dev):
    """Ids of what the story left, so that questions are about something."""
    api = dev["api"]
    wallets = [dev["accounts"][name]["address"] for name in ("alice", "bob")]
    designs = get(f"{api}/v1/designs")["items"]
    wearables = [
        wearable["id"]
        for wallet in wallets
        for wearable in get(f"{api}/v1/wallets/{wallet}/wearables")["wearables"]
    ]
    journal = b"".join(path.read_bytes() for path in pathlib.Path(dev["data_dir"], "journal").iterdir() if path.is_file())

    def named(letter):
        return sorted({name.decode() for name in re.findall(rb'"(%s_[0-9a-f]{32})"' % letter, journal)})

    found = {
        "address": wallets + [f"eip155:{dev['chain_id']}:{wallet}" for wallet in wallets],
        "batch": named(b"b"),
        "chain": [str(dev["chain_id"])],
        "cid": sorted({file["sha256"] for design in designs for file in design["document"]["representations"]}),
        "claim": named(b"c"),
        "collection": [collection["id"] for collection in get(f"{api}/v1/collections")["items"]],
        "design_id": [design["design_id"] for design in designs],
        "issuer": [issuer["id"] for issuer in get(f"{api}/v1/issuers")["items"]],
        "log": ["0/000.p/1", "entries/000.p/1"],
        "slot": sorted({design["document"]["slot"] for design in designs}),
        "wearable": wearables,
        "world": [world["id"] for world in get(f"{api}/v1/worlds")["items"]],
    }
    missing = [name for name, values in found.items() if not values]
    if missing:
        sys.exit(f"the story left no {', '.join(missing)}")
    return found


def run(dev, who, key, seed, examples, folder):
    """One run; how many requests it made, and whether all was well."""
    counter = folder / "requests"
    counter.write_text("0")
    command = [
        str(pathlib.Path(sys.executable).parent / "schemathesis"), "run", f"{dev['api']}/openapi.json",
        "--checks", ",".join(CHECKS), "--max-examples", str(examples), "--seed", str(seed),
        "--continue-on-failure", "--warnings", "off", "--suppress-health-check", "all", "--request-timeout", "20",
        # Two workers trip over a cache of Hypothesis that is not made for threads, and make no run the same twice.
        "--workers", "1",
    ]
    if key:
        command += ["--header", f"Authorization: Bearer {key}"]
    environment = dict(
        os.environ,
        SCHEMATHESIS_HOOKS=str(FOLDER / "schema_hooks.py"),
        VESTIARY_SCHEMA_KNOWN=str(folder / "known.json"),
        VESTIARY_SCHEMA_COUNT=str(counter),
        NO_COLOR="1",
    )
    done = subprocess.run(command, env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    requests = int(counter.read_text())
    print(f"with {who}: seed {seed}, {requests} requests, {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode != 0:
        print(done.stdout)
    return requests, done.returncode == 0


def main():
    wanted, path = int(sys.argv[1]), sys.argv[2]
    dev = json.loads(pathlib.Path(path).read_text())
    keys = {
        "the administrator's key": pathlib.Path(dev["api_key_file"]).read_text().strip(),
        "a brand's key": pathlib.Path(dev["dir"], "story", "brand-api-key").read_text().strip(),
        "no key": "",
    }
    seed = int(os.environ.get("VESTIARY_SEED", "1"))
    made, well = 0, True
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "known.json").write_text(json.dumps(known(dev)))
        # A run of one example an operation still makes some hundred requests: those at the edges of each parameter.
        examples = max(1, min(100, wanted // 400))
        while made < wanted and well:
            for who, key in keys.items():
                requests, good = run(dev, who, key, seed, examples, folder)
                made, well = made + requests, well and good
            seed += 1
    print(f"{made} requests, {'every answer as described' if well else 'FAILED'}")
    sys.exit(0 if well else 1)


main()
