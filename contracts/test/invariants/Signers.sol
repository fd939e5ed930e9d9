// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISignedActs} from "../../interfaces/ISignedActs.sol";
import {Owners} from "./Owners.sol";

/// @title How an act gets to Estate or Recovery: sent, or signed and sent by a stranger
/// @dev Of ten signatures one is somebody else's, for another account or for another contract, one has a nonce that is
/// spent, one comes too late.
abstract contract Signers is Owners {
    uint256 private constant WRONG = 13;
    uint256 private constant SPENT = 14;
    uint256 private constant LATE = 15;

    uint256 private _nonces;
    /// Companion => account => nonce; and the one that was spent last.
    mapping(address => mapping(address => mapping(uint256 => bool))) private _spent;
    mapping(address => mapping(address => uint256)) private _lastSpent;

    struct Signing {
        address companion;
        address account;
        uint256 nonce;
        uint256 deadline;
        bytes signature;
        bool good;
    }

    /// `may`: whether `who` may do it. `words` are the arguments as EIP-712 has them.
    function _actAt(
        address companion,
        uint256 who,
        bytes memory act,
        string memory text,
        bytes memory words,
        uint256 how,
        bool may
    ) internal returns (bool done) {
        if (how % 16 < 6) {
            done = _tryAt(companion, who, act);
        } else {
            Signing memory signing = _prepare(companion, who, text, words, how);
            may = may && signing.good;
            done = _submit(signing, act);
        }
        _expect(done == may, string.concat(may ? "somebody could not: " : "somebody could: ", text));
    }

    function _prepare(address companion, uint256 who, string memory text, bytes memory words, uint256 how)
        private
        returns (Signing memory signing)
    {
        (signing.companion, signing.account) = (companion, actor(who));
        signing.nonce = ++_nonces;
        if (how % 16 == SPENT) signing.nonce = _lastSpent[companion][signing.account];
        signing.deadline = how % 16 == LATE ? block.timestamp - 1 : block.timestamp;
        signing.good = how % 16 != WRONG && how % 16 != LATE && _signs(who)
            && !_spent[companion][signing.account][signing.nonce];
        uint256 wrong = how % 16 == WRONG ? 1 + (how >> 4) % 3 : 0;
        uint256 other = who % 6 + 1 + (how >> 6) % 5;
        address account = wrong == 1 ? actor(other) : signing.account;
        bytes32 structHash = keccak256(
            bytes.concat(keccak256(bytes(text)), words, abi.encode(account, signing.nonce, signing.deadline))
        );
        bool isElsewhere = wrong == 2;
        uint256 signer = wrong == 3 ? other : who;
        address contract_ = isElsewhere ? address(collection) : companion;
        signing.signature = _sign(key(signer), _typedFor(contract_, structHash));
    }

    function _submit(Signing memory signing, bytes memory act) private returns (bool done) {
        bytes memory call = abi.encodeCall(
            ISignedActs.actBySignature,
            (signing.account, act, signing.nonce, signing.deadline, signing.signature)
        );
        done = _tryAt(signing.companion, STRANGER, call);
        if (!done) return false;
        _spend(signing.companion, signing.account, signing.nonce);
        ++signed[bytes4(act)];
    }

    /// Gives up the nonce that is signed with next, or one that was.
    function _giveUp(address companion, uint256 who, bool again) internal {
        address account = actor(who);
        uint256 nonce = again ? _lastSpent[companion][account] : _nonces + 1;
        bool may = !_spent[companion][account][nonce];
        bool done = _tryAt(companion, who, abi.encodeCall(ISignedActs.cancelNonce, (nonce)));
        _expect(done == may, may ? "a nonce could not be given up" : "a nonce was given up twice");
        if (done) _spend(companion, account, nonce);
    }

    function _spend(address companion, address account, uint256 nonce) private {
        _spent[companion][account][nonce] = true;
        _lastSpent[companion][account] = nonce;
    }
}
