// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecovery} from "../../interfaces/IRecovery.sol";
import {SignedActs} from "./SignedActs.sol";

/// @title Who the guardians of an owner are, and what they decide
abstract contract Guardians is SignedActs, IRecovery {
    struct Circle {
        address[] guardians;
        uint8 threshold;
        uint40 delay;
        /// In force from then on.
        uint40 since;
    }

    /// Numbers of circles, see _circles; 0 is nobody.
    struct Numbers {
        uint64 present;
        /// The one that is coming, or has come and is the present one; 0: none.
        uint64 next;
        uint64 last;
    }

    uint40 private constant SHORTEST = 7 days;
    uint40 private constant LONGEST = 90 days;

    /// Slot 2.
    mapping(address => Numbers) private _numbers;
    /// Slot 3: owner => number => guardians; what a number means never changes.
    mapping(address => mapping(uint64 => Circle)) private _circles;

    /// @inheritdoc IRecovery
    function setGuardians(address[] calldata guardians, uint8 threshold, uint40 delay) external {
        _setGuardians(msg.sender, guardians, threshold, delay);
    }

    /// @inheritdoc IRecovery
    function keepGuardians() external {
        _keepGuardians(msg.sender);
    }

    /// @inheritdoc IRecovery
    function guardiansOf(address owner)
        external
        view
        returns (address[] memory guardians, uint8 threshold, uint40 delay, uint40 since)
    {
        (guardians, threshold, delay, since) = _shown(_circleOf(owner));
        // Nobody, since its last guardians were dismissed.
        if (threshold == 0) since = 0;
    }

    /// @inheritdoc IRecovery
    function changeOf(address owner) external view returns (address[] memory, uint8, uint40, uint40) {
        uint64 next = _numbers[owner].next;
        return _shown(_circles[owner][next == _presentOf(owner) ? 0 : next]);
    }

    function _setGuardians(address owner, address[] memory guardians, uint8 threshold, uint40 delay)
        internal
    {
        if (guardians.length + threshold + delay != 0) {
            _checkCouncil(owner, guardians, threshold);
            require(delay >= SHORTEST && delay <= LONGEST, BadDelay(delay));
        }
        Numbers storage numbers = _numbers[owner];
        uint64 present = _presentOf(owner);
        uint64 number = ++numbers.last;
        (numbers.present, numbers.next) = (present, number);
        uint40 presentDelay = _circles[owner][present].delay;
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 since = uint40(block.timestamp) + (presentDelay == 0 ? SHORTEST : presentDelay);
        _circles[owner][number] = Circle(guardians, threshold, delay, since);
        emit GuardiansChanging(owner, guardians, threshold, delay, since);
    }

    function _keepGuardians(address owner) internal {
        Numbers storage numbers = _numbers[owner];
        require(numbers.next != _presentOf(owner), NothingChanging(owner));
        numbers.next = numbers.present;
        emit GuardiansKept(owner);
    }

    /// `guardian` is for doing `act` with what `subject` stands for. True when the threshold is.
    function _decide(address guardian, address owner, uint8 act, bytes32 subject, uint256 lapsesAfter)
        internal
        returns (bool)
    {
        uint64 present = _presentOf(owner);
        Circle storage circle = _circles[owner][present];
        bytes32 key = keccak256(abi.encode(owner, present, act, subject));
        bool decided = _agree(key, circle.guardians, circle.threshold, guardian, lapsesAfter);
        emit GuardianAgreed(owner, guardian, act, key);
        return decided;
    }

    function _circleOf(address owner) internal view returns (Circle storage) {
        return _circles[owner][_presentOf(owner)];
    }

    function _presentOf(address owner) private view returns (uint64) {
        Numbers storage numbers = _numbers[owner];
        uint64 next = numbers.next;
        return block.timestamp >= _circles[owner][next].since ? next : numbers.present;
    }

    function _shown(Circle storage circle) private view returns (address[] memory, uint8, uint40, uint40) {
        return (circle.guardians, circle.threshold, circle.delay, circle.since);
    }
}
