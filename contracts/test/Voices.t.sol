// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecovery} from "../interfaces/IRecovery.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {People} from "./support/People.sol";

/// @title What a guardian says counts for what it was said of, and not for what comes later
/// @dev Two of the three must agree; the third is corrupt.
contract VoicesTest is People {
    function _clears(uint256 guardian) private {
        vm.prank(guardians[guardian]);
        recovery.clearLost(player, address(collection), _only(token));
    }

    function _stops(uint256 guardian, uint256[] memory ids) private {
        vm.prank(guardians[guardian]);
        recovery.stopRecovery(player, address(collection), ids);
    }

    function test_attack_one_guardian_clears_lost_with_what_another_said_of_an_earlier_loss() public {
        _lost(token);
        _clears(0); // honest: the account is the owner's again
        vm.prank(player);
        collection.askClearLost(token);
        vm.warp(NOW + 7 days);
        collection.clearLost(token); // the owner did not wait for a second guardian
        vm.warp(NOW + 20 days); // another theft
        _lost(token);
        _clears(2);
        vm.assertEq(_flags(token), OwnerWord.LOST);
        vm.prank(player); // the thief
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenLost.selector, token));
        collection.give(token, thief);
    }

    function test_attack_one_guardian_clears_lost_with_what_another_said_before_a_recovery() public {
        _lost(token);
        _clears(0);
        vm.warp(NOW + 1 days); // it was no false alarm
        _guardiansRecover(token, friend, 2);
        _guardiansStop(token); // but that was not the new account
        _clears(2);
        vm.assertEq(_flags(token), OwnerWord.LOST);
    }

    function test_attack_one_guardian_stops_a_recovery_with_what_another_said_of_an_earlier_one() public {
        _issuerRecovers(token, stranger);
        _stops(0, _only(token)); // honest: not the owner's wish
        _veto(player, token); // the owner is quicker
        vm.warp(NOW + 10 days); // a theft
        _lost(token);
        _guardiansRecover(token, fresh, 2);
        vm.warp(NOW + 17 days);
        _stops(2, _only(token));
        vm.assertEq(_flags(token), OwnerWord.LOST | OwnerWord.ANY_RECOVERY);
        recovery.finish(address(collection), token);
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_one_guardian_stops_the_guardians_with_what_another_said_of_the_issuers() public {
        _issuerRecovers(token, stranger);
        vm.warp(NOW + 1);
        _stops(0, _only(token));
        vm.warp(NOW + 2);
        _guardiansRecover(token, fresh, 2); // in its place
        _stops(2, _only(token));
        vm.assertEq(_flags(token), OwnerWord.ANY_RECOVERY);
    }

    function test_what_a_guardian_says_of_lost_counts_for_three_days() public {
        _lost(token);
        _clears(0);
        vm.warp(NOW + 3 days + 1);
        _clears(1);
        vm.assertEq(_flags(token), OwnerWord.LOST);
        vm.warp(NOW + 6 days + 1);
        _clears(2);
        vm.assertEq(_flags(token), 0);
    }

    function test_what_a_guardian_says_of_a_recovery_counts_for_thirty_days_of_it() public {
        _issuerRecovers(token, fresh);
        _stops(0, _only(token));
        vm.warp(NOW + 30 days);
        _stops(1, _only(token));
        vm.assertEq(_flags(token), 0);
    }

    function test_attack_batch_griefing_ending_one_recovery_does_not_part_what_guardians_say_of_the_others()
        public
    {
        uint256[] memory ids = new uint256[](2);
        (ids[0], ids[1]) = (token, token + 1);
        _issuerRecovers(token, fresh);
        _issuerRecovers(token + 1, fresh);
        _stops(0, ids);
        vm.prank(brand);
        recovery.drop(address(collection), token);
        _stops(1, ids);
        vm.assertEq(_flags(token + 1), 0);
    }

    function test_the_key_of_a_decision_is_what_the_interface_says() public {
        // The second circle of the owner, in force.
        vm.prank(player);
        recovery.setGuardians(guardians, 2, DELAY);
        vm.warp(NOW + DELAY);
        uint256[] memory ids = new uint256[](2);
        (ids[0], ids[1]) = (token, token + 1);
        uint256[] memory beganAt = new uint256[](2);
        _expectVoice(1, keccak256(abi.encode(address(collection), ids, fresh)));
        vm.prank(guardians[0]);
        recovery.recover(player, address(collection), ids, fresh);
        _expectVoice(3, keccak256(abi.encode(address(collection), ids, beganAt)));
        vm.prank(guardians[0]);
        recovery.clearLost(player, address(collection), ids);
        _issuerRecovers(token + 1, fresh);
        beganAt[1] = block.timestamp;
        vm.warp(NOW + DELAY + 1 days);
        _expectVoice(2, keccak256(abi.encode(address(collection), ids, beganAt)));
        _stops(0, ids);
        _veto(player, token + 1); // over, and still what was said
        _expectVoice(2, keccak256(abi.encode(address(collection), ids, beganAt)));
        _stops(0, ids);
    }

    function _expectVoice(uint8 act, bytes32 subject) private {
        bytes32 key = keccak256(abi.encode(player, uint256(2), act, subject));
        vm.expectEmit(address(recovery));
        emit IRecovery.GuardianAgreed(player, guardians[0], act, key);
    }
}
