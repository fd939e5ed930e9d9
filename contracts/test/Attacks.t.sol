// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {WearableCollection} from "../src/WearableCollection.sol";
import {GreedyReceiver} from "./support/GreedyReceiver.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

/// @title What somebody would try, by name. The anchor's and the factory's attacks stand in their files.
contract AttacksTest is World {
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    struct Call {
        bytes32 root;
        uint256 tokenId;
        bytes32 digest;
        address claimKey;
        bytes32[] proof;
    }

    function _open(Trees.Leaf[] memory leaves, uint256 index) private pure returns (Call memory call) {
        (call.root, call.proof) = Trees.open(leaves, index);
        call.tokenId = leaves[index].tokenId;
        call.digest = leaves[index].digest;
        call.claimKey = leaves[index].claimKey;
    }

    function _send(WearableCollection to, Call memory call, address receiver, bytes memory signature)
        private
    {
        to.claim(call.root, call.tokenId, call.digest, call.claimKey, receiver, NOW, call.proof, signature);
    }

    function _signed(WearableCollection at_, Call memory call, address receiver)
        private
        view
        returns (bytes memory)
    {
        return _signClaim(address(at_), _claimKey(call.tokenId), call.tokenId, call.digest, receiver, NOW);
    }

    function _committed() private returns (Call memory) {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 5, true);
        _commit(1, 1, leaves);
        return _open(leaves, 2);
    }

    function test_attack_claim_front_run_and_copied_to_another_receiver() public {
        Call memory call = _committed();
        bytes memory signature = _signed(collection, call, player);
        vm.startPrank(stranger);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _send(collection, call, stranger, signature);
        // A faithful copy does the player's errand, at the copier's cost.
        _send(collection, call, player, signature);
        vm.assertEq(collection.ownerOf(call.tokenId), player);
    }

    function test_attack_minter_fixes_an_edition() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 5, "root");
        batch.edition = 1_000_000;
        bytes memory signature = _signCommit(address(collection), _key("service"), batch, NOW);
        vm.startPrank(service);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, signature);
        vm.stopPrank();
        // Not with the issuer's signature for another edition either.
        batch.edition = EDITION;
        signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        batch.edition = 0;
        vm.prank(service);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, signature);
        vm.assertEq(collection.designOf(1).nextSerial, 0);
    }

    function test_attack_two_leaves_for_one_serial() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        leaves[2].tokenId = leaves[1].tokenId;
        leaves[2].claimKey = vm.addr(_key("thief inside"));
        _commit(1, 1, leaves);
        Call memory honest = _open(leaves, 1);
        Call memory second = _open(leaves, 2);
        _send(collection, honest, player, _signed(collection, honest, player));
        bytes memory signature = _signClaim(
            address(collection), _key("thief inside"), second.tokenId, second.digest, stranger, NOW
        );
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, second.tokenId));
        _send(collection, second, stranger, signature);
        vm.assertEq(collection.ownerOf(second.tokenId), player);
    }

    function test_attack_one_serial_in_two_batches() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        _commit(1, 1, leaves);
        Trees.Leaf[] memory again = _leaves(1, 1, 4, true);
        bytes32 root = _commit(1, 4, again);
        Call memory call = _open(again, 0);
        bytes memory signature = _signed(collection, call, player);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.OutsideBatch.selector, root, call.tokenId));
        _send(collection, call, player, signature);
    }

    function test_attack_an_inner_node_passed_off_as_a_leaf() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, true);
        bytes32 root = _commit(1, 1, leaves);
        bytes32 left = Trees.leafHash(leaves[0]);
        bytes32 right = Trees.leafHash(leaves[1]);
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = Trees.pairHash(Trees.leafHash(leaves[2]), Trees.leafHash(leaves[3]));
        // The node's 64 bytes read as a token id and a digest; a leaf has 96 and is hashed twice.
        Call memory call = Call(root, uint256(left), right, stranger, proof);
        vm.expectRevert(
            abi.encodeWithSelector(IWearableCollection.OutsideBatch.selector, root, uint256(left))
        );
        _send(collection, call, stranger, "");
        call.tokenId = leaves[0].tokenId;
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotInBatch.selector, root, call.tokenId));
        _send(collection, call, stranger, "");
    }

    function test_attack_claim_replayed_in_another_clone() public {
        Call memory call = _committed();
        WearableCollection other = _createCollection("other");
        IWearableCollection.Batch memory batch = _batch(1, 1, 5, call.root);
        vm.prank(brand);
        other.commitBatch(batch);
        bytes memory signature = _signed(collection, call, player);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _send(other, call, player, signature);
    }

    function test_attack_commit_replayed_in_another_clone() public {
        WearableCollection other = _createCollection("other");
        IWearableCollection.Batch memory batch = _batch(1, 1, 5, "root");
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        other.commitBatchBySignature(batch, NOW, signature);
        // Nor does the implementation's own domain help anybody.
        signature = _signCommit(address(implementation), _key("brand"), batch, NOW);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        other.commitBatchBySignature(batch, NOW, signature);
    }

    function test_attack_voucher_used_as_a_claim_and_claim_as_a_voucher() public {
        // One key that claims the first serial, and mints the second.
        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, false);
        leaves[0].claimKey = vm.addr(_key("both"));
        _commit(1, 1, leaves);
        vm.prank(brand);
        collection.setMinter(leaves[0].claimKey, true);
        (Call memory claimed, Call memory minted) = (_open(leaves, 0), _open(leaves, 1));
        bytes memory voucher =
            _signVoucher(address(collection), _key("both"), claimed.tokenId, claimed.digest, stranger, NOW);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _send(collection, claimed, stranger, voucher);
        bytes memory claim =
            _signClaim(address(collection), _key("both"), minted.tokenId, minted.digest, stranger, NOW);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.mintByVoucher(
            minted.root, minted.tokenId, minted.digest, stranger, claimed.claimKey, NOW, minted.proof, claim
        );
    }

    function test_attack_replay_on_another_chain() public {
        Call memory call = _committed();
        bytes memory claimSignature = _signed(collection, call, player);
        IWearableCollection.Batch memory batch = _batch(1, 6, 5, "root");
        bytes memory commitSignature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _send(collection, call, player, claimSignature);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, commitSignature);
    }

    function test_attack_replay_after_the_deadline() public {
        Call memory call = _committed();
        bytes memory signature = _signed(collection, call, player);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW));
        _send(collection, call, player, signature);
    }

    function test_attack_claim_replayed_after_the_wearable_moved_on_or_was_burned() public {
        Call memory call = _committed();
        bytes memory signature = _signed(collection, call, player);
        _send(collection, call, player, signature);
        vm.prank(player);
        collection.transferFrom(player, friend, call.tokenId);
        bytes memory refused =
            abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, call.tokenId);
        vm.expectRevert(refused);
        _send(collection, call, player, signature);
        vm.prank(friend);
        collection.burn(call.tokenId);
        vm.expectRevert(refused);
        _send(collection, call, player, signature);
    }

    function test_attack_signature_with_s_in_the_upper_half() public {
        Call memory call = _committed();
        bytes32 hash = _claimHash(address(collection), call.tokenId, call.digest, player, NOW);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_claimKey(call.tokenId), hash);
        bytes memory twin =
            abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.assertEq(ecrecover(hash, uint8(twin[64]), r, bytes32(CURVE_ORDER - uint256(s))), call.claimKey);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _send(collection, call, player, twin);

        IWearableCollection.Batch memory batch = _batch(1, 6, 5, "root");
        hash = _commitHash(address(collection), batch, NOW);
        (v, r, s) = vm.sign(_key("brand"), hash);
        twin = abi.encodePacked(r, bytes32(CURVE_ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, twin);
    }

    function test_attack_zero_signer() public {
        // A signature that recovers to nobody, for a leaf that names nobody.
        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, false);
        _commit(1, 1, leaves);
        Call memory call = _open(leaves, 0);
        bytes memory nobody = abi.encodePacked(bytes32(0), bytes32(0), uint8(27));
        vm.expectRevert(IWearableCollection.ZeroClaimKey.selector);
        _send(collection, call, stranger, nobody);

        IWearableCollection.Batch memory batch = _batch(1, 3, 5, "root");
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.commitBatchBySignature(batch, NOW, nobody);
    }

    function test_attack_compact_signature_as_a_second_form() public {
        Call memory call = _committed();
        bytes32 hash = _claimHash(address(collection), call.tokenId, call.digest, player, NOW);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_claimKey(call.tokenId), hash);
        bytes memory compact = abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        _send(collection, call, player, compact);
    }

    function test_attack_reentrant_receiver_is_never_called_on_a_claim_or_mint() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, true);
        leaves[1].claimKey = address(0);
        _commit(1, 1, leaves);
        GreedyReceiver receiver = new GreedyReceiver();
        _claim(leaves, 0, address(receiver));
        _mint(leaves, 1, address(receiver));
        vm.assertEq(receiver.calls(), 0);
        vm.assertEq(collection.balanceOf(address(receiver)), 2);
    }

    function test_attack_reentrant_receiver_of_a_safe_transfer_gains_nothing() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        _commit(1, 1, leaves);
        _claim(leaves, 0, player);
        Call memory call = _open(leaves, 1);
        GreedyReceiver receiver = new GreedyReceiver();
        bytes memory signature = _signed(collection, call, address(receiver));
        receiver.onReceiving(
            abi.encodeCall(
                IWearableCollection.claim,
                (
                    call.root,
                    call.tokenId,
                    call.digest,
                    call.claimKey,
                    address(receiver),
                    NOW,
                    call.proof,
                    signature
                )
            )
        );
        vm.prank(player);
        collection.safeTransferFrom(player, address(receiver), leaves[0].tokenId);
        // It claimed what it was entitled to from inside the callback, once.
        vm.assertEq(receiver.calls(), 1);
        vm.assertEq(collection.balanceOf(address(receiver)), 2);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, call.tokenId));
        _send(collection, call, address(receiver), signature);
    }

    function test_attack_look_alike_clone_is_not_listed_and_cannot_be_filled() public {
        Call memory call = _committed();
        vm.startPrank(stranger);
        WearableCollection fake = WearableCollection(Clones.clone(address(implementation)));
        fake.initialize(brandId, "Maison Nuit", "NUIT", BASE_URI, stranger);
        vm.assertEq(address(fake).codehash, address(collection).codehash);
        vm.assertEq(factory.isCollection(address(fake)), false);

        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotIssuer.selector, brandId, stranger));
        fake.commitBatch(_batch(1, 1, 5, call.root));
        vm.expectRevert(
            abi.encodeWithSelector(IWearableCollection.OutsideBatch.selector, call.root, call.tokenId)
        );
        fake.mint(call.root, call.tokenId, call.digest, stranger, call.proof);
        vm.assertEq(fake.balanceOf(stranger), 0);
    }

    function test_attack_signed_batch_submitted_by_a_stranger_changes_nothing_in_it() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 200, "root");
        bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
        vm.prank(stranger);
        collection.commitBatchBySignature(batch, NOW, signature);
        (uint64 designId, uint64 firstSerial, uint64 count) = collection.batchOf("root");
        vm.assertEq(designId, 1);
        vm.assertEq(firstSerial, 1);
        vm.assertEq(count, 200);
    }

    function test_nobody_stops_a_transfer() public {
        uint256 tokenId = _wearableOf(player);
        // Everything that issuer and service can do to their own collection, at their worst.
        vm.startPrank(brand);
        collection.setMinter(service, false);
        collection.setBaseUri("");
        collection.setRoyalty(brand, 10_000);
        registry.proposeAccount(brandId, address(0xdead));
        vm.stopPrank();
        vm.prank(address(0xdead));
        registry.acceptAccount(brandId);
        vm.prank(player);
        collection.transferFrom(player, friend, tokenId);
        vm.assertEq(collection.ownerOf(tokenId), friend);
    }

    function test_a_claim_works_when_issuer_and_service_are_gone() public {
        Call memory call = _committed();
        vm.startPrank(brand);
        collection.setMinter(service, false);
        collection.setBaseUri("");
        registry.proposeAccount(brandId, address(0xdead));
        vm.stopPrank();
        vm.prank(address(0xdead));
        registry.acceptAccount(brandId);
        bytes memory signature = _signed(collection, call, player);
        _send(collection, call, player, signature);
        vm.assertEq(collection.ownerOf(call.tokenId), player);
    }

    function test_a_receiver_that_cannot_hold_tokens_does_not_block_its_own_claim() public {
        Call memory call = _committed();
        bytes memory signature = _signed(collection, call, address(registry));
        _send(collection, call, address(registry), signature);
        vm.assertEq(collection.ownerOf(call.tokenId), address(registry));
    }

    function test_owner_cannot_be_moved_by_a_former_approval() public {
        uint256 tokenId = _wearableOf(player);
        vm.startPrank(player);
        collection.approve(stranger, tokenId);
        collection.transferFrom(player, friend, tokenId);
        vm.stopPrank();
        vm.prank(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, stranger, tokenId)
        );
        collection.transferFrom(friend, stranger, tokenId);
    }
}
