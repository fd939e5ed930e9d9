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

    function setGuardians(uint256 who, uint8 kind) external {
        bool named = kind % 4 != 0;
        uint40 delay = named ? 7 days + uint40(kind % 3) * 5 days : 0;
        bytes memory call = abi.encodeCall(
            IRecovery.setGuardians, (_others(who, 1, named ? 3 : 0), named ? uint8(THRESHOLD) : 0, delay)
        );
        _expect(_tryAt(_RECOVERY, who, call), "an owner could not name guardians");
        address owner = actor(who);
        uint256 present = _presentOf(owner);
        uint256 notice = _circles[owner][present].delay;
        _circles[owner].push(Circle(named, delay, block.timestamp + (notice == 0 ? 7 days : notice)));
        (_present[owner], _next[owner]) = (present, _circles[owner].length - 1);
    }

    function keepGuardians(uint256 who) external {
        address owner = actor(who);
        bool may = _next[owner] != _presentOf(owner);
        bool done = _tryAt(_RECOVERY, who, abi.encodeCall(IRecovery.keepGuardians, ()));
        _expect(done == may, may ? "guardians could not be kept" : "guardians were kept");
        if (done) _next[owner] = _present[owner];
    }

    /// What one guardian says of one token.
    struct Word {
        address owner;
        uint256 tokenId;
        address to;
        /// 0 recover, 1 stop that, 2 clear lost.
        uint8 what;
        uint256 seat;
        bytes32 matter;
    }

    /// Mostly a guardian of the token's owner says it; and every second time another says it too.
    function decide(uint256 who, uint256 token, uint256 to, uint8 what, bool both) external {
        if (tokenIds.length == 0) return;
        _decide(who, token, to, what);
        if (both) _decide(who % 997 + 1, token, to, what);
    }

    function _decide(uint256 who, uint256 token, uint256 to, uint8 what) private {
        Word memory word;
        word.tokenId = tokenIds[token % tokenIds.length];
        uint256 owner = _seatOf(owners[word.tokenId]);
        if (who % 8 != 0) who = owner + 1 + who % 3;
        (word.owner, word.what, word.seat) = (actor(owner), what % 3, (who % 6 + 6 - owner) % 6);
        // Mostly the same account, so that two of them say the same.
        word.to = actor(to % 4 == 0 ? to : owner + 4);
        uint256 present = _presentOf(word.owner);
        address said = word.what == 0 ? word.to : address(0);
        word.matter = keccak256(abi.encode(word.owner, present, word.tokenId, word.what, said));
        bool may =
            _circles[word.owner][present].named && word.seat >= 1 && word.seat <= 3 && said != word.owner;
        if (may && _wouldDecide(word.matter, word.seat, THRESHOLD)) {
            may = _isTheirs(word.tokenId, word.owner, word.what);
        }
        bool done = _tryAt(_RECOVERY, who, _decisionCall(word.owner, word.tokenId, word.to, word.what));
        _expect(done == may, may ? "a guardian was stopped" : "guardians decided what is not theirs");
        if (done && _agree(word.matter, word.seat, THRESHOLD)) _decided(word);
    }

    function _decided(Word memory word) private {
        Rights storage rights = _rights[word.tokenId];
        if (word.what == 0) {
            _begin(word.tokenId, word.to, _circles[word.owner][_presentOf(word.owner)].delay, true);
        }
        if (word.what == 1) (rights.recovering, rights.byGuardians) = (false, false);
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

    function _decisionCall(address owner, uint256 tokenId, address to, uint8 what)
        private
        view
        returns (bytes memory)
    {
        uint256[] memory ids = _one(tokenId);
        if (what == 0) return abi.encodeCall(IRecovery.recover, (owner, address(collection), ids, to));
        if (what == 1) return abi.encodeCall(IRecovery.stopRecovery, (owner, address(collection), ids));
        return abi.encodeCall(IRecovery.clearLost, (owner, address(collection), ids));
    }

    function veto(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        Rights storage rights = _rights[tokenId];
        if (who % 2 == 0) who = _seatOf(owners[tokenId]);
        bool may = owners[tokenId] == actor(who) && rights.recovering && !rights.lost;
        bytes memory call = abi.encodeCall(IRecovery.veto, (address(collection), _one(tokenId)));
        bool done = _tryAt(_RECOVERY, who, call);
        _expect(done == may, may ? "an owner could not veto" : "somebody vetoed");
        if (done) (rights.recovering, rights.byGuardians) = (false, false);
    }

    function recoverAsIssuer(uint256 who, uint256 token, uint256 to) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
        if (who % 2 == 0) who = _seatOf(registry.accountOf(issuerId));
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
        uint256 tokenId = tokenIds[token % tokenIds.length];
        Rights storage rights = _rights[tokenId];
        if (who % 2 == 0) who = _seatOf(registry.accountOf(issuerId));
        bool may = rights.recovering && !rights.byGuardians
            && (block.timestamp > _recoveryUntil(tokenId) || _isIssuer(actor(who)));
        bool done = _tryAt(_RECOVERY, who, abi.encodeCall(IRecovery.drop, (address(collection), tokenId)));
        _expect(done == may, may ? "a recovery could not be dropped" : "somebody dropped a recovery");
        if (done) rights.recovering = false;
    }

    function finish(uint256 who, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256 tokenId = tokenIds[token % tokenIds.length];
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

    function _begin(uint256 tokenId, address to, uint256 delay, bool byGuardians) private {
        (_rights[tokenId].recovering, _rights[tokenId].byGuardians) = (true, byGuardians);
        _cases[tokenId] = Case(block.timestamp, block.timestamp + delay, to);
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
