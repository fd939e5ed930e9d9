//! The contracts of one chain: putting them there, and the file that names them.

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, U64, address, b256, keccak256};
use serde::{Deserialize, Serialize};
use vestiary::ids::{ChainId, serde_address, serde_b256};
use vestiary::json;
use vestiary::storage_proof::clone_code_hash;

use crate::rpc::Rpc;
use crate::submitter::Call;
use crate::{ChainError, Result, TransactionSigner, once, read};

/// The first line's `format` of a deployment file.
pub const FORMAT: &str = "vestiary/deployment/v1";
/// Largest deployment file that is read, in bytes.
pub const MAX_DEPLOYMENT_BYTES: usize = 16 * 1024;

/// The contracts of one chain, and what a verifier takes as trust roots of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// [`FORMAT`].
    pub format: String,
    /// The chain.
    pub chain: ChainId,
    /// Hash of its block 0.
    #[serde(with = "serde_b256")]
    pub genesis_hash: B256,
    /// A block before which none of the contracts stood; following starts here.
    pub first_block: u64,
    /// `LogAnchor`.
    #[serde(with = "serde_address")]
    pub log_anchor: Address,
    /// `IssuerRegistry`.
    #[serde(with = "serde_address")]
    pub registry: Address,
    /// `Estate`, which carries out wills.
    #[serde(with = "serde_address")]
    pub estate: Address,
    /// `Recovery`, which carries out recoveries.
    #[serde(with = "serde_address")]
    pub recovery: Address,
    /// `WearableCollection`, of which every collection is a clone.
    #[serde(with = "serde_address")]
    pub implementation: Address,
    /// `CollectionFactory`.
    #[serde(with = "serde_address")]
    pub factory: Address,
    /// keccak-256 of `LogAnchor`'s code.
    #[serde(with = "serde_b256")]
    pub log_anchor_code_hash: B256,
    /// keccak-256 of `IssuerRegistry`'s code.
    #[serde(with = "serde_b256")]
    pub registry_code_hash: B256,
    /// keccak-256 of `Estate`'s code.
    #[serde(with = "serde_b256")]
    pub estate_code_hash: B256,
    /// keccak-256 of `Recovery`'s code.
    #[serde(with = "serde_b256")]
    pub recovery_code_hash: B256,
    /// keccak-256 of `CollectionFactory`'s code.
    #[serde(with = "serde_b256")]
    pub factory_code_hash: B256,
    /// keccak-256 of the implementation's code.
    #[serde(with = "serde_b256")]
    pub implementation_code_hash: B256,
    /// keccak-256 of the code of each clone (ERC-1167).
    #[serde(with = "serde_b256")]
    pub clone_code_hash: B256,
}

