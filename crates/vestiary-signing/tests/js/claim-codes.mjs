// Claim codes a second time, from the written rules alone, with node's HKDF and ethers' curve.
//
//   node claim-codes.mjs check ../../../../fixtures/claim-codes.json
//   node claim-codes.mjs write ../../../../fixtures/claim-codes.json

import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { ethers } = createRequire(new URL("../../../../contracts/package.json", import.meta.url))("ethers");

const SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const big = (bytes) => BigInt(ethers.hexlify(bytes));
const word = (number) => ethers.toBeHex(number, 32);

function hkdf(secret, salt, info, length) {
  return new Uint8Array(hkdfSync("sha256", ethers.getBytes(secret), salt, ethers.getBytes(info), length));
}

/** chain(32) ‖ collection(20) ‖ tokenId(32) of a CAIP-19 id. */
function wearableBytes(id) {
  const [, chain, collection, token] = id.match(/^eip155:(\d+)\/erc721:(0x[0-9a-f]{40})\/(\d+)$/);
  return ethers.concat([word(BigInt(chain)), collection, word(BigInt(token))]);
}

/** Multiplication in GF(32) modulo x^5 + x^2 + 1, by logarithms. */
const powers = [1];
while (powers.length < 31) {
  const next = powers.at(-1) << 1;
  powers.push(next & 32 ? next ^ 0b100101 : next);
}
const times = (a, b) => (a && b ? powers[(powers.indexOf(a) + powers.indexOf(b)) % 31] : 0);

function codeText(code) {
  const bits = big(code).toString(2).padStart(128, "0") + "00";
  const data = bits.match(/.{5}/g).map((five) => parseInt(five, 2));
  // Try all pairs of check symbols: only one fulfils both sums.
  const fits = (symbols) =>
    symbols.reduce((sum, c) => sum ^ c, 0) === 0 &&
    symbols.reduce((sum, c, i) => sum ^ times(c, powers[27 - i]), 0) === 0;
  const found = [];
  for (let pair = 0; pair < 1024; pair++) {
    const symbols = [...data, pair >> 5, pair & 31];
    if (fits(symbols)) found.push(symbols);
  }
  assert.equal(found.length, 1);
  const text = found[0].map((c) => SYMBOLS[c]).join("");
  return text.match(/.{4}/g).join("-");
}

async function vector({ seed, wearable, generation, to, deadline, certificateDigest }) {
  const id = wearableBytes(wearable);
  const info = ethers.concat([id, ethers.toBeHex(generation, 4)]);
  const code = hkdf(seed, "vestiary/claim-code/v1", info, 16);
  const wide = big(hkdf(code, "vestiary/claim-key/v1", id, 48));
  const claimKey = word(1n + (wide % (ORDER - 1n)));
  const wallet = new ethers.Wallet(claimKey);
  const [, chainId, verifyingContract, tokenId] = wearable.match(/^eip155:(\d+)\/erc721:(0x[0-9a-f]{40})\/(\d+)$/);
  const types = {
    Claim: [
      { name: "tokenId", type: "uint256" },
      { name: "certificateDigest", type: "bytes32" },
      { name: "to", type: "address" },
      { name: "deadline", type: "uint256" },
    ],
  };
  const domain = { name: "Vestiary", version: "1", chainId, verifyingContract };
  const signature = await wallet.signTypedData(domain, types, { tokenId, certificateDigest, to, deadline });
  return {
    seed, wearable, generation, to, deadline, certificateDigest,
    seedName: ethers.hexlify(hkdf(seed, "vestiary/claim-seed-name/v1", "0x", 16)).slice(2),
    code: ethers.hexlify(code),
    text: codeText(code),
    claimKey,
    claimAddress: wallet.address.toLowerCase(),
    claimSignature: signature,
  };
}

const inputs = () => {
  const cases = [];
  const collections = [
    "eip155:31337/erc721:0xabababababababababababababababababababab",
    "eip155:137/erc721:0x00000000000000000000000000000000000000ff",
  ];
  for (const [i, seed] of [word(0n), word((1n << 256n) - 1n), ethers.id("vestiary claim code vector")].entries()) {
    for (const collection of collections) {
      for (const [design, serial, generation] of [[1n, 1n, 0], [1n, 2n, 0], [2n, 1n, 0], [1n, 1n, 1], [2n ** 64n - 1n, 2n ** 64n - 1n, 2 ** 32 - 1]]) {
        cases.push({
          seed, wearable: `${collection}/${(design << 64n) | serial}`, generation,
          to: ethers.toBeHex(0xcdn + BigInt(i), 20), deadline: "1790000000",
          certificateDigest: ethers.id(`certificate ${design} ${serial}`),
        });
      }
    }
  }
  return cases;
};

const [, , mode, path] = process.argv;
if (mode === "write") {
  const description = "claim codes, their keys and a claim by each, made by node's HKDF and ethers v6; test seeds";
  const vectors = await Promise.all(inputs().map(vector));
  writeFileSync(path, `${JSON.stringify({ description, vectors }, null, 1)}\n`);
} else {
  const { vectors } = JSON.parse(readFileSync(path, "utf8"));
  for (const expected of vectors) assert.deepEqual(await vector(expected), expected);
  assert.ok(vectors.length > 0);
  console.log(`${vectors.length} claim codes agree`);
}
