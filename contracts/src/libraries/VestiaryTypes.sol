// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";

/// @title Every EIP-712 text of Vestiary, and what is hashed of it
/// @dev The domain is rebuilt for each signature: collections are clones, so an address remembered in
/// the implementation would never be theirs, and a chain that splits gets a new id by itself.
library VestiaryTypes {
    string internal constant NAME = "Vestiary";
    string internal constant VERSION = "1";

    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    bytes32 internal constant COMMIT_BATCH_TYPEHASH = keccak256(
        "CommitBatch(uint64 designId,uint64 firstSerial,uint64 count,uint64 edition,uint256 terms,bytes32 designDigest,bytes32 root,uint256 deadline)"
    );

    bytes32 internal constant CLAIM_TYPEHASH =
        keccak256("Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");

    /// The hash that the issuer's account signs to commit `batch` on this contract.
    function commitBatch(IWearableCollection.Batch calldata batch, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        return _signingHash(keccak256(abi.encode(COMMIT_BATCH_TYPEHASH, batch, deadline)));
    }

    /// The hash that a claim key signs to have its serial minted to `to` on this contract.
    function claim(uint256 tokenId, bytes32 certificateDigest, address to, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        return _signingHash(keccak256(abi.encode(CLAIM_TYPEHASH, tokenId, certificateDigest, to, deadline)));
    }

    function _signingHash(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256(bytes(NAME)),
                keccak256(bytes(VERSION)),
                block.chainid,
                address(this)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
