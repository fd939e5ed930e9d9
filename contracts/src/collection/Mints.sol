// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";
import {CollectionBase} from "./CollectionBase.sol";

/// @title How tokens come to be, and how they end
abstract contract Mints is CollectionBase {
    /// @inheritdoc IWearableCollection
    function claim(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        address to,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external {
        require(block.timestamp <= deadline, DeadlinePassed(deadline));
        require(claimKey != address(0), ZeroClaimKey());
        _checkLeaf(root, tokenId, certificateDigest, claimKey, proof);
        bytes32 hash = VestiaryTypes.claim(tokenId, certificateDigest, to, deadline);
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(hash, signature);
        require(failure == ECDSA.RecoverError.NoError && signer == claimKey, BadSignature());
        _mintCertified(to, tokenId, certificateDigest);
    }

    /// @inheritdoc IWearableCollection
    function mint(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address to,
        bytes32[] calldata proof
    ) external {
        require(isMinter[msg.sender], NotMinter(msg.sender));
        _checkLeaf(root, tokenId, certificateDigest, address(0), proof);
        _mintCertified(to, tokenId, certificateDigest);
    }

    /// @inheritdoc IWearableCollection
    function burn(uint256 tokenId) external {
        require(_requireOwned(tokenId) == msg.sender, NotTokenOwner(tokenId, msg.sender));
        _burn(tokenId);
        OwnerWord.setFlags(tokenId, OwnerWord.BURNED);
    }

    /// @inheritdoc IWearableCollection
    function setMinter(address minter, bool allowed) external onlyIssuer {
        isMinter[minter] = allowed;
        emit MinterChanged(minter, allowed);
    }

    /// @inheritdoc IWearableCollection
    function wordOf(uint256 tokenId) external view returns (uint256) {
        return OwnerWord.load(tokenId);
    }

    /// The batch covers the token, the tree has the leaf, and the serial was never minted.
    function _checkLeaf(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        bytes32[] calldata proof
    ) private view {
        StoredBatch memory batch = _batches[root];
        uint256 first = uint256(batch.designId) << 64 | batch.firstSerial;
        require(tokenId >= first && tokenId - first < batch.count, OutsideBatch(root, tokenId));

        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(tokenId, certificateDigest, claimKey))));
        require(MerkleProof.verifyCalldata(proof, root, leaf), NotInBatch(root, tokenId));

        // The whole word, not the owner: a burned token keeps its flag.
        require(OwnerWord.load(tokenId) == 0, AlreadyMinted(tokenId));
    }

    /// No callback into the receiver: it could refuse a claim, or re-enter.
    function _mintCertified(address to, uint256 tokenId, bytes32 certificateDigest) private {
        _mint(to, tokenId);
        emit Certified(tokenId, certificateDigest);
    }
}
