// Recomputes who owns what, from the raw logs of a node and again by ownerOf, without any code of Vestiary.
//
//   node owners.mjs <directory of node_modules> <rpc url> <collection address>...
//
// Prints {"<collection>/<token id>": "<owner>"} in lower case; fails where logs and ownerOf disagree.

import { createRequire } from "node:module";

const [modules, url, ...collections] = process.argv.slice(2);
const { ethers } = createRequire(`${modules}/`)("ethers");
const provider = new ethers.JsonRpcProvider(url, undefined, { staticNetwork: true, cacheTimeout: -1 });
const abi = new ethers.Interface([
  "event Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
  "function ownerOf(uint256 tokenId) view returns (address)",
]);

const owners = {};
const head = await provider.getBlock("latest");
for (const address of collections) {
  const topics = [abi.getEvent("Transfer").topicHash];
  const logs = await provider.getLogs({ address, fromBlock: 0, toBlock: head.number, topics });
  logs.sort((a, b) => a.blockNumber - b.blockNumber || a.index - b.index);
  for (const log of logs) {
    const { from, to, tokenId } = abi.parseLog(log).args;
    const key = `${address.toLowerCase()}/${tokenId}`;
    const before = owners[key] ?? ethers.ZeroAddress;
    if (before !== from.toLowerCase()) throw new Error(`${key}: ${from} gives away what ${before} owns`);
    owners[key] = to.toLowerCase();
  }
  const collection = new ethers.Contract(address, abi, provider);
  for (const [key, owner] of Object.entries(owners)) {
    if (!key.startsWith(address.toLowerCase())) continue;
    const said = (await collection.ownerOf(key.split("/")[1], { blockTag: head.number })).toLowerCase();
    if (said !== owner) throw new Error(`${key}: the logs say ${owner}, ownerOf says ${said}`);
  }
}
console.log(JSON.stringify({ block: head.hash, owners }));
