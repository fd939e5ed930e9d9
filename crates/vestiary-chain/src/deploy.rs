//! The contracts of one chain: putting them there, and the file that names them.

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, U64, address, b256, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};
use vestiary::ids::{ChainId, serde_address, serde_b256};
use vestiary::json;

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

/// keccak-256 of an ERC-1167 clone's code.
pub fn clone_code_hash(implementation: Address) -> B256 {
    let mut code = Vec::with_capacity(45);
    code.extend_from_slice(&[0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d, 0x3d, 0x36, 0x3d, 0x73]);
    code.extend_from_slice(implementation.as_slice());
    code.extend_from_slice(&[
        0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b, 0xf3,
    ]);
    keccak256(code)
}

#[derive(Deserialize)]
struct Artifact {
    bytecode: Bytes,
}

fn bytecode(artifact: &str) -> Vec<u8> {
    let artifact: Artifact = serde_json::from_str(artifact).expect("the committed artifacts are well-formed");
    artifact.bytecode.to_vec()
}

/// The deterministic deployment proxy, at the same address on nearly every chain and on Anvil: it creates a
/// contract at an address that depends on the contract's code alone.
pub const DEPLOYMENT_PROXY: Address = address!("0x4e59b44847b379578588920cA78FbF26c0B4956C");
/// Goes into the addresses. Another value gives another set of contracts on the same chain.
pub const SALT: B256 = b256!("0x766573746961727920636f6e7472616374732076310000000000000000000000");

/// What [`deploy`] found or did for one contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It was put there now.
    Now,
    /// The same code stood there before; nothing was sent.
    Before,
}

/// Puts the contracts on the chain, in the order in which they name one another. `told` hears of each.
///
/// Where the [deployment proxy](DEPLOYMENT_PROXY) is, the addresses follow from the contracts' code: whoever
/// deploys, and however often, gets the same ones, and what stands already is left alone. Elsewhere they follow
/// from the deployer's account and nonce.
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
    let head = rpc.head().await?;
    let has_proxy = !read::code(rpc, DEPLOYMENT_PROXY, head.hash).await?.is_empty();
    let mut placed_before = None;
    let mut put = async |what: &'static str, artifact: &str, arguments: Vec<u8>| -> Result<Address> {
        let mut code = bytecode(artifact);
        code.extend_from_slice(&arguments);
        let (address, placed) = if has_proxy {
            put_by_proxy(rpc, signer, what, &code).await?
        } else {
            (put_by_nonce(rpc, signer, code).await?, Placed::Now)
        };
        if placed == Placed::Before {
            placed_before.get_or_insert(address);
        }
        told(what, address, placed);
        Ok(address)
    };
    let log_anchor = put(
        "LogAnchor",
        include_str!("../../../contracts/artifacts/LogAnchor.json"),
        Vec::new(),
    )
    .await?;
    let registry = put(
        "IssuerRegistry",
        include_str!("../../../contracts/artifacts/IssuerRegistry.json"),
        log_anchor.abi_encode(),
    )
    .await?;
    let estate = put(
        "Estate",
        include_str!("../../../contracts/artifacts/Estate.json"),
        Vec::new(),
    )
    .await?;
    let recovery = put(
        "Recovery",
        include_str!("../../../contracts/artifacts/Recovery.json"),
        Vec::new(),
    )
    .await?;
    let implementation = put(
        "WearableCollection",
        include_str!("../../../contracts/artifacts/WearableCollection.json"),
        (registry, estate, recovery).abi_encode_params(),
    )
    .await?;
    let factory = put(
        "CollectionFactory",
        include_str!("../../../contracts/artifacts/CollectionFactory.json"),
        (registry, implementation).abi_encode_params(),
    )
    .await?;
    let first_block = match placed_before {
        None => head.number,
        Some(oldest) => block_before(rpc, oldest, head.number).await?,
    };
    let head = rpc.head().await?.hash;
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
        log_anchor_code_hash: read::code_hash(rpc, log_anchor, head).await?,
        registry_code_hash: read::code_hash(rpc, registry, head).await?,
        estate_code_hash: read::code_hash(rpc, estate, head).await?,
        recovery_code_hash: read::code_hash(rpc, recovery, head).await?,
        factory_code_hash: read::code_hash(rpc, factory, head).await?,
        implementation_code_hash: read::code_hash(rpc, implementation, head).await?,
        clone_code_hash: clone_code_hash(implementation),
    })
}

async fn put_by_proxy(
    rpc: &Rpc,
    signer: &dyn TransactionSigner,
    what: &'static str,
    code: &[u8],
) -> Result<(Address, Placed)> {
    let address = DEPLOYMENT_PROXY.create2_from_code(SALT, code);
    if has_code(rpc, address).await? {
        return Ok((address, Placed::Before));
    }
    let data = [SALT.as_slice(), code].concat();
    let sent = once::send(rpc, signer, &Call::new(DEPLOYMENT_PROXY, data.into())).await;
    if has_code(rpc, address).await? {
        // Also when somebody else was faster: the code decides the address, so it is the same contract.
        return Ok((address, Placed::Now));
    }
    sent?;
    Err(ChainError::Contract {
        what,
        address,
        problem: "the deployment proxy left no code",
    })
}

async fn put_by_nonce(rpc: &Rpc, signer: &dyn TransactionSigner, code: Vec<u8>) -> Result<Address> {
    once::create(rpc, signer, code.into())
        .await?
        .contract
        .ok_or(ChainError::Malformed {
            method: "eth_getTransactionReceipt",
            what: "no contract address",
        })
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
