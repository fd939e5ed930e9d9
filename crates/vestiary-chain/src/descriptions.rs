//! What a hardware wallet shows of calls and messages (ERC-7730), bound to the contracts of one chain.
//!
//! The words stand in `contracts/erc7730`, where no file says on which chain, at which address: a wallet that wants to
//! know takes them from here.

use alloy_primitives::Address;

use crate::deploy::Deployment;

/// One file of descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name, `calldata-…` for calls and `eip712-…` for messages.
    pub name: &'static str,
    /// JSON, as version 2 of ERC-7730's schema has it.
    pub text: String,
}

/// How a wallet knows what a file is about.
enum Bound {
    /// By the contract's address. Of calls to a collection, that of the factory whose event names it.
    Address(fn(&Deployment) -> Address),
    /// By the chain alone: a collection is a clone, and messages to it name it themselves. For them the schema knows no
    /// factory.
    Chain,
}

/// A file by its name.
macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../contracts/erc7730/", $name)))
    };
}

/// Name and text.
type File = (&'static str, &'static str);

const UNDEPLOYED: &str = "\"deployments\": []";
const VERSION: &str = "\"version\": \"1\"";

const FILES: [(File, Bound); 9] = [
    (
        file!("calldata-LogAnchor.json"),
        Bound::Address(|deployment| deployment.log_anchor),
    ),
    (
        file!("calldata-IssuerRegistry.json"),
        Bound::Address(|deployment| deployment.registry),
    ),
    (
        file!("calldata-Estate.json"),
        Bound::Address(|deployment| deployment.estate),
    ),
    (
        file!("calldata-Recovery.json"),
        Bound::Address(|deployment| deployment.recovery),
    ),
    (
        file!("calldata-CollectionFactory.json"),
        Bound::Address(|deployment| deployment.factory),
    ),
    (
        file!("calldata-WearableCollection.json"),
        Bound::Address(|deployment| deployment.factory),
    ),
    (
        file!("eip712-Estate.json"),
        Bound::Address(|deployment| deployment.estate),
    ),
    (
        file!("eip712-Recovery.json"),
        Bound::Address(|deployment| deployment.recovery),
    ),
    (file!("eip712-WearableCollection.json"), Bound::Chain),
];

/// The files for a deployment: each is the committed one with chain and address filled in, and nothing else changed.
///
/// Publish those of collections when the factory is final on its chain.
#[must_use]
pub fn descriptions(deployment: &Deployment) -> Vec<Description> {
    let chain = deployment.chain.0;
    let described = |(file, bound): &(File, Bound)| {
        let (name, text) = *file;
        let (open, filled) = match bound {
            // An address displays with the checksum of EIP-55, as the schema wants it.
            Bound::Address(address) => (
                UNDEPLOYED,
                format!(
                    "\"deployments\": [{{ \"chainId\": {chain}, \"address\": \"{}\" }}]",
                    address(deployment)
                ),
            ),
            Bound::Chain => (VERSION, format!("{VERSION}, \"chainId\": {chain}")),
        };
        Description {
            name,
            text: text.replacen(open, &filled, 1),
        }
    };
    FILES.iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use serde_json::Value;
    use vestiary::ids::ChainId;

    use super::*;

    fn deployment() -> Deployment {
        let hash = B256::repeat_byte(9);
        Deployment {
            format: crate::deploy::FORMAT.into(),
            chain: ChainId(31_337),
            genesis_hash: hash,
            first_block: 0,
            log_anchor: Address::repeat_byte(0xa1),
            registry: Address::repeat_byte(0xa2),
            estate: Address::repeat_byte(0xa3),
            recovery: Address::repeat_byte(0xa4),
            implementation: Address::repeat_byte(0xa5),
            factory: Address::repeat_byte(0xa6),
            log_anchor_code_hash: hash,
            registry_code_hash: hash,
            estate_code_hash: hash,
            recovery_code_hash: hash,
            implementation_code_hash: hash,
            factory_code_hash: hash,
            clone_code_hash: hash,
        }
    }

    #[test]
    fn each_file_is_the_committed_one_bound_to_its_contract_and_chain() {
        let written = descriptions(&deployment());
        let bound_by = [1, 2, 3, 4, 6, 6, 3, 4].map(|last| Some(Address::repeat_byte(0xa0 + last)));
        let bound_by = bound_by.into_iter().chain([None]);
        for (((file, ((name, committed), _)), address), index) in
            written.iter().zip(&FILES).zip(bound_by).zip(0..)
        {
            assert_eq!(file.name, *name);
            let mut ours: Value = serde_json::from_str(committed).unwrap();
            let theirs: Value = serde_json::from_str(&file.text).unwrap();
            let context = &mut ours["context"];
            match address {
                Some(address) => {
                    let one =
                        serde_json::json!([{ "chainId": 31_337, "address": address.to_checksum(None) }]);
                    let open = match index {
                        5 => &mut context["contract"]["factory"]["deployments"],
                        6.. => &mut context["eip712"]["deployments"],
                        _ => &mut context["contract"]["deployments"],
                    };
                    assert_eq!(open.take(), serde_json::json!([]), "{name}");
                    *open = one;
                }
                None => context["eip712"]["domain"]["chainId"] = 31_337.into(),
            }
            assert_eq!(theirs, ours, "{name}");
        }
        assert_eq!(written.len(), FILES.len());
    }
}
