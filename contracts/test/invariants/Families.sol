// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../../interfaces/IEstate.sol";
import {Signers} from "./Signers.sol";

/// @title The same crowd as heirs and executors
/// @dev A will is always the same for one owner: the next two actors inherit, the two after them execute, both
/// must agree. So the crowd can tell by itself what is open for whom.
abstract contract Families is Signers {
    uint40 private constant MORATORIUM = 30 days;

    struct Opened {
        bool willed;
        uint256 round;
        address heir;
        /// Zero: not open.
        uint256 readyAt;
    }

    /// Who of a council is for something, a bit each, and since when the first of them.
    struct Voices {
        uint256 bits;
        uint256 since;
    }

    address internal immutable _ESTATE;
    mapping(address => Opened) internal _estates;
    mapping(bytes32 => Voices) private _voices;

    constructor(address estate) {
        _ESTATE = estate;
        _watch(estate);
    }

    function setWill(uint256 who, uint8 kind, uint256 how) external {
        (bytes memory call, bytes memory words) = _willCall(who, kind % 4 != 0);
        string memory text =
            "SetWill(address[] heirs,address[] executors,uint8 threshold,uint40 moratorium,address account,uint256 nonce,uint256 deadline)";
        if (!_actAt(_ESTATE, who, call, text, words, how, true)) return;
        _estates[actor(who)].willed = kind % 4 != 0;
        _close(actor(who));
    }

    /// Makes a will, or takes it back.
    function _willCall(uint256 who, bool makes) private view returns (bytes memory call, bytes memory words) {
        address[] memory heirs = _others(who, 1, makes ? 2 : 0);
        address[] memory executors = _others(who, 3, makes ? 2 : 0);
        (uint8 threshold, uint40 moratorium) = makes ? (2, MORATORIUM) : (0, 0);
        call = abi.encodeCall(IEstate.setWill, (heirs, executors, threshold, moratorium));
        bytes32 hashed = keccak256(abi.encodePacked(executors));
        words = abi.encode(keccak256(abi.encodePacked(heirs)), hashed, threshold, moratorium);
    }

    function stillHere(uint256 who, uint256 how) external {
        string memory text = "StillHere(address account,uint256 nonce,uint256 deadline)";
        if (_actAt(_ESTATE, who, abi.encodeCall(IEstate.stillHere, ()), text, "", how, true)) {
            _close(actor(who));
        }
    }

    function giveUpNonce(uint256 who, bool again) external {
        _giveUp(_ESTATE, who, again);
    }

    /// Mostly by an executor, and every second time by the other one too; the third to choose is no heir.
    function openEstate(uint256 who, uint256 owner, uint8 choice, bool both, uint256 how) external {
        _openEstate(choice & 3 == 0 ? who : owner % 6 + 3, owner, choice, how);
        if (both) _openEstate(owner % 6 + 4, owner, choice, how >> 16);
    }

    function _openEstate(uint256 who, uint256 owner, uint8 choice, uint256 how) private {
        address heir = actor(owner % 6 + 1 + (choice >> 2) % 3);
        Opened storage opened = _estates[actor(owner)];
        uint256 seat = (who % 6 + 6 - owner % 6) % 6;
        bool may = opened.willed && (seat == 3 || seat == 4) && heir != actor(owner % 6 + 3)
            && !(opened.readyAt != 0 && opened.heir == heir);
        bool done = _sayOpen(who, actor(owner), heir, how, may);
        if (!done || !_agree(keccak256(abi.encode(actor(owner), opened.round, heir)), seat, 2, 30 days)) {
            return;
        }
        (opened.heir, opened.readyAt) = (heir, block.timestamp + MORATORIUM);
    }

    function _sayOpen(uint256 who, address owner, address heir, uint256 how, bool may)
        private
        returns (bool)
    {
        bytes memory call = abi.encodeCall(IEstate.openEstate, (owner, heir));
        string memory text =
            "OpenEstate(address owner,address heir,address account,uint256 nonce,uint256 deadline)";
        return _actAt(_ESTATE, who, call, text, abi.encode(owner, heir), how, may);
    }

    function bequeath(uint256 who, uint256 owner, uint256 token) external {
        if (tokenIds.length == 0) return;
        uint256[] memory ids = new uint256[](1);
        ids[0] = tokenIds[token % tokenIds.length];
        if (owner % 4 != 0) owner = _seatOf(owners[ids[0]]);
        Opened storage opened = _estates[actor(owner)];
        Rights storage rights = _rights[ids[0]];
        bool may = opened.readyAt != 0 && block.timestamp >= opened.readyAt && owners[ids[0]] == actor(owner)
            && !rights.byGuardians && !(rights.recovering && rights.lost);
        bytes memory call = abi.encodeCall(IEstate.bequeath, (actor(owner), address(collection), ids));
        bool done = _tryAt(_ESTATE, who, call);
        _expect(done == may, may ? "an estate was not carried out" : "a wearable was inherited too early");
        if (done) _broughtTo(ids[0], opened.heir);
    }

    function _close(address owner) private {
        ++_estates[owner].round;
        _estates[owner].readyAt = 0;
    }

    /// Out of an account that may be lost.
    function _broughtTo(uint256 tokenId, address to) internal {
        (_rights[tokenId].lost, _rights[tokenId].clearsAt) = (false, 0);
        _moved(tokenId, to);
    }

    /// `count` actors, from the one that sits `distance` after `who` on.
    function _others(uint256 who, uint256 distance, uint256 count)
        internal
        view
        returns (address[] memory accounts)
    {
        accounts = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            accounts[i] = actor(who % 6 + distance + i);
        }
    }

    /// Whether, with this voice, the threshold is reached; then all voices are spent.
    function _agree(bytes32 matter, uint256 seat, uint256 threshold, uint256 lapsesAfter)
        internal
        returns (bool)
    {
        Voices storage voices = _voices[matter];
        if (block.timestamp > voices.since + lapsesAfter) (voices.bits, voices.since) = (0, block.timestamp);
        voices.bits |= 1 << seat;
        uint256 count;
        for (uint256 i = 0; i < 6; ++i) {
            count += voices.bits >> i & 1;
        }
        if (count < threshold) return false;
        delete _voices[matter];
        return true;
    }

    /// Whether one voice more is all that it takes.
    function _wouldDecide(bytes32 matter, uint256 seat, uint256 threshold, uint256 lapsesAfter)
        internal
        view
        returns (bool)
    {
        Voices storage voices = _voices[matter];
        uint256 bits = block.timestamp > voices.since + lapsesAfter ? 0 : voices.bits;
        bits |= 1 << seat;
        uint256 count;
        for (uint256 i = 0; i < 6; ++i) {
            count += bits >> i & 1;
        }
        return count >= threshold;
    }
}
