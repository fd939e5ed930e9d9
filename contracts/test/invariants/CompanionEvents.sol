// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../../interfaces/IEstate.sol";
import {IRecovery} from "../../interfaces/IRecovery.sol";
import {ISignedActs} from "../../interfaces/ISignedActs.sol";
import {Vm} from "../support/Vm.sol";
import {Words} from "./Words.sol";

/// @title What the events of Estate and Recovery say of their storage
abstract contract CompanionEvents is Words {
    uint256 private constant LAPSES_AFTER = 30 days;
    uint8 private constant CLEAR_LOST = 3;

    mapping(address => bool) internal _isCompanion;

    /// A will: heirs, executors, then threshold 8, moratorium 40, ready at 40, round 64; then the heir.
    function _readEstate(Vm.Log calldata log) internal returns (bool) {
        bytes32 topic = log.topics[0];
        bytes32 will = _of(log.topics[1], _at(2));
        if (topic == IEstate.WillChanged.selector) {
            (address[] memory heirs, address[] memory executors, uint256 threshold, uint256 moratorium) =
                abi.decode(log.data, (address[], address[], uint256, uint256));
            _setArray(will, heirs);
            _setArray(_next(will, 1), executors);
            _setBits(_next(will, 2), 0, 48, threshold | moratorium << 8);
        } else if (topic == IEstate.EstateClosed.selector) {
            uint256 word = _get(_next(will, 2));
            _setBits(_next(will, 2), 48, 104, (word >> 88 & type(uint64).max) + 1 << 40);
        } else if (topic == IEstate.ExecutorAgreed.selector) {
            uint256 word = _get(_next(will, 2));
            bytes32 key = keccak256(abi.encode(log.topics[1], word >> 88 & type(uint64).max, log.topics[3]));
            _agree(key, _indexOf(_next(will, 1), log.topics[2]), word & 255, LAPSES_AFTER);
        } else if (topic == IEstate.EstateOpened.selector) {
            _setBits(_next(will, 2), 48, 40, abi.decode(log.data, (uint256)));
            _set(_next(will, 3), uint256(log.topics[2]));
        } else {
            return topic == IEstate.Bequeathed.selector;
        }
        return true;
    }

    /// Numbers of circles: present 64, next 64, last 64. A circle: guardians, then threshold 8, delay 40, since 40.
    function _readRecovery(Vm.Log calldata log) internal returns (bool) {
        bytes32 topic = log.topics[0];
        if (topic == IRecovery.GuardiansChanging.selector) {
            _changeGuardians(log);
        } else if (topic == IRecovery.GuardiansKept.selector) {
            bytes32 numbers = _of(log.topics[1], _at(2));
            _setBits(numbers, 64, 64, _get(numbers) & type(uint64).max);
        } else if (topic == IRecovery.GuardianAgreed.selector) {
            bytes32 circle = _circle(log.topics[1], _presentOf(log.topics[1]));
            uint256 lapsesAfter = abi.decode(log.data, (uint8)) == CLEAR_LOST ? 3 days : LAPSES_AFTER;
            uint256 threshold = _get(_next(circle, 1)) & 255;
            _agree(log.topics[3], _indexOf(circle, log.topics[2]), threshold, lapsesAfter);
        } else if (topic == IRecovery.RecoveryBegan.selector) {
            (uint256 to,, uint256 readyAt) = abi.decode(log.data, (uint256, bool, uint256));
            bytes32 found = _of(log.topics[2], _of(log.topics[1], _at(4)));
            _set(found, uint256(log.topics[3]) | _time << 160 | readyAt << 200);
            _set(_next(found, 1), to);
        } else if (topic == ISignedActs.NonceUsed.selector) {
            _useNonce(log, 0);
        } else {
            // The token's own events say the rest.
            return topic == IRecovery.RecoveryStopped.selector || topic == IRecovery.Recovered.selector;
        }
        return true;
    }

    function _changeGuardians(Vm.Log calldata log) private {
        (address[] memory guardians, uint256 threshold, uint256 delay, uint256 since) =
            abi.decode(log.data, (address[], uint256, uint256, uint256));
        bytes32 numbers = _of(log.topics[1], _at(2));
        uint256 number = (_get(numbers) >> 128) + 1;
        _set(numbers, _presentOf(log.topics[1]) | number << 64 | number << 128);
        bytes32 circle = _circle(log.topics[1], number);
        _setArray(circle, guardians);
        _set(_next(circle, 1), threshold | delay << 8 | since << 48);
    }

    function _circle(bytes32 owner, uint256 number) private pure returns (bytes32) {
        return _of(bytes32(number), _of(owner, _at(3)));
    }

    function _presentOf(bytes32 owner) private view returns (uint256) {
        uint256 numbers = _get(_of(owner, _at(2)));
        uint256 next = numbers >> 64 & type(uint64).max;
        return _time >= _get(_next(_circle(owner, next), 1)) >> 48 ? next : numbers & type(uint64).max;
    }

    /// Voices for one decision, see SignedActs: a bit each, and since when; spent when they suffice.
    function _agree(bytes32 key, uint256 index, uint256 threshold, uint256 lapsesAfter) private {
        bytes32 slot = _of(key, _at(1));
        uint256 agreed = _get(slot);
        if (_time > (agreed >> 16) + lapsesAfter) agreed = _time << 16;
        agreed |= 1 << index;
        uint256 voices;
        for (uint256 i = 0; i < 16; ++i) {
            voices += agreed >> i & 1;
        }
        _set(slot, voices >= threshold ? 0 : agreed);
    }
}
