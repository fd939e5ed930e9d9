// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

/// @title Claim keys that change, and serials that are withdrawn
contract ClaimKeysTest is World {
    Trees.Leaf[] private _kept;
    uint256 private _token;

    function setUp() public override {
        super.setUp();
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        leaves[2].claimKey = address(0);
        _commit(1, 1, leaves);
        for (uint256 i = 0; i < 3; ++i) {
            _kept.push(leaves[i]);
        }
        _token = leaves[0].tokenId;
    }

    /// A claim signed by `key`, of the first leaf.
    function _claimBy(uint256 key, address to) private {
        (bytes32 root, bytes32[] memory proof) = Trees.open(_kept, 0);
        bytes memory signature =
            _signClaim(address(collection), key, _token, _kept[0].digest, to, block.timestamp);
        collection.claim(
            root, _token, _kept[0].digest, _kept[0].claimKey, to, block.timestamp, proof, signature
        );
    }

    function _refusedClaimBy(uint256 key, bytes memory refusal) private {
        (bytes32 root, bytes32[] memory proof) = Trees.open(_kept, 0);
        bytes memory signature =
            _signClaim(address(collection), key, _token, _kept[0].digest, player, block.timestamp);
        vm.expectRevert(refusal);
        collection.claim(
            root, _token, _kept[0].digest, _kept[0].claimKey, player, block.timestamp, proof, signature
        );
    }

    function _badSignature() private pure returns (bytes memory) {
        return abi.encodeWithSelector(IWearableCollection.BadSignature.selector);
    }

    function _withdrawn() private view returns (bytes memory) {
        return abi.encodeWithSelector(IWearableCollection.SerialWithdrawn.selector, _token);
    }

    function _replace(string memory name) private {
        vm.prank(brand);
        collection.replaceClaimKey(_token, vm.addr(_key(name)));
    }

    function test_the_old_key_claims_during_the_notice_and_the_new_one_after_it() public {
        vm.expectEmit(address(collection));
        emit IWearableCollection.ClaimKeyChanging(_token, vm.addr(_key("new label")), NOW + 7 days);
        _replace("new label");
        vm.warp(NOW + 7 days - 1);
        _refusedClaimBy(_key("new label"), _badSignature());
        vm.warp(NOW + 7 days);
        _refusedClaimBy(_claimKey(_token), _badSignature());
        _claimBy(_key("new label"), player);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    function test_a_claim_works_during_the_notice() public {
        _replace("new label");
        vm.warp(NOW + 7 days - 1);
        _claimBy(_claimKey(_token), player);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    function test_a_change_under_way_is_replaced_by_the_next_and_starts_its_notice_again() public {
        _replace("second label");
        vm.warp(NOW + 6 days);
        _replace("third label");
        vm.warp(NOW + 12 days);
        _refusedClaimBy(_key("second label"), _badSignature());
        _refusedClaimBy(_key("third label"), _badSignature());
        vm.warp(NOW + 13 days);
        _refusedClaimBy(_claimKey(_token), _badSignature());
        _claimBy(_key("third label"), player);
    }

    function test_a_change_that_has_come_into_effect_is_where_the_next_one_starts() public {
        _replace("second label");
        vm.warp(NOW + 7 days);
        _replace("third label");
        _refusedClaimBy(_claimKey(_token), _badSignature());
        _refusedClaimBy(_key("third label"), _badSignature());
        _claimBy(_key("second label"), player);
    }

    function test_a_withdrawn_serial_is_claimable_for_seven_days_then_never_unless_armed_again() public {
        vm.expectEmit(address(collection));
        emit IWearableCollection.ClaimKeyChanging(_token, address(1), NOW + 7 days);
        vm.prank(brand);
        collection.withdrawSerial(_token);
        vm.warp(NOW + 7 days);
        _refusedClaimBy(_claimKey(_token), _withdrawn());
        _replace("new label");
        // Not even during the notice of the new key.
        _refusedClaimBy(_claimKey(_token), _withdrawn());
        _refusedClaimBy(_key("new label"), _withdrawn());
        vm.warp(NOW + 14 days);
        _refusedClaimBy(_claimKey(_token), _badSignature());
        _claimBy(_key("new label"), player);
    }

    function test_a_claim_works_while_a_withdrawal_is_under_way() public {
        vm.prank(brand);
        collection.withdrawSerial(_token);
        vm.warp(NOW + 7 days - 1);
        _claimBy(_claimKey(_token), player);
    }

    function test_a_withdrawn_serial_is_not_minted_either() public {
        uint256 token = _kept[2].tokenId;
        vm.prank(brand);
        collection.withdrawSerial(token);
        vm.warp(NOW + 7 days);
        (bytes32 root, bytes32[] memory proof) = Trees.open(_kept, 2);
        vm.prank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.SerialWithdrawn.selector, token));
        collection.mint(root, token, _kept[2].digest, player, proof);
    }

    function test_attack_a_claim_key_given_to_a_minters_serial_opens_nothing() public {
        uint256 token = _kept[2].tokenId;
        vm.prank(brand);
        collection.replaceClaimKey(token, vm.addr(_key("new label")));
        vm.warp(NOW + 7 days);
        (bytes32 root, bytes32[] memory proof) = Trees.open(_kept, 2);
        bytes memory signature = _signClaim(
            address(collection), _key("new label"), token, _kept[2].digest, player, block.timestamp
        );
        bytes32 digest = _kept[2].digest;
        vm.expectRevert(IWearableCollection.ZeroClaimKey.selector);
        collection.claim(root, token, digest, address(0), player, block.timestamp, proof, signature);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotInBatch.selector, root, token));
        collection.claim(
            root, token, digest, vm.addr(_key("new label")), player, block.timestamp, proof, signature
        );
        vm.prank(service);
        collection.mint(root, token, digest, player, proof);
    }

    // ---- At once

    function _replaceNow(uint256 signer, string memory newName, uint256 deadline, bytes memory refusal)
        private
    {
        (bytes32 root, bytes32[] memory proof) = Trees.open(_kept, 0);
        address newKey = vm.addr(_key(newName));
        bytes32 typeHash = keccak256("ReplaceClaimKey(uint256 tokenId,address newKey,uint256 deadline)");
        bytes32 hash = _typed(address(collection), keccak256(abi.encode(typeHash, _token, newKey, deadline)));
        bytes memory signature = _sign(signer, hash);
        if (refusal.length != 0) vm.expectRevert(refusal);
        collection.replaceClaimKeyNow(
            root, _token, _kept[0].digest, _kept[0].claimKey, newKey, deadline, proof, signature
        );
    }

    function test_a_key_that_signs_for_its_successor_is_replaced_at_once() public {
        vm.startPrank(brand);
        _replaceNow(_claimKey(_token), "second label", NOW, "");
        _refusedClaimBy(_claimKey(_token), _badSignature());
        // The second one signs for the third; the first no longer counts.
        _replaceNow(_claimKey(_token), "third label", NOW, _badSignature());
        _replaceNow(_key("second label"), "third label", NOW, "");
        vm.stopPrank();
        _claimBy(_key("third label"), player);
    }

    function test_what_a_key_signed_for_its_successor_counts_again_while_it_is_the_present_one_again()
        public
    {
        vm.startPrank(brand);
        _replaceNow(_claimKey(_token), "second label", NOW, "");
        for (uint256 i = 0; i < 2; ++i) {
            _replaceNow(_key("second label"), "third label", NOW, ""); // the same signature, byte for byte
            _replaceNow(_key("third label"), "second label", NOW, "");
        }
        vm.stopPrank();
        vm.warp(NOW + 1); // its deadline ends it
        bytes memory late = abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW);
        vm.prank(brand);
        _replaceNow(_key("second label"), "third label", NOW, late);
    }

    function test_replacing_at_once_cancels_what_was_under_way() public {
        vm.startPrank(brand);
        collection.withdrawSerial(_token);
        _replaceNow(_claimKey(_token), "second label", NOW, "");
        vm.stopPrank();
        vm.warp(NOW + 8 days);
        _claimBy(_key("second label"), player);
    }

    function test_attack_a_key_is_replaced_at_once_without_its_holder_or_without_the_issuer() public {
        vm.startPrank(brand);
        _replaceNow(_key("brand"), "second label", NOW, _badSignature());
        _replaceNow(_key("second label"), "second label", NOW, _badSignature());
        _replaceNow(
            _claimKey(_token),
            "second label",
            NOW - 1,
            abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW - 1)
        );
        vm.stopPrank();
        vm.prank(stranger);
        _replaceNow(
            _claimKey(_token),
            "second label",
            NOW,
            abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, stranger)
        );
        _claimBy(_claimKey(_token), player);
    }

    // ---- Who, and what

    function test_only_the_issuer_changes_keys_of_committed_serials_that_nobody_claimed() public {
        vm.startPrank(service);
        bytes memory refused =
            abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, service);
        vm.expectRevert(refused);
        collection.replaceClaimKey(_token, friend);
        vm.expectRevert(refused);
        collection.withdrawSerial(_token);
        vm.stopPrank();
        _claimBy(_claimKey(_token), player);
        vm.startPrank(brand);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, _token));
        collection.replaceClaimKey(_token, friend);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, _token));
        collection.withdrawSerial(_token);
        uint256[4] memory strange =
            [_tokenId(1, 4), _tokenId(2, 1), _tokenId(1, 0), _tokenId(1, 1) | uint256(1) << 128];
        for (uint256 i = 0; i < strange.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotCommitted.selector, strange[i]));
            collection.withdrawSerial(strange[i]);
        }
        for (uint160 none = 0; none < 2; ++none) {
            vm.expectRevert(IWearableCollection.ZeroClaimKey.selector);
            collection.replaceClaimKey(_kept[1].tokenId, address(none));
        }
    }

    function test_attack_a_burned_wearable_is_not_armed_again() public {
        _claimBy(_claimKey(_token), player);
        vm.prank(player);
        collection.burn(_token);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, _token));
        collection.replaceClaimKey(_token, friend);
    }

    function testFuzz_at_every_moment_exactly_one_key_claims(uint32 first, uint32 second, uint32 wait)
        public
    {
        uint256 changedFirst = NOW + first % 10 days;
        uint256 changedSecond = changedFirst + second % 20 days;
        vm.warp(changedFirst);
        _replace("second label");
        vm.warp(changedSecond);
        _replace("third label");
        vm.warp(changedSecond + wait % 10 days);
        bool firstOver = changedSecond >= changedFirst + 7 days;
        bool secondOver = block.timestamp >= changedSecond + 7 days;
        uint256 expected =
            secondOver ? _key("third label") : firstOver ? _key("second label") : _claimKey(_token);
        uint256[3] memory keys = [_claimKey(_token), _key("second label"), _key("third label")];
        for (uint256 i = 0; i < 3; ++i) {
            if (keys[i] != expected) _refusedClaimBy(keys[i], _badSignature());
        }
        _claimBy(expected, player);
    }
}
