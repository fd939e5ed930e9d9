// ethers on a real node: it knows the ABI, the standards and the typed data, and nothing of our code.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { AbiCoder, Contract, id, keccak256, Wallet, ZeroAddress } from "ethers";
import { refusal, startWorld } from "./chain.js";
import { fixture, goodBatches, LEAF, snapshot } from "./fixtures.js";

const DEADLINE = 2n ** 40n;
const types = (name) => {
  const { EIP712Domain: _, ...rest } = fixture(`typed-data/${name}.json`).cases[0].typedData.types;
  return rest;
};

let world;
let domain;
before(async () => {
  world = await startWorld();
  const { chainId } = await world.provider.getNetwork();
  domain = { name: "Vestiary", version: "1", chainId, verifyingContract: await world.collection.getAddress() };
});
after(() => world.stop());

const batchOf = (designId, count, root, changes = {}) => ({
  designId, firstSerial: 1n, count, edition: 0n, terms: 0n, designDigest: id(`design ${designId}`), root, ...changes,
});

// One claim key for every leaf would do, but a key a leaf shows more.
const claimKey = (tokenId) => new Wallet(id(`claim key of ${tokenId}`));

test("a brand signs, the service commits, a player claims, a friend receives by a plain transfer", async () => {
  const { collection, brand, service, player, friend } = world;
  const leaves = [1n, 2n, 3n].map((serial) => {
    const tokenId = (1n << 64n) | serial;
    return [tokenId.toString(), id(`certificate ${serial}`), claimKey(tokenId).address];
  });
  const tree = StandardMerkleTree.of(leaves, LEAF);
  const batch = batchOf(1n, 3n, tree.root, { edition: 500n });
  const commitment = await brand.signTypedData(domain, types("commit-batch"), { ...batch, deadline: DEADLINE });
  await (await collection.connect(service).commitBatchBySignature(batch, DEADLINE, commitment)).wait();

  const [tokenId, digest, key] = leaves[1];
  const to = await player.getAddress();
  const message = { tokenId, certificateDigest: digest, to, deadline: DEADLINE };
  const signature = await claimKey(BigInt(tokenId)).signTypedData(domain, types("claim"), message);
  const call = [tree.root, tokenId, digest, key, to, DEADLINE, tree.getProof(1), signature];
  const stolen = call.with(4, await service.getAddress());
  assert.equal(await refusal(collection, collection.connect(service).claim.staticCall(...stolen)), "BadSignature");
  await (await collection.connect(service).claim(...call)).wait();
  assert.equal(await collection.ownerOf(tokenId), to);
  assert.equal(await refusal(collection, collection.connect(service).claim.staticCall(...call)), "AlreadyMinted");

  const plain = new Contract(
    await collection.getAddress(),
    ["function transferFrom(address,address,uint256)", "function ownerOf(uint256) view returns (address)"],
    player,
  );
  await (await plain.transferFrom(to, await friend.getAddress(), tokenId)).wait();
  assert.equal(await plain.ownerOf(tokenId), await friend.getAddress());
});

test("the contract opens the leaves of batch files that our own code wrote", async () => {
  const { collection, brand, service, player } = world;
  assert.ok(goodBatches().length > 0);
  let designId = 100n;
  for (const name of goodBatches()) {
    const file = fixture(`batches/${name}`);
    // The files name designs and ranges of their own; a fresh collection commits them as they stand.
    const { collection: own } = await freshCollection(designId++);
    const batch = batchOf(BigInt(file.design_id), BigInt(file.count), file.root);
    if (file.first_serial !== "1") {
      const before = batchOf(batch.designId, BigInt(file.first_serial) - 1n, id(`before ${name}`));
      await (await own.connect(brand).commitBatch(before)).wait();
      batch.firstSerial = BigInt(file.first_serial);
    }
    await (await own.connect(brand).commitBatch(batch)).wait();
    const tree = StandardMerkleTree.of(file.leaves, LEAF);
    const to = await player.getAddress();
    for (const [index, [tokenId, digest, key]] of file.leaves.entries()) {
      const proof = tree.getProof(index);
      if (key === ZeroAddress) {
        await (await own.connect(service).mint(file.root, tokenId, digest, to, proof)).wait();
        assert.equal(await own.ownerOf(tokenId), to);
      } else {
        // Nobody has these claim keys: the leaf opens, and the empty signature does not.
        const call = own.claim.staticCall(file.root, tokenId, digest, key, to, DEADLINE, proof, "0x");
        assert.equal(await refusal(own, call), "BadSignature", `${name}, leaf ${index}`);
        const other = own.claim.staticCall(file.root, tokenId, id("another"), key, to, DEADLINE, proof, "0x");
        assert.equal(await refusal(own, other), "NotInBatch", `${name}, leaf ${index}`);
      }
    }
  }
});

const freshCollection = async (salt) => {
  const { factory, collection, brand, service } = world;
  const made = [1n, "Fresh", "FRESH", "", await service.getAddress(), id(`fresh ${salt}`)];
  const address = await factory.connect(brand).createCollection.staticCall(...made);
  await (await factory.connect(brand).createCollection(...made)).wait();
  return { collection: collection.attach(address) };
};

test("a minter that tries to commit, or to take a claim-key serial, is refused", async () => {
  const { service } = world;
  const { collection } = await freshCollection("minter");
  const tokenId = (1n << 64n) | 1n;
  const leaf = [tokenId.toString(), id("certificate"), claimKey(tokenId).address];
  const tree = StandardMerkleTree.of([leaf], LEAF);
  const batch = batchOf(1n, 1n, tree.root);
  const asMinter = collection.connect(service);
  assert.equal(await refusal(collection, asMinter.commitBatch.staticCall(batch)), "NotIssuer");
  const forged = await service.signTypedData(domain, types("commit-batch"), { ...batch, deadline: DEADLINE });
  const bySignature = asMinter.commitBatchBySignature.staticCall(batch, DEADLINE, forged);
  assert.equal(await refusal(collection, bySignature), "BadSignature");
  await (await collection.connect(world.brand).commitBatch(batch)).wait();
  const taken = asMinter.mint.staticCall(tree.root, tokenId, leaf[1], await service.getAddress(), []);
  assert.equal(await refusal(collection, taken), "NotInBatch");
});

test("a real transaction costs what the gas snapshot says, to one per cent", async () => {
  const { brand } = world;
  const { collection } = await freshCollection("gas");
  const terms = 1_900_000_000n | (1_850_000_000n << 40n) | (2n << 80n);
  const batch = batchOf(1n, 1000n, id("first"), { edition: 10_000_000n, terms });
  const first = await (await collection.connect(brand).commitBatch(batch)).wait();
  const expected = Number(snapshot()["commit first, 1,000 serials"]);
  assert.ok(Math.abs(Number(first.gasUsed) - expected) < expected / 100, `${first.gasUsed} against ${expected}`);
});

test("eth_getProof shows owner word and balance in the slots that README.md gives", async () => {
  const { provider, collection, friend } = world;
  const slot = (type, key, at) => keccak256(AbiCoder.defaultAbiCoder().encode([type, "uint256"], [key, at]));
  const owner = await friend.getAddress();
  const { storageProof } = await provider.send("eth_getProof", [
    await collection.getAddress(),
    [slot("uint256", (1n << 64n) | 2n, 2), slot("address", owner, 3)],
    "latest",
  ]);
  assert.equal(BigInt(storageProof[0].value), BigInt(owner));
  assert.equal(BigInt(storageProof[1].value), 1n);
});
