//! The contracts of one chain: putting them there, and the file that names them.

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolValue;
use serde::{Deserialize, Serialize};
use vestiary::ids::{ChainId, serde_address, serde_b256};
use vestiary::json;

use crate::rpc::Rpc;
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
    /// `WearableCollection`, of which every collection is a clone.
    #[serde(with = "serde_address")]
    pub implementation: Address,
    /// `CollectionFactory`.
    #[serde(with = "serde_address")]
    pub factory: Address,
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

    /// Checks that what stands on the chain is what the file names.
    pub async fn check(&self, rpc: &Rpc) -> Result<()> {
        let head = rpc.head().await?.hash;
        for (what, address) in [
            ("LogAnchor", self.log_anchor),
            ("IssuerRegistry", self.registry),
            ("CollectionFactory", self.factory),
        ] {
            if read::code(rpc, address, head).await?.is_empty() {
                return Err(ChainError::Contract {
                    what,
                    address,
                    problem: "there is no code",
                });
            }
        }
        if read::code_hash(rpc, self.implementation, head).await? != self.implementation_code_hash {
            let (what, address) = ("WearableCollection", self.implementation);
            return Err(ChainError::Contract {
                what,
                address,
                problem: "the code is another one",
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

/// Puts the four contracts on the chain, in the order in which they name one another. `told` hears of each.
pub async fn deploy(
    rpc: &Rpc,
    signer: &dyn TransactionSigner,
    mut told: impl FnMut(&'static str, Address),
) -> Result<Deployment> {
    let first_block = rpc.head().await?.number;
    let mut put = async |what: &'static str, artifact: &str, arguments: Vec<u8>| -> Result<Address> {
        let mut code = bytecode(artifact);
        code.extend_from_slice(&arguments);
        let mined = once::create(rpc, signer, code.into()).await?;
        let address = mined.contract.ok_or(ChainError::Malformed {
            method: "eth_getTransactionReceipt",
            what: "no contract address",
        })?;
        told(what, address);
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
    let implementation = put(
        "WearableCollection",
        include_str!("../../../contracts/artifacts/WearableCollection.json"),
        registry.abi_encode(),
    )
    .await?;
    let factory = put(
        "CollectionFactory",
        include_str!("../../../contracts/artifacts/CollectionFactory.json"),
        (registry, implementation).abi_encode_params(),
    )
    .await?;
    let head = rpc.head().await?.hash;
    Ok(Deployment {
        format: FORMAT.into(),
        chain: rpc.chain(),
        genesis_hash: rpc.genesis_hash(),
        first_block,
        log_anchor,
        registry,
        implementation,
        factory,
        implementation_code_hash: read::code_hash(rpc, implementation, head).await?,
        clone_code_hash: clone_code_hash(implementation),
    })
}
