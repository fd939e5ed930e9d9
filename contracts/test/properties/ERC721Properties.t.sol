// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Trees} from "../support/Trees.sol";
import {World} from "../support/World.sol";

/// @title The properties of ERC-721 that github.com/crytic/properties lists, for forge, each under its id
/// @dev All nineteen apply. Where they say `totalSupply`, which is of ERC-721's enumerable extension and not ours,
/// balances and owners are looked at instead.
contract ERC721PropertiesTest is World {
    uint256 private _token;
    uint256 private _other;
    Trees.Leaf[] private _batchLeaves;

    function setUp() public override {
        super.setUp();
        Trees.Leaf[] memory leaves = _leaves(1, 1, 3, true);
        _commit(1, 1, leaves);
        _claim(leaves, 0, player);
        _claim(leaves, 1, player);
        (_token, _other) = (leaves[0].tokenId, leaves[1].tokenId);
        for (uint256 i = 0; i < leaves.length; ++i) {
            _batchLeaves.push(leaves[i]);
        }
    }

    // ---- ERC721-BASE

    function test_ERC721_BASE_001_the_balance_of_nobody_is_refused() external {
        vm.expectRevert();
        collection.balanceOf(address(0));
    }

    function testFuzz_ERC721_BASE_002_nobody_owns_what_does_not_exist(uint256 tokenId) external {
        vm.assume(tokenId != _token && tokenId != _other);
        vm.expectRevert();
        collection.ownerOf(tokenId);
    }

    function testFuzz_ERC721_BASE_003_what_does_not_exist_is_not_approved(uint256 tokenId, address to)
        external
    {
        vm.assume(tokenId != _token && tokenId != _other);
        vm.expectRevert();
        collection.approve(to, tokenId);
    }

    function testFuzz_ERC721_BASE_004_only_approved_accounts_transfer(address sender, address to) external {
        // Nobody sends from the zero address; OpenZeppelin takes it for "do not ask".
        vm.assume(sender != player && sender != address(0));
        vm.expectRevert();
        vm.prank(sender);
        collection.transferFrom(player, to, _token);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    function testFuzz_ERC721_BASE_005_a_transfer_ends_the_approval(address to) external {
        vm.assume(to != address(0));
        vm.prank(player);
        collection.approve(friend, _token);
        vm.prank(friend);
        collection.transferFrom(player, to, _token);
        vm.assertEq(collection.getApproved(_token), address(0));
    }

    function testFuzz_ERC721_BASE_006_a_transfer_changes_the_owner(address to) external {
        vm.assume(to != address(0) && to != player);
        uint256 before = collection.balanceOf(to);
        vm.prank(player);
        collection.transferFrom(player, to, _token);
        vm.assertEq(collection.ownerOf(_token), to);
        vm.assertEq(collection.balanceOf(to), before + 1);
        vm.assertEq(collection.balanceOf(player), 1);
    }

    function testFuzz_ERC721_BASE_007_nothing_moves_from_nobody(uint256 tokenId, address sender, address to)
        external
    {
        // Nobody sends from the zero address.
        vm.assume(sender != address(0));
        vm.expectRevert();
        vm.prank(sender);
        collection.transferFrom(address(0), to, tokenId % 4 == 0 ? _token : tokenId);
    }

    function test_ERC721_BASE_008_nothing_moves_to_nobody() external {
        vm.expectRevert();
        vm.prank(player);
        collection.transferFrom(player, address(0), _token);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    function test_ERC721_BASE_009_a_transfer_to_oneself_keeps_count() external {
        vm.prank(player);
        collection.transferFrom(player, player, _token);
        vm.assertEq(collection.ownerOf(_token), player);
        vm.assertEq(collection.balanceOf(player), 2);
    }

    function test_ERC721_BASE_010_a_transfer_to_oneself_ends_the_approval() external {
        vm.startPrank(player);
        collection.approve(friend, _token);
        collection.transferFrom(player, player, _token);
        vm.stopPrank();
        vm.assertEq(collection.getApproved(_token), address(0));
    }

    function test_ERC721_BASE_011_a_contract_that_is_no_receiver_is_refused() external {
        vm.expectRevert();
        vm.prank(player);
        collection.safeTransferFrom(player, address(registry), _token);
        vm.assertEq(collection.ownerOf(_token), player);
    }

    // ---- ERC721-BURNABLE

    function _burned() private {
        vm.startPrank(player);
        collection.approve(friend, _token);
        collection.burn(_token);
        vm.stopPrank();
    }

    function test_ERC721_BURNABLE_001_a_burn_takes_one_from_its_owner() external {
        _burned();
        vm.assertEq(collection.balanceOf(player), 1);
    }

    function testFuzz_ERC721_BURNABLE_002_what_is_burned_does_not_move_from_its_last_owner(address to)
        external
    {
        _burned();
        vm.expectRevert();
        vm.prank(player);
        collection.transferFrom(player, to, _token);
    }

    function testFuzz_ERC721_BURNABLE_003_what_is_burned_does_not_move_from_nobody(address sender, address to)
        external
    {
        vm.assume(sender != address(0));
        _burned();
        vm.expectRevert();
        vm.prank(sender);
        collection.transferFrom(address(0), to, _token);
    }

    function testFuzz_ERC721_BURNABLE_004_what_is_burned_is_not_approved(address to) external {
        _burned();
        vm.expectRevert();
        vm.prank(player);
        collection.approve(to, _token);
    }

    function test_ERC721_BURNABLE_005_what_is_burned_has_no_approval_to_show() external {
        _burned();
        vm.expectRevert();
        collection.getApproved(_token);
    }

    function test_ERC721_BURNABLE_006_what_is_burned_has_no_owner_to_show() external {
        _burned();
        vm.expectRevert();
        collection.ownerOf(_token);
    }

    // ---- ERC721-MINTABLE

    function testFuzz_ERC721_MINTABLE_001_a_mint_gives_one_to_its_owner(address to) external {
        vm.assume(to != address(0));
        uint256 before = collection.balanceOf(to);
        _claim(_batchLeaves, 2, to);
        vm.assertEq(collection.balanceOf(to), before + 1);
    }

    function testFuzz_ERC721_MINTABLE_002_a_mint_makes_a_token_that_was_not_there(address to) external {
        vm.assume(to != address(0));
        uint256 tokenId = _batchLeaves[2].tokenId;
        vm.assertEq(collection.wordOf(tokenId), 0);
        _claim(_batchLeaves, 2, to);
        vm.assertEq(collection.ownerOf(tokenId), to);
        vm.assertTrue(tokenId != _token && tokenId != _other, "a token twice");
    }
}
