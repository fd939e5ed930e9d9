// Owners' acts, signed by ethers from the types as the interface file states them, and submitted by somebody else.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { id, ZeroAddress } from "ethers";
import { refusal, startWorld } from "./chain.js";
import { LEAF } from "./fixtures.js";

const DEADLINE = 2n ** 40n - 1n;
const CHOOSE_BY = 2n ** 39n;
const source = readFileSync(new URL("../interfaces/IWearableRights.sol", import.meta.url), "utf8");

/** `Give(uint256 tokenId,…)` in the documentation, as ethers wants it. */
const typesOf = (name) => {
  const [, fields] = source.match(new RegExp(`\\b${name}\\(([^)]*)\\)`)) ?? assert.fail(`no type ${name}`);
  return { [name]: fields.split(",").map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] })) };
};

let world;
let domain;
let tokens;
before(async () => {
  world = await startWorld();
  const { provider, collection, brand, service, player } = world;
  const { chainId } = await provider.getNetwork();
  domain = { name: "Vestiary", version: "1", chainId, verifyingContract: await collection.getAddress() };
  const leaves = [1n, 2n].map((serial) => [((1n << 64n) | serial).toString(), id(`certificate ${serial}`), ZeroAddress]);
  const tree = StandardMerkleTree.of(leaves, LEAF);
  const batch = {
    designId: 1n, firstSerial: 1n, count: 2n, edition: 0n, terms: CHOOSE_BY << 40n, designDigest: id("design"), root: tree.root,
  };
  await (await collection.connect(brand).commitBatch(batch)).wait();
  const to = await player.getAddress();
  for (const [index, [tokenId, digest]] of leaves.entries()) {
    await (await collection.connect(service).mint(tree.root, tokenId, digest, to, tree.getProof(index))).wait();
  }
  await (await collection.connect(brand).proposeRevision(1n, id("revised"), true)).wait();
  tokens = leaves.map(([tokenId]) => BigInt(tokenId));
});
after(() => world.stop());

/** `signer` signs the act, in its own name unless another is given; a stranger sends it. */
const signed = async (signer, name, message, nonce, account = signer) => {
  const { collection, stranger } = world;
  const types = typesOf(name);
  const act = collection.interface.encodeFunctionData(
    name[0].toLowerCase() + name.slice(1),
    types[name].slice(0, -3).map((field) => message[field.name]),
  );
  const named = await account.getAddress();
  const signature = await signer.signTypedData(domain, types, { ...message, account: named, nonce, deadline: DEADLINE });
  return [collection.connect(stranger), [act, nonce, DEADLINE, signature]];
};
const act = async (...args) => {
  const [collection, call] = await signed(...args);
  await (await collection.actBySignature(...call)).wait();
};

test("every owner's act that ethers signed is done", async () => {
  const { collection, player, friend } = world;
  const [tokenId, other] = tokens;
  const to = await friend.getAddress();
  await act(player, "SetUser", { tokenId, user: to, expires: DEADLINE }, 1n);
  assert.equal(await collection.userOf(tokenId), to);
  await act(player, "Offer", { tokenId, key: to, until: DEADLINE }, 2n);
  assert.equal((await collection.begunOf(tokenId))[0], to);
  await act(player, "AcceptRevision", { tokenId, designDigest: id("revised") }, 3n);
  assert.equal(await collection.designDigestOf(tokenId), id("revised"));
  await act(player, "Choose", { tokenId, kept: 2 }, 9n);
  assert.equal((await collection.saleStatus(tokenId)).choosing, true);
  await act(player, "MarkLost", { tokenId: other }, 4n);
  await act(player, "AskClearLost", { tokenId: other }, 5n);
  assert.equal((await collection.saleStatus(other)).lost, true);
  await act(player, "Give", { tokenId, to }, 6n);
  assert.equal(await collection.ownerOf(tokenId), to);
  await act(friend, "Burn", { tokenId }, 1n);
  assert.equal(await collection.wordOf(tokenId), (1n << 200n) | (1n << 204n)); // burned, and chosen before
});

test("an act that ethers signed for something else, or twice, is refused", async () => {
  const { collection, player, friend } = world;
  const [, tokenId] = tokens;
  const [by, call] = await signed(friend, "AskClearLost", { tokenId }, 7n);
  assert.equal(await refusal(collection, by.actBySignature.staticCall(...call)), "BadSignature");
  const [, another] = await signed(player, "AskClearLost", { tokenId }, 7n, friend);
  assert.equal(await refusal(collection, by.actBySignature.staticCall(...another)), "BadSignature");
  const [, again] = await signed(player, "AskClearLost", { tokenId }, 5n);
  assert.equal(await refusal(collection, by.actBySignature.staticCall(...again)), "NonceAlreadyUsed");
  const [, lost] = await signed(player, "Give", { tokenId, to: await friend.getAddress() }, 8n);
  assert.equal(await refusal(collection, by.actBySignature.staticCall(...lost)), "TokenLost");
});

test("what is offered is taken by the signature that ethers makes for the key", async () => {
  const { provider, collection, player, friend, stranger } = world;
  const [, tokenId] = tokens;
  await provider.send("evm_increaseTime", [7 * 24 * 3600]);
  await (await collection.connect(stranger).clearLost(tokenId)).wait();
  const [from, key] = [await player.getAddress(), await friend.getAddress()];
  await (await collection.connect(player).offer(tokenId, key, DEADLINE)).wait();
  const message = { tokenId, from, to: key, until: DEADLINE };
  const signature = await friend.signTypedData(domain, typesOf("Take"), message);
  const elsewhere = collection.connect(stranger).take.staticCall(tokenId, from, signature);
  assert.equal(await refusal(collection, elsewhere), "BadSignature");
  await (await collection.connect(stranger).take(tokenId, key, signature)).wait();
  assert.equal(await collection.ownerOf(tokenId), key);
});
