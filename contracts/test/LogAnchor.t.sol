// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILogAnchor} from "../interfaces/ILogAnchor.sol";
import {World} from "./support/World.sol";

contract LogAnchorTest is World {
    bytes32 private constant ROOT = keccak256("root");

    function test_an_anchor_keeps_the_hash_of_root_and_time() public {
        vm.expectEmit(address(logAnchor));
        emit ILogAnchor.Anchored(service, ORIGIN_HASH, 7, ROOT);
        vm.prank(service);
        logAnchor.anchor(ORIGIN, 7, ROOT);

        vm.assertEq(logAnchor.lastSizeOf(service, ORIGIN_HASH), 7);
        vm.assertEq(logAnchor.anchorOf(service, ORIGIN_HASH, 7), keccak256(abi.encode(ROOT, NOW)));
    }

    function test_every_earlier_anchor_stays_readable() public {
        vm.startPrank(service);
        logAnchor.anchor(ORIGIN, 1, ROOT);
        vm.warp(NOW + 60);
        logAnchor.anchor(ORIGIN, 1000, keccak256("later"));

        vm.assertEq(logAnchor.anchorOf(service, ORIGIN_HASH, 1), keccak256(abi.encode(ROOT, NOW)));
        vm.assertEq(logAnchor.anchorOf(service, ORIGIN_HASH, 999), 0);
    }

    function test_a_size_that_does_not_grow_is_refused() public {
        vm.startPrank(service);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.SizeNotGrowing.selector, 0, 0));
        logAnchor.anchor(ORIGIN, 0, ROOT);
        logAnchor.anchor(ORIGIN, 7, ROOT);
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.SizeNotGrowing.selector, 7, 7));
        logAnchor.anchor(ORIGIN, 7, keccak256("another root for one size"));
        vm.expectRevert(abi.encodeWithSelector(ILogAnchor.SizeNotGrowing.selector, 7, 6));
        logAnchor.anchor(ORIGIN, 6, ROOT);
    }

    function test_an_empty_origin_is_refused() public {
        vm.expectRevert(ILogAnchor.EmptyOrigin.selector);
        logAnchor.anchor("", 1, ROOT);
    }

    function test_attack_stranger_anchors_a_giant_size() public {
        vm.prank(stranger);
        logAnchor.anchor(ORIGIN, type(uint64).max, ROOT);

        vm.assertEq(logAnchor.lastSizeOf(service, ORIGIN_HASH), 0);
        vm.prank(service);
        logAnchor.anchor(ORIGIN, 1, ROOT);
        vm.assertEq(logAnchor.lastSizeOf(service, ORIGIN_HASH), 1);
    }

    function test_two_logs_of_one_account_do_not_mix() public {
        vm.startPrank(service);
        logAnchor.anchor(ORIGIN, 100, ROOT);
        logAnchor.anchor("log.example/2027h1", 1, ROOT);
        vm.assertEq(logAnchor.lastSizeOf(service, ORIGIN_HASH), 100);
        vm.assertEq(logAnchor.lastSizeOf(service, keccak256("log.example/2027h1")), 1);
    }

    function testFuzz_sizes_only_ever_grow(uint64 first, uint64 second) public {
        vm.assume(first != 0);
        vm.startPrank(service);
        logAnchor.anchor(ORIGIN, first, ROOT);
        if (second <= first) vm.expectPartialRevert(ILogAnchor.SizeNotGrowing.selector);
        logAnchor.anchor(ORIGIN, second, ROOT);
        vm.assertEq(logAnchor.lastSizeOf(service, ORIGIN_HASH), second > first ? second : first);
    }
}
