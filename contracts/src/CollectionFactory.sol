// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

import {ICollectionFactory} from "../interfaces/ICollectionFactory.sol";
import {IIssuerRegistry} from "../interfaces/IIssuerRegistry.sol";
import {IWearableCollection} from "../interfaces/IWearableCollection.sol";

/// @title The list of collections
contract CollectionFactory is ICollectionFactory {
    /// @inheritdoc ICollectionFactory
    address public immutable registry;
    /// @inheritdoc ICollectionFactory
    address public immutable implementation;

    /// Slot 0.
    address[] private _collections;
    /// Slot 1.
    /// @inheritdoc ICollectionFactory
    mapping(address => bool) public isCollection;

    constructor(IIssuerRegistry registry_, IWearableCollection implementation_) {
        address other = implementation_.registry();
        require(other == address(registry_), RegistryMismatch(address(registry_), other));
        registry = address(registry_);
        implementation = address(implementation_);
    }

    /// @inheritdoc ICollectionFactory
    function createCollection(
        uint64 issuerId,
        string calldata name,
        string calldata symbol,
        string calldata baseUri,
        address minter,
        bytes32 salt
    ) external returns (address collection) {
        require(msg.sender == IIssuerRegistry(registry).accountOf(issuerId), NotIssuer(issuerId, msg.sender));
        bytes32 ownSalt = _salt(issuerId, name, symbol, baseUri, minter, salt);
        // Asked first, because creating at a taken address burns all the gas there is.
        collection = Clones.predictDeterministicAddress(implementation, ownSalt);
        require(!isCollection[collection], CollectionExists(collection));
        Clones.cloneDeterministic(implementation, ownSalt);

        isCollection[collection] = true;
        uint256 index = _collections.length;
        _collections.push(collection);
        emit CollectionCreated(collection, issuerId, index);

        IWearableCollection(collection).initialize(issuerId, name, symbol, baseUri, minter);
    }

    /// @inheritdoc ICollectionFactory
    function predictCollection(
        uint64 issuerId,
        string calldata name,
        string calldata symbol,
        string calldata baseUri,
        address minter,
        bytes32 salt
    ) external view returns (address) {
        return Clones.predictDeterministicAddress(
            implementation, _salt(issuerId, name, symbol, baseUri, minter, salt)
        );
    }

    /// @inheritdoc ICollectionFactory
    function collectionCount() external view returns (uint256) {
        return _collections.length;
    }

    /// @inheritdoc ICollectionFactory
    function collectionAt(uint256 index) external view returns (address) {
        require(index < _collections.length, NoSuchCollection(index));
        return _collections[index];
    }

    /// Every argument is in the salt, so an address stands for what the collection was made with.
    function _salt(
        uint64 issuerId,
        string calldata name,
        string calldata symbol,
        string calldata baseUri,
        address minter,
        bytes32 salt
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(issuerId, name, symbol, baseUri, minter, salt));
    }
}