impl Deployment {
    /// Reads a deployment file's bytes.
    pub fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let deployment: Self =
            json::from_slice_strict(bytes, MAX_DEPLOYMENT_BYTES).map_err(|error| error.to_string())?;
        if deployment.format != FORMAT {
            return Err(format!("format is {:?}, expected {FORMAT:?}", deployment.format));
        }
        Ok(deployment)
    }

    /// Reads a deployment file.
    pub fn load(path: &Path) -> std::result::Result<Self, String> {
        let name = path.display();
        let length = std::fs::metadata(path)
            .map_err(|error| format!("{name}: {error}"))?
            .len();
        if length > MAX_DEPLOYMENT_BYTES as u64 {
            return Err(format!("{name} is larger than {MAX_DEPLOYMENT_BYTES} bytes"));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        Self::parse(&bytes).map_err(|error| format!("{name}: {error}"))
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("strings and numbers are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Checks that what stands on the chain is what the file names, byte for byte.
    pub async fn check(&self, rpc: &Rpc) -> Result<()> {
        let head = rpc.head().await?.hash;
        for (what, address, code_hash) in [
            ("LogAnchor", self.log_anchor, self.log_anchor_code_hash),
            ("IssuerRegistry", self.registry, self.registry_code_hash),
            ("Estate", self.estate, self.estate_code_hash),
            ("Recovery", self.recovery, self.recovery_code_hash),
            (
                "WearableCollection",
                self.implementation,
                self.implementation_code_hash,
            ),
            ("CollectionFactory", self.factory, self.factory_code_hash),
        ] {
            let code = read::code(rpc, address, head).await?;
            let problem = if code.is_empty() {
                "there is no code"
            } else if keccak256(&code) != code_hash {
                "the code is another one"
            } else {
                continue;
            };
            return Err(ChainError::Contract {
                what,
                address,
                problem,
            });
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    contract: String,
    bytecode: Bytes,
    /// Of the runtime code with its immutables as zeros.
    deployed_bytecode_keccak256: B256,
}

/// What is deployed, in the order in which the contracts name one another, each with the places in this list of those
/// that its constructor is given.
const CONTRACTS: [(&str, &[usize]); 6] = [
    (include_str!("../../../contracts/artifacts/LogAnchor.json"), &[]),
    (
        include_str!("../../../contracts/artifacts/IssuerRegistry.json"),
        &[0],
    ),
    (include_str!("../../../contracts/artifacts/Estate.json"), &[]),
    (include_str!("../../../contracts/artifacts/Recovery.json"), &[]),
    (
        include_str!("../../../contracts/artifacts/WearableCollection.json"),
        &[1, 2, 3],
    ),
    (
        include_str!("../../../contracts/artifacts/CollectionFactory.json"),
        &[1, 4],
    ),
];

/// The deterministic deployment proxy, at the same address on nearly every chain and on Anvil: it creates a
/// contract at an address that depends on the contract's code alone.
pub const DEPLOYMENT_PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// keccak-256 of the proxy's code. Other code at its address could put anything anywhere.
pub const DEPLOYMENT_PROXY_CODE_HASH: B256 =
    b256!("0x2fa86add0aed31f33a762c9d88e807c475bd51d0f52bd0955754b2608f7e4989");
/// Goes into the addresses. Another value gives another set of contracts on the same chain.
pub const SALT: B256 = b256!("0x766573746961727920636f6e7472616374732076310000000000000000000000");

/// What [`deploy`] found or did for one contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Placed {
    /// It was put there now.
    Now,
    /// The same code stood there before; nothing was sent.
    Before,
}

/// Puts the contracts on the chain, in the order in which they name one another. `told` hears of each.
///
/// They are created by the [deployment proxy](DEPLOYMENT_PROXY), so their addresses follow from their code: whoever
/// deploys, on whatever chain, and however often, gets the same ones. What stands is left alone, so a deployment
/// that was interrupted is continued by doing it again. Without the proxy nothing is sent: a contract created by an
/// account's nonce would stand elsewhere each time.
pub async fn deploy(
    rpc: &Rpc,
    signer: &dyn TransactionSigner,
    mut told: impl FnMut(&'static str, Address),
) -> Result<Deployment> {
    deploy_with(rpc, signer, |what, address, _| told(what, address)).await
}

/// [`deploy`], with word of what stood there before.
pub async fn deploy_with(
    rpc: &Rpc,
    signer: &dyn TransactionSigner,
    mut told: impl FnMut(&'static str, Address, Placed),
) -> Result<Deployment> {
    let before = rpc.head().await?;
    check_proxy(rpc, before.hash).await?;
    let (mut addresses, mut code_hashes, mut oldest) = (Vec::new(), Vec::new(), None);
    for (artifact, named) in CONTRACTS {
        let artifact: Artifact =
            serde_json::from_str(artifact).expect("the committed artifacts are well-formed");
        let what = name_of(&artifact);
        let arguments: Vec<Address> = named.iter().map(|place| addresses[*place]).collect();
        let words = arguments.iter().map(|argument| argument.into_word().0);
        let code = [artifact.bytecode.to_vec(), words.flatten().collect()].concat();
        let address = DEPLOYMENT_PROXY.create2_from_code(SALT, &code);
        let placed = put(rpc, signer, what, address, &code).await?;
        code_hashes.push(check_code(rpc, what, address, &artifact, &arguments).await?);
        if placed == Placed::Before {
            oldest.get_or_insert(address);
        }
        told(what, address, placed);
        addresses.push(address);
    }
    let first_block = match oldest {
        None => before.number,
        Some(oldest) => block_before(rpc, oldest, before.number).await?,
    };
    let [log_anchor, registry, estate, recovery, implementation, factory] = in_order(&addresses);
    let [
        log_anchor_code_hash,
        registry_code_hash,
        estate_code_hash,
        recovery_code_hash,
        implementation_code_hash,
        factory_code_hash,
    ] = in_order(&code_hashes);
    Ok(Deployment {
        format: FORMAT.into(),
        chain: rpc.chain(),
        genesis_hash: rpc.genesis_hash(),
        first_block,
        log_anchor,
        registry,
        estate,
        recovery,
        implementation,
        factory,
        log_anchor_code_hash,
        registry_code_hash,
        estate_code_hash,
        recovery_code_hash,
        factory_code_hash,
        implementation_code_hash,
        clone_code_hash: clone_code_hash(implementation),
    })
}

fn in_order<T: Copy>(values: &[T]) -> [T; CONTRACTS.len()] {
    values.try_into().expect("each contract gave one")
}

/// The contract's name, which outlives the artifact.
fn name_of(artifact: &Artifact) -> &'static str {
    const NAMES: [&str; CONTRACTS.len()] = [
        "LogAnchor",
        "IssuerRegistry",
        "Estate",
        "Recovery",
        "WearableCollection",
        "CollectionFactory",
    ];
    NAMES
        .into_iter()
        .find(|name| *name == artifact.contract)
        .expect("the artifacts are those of the contracts listed")
}

async fn check_proxy(rpc: &Rpc, head: B256) -> Result<()> {
    let code = read::code(rpc, DEPLOYMENT_PROXY, head).await?;
    let problem = if code.is_empty() {
        "there is no code; it has to be put there before, by its own transaction that is signed for every chain"
    } else if keccak256(&code) != DEPLOYMENT_PROXY_CODE_HASH {
        "the code is another one"
    } else {
        return Ok(());
    };
    Err(ChainError::Contract {
        what: "the deterministic deployment proxy",
        address: DEPLOYMENT_PROXY,
        problem,
    })
}

async fn put(
    rpc: &Rpc,
    signer: &dyn TransactionSigner,
    what: &'static str,
    address: Address,
    code: &[u8],
) -> Result<Placed> {
    if has_code(rpc, address).await? {
        return Ok(Placed::Before);
    }
    let data = [SALT.as_slice(), code].concat();
    let sent = once::send(rpc, signer, &Call::new(DEPLOYMENT_PROXY, data.into())).await;
    if has_code(rpc, address).await? {
        // Also when somebody else was faster: the code decides the address, so it is the same contract.
        return Ok(Placed::Now);
    }
    sent?;
    Err(ChainError::Contract {
        what,
        address,
        problem: "the deployment proxy left no code",
    })
}

/// Checks that what stands at an address is the artifact's code with these addresses as its immutables, and gives its
/// hash. The address follows from the code, so only a chain with rules of its own, or a node that lies, has other code.
async fn check_code(
    rpc: &Rpc,
    what: &'static str,
    address: Address,
    artifact: &Artifact,
    immutables: &[Address],
) -> Result<B256> {
    let code = read::code(rpc, address, rpc.head().await?.hash).await?;
    if without_immutables(&code, immutables) == artifact.deployed_bytecode_keccak256 {
        return Ok(keccak256(&code));
    }
    Err(ChainError::Contract {
        what,
        address,
        problem: "the code is another one",
    })
}

/// keccak-256 of code with zeros in the place of each word that is one of these addresses.
fn without_immutables(code: &[u8], immutables: &[Address]) -> B256 {
    let mut code = code.to_vec();
    let words: Vec<B256> = immutables.iter().map(Address::into_word).collect();
    let mut at = 0;
    while at + 32 <= code.len() {
        if words.iter().any(|word| word.as_slice() == &code[at..at + 32]) {
            code[at..at + 32].fill(0);
            at += 32;
        } else {
            at += 1;
        }
    }
    keccak256(code)
}

async fn has_code(rpc: &Rpc, address: Address) -> Result<bool> {
    let head = rpc.head().await?.hash;
    Ok(!read::code(rpc, address, head).await?.is_empty())
}

/// The last block without code at an address, by halving; 0 where the node has no states that old.
async fn block_before(rpc: &Rpc, address: Address, head: u64) -> Result<u64> {
    let (mut without, mut with) = (0, head);
    while with - without > 1 {
        let middle = without + (with - without) / 2;
        let code: Result<Bytes> = rpc.call("eth_getCode", (address, U64::from(middle))).await;
        match code {
            Ok(code) if code.is_empty() => without = middle,
            Ok(_) => with = middle,
            Err(ChainError::Refused { .. }) => return Ok(0),
            Err(error) => return Err(error),
        }
    }
    Ok(without)
}
