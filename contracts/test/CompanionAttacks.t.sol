// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IEstate} from "../interfaces/IEstate.sol";
import {IRecovery} from "../interfaces/IRecovery.sol";
import {ISignedActs} from "../interfaces/ISignedActs.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {ContractAccount} from "./support/ContractAccount.sol";
import {GreedyReceiver} from "./support/GreedyReceiver.sol";
import {HostileCollection} from "./support/HostileAccounts.sol";
import {People} from "./support/People.sol";

/// @title What somebody would try with wills, guardians and choices. What a thief of an owner's key tries stands in
/// Thieves.t.sol.
contract CompanionAttacksTest is People {
    string private constant SET_WILL =
        "SetWill(address[] heirs,address[] executors,uint8 threshold,uint40 moratorium,address account,uint256 nonce,uint256 deadline)";
    string private constant RECOVER =
        "Recover(address owner,address collection,uint256[] tokenIds,address to,address account,uint256 nonce,uint256 deadline)";
    string private constant OPEN_ESTATE =
        "OpenEstate(address owner,address heir,address account,uint256 nonce,uint256 deadline)";

    function _inherit() private {
        vm.prank(stranger);
        estate.bequeath(player, address(collection), _only(token));
    }

    function _finish() private {
        vm.prank(stranger);
        recovery.finish(address(collection), token);
    }

    function _notOpen() private view returns (bytes memory) {
        return abi.encodeWithSelector(IEstate.NotOpen.selector, player);
    }

    function _notRecovering() private view returns (bytes memory) {
        return abi.encodeWithSelector(IRecovery.NotRecovering.selector, token);
    }

    // ---- Wills

    function test_attack_executors_signature_used_again_for_another_will_owner_or_heir() public {
        vm.prank(friend); // the same will as the player's
        estate.setWill(heirs, executors, 2, MORATORIUM);
        bytes memory act = abi.encodeCall(IEstate.openEstate, (player, heirs[0]));
        bytes memory words = abi.encode(player, heirs[0]);
        bytes memory spent = _signAct("executor 1", address(estate), OPEN_ESTATE, words, 0, NOW);
        bytes memory kept = _signAct("executor 2", address(estate), OPEN_ESTATE, words, 7, NOW);
        estate.actBySignature(executors[0], act, 0, NOW, spent);
        // The owner speaks, and what was signed once is no second word.
        vm.prank(player);
        estate.stillHere();
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NonceAlreadyUsed.selector, executors[0], 0));
        estate.actBySignature(executors[0], act, 0, NOW, spent);
        bytes memory other = abi.encodeCall(IEstate.openEstate, (player, heirs[1]));
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(executors[1], other, 7, NOW, kept);
        other = abi.encodeCall(IEstate.openEstate, (friend, heirs[0]));
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(executors[1], other, 7, NOW, kept);
        // Another will, and who is no executor any more has no word in it, however early it signed.
        vm.prank(player);
        estate.setWill(heirs, guardians, 2, MORATORIUM);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, executors[1]));
        estate.actBySignature(executors[1], act, 7, NOW, kept);
        vm.assertEq(estate.isNonceUsed(executors[1], 7), false);
    }

    function test_attack_will_replaced_after_the_estate_was_opened() public {
        _executorsOpen(heirs[0]);
        address[] memory late = new address[](2);
        (late[0], late[1]) = (friend, heirs[1]);
        vm.warp(NOW + MORATORIUM - 1);
        vm.prank(player);
        estate.setWill(late, executors, 2, MORATORIUM);
        vm.warp(NOW + MORATORIUM);
        vm.expectRevert(_notOpen());
        _inherit();
        // Who was left out is no heir, and what the executors said before counts for nobody.
        vm.prank(executors[0]);
        vm.expectRevert(abi.encodeWithSelector(IEstate.NotHeir.selector, heirs[0]));
        estate.openEstate(player, heirs[0]);
        vm.prank(executors[2]);
        estate.openEstate(player, heirs[1]);
        vm.expectRevert(_notOpen());
        _inherit();
        vm.prank(executors[0]);
        estate.openEstate(player, heirs[1]);
        vm.expectRevert(abi.encodeWithSelector(IEstate.InMoratorium.selector, NOW + 2 * MORATORIUM));
        _inherit();
        vm.assertEq(collection.ownerOf(token), player);
    }

    function test_attack_moratorium_shortened_while_the_estate_is_open() public {
        vm.prank(player);
        estate.setWill(heirs, executors, 2, 60 days);
        _executorsOpen(heirs[0]);
        vm.warp(NOW + 31 days);
        vm.prank(player); // or who has its key
        estate.setWill(heirs, executors, 2, 30 days);
        vm.expectRevert(_notOpen());
        _inherit();
        _executorsOpen(heirs[0]);
        vm.warp(NOW + 61 days - 1);
        vm.expectRevert(abi.encodeWithSelector(IEstate.InMoratorium.selector, NOW + 61 days));
        _inherit();
        vm.warp(NOW + 61 days);
        _inherit();
        vm.assertEq(collection.ownerOf(token), heirs[0]);
    }

    // ---- Guardians

    function test_attack_guardians_replaced_during_a_recovery() public {
        _lost(token);
        _guardiansRecover(token, fresh, 2);
        vm.prank(player); // the thief, who would be alone
        recovery.setGuardians(new address[](0), 0, 0);
        vm.warp(NOW + DELAY);
        // Dismissed, they have no say in what they began; nor has anybody else, and it ends as they said.
        vm.prank(guardians[0]);
        vm.expectRevert(abi.encodeWithSelector(ISignedActs.NotInCouncil.selector, guardians[0]));
        recovery.stopRecovery(player, address(collection), _only(token));
        vm.expectRevert(abi.encodeWithSelector(IRecovery.TokenLost.selector, token));
        _veto(player, token);
        _finish();
        vm.assertEq(collection.wordOf(token), uint256(uint160(fresh)));
    }

    function test_attack_recovery_used_again_after_it_was_called_off() public {
        _guardiansRecover(token, fresh, 2);
        _veto(player, token);
        vm.warp(NOW + DELAY);
        vm.expectRevert(_notRecovering());
        _finish();
        vm.prank(guardians[2]); // what the others said is spent
        recovery.recover(player, address(collection), _only(token), fresh);
        vm.assertEq(_flags(token), 0);
        // The issuer's has its own time and its own account, not those of the one before.
        _issuerRecovers(token, friend);
        vm.expectRevert(abi.encodeWithSelector(IRecovery.NotReady.selector, NOW + DELAY + ISSUER_NOTICE));
        _finish();
        vm.prank(brand);
        recovery.drop(address(collection), token);
        vm.warp(NOW + DELAY + ISSUER_NOTICE);
        vm.expectRevert(_notRecovering());
        _finish();
        vm.assertEq(collection.wordOf(token), uint256(uint160(player)));
    }

    function test_attack_collection_that_is_no_clone_of_the_factory_calls_in() public {
        HostileCollection hostile = new HostileCollection(thief, player);
        vm.prank(thief);
        recovery.recoverAsIssuer(address(hostile), token, thief);
        vm.warp(NOW + 29 days);
        _executorsOpen(heirs[0]);
        _guardiansRecover(token, fresh, 2);
        address real = address(collection);
        hostile.onMoving(real, abi.encodeCall(IWearableRights.moveFor, (player, token, thief)));
        uint256 any = OwnerWord.ANY_RECOVERY;
        hostile.onMoving(real, abi.encodeCall(IWearableRights.changeFor, (player, token, any, 0)));
        hostile.onMoving(address(recovery), abi.encodeCall(IRecovery.finish, (real, token)));
        hostile.onMoving(address(recovery), abi.encodeCall(IRecovery.veto, (real, _only(token))));
        hostile.onMoving(address(recovery), abi.encodeCall(IRecovery.drop, (real, token)));
        hostile.onMoving(
            address(recovery), abi.encodeCall(IRecovery.recoverAsIssuer, (real, token + 1, thief))
        );
        hostile.onMoving(address(estate), abi.encodeCall(IEstate.bequeath, (player, real, _only(token + 1))));
        hostile.onMoving(address(estate), abi.encodeCall(IEstate.openEstate, (player, heirs[1])));
        vm.warp(NOW + ISSUER_NOTICE);
        recovery.finish(address(hostile), token);
        vm.assertEq(hostile.tried(), 8);
        vm.assertEq(hostile.succeeded(), 0);
        vm.assertEq(collection.wordOf(token), uint256(uint160(player)) | any);
        vm.assertEq(collection.wordOf(token + 1), uint256(uint160(player)));
        vm.assertEq(factory.isCollection(address(hostile)), false);
    }

    function test_attack_approval_that_a_thief_gave_itself_waits_for_the_end_of_lost() public {
        vm.startPrank(player); // the thief
        collection.setApprovalForAll(thief, true);
        collection.approve(stranger, token);
        vm.stopPrank();
        _lost(token);
        // An approval may always be taken back, so the owner does that before the flag comes off.
        vm.startPrank(player);
        collection.setApprovalForAll(thief, false);
        collection.approve(address(0), token);
        vm.stopPrank();
        _guardiansClear(token);
        address[2] memory others = [thief, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, others[i], token)
            );
            collection.transferFrom(player, others[i], token);
        }
    }

    // ---- One key that signs for its own account and for a wallet

    function test_attack_will_of_a_wallet_made_the_will_of_its_keys_own_account() public {
        ContractAccount wallet = new ContractAccount(friend);
        bytes memory act = abi.encodeCall(IEstate.setWill, (heirs, executors, 2, MORATORIUM));
        bytes memory words = abi.encode(
            keccak256(abi.encodePacked(heirs)), keccak256(abi.encodePacked(executors)), 2, MORATORIUM
        );
        bytes memory signature = _signFor(address(wallet), "friend", address(estate), SET_WILL, words);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(friend, act, 1, NOW, signature);
        estate.actBySignature(address(wallet), act, 1, NOW, signature);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(friend, act, 1, NOW, signature);
        (address[] memory named,,,) = estate.willOf(friend);
        vm.assertEq(named.length, 0);
        (named,,,) = estate.willOf(address(wallet));
        vm.assertEq(named.length, 3);
    }

    function test_attack_one_signature_of_an_executor_counted_as_two_voices() public {
        address[] memory two = new address[](2);
        (two[0], two[1]) = (executors[0], address(new ContractAccount(executors[0])));
        vm.prank(player);
        estate.setWill(heirs, two, 2, MORATORIUM);
        bytes memory act = abi.encodeCall(IEstate.openEstate, (player, heirs[0]));
        bytes memory words = abi.encode(player, heirs[0]);
        bytes memory voice = _signAct("executor 1", address(estate), OPEN_ESTATE, words, 1, NOW);
        estate.actBySignature(two[0], act, 1, NOW, voice);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        estate.actBySignature(two[1], act, 1, NOW, voice);
        (, uint40 readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, 0);
        // Two signatures are two voices: whom it named twice, by two accounts, the owner chose.
        voice = _signFor(two[1], "executor 1", address(estate), OPEN_ESTATE, words);
        estate.actBySignature(two[1], act, 1, NOW, voice);
        (, readyAt) = estate.estateOf(player);
        vm.assertEq(readyAt, NOW + MORATORIUM);
    }

    function test_attack_one_signature_of_a_guardian_counted_as_two_voices() public {
        address[] memory two = new address[](2);
        (two[0], two[1]) = (guardians[0], address(new ContractAccount(guardians[0])));
        vm.prank(player);
        recovery.setGuardians(two, 2, DELAY);
        vm.warp(NOW + DELAY);
        bytes memory act =
            abi.encodeCall(IRecovery.recover, (player, address(collection), _only(token), fresh));
        bytes32 ids = keccak256(abi.encodePacked(_only(token)));
        bytes memory words = abi.encode(player, address(collection), ids, fresh);
        bytes memory voice = _signFor(two[1], "guardian 1", address(recovery), RECOVER, words);
        recovery.actBySignature(two[1], act, 1, NOW + DELAY, voice);
        vm.expectRevert(ISignedActs.BadSignature.selector);
        recovery.actBySignature(two[0], act, 1, NOW + DELAY, voice);
        vm.assertEq(_flags(token), 0);
    }

    // ---- Piece or wearable

    function test_attack_attestation_of_one_piece_counted_for_another() public {
        uint256 elsewhere = _pieces(2, 1, WEARABLE)[0];
        vm.prank(brand);
        collection.setCustodian(2, friend);
        vm.startPrank(player);
        collection.choose(token, WEARABLE);
        collection.choose(token + 1, WEARABLE);
        collection.choose(elsewhere, WEARABLE);
        vm.stopPrank();
        vm.prank(brand);
        collection.attestRetired(token, "evidence");
        vm.prank(custodian);
        collection.attestRetired(token + 1, "evidence");
        vm.assertEq(_flags(token), OwnerWord.CHOOSING | OwnerWord.ISSUER_ATTESTED);
        vm.assertEq(_flags(token + 1), OwnerWord.CHOOSING | OwnerWord.CUSTODIAN_ATTESTED);
        vm.assertEq(_flags(elsewhere), OwnerWord.CHOOSING);
        // The custodian of one design says nothing of another's pieces.
        vm.prank(custodian);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, custodian));
        collection.attestRetired(elsewhere, "evidence");
        // Nor is anything attested in advance.
        vm.prank(custodian);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotChoosing.selector, token + 2));
        collection.attestRetired(token + 2, "evidence");
    }

    // ---- Receivers

    function test_attack_reentrant_receiver_is_never_called_when_inherited_recovered_or_settled() public {
        GreedyReceiver receiver = new GreedyReceiver();
        receiver.onReceiving(abi.encodeCall(IWearableRights.give, (token, thief)));
        address[] memory one = new address[](1);
        one[0] = address(receiver);
        vm.prank(player);
        estate.setWill(one, executors, 2, MORATORIUM);
        _executorsOpen(address(receiver));
        _guardiansRecover(token, address(receiver), 2);
        vm.warp(NOW + DELAY);
        _finish();
        vm.warp(NOW + MORATORIUM);
        estate.bequeath(player, address(collection), _only(token + 1));
        collection.settle(token + 1); // burned, as the terms say
        vm.assertEq(receiver.calls(), 0);
        vm.assertEq(collection.ownerOf(token), address(receiver));
        vm.assertEq(collection.wordOf(token + 1), OwnerWord.BURNED);
    }
}
