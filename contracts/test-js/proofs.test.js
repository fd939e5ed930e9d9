// What eth_getProof answers, checked by a tree library that was not written for us: on a node now, and as kept in
// fixtures/storage-proofs for programs that have no node.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { getAddress, id, keccak256, toBeHex, ZeroHash } from "ethers";
import { startWorld } from "./chain.js";
import { fixture } from "./fixtures.js";
import { cloneCodeHash, headerOf, slots, stateRootOf, verify } from "./storage.js";

const block = fixture("storage-proofs/block.json");
const next = fixture("storage-proofs/next-block.json");
const token = (serial) => (1n << 64n) | BigInt(serial);
const root = stateRootOf(block.header, block.hash);

/** The words of one account of a kept block, by what they are. */
const wordsOf = async (from, name) => {
  const { address, slots: named, answer } = from.proofs[name];
  const { words } = await verify(stateRootOf(from.header, from.hash), address, answer);
  return Object.fromEntries(Object.entries(named).map(([what, slot]) => [what, words[slot]]));
};

test("every kept answer is proved under the root of its block", async () => {
  for (const from of [block, next]) {
    for (const { address, answer } of Object.values(from.proofs)) {
      await verify(stateRootOf(from.header, from.hash), address, answer);
    }
  }
});

test("the words are what was done: owners, loans, flags, balances, lists", async () => {
  const { player, friend, service, brand } = block.accounts;
  const asked = block.proofs.collection.slots;
  assert.equal(asked["owner word of token 3"], slots.ownerWord(token(3)));
  assert.equal(asked["balance of player"], slots.balance(player));
  assert.equal(asked["design 1"], slots.design(1));
  assert.equal(asked.batch, slots.batch(block.batchRoot));
  assert.equal(block.proofs.registry.slots["key of issuer 1"], slots.key(1, id(block.origin), block.key));
  assert.equal(block.proofs.logAnchor.slots["anchor at 7"], slots.anchor(service, id(block.origin), 7));
  const words = await wordsOf(block, "collection");
  const flag = (bit) => 1n << BigInt(bit);
  assert.equal(words["owner word of token 1"], BigInt(player));
  assert.equal(words["owner word of token 2"], BigInt(player) | (1_800_086_400n << 160n) | flag(205));
  assert.equal(words["owner word of token 3"], BigInt(player) | flag(201) | flag(202));
  assert.equal(words["owner word of token 4"], flag(200));
  assert.equal(words["owner word of token 5"], 0n);
  assert.equal(words["balance of player"], 3n);
  assert.equal(words["balance of stranger"], 0n);
  assert.equal(words["user of token 2"], BigInt(friend));
  assert.equal(words["issuer"], 1n | (1n << 64n));
  assert.equal(words["design 1"], 500n | (6n << 64n) | (((2n << 80n) | 1_900_000_000n) << 128n));
  assert.equal(words["design 2"], 0n);
  assert.equal(words["batch"], 1n | (1n << 64n) | (5n << 128n));
  assert.equal(words["minter service"], 1n);
  const factory = await wordsOf(block, "factory");
  assert.equal(factory["number of collections"], 2n);
  assert.equal(factory["collection at 0"], BigInt(block.proofs.collection.address));
  assert.equal(factory["collection at 1"], BigInt(block.proofs.second.address));
  assert.equal(factory["collection is listed"], 1n);
  assert.equal(factory["lookalike is listed"], 0n);
  const registry = await wordsOf(block, "registry");
  assert.equal(registry["account of issuer 1"], BigInt(brand));
  assert.equal(registry["log of issuer 1"], BigInt(service) | (1n << 160n));
  const key = registry["key of issuer 1"];
  assert.equal(key & ((1n << 200n) - 1n), 3n | ((2n ** 64n - 1n) << 64n) | (1n << 128n) | (5n << 136n));
  assert.ok(key >> 200n > BigInt(block.timestamp), "counts 7 days later");
  const logAnchor = await wordsOf(block, "logAnchor");
  assert.equal(logAnchor["last size"], 7n);
  assert.equal(logAnchor["anchor at 6"], 0n);
  // The anchor was the last transaction, so its time is the block's.
  const digest = keccak256(block.anchor.root + toBeHex(block.timestamp, 32).slice(2));
  assert.equal(logAnchor["anchor at 7"], BigInt(digest));
  assert.equal((await wordsOf(next, "collection"))["owner word of token 1"], BigInt(friend));
  assert.equal((await wordsOf(next, "collection"))["balance of player"], 2n);
});

