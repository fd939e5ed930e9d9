#!/usr/bin/env python3
"""Let a reader of tlog-tiles logs that knows nothing of Vestiary (tlog-scales) judge a log.

    check_log.py DIRECTORY VERIFIER-KEY

The checkpoint must be signed by the key, the tiles must give its root, and every entry must be proved to be in
it; the tree must be consistent with a sample of its smaller sizes. Then the judge itself is tried: an altered
checkpoint, an altered entry and another log's key must be refused. Exits with 0 only if all of that held.

Needs requirements.txt.
"""

import dataclasses
import pathlib
import sys

from tlog_scales import tiles
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey

# So many smaller sizes at most are compared with the log's.
CONSISTENCY_SAMPLES = 200


def refused(decide):
    """Whether a decision ends in an exception."""
    try:
        decide()
    except Exception:  # whatever it raises is a refusal
        return True
    return False


def flipped(data):
    """The same bytes with one bit of the last one turned."""
    return data[:-1] + bytes([data[-1] ^ 1])


def check(folder, key_text):
    """Every decision as (what was asked, whether the answer is right)."""
    reader = TilesReader(make_backend(str(folder.resolve())))
    checkpoint = reader.get_checkpoint()
    key = Vkey.from_string(key_text)

    # Reading a checkpoint does not verify it: that is a call of its own.
    yield "the checkpoint's signature", not refused(lambda: checkpoint.verify(key))
    yield "the root that the tiles give", reader.calculate_root_hash() == checkpoint.root_hash

    for index in range(checkpoint.size):
        leaf = tiles.leaf_hash(reader.get_entry(index))
        proof = reader.get_inclusion_proof(index, checkpoint.size)
        yield f"entry {index}", not refused(lambda: proof.check(leaf, checkpoint.root_hash))

    step = max(1, checkpoint.size // CONSISTENCY_SAMPLES)
    for size in range(1, checkpoint.size, step):
        proof = reader.get_consistency_proof(size, checkpoint.size)
        older = reader.mth(0, size)
        yield f"consistency with size {size}", not refused(lambda: proof.check(older, checkpoint.root_hash))

    altered = dataclasses.replace(checkpoint, root_hash=flipped(checkpoint.root_hash))
    yield "an altered checkpoint is refused", refused(lambda: altered.verify(key))
    stranger = Vkey(key.name, key.key_id, key.sig_type, flipped(key.pubkey))
    yield "another key is refused", refused(lambda: checkpoint.verify(stranger))
    last = checkpoint.size - 1
    proof = reader.get_inclusion_proof(last, checkpoint.size)
    leaf = tiles.leaf_hash(flipped(reader.get_entry(last)))
    yield "an altered entry is refused", refused(lambda: proof.check(leaf, checkpoint.root_hash))


def main(arguments):
    if len(arguments) != 2:
        print(__doc__)
        return 2
    asked = wrong = 0
    for what, right in check(pathlib.Path(arguments[0]), arguments[1]):
        asked += 1
        if not right:
            print(f"wrong: {what}")
            wrong += 1
    print(f"tlog-scales: {asked} decisions, {wrong} wrong")
    return 0 if asked and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
