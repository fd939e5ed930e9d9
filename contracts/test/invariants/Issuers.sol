// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIssuerRegistry} from "../../interfaces/IIssuerRegistry.sol";
import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {Crowd} from "./Crowd.sol";

/// @title What the issuer's account does to a collection, or somebody who would like to be it
abstract contract Issuers is Crowd {
    uint64 internal constant DESIGNS = 3;
    /// Small enough to fill, and large enough not to; 0 is open.
    uint64[5] private _editionsToChoose = [0, 8, 16, 200, 400];
    uint256 internal immutable _BEGAN = block.timestamp;

    uint256 internal _pausedUntil;
    mapping(uint64 => uint64) public editions;
    mapping(uint64 => bytes32) public digests;
    mapping(uint64 => bool) private _licensed;
    mapping(uint64 => mapping(bytes32 => bool)) internal _proposed;
    mapping(address => bool) private _pausers;
    mapping(address => bool) internal _minters;

    function commit(uint256 who, uint64 designId, uint64 count, uint8 edition, bool withKeys, bool skip)
        external
    {
        (IWearableCollection.Batch memory batch, uint64 leaves) =
            _nextBatch(designId, count, edition, withKeys, skip);
        bool may = _mayCommit(who, batch) && !skip;
        bool done = _try(who, abi.encodeCall(IWearableCollection.commitBatch, (batch)));
        _expect(
            done == may, may ? "the issuer could not commit" : "committed by somebody, or what may not be"
        );
        if (done) _committedBatch(batch, leaves, withKeys);
    }

    function commitSigned(uint256 who, uint64 designId, uint64 count, uint8 edition, bool withKeys) external {
        (IWearableCollection.Batch memory batch, uint64 leaves) =
            _nextBatch(designId, count, edition, withKeys, false);
        bool may = _mayCommit(who, batch) && _signs(who);
        bytes memory signature = _sign(key(who), _commitHash(batch));
        bool done = _tryAsStranger(
            abi.encodeCall(IWearableCollection.commitBatchBySignature, (batch, DEADLINE, signature))
        );
        _expect(done == may, may ? "the issuer's signature did not commit" : "somebody's signature committed");
        if (done) _committedBatch(batch, leaves, withKeys);
    }

    function _mayCommit(uint256 who, IWearableCollection.Batch memory batch) private view returns (bool) {
        bool fixed_ = digests[batch.designId] != 0;
        return _isIssuer(actor(who)) && (!fixed_ || batch.edition == editions[batch.designId])
            && (batch.edition == 0 || batch.firstSerial + batch.count - 1 <= batch.edition);
    }

    function _committedBatch(IWearableCollection.Batch memory batch, uint64 leaves, bool withKeys) private {
        if (digests[batch.designId] == 0) {
            digests[batch.designId] = batch.designDigest;
            editions[batch.designId] = batch.edition;
        }
        uint256 firstTokenId = uint256(batch.designId) << 64 | batch.firstSerial;
        _committed.push(Committed(batch.root, firstTokenId, batch.count, leaves, withKeys));
    }

    /// One batch in four has a hole: its last serial has no leaf.
    function _nextBatch(uint64 designId, uint64 count, uint8 edition, bool withKeys, bool skip)
        private
        view
        returns (IWearableCollection.Batch memory batch, uint64 leaves)
    {
        batch.designId = designId % DESIGNS + 1;
        uint64 next = collection.designOf(batch.designId).nextSerial;
        batch.firstSerial = (next == 0 ? 1 : next) + (skip ? 1 : 0);
        leaves = count % 5 + 1;
        batch.count = leaves + (count >> 32 & 3 == 0 ? 1 : 0);
        // Mostly what the design has, sometimes another.
        batch.edition = digests[batch.designId] != 0 && edition % 4 != 0
            ? editions[batch.designId]
            : _editionsToChoose[edition % 5];
        batch.terms = _termsOf(batch.designId);
        batch.designDigest = keccak256(abi.encode("design", batch.designId));
        uint256 firstTokenId = uint256(batch.designId) << 64 | batch.firstSerial;
        batch.root = _rootOf(firstTokenId, leaves, withKeys);
    }

    /// The first design has no terms. The second burns what nobody chose, the third retires its piece.
    function _termsOf(uint64 designId) internal view returns (uint256) {
        if (designId == 1) return 0;
        if (designId == 2) return (_BEGAN + 150 days) | (_BEGAN + 40 days) << 40 | 1 << 80;
        return (_BEGAN + 5000 days) | (_BEGAN + 80 days) << 40 | 2 << 80;
    }

    function setMinter(uint256 who, uint256 minter, bool allowed) external {
        bool done = _try(who, abi.encodeCall(IWearableCollection.setMinter, (actor(minter), allowed)));
        bool may = _isIssuer(actor(who));
        _expect(done == may, may ? "the issuer could not change a minter" : "somebody changed a minter");
        if (done) _minters[actor(minter)] = allowed;
    }

    function rotate(uint256 to) external {
        uint256 from = _isIssuer(actor(0)) ? 0 : 1;
        bytes memory call = abi.encodeCall(IIssuerRegistry.proposeAccount, (issuerId, actor(to % 2)));
        bool done = _tryAt(address(registry), from, call);
        done = _tryAt(address(registry), to % 2, abi.encodeCall(IIssuerRegistry.acceptAccount, (issuerId)))
            && done;
        _expect(done, "an issuer could not change its account");
        (_accounts[issuerId], _offers[issuerId]) = (actor(to % 2), address(0));
    }

    function pause(uint256 who, uint32 seconds_) external {
        uint256 until = block.timestamp + seconds_ % 20 days;
        // Mostly short or ended, so that minters get somewhere.
        if (seconds_ % 4 != 0) until = seconds_ % 4 == 1 ? 0 : block.timestamp;
        bool begins = until >= block.timestamp && until <= block.timestamp + 14 days
            && block.timestamp > _pausedUntil + 14 days;
        uint256 end = until < block.timestamp ? block.timestamp - 1 : until;
        bool may = (_isIssuer(actor(who)) || _pausers[actor(who)]) && (end <= _pausedUntil || begins);
        bool done = _try(who, abi.encodeCall(IWearableCollection.pauseMinting, (uint40(until))));
        _expect(done == may, may ? "a pauser could not pause" : "somebody else paused, or for too long");
        if (done) _pausedUntil = end;
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

    /// At once, when the present key signs too.
    function changeClaimKeyNow(uint256 who, uint256 batch, uint64 offset, uint256 newKey, uint256 signer)
        external
    {
        if (_committed.length == 0) return;
        Committed storage chosen = _committed[batch % _committed.length];
        uint256 tokenId = chosen.firstTokenId + offset % chosen.count;
        bool may = _isIssuer(actor(who)) && _isOpen(chosen, tokenId, true) && _isClaimKey(tokenId, signer);
        bytes memory call = _replacementCall(chosen, tokenId, actor(newKey), _signingKey(tokenId, signer));
        bool done = _try(who, call);
        _expect(done == may, may ? "a claim key could not be changed" : "a claim key was changed at once");
        if (done) _keyChanges[tokenId] = KeyChange(actor(newKey), address(0), 0);
    }

    function _replacementCall(Committed storage chosen, uint256 tokenId, address newKey, uint256 signingKey)
        private
        view
        returns (bytes memory)
    {
        bytes32 typeHash = keccak256("ReplaceClaimKey(uint256 tokenId,address newKey,uint256 deadline)");
        bytes32 hash = _typed(keccak256(abi.encode(typeHash, tokenId, newKey, DEADLINE)));
        return abi.encodeCall(
            IWearableCollection.replaceClaimKeyNow,
            (
                chosen.root,
                tokenId,
                _digestOf(tokenId),
                _claimAddress(chosen, tokenId),
                newKey,
                DEADLINE,
                _proof(chosen, tokenId),
                _sign(signingKey, hash)
            )
        );
    }

    function setPauser(uint256 who, uint256 pauser, bool allowed) external {
        bool may = _isIssuer(actor(who));
        bool done = _try(who, abi.encodeCall(IWearableCollection.setPauser, (actor(pauser), allowed)));
        _expect(done == may, may ? "the issuer could not change a pauser" : "somebody changed a pauser");
        if (done) _pausers[actor(pauser)] = allowed;
    }

    function proposeRevision(uint256 who, uint64 designId, uint256 revision, bool proposed) external {
        designId = designId % (DESIGNS + 1) + 1;
        bytes32 digest = _revision(revision);
        bool may = _isIssuer(actor(who)) && digests[designId] != 0 && digest != 0;
        bool done =
            _try(who, abi.encodeCall(IWearableCollection.proposeRevision, (designId, digest, proposed)));
        _expect(done == may, may ? "the issuer could not propose" : "somebody proposed a revision");
        if (done) _proposed[designId][digest] = proposed;
    }

    /// One of two, or none.
    function _revision(uint256 revision) internal pure returns (bytes32) {
        return revision % 4 == 0 ? bytes32(0) : keccak256(abi.encode("revision", revision % 2));
    }

    function stateLicence(uint256 who, uint64 designId) external {
        designId = designId % (DESIGNS + 1) + 1;
        bytes32 digest = keccak256(abi.encode("licence", who));
        bool may = _isIssuer(actor(who)) && digests[designId] != 0 && !_licensed[designId];
        bool done = _try(who, abi.encodeCall(IWearableCollection.stateLicence, (designId, digest)));
        _expect(done == may, may ? "the issuer could not state a licence" : "somebody stated a licence");
        if (done) _licensed[designId] = true;
    }

    function setTexts(uint256 who, uint8 length, uint96 basisPoints, uint256 receiver) external {
        bool may = _isIssuer(actor(who));
        string memory text = string(new bytes(length % 100));
        bool done = _try(who, abi.encodeCall(IWearableCollection.setBaseUri, (text)));
        _expect(done == may, may ? "the issuer could not set the base" : "somebody set the base");
        may = may && basisPoints % 12_000 <= 10_000;
        done = _try(
            who, abi.encodeCall(IWearableCollection.setRoyalty, (actor(receiver), basisPoints % 12_000))
        );
        _expect(done == may, may ? "the issuer could not set a royalty" : "somebody set a royalty");
    }

    function initializeAgain(uint256 who) external {
        bytes memory call = abi.encodeCall(
            IWearableCollection.initialize, (issuerId, "Other", "OTHER", "https://other.example/", actor(who))
        );
        _expect(!_try(who, call), "initialised twice");
    }

    function _commitHash(IWearableCollection.Batch memory batch) private view returns (bytes32) {
        bytes32 typeHash = keccak256(
            "CommitBatch(uint64 designId,uint64 firstSerial,uint64 count,uint64 edition,uint256 terms,bytes32 designDigest,bytes32 root,uint256 deadline)"
        );
        return _typed(keccak256(abi.encode(typeHash, batch, DEADLINE)));
    }
}
