// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IssuerRegistry} from "../../src/IssuerRegistry.sol";
import {WearableCollection} from "../../src/WearableCollection.sol";
import {ContractAccount} from "../support/ContractAccount.sol";
import {Trees} from "../support/Trees.sol";
import {Vm} from "../support/Vm.sol";
import {Chronicle} from "./Chronicle.sol";

/// @title The crowd: its actors, what they have seen happen, and what they sign
/// @dev Every act goes through `_try`, which notes what succeeded and never expects anything: each act then
/// says whether it should have, and what went otherwise is a breach, which the invariants look for. Choices
/// are folded into small ranges, so that actors meet.
abstract contract Crowd {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant DEADLINE = type(uint256).max;
    address internal constant WITHDRAWN = address(1);
    /// The actor whose account is a contract, asked by ERC-1271.
    uint256 private constant CONTRACT = 1;
    uint256 internal constant STRANGER = 5;

    struct Committed {
        bytes32 root;
        uint256 firstTokenId;
        uint64 count;
        /// The last serials may be holes.
        uint64 leaves;
        bool withKeys;
    }

    /// What became of a claim key, as the interface says it should.
    struct KeyChange {
        address current;
        address next;
        uint256 changesAt;
    }

    Chronicle internal _chronicle;
    address[] private _watched;
    WearableCollection public collection;
    IssuerRegistry public registry;
    uint64 public issuerId;
    /// Issuer => its account, and to whom it is offered, as the crowd saw it.
    mapping(uint64 => address) internal _accounts;
    mapping(uint64 => address) internal _offers;
    /// Whether the contract account answers for its key now.
    bool internal _trusting = true;

    /// The issuer's accounts, past, present and future; then everybody else.
    string[6] public names = ["brand", "new brand", "service", "player", "friend", "stranger"];
    uint256[6] private _keys;
    address[6] private _actors;
    /// Computed once: an address costs more than most acts.
    uint256[4] private _claimKeys;
    address[4] private _claimAddresses;

    Committed[] internal _committed;
    mapping(uint256 => KeyChange) internal _keyChanges;
    uint256[] public tokenIds;
    mapping(uint256 => uint256) public mints;
    mapping(uint256 => bool) public burned;
    mapping(uint256 => address) public owners;
    string[] public breaches;
    /// How often a call with this selector succeeded, and how often by a signature at Estate or Recovery.
    mapping(bytes4 => uint256) public succeeded;
    mapping(bytes4 => uint256) public signed;

    constructor(
        WearableCollection collection_,
        IssuerRegistry registry_,
        uint64 issuerId_,
        Chronicle chronicle
    ) {
        _chronicle = chronicle;
        _watch(address(collection_));
        _watch(address(registry_));
        _watch(registry_.logAnchor());
        collection = collection_;
        registry = registry_;
        issuerId = issuerId_;
        _accounts[issuerId_] = registry_.accountOf(issuerId_);
        for (uint256 i = 0; i < names.length; ++i) {
            _keys[i] = uint256(keccak256(bytes(names[i])));
            _actors[i] = vm.addr(_keys[i]);
        }
        _actors[CONTRACT] = address(new ContractAccount(_actors[CONTRACT]));
        for (uint256 i = 0; i < _claimKeys.length; ++i) {
            _claimKeys[i] = uint256(keccak256(abi.encode("claim key", i)));
            _claimAddresses[i] = vm.addr(_claimKeys[i]);
        }
    }

    function key(uint256 who) public view returns (uint256) {
        return _keys[who % 6];
    }

    function actor(uint256 who) public view returns (address) {
        return _actors[who % 6];
    }

    /// Keys that claim and take are never asked by ERC-1271, so a contract's address is nobody's key.
    function _isKeyOf(uint256 who, address account) internal view returns (bool) {
        return actor(who) == account && who % 6 != CONTRACT;
    }

    /// Whether what `who` signs counts: a contract account may have changed its mind.
    function _signs(uint256 who) internal view returns (bool) {
        return who % 6 != CONTRACT || _trusting;
    }

    function changeMind(uint8 mind) external {
        _trusting = mind % 4 != 0;
        ContractAccount(_actors[CONTRACT]).setTrusting(_trusting);
    }

    function tokenCount() external view returns (uint256) {
        return tokenIds.length;
    }

    function breachCount() external view returns (uint256) {
        return breaches.length;
    }

    function wait(uint32 seconds_) external {
        vm.warp(block.timestamp + (seconds_ % 8 == 0 ? 30 days : seconds_ % 5 days));
    }

    // ---- Notes

    function _try(uint256 who, bytes memory data) internal returns (bool) {
        return _tryAt(address(collection), who, data);
    }

    function _tryAt(address target, uint256 who, bytes memory data) internal returns (bool done) {
        vm.record();
        vm.recordLogs();
        vm.prank(actor(who));
        (done,) = target.call(data);
        if (!done) return false;
        ++succeeded[bytes4(data)];
        _chronicle.read(vm.getRecordedLogs(), block.timestamp);
        for (uint256 i = 0; i < _watched.length; ++i) {
            (, bytes32[] memory written) = vm.accesses(_watched[i]);
            _expect(_chronicle.isTrue(_watched[i], written), "storage is not what events tell");
        }
    }

    /// Its storage is compared with what events tell, after each act where it was written.
    function _watch(address account) internal {
        _watched.push(account);
    }

    /// Whether all storage is what events tell, wherever these ever told of any.
    function isAsTold() external view returns (bool) {
        for (uint256 i = 0; i < _watched.length; ++i) {
            if (!_chronicle.isTrueOf(_watched[i])) return false;
        }
        return true;
    }

    /// Sent by somebody who has no say in it.
    function _tryAsStranger(bytes memory data) internal returns (bool) {
        return _try(STRANGER, data);
    }

    function _expect(bool condition, string memory breach) internal {
        if (!condition) breaches.push(breach);
    }

    function _isIssuer(address account) internal view returns (bool) {
        return account == _accounts[issuerId];
    }

    /// Who may claim now: zero for the key of the leaf.
    function _replacement(uint256 tokenId) internal view returns (address) {
        KeyChange storage change = _keyChanges[tokenId];
        return change.changesAt != 0 && block.timestamp >= change.changesAt ? change.next : change.current;
    }

    function keyChangeOf(uint256 tokenId) external view returns (address, address, uint256) {
        KeyChange storage change = _keyChanges[tokenId];
        return (change.current, change.next, change.changesAt);
    }

    /// One in four signs with a key of his own, the others with that of the leaf.
    function _signingKey(uint256 tokenId, uint256 signer) internal view returns (uint256) {
        return signer % 4 == 0 ? key(signer) : _claimKey(tokenId);
    }

    function _isClaimKey(uint256 tokenId, uint256 signer) internal view returns (bool) {
        address replacement = _replacement(tokenId);
        return signer % 4 == 0 ? _isKeyOf(signer, replacement) : replacement == address(0);
    }

    /// A leaf of its kind that nobody opened yet.
    function _isOpen(Committed storage chosen, uint256 tokenId, bool withKeys) internal view returns (bool) {
        return
            chosen.withKeys == withKeys && tokenId < chosen.firstTokenId + chosen.leaves
                && mints[tokenId] == 0;
    }

    function _proof(Committed storage chosen, uint256 tokenId)
        internal
        view
        returns (bytes32[] memory proof)
    {
        (, proof) = Trees.open(
            _leavesOf(chosen.firstTokenId, chosen.leaves, chosen.withKeys),
            (tokenId - chosen.firstTokenId) % chosen.leaves
        );
    }

    function _minted(Committed storage batch, uint256 tokenId, address to) internal {
        _expect(
            tokenId >= batch.firstTokenId && tokenId < batch.firstTokenId + batch.leaves, "outside its leaves"
        );
        if (++mints[tokenId] == 1) tokenIds.push(tokenId);
        owners[tokenId] = to;
    }

    // ---- Material

    function _claimKey(uint256 tokenId) internal view returns (uint256) {
        return _claimKeys[tokenId % 4];
    }

    function _leavesOf(uint256 firstTokenId, uint64 count, bool withKeys)
        internal
        view
        returns (Trees.Leaf[] memory leaves)
    {
        leaves = new Trees.Leaf[](count);
        for (uint64 i = 0; i < count; ++i) {
            leaves[i] = _leafOf(firstTokenId + i, withKeys);
        }
    }

    function _leafOf(uint256 tokenId, bool withKeys) internal view returns (Trees.Leaf memory) {
        return Trees.Leaf(tokenId, _digestOf(tokenId), withKeys ? _claimAddresses[tokenId % 4] : address(0));
    }

    function _digestOf(uint256 tokenId) internal pure returns (bytes32) {
        return keccak256(abi.encode("certificate", tokenId));
    }

    function _claimAddress(Committed storage batch, uint256 tokenId) internal view returns (address) {
        return batch.withKeys ? _claimAddresses[tokenId % 4] : address(0);
    }

    function _rootOf(uint256 firstTokenId, uint64 leaves, bool withKeys) internal view returns (bytes32) {
        return Trees.root(_leavesOf(firstTokenId, leaves, withKeys));
    }

    function _sign(uint256 signingKey, bytes32 hash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signingKey, hash);
        return abi.encodePacked(r, s, v);
    }

    function _typed(bytes32 structHash) internal view returns (bytes32) {
        return _typedFor(address(collection), structHash);
    }

    function _typedFor(address contract_, bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
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
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
