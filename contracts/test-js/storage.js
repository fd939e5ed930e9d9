// Where the contracts keep what a proof shows, as README.md says it, by ethers' own encoder and hash; and a way to check
// proofs that knows neither ethers nor our code: @ethereumjs/mpt.
import { verifyMerkleProof } from "@ethereumjs/mpt";
import { AbiCoder, concat, decodeRlp, encodeRlp, getBytes, keccak256, toBeHex, ZeroHash } from "ethers";

const word = (type, value) => AbiCoder.defaultAbiCoder().encode([type], [value]);
/** `m[k]` at slot `s`, and `m[k][l]` with more keys; each key is [type, value]. */
const mapping = (slot, ...keys) =>
  keys.reduce((at, [type, value]) => keccak256(concat([word(type, value), at])), word("uint256", slot));
const plus = (slot, words) => toBeHex(BigInt(slot) + BigInt(words), 32);

export const slots = {
  ownerWord: (tokenId) => mapping(2, ["uint256", tokenId]),
  balance: (owner) => mapping(3, ["address", owner]),
  issuer: () => word("uint256", 8),
  design: (designId) => mapping(12, ["uint256", designId]),
  designDigest: (designId) => plus(mapping(12, ["uint256", designId]), 1),
  batch: (root) => mapping(13, ["bytes32", root]),
  minter: (account) => mapping(14, ["address", account]),
  user: (tokenId) => mapping(15, ["uint256", tokenId]),
  collectionCount: () => word("uint256", 0),
  collectionEntry: (index) => plus(keccak256(ZeroHash), index),
  isListed: (collection) => mapping(1, ["address", collection]),
  issuerCount: () => word("uint256", 0),
  account: (issuerId) => mapping(1, ["uint256", issuerId]),
  log: (issuerId, originHash) => mapping(2, ["uint256", issuerId], ["bytes32", originHash]),
  key: (issuerId, originHash, key) => mapping(3, ["uint256", issuerId], ["bytes32", originHash], ["bytes32", key]),
  accreditation: (issuerId, accreditor) => mapping(4, ["uint256", issuerId], ["address", accreditor]),
  anchor: (account, originHash, size) =>
    mapping(0, ["address", account], ["bytes32", originHash], ["uint256", size]),
  lastSize: (account, originHash) => mapping(1, ["address", account], ["bytes32", originHash]),
};

/** keccak-256 of the code of an ERC-1167 clone. */
export const cloneCodeHash = (implementation) =>
  keccak256(concat(["0x363d3d373d3d3d363d73", implementation, "0x5af43d82803e903d91602b57fd5bf3"]));

const HEADER = [
  "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "*difficulty",
  "*number", "*gasLimit", "*gasUsed", "*timestamp", "extraData", "mixHash", "nonce", "*baseFeePerGas",
  "withdrawalsRoot", "*blobGasUsed", "*excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
];
/** A number as RLP has it: no leading zeros. */
const number = (value) => (BigInt(value) === 0n ? "0x" : toBeHex(BigInt(value)));

/** The bytes of a block's header, from the fields of `eth_getBlockByNumber`; they hash to the block's hash, or it throws. */
export const headerOf = (block) => {
  const fields = HEADER.filter((name) => block[name.replace("*", "")] !== undefined);
  const header = encodeRlp(fields.map((name) => (name[0] === "*" ? number(block[name.slice(1)]) : block[name])));
  if (keccak256(header) !== block.hash) throw new Error(`the header of block ${block.number} hashes otherwise`);
  return header;
};

export const stateRootOf = (header, hash) => {
  if (keccak256(header) !== hash) throw new Error("another header");
  return decodeRlp(header)[3];
};

/** What stands at `name` in the tree under `root`, RLP as text; null: nothing. Throws on a proof that proves neither. */
const proven = async (root, name, nodes) => {
  if (root === keccak256("0x80") && nodes.every((node) => node === "0x80")) return null;
  const hashed = getBytes(keccak256(name));
  // The library looks nodes up by hash: one that is of no use would pass.
  if (nodes.length === 0 || keccak256(nodes[0]) !== root) throw new Error("not under this root");
  const value = await verifyMerkleProof(hashed, nodes.map(getBytes));
  return value === null ? null : "0x" + Buffer.from(value).toString("hex");
};

/** Checks an answer of `eth_getProof` whole, and gives the words by slot; throws on anything that is not proved. */
export const verify = async (stateRoot, address, proof) => {
  if (proof.address.toLowerCase() !== address.toLowerCase()) throw new Error("another account");
  const { nonce, balance, storageHash, codeHash } = proof;
  const leaf = await proven(stateRoot, address, proof.accountProof);
  const claimed = encodeRlp([number(nonce), number(balance), storageHash, codeHash]);
  if (leaf === null ? BigInt(nonce) + BigInt(balance) !== 0n : leaf !== claimed) throw new Error("another account's words");
  const words = {};
  for (const { key, value, proof: nodes } of proof.storageProof) {
    const slot = toBeHex(BigInt(key), 32);
    const found = await proven(leaf === null ? keccak256("0x80") : storageHash, slot, nodes);
    if (found !== (BigInt(value) === 0n ? null : encodeRlp(number(value)))) throw new Error(`slot ${slot} holds something else`);
    words[slot] = BigInt(value);
  }
  return { codeHash: leaf === null ? null : codeHash, words };
};
