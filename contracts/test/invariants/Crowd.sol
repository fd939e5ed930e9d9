// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IssuerRegistry} from "../../src/IssuerRegistry.sol";
import {WearableCollection} from "../../src/WearableCollection.sol";
import {Trees} from "../support/Trees.sol";
import {Vm} from "../support/Vm.sol";

/// @title Everybody who does something to a collection's serials, at random, and what they saw happen
/// @dev Every action goes through `_try`, which notes what succeeded and never expects anything: the
/// invariants judge. Choices are folded into small ranges, so that actors meet.
abstract contract Crowd {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 internal constant DEADLINE = type(uint256).max;
    uint64 private constant DESIGNS = 3;

    WearableCollection public collection;
    IssuerRegistry public registry;
    uint64 public issuerId;

    /// The issuer's accounts, past, present and future; then everybody else.
    string[6] public names = ["brand", "new brand", "service", "player", "friend", "stranger"];

    struct Committed {
        bytes32 root;
        uint256 firstTokenId;
        uint64 count;
        bool withKeys;
    }

    /// What became of a claim key, as the interface says it should.
    struct KeyChange {
        address current;
        address next;
        uint256 changesAt;
    }

    address internal constant WITHDRAWN = address(1);

    Committed[] internal _committed;
    mapping(uint256 => KeyChange) internal _keyChanges;
    uint256 internal _pausedUntil;
    uint256[6] private _keys;
    address[6] private _actors;
    uint256[] public tokenIds;
    mapping(uint256 => uint256) public mints;
    mapping(uint256 => bool) public burned;
    mapping(uint256 => address) public owners;
    mapping(uint64 => uint64) public editions;
    mapping(uint64 => bytes32) public digests;
    string[] public breaches;
    mapping(string => uint256) public successes;

    constructor(WearableCollection collection_, IssuerRegistry registry_, uint64 issuerId_) {
        collection = collection_;
        registry = registry_;
        issuerId = issuerId_;
        for (uint256 i = 0; i < names.length; ++i) {
            _keys[i] = uint256(keccak256(bytes(names[i])));
            _actors[i] = vm.addr(_keys[i]);
        }
    }

    function key(uint256 who) public view returns (uint256) {
        return _keys[who % 6];
    }

    function actor(uint256 who) public view returns (address) {
        return _actors[who % 6];
    }

    function tokenCount() external view returns (uint256) {
        return tokenIds.length;
    }

    function breachCount() external view returns (uint256) {
        return breaches.length;
    }

    // ---- What the issuer's account does, or somebody who would like to be it

    function commit(uint256 who, uint64 designId, uint64 count, uint8 edition, bool withKeys, bool skip)
        external
    {
        IWearableCollection.Batch memory batch = _nextBatch(designId, count, edition, withKeys, skip);
        bool done = _try(who, abi.encodeCall(IWearableCollection.commitBatch, (batch)));
        _committedBy(done, actor(who), batch, withKeys, "somebody else committed");
    }

    function commitSigned(uint256 who, uint64 designId, uint64 count, uint8 edition, bool withKeys) external {
        IWearableCollection.Batch memory batch = _nextBatch(designId, count, edition, withKeys, false);
        bytes memory signature = _sign(key(who), _commitHash(batch));
        bool done =
            _try(5, abi.encodeCall(IWearableCollection.commitBatchBySignature, (batch, DEADLINE, signature)));
        _committedBy(done, actor(who), batch, withKeys, "somebody else's signature committed");
    }

    function setMinter(uint256 who, uint256 minter, bool allowed) external {
        bool done = _try(who, abi.encodeCall(IWearableCollection.setMinter, (actor(minter), allowed)));
        _expect(!done || _isIssuer(actor(who)), "somebody else changed a minter");
        _expect(done || !_isIssuer(actor(who)), "the issuer could not change a minter");
    }

    function rotate(uint256 to) external {
        address account = registry.accountOf(issuerId);
        vm.prank(account);
        registry.proposeAccount(issuerId, actor(to % 2));
        vm.prank(actor(to % 2));
        registry.acceptAccount(issuerId);
    }

    function pause(uint256 who, uint32 seconds_) external {
        uint256 until = block.timestamp + seconds_ % 20 days;
        // Mostly short, so that minters get somewhere.
        if (seconds_ % 4 != 0) until = block.timestamp;
        bool may = _isIssuer(actor(who)) && until <= block.timestamp + 14 days;
        bool done = _try(who, abi.encodeCall(IWearableCollection.pauseMinting, (uint40(until))));
        _expect(done == may, may ? "the issuer could not pause" : "somebody else paused, or for too long");
        if (done) _pausedUntil = until;
    }

    function wait(uint32 seconds_) external {
        vm.warp(block.timestamp + seconds_ % 5 days);
    }

    /// A new claim key, the key of somebody in the crowd; or none, which withdraws the serial.
    function changeClaimKey(uint256 who, uint256 batch, uint64 offset, uint256 newKey) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % chosen.count;
        bool may = _isIssuer(actor(who)) && mints[tokenId] == 0;
        bool withdraw = newKey % 8 == 0;
        bytes memory call = withdraw
            ? abi.encodeCall(IWearableCollection.withdrawSerial, (tokenId))
            : abi.encodeCall(IWearableCollection.replaceClaimKey, (tokenId, actor(newKey)));
        bool done = _try(who, call);
        _expect(done == may, may ? "the issuer could not change a claim key" : "a claim key was changed");
        if (!done) return;
        KeyChange storage change = _keyChanges[tokenId];
        if (change.changesAt != 0 && block.timestamp >= change.changesAt) change.current = change.next;
        change.next = withdraw ? WITHDRAWN : actor(newKey);
        change.changesAt = block.timestamp + 7 days;
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

    // ---- What takes tokens out of batches

    function claim(uint256 who, uint256 batch, uint64 offset, uint256 to, uint256 signer) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        bool may = _isOpen(chosen, tokenId, true) && _isClaimKey(tokenId, signer);
        bool done = _try(who, _claimCall(chosen, tokenId, actor(to), _signingKey(tokenId, signer)));
        _expect(done == may, may ? "a claim was stopped" : "claimed without the claim key");
        if (done) _minted(chosen, tokenId, actor(to));
    }

    /// One in four signs with a key of his own, the others with that of the leaf.
    function _signingKey(uint256 tokenId, uint256 signer) private view returns (uint256) {
        return signer % 4 == 0 ? key(signer) : _claimKey(tokenId);
    }

    function _isClaimKey(uint256 tokenId, uint256 signer) private view returns (bool) {
        address replacement = _replacement(tokenId);
        return signer % 4 == 0 ? actor(signer) == replacement : replacement == address(0);
    }

    /// A leaf of its kind that nobody opened yet.
    function _isOpen(Committed storage chosen, uint256 tokenId, bool withKeys) private view returns (bool) {
        return
            chosen.withKeys == withKeys && tokenId < chosen.firstTokenId + chosen.count && mints[tokenId] == 0;
    }

    function _proof(Committed storage chosen, uint256 tokenId) private view returns (bytes32[] memory proof) {
        (, proof) = Trees.open(_leaves(chosen), (tokenId - chosen.firstTokenId) % chosen.count);
    }

    function _claimCall(Committed storage chosen, uint256 tokenId, address to, uint256 signingKey)
        private
        view
        returns (bytes memory)
    {
        Trees.Leaf memory leaf = _leafOf(tokenId, chosen.withKeys);
        bytes32[] memory proof = _proof(chosen, tokenId);
        bytes memory signature = _sign(signingKey, _claimHash(tokenId, leaf.digest, to));
        return abi.encodeCall(
            IWearableCollection.claim,
            (chosen.root, tokenId, leaf.digest, leaf.claimKey, to, DEADLINE, proof, signature)
        );
    }

    function mint(uint256 who, uint256 batch, uint64 offset, uint256 to) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        bool may = _isOpen(chosen, tokenId, false) && _mayMint(who, tokenId);
        bytes32 digest = _leafOf(tokenId, false).digest;
        bytes memory call = abi.encodeCall(
            IWearableCollection.mint, (chosen.root, tokenId, digest, actor(to), _proof(chosen, tokenId))
        );
        bool done = _try(who, call);
        _expect(done == may, may ? "a minter was stopped" : "minted what was not the minter's");
        if (done) _minted(chosen, tokenId, actor(to));
    }

    /// A voucher in the name of `minter`; every second one is signed by somebody else.
    function mintByVoucher(uint256 minter, uint256 batch, uint64 offset, uint256 to, uint256 signer)
        external
    {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        if (signer % 2 == 0) signer = minter;
        bool may =
            _isOpen(chosen, tokenId, false) && _mayMint(minter, tokenId) && actor(signer) == actor(minter);
        bool done = _try(5, _voucherCall(chosen, tokenId, actor(to), actor(minter), key(signer)));
        _expect(done == may, may ? "a voucher was refused" : "a voucher minted what it may not");
        if (done) _minted(chosen, tokenId, actor(to));
    }

    function _mayMint(uint256 minter, uint256 tokenId) private view returns (bool) {
        return collection.isMinter(actor(minter)) && block.timestamp > _pausedUntil
            && _replacement(tokenId) != WITHDRAWN;
    }

    function _voucherCall(
        Committed storage chosen,
        uint256 tokenId,
        address to,
        address minter,
        uint256 signingKey
    ) private view returns (bytes memory) {
        bytes32 digest = _leafOf(tokenId, false).digest;
        bytes32[] memory proof = _proof(chosen, tokenId);
        bytes memory signature = _sign(signingKey, _voucherHash(tokenId, digest, to));
        return abi.encodeCall(
            IWearableCollection.mintByVoucher,
            (chosen.root, tokenId, digest, to, minter, DEADLINE, proof, signature)
        );
    }

    function _voucherHash(uint256 tokenId, bytes32 digest, address to) private view returns (bytes32) {
        bytes32 typeHash =
            keccak256("Voucher(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");
        return _typed(keccak256(abi.encode(typeHash, tokenId, digest, to, DEADLINE)));
    }

    // ---- Notes

    function _try(uint256 who, bytes memory data) internal returns (bool done) {
        vm.prank(actor(who));
        (done,) = address(collection).call(data);
        if (done) ++successes[string(abi.encodePacked(bytes4(data)))];
    }

    function succeeded(bytes4 selector) external view returns (uint256) {
        return successes[string(abi.encodePacked(selector))];
    }

    function _expect(bool condition, string memory breach) internal {
        if (!condition) breaches.push(breach);
    }

    function _isIssuer(address account) internal view returns (bool) {
        return account == registry.accountOf(issuerId);
    }

    function _committedBy(
        bool done,
        address by,
        IWearableCollection.Batch memory batch,
        bool withKeys,
        string memory breach
    ) private {
        if (!done) return;
        _expect(_isIssuer(by), breach);
        if (digests[batch.designId] == 0) {
            digests[batch.designId] = batch.designDigest;
            editions[batch.designId] = batch.edition;
        }
        _expect(editions[batch.designId] == batch.edition, "an edition changed");
        uint256 firstTokenId = uint256(batch.designId) << 64 | batch.firstSerial;
        _committed.push(Committed(batch.root, firstTokenId, batch.count, withKeys));
    }

    function _minted(Committed storage batch, uint256 tokenId, address to) internal {
        _expect(
            tokenId >= batch.firstTokenId && tokenId < batch.firstTokenId + batch.count, "outside its batch"
        );
        if (++mints[tokenId] == 1) tokenIds.push(tokenId);
        owners[tokenId] = to;
    }

    // ---- Material

    function _nextBatch(uint64 designId, uint64 count, uint8 edition, bool withKeys, bool skip)
        private
        view
        returns (IWearableCollection.Batch memory batch)
    {
        batch.designId = designId % DESIGNS + 1;
        uint64 next = collection.designOf(batch.designId).nextSerial;
        batch.firstSerial = (next == 0 ? 1 : next) + (skip ? 1 : 0);
        batch.count = count % 5 + 1;
        // Mostly what the design has, sometimes another: 0 is open, others are small enough to fill.
        batch.edition = digests[batch.designId] != 0 && edition % 4 != 0
            ? editions[batch.designId]
            : uint64(edition % 5) * 4;
        batch.designDigest = keccak256(abi.encode("design", batch.designId));
        uint256 firstTokenId = uint256(batch.designId) << 64 | batch.firstSerial;
        batch.root = Trees.root(_leavesOf(firstTokenId, batch.count, withKeys));
    }

    function _claimKey(uint256 tokenId) private pure returns (uint256) {
        return uint256(keccak256(abi.encode("claim key", tokenId)));
    }

    function _leavesOf(uint256 firstTokenId, uint64 count, bool withKeys)
        private
        pure
        returns (Trees.Leaf[] memory leaves)
    {
        leaves = new Trees.Leaf[](count);
        for (uint64 i = 0; i < count; ++i) {
            leaves[i] = _leafOf(firstTokenId + i, withKeys);
        }
    }

    function _leafOf(uint256 tokenId, bool withKeys) private pure returns (Trees.Leaf memory) {
        return Trees.Leaf(
            tokenId,
            keccak256(abi.encode("certificate", tokenId)),
            withKeys ? vm.addr(_claimKey(tokenId)) : address(0)
        );
    }

    function _leaves(Committed storage batch) private view returns (Trees.Leaf[] memory) {
        return _leavesOf(batch.firstTokenId, batch.count, batch.withKeys);
    }

    function _sign(uint256 signingKey, bytes32 hash) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signingKey, hash);
        return abi.encodePacked(r, s, v);
    }

    function _typed(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Vestiary"),
                keccak256("1"),
                block.chainid,
                address(collection)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _commitHash(IWearableCollection.Batch memory batch) private view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "CommitBatch(uint64 designId,uint64 firstSerial,uint64 count,uint64 edition,uint256 terms,bytes32 designDigest,bytes32 root,uint256 deadline)"
        );
        return _typed(keccak256(abi.encode(typeHash, batch, DEADLINE)));
    }

    function _claimHash(uint256 tokenId, bytes32 digest, address to) private view returns (bytes32) {
        bytes32 typeHash =
            keccak256("Claim(uint256 tokenId,bytes32 certificateDigest,address to,uint256 deadline)");
        return _typed(keccak256(abi.encode(typeHash, tokenId, digest, to, DEADLINE)));
    }
}
