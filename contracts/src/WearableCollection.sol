// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Bytes} from "@openzeppelin/contracts/utils/Bytes.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

import {IIssuerRegistry} from "../interfaces/IIssuerRegistry.sol";
import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {CollectionBase} from "./collection/CollectionBase.sol";
import {ClaimKeys} from "./collection/ClaimKeys.sol";
import {Commits} from "./collection/Commits.sol";
import {Mints} from "./collection/Mints.sol";
import {OwnerSignatures} from "./collection/OwnerSignatures.sol";
import {IERC4907} from "./IERC4907.sol";
import {IERC7572} from "./IERC7572.sol";
import {VestiaryTypes} from "./libraries/VestiaryTypes.sol";

/// @title The wearables of one issuer's collection: its texts, and the union of its parts
contract WearableCollection is Commits, Mints, ClaimKeys, OwnerSignatures, IERC5267, IERC7572 {
    /// CIDv1, raw, sha2-256 of 32 bytes, in base16: what stands before the digest.
    string private constant RAW_CID_PREFIX = "ipfs://f01551220";

    /// ERC-4906 has events only, so its id is given by the standard.
    bytes4 private constant ERC4906_ID = 0x49064906;

    constructor(IIssuerRegistry registry_, address estate_, address recovery_)
        CollectionBase(registry_, estate_, recovery_)
    {}

    /// @inheritdoc IWearableCollection
    function initialize(
        uint64 issuerId_,
        string calldata name_,
        string calldata symbol_,
        string calldata baseUri,
        address minter
    ) external {
        require(issuerId == 0, AlreadyInitialized());
        _REGISTRY.accountOf(issuerId_); // reverts for an issuer that does not exist, 0 among them
        issuerId = issuerId_;
        _collectionName = name_;
        _collectionSymbol = symbol_;
        _collectionBaseUri = baseUri;
        emit CollectionInitialized(issuerId_, name_, symbol_);
        emit BaseUriChanged(baseUri);
        if (minter != address(0)) {
            isMinter[minter] = true;
            emit MinterChanged(minter, true);
        }
    }

    /// @inheritdoc IWearableCollection
    function setBaseUri(string calldata baseUri) external onlyIssuer {
        _collectionBaseUri = baseUri;
        emit BaseUriChanged(baseUri);
        emit BatchMetadataUpdate(0, type(uint256).max);
        emit ContractURIUpdated();
    }

    /// @inheritdoc IWearableCollection
    function setRoyalty(address receiver, uint96 basisPoints) external onlyIssuer {
        if (basisPoints == 0) _deleteDefaultRoyalty();
        else _setDefaultRoyalty(receiver, basisPoints);
        emit RoyaltyChanged(receiver, basisPoints);
    }

    function name() public view override returns (string memory) {
        return _collectionName;
    }

    function symbol() public view override returns (string memory) {
        return _collectionSymbol;
    }

    function tokenURI(uint256 tokenId) public view override returns (string memory) {
        _requireOwned(tokenId);
        if (bytes(_collectionBaseUri).length == 0) return _contentUri(designDigestOf(tokenId));
        return string.concat(_link("metadata/"), "/", Strings.toString(tokenId));
    }

    /// @inheritdoc IERC7572
    function contractURI() external view returns (string memory) {
        return bytes(_collectionBaseUri).length == 0 ? "" : _link("contract-metadata/");
    }

    /// @inheritdoc IWearableCollection
    function designUri(uint64 designId) external view returns (string memory) {
        bytes32 digest = _designs[designId].designDigest;
        return digest == 0 ? "" : _contentUri(digest);
    }

    function _contentUri(bytes32 digest) private pure returns (string memory) {
        bytes memory hexDigits = bytes(Strings.toHexString(uint256(digest), 32));
        return string.concat(RAW_CID_PREFIX, string(Bytes.slice(hexDigits, 2))); // without "0x"
    }

    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return interfaceId == ERC4906_ID || interfaceId == type(IERC4907).interfaceId
            || super.supportsInterface(interfaceId);
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (bytes1, string memory, string memory, uint256, address, bytes32, uint256[] memory)
    {
        return (
            hex"0f", // name, version, chain id, contract
            VestiaryTypes.NAME,
            VestiaryTypes.VERSION,
            block.chainid,
            address(this),
            0,
            new uint256[](0)
        );
    }

    function _link(string memory route) private view returns (string memory) {
        return string.concat(
            _collectionBaseUri,
            route,
            Strings.toString(block.chainid),
            "/",
            Strings.toHexString(address(this))
        );
    }
}
