// A node, the contracts deployed from the committed artifacts, a brand with one collection.
import { spawn } from "node:child_process";
import { Contract, ContractFactory, id, JsonRpcProvider, NonceManager } from "ethers";
import { artifact } from "./fixtures.js";

const anvil = new URL("../scripts/anvil", import.meta.url).pathname;

const startNode = (more) =>
  new Promise((resolve, reject) => {
    const node = spawn(anvil, ["--port", "0", "--host", "127.0.0.1", ...more], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    node.on("error", reject);
    node.on("exit", (code) => reject(new Error(`anvil ended with ${code}: ${text}`)));
    node.stdout.on("data", (chunk) => {
      text += chunk;
      const listening = text.match(/Listening on ([\d.]+:\d+)/);
      if (listening) resolve({ node, url: `http://${listening[1]}` });
    });
  });

export const deploy = async (signer, name, ...args) => {
  const { abi, bytecode } = artifact(name);
  const contract = await new ContractFactory(abi, bytecode, signer).deploy(...args);
  return contract.waitForDeployment();
};

/** The contract's own error, by name, with which a call would revert. */
export const refusal = async (contract, call) => {
  try {
    await call;
  } catch (error) {
    return error.revert?.name ?? contract.interface.parseError(error.data ?? error.info?.error?.data)?.name;
  }
  return "none: it succeeded";
};

/** `prepare` is given the provider before anything is sent. */
export const startWorld = async ({ anvilArguments = [], prepare = async () => {} } = {}) => {
  const { node, url } = await startNode(anvilArguments);
  const provider = new JsonRpcProvider(url, undefined, { cacheTimeout: -1, polling: true, pollingInterval: 20 });
  await prepare(provider);
  const [brand, service, player, friend, stranger] = await Promise.all(
    [0, 1, 2, 3, 4].map(async (index) => new NonceManager(await provider.getSigner(index))),
  );
  const anchor = await deploy(service, "LogAnchor");
  const registry = await deploy(service, "IssuerRegistry", await anchor.getAddress());
  const [estate, recovery] = [await deploy(service, "Estate"), await deploy(service, "Recovery")];
  const companions = [await estate.getAddress(), await recovery.getAddress()];
  const implementation = await deploy(service, "WearableCollection", await registry.getAddress(), ...companions);
  const factory = await deploy(service, "CollectionFactory", await registry.getAddress(), await implementation.getAddress());

  await (await registry.connect(brand).register("did:web:maison.example")).wait();
  const create = factory.connect(brand).createCollection;
  const made = [1n, "Maison Nuit", "NUIT", "", await service.getAddress(), id("salt")];
  const predicted = await create.staticCall(...made);
  await (await create(...made)).wait();
  const collection = new Contract(predicted, artifact("WearableCollection").abi, brand);
  const stop = () => {
    provider.destroy();
    node.removeAllListeners("exit");
    node.kill();
  };
  return {
    provider, anchor, registry, estate, recovery, implementation, factory, collection, brand, service, player, friend, stranger, stop,
  };
};
