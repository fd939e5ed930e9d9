// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The list of collections
/// @notice Makes collections: each is an ERC-1167 clone of one implementation, created and
/// initialised in one call by the account of its issuer, and appended to a list on chain.
/// @dev The list's length and entries are storage, so a proof can show that no collection is left
/// out. A clone of the same implementation that somebody made elsewhere has the same code and may
/// carry any name and issuer number, but it is not in this list: readers take collections from here.
///
/// Trusts: the registry given at construction, for the account of an issuer; the implementation given
/// at construction, whose code cannot change.
///
/// The constructor reverts with RegistryMismatch and nothing else.
///
/// Nobody has rights over the list: no owner, no removal, no other implementation later.
interface ICollectionFactory {
    /// @notice A collection of issuer `issuerId` stands at `index` of the list.
    event CollectionCreated(address indexed collection, uint64 indexed issuerId, uint256 index);

    /// @notice `caller` is not the account of issuer `issuerId`.
    error NotIssuer(uint64 issuerId, address caller);

    /// @notice These very arguments have made `collection` before.
    error CollectionExists(address collection);

    /// @notice The list is shorter than that.
    error NoSuchCollection(uint256 index);

    /// @notice The implementation reads another registry than this factory.
    error RegistryMismatch(address factoryRegistry, address implementationRegistry);

    /// @notice Creates, initialises and lists a collection.
    /// @dev Issuer's account only. The address follows from every argument and from nothing else, so
    /// nobody can take it in advance, and equal arguments give one collection. Publish the address after
    /// finality: another chain history may lack it. Reverts: NotIssuer, CollectionExists, and the
    /// registry's UnknownIssuer.
    /// @param issuerId The issuer whose acts the collection will obey.
    /// @param name ERC-721 name.
    /// @param symbol ERC-721 symbol.
    /// @param baseUri Prefix of metadata links, see IWearableCollection.setBaseUri; may be empty.
    /// @param minter First account allowed to mint wearables without claim key; zero for none.
    /// @param salt Anything; lets one issuer have two collections with the same texts.
    /// @return collection The address of the new collection.
    function createCollection(
        uint64 issuerId,
        string calldata name,
        string calldata symbol,
        string calldata baseUri,
        address minter,
        bytes32 salt
    ) external returns (address collection);

    /// @notice The address that createCollection gives for these arguments.
    function predictCollection(
        uint64 issuerId,
        string calldata name,
        string calldata symbol,
        string calldata baseUri,
        address minter,
        bytes32 salt
    ) external view returns (address collection);

    /// @notice How many collections there are.
    function collectionCount() external view returns (uint256 count);

    /// @notice The collection at `index`, from 0, in order of creation. Reverts with NoSuchCollection.
    function collectionAt(uint256 index) external view returns (address collection);

    /// @notice Whether this factory made `collection`.
    function isCollection(address collection) external view returns (bool);

    /// @notice The implementation that every collection runs.
    function implementation() external view returns (address);

    /// @notice The registry that says who acts for an issuer.
    function registry() external view returns (address);
}
