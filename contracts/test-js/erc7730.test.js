// What a hardware wallet shows (ERC-7730, version 2 of its schema): every call and every message has words, and every word
// stands for a field that is there. Only what these files use of the schema is allowed, each object closed.
//
// VESTIARY_DESCRIPTIONS names a directory that `vestiary deploy --descriptions` wrote, VESTIARY_DEPLOYMENT the deployment
// file: then those files are read, and have to be the committed ones bound to these contracts.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { Fragment, getAddress } from "ethers";
import { artifact } from "./fixtures.js";

const committed = new URL("../erc7730/", import.meta.url).pathname;
const { VESTIARY_DESCRIPTIONS: written, VESTIARY_DEPLOYMENT: deploymentFile } = process.env;
const folder = written ? `${written}/` : committed;
const deployment = written && JSON.parse(readFileSync(deploymentFile, "utf8"));
const chainId = deployment && Number(deployment.chain.match(/^eip155:(\d+)$/)[1]);

/** Where a contract stands, as the schema has it: nowhere for the committed files. */
const at = (name) => (deployment ? [{ chainId, address: getAddress(deployment[name]) }] : []);
const PLACES = {
  LogAnchor: "log_anchor", IssuerRegistry: "registry", Estate: "estate", Recovery: "recovery", CollectionFactory: "factory",
};
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
const read = (name) => JSON.parse(readFileSync(folder + name, "utf8"));
const contracts = readdirSync(new URL("../artifacts/", import.meta.url)).map((name) => name.replace(".json", ""));

const keys = (object, needed, more = []) => {
  for (const key of needed) assert.ok(key in object, `no ${key}`);
  for (const key of Object.keys(object)) assert.ok([...needed, ...more].includes(key), `unknown key ${key}`);
};
const words = (text, longest) => assert.match(text, new RegExp(`^[A-Z][\\w ():,'-]{1,${longest - 1}}$`), text);

/** Paths of what a call or message holds, with types: `batch.root`, `tokenIds.[]`. */
const leaves = (inputs, prefix = "") =>
  inputs.flatMap(({ name, type, baseType, components, arrayChildren }) => {
    if (baseType === "tuple") return leaves(components, `${prefix}${name}.`);
    if (baseType === "array") return [[`${prefix}${name}.[]`, arrayChildren.type]];
    return [[prefix + name, type]];
  });

const FITS = {
  raw: /./, addressName: /^address$/, nftName: /^uint256$/, date: /^uint\d+$/, duration: /^uint\d+$/, enum: /^uint8$/,
  calldata: /^bytes$/,
};
const checkField = (field, paths, metadata) => {
  keys(field, ["path", "label", "format"], ["params", "visible"]);
  const type = paths.get(field.path) ?? assert.fail(`no field ${field.path}`);
  words(field.label, 40);
  assert.match(type, FITS[field.format] ?? assert.fail(`format ${field.format}`), field.path);
  const address = (path) => path === "@.to" || assert.equal(paths.get(path), "address", path);
  const params = field.params ?? {};
  if (field.format === "nftName") keys(params, ["collectionPath"]), address(params.collectionPath);
  else if (field.format === "calldata") keys(params, ["calleePath"]), address(params.calleePath);
  else if (field.format === "date") assert.deepEqual(params, { encoding: "timestamp" });
  else if (field.format === "addressName") keys(params, [], ["types"]), assert.deepEqual(params.types ?? ["collection"], ["collection"]);
  else if (field.format === "enum") {
    const [, name] = params.$ref.match(/^\$\.metadata\.enums\.(\w+)$/);
    for (const [value, meaning] of Object.entries(metadata.enums[name])) {
      assert.match(value, /^\d+$/);
      assert.ok(meaning);
    }
  } else assert.deepEqual(params, {});
  // Nobody reads proofs and signatures; all else is shown.
  assert.equal(field.visible, /(^|\.)(proof\.\[\]|signature)$/.test(field.path) ? "never" : undefined, field.path);
};

const checkFormats = (file, fragments) => {
  const { display, metadata } = read(file);
  keys(display, ["formats"]);
  const bySelector = new Map(fragments.map((fragment) => [fragment.format("sighash"), fragment]));
  const described = new Set();
  for (const [key, format] of Object.entries(display.formats)) {
    const signature = Fragment.from(`function ${key}`);
    const fragment = bySelector.get(signature.format("sighash")) ?? assert.fail(`${file}: nothing is ${key}`);
    assert.ok(!described.has(fragment), `${key} stands twice`);
    described.add(fragment);
    keys(format, ["intent", "fields"]);
    words(format.intent, 45);
    const all = leaves(fragment.inputs);
    assert.deepEqual(leaves(signature.inputs), all, `${file}: names in ${key}`);
    const paths = new Map(all);
    for (const field of format.fields) {
      try {
        checkField(field, paths, metadata);
      } catch (error) {
        error.message = `${file}, ${key}, ${field.path}: ${error.message}`;
        throw error;
      }
    }
    assert.deepEqual(format.fields.map(({ path }) => path), all.map(([path]) => path), `${file}: fields of ${key}`);
  }
  assert.deepEqual([...bySelector.values()].filter((one) => !described.has(one)).map((one) => one.format()), [], `${file}: without words`);
};

