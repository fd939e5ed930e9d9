// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "../support/Vm.sol";
import {CompanionEvents} from "./CompanionEvents.sol";
import {CollectionEvents, RegistryEvents, OtherEvents} from "./Events.sol";

/// @title The storage of every contract, as their events alone tell it
/// @dev Reads logs in order and keeps, for each contract, the words that its storage should hold now, laid
/// out as contracts/README.md says. It asks the contracts nothing: events and the time of their block are all
/// it knows.
contract Chronicle is CollectionEvents, RegistryEvents, OtherEvents, CompanionEvents {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function learnCompanions(address estate, address recovery) external {
        _isCompanion[estate] = true;
        _isCompanion[recovery] = true;
    }

    /// Reads what a block of this time has in it.
    function read(Vm.Log[] calldata logs, uint256 timestamp) external {
        _time = timestamp;
        for (uint256 i = 0; i < logs.length; ++i) {
            Vm.Log calldata log = logs[i];
            _account = log.emitter;
            bool known = _isCompanion[_account]
                ? _readEstate(log) || _readRecovery(log)
                : _readToken(log) || _readCollection(log) || _readRegistry(log) || _readOther(log);
            require(known, "an event that nobody knows");
        }
    }

    /// Whether the contract's storage is as told, in all these slots.
    function isTrue(address account, bytes32[] calldata slots) external view returns (bool) {
        for (uint256 i = 0; i < slots.length; ++i) {
            if (VM.load(account, slots[i]) != _words[account][slots[i]]) return false;
        }
        return true;
    }

    /// Whether the contract's storage is as told, in every slot that events ever gave a word.
    function isTrueOf(address account) external view returns (bool) {
        bytes32[] storage slots = _slots[account];
        for (uint256 i = 0; i < slots.length; ++i) {
            if (VM.load(account, slots[i]) != _words[account][slots[i]]) return false;
        }
        return true;
    }
}
