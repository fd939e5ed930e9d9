// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";
import {Companions} from "./Companions.sol";

/// @title What the issuer says of a design and a token after the fact, and what owners accept of it
abstract contract Designs is Companions {
    /// @inheritdoc IWearableCollection
    function proposeRevision(uint64 designId, bytes32 designDigest, bool proposed) external onlyIssuer {
        require(_designs[designId].nextSerial != 0 && designDigest != 0, BadDesign());
        isRevision[designId][designDigest] = proposed;
        emit RevisionProposed(designId, designDigest, proposed);
    }

    /// @inheritdoc IWearableRights
    function acceptRevision(uint256 tokenId, bytes32 designDigest) external onlyOwner(tokenId) {
        _acceptRevision(tokenId, designDigest);
    }

    function _acceptRevision(uint256 tokenId, bytes32 designDigest) internal {
        _requireNotLost(tokenId, OwnerWord.load(tokenId));
        require(
            designDigest == 0 || isRevision[_designOf(tokenId)][designDigest], NoSuchRevision(designDigest)
        );
        _revisions[tokenId] = designDigest;
        emit RevisionAccepted(tokenId, designDigest);
        emit MetadataUpdate(tokenId);
    }

    /// @inheritdoc IWearableRights
    function designDigestOf(uint256 tokenId) public view returns (bytes32 designDigest) {
        designDigest = _revisions[tokenId];
        if (designDigest == 0) designDigest = _designs[_designOf(tokenId)].designDigest;
    }

    /// @inheritdoc IWearableCollection
    function stateLicence(uint64 designId, bytes32 licenceDigest) external onlyIssuer {
        require(_designs[designId].nextSerial != 0 && licenceDigest != 0, BadDesign());
        require(licenceOf[designId] == 0, LicenceFixed(designId));
        licenceOf[designId] = licenceDigest;
        emit LicenceStated(designId, licenceDigest);
    }

    /// @inheritdoc IWearableRights
    function revoke(uint256 tokenId, uint16 reason) external onlyIssuer {
        _requireOwned(tokenId);
        emit Revoked(tokenId, reason);
        _changeFlags(tokenId, OwnerWord.REVOKED, reason == 0 ? 0 : OwnerWord.REVOKED);
    }
}
