// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRecovery} from "../interfaces/IRecovery.sol";
import {ISignedActs} from "../interfaces/ISignedActs.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {People} from "./support/People.sol";
import {Trees} from "./support/Trees.sol";

/// @title Guardians and issuer: what they bring back, what an owner vetoes, and what a thief gains by either
contract RecoveryTest is People {
    function _recovering() private view returns (bytes memory) {
        return abi.encodeWithSelector(IRecovery.TokenRecovering.selector, token);
    }

    function _notReady(uint256 readyAt) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRecovery.NotReady.selector, readyAt);
    }

    function _isLost() private view returns (bytes memory) {
        return abi.encodeWithSelector(IRecovery.TokenLost.selector, token);
    }

    function _finish() private {
        vm.prank(stranger); // anybody
        recovery.finish(address(collection), token);
    }

    // ---- Guardians

    function test_guardians_bring_a_wearable_to_the_owners_new_account_after_their_delay() public {
        _guardiansRecover(token, fresh, 1);
        vm.assertEq(_flags(token), 0);
        vm.expectEmit(address(recovery));
        emit IRecovery.RecoveryBegan(address(collection), token, player, fresh, true, NOW + DELAY);
        vm.expectEmit(address(collection));
        emit IWearableRights.RightsChanged(token, OwnerWord.ANY_RECOVERY >> 200);
        vm.prank(guardians[2]);
        recovery.recover(player, address(collection), _only(token), fresh);
        (,, bool shown,,) = collection.saleStatus(token);
        vm.assertEq(shown, true);
        (address owner, address to, bool byGuardians, uint40 beganAt, uint40 readyAt) =
            recovery.recoveryOf(address(collection), token);
        vm.assertEq(owner, player);
        vm.assertEq(to, fresh);
        vm.assertEq(byGuardians, true);
        vm.assertEq(beganAt, NOW);
        vm.assertEq(readyAt, NOW + DELAY);
        vm.warp(NOW + DELAY - 1);
        vm.expectRevert(_notReady(NOW + DELAY));
        _finish();
        vm.warp(NOW + DELAY);
        vm.expectEmit(address(recovery));
        emit IRecovery.Recovered(address(collection), token, player, fresh);
        _finish();
        vm.assertEq(collection.wordOf(token), uint256(uint160(fresh)));
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NotRecovering.selector, token));
        _finish();
    }

    function test_attack_guardians_below_the_threshold_begin_stop_and_clear_nothing() public {
        _lost(token);
        vm.startPrank(guardians[0]);
        for (uint256 i = 0; i < 3; ++i) {
            recovery.recover(player, address(collection), _only(token), fresh);
            recovery.clearLost(player, address(collection), _only(token));
        }
        vm.stopPrank();
        // Two who name different accounts, or different tokens, do not agree.
        vm.prank(guardians[1]);
        recovery.recover(player, address(collection), _only(token), thief);
        vm.prank(guardians[1]);
        recovery.recover(player, address(collection), _only(token + 1), fresh);
        vm.assertEq(_flags(token), OwnerWord.LOST);
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, thief));
        recovery.recover(player, address(collection), _only(token), fresh);
        _guardiansRecover(token, fresh, 2);
        vm.prank(guardians[2]);
        recovery.stopRecovery(player, address(collection), _only(token));
        vm.assertEq(_flags(token), OwnerWord.LOST | OwnerWord.ANY_RECOVERY);
    }

    function test_attack_guardians_of_one_owner_recover_what_is_anothers() public {
        vm.prank(player);
        collection.give(token, friend);
        vm.prank(guardians[0]);
        recovery.recover(player, address(collection), _only(token), thief);
        vm.prank(guardians[1]);
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.recover(player, address(collection), _only(token), thief);
        vm.prank(guardians[0]);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, guardians[0]));
        recovery.recover(friend, address(collection), _only(token), thief);
    }

    function test_what_guardians_said_counts_once_and_for_thirty_days() public {
        _guardiansRecover(token, fresh, 1);
        vm.warp(NOW + 30 days + 1);
        vm.prank(guardians[1]);
        recovery.recover(player, address(collection), _only(token), fresh);
        vm.assertEq(_flags(token), 0);
        vm.prank(guardians[0]);
        recovery.recover(player, address(collection), _only(token), fresh);
        vm.assertEq(_flags(token), OwnerWord.ANY_RECOVERY);
        _veto(player, token);
        vm.prank(guardians[2]); // what the two said is spent
        recovery.recover(player, address(collection), _only(token), fresh);
        vm.assertEq(_flags(token), 0);
    }

    function test_attack_batch_griefing_a_token_that_moves_away_does_not_stop_the_recovery_of_the_others()
        public
    {
        uint256[] memory ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (token, token + 1, token + 1);
        vm.prank(guardians[0]);
        recovery.recover(player, address(collection), ids, fresh);
        vm.prank(player); // or a thief in its name
        collection.give(token, thief);
        vm.prank(guardians[1]);
        recovery.recover(player, address(collection), ids, fresh);
        vm.assertEq(_flags(token), 0);
        vm.assertEq(_flags(token + 1), OwnerWord.ANY_RECOVERY);
    }

    function test_a_move_ends_a_recovery_for_good() public {
        _guardiansRecover(token, fresh, 2);
        vm.prank(player);
        collection.give(token, friend);
        vm.assertEq(_flags(token), 0);
        vm.warp(NOW + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NotRecovering.selector, token));
        _finish();
        vm.prank(friend);
        collection.give(token, player); // also when it comes back
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NotRecovering.selector, token));
        _finish();
        (address owner,,,,) = recovery.recoveryOf(address(collection), token);
        vm.assertEq(owner, address(0));
    }

    function test_an_owner_vetoes_its_guardians_and_the_issuer() public {
        _guardiansRecover(token, fresh, 2);
        _issuerRecovers(token + 1, fresh);
        uint256[] memory ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (token, token + 1, token + 2); // of the third there is no recovery
        vm.expectEmit(address(recovery));
        emit IRecovery.RecoveryStopped(address(collection), token, player);
        vm.prank(player);
        recovery.veto(address(collection), ids);
        vm.assertEq(_flags(token) | _flags(token + 1), 0);
        vm.prank(player);
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.veto(address(collection), ids);
        _guardiansRecover(token, fresh, 2);
        vm.expectRevert(IRecovery.NothingToDo.selector);
        _veto(stranger, token);
    }

    function test_attack_batch_griefing_finishing_one_recovery_in_front_does_not_spoil_a_veto_of_the_others()
        public
    {
        _guardiansRecover(token, fresh, 2);
        vm.warp(NOW + 6 days);
        _guardiansRecover(token + 1, fresh, 2);
        _guardiansRecover(token + 2, fresh, 2);
        vm.warp(NOW + DELAY);
        _finish(); // in front of the veto
        uint256[] memory ids = new uint256[](3);
        (ids[0], ids[1], ids[2]) = (token, token + 1, token + 2);
        vm.prank(player);
        recovery.veto(address(collection), ids);
        vm.assertEq(_flags(token + 1) | _flags(token + 2), 0);
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_guardians_stop_a_recovery_and_take_the_lost_flag_off() public {
        _lost(token);
        _issuerRecovers(token, fresh);
        _guardiansStop(token);
        vm.assertEq(_flags(token), OwnerWord.LOST);
        vm.prank(player);
        collection.askClearLost(token);
        vm.prank(guardians[0]);
        recovery.clearLost(player, address(collection), _only(token));
        vm.expectEmit(address(collection));
        emit IWearableRights.LostClearing(token, 0);
        vm.expectEmit(address(collection));
        emit IWearableRights.RightsChanged(token, 0);
        vm.prank(guardians[1]);
        recovery.clearLost(player, address(collection), _only(token));
        vm.assertEq(_flags(token), 0);
        (,, uint40 clearsAt) = collection.begunOf(token);
        vm.assertEq(clearsAt, 0);
        vm.prank(guardians[0]);
        recovery.clearLost(player, address(collection), _only(token));
        vm.prank(guardians[1]);
        vm.expectRevert(IRecovery.NothingToDo.selector);
        recovery.clearLost(player, address(collection), _only(token));
    }

    function test_guardians_come_before_the_issuer() public {
        _issuerRecovers(token, friend);
        _guardiansRecover(token, fresh, 2);
        vm.assertEq(_flags(token), OwnerWord.ANY_RECOVERY);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NotRecovering.selector, token));
        recovery.drop(address(collection), token);
        vm.prank(brand);
        vm.expectRevert(_recovering());
        recovery.recoverAsIssuer(address(collection), token, friend);
        vm.warp(NOW + DELAY);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    // ---- Changing guardians

    function test_a_change_of_guardians_takes_effect_after_the_present_delay_and_not_before() public {
        vm.expectEmit(address(recovery));
        emit IRecovery.GuardiansChanging(player, executors, 3, 90 days, NOW + DELAY);
        vm.prank(player);
        recovery.setGuardians(executors, 3, 90 days);
        (address[] memory coming,,, uint40 from) = recovery.changeOf(player);
        vm.assertEq(coming[0], executors[0]);
        vm.assertEq(from, NOW + DELAY);
        vm.warp(NOW + DELAY - 1);
        (address[] memory present,,,) = recovery.guardiansOf(player);
        vm.assertEq(present[0], guardians[0]);
        vm.warp(NOW + DELAY);
        (present,,,) = recovery.guardiansOf(player);
        vm.assertEq(present[0], executors[0]);
        (coming,,, from) = recovery.changeOf(player);
        vm.assertEq(coming.length + from, 0);
        vm.prank(guardians[0]);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, guardians[0]));
        recovery.recover(player, address(collection), _only(token), fresh);
        vm.prank(player); // and the next change after the longer one
        recovery.setGuardians(guardians, 2, 7 days);
        (,,, from) = recovery.changeOf(player);
        vm.assertEq(from, NOW + DELAY + 90 days);
        vm.prank(player); // which replaces itself
        recovery.setGuardians(heirs, 2, 7 days);
        vm.warp(NOW + DELAY + 90 days);
        (present,,,) = recovery.guardiansOf(player);
        vm.assertEq(present[0], heirs[0]);
    }

    function test_the_first_guardians_wait_seven_days_and_the_last_can_be_dismissed() public {
        vm.prank(friend);
        recovery.setGuardians(guardians, 1, 30 days);
        (address[] memory present,,,) = recovery.guardiansOf(friend);
        vm.assertEq(present.length, 0);
        vm.warp(NOW + 7 days);
        (present,,,) = recovery.guardiansOf(friend);
        vm.assertEq(present.length, 3);
        vm.prank(friend);
        recovery.setGuardians(new address[](0), 0, 0);
        (,,, uint40 time) = recovery.changeOf(friend);
        vm.assertEq(time, NOW + 37 days);
        vm.warp(NOW + 37 days);
        (present,,, time) = recovery.guardiansOf(friend);
        vm.assertEq(present.length, 0);
        vm.assertEq(time, 0); // as of one who never had any
    }

    function test_guardians_that_nobody_can_mean_are_refused() public {
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (friend, friend);
        address[] memory own = new address[](1);
        own[0] = player;
        address[] memory many = new address[](17);
        for (uint256 i = 0; i < 17; ++i) {
            many[i] = address(uint160(1000 + i));
        }
        address[][4] memory wrong = [twice, own, new address[](1), many];
        vm.startPrank(player);
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(ISignedActs.BadCouncil.selector);
            recovery.setGuardians(wrong[i], 1, 7 days);
        }
        vm.expectRevert(ISignedActs.BadCouncil.selector);
        recovery.setGuardians(guardians, 0, 7 days);
        vm.expectRevert(ISignedActs.BadCouncil.selector);
        recovery.setGuardians(guardians, 4, 7 days);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.BadDelay.selector, 7 days - 1));
        recovery.setGuardians(guardians, 2, 7 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.BadDelay.selector, 90 days + 1));
        recovery.setGuardians(guardians, 2, 90 days + 1);
    }

    // ---- The issuer

    function test_the_issuer_recovers_with_notice_within_its_date() public {
        vm.expectEmit(address(recovery));
        emit IRecovery.RecoveryBegan(address(collection), token, player, fresh, false, NOW + 30 days);
        _issuerRecovers(token, fresh);
        vm.assertEq(_flags(token), OwnerWord.RECOVERING);
        vm.prank(brand);
        vm.expectRevert(_recovering());
        recovery.recoverAsIssuer(address(collection), token, friend);
        vm.warp(NOW + 30 days - 1);
        vm.expectRevert(_notReady(NOW + 30 days));
        _finish();
        vm.warp(NOW + 30 days);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_issuer_recovers_after_its_date() public {
        bytes memory isOver = abi.encodeWithSelector(IRecovery.RecoveryIsOver.selector, RECOVERY_UNTIL);
        // Begun in time, and not finished in time: over.
        vm.warp(RECOVERY_UNTIL - ISSUER_NOTICE);
        _issuerRecovers(token, fresh);
        vm.warp(RECOVERY_UNTIL - ISSUER_NOTICE + 1);
        vm.startPrank(brand);
        vm.expectRevert(isOver);
        recovery.recoverAsIssuer(address(collection), token + 1, fresh);
        vm.warp(RECOVERY_UNTIL + 1);
        vm.expectRevert(isOver);
        recovery.recoverAsIssuer(address(collection), token + 1, fresh);
        vm.expectRevert(isOver);
        recovery.finish(address(collection), token);
        vm.stopPrank();
        vm.prank(stranger); // whoever minds the flag takes it off
        recovery.drop(address(collection), token);
        vm.assertEq(_flags(token), 0);
    }

    function test_the_last_second_of_the_terms_counts() public {
        vm.warp(RECOVERY_UNTIL - ISSUER_NOTICE);
        _issuerRecovers(token, fresh);
        vm.warp(RECOVERY_UNTIL);
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_attack_issuer_recovers_what_its_terms_never_allowed() public {
        Trees.Leaf[] memory leaves = _leaves(2, 1, 2, true);
        _commit(2, 1, leaves); // no terms
        _claim(leaves, 0, player);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.RecoveryIsOver.selector, 0));
        recovery.recoverAsIssuer(address(collection), leaves[0].tokenId, fresh);
    }

    function test_only_the_issuers_account_of_that_moment_recovers_as_issuer_and_drops_it() public {
        bytes memory refused = abi.encodeWithSelector(IRecovery.NotIssuer.selector, brandId, service);
        vm.prank(service);
        vm.expectRevert(refused);
        recovery.recoverAsIssuer(address(collection), token, fresh);
        _issuerRecovers(token, fresh);
        vm.prank(service);
        vm.expectRevert(refused);
        recovery.drop(address(collection), token);
        vm.prank(brand);
        registry.proposeAccount(brandId, friend);
        vm.prank(friend);
        registry.acceptAccount(brandId);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NotIssuer.selector, brandId, brand));
        recovery.drop(address(collection), token);
        vm.prank(friend);
        recovery.drop(address(collection), token);
        vm.assertEq(_flags(token), 0);
        vm.prank(friend);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.BadReceiver.selector, address(0)));
        recovery.recoverAsIssuer(address(collection), token, address(0));
    }

    function test_an_open_estate_stops_the_issuer_and_not_the_guardians() public {
        _issuerRecovers(token, fresh);
        _executorsOpen(heirs[0]);
        vm.warp(NOW + 30 days);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.EstateIsOpen.selector, player));
        _finish();
        vm.prank(player);
        estate.stillHere();
        _finish();
        vm.assertEq(collection.ownerOf(token), fresh);
    }

    function test_a_token_marked_lost_lifts_the_veto_against_the_issuer_too() public {
        _issuerRecovers(token, fresh);
        _lost(token);
        vm.expectRevert(_isLost());
        _veto(player, token);
        vm.warp(NOW + 30 days);
        _finish();
        vm.assertEq(collection.wordOf(token), uint256(uint160(fresh)));
    }

    function test_attack_look_alike_collection_has_no_say_about_others() public {
        LyingCollection liar = new LyingCollection(thief);
        vm.prank(thief);
        recovery.recoverAsIssuer(address(liar), token, thief);
        vm.warp(NOW + ISSUER_NOTICE);
        recovery.finish(address(liar), token);
        vm.assertEq(liar.moves(), 1); // its own business
        vm.assertEq(collection.wordOf(token), uint256(uint160(player)));
        (address owner,,,,) = recovery.recoveryOf(address(collection), token);
        vm.assertEq(owner, address(0));
    }

    // ---- By signature

    function test_every_act_of_owner_and_guardians_is_done_by_signature() public {
        uint256[] memory ids = _only(token);
        bytes32 hashed = keccak256(abi.encodePacked(ids));
        string memory text =
            "Recover(address owner,address collection,uint256[] tokenIds,address to,address account,uint256 nonce,uint256 deadline)";
        bytes memory words = abi.encode(player, address(collection), hashed, fresh);
        bytes memory act = abi.encodeCall(IRecovery.recover, (player, address(collection), ids, fresh));
        for (uint256 i = 1; i <= 2; ++i) {
            string memory name = string.concat("guardian ", vm.toString(i));
            bytes memory voice = _signAct(name, address(recovery), text, words, 0, NOW);
            recovery.actBySignature(guardians[i - 1], act, 0, NOW, voice);
        }
        vm.assertEq(_flags(token), OwnerWord.ANY_RECOVERY);

        text = "Veto(address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)";
        act = abi.encodeCall(IRecovery.veto, (address(collection), ids));
        _submit("player", act, text, abi.encode(address(collection), hashed));
        vm.assertEq(_flags(token), 0);

        _lost(token);
        _issuerRecovers(token, fresh);
        words = abi.encode(player, address(collection), hashed);
        text =
            "StopRecovery(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)";
        act = abi.encodeCall(IRecovery.stopRecovery, (player, address(collection), ids));
        _submit("guardian 1", act, text, words);
        _submit("guardian 2", act, text, words);
        vm.assertEq(_flags(token), OwnerWord.LOST);
        text =
            "ClearLost(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline)";
        act = abi.encodeCall(IRecovery.clearLost, (player, address(collection), ids));
        _submit("guardian 1", act, text, words);
        _submit("guardian 2", act, text, words);
        vm.assertEq(_flags(token), 0);

        text =
            "SetGuardians(address[] guardians,uint8 threshold,uint40 delay,address account,uint256 nonce,uint256 deadline)";
        act = abi.encodeCall(IRecovery.setGuardians, (heirs, 2, 8 days));
        _submit("player", act, text, abi.encode(keccak256(abi.encodePacked(heirs)), uint8(2), 8 days));
        (,,, uint40 from) = recovery.changeOf(player);
        vm.assertEq(from, NOW + DELAY);
        act = abi.encodeCall(IRecovery.keepGuardians, ());
        _submit("player", act, "KeepGuardians(address account,uint256 nonce,uint256 deadline)", "");
        (,,, from) = recovery.changeOf(player);
        vm.assertEq(from, 0);
    }

    uint256 private _nonce = 100;

    /// `who` signs, a stranger submits, and nobody submits it again, late, for another or elsewhere.
    function _submit(string memory who, bytes memory act, string memory text, bytes memory words) private {
        uint256 nonce = ++_nonce;
        address account = vm.addr(_key(who));
        bytes memory elsewhere = _signAct(who, address(estate), text, words, nonce, NOW);
        bytes memory signature = _signAct(who, address(recovery), text, words, nonce, NOW);
        vm.startPrank(stranger);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        recovery.actBySignature(account, act, nonce, NOW, elsewhere);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        recovery.actBySignature(stranger, act, nonce, NOW, signature);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        recovery.actBySignature(account, act, nonce + 1, NOW, signature);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.DeadlinePassed.selector, NOW));
        recovery.actBySignature(account, act, nonce, NOW, signature);
        vm.warp(NOW);
        recovery.actBySignature(account, act, nonce, NOW, signature);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NonceAlreadyUsed.selector, account, nonce));
        recovery.actBySignature(account, act, nonce, NOW, signature);
        vm.stopPrank();
    }

    function test_bytes_that_are_no_act_are_refused() public {
        bytes memory finish = abi.encodeCall(IRecovery.finish, (address(collection), token));
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotAnAct.selector, IRecovery.finish.selector));
        recovery.actBySignature(player, finish, 1, NOW, "");
    }

    function test_the_companions_say_their_signing_domain() public view {
        (bytes1 fields, string memory name, string memory version, uint256 chain, address contract_,,) =
            recovery.eip712Domain();
        vm.assertEq(bytes32(fields), bytes32(bytes1(0x0f)));
        vm.assertEq(name, "Vestiary");
        vm.assertEq(version, "1");
        vm.assertEq(chain, block.chainid);
        vm.assertEq(contract_, address(recovery));
        (,,,, contract_,,) = estate.eip712Domain();
        vm.assertEq(contract_, address(estate));
    }

    function test_slots_of_guardians_and_of_a_recovery() public {
        _guardiansRecover(token, fresh, 2);
        address account = address(recovery);
        bytes32 numbers = keccak256(abi.encode(player, uint256(2)));
        vm.assertEq(uint256(vm.load(account, numbers)), uint256(1) << 64 | uint256(1) << 128);
        bytes32 circle = keccak256(abi.encode(uint256(1), keccak256(abi.encode(player, uint256(3)))));
        vm.assertEq(uint256(vm.load(account, circle)), 3);
        uint256 since = NOW - 100 days + 7 days;
        vm.assertEq(
            uint256(vm.load(account, bytes32(uint256(circle) + 1))), 2 | uint256(DELAY) << 8 | since << 48
        );
        bytes32 found = keccak256(abi.encode(token, keccak256(abi.encode(address(collection), uint256(4)))));
        uint256 word = uint256(uint160(player)) | NOW << 160 | (NOW + DELAY) << 200;
        vm.assertEq(uint256(vm.load(account, found)), word);
        vm.assertEq(uint256(vm.load(account, bytes32(uint256(found) + 1))), uint256(uint160(fresh)));
    }
}

/// @title Says of itself whatever it likes
contract LyingCollection {
    address private immutable _LIAR;
    uint256 public moves;
    uint256 private _flags;

    constructor(address liar) {
        _LIAR = liar;
    }

    function issuerId() external pure returns (uint64) {
        return 1;
    }

    function registry() external view returns (address) {
        return address(this);
    }

    function accountOf(uint64) external view returns (address) {
        return _LIAR;
    }

    function estate() external view returns (address) {
        return address(this);
    }

    function estateOf(address) external pure returns (address, uint40) {
        return (address(0), 0);
    }

    function wordOf(uint256) external view returns (uint256) {
        return uint256(uint160(address(0xbeef))) | _flags;
    }

    function designOf(uint64) external pure returns (uint64, uint64, uint256, bytes32) {
        return (0, 1, type(uint40).max, "design");
    }

    function changeFor(address, uint256, uint256 cleared, uint256 set) external {
        _flags = (_flags & ~cleared) | set;
    }

    function moveFor(address, uint256, address) external {
        ++moves;
        _flags = 0;
    }
}
