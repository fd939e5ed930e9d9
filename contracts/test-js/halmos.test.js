// Halmos is asked of every function: a check for each that is not a view, and for each act by signature.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Interface } from "ethers";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const { abi } = JSON.parse(read("artifacts/WearableCollection.json"));
const changing = new Interface(abi).fragments.filter(
  ({ type, stateMutability }) => type === "function" && !["view", "pure"].includes(stateMutability),
);

/** The checks of a file: each with its text up to the next function, and the private one that it hands over to. */
function checksOf(path) {
  const bodies = Object.fromEntries(
    read(path).split(/\n    function /).slice(1).map((text) => [text.match(/^\w+/)[0], text]),
  );
  return Object.entries(bodies).filter(([name]) => name.startsWith("check_")).map(([name, text]) => {
    const next = text.match(/\n\s+(_\w+)\(\w*\);/)?.[1];
    return { name, text: text + (bodies[next] ?? "") };
  });
}
const checks = checksOf("test/proofs/CollectionChecks.sol");
const acts = checksOf("test/proofs/SignedChecks.sol");
const calling = (list, { name, selector }, prefix) =>
  list.filter(
    (check) =>
      (check.name === prefix + name || check.name.startsWith(`${prefix + name}_`)) &&
      (check.text.includes(`_collection.${name},`) || check.text.includes(selector)),
  );

for (const fragment of changing.filter(({ name }) => name !== "actBySignature")) {
  test(`a check calls ${fragment.format("sighash")}`, () => {
    assert.notEqual(calling(checks, fragment, "check_").length, 0);
  });
}

test("a check calls each act by signature", () => {
  const source = read("src/collection/OwnerSignatures.sol");
  const named = new Set([...source.matchAll(/I\w+\.(\w+)\.selector/g)].map(([, name]) => name));
  assert.equal(named.size, 8);
  for (const name of named) {
    const fragment = changing.find((one) => one.name === name);
    assert.equal(calling(acts, fragment, "check_actBySignature_").length, 1, name);
  }
});

test("no check is of anything else", () => {
  for (const { name } of checks) {
    assert.ok(changing.some((one) => name.split("_")[1] === one.name), name);
  }
});

test("every way to change a collection is one of its functions", () => {
  assert.deepEqual(abi.filter(({ type }) => type === "fallback" || type === "receive"), []);
});
