// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";
import {Leaves} from "./Leaves.sol";

/// @title How an issuer changes who may claim a serial that nobody claimed yet
abstract contract ClaimKeys is Leaves {
    /// @inheritdoc IWearableCollection
    function replaceClaimKey(uint256 tokenId, address newKey) external onlyIssuer {
        _checkNewKey(newKey);
        _changeWithNotice(tokenId, newKey);
    }

    /// @inheritdoc IWearableCollection
    function withdrawSerial(uint256 tokenId) external onlyIssuer {
        _changeWithNotice(tokenId, WITHDRAWN);
    }

    /// @inheritdoc IWearableCollection
    function replaceClaimKeyNow(
        bytes32 root,
        uint256 tokenId,
        bytes32 certificateDigest,
        address claimKey,
        address newKey,
        uint256 deadline,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external onlyIssuer {
        _requireInTime(deadline);
        require(claimKey != address(0), ZeroClaimKey());
        _checkNewKey(newKey);
        _checkLeaf(root, tokenId, certificateDigest, claimKey, proof);
        bytes32 hash = VestiaryTypes.replaceClaimKey(tokenId, newKey, deadline);
        require(Signatures.isBy(_claimKeyNow(tokenId, claimKey), hash, signature), BadSignature());
        _claimKeyChanges[tokenId] = ClaimKeyChange(newKey, 0, address(0));
        emit ClaimKeyChanging(tokenId, newKey, block.timestamp);
    }

    /// @inheritdoc IWearableCollection
    function claimKeyChangeOf(uint256 tokenId) external view returns (address, address, uint40) {
        ClaimKeyChange storage change = _claimKeyChanges[tokenId];
        return (change.current, change.next, change.changesAt);
    }

    function _changeWithNotice(uint256 tokenId, address next) private {
        // Both halves fit: that is what a token id is; others name no design.
        // forge-lint: disable-next-line(unsafe-typecast)
        StoredDesign storage design = _designs[uint64(tokenId >> 64)];
        // forge-lint: disable-next-line(unsafe-typecast)
        uint64 serial = uint64(tokenId);
        require(tokenId >> 128 == 0 && serial != 0 && serial < design.nextSerial, NotCommitted(tokenId));
        require(OwnerWord.load(tokenId) == 0, AlreadyMinted(tokenId));

        ClaimKeyChange storage change = _claimKeyChanges[tokenId];
        // A change that has come into effect is where this one starts from; another is replaced by it.
        if (change.changesAt != 0 && block.timestamp >= change.changesAt) change.current = change.next;
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 changesAt = uint40(block.timestamp + NOTICE);
        change.changesAt = changesAt;
        change.next = next;
        emit ClaimKeyChanging(tokenId, next, changesAt);
    }

    function _checkNewKey(address newKey) private pure {
        require(newKey != address(0) && newKey != WITHDRAWN, ZeroClaimKey());
    }
}
