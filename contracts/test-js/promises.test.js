// README.md names the tests that keep each promise: they are there.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const folder = new URL("../test/", import.meta.url).pathname;

test("every test that README.md names is there", () => {
  const names = readFileSync(new URL("../README.md", import.meta.url), "utf8").match(/`test(?:Fuzz)?_\w+`/g);
  const sources = readdirSync(folder).filter((name) => name.endsWith(".t.sol"));
  const text = sources.map((name) => readFileSync(folder + name, "utf8")).join("");
  assert.ok(names.length >= 40);
  const missing = names.map((name) => name.slice(1, -1)).filter((name) => !text.includes(`function ${name}(`));
  assert.deepEqual(missing, []);
});
