// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {IERC4907} from "../src/IERC4907.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {GreedyReceiver} from "./support/GreedyReceiver.sol";
import {World} from "./support/World.sol";

/// @title What owners do with a wearable, and what others try with it
contract RightsTest is World {
    uint256 private _token;
    uint64 private constant UNTIL = uint64(NOW + 30 days);

    function setUp() public override {
        super.setUp();
        _token = _wearableOf(player);
    }

    function _notOwner(address caller) private view returns (bytes memory) {
        return abi.encodeWithSelector(IWearableRights.NotTokenOwner.selector, _token, caller);
    }

    function _isLost() private view returns (bytes memory) {
        return abi.encodeWithSelector(IWearableRights.TokenLost.selector, _token);
    }

    function _flags() private view returns (uint256) {
        return collection.wordOf(_token) >> OwnerWord.FLAGS_SHIFT << OwnerWord.FLAGS_SHIFT;
    }

    function _lost() private {
        vm.prank(player);
        collection.markLost(_token);
    }

    // ---- Lending

    function test_an_owner_lends_until_a_second_that_is_included() public {
        vm.expectEmit(address(collection));
        emit IERC4907.UpdateUser(_token, friend, UNTIL);
        vm.prank(player);
        collection.setUser(_token, friend, UNTIL);
        vm.assertEq(collection.ownerOf(_token), player);
        vm.assertEq(collection.userExpires(_token), UNTIL);
        vm.warp(UNTIL);
        vm.assertEq(collection.userOf(_token), friend);
        (,,, bool lent,) = collection.saleStatus(_token);
        vm.assertEq(lent, true);
        vm.warp(UNTIL + 1);
        vm.assertEq(collection.userOf(_token), address(0));
        (,,, lent,) = collection.saleStatus(_token);
        vm.assertEq(lent, false);
    }

    function test_a_loan_is_revoked_by_the_owner_at_any_time() public {
        vm.startPrank(player);
        collection.setUser(_token, friend, UNTIL);
        vm.expectEmit(address(collection));
        emit IERC4907.UpdateUser(_token, address(0), 0);
        collection.setUser(_token, address(0), UNTIL);
        vm.assertEq(collection.userOf(_token), address(0));
        vm.assertEq(collection.wordOf(_token), uint256(uint160(player)));
    }

    function test_a_loan_ends_in_the_future_and_fits_its_bits() public {
        vm.startPrank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.BadTime.selector, NOW - 1));
        collection.setUser(_token, friend, uint64(NOW - 1));
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.BadTime.selector, 1 << 40));
        collection.setUser(_token, friend, 1 << 40);
        collection.setUser(_token, friend, uint64(NOW));
        collection.setUser(_token, friend, (1 << 40) - 1);
        vm.assertEq(_flags(), 0);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    function test_attack_operators_and_borrowers_lend_what_is_not_theirs() public {
        vm.startPrank(player);
        collection.setApprovalForAll(service, true);
        collection.approve(stranger, _token);
        collection.setUser(_token, friend, UNTIL);
        vm.stopPrank();
        address[4] memory others = [service, stranger, friend, brand];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(_notOwner(others[i]));
            collection.setUser(_token, others[i], UNTIL);
        }
        vm.assertEq(collection.userOf(_token), friend);
    }

    function test_attack_lending_what_is_lent_gives_the_wearable_to_one_wearer_only() public {
        vm.startPrank(player);
        collection.setUser(_token, friend, UNTIL);
        collection.setUser(_token, stranger, UNTIL + 1);
        vm.assertEq(collection.userOf(_token), stranger);
        vm.assertEq(collection.userExpires(_token), UNTIL + 1);
    }

    function test_every_way_of_moving_ends_a_loan() public {
        vm.startPrank(player);
        collection.setUser(_token, friend, UNTIL);
        vm.expectEmit(address(collection));
        emit IERC4907.UpdateUser(_token, address(0), 0);
        collection.give(_token, stranger);
        vm.stopPrank();
        vm.assertEq(collection.userOf(_token), address(0));
        vm.assertEq(collection.wordOf(_token), uint256(uint160(stranger)));
        vm.startPrank(stranger);
        collection.setUser(_token, friend, UNTIL);
        collection.burn(_token);
        vm.assertEq(collection.userOf(_token), address(0));
        vm.assertEq(collection.wordOf(_token), OwnerWord.BURNED);
    }

    // ---- Offers

    function _offer() private {
        vm.prank(player);
        collection.offer(_token, vm.addr(_key("link")), UNTIL);
    }

    function _taken(address from, address to) private view returns (bytes memory) {
        return _signTake(address(collection), _key("link"), _token, from, to, UNTIL);
    }

    function test_the_key_of_an_offer_takes_it_to_a_receiver_of_its_choice() public {
        vm.expectEmit(address(collection));
        emit IWearableRights.RightsChanged(_token, OwnerWord.OFFERED >> 200);
        vm.expectEmit(address(collection));
        emit IWearableRights.Offered(_token, player, vm.addr(_key("link")), UNTIL);
        _offer();
        (address offeredTo, uint40 until,) = collection.begunOf(_token);
        vm.assertEq(offeredTo, vm.addr(_key("link")));
        vm.assertEq(until, UNTIL);
        vm.warp(UNTIL);
        bytes memory signature = _taken(player, friend);
        vm.prank(stranger); // anybody submits
        collection.take(_token, friend, signature);
        vm.assertEq(collection.ownerOf(_token), friend);
        vm.assertEq(collection.wordOf(_token), uint256(uint160(friend)));
        (offeredTo, until,) = collection.begunOf(_token);
        vm.assertEq(offeredTo, address(0));
    }

    function test_attack_a_copied_taking_goes_to_no_other_receiver() public {
        _offer();
        bytes memory signature = _taken(player, friend);
        vm.startPrank(stranger);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.take(_token, stranger, signature);
        signature = _signTake(address(collection), _key("stranger"), _token, player, stranger, UNTIL);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.take(_token, stranger, signature);
    }

    function test_attack_a_taking_replayed_when_the_wearable_came_back() public {
        _offer();
        bytes memory signature = _taken(player, friend);
        collection.take(_token, friend, signature);
        bytes memory refused = abi.encodeWithSelector(IWearableRights.NotOffered.selector, _token);
        vm.expectRevert(refused);
        collection.take(_token, friend, signature);
        vm.prank(friend);
        collection.give(_token, player);
        vm.expectRevert(refused);
        collection.take(_token, friend, signature);
        // Offered to the same key until another second: what was signed for the first offer is dead.
        vm.prank(player);
        collection.offer(_token, vm.addr(_key("link")), UNTIL + 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.take(_token, friend, signature);
        // Until the same second it counts again: the interface says, never.
        _offer();
        collection.take(_token, friend, signature);
        vm.assertEq(collection.ownerOf(_token), friend);
    }

    function test_an_offer_ends_with_its_date_its_owner_or_its_owners_will() public {
        bytes memory refused = abi.encodeWithSelector(IWearableRights.NotOffered.selector, _token);
        bytes memory signature = _taken(player, friend);
        _offer();
        vm.warp(UNTIL + 1);
        vm.expectRevert(refused);
        collection.take(_token, friend, signature);
        vm.warp(NOW);
        vm.prank(player);
        collection.offer(_token, address(0), UNTIL);
        vm.assertEq(_flags(), 0);
        vm.expectRevert(refused);
        collection.take(_token, friend, signature);
        _offer();
        vm.prank(player);
        collection.give(_token, stranger);
        vm.expectRevert(refused);
        collection.take(_token, friend, signature);
        vm.assertEq(collection.ownerOf(_token), stranger);
    }

    function test_only_the_owner_offers_and_not_for_the_past() public {
        vm.prank(friend);
        vm.expectRevert(_notOwner(friend));
        collection.offer(_token, friend, UNTIL);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.BadTime.selector, NOW - 1));
        collection.offer(_token, friend, uint64(NOW - 1));
    }

    function test_attack_reentrant_receiver_is_never_called_when_given_or_taken() public {
        GreedyReceiver receiver = new GreedyReceiver();
        _offer();
        collection.take(_token, address(receiver), _taken(player, address(receiver)));
        vm.prank(address(receiver));
        collection.give(_token, player);
        vm.prank(player);
        collection.give(_token, address(receiver));
        vm.assertEq(receiver.calls(), 0);
    }

    // ---- Lost

    function test_nothing_is_done_with_what_is_lost() public {
        vm.startPrank(player);
        collection.setApprovalForAll(service, true);
        collection.setUser(_token, friend, UNTIL);
        vm.stopPrank();
        _offer();
        vm.prank(brand);
        collection.proposeRevision(1, "revised", true);
        _lost();
        // The offer is over, the loan goes on.
        vm.assertEq(_flags(), OwnerWord.LOST);
        vm.assertEq(collection.userOf(_token), friend);
        (bool lost,,,,) = collection.saleStatus(_token);
        vm.assertEq(lost, true);

        vm.prank(service);
        vm.expectRevert(_isLost());
        collection.transferFrom(player, service, _token);
        vm.startPrank(player);
        vm.expectRevert(_isLost());
        collection.transferFrom(player, friend, _token);
        vm.expectRevert(_isLost());
        collection.safeTransferFrom(player, friend, _token);
        vm.expectRevert(_isLost());
        collection.give(_token, friend);
        vm.expectRevert(_isLost());
        collection.burn(_token);
        vm.expectRevert(_isLost());
        collection.setUser(_token, stranger, UNTIL);
        vm.expectRevert(_isLost());
        collection.offer(_token, stranger, UNTIL);
        vm.expectRevert(_isLost());
        collection.acceptRevision(_token, "revised");
        vm.stopPrank();
        bytes memory signature = _taken(player, friend);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotOffered.selector, _token));
        collection.take(_token, friend, signature);
    }

    function test_attack_thief_clears_lost() public {
        _lost();
        bytes memory notYet = abi.encodeWithSelector(IWearableRights.LostNotClearing.selector, _token, 0);
        vm.expectRevert(notYet);
        collection.clearLost(_token);
        // The thief signs for the owner.
        vm.prank(player);
        collection.askClearLost(_token);
        vm.warp(NOW + 7 days - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IWearableRights.LostNotClearing.selector, _token, NOW + 7 days)
        );
        collection.clearLost(_token);
        // The owner does too, and marking again calls it off.
        vm.expectEmit(address(collection));
        emit IWearableRights.LostClearing(_token, 0);
        _lost();
        vm.warp(NOW + 7 days);
        vm.expectRevert(notYet);
        collection.clearLost(_token);
        vm.prank(player);
        vm.expectRevert(_isLost());
        collection.give(_token, stranger);
    }

    function test_lost_is_cleared_seven_days_after_the_owner_asked() public {
        _lost();
        vm.expectEmit(address(collection));
        emit IWearableRights.LostClearing(_token, NOW + 7 days);
        vm.prank(player);
        collection.askClearLost(_token);
        vm.warp(NOW + 7 days);
        vm.prank(stranger);
        collection.clearLost(_token);
        vm.assertEq(_flags(), 0);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenNotLost.selector, _token));
        collection.clearLost(_token);
        // Lost once more, it needs seven more days.
        _lost();
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.LostNotClearing.selector, _token, 0));
        collection.clearLost(_token);
    }

    function test_only_the_owner_marks_lost_and_asks_to_clear_it() public {
        vm.prank(brand);
        vm.expectRevert(_notOwner(brand));
        collection.markLost(_token);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.TokenNotLost.selector, _token));
        collection.askClearLost(_token);
        _lost();
        vm.prank(stranger);
        vm.expectRevert(_notOwner(stranger));
        collection.askClearLost(_token);
    }

    // ---- What the issuer says

    function test_a_revocation_shows_stops_nothing_and_can_be_lifted() public {
        vm.expectEmit(address(collection));
        emit IWearableRights.Revoked(_token, 7);
        vm.expectEmit(address(collection));
        emit IWearableRights.RightsChanged(_token, OwnerWord.REVOKED >> 200);
        vm.prank(brand);
        collection.revoke(_token, 7);
        (, bool revoked,,,) = collection.saleStatus(_token);
        vm.assertEq(revoked, true);
        vm.prank(player);
        collection.give(_token, friend);
        vm.assertEq(collection.ownerOf(_token), friend);
        vm.assertEq(_flags(), OwnerWord.REVOKED);
        vm.prank(brand);
        collection.revoke(_token, 0);
        vm.assertEq(_flags(), 0);
    }

    function test_only_the_issuer_revokes_and_only_what_exists() public {
        vm.prank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, service));
        collection.revoke(_token, 7);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, _token + 1));
        collection.revoke(_token + 1, 7);
    }

    function test_a_revision_is_the_issuers_to_propose_and_the_owners_to_accept() public {
        bytes32 first = collection.designDigestOf(_token);
        vm.prank(brand);
        collection.setBaseUri("");
        string memory before = collection.tokenURI(_token);
        bytes memory unknown =
            abi.encodeWithSelector(IWearableRights.NoSuchRevision.selector, bytes32("revised"));
        vm.prank(player);
        vm.expectRevert(unknown);
        collection.acceptRevision(_token, "revised");
        vm.expectEmit(address(collection));
        emit IWearableCollection.RevisionProposed(1, "revised", true);
        vm.prank(brand);
        collection.proposeRevision(1, "revised", true);
        // Proposed is not accepted, and nobody accepts for the owner.
        vm.assertEq(collection.designDigestOf(_token), first);
        vm.prank(brand);
        vm.expectRevert(_notOwner(brand));
        collection.acceptRevision(_token, "revised");
        vm.expectEmit(address(collection));
        emit IWearableRights.RevisionAccepted(_token, "revised");
        vm.expectEmit(address(collection));
        emit IERC4906.MetadataUpdate(_token);
        vm.prank(player);
        collection.acceptRevision(_token, "revised");
        vm.assertEq(collection.designDigestOf(_token), "revised");
        vm.assertTrue(
            keccak256(bytes(collection.tokenURI(_token))) != keccak256(bytes(before)), "the same document"
        );

        // Who accepted keeps it; who did not can no longer.
        vm.prank(brand);
        collection.proposeRevision(1, "revised", false);
        vm.assertEq(collection.designDigestOf(_token), "revised");
        vm.startPrank(player);
        collection.acceptRevision(_token, 0);
        vm.assertEq(collection.designDigestOf(_token), first);
        vm.assertEq(collection.tokenURI(_token), before);
        vm.expectRevert(unknown);
        collection.acceptRevision(_token, "revised");
    }

    function test_attack_a_revision_of_another_design_is_not_accepted() public {
        _commit(2, 1, _leaves(2, 1, 1, true));
        vm.prank(brand);
        collection.proposeRevision(2, "revised", true);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NoSuchRevision.selector, bytes32("revised")));
        collection.acceptRevision(_token, "revised");
    }

    function test_revisions_and_licences_are_the_issuers_and_of_open_designs() public {
        vm.startPrank(service);
        bytes memory refused =
            abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, service);
        vm.expectRevert(refused);
        collection.proposeRevision(1, "revised", true);
        vm.expectRevert(refused);
        collection.stateLicence(1, "licence");
        vm.stopPrank();
        vm.startPrank(brand);
        vm.expectRevert(IWearableCollection.BadDesign.selector);
        collection.proposeRevision(2, "revised", true);
        vm.expectRevert(IWearableCollection.BadDesign.selector);
        collection.proposeRevision(1, 0, true);
        vm.expectRevert(IWearableCollection.BadDesign.selector);
        collection.stateLicence(2, "licence");
        vm.expectRevert(IWearableCollection.BadDesign.selector);
        collection.stateLicence(1, 0);
    }

    function test_a_licence_is_stated_once() public {
        vm.expectEmit(address(collection));
        emit IWearableCollection.LicenceStated(1, "licence");
        vm.startPrank(brand);
        collection.stateLicence(1, "licence");
        vm.assertEq(collection.licenceOf(1), "licence");
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.LicenceFixed.selector, 1));
        collection.stateLicence(1, "harsher");
    }

    function test_the_interfaces_are_named() public view {
        vm.assertEq(collection.supportsInterface(0xad092b5c), true); // ERC-4907
        vm.assertEq(collection.supportsInterface(type(IWearableRights).interfaceId), true);
        vm.assertEq(collection.supportsInterface(type(IWearableCollection).interfaceId), true);
        vm.assertEq(collection.supportsInterface(0x80ac58cd), true); // ERC-721
        vm.assertEq(collection.supportsInterface(0xffffffff), false);
    }

    function testFuzz_a_token_that_does_not_exist_has_no_rights(uint256 tokenId, address sender) public {
        vm.assume(tokenId != _token && sender != address(0));
        bytes memory refused = abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId);
        vm.startPrank(sender);
        vm.expectRevert(refused);
        collection.setUser(tokenId, sender, UNTIL);
        vm.expectRevert(refused);
        collection.offer(tokenId, sender, UNTIL);
        vm.expectRevert(refused);
        collection.markLost(tokenId);
        vm.expectRevert(refused);
        collection.take(tokenId, sender, "");
        vm.expectRevert(refused);
        collection.saleStatus(tokenId);
        vm.assertEq(collection.userOf(tokenId), address(0));
    }
}
