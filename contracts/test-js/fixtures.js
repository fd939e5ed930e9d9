// Reads fixtures/, and the artifacts that every program deploys.
import { readdirSync, readFileSync } from "node:fs";

const project = new URL("../../", import.meta.url).pathname;

export const fixture = (path) => JSON.parse(readFileSync(`${project}fixtures/${path}`, "utf8"));
export const fixturesIn = (folder) => readdirSync(`${project}fixtures/${folder}`).filter((name) => name.endsWith(".json"));
export const artifact = (name) => JSON.parse(readFileSync(`${project}contracts/artifacts/${name}.json`, "utf8"));
export const snapshot = () => JSON.parse(readFileSync(`${project}contracts/snapshots/gas.json`, "utf8"));

export const LEAF = ["uint256", "bytes32", "address"];

/** Names of the batch files that our own code accepts. */
export const goodBatches = () => {
  const expected = fixture("batches/expected.json");
  return Object.keys(expected).filter((name) => expected[name] === "accepted");
};
