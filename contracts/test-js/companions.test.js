// Wills and guardians: acts that ethers signed from the types as the interface files state them, and others submitted.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { id, ZeroAddress } from "ethers";
import { refusal, startWorld } from "./chain.js";
import { LEAF } from "./fixtures.js";

const DEADLINE = 2n ** 40n - 1n;
const DAY = 24 * 3600;
const RECOVERY_UNTIL = 2n ** 39n;
const FLAGS = 200n;

/** The types in the documentation, which breaks lines where it likes. */
const sources = ["IEstate", "IRecovery"]
  .map((name) => readFileSync(new URL(`../interfaces/${name}.sol`, import.meta.url), "utf8"))
  .join("\n")
  .replace(/\n\/\/\/ ?/g, " ");
const typesOf = (name) => {
  const [, fields] = sources.match(new RegExp(`\\b${name}\\(([^)]* deadline)\\)`)) ?? assert.fail(`no type ${name}`);
  return { [name]: fields.split(/, ?/).map((field) => ({ type: field.split(" ")[0], name: field.split(" ")[1] })) };
};

let world;
let chainId;
let token;
before(async () => {
  world = await startWorld();
  const { provider, collection, brand, service, player } = world;
  ({ chainId } = await provider.getNetwork());
  token = (1n << 64n) | 1n;
  const leaf = [token.toString(), id("certificate"), ZeroAddress];
  const tree = StandardMerkleTree.of([leaf], LEAF);
  const batch = {
    designId: 1n, firstSerial: 1n, count: 1n, edition: 0n, terms: RECOVERY_UNTIL, designDigest: id("design"), root: tree.root,
  };
  await (await collection.connect(brand).commitBatch(batch)).wait();
  const to = await player.getAddress();
  await (await collection.connect(service).mint(tree.root, token, leaf[1], to, tree.getProof(0))).wait();
});
after(() => world.stop());

/** `signer` signs the act of a companion, a stranger sends it. */
const act = async (companion, signer, name, message, nonce) => {
  const domain = { name: "Vestiary", version: "1", chainId, verifyingContract: await companion.getAddress() };
  const types = typesOf(name);
  const call = companion.interface.encodeFunctionData(
    name[0].toLowerCase() + name.slice(1),
    types[name].slice(0, -3).map((field) => message[field.name]),
  );
  const account = await signer.getAddress();
  const signature = await signer.signTypedData(domain, types, { ...message, account, nonce, deadline: DEADLINE });
  await (await companion.connect(world.stranger).actBySignature(account, call, nonce, DEADLINE, signature)).wait();
};

const pass = async (seconds) => {
  await world.provider.send("evm_increaseTime", [seconds]);
  await world.provider.send("evm_mine", []);
};
const flags = async () => (await world.collection.wordOf(token)) >> FLAGS;

test("guardians bring a wearable back, by signatures of ethers alone", async () => {
  const { recovery, collection, player, friend, service, stranger } = world;
  const [owner, to, of] = await Promise.all([player.getAddress(), stranger.getAddress(), collection.getAddress()]);
  const guardians = [await friend.getAddress(), await service.getAddress()];
  await act(recovery, player, "SetGuardians", { guardians: [to], threshold: 1, delay: 8 * DAY }, 1n);
  await act(recovery, player, "KeepGuardians", {}, 2n);
  await act(recovery, player, "SetGuardians", { guardians, threshold: 2, delay: 7 * DAY }, 3n);
  await pass(7 * DAY);
  assert.deepEqual([...(await recovery.guardiansOf(owner))[0]], guardians);
  const tokenIds = [token];
  const recover = { owner, collection: of, tokenIds, to };
  await act(recovery, friend, "Recover", recover, 1n);
  await act(recovery, service, "Recover", recover, 1n);
  assert.equal(await flags(), 0b1001000n);
  await act(recovery, player, "Veto", { collection: of, tokenIds }, 4n);
  assert.equal(await flags(), 0n);
  await act(recovery, friend, "Recover", recover, 2n);
  await act(recovery, service, "Recover", recover, 2n);
  await act(recovery, friend, "StopRecovery", { owner, collection: of, tokenIds }, 3n);
  await act(recovery, service, "StopRecovery", { owner, collection: of, tokenIds }, 3n);
  await (await collection.connect(player).markLost(token)).wait();
  await act(recovery, friend, "ClearLost", { owner, collection: of, tokenIds }, 4n);
  await act(recovery, service, "ClearLost", { owner, collection: of, tokenIds }, 4n);
  assert.equal(await flags(), 0n);
});

test("executors open an estate by signatures of ethers, and a word of the owner closes it", async () => {
  const { estate, collection, player, friend, service, brand, stranger } = world;
  const owner = await player.getAddress();
  const heirs = [await stranger.getAddress(), await brand.getAddress()];
  const executors = [await friend.getAddress(), await service.getAddress()];
  await act(estate, player, "SetWill", { heirs, executors, threshold: 2, moratorium: 30 * DAY }, 1n);
  await act(estate, friend, "OpenEstate", { owner, heir: heirs[1] }, 1n);
  await act(estate, service, "OpenEstate", { owner, heir: heirs[1] }, 1n);
  await act(estate, player, "StillHere", {}, 2n);
  const carriedOut = () => estate.connect(stranger).bequeath.staticCall(owner, collection.target, [token]);
  assert.equal(await refusal(estate, carriedOut()), "NotOpen");
  await act(estate, friend, "OpenEstate", { owner, heir: heirs[1] }, 2n);
  await act(estate, service, "OpenEstate", { owner, heir: heirs[1] }, 2n);
  assert.equal(await refusal(estate, carriedOut()), "InMoratorium");
  await pass(30 * DAY);
  await (await estate.connect(stranger).bequeath(owner, collection.target, [token])).wait();
  assert.equal(await collection.ownerOf(token), heirs[1]);
});
