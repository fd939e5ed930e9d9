//! The contracts, read from their interface files: the only place that knows how calls, events and errors
//! are encoded.
//!
//! Each interface is a module of the same name with a type for every call (`claimCall`), event (`Certified`)
//! and error (`BadSerial`); `…Events` and `…Errors` enumerate them for decoding. NatSpec in
//! `contracts/interfaces/` is the documentation of the types here.

use alloy_sol_types::{Panic, Revert};
pub use alloy_sol_types::{SolCall, SolError, SolEvent, SolEventInterface, SolInterface, SolValue};

mod generated {
    #![allow(
        missing_docs,
        reason = "NatSpec in the interface files documents what it documents"
    )]
    #![allow(clippy::pedantic, reason = "written by a macro")]

    use alloy_sol_types::sol;

    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/IIssuerRegistry.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/ICollectionFactory.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/IWearableCollection.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/IWearableRights.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/ILogAnchor.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/ISignedActs.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/IEstate.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/IRecovery.sol"
    );
    sol!(
        #[sol(all_derives)]
        "../../contracts/interfaces/Standards.sol"
    );
}

pub use generated::{
    ICollectionFactory, IERC165, IERC721, IERC1271, IERC2981, IERC4906, IERC4907, IERC5267, IERC7572,
    IEstate, IIssuerRegistry, ILogAnchor, IRecovery, ISignedActs, IWearableCollection, IWearableRights,
};

/// Longest text of a contract that [`describe_revert`] passes on, in characters.
pub const MAX_REASON_CHARS: usize = 256;

/// Says in words why a contract refused: one of our errors with its arguments, or the text that it gave.
/// `None` for data that says nothing we can read.
pub fn describe_revert(data: &[u8]) -> Option<String> {
    fn described<E: SolInterface + std::fmt::Debug>(data: &[u8]) -> Option<String> {
        E::abi_decode_validate(data).ok().map(|error| {
            // The enumeration's variant repeats the error's own name: `BadSerial(BadSerial { … })`.
            let text = format!("{error:?}");
            match text.split_once('(') {
                Some((variant, rest)) if rest.starts_with(variant) => rest.trim_end_matches(')').to_owned(),
                _ => text,
            }
        })
    }
    described::<IWearableCollection::IWearableCollectionErrors>(data)
        .or_else(|| described::<IWearableRights::IWearableRightsErrors>(data))
        .or_else(|| described::<IIssuerRegistry::IIssuerRegistryErrors>(data))
        .or_else(|| described::<ICollectionFactory::ICollectionFactoryErrors>(data))
        .or_else(|| described::<ILogAnchor::ILogAnchorErrors>(data))
        .or_else(|| described::<IRecovery::IRecoveryErrors>(data))
        .or_else(|| described::<IEstate::IEstateErrors>(data))
        .or_else(|| described::<ISignedActs::ISignedActsErrors>(data))
        .or_else(|| Some(readable(&Revert::abi_decode_validate(data).ok()?.reason)))
        .or_else(|| Some(Panic::abi_decode_validate(data).ok()?.to_string()))
}

