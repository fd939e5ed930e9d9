// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {IERC4907} from "../src/IERC4907.sol";
import {ReentrantAccount, TalkativeAccount} from "./support/HostileAccounts.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

/// @title What an account with code would try when it is asked whether it signed (ERC-1271)
contract WalletAttacksTest is World {
    bytes4 private constant YES = 0x1626ba7e;
    uint64 private constant UNTIL = uint64(NOW + 30 days);

    function test_attack_reentrancy_of_an_owner_through_isValidSignature() public {
        uint256 tokenId = _wearableOf(player);
        ReentrantAccount wallet = new ReentrantAccount();
        vm.prank(player);
        collection.give(tokenId, address(wallet));
        // Sells it while its loan is looked at: the loan would be somebody else's.
        wallet.onAsked(address(collection), abi.encodeCall(IWearableRights.give, (tokenId, stranger)));
        bytes memory act = abi.encodeCall(IERC4907.setUser, (tokenId, friend, UNTIL));
        collection.actBySignature(act, 1, NOW, "");
        vm.assertEq(collection.ownerOf(tokenId), address(wallet));
        vm.assertEq(collection.userOf(tokenId), friend);
        vm.assertEq(collection.isNonceUsed(address(wallet), 1), true);
        // Nor does it spend one nonce twice.
        wallet.onAsked(address(collection), abi.encodeCall(IWearableRights.actBySignature, (act, 2, NOW, "")));
        collection.actBySignature(act, 2, NOW, "");
        vm.expectRevert(abi.encodeWithSelector(IWearableRights.NonceAlreadyUsed.selector, address(wallet), 2));
        collection.actBySignature(act, 2, NOW, "");
    }

    function test_attack_reentrancy_of_a_minter_and_of_an_issuer_through_isValidSignature() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, false);
        bytes32 root = _commit(1, 1, leaves);
        ReentrantAccount wallet = new ReentrantAccount();
        vm.prank(brand);
        collection.setMinter(address(wallet), true);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        (uint256 tokenId, bytes32 digest) = (leaves[0].tokenId, leaves[0].digest);
        wallet.onAsked(
            address(collection),
            abi.encodeCall(IWearableCollection.mint, (root, tokenId, digest, stranger, proof))
        );
        collection.mintByVoucher(root, tokenId, digest, player, address(wallet), NOW, proof, "");
        vm.assertEq(collection.ownerOf(tokenId), player);

        vm.prank(brand);
        registry.proposeAccount(brandId, address(wallet));
        vm.prank(address(wallet));
        registry.acceptAccount(brandId);
        IWearableCollection.Batch memory other = _batch(1, 3, 5, "another root");
        wallet.onAsked(address(collection), abi.encodeCall(IWearableCollection.commitBatch, (other)));
        collection.commitBatchBySignature(_batch(1, 3, 4, "root"), NOW, "");
        (,, uint64 count) = collection.batchOf("root");
        vm.assertEq(count, 4);
        (,, count) = collection.batchOf("another root");
        vm.assertEq(count, 0);
    }

    function test_attack_wallet_whose_answer_is_nearly_yes() public {
        uint256 tokenId = _wearableOf(player);
        TalkativeAccount wallet = new TalkativeAccount();
        vm.prank(player);
        collection.give(tokenId, address(wallet));
        bytes memory act = abi.encodeCall(IWearableRights.give, (tokenId, stranger));
        bytes[5] memory answers = [
            bytes(""),
            abi.encodePacked(YES),
            abi.encodePacked(YES, new bytes(27)),
            abi.encode(uint32(YES)),
            abi.encodePacked(YES, bytes28(uint224(1)))
        ];
        for (uint256 i = 0; i < answers.length; ++i) {
            wallet.setAnswer(answers[i], answers[i].length, false);
            vm.expectRevert(IWearableCollection.BadSignature.selector);
            collection.actBySignature(act, 1, NOW, "");
        }
        wallet.setAnswer(abi.encode(YES), 32, true);
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(act, 1, NOW, "");
        wallet.setAnswer(abi.encode(YES), 32, false);
        collection.actBySignature(act, 1, NOW, "");
        vm.assertEq(collection.ownerOf(tokenId), stranger);
    }

    function test_attack_wallet_that_answers_with_a_megabyte_is_charged_for_it_once() public {
        uint256 tokenId = _wearableOf(player);
        TalkativeAccount wallet = new TalkativeAccount();
        vm.prank(player);
        collection.give(tokenId, address(wallet));
        bytes memory act = abi.encodeCall(IERC4907.setUser, (tokenId, friend, UNTIL));
        // The megabyte costs the account 2.2 million gas; copied, it would cost as much again.
        wallet.setAnswer(abi.encode(YES), 1 << 20, false);
        uint256 before = gasleft();
        collection.actBySignature(act, 1, NOW, "");
        vm.assertLe(before - gasleft(), 3_000_000, "copied");
        vm.assertEq(collection.userOf(tokenId), friend);
        wallet.setAnswer("", 1 << 20, true);
        before = gasleft();
        vm.expectRevert(IWearableCollection.BadSignature.selector);
        collection.actBySignature(act, 2, NOW, "");
        vm.assertLe(before - gasleft(), 3_000_000, "copied");
    }
}
