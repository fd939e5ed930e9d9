// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIssuerRegistry} from "../interfaces/IIssuerRegistry.sol";
import {World} from "./support/World.sol";

contract IssuerRegistryTest is World {
    bytes32 private constant KEY = keccak256("an Ed25519 key");

    function _acceptAt(uint64 size) private {
        vm.prank(brand);
        registry.acceptLog(brandId, ORIGIN_HASH, service);
        if (size == 0) return;
        vm.prank(service);
        logAnchor.anchor(ORIGIN, size, keccak256("root"));
    }

    function _keyInterval() private view returns (IIssuerRegistry.KeyState state, uint64 from, uint64 until) {
        return registry.keyOf(brandId, KEY, ORIGIN_HASH);
    }

    // ---- Registering and the account

    function test_issuers_are_numbered_from_one_and_belong_to_the_sender() public {
        vm.assertEq(brandId, 1);
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.IssuerRegistered(2, friend, "");
        vm.prank(friend);
        vm.assertEq(registry.register(""), 2);
        vm.assertEq(registry.issuerCount(), 2);
        vm.assertEq(registry.accountOf(2), friend);
        vm.assertEq(registry.didOf(1), "did:web:maison.example");
        vm.assertEq(registry.logAnchor(), address(logAnchor));
    }

    function test_an_issuer_that_does_not_exist_has_no_account() public {
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.UnknownIssuer.selector, 0));
        registry.accountOf(0);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.UnknownIssuer.selector, 2));
        registry.accountOf(2);
    }

    function test_a_did_longer_than_256_bytes_is_refused() public {
        registry.register(string(new bytes(256)));
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.DidTooLong.selector, 257, 256));
        registry.register(string(new bytes(257)));
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.DidTooLong.selector, 257, 256));
        registry.claimDid(brandId, string(new bytes(257)));
    }

    function test_a_did_claim_is_replaced_by_the_issuer_only() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotIssuer.selector, brandId, stranger));
        registry.claimDid(brandId, "did:web:evil.example");
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.DidClaimed(brandId, "did:web:nuit.example");
        vm.prank(brand);
        registry.claimDid(brandId, "did:web:nuit.example");
        vm.assertEq(registry.didOf(brandId), "did:web:nuit.example");
    }

    function test_an_account_changes_in_two_steps() public {
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.AccountProposed(brandId, friend);
        vm.prank(brand);
        registry.proposeAccount(brandId, friend);
        vm.assertEq(registry.accountOf(brandId), brand);
        vm.assertEq(registry.proposedAccountOf(brandId), friend);

        vm.expectEmit(address(registry));
        emit IIssuerRegistry.AccountChanged(brandId, brand, friend);
        vm.prank(friend);
        registry.acceptAccount(brandId);
        vm.assertEq(registry.accountOf(brandId), friend);
        vm.assertEq(registry.proposedAccountOf(brandId), address(0));
    }

    function test_a_previous_account_has_no_rights_left() public {
        vm.prank(brand);
        registry.proposeAccount(brandId, friend);
        vm.prank(friend);
        registry.acceptAccount(brandId);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotIssuer.selector, brandId, brand));
        registry.proposeAccount(brandId, brand);
        vm.prank(friend);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotProposed.selector, brandId, friend));
        registry.acceptAccount(brandId);
    }

    function test_only_the_proposed_account_accepts_and_an_offer_can_be_withdrawn() public {
        vm.prank(brand);
        registry.proposeAccount(brandId, friend);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotProposed.selector, brandId, stranger));
        registry.acceptAccount(brandId);
        vm.prank(brand);
        registry.proposeAccount(brandId, address(0));
        vm.prank(friend);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotProposed.selector, brandId, friend));
        registry.acceptAccount(brandId);
        vm.assertEq(registry.accountOf(brandId), brand);
    }

    // ---- Logs

    function test_a_log_is_accepted_removed_and_accepted_again_with_the_same_account() public {
        vm.startPrank(brand);
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.LogAccepted(brandId, ORIGIN_HASH, service);
        registry.acceptLog(brandId, ORIGIN_HASH, service);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.LogAlreadyAccepted.selector, ORIGIN_HASH));
        registry.acceptLog(brandId, ORIGIN_HASH, service);

        vm.expectEmit(address(registry));
        emit IIssuerRegistry.LogRemoved(brandId, ORIGIN_HASH);
        registry.removeLog(brandId, ORIGIN_HASH);
        (bool accepted, address anchoringAccount) = registry.logOf(brandId, ORIGIN_HASH);
        vm.assertEq(accepted, false);
        vm.assertEq(anchoringAccount, service);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.LogNotAccepted.selector, ORIGIN_HASH));
        registry.removeLog(brandId, ORIGIN_HASH);

        registry.acceptLog(brandId, ORIGIN_HASH, service);
        (accepted,) = registry.logOf(brandId, ORIGIN_HASH);
        vm.assertEq(accepted, true);
    }

    function test_a_log_without_anchoring_account_is_refused() public {
        vm.prank(brand);
        vm.expectRevert(IIssuerRegistry.ZeroAnchoringAccount.selector);
        registry.acceptLog(brandId, ORIGIN_HASH, address(0));
    }

    function test_attack_issuer_swaps_the_anchoring_account_to_backdate_a_key() public {
        _acceptAt(100);
        vm.startPrank(brand);
        registry.removeLog(brandId, ORIGIN_HASH);
        vm.expectRevert(
            abi.encodeWithSelector(IIssuerRegistry.AnchoringAccountFixed.selector, ORIGIN_HASH, service)
        );
        registry.acceptLog(brandId, ORIGIN_HASH, brand);
    }

    // ---- Keys

    function test_a_key_is_valid_over_an_interval_of_a_log() public {
        _acceptAt(0);
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.KeyAdded(brandId, KEY, ORIGIN_HASH, 3);
        vm.prank(brand);
        registry.addKey(brandId, KEY, ORIGIN_HASH, 3);
        (IIssuerRegistry.KeyState state, uint64 from, uint64 until) = _keyInterval();
        vm.assertTrue(state == IIssuerRegistry.KeyState.Active, "active");
        vm.assertEq(from, 3);
        vm.assertEq(until, type(uint64).max);

        vm.expectEmit(address(registry));
        emit IIssuerRegistry.KeyRetired(brandId, KEY, ORIGIN_HASH, 9);
        vm.prank(brand);
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 9);
        (state, from, until) = _keyInterval();
        vm.assertTrue(state == IIssuerRegistry.KeyState.Retired, "retired");
        vm.assertEq(from, 3);
        vm.assertEq(until, 9);
    }

    function test_a_key_cannot_start_below_what_is_anchored() public {
        _acceptAt(100);
        vm.startPrank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.IndexBelowFloor.selector, 99, 100));
        registry.addKey(brandId, KEY, ORIGIN_HASH, 99);
        registry.addKey(brandId, KEY, ORIGIN_HASH, 100);
    }

    function test_a_key_cannot_end_below_what_is_anchored_nor_before_its_start() public {
        _acceptAt(0);
        vm.prank(brand);
        registry.addKey(brandId, KEY, ORIGIN_HASH, 50);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.IndexBelowFloor.selector, 49, 50));
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 49);
        vm.prank(service);
        logAnchor.anchor(ORIGIN, 100, keccak256("root"));
        vm.startPrank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.IndexBelowFloor.selector, 99, 100));
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 99);
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 100);
    }

    function test_a_key_is_added_once_and_retired_once_in_a_log() public {
        _acceptAt(0);
        vm.startPrank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.KeyNotActive.selector, KEY, ORIGIN_HASH));
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 1);
        registry.addKey(brandId, KEY, ORIGIN_HASH, 0);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.KeyAlreadyAdded.selector, KEY, ORIGIN_HASH));
        registry.addKey(brandId, KEY, ORIGIN_HASH, 0);
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 0);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.KeyNotActive.selector, KEY, ORIGIN_HASH));
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 5);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.KeyAlreadyAdded.selector, KEY, ORIGIN_HASH));
        registry.addKey(brandId, KEY, ORIGIN_HASH, 5);
    }

    function test_the_zero_key_and_keys_of_other_logs_are_refused() public {
        _acceptAt(0);
        vm.startPrank(brand);
        vm.expectRevert(IIssuerRegistry.ZeroKey.selector);
        registry.addKey(brandId, 0, ORIGIN_HASH, 0);
        bytes32 other = keccak256("log.example/other");
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.LogNotAccepted.selector, other));
        registry.addKey(brandId, KEY, other, 0);
    }

    function test_in_a_removed_log_keys_can_be_retired_but_not_added() public {
        _acceptAt(0);
        vm.startPrank(brand);
        registry.addKey(brandId, KEY, ORIGIN_HASH, 0);
        registry.removeLog(brandId, ORIGIN_HASH);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.LogNotAccepted.selector, ORIGIN_HASH));
        registry.addKey(brandId, keccak256("another"), ORIGIN_HASH, 0);
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 10);
    }

    function test_attack_stranger_anchors_a_giant_size_to_freeze_the_keys() public {
        _acceptAt(100);
        vm.prank(stranger);
        logAnchor.anchor(ORIGIN, type(uint64).max, keccak256("root"));
        vm.startPrank(brand);
        registry.addKey(brandId, KEY, ORIGIN_HASH, 100);
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 101);
    }

    function testFuzz_nobody_but_the_issuer_acts_for_the_issuer(address caller, bytes32 anything) public {
        vm.assume(caller != brand);
        _acceptAt(0);
        bytes memory refused = abi.encodeWithSelector(IIssuerRegistry.NotIssuer.selector, brandId, caller);
        vm.startPrank(caller);
        vm.expectRevert(refused);
        registry.claimDid(brandId, "");
        vm.expectRevert(refused);
        registry.proposeAccount(brandId, caller);
        vm.expectRevert(refused);
        registry.acceptLog(brandId, anything, caller);
        vm.expectRevert(refused);
        registry.removeLog(brandId, ORIGIN_HASH);
        vm.expectRevert(refused);
        registry.addKey(brandId, anything, ORIGIN_HASH, 0);
        vm.expectRevert(refused);
        registry.retireKey(brandId, anything, ORIGIN_HASH, 0);
        if (caller != address(0)) {
            vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotProposed.selector, brandId, caller));
            registry.acceptAccount(brandId);
        }
    }

    function testFuzz_no_interval_ever_starts_or_ends_below_the_anchored_size(
        uint64 size,
        uint64 from,
        uint64 later,
        uint64 until
    ) public {
        _acceptAt(size);
        vm.prank(brand);
        try registry.addKey(brandId, KEY, ORIGIN_HASH, from) {
            vm.assertLe(size, from, "start");
        } catch {
            vm.assertTrue(from < size, "refused only below the floor");
            return;
        }
        if (later > size) {
            vm.prank(service);
            logAnchor.anchor(ORIGIN, later, keccak256("later"));
        }
        vm.prank(brand);
        try registry.retireKey(brandId, KEY, ORIGIN_HASH, until) {
            vm.assertLe(later > size ? later : size, until, "end");
            vm.assertLe(from, until, "end after start");
        } catch {
            vm.assertTrue(until < from || until < size || until < later, "refused only below a floor");
        }
    }

    // ---- Keys that somebody else has

    function _compromise() private view returns (bool declared, uint64 from, uint64 time) {
        return registry.compromiseOf(brandId, KEY, ORIGIN_HASH);
    }

    function _keyFrom(uint64 fromIndex) private {
        _acceptAt(fromIndex);
        vm.prank(brand);
        registry.addKey(brandId, KEY, ORIGIN_HASH, fromIndex);
    }

    function test_a_compromise_reaches_below_the_last_anchor_and_counts_after_seven_days() public {
        _keyFrom(10);
        vm.prank(service);
        logAnchor.anchor(ORIGIN, 1000, keccak256("later"));
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.KeyCompromised(brandId, KEY, ORIGIN_HASH, 10, uint64(NOW + 7 days));
        vm.prank(brand);
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 10);
        (bool declared, uint64 from, uint64 time) = _compromise();
        vm.assertEq(declared, true);
        vm.assertEq(from, 10);
        vm.assertEq(time, NOW + 7 days);
        // The interval itself stays as it was.
        (IIssuerRegistry.KeyState state, uint64 first, uint64 until) = _keyInterval();
        vm.assertEq(uint256(state), uint256(IIssuerRegistry.KeyState.Active));
        vm.assertEq(first, 10);
        vm.assertEq(until, type(uint64).max);
    }

    function test_a_compromise_is_never_undone_lowered_or_raised() public {
        _keyFrom(10);
        vm.startPrank(brand);
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 50);
        bytes memory refused =
            abi.encodeWithSelector(IIssuerRegistry.KeyAlreadyCompromised.selector, KEY, ORIGIN_HASH);
        vm.warp(NOW + 400 days);
        vm.expectRevert(refused);
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 40);
        vm.expectRevert(refused);
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 60);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.KeyAlreadyAdded.selector, KEY, ORIGIN_HASH));
        registry.addKey(brandId, KEY, ORIGIN_HASH, 2000);
        // Neither retiring the key nor removing the log takes it away.
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 100);
        registry.removeLog(brandId, ORIGIN_HASH);
        (bool declared, uint64 from, uint64 time) = _compromise();
        vm.assertEq(declared, true);
        vm.assertEq(from, 50);
        vm.assertEq(time, NOW + 7 days);
    }

    function test_a_compromise_lies_within_the_interval_of_the_key() public {
        _keyFrom(10);
        vm.startPrank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.IndexBelowFloor.selector, 9, 10));
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 9);
        registry.retireKey(brandId, KEY, ORIGIN_HASH, 20);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.IndexNotCovered.selector, 20, 20));
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 20);
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 19);
    }

    function test_only_the_issuer_declares_and_only_a_key_that_it_added() public {
        _keyFrom(10);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotIssuer.selector, brandId, stranger));
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, 10);
        vm.prank(brand);
        vm.expectRevert(
            abi.encodeWithSelector(IIssuerRegistry.KeyUnknown.selector, bytes32("another"), ORIGIN_HASH)
        );
        registry.declareCompromised(brandId, "another", ORIGIN_HASH, 10);
        (bool declared, uint64 from, uint64 time) = _compromise();
        vm.assertEq(declared, false);
        vm.assertEq(from + time, 0);
    }

    function testFuzz_a_compromise_disturbs_nothing_else_in_the_word(uint64 from, uint64 index) public {
        from = from % (type(uint64).max - 1);
        index = from + index % (type(uint64).max - from);
        _acceptAt(0);
        vm.startPrank(brand);
        registry.addKey(brandId, KEY, ORIGIN_HASH, from);
        registry.declareCompromised(brandId, KEY, ORIGIN_HASH, index);
        (, uint64 first, uint64 until) = _keyInterval();
        vm.assertEq(first, from);
        vm.assertEq(until, type(uint64).max);
        (, uint64 compromisedFrom,) = _compromise();
        vm.assertEq(compromisedFrom, index);
    }

    // ---- Whose word counts

    function test_anybody_vouches_for_an_issuer_and_takes_it_back() public {
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.IssuerAccredited(brandId, friend, "a report");
        vm.startPrank(friend);
        registry.accredit(brandId, "a report");
        vm.assertEq(registry.accreditedSince(brandId, friend), NOW);
        vm.assertEq(registry.accreditedSince(brandId, stranger), 0);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.AlreadyAccredited.selector, brandId, friend));
        registry.accredit(brandId, "a report");
        vm.expectEmit(address(registry));
        emit IIssuerRegistry.AccreditationWithdrawn(brandId, friend);
        registry.withdrawAccreditation(brandId);
        vm.assertEq(registry.accreditedSince(brandId, friend), 0);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotAccredited.selector, brandId, friend));
        registry.withdrawAccreditation(brandId);
        registry.accredit(brandId, 0);
    }

    function test_nobody_vouches_for_an_issuer_that_does_not_exist_or_in_anothers_name() public {
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.UnknownIssuer.selector, 2));
        registry.accredit(2, 0);
        vm.prank(friend);
        registry.accredit(brandId, 0);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.NotAccredited.selector, brandId, brand));
        registry.withdrawAccreditation(brandId);
    }
}