/// A contract's own words, which may be anybody's: cut, and without what would upset a terminal.
fn readable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(MAX_REASON_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, FixedBytes, b256, fixed_bytes, keccak256};

    /// ERC-165: the exclusive or of the selectors.
    fn interface_id(selectors: &[[u8; 4]]) -> FixedBytes<4> {
        selectors
            .iter()
            .fold(FixedBytes::ZERO, |id, selector| id ^ FixedBytes::from(*selector))
    }

    #[test]
    fn a_refusal_is_described_with_its_arguments() {
        let error = IWearableCollection::BadSerial {
            expected: 5,
            given: 4,
        };
        assert_eq!(
            describe_revert(&error.abi_encode()).unwrap(),
            "BadSerial { expected: 5, given: 4 }"
        );
        assert_eq!(describe_revert(&[1, 2, 3]), None);
        let long = format!("no\u{1b}[2J{}", "a".repeat(1000));
        let text = describe_revert(&Revert::from(long).abi_encode()).unwrap();
        assert!(
            text.starts_with("no[2Jaaa") && text.len() == MAX_REASON_CHARS,
            "{text}"
        );
        assert!(
            describe_revert(&Panic::from(0x11).abi_encode())
                .unwrap()
                .contains("overflow")
        );
    }

    #[test]
    fn erc721_has_its_interface_id_and_topics() {
        use IERC721::*;
        let id = interface_id(&[
            balanceOfCall::SELECTOR,
            ownerOfCall::SELECTOR,
            safeTransferFrom_0Call::SELECTOR,
            safeTransferFrom_1Call::SELECTOR,
            transferFromCall::SELECTOR,
            approveCall::SELECTOR,
            setApprovalForAllCall::SELECTOR,
            getApprovedCall::SELECTOR,
            isApprovedForAllCall::SELECTOR,
        ]);
        assert_eq!(id, fixed_bytes!("0x80ac58cd"));
        let metadata = interface_id(&[nameCall::SELECTOR, symbolCall::SELECTOR, tokenURICall::SELECTOR]);
        assert_eq!(metadata, fixed_bytes!("0x5b5e139f"));
        assert_eq!(
            Transfer::SIGNATURE_HASH,
            b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
        );
        assert_eq!(
            Approval::SIGNATURE_HASH,
            b256!("0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925")
        );
        assert_eq!(
            ApprovalForAll::SIGNATURE_HASH,
            b256!("0x17307eab39ab6107e8899845ad3d59bd9653f200f220920489ca2b5937696c31")
        );
    }

    #[test]
    fn the_other_standards_have_their_selectors_and_topics() {
        assert_eq!(IERC165::supportsInterfaceCall::SELECTOR, [0x01, 0xff, 0xc9, 0xa7]);
        assert_eq!(IERC2981::royaltyInfoCall::SELECTOR, [0x2a, 0x55, 0x20, 0x5a]);
        assert_eq!(
            interface_id(&[
                IERC4907::setUserCall::SELECTOR,
                IERC4907::userOfCall::SELECTOR,
                IERC4907::userExpiresCall::SELECTOR,
            ]),
            fixed_bytes!("0xad092b5c")
        );
        assert_eq!(
            IERC4907::UpdateUser::SIGNATURE_HASH,
            keccak256("UpdateUser(uint256,address,uint64)")
        );
        assert_eq!(IERC1271::isValidSignatureCall::SELECTOR, [0x16, 0x26, 0xba, 0x7e]);
        assert_eq!(IERC5267::eip712DomainCall::SELECTOR, [0x84, 0xb0, 0x19, 0x6e]);
        assert_eq!(IERC7572::contractURICall::SELECTOR, [0xe8, 0xa3, 0xd4, 0x85]);
        assert_eq!(
            IERC4906::MetadataUpdate::SIGNATURE_HASH,
            b256!("0xf8e1a15aba9398e019f0b49df1a4fde98ee17ae345cb5f6b5e2c27f5033e8ce7")
        );
        assert_eq!(
            IERC4906::BatchMetadataUpdate::SIGNATURE_HASH,
            b256!("0x6bd5c950a8d8df17f772f5af37cb3655737899cbf903264b9795592da439661c")
        );
    }

    #[test]
    fn our_events_have_the_signatures_that_the_mirror_counts_on() {
        let topic = |signature: &str| keccak256(signature);
        let pairs: [(B256, &str); 15] = [
            (
                IIssuerRegistry::KeyCompromised::SIGNATURE_HASH,
                "KeyCompromised(uint64,bytes32,bytes32,uint64,uint64)",
            ),
            (
                IIssuerRegistry::IssuerAccredited::SIGNATURE_HASH,
                "IssuerAccredited(uint64,address,bytes32)",
            ),
            (
                IWearableRights::RightsChanged::SIGNATURE_HASH,
                "RightsChanged(uint256,uint256)",
            ),
            (
                IIssuerRegistry::IssuerRegistered::SIGNATURE_HASH,
                "IssuerRegistered(uint64,address,string)",
            ),
            (
                IIssuerRegistry::KeyAdded::SIGNATURE_HASH,
                "KeyAdded(uint64,bytes32,bytes32,uint64)",
            ),
            (
                ICollectionFactory::CollectionCreated::SIGNATURE_HASH,
                "CollectionCreated(address,uint64,uint256)",
            ),
            (
                IWearableCollection::DesignOpened::SIGNATURE_HASH,
                "DesignOpened(uint64,bytes32,uint64,uint256)",
            ),
            (
                IWearableCollection::BatchCommitted::SIGNATURE_HASH,
                "BatchCommitted(uint64,uint64,uint64,bytes32)",
            ),
            (
                IWearableCollection::Certified::SIGNATURE_HASH,
                "Certified(uint256,bytes32)",
            ),
            (
                IWearableCollection::MinterChanged::SIGNATURE_HASH,
                "MinterChanged(address,bool)",
            ),
            (
                IWearableRights::Chosen::SIGNATURE_HASH,
                "Chosen(uint256,address,uint8,bool)",
            ),
            (
                IRecovery::RecoveryBegan::SIGNATURE_HASH,
                "RecoveryBegan(address,uint256,address,address,bool,uint256)",
            ),
            (
                IEstate::WillChanged::SIGNATURE_HASH,
                "WillChanged(address,address[],address[],uint8,uint40)",
            ),
            (
                IEstate::Bequeathed::SIGNATURE_HASH,
                "Bequeathed(address,address,address,uint256)",
            ),
            (
                ILogAnchor::Anchored::SIGNATURE_HASH,
                "Anchored(address,bytes32,uint64,bytes32)",
            ),
        ];
        for (hash, signature) in pairs {
            assert_eq!(hash, topic(signature), "{signature}");
        }
    }

    #[test]
    fn the_commit_call_carries_the_batch_in_the_order_of_its_typed_data() {
        assert_eq!(
            IWearableCollection::commitBatchCall::SIGNATURE,
            "commitBatch((uint64,uint64,uint64,uint64,uint256,bytes32,bytes32))"
        );
        assert_eq!(
            IWearableCollection::claimCall::SIGNATURE,
            "claim(bytes32,uint256,bytes32,address,address,uint256,bytes32[],bytes)"
        );
    }
}
