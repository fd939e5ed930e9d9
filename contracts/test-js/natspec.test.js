// The interfaces are the contracts' documentation: the compiler's own reading of them leaves nothing out.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Fragment } from "ethers";
import solc from "solc";

const folder = new URL("../interfaces/", import.meta.url).pathname;
const ours = readdirSync(folder).filter((name) => name !== "Standards.sol");
const compiled = JSON.parse(
  solc.compile(
    JSON.stringify({
      language: "Solidity",
      sources: Object.fromEntries(ours.map((name) => [name, { content: readFileSync(folder + name, "utf8") }])),
      settings: { outputSelection: { "*": { "*": ["abi", "userdoc", "devdoc"] } } },
    }),
  ),
);
const interfaces = Object.values(compiled.contracts).flatMap((file) => Object.entries(file));
const errorsOf = ({ abi }) => abi.filter(({ type }) => type === "error").map(({ name }) => name);
const every = new Set(interfaces.flatMap(([, one]) => errorsOf(one)));

/** Notice and details of a function. */
const documented = ({ userdoc, devdoc }, signature) =>
  [userdoc.methods[signature]?.notice, devdoc.methods[signature]?.details, ...Object.values(devdoc.methods[signature]?.params ?? {})]
    .filter(Boolean).join(" ");
/** What stands after `Reverts:`, to the end of the sentence; undefined where nothing is said of it. */
const reverts = (text) => text.match(/Reverts(?::| with) ([^.]*(?:\.[^ ][^.]*)*)/)?.[1];

for (const [name, one] of interfaces) {
  const { abi, userdoc, devdoc } = one;
  const signatures = (kind) =>
    abi.filter(({ type }) => type === kind).map((item) => [item, Fragment.from(item).format("sighash")]);

  test(`${name} says what it is, and whom it trusts`, () => {
    assert.ok(devdoc.title?.length > 10 && userdoc.notice?.length > 20);
    if (!name.startsWith("ISigned")) assert.match(`${userdoc.notice} ${devdoc.details ?? ""}`, /Trusts?: |trusts/);
  });

  test(`every function, event and error of ${name} has a notice`, () => {
    const silent = [
      ...signatures("function").filter(([, signature]) => !userdoc.methods[signature]?.notice),
      ...signatures("event").filter(([, signature]) => !userdoc.events?.[signature]?.notice),
      ...signatures("error").filter(([, signature]) => !userdoc.errors?.[signature]?.[0]?.notice),
    ].map(([, signature]) => signature);
    assert.deepEqual(silent, []);
  });

  test(`every function of ${name} that changes anything says with which errors it reverts`, () => {
    for (const [{ stateMutability }, signature] of signatures("function")) {
      if (["view", "pure"].includes(stateMutability)) continue;
      const said = reverts(documented(one, signature)) ?? assert.fail(`${name}.${signature} does not say when it reverts`);
      for (const [word] of said.matchAll(/\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b/g)) {
        // The names of interfaces and files may stand beside those of errors.
        assert.ok(every.has(word) || /^I[A-Z]/.test(word), `${name}.${signature}: no error ${word}`);
      }
    }
  });

  test(`every error of ${name} is named by a function`, () => {
    const all = interfaces.flatMap(([, other]) =>
      Object.keys(other.userdoc.methods).map((signature) => documented(other, signature)),
    ).concat(interfaces.map(([, other]) => other.devdoc.details ?? "")).join(" ");
    assert.deepEqual(errorsOf(one).filter((error) => !new RegExp(`\\b${error}\\b`).test(all)), []);
  });
}
