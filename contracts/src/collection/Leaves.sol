// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {OwnerWord} from "../libraries/OwnerWord.sol";
import {CollectionBase} from "./CollectionBase.sol";

/// @title What a committed leaf says, and what became of its claim key
abstract contract Leaves is CollectionBase {
    /// Before a serial changes its claim key or is withdrawn.
    uint256 internal constant NOTICE = 7 days;

    /// The batch covers the token, the tree has the leaf, and the serial was never minted.
    function _checkLeaf(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        bytes32[] calldata proof
    ) internal view {
        StoredBatch memory batch = _batches[root];
        uint256 first = uint256(batch.designId) << 64 | batch.firstSerial;
        require(tokenId >= first && tokenId - first < batch.count, OutsideBatch(root, tokenId));

        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(tokenId, certificateDigest, claimKey))));
        require(MerkleProof.verifyCalldata(proof, root, leaf), NotInBatch(root, tokenId));

        // The whole word, not the owner: a burned token keeps its flag.
        require(OwnerWord.load(tokenId) == 0, AlreadyMinted(tokenId));
    }

    /// Who claims the serial now, given the key in its leaf; refuses serials that are withdrawn.
    function _claimKeyNow(uint256 tokenId, address inLeaf) internal view returns (address key) {
        ClaimKeyChange storage change = _claimKeyChanges[tokenId];
        key = change.current;
        uint40 changesAt = change.changesAt;
        if (changesAt != 0 && block.timestamp >= changesAt) key = change.next;
        require(key != WITHDRAWN, SerialWithdrawn(tokenId));
        if (key == address(0)) key = inLeaf;
    }
}