const checkHead = (name, context) => {
  const { $schema, metadata, ...rest } = read(name);
  assert.equal($schema, "https://eips.ethereum.org/assets/eip-7730/erc7730-v2.schema.json");
  keys(rest, ["context", "display"]);
  keys(metadata, ["owner"], ["contractName", "enums"]);
  assert.deepEqual(rest.context, context);
  return metadata;
};

for (const contract of contracts) {
  test(`every call of ${contract} that changes anything has words`, () => {
    const name = `calldata-${contract}.json`;
    // Collections are known by the factory's event, wherever they are.
    const [event] = artifact("CollectionFactory").abi.filter((item) => item.name === "CollectionCreated");
    const bound = contract === "WearableCollection"
      ? { factory: { deployments: at("factory"), deployEvent: Fragment.from(event).format("full").replace("event ", "").replaceAll(", ", ",") } }
      : { deployments: at(PLACES[contract]) };
    const metadata = checkHead(name, { $id: `Vestiary ${contract}`, contract: bound });
    assert.equal(metadata.contractName, contract);
    const changing = artifact(contract).abi.filter(
      ({ type, stateMutability }) => type === "function" && !["view", "pure"].includes(stateMutability),
    );
    assert.ok(changing.length > 0);
    checkFormats(name, changing.map((item) => Fragment.from(item)));
  });
}

// Whose messages somebody signs. To collections, which are clones, the domain of a message says which.
const SIGNED = { WearableCollection: 13, Estate: 3, Recovery: 6 };

test("every message that somebody signs has words, under the very text that is hashed", () => {
  const source = readFileSync(new URL("../src/libraries/VestiaryTypes.sol", import.meta.url), "utf8");
  const types = [...source.matchAll(/keccak256\(\s*"(\w+\([^"]*\))"/g)].map(([, type]) => type);
  const messages = types.filter((type) => !type.startsWith("EIP712Domain("));
  assert.equal(messages.length, source.match(/_TYPEHASH\s*=/g).length - 1);
  const described = [];
  for (const [contract, count] of Object.entries(SIGNED)) {
    const name = `eip712-${contract}.json`;
    const domain = { name: "Vestiary", version: "1" };
    const bound = contract === "WearableCollection"
      ? { domain: deployment ? { ...domain, chainId } : domain }
      : { domain, deployments: at(PLACES[contract]) };
    checkHead(name, { $id: `Vestiary ${contract} messages`, eip712: bound });
    // Whatever is signed for it, its own source says so by the name of the type.
    const types = Object.keys(read(name).display.formats);
    assert.equal(types.length, count, name);
    const sources = contract === "WearableCollection" ? ["collection/Commits", "collection/Mints", "collection/ClaimKeys", "collection/Rights", "collection/OwnerSignatures"] : [contract];
    const text = sources.map((path) => readFileSync(new URL(`../src/${path}.sol`, import.meta.url), "utf8")).join("");
    for (const type of types) {
      const [camel] = type.match(/^\w+/);
      const constant = `${camel.replace(/(?!^)[A-Z]/g, "_$&").toUpperCase()}_TYPEHASH`;
      const helper = camel[0].toLowerCase() + camel.slice(1);
      assert.ok(text.includes(`VestiaryTypes.${constant}`) || text.includes(`VestiaryTypes.${helper}(`), `${name}: ${type}`);
    }
    checkFormats(name, types.map((type) => Fragment.from(`function ${type}`)));
    described.push(...types);
  }
  assert.deepEqual(described.toSorted(), messages.toSorted());
});

test("no file describes what is not there", () => {
  const calls = contracts.map((name) => `calldata-${name}.json`);
  assert.deepEqual(files.toSorted(), [...calls, ...Object.keys(SIGNED).map((name) => `eip712-${name}.json`)].toSorted());
});

if (written) {
  test("what was written for a deployment has the committed words", () => {
    for (const name of files) {
      const { context: _, ...ours } = JSON.parse(readFileSync(committed + name, "utf8"));
      const { context: __, ...theirs } = read(name);
      assert.deepEqual(theirs, ours, name);
    }
  });
}
