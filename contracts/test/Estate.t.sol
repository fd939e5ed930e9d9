// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../interfaces/IEstate.sol";
import {ISignedActs} from "../interfaces/ISignedActs.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {WearableCollection} from "../src/WearableCollection.sol";
import {ContractAccount} from "./support/ContractAccount.sol";
import {People} from "./support/People.sol";

/// @title Wills: who opens an estate, who closes it, and where its wearables go
contract EstateTest is People {
    function _inherit(address owner, uint256[] memory ids) private {
        vm.prank(stranger); // anybody carries it out
        estate.bequeath(owner, address(collection), ids);
    }

    function _three() private view returns (uint256[] memory ids) {
        ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (token, token + 1, token + 2);
    }

    function _waits(uint256 readyAt) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEstate.InMoratorium.selector, readyAt);
    }

    function _bad() private pure returns (bytes memory) {
        return abi.encodePacked(IEstate.BadWill.selector);
    }

    function test_an_estate_goes_to_the_heir_that_the_executors_agreed_on_after_the_moratorium() public {
        vm.prank(executors[0]);
        estate.openEstate(player, heirs[1]);
        (address heir, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
        vm.expectRevert(abi.encodeWithSelector(IEstate.NotOpen.selector, player));
        _inherit(player, _three());
        vm.expectEmit(address(estate));
        emit IEstate.ExecutorAgreed(player, executors[2], heirs[1]);
        vm.expectEmit(address(estate));
        emit IEstate.EstateOpened(player, heirs[1], NOW + MORATORIUM);
        vm.prank(executors[2]);
        estate.openEstate(player, heirs[1]);
        (heir, readyAt) = estate.estateOf(player);
        vm.assertEq(heir, heirs[1]);
        vm.warp(NOW + MORATORIUM - 1);
        vm.expectRevert(_waits(NOW + MORATORIUM));
        _inherit(player, _three());
        vm.warp(NOW + MORATORIUM);
        vm.expectEmit(address(estate));
        emit IEstate.Bequeathed(player, heirs[1], address(collection), token);
        _inherit(player, _three());
        vm.assertEq(collection.balanceOf(heirs[1]), 3);
        vm.assertEq(collection.balanceOf(player), 0);
    }

    function test_one_will_reaches_every_collection() public {
        WearableCollection first = collection;
        collection = _createCollection("second");
        uint256 second = _pieces(1, 1, PIECE)[0];
        _executorsOpen(heirs[0]);
        vm.warp(NOW + MORATORIUM);
        _inherit(player, _only(second));
        estate.bequeath(player, address(first), _three());
        vm.assertEq(collection.ownerOf(second), heirs[0]);
        vm.assertEq(first.balanceOf(heirs[0]), 3);
    }

    function test_a_word_of_the_owner_closes_its_estate_until_the_last_moment_and_voids_what_was_said()
        public
    {
        _executorsOpen(heirs[0]);
        vm.warp(NOW + MORATORIUM);
        vm.expectEmit(address(estate));
        emit IEstate.EstateClosed(player);
        vm.prank(player);
        estate.stillHere();
        vm.expectRevert(abi.encodeWithSelector(IEstate.NotOpen.selector, player));
        _inherit(player, _three());
        vm.prank(executors[0]); // one word is one again
        estate.openEstate(player, heirs[0]);
        (, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
        vm.prank(player); // half open: void as well
        estate.stillHere();
        vm.prank(executors[1]);
        estate.openEstate(player, heirs[0]);
        (, readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
    }

    function test_a_new_will_closes_the_estate_and_is_in_force_at_once() public {
        _executorsOpen(heirs[0]);
        address[] memory one = new address[](1);
        one[0] = friend;
        vm.expectEmit(address(estate));
        emit IEstate.EstateClosed(player);
        vm.expectEmit(address(estate));
        emit IEstate.WillChanged(player, one, one, 1, 31 days);
        vm.prank(player);
        estate.setWill(one, one, 1, 31 days);
        vm.prank(executors[0]);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, executors[0]));
        estate.openEstate(player, heirs[0]);
        vm.prank(friend);
        estate.openEstate(player, friend);
        (, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, NOW + 31 days);
    }

    function test_a_will_taken_back_names_nobody() public {
        vm.prank(player);
        estate.setWill(new address[](0), new address[](0), 0, 0);
        (address[] memory none,, uint8 threshold, uint40 moratorium) = estate.willOf(player);
        vm.assertEq(none.length + threshold + moratorium, 0);
        vm.prank(executors[0]);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, executors[0]));
        estate.openEstate(player, heirs[0]);
        vm.prank(executors[0]); // nor does one who never made a will have executors
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, executors[0]));
        estate.openEstate(friend, heirs[0]);
    }

    function test_attack_executor_alone_picks_the_heir() public {
        // A will that would let one executor do so cannot be made,
        address[] memory alone = new address[](1);
        alone[0] = executors[0];
        vm.startPrank(player);
        vm.expectRevert(_bad());
        estate.setWill(heirs, alone, 1, MORATORIUM);
        vm.expectRevert(_bad());
        estate.setWill(heirs, executors, 1, MORATORIUM);
        vm.stopPrank();
        // one executor who says it again and again, or for each heir, opens nothing,
        vm.startPrank(executors[0]);
        for (uint256 i = 0; i < 3; ++i) {
            estate.openEstate(player, heirs[i]);
            estate.openEstate(player, heirs[i]);
        }
        // and nobody names an heir whom the owner did not.
        vm.expectRevert(abi.encodeWithSelector(IEstate.NotHeir.selector, executors[0]));
        estate.openEstate(player, executors[0]);
        vm.stopPrank();
        (, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
        // Two who disagree open nothing either.
        vm.prank(player);
        estate.stillHere();
        vm.prank(executors[0]);
        estate.openEstate(player, heirs[0]);
        vm.prank(executors[1]);
        estate.openEstate(player, heirs[1]);
        (, readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
    }

    function test_attack_heir_opens_the_estate_or_empties_it_early() public {
        vm.startPrank(heirs[0]);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, heirs[0]));
        estate.openEstate(player, heirs[0]);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, heirs[0]));
        collection.moveFor(player, token, heirs[0]);
        vm.stopPrank();
        _executorsOpen(heirs[0]);
        vm.prank(heirs[0]);
        vm.expectRevert(_waits(NOW + MORATORIUM));
        estate.bequeath(player, address(collection), _three());
    }

    function test_attack_words_of_executors_gathered_over_years_count_together() public {
        vm.prank(executors[0]);
        estate.openEstate(player, heirs[0]);
        vm.warp(NOW + 30 days + 1);
        vm.prank(executors[1]);
        estate.openEstate(player, heirs[0]);
        (, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
        vm.prank(executors[2]);
        estate.openEstate(player, heirs[0]);
        (, readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, NOW + 30 days + 1 + MORATORIUM);
    }

    function test_attack_batch_griefing_one_token_moved_away_does_not_stop_the_others() public {
        _executorsOpen(heirs[0]);
        vm.prank(player);
        collection.give(token + 1, friend);
        vm.warp(NOW + MORATORIUM);
        vm.prank(stranger); // takes one out of the batch that the heir is about to send
        estate.bequeath(player, address(collection), _only(token));
        _inherit(player, _three());
        vm.assertEq(collection.ownerOf(token + 1), friend);
        vm.assertEq(collection.ownerOf(token + 2), heirs[0]);
        vm.expectRevert(IEstate.NothingToBequeath.selector);
        _inherit(player, _three());
        uint256[] memory unknown = _only(1);
        vm.expectRevert(IEstate.NothingToBequeath.selector);
        _inherit(player, unknown);
    }

    function test_executors_choose_another_heir_with_another_moratorium() public {
        _executorsOpen(heirs[0]);
        vm.prank(executors[0]);
        vm.expectRevert(abi.encodeWithSelector(IEstate.AlreadyOpen.selector, player));
        estate.openEstate(player, heirs[0]);
        vm.warp(NOW + 20 days);
        _executorsOpen(heirs[2]);
        vm.warp(NOW + MORATORIUM);
        vm.expectRevert(_waits(NOW + 20 days + MORATORIUM));
        _inherit(player, _three());
        vm.warp(NOW + 20 days + MORATORIUM);
        _inherit(player, _three());
        vm.assertEq(collection.balanceOf(heirs[2]), 3);
    }

    function test_what_guardians_recover_is_not_inherited_and_what_is_only_lost_is() public {
        _lost(token);
        _guardiansRecover(token + 1, fresh, 2);
        _lost(token + 2);
        _issuerRecovers(token + 2, fresh);
        _executorsOpen(heirs[0]);
        vm.warp(NOW + MORATORIUM);
        _inherit(player, _three());
        vm.assertEq(collection.ownerOf(token), heirs[0]);
        vm.assertEq(_flags(token), 0);
        vm.assertEq(collection.ownerOf(token + 1), player);
        vm.assertEq(collection.ownerOf(token + 2), player);
        recovery.finish(address(collection), token + 1);
        recovery.finish(address(collection), token + 2);
        vm.assertEq(collection.balanceOf(fresh), 2);
    }

    function test_what_is_inherited_comes_without_loan_offer_and_approval() public {
        vm.startPrank(player);
        collection.setUser(token, friend, uint64(NOW + 90 days));
        collection.offer(token, friend, uint64(NOW + 90 days));
        collection.approve(friend, token);
        vm.stopPrank();
        _executorsOpen(heirs[0]);
        vm.warp(NOW + MORATORIUM);
        _inherit(player, _only(token));
        vm.assertEq(collection.wordOf(token), uint256(uint160(heirs[0])));
        vm.assertEq(collection.userOf(token), address(0));
        vm.assertEq(collection.getApproved(token), address(0));
    }

    function test_wills_that_nobody_can_mean_are_refused() public {
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (friend, friend);
        address[] memory own = new address[](1);
        own[0] = player;
        address[] memory zero = new address[](1);
        address[] memory many = new address[](17);
        for (uint256 i = 0; i < 17; ++i) {
            many[i] = address(uint160(1000 + i));
        }
        address[] memory none = new address[](0);
        vm.startPrank(player);
        address[][5] memory wrong = [twice, own, zero, many, none];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(_bad());
            estate.setWill(wrong[i], executors, 2, MORATORIUM);
            vm.expectRevert(ISignedActs.BadCouncil.selector);
            estate.setWill(heirs, wrong[i], 2, MORATORIUM);
        }
        vm.expectRevert(ISignedActs.BadCouncil.selector);
        estate.setWill(heirs, executors, 4, MORATORIUM);
        vm.expectRevert(ISignedActs.BadCouncil.selector);
        estate.setWill(heirs, executors, 0, MORATORIUM);
        vm.expectRevert(_bad());
        estate.setWill(heirs, executors, 2, 30 days - 1);
        vm.expectRevert(_bad());
        estate.setWill(heirs, executors, 2, 3650 days + 1);
        estate.setWill(heirs, executors, 2, 30 days);
        estate.setWill(heirs, executors, 2, 3650 days);
    }

    // ---- By signature

    string private constant SET_WILL =
        "SetWill(address[] heirs,address[] executors,uint8 threshold,uint40 moratorium,address account,uint256 nonce,uint256 deadline)";
    string private constant STILL_HERE = "StillHere(address account,uint256 nonce,uint256 deadline)";
    string private constant OPEN_ESTATE =
        "OpenEstate(address owner,address heir,address account,uint256 nonce,uint256 deadline)";

    function test_a_will_is_made_by_a_signature_that_anybody_submits() public {
        bytes memory words = abi.encode(
            keccak256(abi.encodePacked(heirs)), keccak256(abi.encodePacked(executors)), uint8(3), 40 days
        );
        bytes memory signature = _signAct("friend", address(estate), SET_WILL, words, 1, NOW);
        bytes memory act = abi.encodeCall(IEstate.setWill, (heirs, executors, 3, 40 days));
        vm.startPrank(stranger);
        bytes memory other = abi.encodeCall(IEstate.setWill, (executors, heirs, 3, 40 days));
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(friend, other, 1, NOW, signature);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(stranger, act, 1, NOW, signature);
        estate.actBySignature(friend, act, 1, NOW, signature);
        (address[] memory named,, uint8 threshold,) = estate.willOf(friend);
        vm.assertEq(named[2], heirs[2]);
        vm.assertEq(threshold, 3);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NonceAlreadyUsed.selector, friend, 1));
        estate.actBySignature(friend, act, 1, NOW, signature);
    }

    function test_any_signature_of_the_owner_here_closes_its_estate() public {
        _executorsOpen(heirs[0]);
        bytes memory act = abi.encodeCall(IEstate.stillHere, ());
        bytes memory signature = _signAct("player", address(estate), STILL_HERE, "", 5, NOW);
        vm.prank(stranger);
        estate.actBySignature(player, act, 5, NOW, signature);
        (, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
        _executorsOpen(heirs[0]); // and an old one never again
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NonceAlreadyUsed.selector, player, 5));
        estate.actBySignature(player, act, 5, NOW, signature);
    }

    function test_executors_agree_by_signature() public {
        for (uint256 i = 1; i <= 2; ++i) {
            string memory name = string.concat("executor ", vm.toString(i));
            bytes memory words = abi.encode(player, heirs[0]);
            bytes memory signature = _signAct(name, address(estate), OPEN_ESTATE, words, 0, NOW);
            bytes memory act = abi.encodeCall(IEstate.openEstate, (player, heirs[0]));
            estate.actBySignature(executors[i - 1], act, 0, NOW, signature);
        }
        (address heir,) = estate.estateOf(player);
        vm.assertEq(heir, heirs[0]);
    }

    function test_attack_signed_will_replayed_elsewhere_late_cancelled_or_on_another_chain() public {
        bytes memory act = abi.encodeCall(IEstate.stillHere, ());
        bytes memory ours = _signAct("player", address(estate), STILL_HERE, "", 5, NOW);
        bytes memory theirs = _signAct("player", address(recovery), STILL_HERE, "", 5, NOW);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(player, act, 5, NOW, theirs);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(player, act, 6, NOW, ours);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(player, act, 5, NOW + 1, ours);
        vm.chainId(5);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(player, act, 5, NOW, ours);
        vm.chainId(31337);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.DeadlinePassed.selector, NOW));
        estate.actBySignature(player, act, 5, NOW, ours);
        vm.warp(NOW);
        vm.prank(player);
        estate.cancelNonce(5);
        vm.assertEq(estate.isNonceUsed(player, 5), true);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NonceAlreadyUsed.selector, player, 5));
        estate.actBySignature(player, act, 5, NOW, ours);
    }

    function test_bytes_that_are_no_act_are_refused() public {
        bytes[3] memory calls = [
            bytes(""),
            abi.encodeCall(IEstate.bequeath, (player, address(collection), _three())),
            abi.encodeCall(ISignedActs.cancelNonce, (1))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.expectPartialRevert(ISignedActs.NotAnAct.selector);
            estate.actBySignature(player, calls[i], 1, NOW, "");
        }
    }

    function test_attack_contract_wallet_that_changes_its_mind_makes_no_will() public {
        ContractAccount wallet = new ContractAccount(player);
        bytes memory act = abi.encodeCall(IEstate.stillHere, ());
        bytes memory signature = _signFor(address(wallet), "player", address(estate), STILL_HERE, "");
        wallet.setTrusting(false);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(address(wallet), act, 1, NOW, signature);
        wallet.setTrusting(true);
        estate.actBySignature(address(wallet), act, 1, NOW, signature);
        wallet.setTrusting(false);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(address(wallet), act, 1, NOW, signature);
    }

    function test_slots_of_a_will() public {
        _executorsOpen(heirs[1]);
        bytes32 will = keccak256(abi.encode(player, uint256(2)));
        vm.assertEq(uint256(vm.load(address(estate), will)), 3);
        vm.assertEq(uint256(vm.load(address(estate), bytes32(uint256(will) + 1))), 3);
        uint256 word = uint256(vm.load(address(estate), bytes32(uint256(will) + 2)));
        uint256 readyAt = NOW + MORATORIUM;
        vm.assertEq(word, 2 | uint256(MORATORIUM) << 8 | readyAt << 48 | uint256(1) << 88);
        vm.assertEq(uint256(vm.load(address(estate), bytes32(uint256(will) + 3))), uint256(uint160(heirs[1])));
    }

    /// Whoever says what when: an estate is open only when two different executors said the same heir within
    /// 30 days and the owner said nothing since.
    function testFuzz_an_estate_opens_only_by_two_executors_of_one_mind(uint256 seed) public {
        uint256 said; // bits: executor * 3 + heir
        uint256 first;
        for (uint256 step = 0; step < 12; ++step) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 executor = seed % 3;
            uint256 heir = (seed >> 8) % 2; // one of two, so that they meet
            if ((seed >> 16) % 5 == 0) {
                vm.prank(player);
                estate.stillHere();
                said = 0;
                continue;
            }
            (address now_, uint40 readyAt) = estate.estateOf(player);
            if (readyAt != 0) break;
            vm.assertEq(now_, address(0));
            vm.prank(executors[executor]);
            estate.openEstate(player, heirs[heir]);
            said |= 1 << (executor * 3 + heir);
            uint256 voices = (said >> heir & 1) + (said >> (3 + heir) & 1) + (said >> (6 + heir) & 1);
            (, readyAt) = estate.estateOf(player);
            vm.assertEq(readyAt != 0, voices >= 2);
            first = readyAt;
        }
        if (first != 0) vm.assertEq(first, NOW + MORATORIUM);
    }

    function test_the_collection_names_its_companions_and_lets_nobody_else_in() public {
        vm.assertEq(collection.estate(), address(estate));
        vm.assertEq(collection.recovery(), address(recovery));
        address[4] memory others = [brand, player, service, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.startPrank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, others[i]));
            collection.moveFor(player, token, others[i]);
            vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, others[i]));
            collection.changeFor(player, token, OwnerWord.LOST, 0);
            vm.stopPrank();
        }
        vm.startPrank(address(estate)); // which moves, and changes no flag
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, address(estate)));
        collection.changeFor(player, token, OwnerWord.LOST, 0);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotTokenOwner.selector, token, friend));
        collection.moveFor(friend, token, stranger);
        vm.stopPrank();
    }

    function testFuzz_recovery_changes_no_other_flag_than_its_own(uint256 cleared, uint256 set) public {
        uint256 theirs = OwnerWord.LOST | OwnerWord.ANY_RECOVERY;
        vm.startPrank(address(recovery));
        (bool done,) =
            address(collection).call(abi.encodeCall(IWearableRights.changeFor, (player, token, cleared, set)));
        vm.assertEq(done, (cleared | set) & ~theirs == 0 && set & OwnerWord.LOST == 0);
        (done,) = address(collection)
            .call(abi.encodeCall(IWearableRights.changeFor, (player, token, cleared & theirs, set & theirs)));
        vm.assertEq(done, set & OwnerWord.LOST == 0);
        vm.assertEq(collection.wordOf(token) & ~theirs, uint256(uint160(player)));
    }
}
