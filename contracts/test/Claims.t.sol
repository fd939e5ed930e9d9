// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC721} from "@openzeppelin/contracts/interfaces/IERC721.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

contract ClaimsTest is World {
    Trees.Leaf[] private _committed;
    bytes32 private _root;

    function setUp() public override {
        super.setUp();
        Trees.Leaf[] memory leaves = _leaves(1, 1, 7, true);
        _root = _commit(1, 1, leaves);
        for (uint256 i = 0; i < leaves.length; ++i) {
            _committed.push(leaves[i]);
        }
    }

    function _proof(uint256 index) private view returns (bytes32[] memory proof) {
        (, proof) = Trees.open(_committed, index);
    }

    function _signature(uint256 index, address to) private view returns (bytes memory) {
        Trees.Leaf memory leaf = _committed[index];
        return _signClaim(address(collection), _claimKey(leaf.tokenId), leaf.tokenId, leaf.digest, to, NOW);
    }

    function test_the_holder_of_the_claim_key_names_the_receiver_and_anybody_submits() public {
        Trees.Leaf memory leaf = _committed[2];
        bytes32[] memory proof = _proof(2);
        bytes memory signature = _signature(2, player);
        vm.expectEmit(address(collection));
        emit IERC721.Transfer(address(0), player, leaf.tokenId);
        vm.expectEmit(address(collection));
        emit IWearableCollection.Certified(leaf.tokenId, leaf.digest);
        vm.prank(stranger);
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, proof, signature);
        vm.assertEq(collection.ownerOf(leaf.tokenId), player);
        vm.assertEq(collection.balanceOf(player), 1);
        vm.assertEq(collection.wordOf(leaf.tokenId), uint256(uint160(player)));
    }

    function test_every_leaf_of_a_batch_can_be_claimed() public {
        for (uint256 i = 0; i < _committed.length; ++i) {
            _claim(_committed, i, player);
        }
        vm.assertEq(collection.balanceOf(player), 7);
    }

    function test_a_batch_of_one_leaf_has_an_empty_proof() public {
        Trees.Leaf[] memory leaves = _leaves(2, 1, 1, true);
        _commit(2, 1, leaves);
        _claim(leaves, 0, player);
        vm.assertEq(collection.ownerOf(_tokenId(2, 1)), player);
    }

    function test_a_claim_works_once() public {
        _claim(_committed, 0, player);
        Trees.Leaf memory leaf = _committed[0];
        bytes32[] memory proof = _proof(0);
        bytes memory signature = _signature(0, friend);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.AlreadyMinted.selector, leaf.tokenId));
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, friend, NOW, proof, signature);
    }

    function test_a_claim_dies_after_its_deadline() public {
        Trees.Leaf memory leaf = _committed[0];
        bytes32[] memory proof = _proof(0);
        bytes memory signature = _signature(0, player);
        vm.warp(NOW + 1);
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.DeadlinePassed.selector, NOW));
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, proof, signature);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW + 1, proof, signature);
    }

    function test_nothing_outside_a_committed_leaf_is_claimed() public {
        Trees.Leaf memory leaf = _committed[0];
        bytes32[] memory proof = _proof(0);
        bytes memory signature = _signature(0, player);
        bytes memory notInBatch =
            abi.encodeWithSelector(IWearableCollection.NotInBatch.selector, _root, leaf.tokenId);
        vm.expectRevert(notInBatch);
        collection.claim(_root, leaf.tokenId, "another", leaf.claimKey, player, NOW, proof, signature);
        vm.expectRevert(notInBatch);
        collection.claim(_root, leaf.tokenId, leaf.digest, player, player, NOW, proof, signature);
        vm.expectRevert(notInBatch);
        collection.claim(
            _root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, new bytes32[](0), signature
        );
        bytes32 unknown = keccak256("unknown root");
        vm.expectRevert(
            abi.encodeWithSelector(IWearableCollection.OutsideBatch.selector, unknown, leaf.tokenId)
        );
        collection.claim(unknown, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, proof, signature);
    }

    function test_leaves_beyond_the_committed_range_never_open() public {
        // The issuer commits serials 1 to 2 of a tree that also holds 3, design 2 and a giant id.
        Trees.Leaf[] memory leaves = _leaves(5, 1, 5, true);
        leaves[3].tokenId = _tokenId(2, 1);
        leaves[4].tokenId = 2 ** 128 + _tokenId(5, 1);
        bytes32 root = Trees.root(leaves);
        vm.prank(brand);
        collection.commitBatch(_batch(5, 1, 2, root));
        for (uint256 i = 2; i < 5; ++i) {
            Trees.Leaf memory leaf = leaves[i];
            (, bytes32[] memory proof) = Trees.open(leaves, i);
            vm.expectRevert(
                abi.encodeWithSelector(IWearableCollection.OutsideBatch.selector, root, leaf.tokenId)
            );
            collection.claim(root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, proof, "");
        }
        _claimFrom(leaves, 1);
    }

    function _claimFrom(Trees.Leaf[] memory leaves, uint256 index) private {
        _claim(leaves, index, player);
        vm.assertEq(collection.ownerOf(leaves[index].tokenId), player);
    }

    function test_a_leaf_without_claim_key_is_not_claimed() public {
        Trees.Leaf[] memory leaves = _leaves(2, 1, 2, false);
        bytes32 root = _commit(2, 1, leaves);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        vm.expectRevert(IWearableCollection.ZeroClaimKey.selector);
        collection.claim(root, leaves[0].tokenId, leaves[0].digest, address(0), player, NOW, proof, "");
    }

    function test_a_claim_for_nobody_is_refused() public {
        Trees.Leaf memory leaf = _committed[0];
        bytes32[] memory proof = _proof(0);
        bytes memory signature = _signature(0, address(0));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, address(0), NOW, proof, signature);
    }

    function testFuzz_only_the_key_in_the_leaf_signs_for_it(uint256 key, uint8 seed) public {
        key = key % (2 ** 255) + 1;
        uint256 index = seed % _committed.length;
        Trees.Leaf memory leaf = _committed[index];
        vm.assume(vm.addr(key) != leaf.claimKey);
        bytes32[] memory proof = _proof(index);
        bytes memory signature = _signClaim(address(collection), key, leaf.tokenId, leaf.digest, player, NOW);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, proof, signature);
        // Naming that key instead leads out of the tree.
        vm.expectRevert(abi.encodeWithSelector(IWearableCollection.NotInBatch.selector, _root, leaf.tokenId));
        collection.claim(_root, leaf.tokenId, leaf.digest, vm.addr(key), player, NOW, proof, signature);
    }

    function testFuzz_a_broken_signature_is_refused_without_another_error(bytes calldata signature) public {
        Trees.Leaf memory leaf = _committed[0];
        bytes32[] memory proof = _proof(0);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.claim(_root, leaf.tokenId, leaf.digest, leaf.claimKey, player, NOW, proof, signature);
    }
}
