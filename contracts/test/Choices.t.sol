// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {People} from "./support/People.sol";
import {Trees} from "./support/Trees.sol";

/// @title Piece or wearable: who chooses, until when, and what is done by default
contract ChoicesTest is People {
    function _choosing(uint256 tokenId) private view returns (bool choosing) {
        (,,,, choosing) = collection.saleStatus(tokenId);
    }

    function test_choosing_the_piece_burns_the_wearable_and_releases_the_piece_to_its_owner() public {
        vm.warp(CHOOSE_BY); // that second included
        vm.expectEmit(address(collection));
        emit IWearableRights.Chosen(token, player, PIECE, false);
        vm.prank(player);
        collection.choose(token, PIECE);
        vm.assertEq(collection.wordOf(token), OwnerWord.BURNED);
        vm.expectPartialRevert(IERC721Errors.ERC721NonexistentToken.selector);
        collection.ownerOf(token);
    }

    function test_choosing_the_wearable_shows_until_issuer_and_custodian_both_attest() public {
        vm.expectEmit(address(collection));
        emit IWearableRights.Chosen(token, player, WEARABLE, false);
        vm.prank(player);
        collection.choose(token, WEARABLE);
        vm.assertEq(_flags(token), OwnerWord.CHOOSING);
        vm.assertEq(_choosing(token), true);
        vm.expectEmit(address(collection));
        emit IWearableRights.Retired(token, custodian, "evidence");
        vm.prank(custodian);
        collection.attestRetired(token, "evidence");
        vm.assertEq(_flags(token), OwnerWord.CHOOSING | OwnerWord.CUSTODIAN_ATTESTED);
        vm.prank(brand);
        collection.attestRetired(token, 0);
        uint256 attested = OwnerWord.ISSUER_ATTESTED | OwnerWord.CUSTODIAN_ATTESTED;
        vm.assertEq(_flags(token), OwnerWord.KEPT | attested);
        vm.assertEq(_choosing(token), false);
        vm.warp(CHOOSE_BY + 1);
        vm.assertEq(_choosing(token), false);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotChoosing.selector, token));
        collection.attestRetired(token, 0);
    }

    function test_neither_issuer_nor_custodian_alone_completes_a_choice_however_often_it_attests() public {
        vm.prank(player);
        collection.choose(token, WEARABLE);
        vm.startPrank(brand);
        collection.attestRetired(token, 0);
        collection.attestRetired(token, 0);
        vm.stopPrank();
        vm.assertEq(_flags(token), OwnerWord.CHOOSING | OwnerWord.ISSUER_ATTESTED);
        address[3] memory others = [player, service, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, others[i]));
            collection.attestRetired(token, 0);
        }
    }

    function test_what_is_chosen_stays_chosen_when_it_moves() public {
        vm.startPrank(player);
        collection.choose(token, WEARABLE);
        collection.give(token, friend);
        vm.stopPrank();
        vm.assertEq(_flags(token), OwnerWord.CHOOSING);
        vm.prank(friend);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.AlreadyChosen.selector, token));
        collection.choose(token, PIECE);
        vm.warp(CHOOSE_BY + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.AlreadyChosen.selector, token));
        collection.settle(token);
    }

    function test_a_choice_is_made_once_also_after_the_piece_is_retired() public {
        vm.prank(player);
        collection.choose(token, WEARABLE);
        vm.prank(brand);
        collection.attestRetired(token, 0);
        vm.prank(custodian);
        collection.attestRetired(token, 0);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.AlreadyChosen.selector, token));
        collection.choose(token, PIECE);
    }

    function test_only_the_owner_chooses_in_time_and_one_of_the_two() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotTokenOwner.selector, token, stranger));
        collection.choose(token, PIECE);
        vm.startPrank(player);
        collection.setApprovalForAll(stranger, true);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NothingToChoose.selector, token));
        collection.choose(token, 0);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NothingToChoose.selector, token));
        collection.choose(token, 3);
        vm.warp(CHOOSE_BY + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotTheTime.selector, CHOOSE_BY));
        collection.choose(token, PIECE);
        vm.stopPrank();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotTokenOwner.selector, token, stranger));
        collection.choose(token, PIECE);
    }

    function test_the_default_is_settled_by_anybody_after_the_deadline_and_not_before() public {
        uint256 digital = _pieces(2, 1, WEARABLE)[0];
        vm.warp(CHOOSE_BY);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotTheTime.selector, CHOOSE_BY));
        collection.settle(token);
        vm.assertEq(_choosing(token), false);
        vm.warp(CHOOSE_BY + 1);
        vm.assertEq(_choosing(token), true); // a buyer could lose it in the next block
        vm.startPrank(stranger);
        vm.expectEmit(address(collection));
        emit IWearableRights.Chosen(token, player, PIECE, true);
        collection.settle(token);
        vm.assertEq(collection.wordOf(token), OwnerWord.BURNED);
        collection.settle(digital);
        vm.assertEq(_flags(digital), OwnerWord.CHOOSING);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.AlreadyChosen.selector, digital));
        collection.settle(digital);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, token));
        collection.settle(token);
    }

    function test_a_design_without_choice_or_default_has_nothing_to_choose_or_settle() public {
        uint256 without = _pieces(2, 1, 0)[0]; // chooseBy and no default
        vm.warp(CHOOSE_BY + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NothingToChoose.selector, without));
        collection.settle(without);
        vm.assertEq(_choosing(without), false);
        Trees.Leaf[] memory leaves = _leaves(3, 1, 2, true);
        _commit(3, 1, leaves); // no terms
        vm.warp(NOW);
        _claim(leaves, 0, player);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NothingToChoose.selector, leaves[0].tokenId));
        collection.choose(leaves[0].tokenId, PIECE);
    }

    function test_what_is_lost_or_recovering_is_not_settled_by_anybody() public {
        _lost(token);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenLost.selector, token));
        collection.choose(token, PIECE);
        vm.warp(CHOOSE_BY + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenLost.selector, token));
        collection.settle(token);
        _guardiansRecover(token + 1, fresh, 2);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenRecovering.selector, token + 1));
        collection.settle(token + 1);
        // Once it is back, the default is due, for the new account.
        vm.warp(CHOOSE_BY + 1 + DELAY);
        recovery.finish(address(collection), token + 1);
        vm.expectEmit(address(collection));
        emit IWearableRights.Chosen(token + 1, fresh, PIECE, true);
        collection.settle(token + 1);
    }

    function test_the_issuer_names_the_first_custodian_and_only_custodians_the_next() public {
        vm.assertEq(collection.custodianOf(1), custodian);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, brand));
        collection.setCustodian(1, brand);
        vm.startPrank(custodian);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, custodian));
        collection.setCustodian(1, address(0));
        vm.expectEmit(address(collection));
        emit IWearableRights.CustodianChanged(1, friend);
        collection.setCustodian(1, friend);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, custodian));
        collection.setCustodian(1, custodian);
        vm.stopPrank();
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotAllowed.selector, stranger));
        collection.setCustodian(2, stranger);
    }

    function test_an_issuer_that_attested_as_custodian_too_stays_visible_in_the_events() public {
        uint256 piece = _pieces(2, 1, WEARABLE)[0];
        vm.prank(player);
        collection.choose(piece, WEARABLE);
        vm.startPrank(brand);
        vm.expectEmit(address(collection));
        emit IWearableRights.CustodianChanged(2, brand);
        collection.setCustodian(2, brand);
        vm.expectEmit(address(collection));
        emit IWearableRights.Retired(piece, brand, 0);
        uint256 attested = OwnerWord.ISSUER_ATTESTED | OwnerWord.CUSTODIAN_ATTESTED;
        vm.expectEmit(address(collection));
        emit IWearableRights.RightsChanged(piece, (OwnerWord.KEPT | attested) >> 200);
        collection.attestRetired(piece, 0);
        collection.setCustodian(2, custodian); // who attested nothing
        vm.stopPrank();
        vm.assertEq(collection.custodianOf(2), custodian);
    }

    function test_an_owner_chooses_by_signature_once_in_time_and_for_this_collection() public {
        bytes memory act = abi.encodeCall(IWearableRights.choose, (token, WEARABLE));
        string memory text =
            "Choose(uint256 tokenId,uint8 kept,address account,uint256 nonce,uint256 deadline)";
        bytes memory words = abi.encode(token, WEARABLE);
        bytes memory signature = _signAct("player", address(collection), text, words, 7, NOW);
        bytes memory other = abi.encodeCall(IWearableRights.choose, (token, PIECE));
        vm.startPrank(stranger);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(other, 7, NOW, signature);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW));
        collection.actBySignature(act, 7, NOW, signature);
        vm.warp(NOW);
        collection.actBySignature(act, 7, NOW, signature);
        vm.assertEq(_flags(token), OwnerWord.CHOOSING);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NonceAlreadyUsed.selector, player, 7));
        collection.actBySignature(act, 7, NOW, signature);
    }

    function testFuzz_a_choice_is_made_exactly_in_its_time_and_settled_exactly_after(uint40 at, uint8 kept)
        public
    {
        vm.warp(at);
        bool inTime = at <= CHOOSE_BY;
        bool known = kept == PIECE || kept == WEARABLE;
        vm.prank(player);
        (bool chosen,) = address(collection).call(abi.encodeCall(collection.choose, (token, kept)));
        vm.assertEq(chosen, inTime && known);
        vm.prank(stranger);
        (bool settled,) = address(collection).call(abi.encodeCall(collection.settle, (token)));
        vm.assertEq(settled, !inTime);
    }
}
