// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecovery} from "../../interfaces/IRecovery.sol";
import {Families} from "./Families.sol";

/// @title The same crowd as guardians, and the issuer who recovers
/// @dev Guardians are always the next three actors, two of whom must agree.
abstract contract Guards is Families {
    uint256 private constant THRESHOLD = 2;

    /// Guardians as of one word of the owner's.
    struct Circle {
        bool named;
        uint256 delay;
        uint256 since;
    }

    struct Case {
        uint256 beganAt;
        uint256 readyAt;
        address to;
    }

    address private immutable _RECOVERY;
    mapping(address => Circle[]) private _circles;
    mapping(address => uint256) private _present;
    mapping(address => uint256) private _next;
    mapping(uint256 => Case) private _cases;

    constructor(address recovery) {
        _RECOVERY = recovery;
        _watch(recovery);
        for (uint256 i = 0; i < 6; ++i) {
            _circles[actor(i)].push(Circle(false, 0, 0));
        }
    }

    function setGuardians(uint256 who, uint8 kind, uint256 how) external {
        bool named = kind % 4 != 0;
        uint40 delay = named ? 7 days + uint40(kind % 3) * 5 days : 0;
        (bytes memory call, bytes memory words) = _guardiansCall(_others(who, 1, named ? 3 : 0), delay);
        string memory text =
            "SetGuardians(address[] guardians,uint8 threshold,uint40 delay,address account,uint256 nonce,uint256 deadline)";
        if (!_actAt(_RECOVERY, who, call, text, words, how, true)) return;
        address owner = actor(who);
        uint256 present = _presentOf(owner);
        uint256 notice = _circles[owner][present].delay;
        _circles[owner].push(Circle(named, delay, block.timestamp + (notice == 0 ? 7 days : notice)));
        (_present[owner], _next[owner]) = (present, _circles[owner].length - 1);
    }

    function _guardiansCall(address[] memory guardians, uint40 delay)
        private
        pure
        returns (bytes memory call, bytes memory words)
    {
        uint8 threshold = guardians.length == 0 ? 0 : uint8(THRESHOLD);
        call = abi.encodeCall(IRecovery.setGuardians, (guardians, threshold, delay));
        words = abi.encode(keccak256(abi.encodePacked(guardians)), threshold, delay);
    }

    function keepGuardians(uint256 who, uint256 how) external {
        address owner = actor(who);
        bool may = _next[owner] != _presentOf(owner);
        string memory text = "KeepGuardians(address account,uint256 nonce,uint256 deadline)";
        bytes memory call = abi.encodeCall(IRecovery.keepGuardians, ());
        if (_actAt(_RECOVERY, who, call, text, "", how, may)) _next[owner] = _present[owner];
    }

    /// What one guardian says of one token.
    struct Word {
        address owner;
        uint256 tokenId;
        address to;
        /// 0 recover, 1 stop that, 2 clear lost.
        uint8 what;
        uint256 who;
        uint256 seat;
        bytes32 matter;
        bool may;
    }

    /// Mostly a guardian of the token's owner says it; and every second time another says it too.
    function decide(uint256 who, uint256 token, uint256 to, uint8 what, bool both, uint256 how) external {
        if (tokenIds.length == 0) return;
        _decide(who, token, to, what, how);
        if (both) _decide(who % 997 + 1, token, to, what, how >> 16);
    }

    function _decide(uint256 who, uint256 token, uint256 to, uint8 what, uint256 how) private {
        Word memory word = _wordOf(who, tokenIds[token % tokenIds.length], to, what % 3);
        (bytes memory call, string memory text, bytes memory words) = _decisionCall(word);
        bool done = _actAt(_RECOVERY, word.who, call, text, words, how, word.may);
        if (done && _agree(word.matter, word.seat, THRESHOLD, _lapsesAfter(word.what))) _decided(word);
    }

    function _wordOf(uint256 who, uint256 tokenId, uint256 to, uint8 what)
        private
        view
        returns (Word memory word)
    {
        uint256 owner = _seatOf(owners[tokenId]);
        word.who = who % 8 != 0 ? owner + 1 + who % 3 : who;
        (word.owner, word.tokenId, word.what) = (actor(owner), tokenId, what);
        word.seat = (word.who % 6 + 6 - owner) % 6;
        // Mostly the same account, so that two of them say the same.
        word.to = actor(to % 4 == 0 ? to : owner + 4);
        uint256 present = _presentOf(word.owner);
        address said = what == 0 ? word.to : address(0);
        // What is said of one recovery is not said of the next.
        uint256 of_ = what == 0 ? 0 : _cases[tokenId].beganAt;
        word.matter = keccak256(abi.encode(word.owner, present, tokenId, what, said, of_));
        word.may =
            _circles[word.owner][present].named && word.seat >= 1 && word.seat <= 3 && said != word.owner;
        if (word.may && _wouldDecide(word.matter, word.seat, THRESHOLD, _lapsesAfter(what))) {
            word.may = _isTheirs(tokenId, word.owner, what);
        }
    }

    function _lapsesAfter(uint8 what) private pure returns (uint256) {
        return what == 2 ? 3 days : 30 days;
    }

    function _decided(Word memory word) private {
        Rights storage rights = _rights[word.tokenId];
        if (word.what == 0) {
            _begin(word.tokenId, word.to, _circles[word.owner][_presentOf(word.owner)].delay, true);
        }
        if (word.what == 1) _ended(word.tokenId);
        if (word.what == 2) (rights.lost, rights.clearsAt) = (false, 0);
    }

    function _isTheirs(uint256 tokenId, address owner, uint8 what) private view returns (bool) {
        Rights storage rights = _rights[tokenId];
        if (owners[tokenId] != owner) return false;
        if (rights.recovering && _circles[owner][_presentOf(owner)].since > _cases[tokenId].beganAt) {
            return false;
        }
        if (what == 0) return !rights.byGuardians;
        return what == 1 ? rights.recovering : rights.lost && !rights.byGuardians;
    }

    /// The call, its type, and its arguments as EIP-712 has them.
    function _decisionCall(Word memory word)
        private
        view
        returns (bytes memory call, string memory text, bytes memory words)
    {
        uint256[] memory ids = _one(word.tokenId);
        words = abi.encode(word.owner, address(collection), keccak256(abi.encodePacked(ids)));
        if (word.what == 0) {
            call = abi.encodeCall(IRecovery.recover, (word.owner, address(collection), ids, word.to));
            text =
                "Recover(address owner,address collection,uint256[] tokenIds,address to,address account,uint256 nonce,uint256 deadline)";
            words = bytes.concat(words, abi.encode(word.to));
        } else if (word.what == 1) {
            call = abi.encodeCall(IRecovery.stopRecovery, (word.owner, address(collection), ids));
            text =
                "StopRecovery(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)";
        } else {
            call = abi.encodeCall(IRecovery.clearLost, (word.owner, address(collection), ids));
            text =
                "ClearLost(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)";
        }
    }

    /// Mostly one that is being recovered, if there is one near by.
    function _tokenNear(uint256 token) private view returns (uint256 tokenId) {
        uint256 count = tokenIds.length;
        for (uint256 i = 0; i < 32 && token >> 32 & 7 != 0; ++i) {
            tokenId = tokenIds[(token % count + i) % count];
            if (_rights[tokenId].recovering) return tokenId;
        }
        return tokenIds[token % count];
    }

    function veto(uint256 who, uint256 token, uint256 how) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = _tokenNear(token);
        Rights storage rights = _rights[tokenId];
        if (who % 2 == 0) who = _seatOf(owners[tokenId]);
        bool may = owners[tokenId] == actor(who) && rights.recovering && !rights.lost;
        uint256[] memory ids = _one(tokenId);
        bytes memory call = abi.encodeCall(IRecovery.veto, (address(collection), ids));
        bytes memory words = abi.encode(address(collection), keccak256(abi.encodePacked(ids)));
        string memory text =
            "Veto(address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)";
        if (_actAt(_RECOVERY, who, call, text, words, how, may)) {
            _ended(tokenId);
        }
    }

    function recoverAsIssuer(uint256 who, uint256 token, uint256 to) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        if (who % 2 == 0) who = _seatOf(_accounts[issuerId]);
        bool may = _isIssuer(actor(who)) && owners[tokenId] != address(0) && owners[tokenId] != actor(to)
            && !_rights[tokenId].recovering && block.timestamp + 30 days <= _recoveryUntil(tokenId);
        bytes memory call =
            abi.encodeCall(IRecovery.recoverAsIssuer, (address(collection), tokenId, actor(to)));
        bool done = _tryAt(_RECOVERY, who, call);
        _expect(done == may, may ? "the issuer could not recover" : "recovered by somebody, or too late");
        if (done) _begin(tokenId, actor(to), 30 days, false);
    }

    function drop(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = _tokenNear(token);
        Rights storage rights = _rights[tokenId];
        if (who % 2 == 0) who = _seatOf(_accounts[issuerId]);
        bool may = rights.recovering && !rights.byGuardians
            && (block.timestamp > _recoveryUntil(tokenId) || _isIssuer(actor(who)));
        bool done = _tryAt(_RECOVERY, who, abi.encodeCall(IRecovery.drop, (address(collection), tokenId)));
        _expect(done == may, may ? "a recovery could not be dropped" : "somebody dropped a recovery");
        if (done) _ended(tokenId);
    }

    function finish(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = _tokenNear(token);
        Rights storage rights = _rights[tokenId];
        Case storage found = _cases[tokenId];
        bool may = rights.recovering && block.timestamp >= found.readyAt;
        if (!rights.byGuardians) {
            may = may && block.timestamp <= _recoveryUntil(tokenId)
                && (rights.lost || _estates[owners[tokenId]].readyAt == 0);
        }
        bool done = _tryAt(_RECOVERY, who, abi.encodeCall(IRecovery.finish, (address(collection), tokenId)));
        _expect(done == may, may ? "a recovery could not be finished" : "a recovery was finished too early");
        if (done) _broughtTo(tokenId, found.to);
    }

    function giveUpNonceAtRecovery(uint256 who, bool again) external {
        _giveUp(_RECOVERY, who, again);
    }

    function _begin(uint256 tokenId, address to, uint256 delay, bool byGuardians) private {
        (_rights[tokenId].recovering, _rights[tokenId].byGuardians) = (true, byGuardians);
        _cases[tokenId] = Case(block.timestamp, block.timestamp + delay, to);
    }

    /// Without effect; and whoever asked to take the lost flag off asks again.
    function _ended(uint256 tokenId) private {
        Rights storage rights = _rights[tokenId];
        (rights.recovering, rights.byGuardians, rights.clearsAt) = (false, false, 0);
    }

    function _recoveryUntil(uint256 tokenId) private view returns (uint256) {
        return uint40(_termsOf(uint64(tokenId >> 64)));
    }

    function _presentOf(address owner) private view returns (uint256) {
        uint256 next = _next[owner];
        return block.timestamp >= _circles[owner][next].since ? next : _present[owner];
    }

    function _one(uint256 tokenId) private pure returns (uint256[] memory ids) {
        ids = new uint256[](1);
        ids[0] = tokenId;
    }
}