test("a collection has the code of a clone of the implementation, a look-alike has not", async () => {
  const { collection, second, lookalike, implementation, nobody, wallet } = block.proofs;
  const hash = async ({ address, answer }) => (await verify(root, address, answer)).codeHash;
  const clone = cloneCodeHash(implementation.address);
  assert.equal(await hash(collection), clone);
  assert.equal(await hash(second), clone);
  assert.notEqual(await hash(lookalike), clone);
  assert.notEqual(await hash(implementation), clone);
  assert.equal(await hash(nobody), null);
  assert.equal(await hash(wallet), keccak256("0x"));
});

const changed = (change) => {
  const answer = structuredClone(block.proofs.collection.answer);
  change(answer);
  return answer;
};
const last = (list) => list[list.length - 1];
for (const [what, answer, under = root] of [
  ["another block's root", changed(() => {}), stateRootOf(next.header, next.hash)],
  ["another account", changed((answer) => (answer.address = block.proofs.second.address))],
  ["another code hash", changed((answer) => (answer.codeHash = block.proofs.lookalike.answer.codeHash))],
  ["another storage", changed((answer) => (answer.storageHash = block.proofs.factory.answer.storageHash))],
  ["another nonce", changed((answer) => (answer.nonce = "0x9"))],
  ["another slot", changed((answer) => (answer.storageProof[0].key = slots.ownerWord(token(9))))],
  ["another value", changed((answer) => (answer.storageProof[0].value = "0x1"))],
  ["nothing where something is", changed((answer) => (answer.storageProof[0].value = "0x0"))],
  ["something where nothing is", changed((answer) => (answer.storageProof[4].value = "0x1"))],
  ["a word under another word's nodes", changed((answer) => (answer.storageProof[0].proof = answer.storageProof[5].proof))],
  ["no nodes", changed((answer) => (answer.storageProof[0].proof = []))],
  ["no nodes of the account", changed((answer) => (answer.accountProof = []))],
  ["one node too few", changed((answer) => answer.storageProof[0].proof.pop())],
  ["a node that is cut", changed(({ storageProof: [{ proof }] }) => proof.push(last(proof.splice(-1)).slice(0, -2)))],
]) {
  test(`a proof with ${what} is refused`, () =>
    assert.rejects(verify(under, answer.address, answer)));
}

// ---- on a node, now

let world;
before(async () => (world = await startWorld()));
after(() => world.stop());

test("a node proves a fresh collection: its code, its list entry, and that it is empty", async () => {
  const { provider, collection, implementation, factory, player } = world;
  const latest = await provider.send("eth_getBlockByNumber", ["latest", false]);
  const now = stateRootOf(headerOf(latest), latest.hash);
  const ask = async (contract, asked) => {
    const address = await contract.getAddress();
    return verify(now, address, await provider.send("eth_getProof", [address, asked, latest.number]));
  };
  const owner = await player.getAddress();
  const shown = await ask(collection, [slots.ownerWord(token(1)), slots.balance(owner), slots.issuer()]);
  assert.equal(shown.codeHash, cloneCodeHash(await implementation.getAddress()));
  assert.equal(shown.words[slots.ownerWord(token(1))], 0n);
  assert.equal(shown.words[slots.balance(owner)], 0n);
  assert.equal(shown.words[slots.issuer()], 1n);
  const listed = await ask(factory, [ZeroHash, slots.collectionEntry(0)]);
  assert.equal(listed.words[ZeroHash], 1n);
  assert.equal(getAddress(toBeHex(listed.words[slots.collectionEntry(0)], 20)), await collection.getAddress());
});
