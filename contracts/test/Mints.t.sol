// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

contract MintsTest is World {
    uint256 private constant BURNED = 1 << 200;

    function test_a_minter_mints_a_serial_without_claim_key() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        _commit(1, 1, leaves);
        vm.expectEmit(address(collection));
        emit IWearableCollection.Certified(leaves[3].tokenId, leaves[3].digest);
        _mint(leaves, 3, player);
        vm.assertEq(collection.ownerOf(leaves[3].tokenId), player);
    }

    function test_a_minter_mints_a_serial_once() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        bytes32 root = _commit(1, 1, leaves);
        _mint(leaves, 3, player);
        (, bytes32[] memory proof) = Trees.open(leaves, 3);
        vm.prank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, leaves[3].tokenId));
        collection.mint(root, leaves[3].tokenId, leaves[3].digest, friend, proof);
    }

    function test_a_minter_cannot_take_a_serial_with_a_claim_key() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, true);
        bytes32 root = _commit(1, 1, leaves);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        vm.prank(service);
        vm.expectRevert(
            abi.encodeWithSelector(IWearableCollection.NotInBatch.selector, root, leaves[0].tokenId)
        );
        collection.mint(root, leaves[0].tokenId, leaves[0].digest, service, proof);
    }

    function test_a_minter_cannot_commit_by_any_way() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, "root");
        bytes memory signature = _signCommit(address(collection), _key("service"), batch, NOW);
        vm.startPrank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, service));
        collection.commitBatch(batch);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, signature);
    }

    function test_the_issuer_takes_the_minter_role_back_at_any_time() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        bytes32 root = _commit(1, 1, leaves);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        vm.expectEmit(address(collection));
        emit IWearableCollection.MinterChanged(service, false);
        vm.prank(brand);
        collection.setMinter(service, false);
        vm.prank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotMinter.selector, service));
        collection.mint(root, leaves[0].tokenId, leaves[0].digest, service, proof);

        vm.prank(brand);
        collection.setMinter(friend, true);
        vm.prank(friend);
        collection.mint(root, leaves[0].tokenId, leaves[0].digest, player, proof);
    }

    function test_only_the_issuer_grants_roles_links_and_royalties() public {
        bytes memory refused =
            abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, service);
        vm.startPrank(service);
        vm.expectRevert(refused);
        collection.setMinter(friend, true);
        vm.expectRevert(refused);
        collection.setBaseUri("https://evil.example/");
        vm.expectRevert(refused);
        collection.setRoyalty(service, 10_000);
    }

    // ---- Vouchers

    function _voucher(Trees.Leaf[] memory leaves, address to, bytes memory signature, address minter)
        private
    {
        (bytes32 root, bytes32[] memory proof) = Trees.open(leaves, 0);
        collection.mintByVoucher(root, leaves[0].tokenId, leaves[0].digest, to, minter, NOW, proof, signature);
    }

    function _signedVoucher(Trees.Leaf[] memory leaves, string memory name, address to)
        private
        view
        returns (bytes memory)
    {
        return _signVoucher(address(collection), _key(name), leaves[0].tokenId, leaves[0].digest, to, NOW);
    }

    function test_anybody_submits_a_voucher_of_a_minter_once() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        _commit(1, 1, leaves);
        bytes memory signature = _signedVoucher(leaves, "service", player);
        vm.startPrank(stranger);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _voucher(leaves, stranger, signature, service);
        _voucher(leaves, player, signature, service);
        vm.assertEq(collection.ownerOf(leaves[0].tokenId), player);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, leaves[0].tokenId));
        _voucher(leaves, player, signature, service);
    }

    function test_attack_a_voucher_outlives_its_signers_role_its_deadline_or_its_signer() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        _commit(1, 1, leaves);
        bytes memory signature = _signedVoucher(leaves, "stranger", player);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotMinter.selector, stranger));
        _voucher(leaves, player, signature, stranger);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _voucher(leaves, player, signature, service);
        signature = _signedVoucher(leaves, "service", player);
        vm.prank(brand);
        collection.setMinter(service, false);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotMinter.selector, service));
        _voucher(leaves, player, signature, service);
        vm.prank(brand);
        collection.setMinter(service, true);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW));
        _voucher(leaves, player, signature, service);
    }

    function test_attack_a_voucher_for_a_serial_with_a_claim_key() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, true);
        bytes32 root = _commit(1, 1, leaves);
        bytes memory signature = _signedVoucher(leaves, "service", service);
        vm.expectRevert(
            abi.encodeWithSelector(IWearableCollection.NotInBatch.selector, root, leaves[0].tokenId)
        );
        _voucher(leaves, service, signature, service);
    }

    // ---- Pauses

    function test_a_pause_stops_mints_and_vouchers_and_nothing_else() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        bytes32 root = _commit(1, 1, leaves);
        vm.prank(brand);
        collection.setPauser(friend, true);
        vm.expectEmit(address(collection));
        emit IWearableCollection.MintingPaused(NOW + 14 days);
        vm.prank(friend);
        collection.pauseMinting(uint40(NOW + 14 days));
        bytes memory refused =
            abi.encodeWithSelector(IWearableCollection.MintingIsPaused.selector, NOW + 14 days);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        vm.prank(service);
        vm.expectRevert(refused);
        collection.mint(root, leaves[0].tokenId, leaves[0].digest, player, proof);
        bytes memory signature = _signedVoucher(leaves, "service", player);
        vm.expectRevert(refused);
        _voucher(leaves, player, signature, service);

        // Commits, claims and transfers go on.
        Trees.Leaf[] memory claimable = _leaves(2, 1, 2, true);
        _commit(2, 1, claimable);
        _claim(claimable, 0, player);
        vm.prank(player);
        collection.give(claimable[0].tokenId, friend);

        vm.warp(NOW + 14 days + 1);
        _mint(leaves, 0, player);
    }

    function test_a_pause_is_short_and_ends_early_when_told() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        _commit(1, 1, leaves);
        vm.startPrank(brand);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.PauseTooLong.selector, NOW + 14 days + 1));
        collection.pauseMinting(uint40(NOW + 14 days + 1));
        collection.pauseMinting(uint40(NOW + 1));
        collection.pauseMinting(0);
        vm.stopPrank();
        _mint(leaves, 0, player);
    }

    function test_attack_pauser_pauses_again_and_again() public {
        vm.startPrank(brand);
        collection.setPauser(friend, true);
        vm.stopPrank();
        uint256 end = NOW + 5 days;
        vm.startPrank(friend);
        collection.pauseMinting(uint40(end));
        vm.expectRevert(_tooLong(end + 1)); // not longer, though it would be 14 days
        collection.pauseMinting(uint40(end + 1));
        for (uint256 time = end + 2; time <= end + 14 days; time += 14 days - 2) {
            vm.warp(time);
            vm.expectRevert(_tooLong(time)); // nor another one, until 14 days after it
            collection.pauseMinting(uint40(time));
            vm.expectRevert(_tooLong(time - 1)); // nor is there anything to end
            collection.pauseMinting(0);
            vm.assertEq(collection.mintingPausedUntil(), end);
        }
        vm.warp(end + 14 days + 1);
        collection.pauseMinting(uint40(end + 28 days + 1));
        // Ended early, the next one waits from then on.
        vm.warp(end + 15 days);
        collection.pauseMinting(0);
        vm.assertEq(collection.mintingPausedUntil(), end + 15 days - 1);
        vm.expectRevert(_tooLong(end + 16 days));
        collection.pauseMinting(uint40(end + 16 days));
        vm.warp(end + 29 days);
        collection.pauseMinting(uint40(end + 29 days));
    }

    function _tooLong(uint256 until) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IWearableCollection.PauseTooLong.selector, until);
    }

    function test_only_pausers_and_the_issuer_pause() public {
        bytes memory refused = abi.encodeWithSelector(IWearableCollection.NotPauser.selector, service);
        vm.prank(service);
        vm.expectRevert(refused);
        collection.pauseMinting(uint40(NOW + 1));
        vm.startPrank(brand);
        collection.setPauser(service, true);
        collection.setPauser(service, false);
        vm.stopPrank();
        vm.prank(service);
        vm.expectRevert(refused);
        collection.pauseMinting(uint40(NOW + 1));
        vm.prank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, service));
        collection.setPauser(service, true);
    }

    // ---- Transfers and the end

    function test_an_owner_gives_a_wearable_away_by_a_plain_transfer() public {
        uint256 tokenId = _wearableOf(player);
        vm.prank(player);
        collection.transferFrom(player, friend, tokenId);
        vm.assertEq(collection.ownerOf(tokenId), friend);
        vm.assertEq(collection.wordOf(tokenId), uint256(uint160(friend)));
        vm.assertEq(collection.balanceOf(player), 0);
        vm.assertEq(collection.balanceOf(friend), 1);
    }

    function test_neither_issuer_nor_service_moves_what_a_player_owns() public {
        uint256 tokenId = _wearableOf(player);
        address[3] memory others = [brand, service, stranger];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.prank(others[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, others[i], tokenId)
            );
            collection.transferFrom(player, others[i], tokenId);
            vm.prank(others[i]);
            vm.expectRevert(
                abi.encodeWithSelector(IWearableRights.NotTokenOwner.selector, tokenId, others[i])
            );
            collection.burn(tokenId);
        }
    }

    function test_a_burned_serial_keeps_its_flag_and_never_returns() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        bytes32 root = _commit(1, 1, leaves);
        _claim(leaves, 1, player);
        uint256 tokenId = leaves[1].tokenId;
        vm.prank(player);
        collection.burn(tokenId);
        vm.assertEq(collection.wordOf(tokenId), BURNED);
        vm.assertEq(collection.balanceOf(player), 0);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId));
        collection.ownerOf(tokenId);

        (, bytes32[] memory proof) = Trees.open(leaves, 1);
        bytes memory signature =
            _signClaim(address(collection), _claimKey(tokenId), tokenId, leaves[1].digest, player, NOW);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, tokenId));
        collection.claim(root, tokenId, leaves[1].digest, leaves[1].claimKey, player, NOW, proof, signature);
        vm.prank(player);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId));
        collection.burn(tokenId);
    }

    function test_an_approved_account_moves_a_wearable_but_does_not_burn_it() public {
        uint256 tokenId = _wearableOf(player);
        vm.prank(player);
        collection.setApprovalForAll(friend, true);
        vm.startPrank(friend);
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NotTokenOwner.selector, tokenId, friend));
        collection.burn(tokenId);
        collection.transferFrom(player, friend, tokenId);
    }

    function testFuzz_a_token_that_was_never_minted_has_no_owner(uint256 tokenId) public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, tokenId));
        collection.ownerOf(tokenId);
        vm.assertEq(collection.wordOf(tokenId), 0);
    }

    function test_token_zero_never_exists() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 0));
        collection.ownerOf(0);
        vm.prank(service);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.OutsideBatch.selector, bytes32(0), 0));
        collection.mint(0, 0, 0, service, new bytes32[](0));
    }
}
