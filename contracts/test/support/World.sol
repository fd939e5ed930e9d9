// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {CollectionFactory} from "../../src/CollectionFactory.sol";
import {Estate} from "../../src/Estate.sol";
import {IssuerRegistry} from "../../src/IssuerRegistry.sol";
import {LogAnchor} from "../../src/LogAnchor.sol";
import {Recovery} from "../../src/Recovery.sol";
import {WearableCollection} from "../../src/WearableCollection.sol";
import {Trees} from "./Trees.sol";
import {Vm} from "./Vm.sol";

/// @title Everything deployed, a brand with one collection, and the people around it
abstract contract World {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    string internal constant ORIGIN = "log.example/2026h2";
    bytes32 internal constant ORIGIN_HASH = keccak256("log.example/2026h2");
    string internal constant BASE_URI = "https://vestiary.example/";
    uint64 internal constant EDITION = 500;
    uint256 internal constant NOW = 1_800_000_000;

    LogAnchor internal logAnchor;
    IssuerRegistry internal registry;
    Estate internal estate;
    Recovery internal recovery;
    WearableCollection internal implementation;
    CollectionFactory internal factory;
    WearableCollection internal collection;
    uint64 internal brandId;

    address internal brand = _actor("brand");
    address internal service = _actor("service");
    address internal player = _actor("player");
    address internal friend = _actor("friend");
    address internal stranger = _actor("stranger");

    function setUp() public virtual {
        vm.warp(NOW);
        logAnchor = new LogAnchor();
        registry = new IssuerRegistry(logAnchor);
        estate = new Estate();
        recovery = new Recovery();
        implementation = new WearableCollection(registry, address(estate), address(recovery));
        factory = new CollectionFactory(registry, implementation);
        vm.prank(brand);
        brandId = registry.register("did:web:maison.example");
        collection = _createCollection(0);
    }

    function _key(string memory name) internal pure returns (uint256) {
        return uint256(keccak256(bytes(name)));
    }

    function _actor(string memory name) internal returns (address account) {
        account = vm.addr(_key(name));
        vm.label(account, name);
    }

    function _createCollection(bytes32 salt) internal returns (WearableCollection) {
        vm.prank(brand);
        return
            WearableCollection(
                factory.createCollection(brandId, "Maison Nuit", "NUIT", BASE_URI, service, salt)
            );
    }

    function _tokenId(uint64 designId, uint64 serial) internal pure returns (uint256) {
        return uint256(designId) * 2 ** 64 + serial;
    }

    function _digest(uint256 tokenId) internal pure returns (bytes32) {
        return keccak256(abi.encode("certificate", tokenId));
    }

    function _claimKey(uint256 tokenId) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode("claim key", tokenId)));
    }

    /// `count` leaves of a design from `firstSerial` on, with claim keys or for the minter.
    function _leaves(uint64 designId, uint64 firstSerial, uint64 count, bool withKeys)
        internal
        pure
        returns (Trees.Leaf[] memory leaves)
    {
        leaves = new Trees.Leaf[](count);
        for (uint64 i = 0; i < count; ++i) {
            uint256 tokenId = _tokenId(designId, firstSerial + i);
            address claimKey = withKeys ? vm.addr(_claimKey(tokenId)) : address(0);
            leaves[i] = Trees.Leaf(tokenId, _digest(tokenId), claimKey);
        }
    }

    function _batch(uint64 designId, uint64 firstSerial, uint64 count, bytes32 root)
        internal
        pure
        returns (IWearableCollection.Batch memory)
    {
        return IWearableCollection.Batch({
            designId: designId,
            firstSerial: firstSerial,
            count: count,
            edition: EDITION,
            terms: 0,
            designDigest: keccak256(abi.encode("design", designId)),
            root: root
        });
    }

    function _commit(uint64 designId, uint64 firstSerial, Trees.Leaf[] memory leaves)
        internal
        returns (bytes32 root)
    {
        root = Trees.root(leaves);
        IWearableCollection.Batch memory batch = _batch(designId, firstSerial, uint64(leaves.length), root);
        vm.prank(brand);
        collection.commitBatch(batch);
    }

    function _claim(Trees.Leaf[] memory leaves, uint256 index, address to) internal {
        Trees.Leaf memory leaf = leaves[index];
        (bytes32 root, bytes32[] memory proof) = Trees.open(leaves, index);
        bytes memory signature =
            _signClaim(address(collection), _claimKey(leaf.tokenId), leaf.tokenId, leaf.digest, to, NOW);
        collection.claim(root, leaf.tokenId, leaf.digest, leaf.claimKey, to, NOW, proof, signature);
    }

    function _mint(Trees.Leaf[] memory leaves, uint256 index, address to) internal {
        Trees.Leaf memory leaf = leaves[index];
        (bytes32 root, bytes32[] memory proof) = Trees.open(leaves, index);
        vm.prank(service);
        collection.mint(root, leaf.tokenId, leaf.digest, to, proof);
    }

    /// One token of design 1, claimed by `to`.
    function _wearableOf(address to) internal returns (uint256 tokenId) {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        _commit(1, 1, leaves);
        _claim(leaves, 1, to);
        return leaves[1].tokenId;
    }

    // ---- Typed data, written out again by hand: the contract's own library must not judge itself.

    function _domain(address contract_) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Vestiary"),
                keccak256("1"),
                block.chainid,
                contract_
            )
        );
    }

    function _typed(address contract_, bytes32 structHash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", _domain(contract_), structHash));
    }

    function _commitHash(address contract_, IWearableCollection.Batch memory batch, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 typeHash = keccak256(
            "CommitBatch(uint64 designId,uint64 firstSerial,uint64 count,uint64 edition,uint256 terms,bytes32 designDigest,bytes32 root,uint256 deadline)"
        );
        return _typed(
            contract_,
            keccak256(
                abi.encode(
                    typeHash,
                    batch.designId,
                    batch.firstSerial,
                    batch.count,
                    batch.edition,
                    batch.terms,
                    batch.designDigest,
                    batch.root,
                    deadline
                )
            )
        );
    }

    function _claimHash(address contract_, uint256 tokenId, bytes32 digest, address to, uint256 deadline)
        internal
        view
        returns (bytes32)
    {
        bytes32 typeHash =
            keccak256("Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");
        return _typed(contract_, keccak256(abi.encode(typeHash, tokenId, digest, to, deadline)));
    }

    function _sign(uint256 key, bytes32 hash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, hash);
        return abi.encodePacked(r, s, v);
    }

    function _signCommit(
        address contract_,
        uint256 key,
        IWearableCollection.Batch memory batch,
        uint256 deadline
    ) internal view returns (bytes memory) {
        return _sign(key, _commitHash(contract_, batch, deadline));
    }

    function _signClaim(
        address contract_,
        uint256 key,
        uint256 tokenId,
        bytes32 digest,
        address to,
        uint256 deadline
    ) internal view returns (bytes memory) {
        return _sign(key, _claimHash(contract_, tokenId, digest, to, deadline));
    }

    /// An owner's act as its owner would sign it: the type in full, the arguments as whole words.
    function _actHash(
        address contract_,
        string memory typeText,
        bytes memory arguments,
        address account,
        uint256 nonce,
        uint256 deadline
    ) internal view returns (bytes32) {
        bytes memory end = abi.encode(account, nonce, deadline);
        return _typed(contract_, keccak256(bytes.concat(keccak256(bytes(typeText)), arguments, end)));
    }

    function _signVoucher(
        address contract_,
        uint256 key,
        uint256 tokenId,
        bytes32 digest,
        address to,
        uint256 deadline
    ) internal view returns (bytes memory) {
        bytes32 typeHash = keccak256(
            "Voucher(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)"
        );
        return _sign(key, _typed(contract_, keccak256(abi.encode(typeHash, tokenId, digest, to, deadline))));
    }

    function _signTake(
        address contract_,
        uint256 key,
        uint256 tokenId,
        address from,
        address to,
        uint256 until
    ) internal view returns (bytes memory) {
        bytes32 typeHash = keccak256("Take(uint256 tokenId,address from,address to,uint256 until)");
        return _sign(key, _typed(contract_, keccak256(abi.encode(typeHash, tokenId, from, to, until))));
    }
}
