// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "../support/Vm.sol";

/// @title Words of storage, and where Solidity keeps what
abstract contract Words {
    /// Contract => slot => word.
    mapping(address => mapping(bytes32 => bytes32)) internal _words;
    mapping(address => bytes32[]) internal _slots;
    mapping(address => mapping(bytes32 => bool)) private _known;
    /// Whose event is being read.
    address internal _account;
    /// Of the block that is being read, seconds.
    uint256 internal _time;

    function _get(bytes32 slot) internal view returns (uint256) {
        return uint256(_words[_account][slot]);
    }

    function _set(bytes32 slot, uint256 word) internal {
        if (!_known[_account][slot]) {
            _known[_account][slot] = true;
            _slots[_account].push(slot);
        }
        _words[_account][slot] = bytes32(word);
    }

    /// Replaces `width` bits from `shift` on.
    function _setBits(bytes32 slot, uint256 shift, uint256 width, uint256 value) internal {
        uint256 mask = (type(uint256).max >> (256 - width)) << shift;
        _set(slot, _get(slot) & ~mask | value << shift);
    }

    function _at(uint256 slot) internal pure returns (bytes32) {
        return bytes32(slot);
    }

    /// The slot of `key` in the mapping at `slot`.
    function _of(bytes32 key, bytes32 slot) internal pure returns (bytes32) {
        return keccak256(abi.encode(key, slot));
    }

    function _next(bytes32 slot, uint256 words) internal pure returns (bytes32) {
        return bytes32(uint256(slot) + words);
    }

    /// A string as Solidity keeps it: up to 31 bytes beside twice their number; more in slots of their own.
    function _setText(bytes32 slot, string memory text) internal {
        uint256 old = _get(slot);
        if (old & 1 != 0) _setTail(slot, new bytes(old / 2));
        uint256 length = bytes(text).length;
        if (length < 32) {
            _set(slot, uint256(_chunk(bytes(text), 0)) | length * 2);
        } else {
            _set(slot, length * 2 + 1);
            _setTail(slot, bytes(text));
        }
    }

    function _setTail(bytes32 slot, bytes memory text) private {
        bytes32 first = keccak256(abi.encode(slot));
        for (uint256 i = 0; i * 32 < text.length; ++i) {
            _set(_next(first, i), uint256(_chunk(text, i)));
        }
    }

    /// 32 bytes of the text, zeros where it ends.
    function _chunk(bytes memory text, uint256 index) private pure returns (bytes32 chunk) {
        for (uint256 i = 0; i < 32 && index * 32 + i < text.length; ++i) {
            chunk |= bytes32(text[index * 32 + i]) >> (i * 8);
        }
    }

    /// A nonce in the mapping at `slot`: account => nonce / 256 => a bit each.
    function _useNonce(Vm.Log calldata log, uint256 slot) internal {
        uint256 nonce = abi.decode(log.data, (uint256));
        bytes32 place = _of(bytes32(nonce >> 8), _of(log.topics[1], _at(slot)));
        _set(place, _get(place) | 1 << (nonce & 255));
    }

    /// An array as Solidity keeps it; what the one before had beyond is cleared.
    function _setArray(bytes32 slot, address[] memory accounts) internal {
        uint256 before = _get(slot);
        bytes32 first = keccak256(abi.encode(slot));
        for (uint256 i = 0; i < before || i < accounts.length; ++i) {
            _set(_next(first, i), i < accounts.length ? uint160(accounts[i]) : 0);
        }
        _set(slot, accounts.length);
    }

    /// Where an account stands in an array.
    function _indexOf(bytes32 slot, bytes32 account) internal view returns (uint256 index) {
        bytes32 first = keccak256(abi.encode(slot));
        while (_words[_account][_next(first, index)] != account) {
            ++index;
        }
    }
}
