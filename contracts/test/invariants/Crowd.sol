// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IssuerRegistry} from "../../src/IssuerRegistry.sol";
import {WearableCollection} from "../../src/WearableCollection.sol";
import {Trees} from "../support/Trees.sol";
import {Vm} from "../support/Vm.sol";

/// @title Everybody who does something to a collection, at random, and what they saw happen
/// @dev Every action goes through `_try`, which notes what succeeded and never expects anything: the
/// invariants judge. Choices are folded into small ranges, so that actors meet.
contract Crowd {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant DEADLINE = type(uint256).max;
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

    Committed[] private _committed;
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
    }

    function key(uint256 who) public view returns (uint256) {
        return uint256(keccak256(bytes(names[who % names.length])));
    }

    function actor(uint256 who) public view returns (address) {
        return vm.addr(key(who));
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

    // ---- What takes tokens out of batches

    function claim(uint256 who, uint256 batch, uint64 offset, uint256 to, uint256 signer) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % (chosen.count + 1);
        // One in four signs with a key of his own.
        bool forged = signer % 4 == 0;
        uint256 signingKey = forged ? key(signer) : _claimKey(tokenId);
        if (!_try(who, _claimCall(chosen, offset, tokenId, actor(to), signingKey))) return;
        _expect(chosen.withKeys && !forged, "claimed without the claim key");
        _minted(chosen, tokenId, actor(to));
    }

    function _claimCall(
        Committed storage chosen,
        uint64 offset,
        uint256 tokenId,
        address to,
        uint256 signingKey
    ) private view returns (bytes memory) {
        Trees.Leaf memory leaf = _leafOf(tokenId, chosen.withKeys);
        (, bytes32[] memory proof) = Trees.open(_leaves(chosen), offset % chosen.count);
        bytes memory signature = _sign(signingKey, _claimHash(tokenId, leaf.digest, to));
        return abi.encodeCall(
            IWearableCollection.claim,
            (chosen.root, tokenId, leaf.digest, leaf.claimKey, to, DEADLINE, proof, signature)
        );
    }

    function mint(uint256 who, uint256 batch, uint64 offset, uint256 to) external {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        Trees.Leaf memory leaf = _leaf(chosen, offset % (chosen.count + 1));
        (, bytes32[] memory proof) = Trees.open(_leaves(chosen), offset % chosen.count);
        bool mayMint = collection.isMinter(actor(who));
        bool done = _try(
            who,
            abi.encodeCall(
                IWearableCollection.mint, (chosen.root, leaf.tokenId, leaf.digest, actor(to), proof)
            )
        );
        if (!done) return;
        _expect(mayMint, "minted without the role");
        _expect(!chosen.withKeys, "minted a serial with a claim key");
        _minted(chosen, leaf.tokenId, actor(to));
    }

    // ---- What owners do, or others with what is not theirs

    function transfer(uint256 who, uint256 token, uint256 to) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        address owner = owners[tokenId];
        bool may = owner != address(0)
            && (actor(who) == owner
                || collection.isApprovedForAll(owner, actor(who))
                || collection.getApproved(tokenId) == actor(who));
        bool done =
            _try(who, abi.encodeWithSelector(collection.transferFrom.selector, owner, actor(to), tokenId));
        _expect(done == may, may ? "a transfer was stopped" : "somebody else moved a token");
        if (done) owners[tokenId] = actor(to);
    }

    function approve(uint256 who, uint256 token, uint256 to) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        _try(who, abi.encodeWithSelector(collection.approve.selector, actor(to), tokenId));
    }

    function approveAll(uint256 who, uint256 to, bool approved) external {
        _try(who, abi.encodeWithSelector(collection.setApprovalForAll.selector, actor(to), approved));
    }

    function burn(uint256 who, uint256 token) external {
        if (tokenIds.length == 0 || token % 4 != 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        bool may = owners[tokenId] == actor(who);
        bool done = _try(who, abi.encodeCall(IWearableCollection.burn, (tokenId)));
        _expect(done == may, may ? "an owner could not burn" : "somebody else burned");
        if (!done) return;
        burned[tokenId] = true;
        owners[tokenId] = address(0);
    }

    // ---- Notes

    function _try(uint256 who, bytes memory data) private returns (bool done) {
        vm.prank(actor(who));
        (done,) = address(collection).call(data);
        if (done) ++successes[string(abi.encodePacked(bytes4(data)))];
    }

    function succeeded(bytes4 selector) external view returns (uint256) {
        return successes[string(abi.encodePacked(selector))];
    }

    function _expect(bool condition, string memory breach) private {
        if (!condition) breaches.push(breach);
    }

    function _isIssuer(address account) private view returns (bool) {
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

    function _minted(Committed storage batch, uint256 tokenId, address to) private {
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

    /// The leaf at an offset, which may lie one past the batch.
    function _leaf(Committed storage batch, uint64 offset) private view returns (Trees.Leaf memory) {
        return _leafOf(batch.firstTokenId + offset, batch.withKeys);
    }

    function _sign(uint256 signingKey, bytes32 hash) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(signingKey, hash);
        return abi.encodePacked(r, s, v);
    }

    function _typed(bytes32 structHash) private view returns (bytes32) {
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
