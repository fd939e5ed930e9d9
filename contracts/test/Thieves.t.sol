// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../interfaces/IEstate.sol";
import {IRecovery} from "../interfaces/IRecovery.sol";
import {ISignedActs} from "../interfaces/ISignedActs.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {People} from "./support/People.sol";

/// @title A thief has the owner's key, and signs for the owner: what that gains against a recovery
contract ThievesTest is People {
    function _isLost() private view returns (bytes memory) {
        return abi.encodeWithSelector(IRecovery.TokenLost.selector, token);
    }

    function _finish() private {
        vm.prank(stranger); // anybody
        recovery.finish(address(collection), token);
    }

    /// What the thief of the player's account names as guardians: its own accounts.
    function _thieves() private view returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = thief;
    }

    function test_attack_thief_clears_lost_while_guardians_recover() public {
        _lost(token);
        vm.prank(player); // the thief, who asks before the guardians begin
        collection.askClearLost(token);
        vm.warp(NOW + 3 days);
        _guardiansRecover(token, fresh, 2);
        vm.warp(NOW + 7 days);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenRecovering.selector, token));
        collection.clearLost(token);
        vm.expectRevert(_isLost());
        _veto(player, token);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenLost.selector, token));
        collection.give(token, thief);
        vm.prank(player);
        collection.markLost(token); // changes nothing
        vm.warp(NOW + 3 days + DELAY);
        _finish();
        vm.assertEq(collection.wordOf(token), uint256(uint160(fresh)));
    }

    function test_attack_thief_names_guardians_who_clear_lost_or_stop_the_recovery() public {
        _lost(token);
        vm.prank(player); // the thief
        recovery.setGuardians(_thieves(), 1, 7 days);
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, thief));
        recovery.clearLost(player, address(collection), _only(token));
        vm.warp(NOW + DELAY - 1); // the last moment for those whom the owner named
        _guardiansRecover(token, fresh, 2);
        vm.warp(NOW + DELAY);
        vm.startPrank(thief); // is the guardian now, and has no say in it
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.clearLost(player, address(collection), _only(token));
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.stopRecovery(player, address(collection), _only(token));
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.recover(player, address(collection), _only(token), thief);
        vm.stopPrank();
        vm.warp(NOW + DELAY - 1 + DELAY);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_thief_names_guardians_against_the_issuers_recovery() public {
        vm.prank(player);
        recovery.setGuardians(new address[](0), 0, 0);
        vm.warp(NOW + 7 days);
        _lost(token);
        vm.prank(player); // the thief, when there are no guardians
        recovery.setGuardians(_thieves(), 1, 7 days);
        _issuerRecovers(token, fresh);
        vm.warp(NOW + 14 days);
        vm.startPrank(thief);
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.clearLost(player, address(collection), _only(token));
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.stopRecovery(player, address(collection), _only(token));
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.recover(player, address(collection), _only(token), thief);
        vm.stopPrank();
        vm.warp(NOW + 7 days + ISSUER_NOTICE);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_thief_makes_a_will_against_the_issuers_recovery() public {
        _lost(token);
        vm.startPrank(player); // the thief
        estate.setWill(_thieves(), _thieves(), 1, MORATORIUM);
        vm.stopPrank();
        vm.prank(thief);
        estate.openEstate(player, thief);
        vm.warp(NOW + 1 days);
        _issuerRecovers(token, fresh);
        vm.warp(NOW + MORATORIUM);
        vm.prank(thief);
        (bool inherited,) =
            address(estate).call(abi.encodeCall(estate.bequeath, (player, address(collection), _only(token))));
        vm.assertEq(inherited, false);
        vm.warp(NOW + 1 days + ISSUER_NOTICE);
        _finish(); // the open estate does not stop it
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_thief_settles_the_choice_to_burn_what_is_being_recovered() public {
        _guardiansRecover(token, fresh, 2);
        vm.warp(CHOOSE_BY + 1);
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenRecovering.selector, token));
        collection.settle(token);
    }

    /// Nobody takes the lost flag off: who wants to asks again, and waits for seven days.
    function _mustAskAgain() private {
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.LostNotClearing.selector, token, 0));
        collection.clearLost(token);
        vm.startPrank(player); // the thief
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenLost.selector, token));
        collection.give(token, thief);
        collection.askClearLost(token);
        vm.stopPrank();
        vm.expectRevert(
            abi.encodeWithSelector(IWearableRights.LostNotClearing.selector, token, block.timestamp + 7 days)
        );
        collection.clearLost(token);
    }

    function test_attack_thief_lets_the_clearing_ripen_until_the_issuers_recovery_is_over() public {
        _lost(token);
        vm.warp(RECOVERY_UNTIL - ISSUER_NOTICE);
        vm.prank(player); // the thief
        collection.askClearLost(token);
        _issuerRecovers(token, friend);
        vm.warp(uint256(RECOVERY_UNTIL) + 1); // it could be finished in one second only
        vm.prank(thief);
        recovery.drop(address(collection), token);
        _mustAskAgain();
        _guardiansRecover(token, fresh, 2); // who have these seven days
        vm.warp(uint256(RECOVERY_UNTIL) + 1 + DELAY);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_thief_lets_the_clearing_ripen_until_guardians_correct_the_new_account() public {
        _lost(token);
        _guardiansRecover(token, friend, 2); // not the account that they meant
        vm.prank(player); // the thief, while it is under way
        collection.askClearLost(token);
        vm.warp(NOW + DELAY);
        _guardiansStop(token);
        _mustAskAgain(); // in the same block
        _guardiansRecover(token, fresh, 2);
        vm.warp(NOW + DELAY + DELAY);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    /// What IEstate says of it: nobody recovers it any more, and 30 days are over.
    function test_a_will_whose_time_came_during_a_recovery_is_carried_out_when_that_ends_without_effect()
        public
    {
        _lost(token);
        vm.prank(player); // the thief, or the owner
        estate.setWill(_thieves(), _thieves(), 1, MORATORIUM);
        vm.prank(thief);
        estate.openEstate(player, thief);
        _issuerRecovers(token, fresh);
        vm.warp(NOW + MORATORIUM);
        vm.expectRevert(IEstate.NothingToBequeath.selector);
        estate.bequeath(player, address(collection), _only(token));
        vm.prank(brand);
        recovery.drop(address(collection), token);
        estate.bequeath(player, address(collection), _only(token));
        vm.assertEq(collection.ownerOf(token), thief);
    }

    function test_an_owner_with_its_key_calls_off_the_guardians_that_a_thief_names() public {
        vm.prank(player);
        recovery.setGuardians(_thieves(), 1, 7 days);
        vm.warp(NOW + DELAY - 1);
        vm.expectEmit(address(recovery));
        emit IRecovery.GuardiansKept(player);
        vm.prank(player);
        recovery.keepGuardians();
        vm.warp(NOW + 100 days);
        (address[] memory now_, uint8 threshold, uint40 delay, uint40 since) = recovery.guardiansOf(player);
        vm.assertEq(now_.length, 3);
        vm.assertEq(threshold, 2);
        vm.assertEq(delay, DELAY);
        vm.assertEq(since, NOW - 100 days + 7 days);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NothingChanging.selector, player));
        recovery.keepGuardians();
    }

    /// A lost wearable that guardians recover: whatever the thief does with the owner's key in between, it
    /// arrives at the new account.
    function testFuzz_attack_nothing_that_a_thief_does_ends_the_recovery_of_what_is_lost(uint256 seed)
        public
    {
        _lost(token);
        _guardiansRecover(token, fresh, 2);
        _steals(seed, NOW + DELAY);
        vm.warp(NOW + DELAY);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    /// And of one that they stop in the last second: nothing that the thief did meanwhile helps it then.
    function testFuzz_attack_nothing_that_a_thief_does_in_a_recovery_counts_when_it_is_stopped(uint256 seed)
        public
    {
        _lost(token);
        _guardiansRecover(token, friend, 2);
        _steals(seed, NOW + DELAY - 1);
        vm.warp(NOW + DELAY - 1);
        _guardiansStop(token);
        _mustAskAgain();
    }

    function _steals(uint256 seed, uint256 end) private {
        for (uint256 i = 0; i < 10; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + (seed >> 8) % (end - block.timestamp));
            _stolen(seed % 14);
            vm.assertEq(collection.ownerOf(token), player);
            if (end - block.timestamp < 2) break;
        }
    }

    function _stolen(uint256 what) private {
        uint256[] memory ids = _only(token);
        vm.startPrank(what > 9 ? thief : player);
        bytes memory call;
        if (what == 0) call = abi.encodeCall(collection.give, (token, thief));
        if (what == 1) call = abi.encodeCall(collection.askClearLost, (token));
        if (what == 2) call = abi.encodeCall(collection.clearLost, (token));
        if (what == 3) call = abi.encodeCall(collection.burn, (token));
        if (what == 4) call = abi.encodeCall(collection.choose, (token, PIECE));
        if (what == 5) call = abi.encodeCall(collection.markLost, (token));
        if (what == 6) call = abi.encodeCall(collection.offer, (token, thief, uint64(NOW + 99 days)));
        if (what == 12) call = abi.encodeCall(collection.settle, (token));
        if (what == 13) call = abi.encodeCall(collection.transferFrom, (player, thief, token));
        address to = address(collection);
        if (what == 7) (to, call) = (address(recovery), abi.encodeCall(recovery.veto, (to, ids)));
        if (what == 8) {
            (to, call) =
            (address(recovery), abi.encodeCall(recovery.setGuardians, (_thieves(), 1, uint40(7 days))));
        }
        if (what == 9) {
            call = abi.encodeCall(estate.setWill, (_thieves(), _thieves(), 1, MORATORIUM));
            to = address(estate);
        }
        if (what == 10) {
            (to, call) = (address(recovery), abi.encodeCall(recovery.clearLost, (player, to, ids)));
        }
        if (what == 11) {
            (to, call) = (address(recovery), abi.encodeCall(recovery.stopRecovery, (player, to, ids)));
        }
        (bool done,) = to.call(call);
        done; // refused or without effect
        vm.stopPrank();
    }
}

