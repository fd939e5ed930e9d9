// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";

import {IIssuerRegistry} from "../../interfaces/IIssuerRegistry.sol";
import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";

/// @title The storage of a collection, all of it, and who the issuer is
/// @dev OpenZeppelin's ERC721 takes slots 0–5 and ERC2981 slots 6–7. The constructor runs for the
/// implementation only: its texts are empty and it is locked.
abstract contract CollectionBase is IWearableCollection, ERC721, ERC2981 {
    /// Edition, next serial and terms in the first word, the digest in the second.
    struct StoredDesign {
        uint64 edition;
        uint64 nextSerial;
        uint88 terms;
        bytes32 designDigest;
    }

    struct StoredBatch {
        uint64 designId;
        uint64 firstSerial;
        uint64 count;
    }

    IIssuerRegistry internal immutable _REGISTRY;

    /// Slot 8, bits 0–63; zero: not initialised.
    /// @inheritdoc IWearableCollection
    uint64 public issuerId;
    /// Slot 8, bits 64–127. The other half of the word is free.
    /// @inheritdoc IWearableCollection
    uint64 public designCount;
    /// Slot 9. The clone's own; OpenZeppelin's are set by its constructor, which no clone runs.
    string internal _collectionName;
    /// Slot 10.
    string internal _collectionSymbol;
    /// Slot 11.
    string internal _collectionBaseUri;
    /// Slot 12: design id => design.
    mapping(uint64 => StoredDesign) internal _designs;
    /// Slot 13: root => batch.
    mapping(bytes32 => StoredBatch) internal _batches;
    /// Slot 14.
    /// @inheritdoc IWearableCollection
    mapping(address => bool) public isMinter;

    constructor(IIssuerRegistry registry_) ERC721("", "") {
        _REGISTRY = registry_;
        issuerId = type(uint64).max;
    }

    modifier onlyIssuer() {
        require(msg.sender == _issuerAccount(), NotIssuer(issuerId, msg.sender));
        _;
    }

    /// @inheritdoc IWearableCollection
    function registry() external view returns (address) {
        return address(_REGISTRY);
    }

    function supportsInterface(bytes4 interfaceId)
        public
        view
        virtual
        override(ERC721, ERC2981)
        returns (bool)
    {
        return interfaceId == type(IWearableCollection).interfaceId || super.supportsInterface(interfaceId);
    }

    function _issuerAccount() internal view returns (address) {
        return _REGISTRY.accountOf(issuerId);
    }
}
