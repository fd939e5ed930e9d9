// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {IERC4907} from "../src/IERC4907.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

/// @title Every cell of fixtures/rights.json, played on chain: what is allowed, refused or has to wait
contract RightsTableTest is World {
    string private constant TABLE = "../fixtures/rights.json";
    uint64 private constant UNTIL = uint64(NOW + 30 days);

    string private _json;
    address private _market = _actor("market");
    address private _link = _actor("link");

    function _is(string memory left, string memory right) private pure returns (bool) {
        return keccak256(bytes(left)) == keccak256(bytes(right));
    }

    function _path(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".cells[", vm.toString(index), "].", field);
    }

    function _text(uint256 index, string memory field) private view returns (string memory) {
        return vm.parseJsonString(_json, _path(index, field));
    }

    function test_every_cell_of_the_table_is_what_the_contract_does() public {
        _json = vm.readFile(TABLE);
        Trees.Leaf[] memory leaves = _leaves(1, 1, 66, false);
        _commit(1, 1, leaves);
        vm.prank(brand);
        collection.proposeRevision(1, "revised", true);
        uint256 index;
        for (; vm.keyExistsJson(_json, _path(index, "when")); ++index) {
            _mint(leaves, index, player);
            vm.warp(NOW);
            _play(index, leaves[index].tokenId);
        }
        vm.assertEq(index, 66);
    }

    function _play(uint256 index, uint256 tokenId) private {
        string memory when = _text(index, "when");
        string memory then = _text(index, "then");
        string memory cell = string.concat(when, " x ", then);
        // A taker needs an offer, and a market that sells an approval, before anything else is true.
        if (_is(then, "take")) _begin("offered", tokenId);
        if (_is(then, "sell")) _begin("approved", tokenId);
        _begin(when, tokenId);
        vm.assertTrue(_holds(when, tokenId), string.concat(cell, ": was not so before"));

        string memory outcome = _text(index, "outcome");
        bytes4 refusal = bytes4(keccak256(bytes(_errorSignature(_text(index, "error")))));
        if (_is(outcome, "pending")) {
            uint256 wait = vm.parseJsonUint(_json, _path(index, "after_s"));
            (bool asked,) = _attempt(then, tokenId);
            vm.assertTrue(asked, string.concat(cell, ": could not be asked for"));
            vm.warp(NOW + wait - 1);
            vm.expectPartialRevert(refusal);
            collection.clearLost(tokenId);
            vm.warp(NOW + wait);
            collection.clearLost(tokenId);
        } else {
            (bool done, bytes memory answer) = _attempt(then, tokenId);
            vm.assertTrue(done == _is(outcome, "allowed"), string.concat(cell, ": other outcome"));
            if (!done) vm.assertEq(bytes32(bytes4(answer)), bytes32(refusal), cell);
        }
        bool ends = vm.parseJsonBool(_json, _path(index, "ends"));
        vm.assertTrue(_holds(when, tokenId) == !ends, string.concat(cell, ": other end"));
    }

    function _begin(string memory when, uint256 tokenId) private {
        vm.startPrank(player);
        if (_is(when, "lent")) collection.setUser(tokenId, friend, UNTIL);
        if (_is(when, "lost")) collection.markLost(tokenId);
        if (_is(when, "offered")) collection.offer(tokenId, _link, UNTIL);
        if (_is(when, "approved")) collection.approve(_market, tokenId);
        vm.stopPrank();
        if (_is(when, "revoked")) {
            vm.prank(brand);
            collection.revoke(tokenId, 1);
        }
        // A delegate is named elsewhere: here there is nothing to begin.
    }

    function _holds(string memory when, uint256 tokenId) private view returns (bool) {
        uint256 word = collection.wordOf(tokenId);
        address owner = address(uint160(word));
        if (_is(when, "lent")) return collection.userOf(tokenId) == friend;
        if (_is(when, "delegated")) return owner == player;
        if (_is(when, "lost")) return word & OwnerWord.LOST != 0;
        if (_is(when, "revoked")) return word & OwnerWord.REVOKED != 0;
        if (_is(when, "approved")) return owner != address(0) && collection.getApproved(tokenId) == _market;
        vm.assertTrue(_is(when, "offered"), when);
        (address offeredTo,,) = collection.begunOf(tokenId);
        return offeredTo == _link;
    }

    function _attempt(string memory then, uint256 tokenId) private returns (bool done, bytes memory answer) {
        (address by, bytes memory call) = _callOf(then, tokenId);
        vm.prank(by);
        (done, answer) = address(collection).call(call);
    }

    function _callOf(string memory then, uint256 tokenId) private view returns (address, bytes memory) {
        if (_is(then, "give")) return (player, abi.encodeCall(IWearableRights.give, (tokenId, friend)));
        if (_is(then, "sell")) {
            return (_market, abi.encodeCall(collection.transferFrom, (player, stranger, tokenId)));
        }
        if (_is(then, "take")) {
            bytes memory signature =
                _signTake(address(collection), _key("link"), tokenId, player, stranger, UNTIL);
            return (stranger, abi.encodeCall(IWearableRights.take, (tokenId, stranger, signature)));
        }
        if (_is(then, "lend")) {
            return (player, abi.encodeCall(IERC4907.setUser, (tokenId, stranger, UNTIL)));
        }
        if (_is(then, "offer")) {
            return (player, abi.encodeCall(IWearableRights.offer, (tokenId, stranger, UNTIL)));
        }
        if (_is(then, "burn")) return (player, abi.encodeCall(IWearableRights.burn, (tokenId)));
        if (_is(then, "mark_lost")) return (player, abi.encodeCall(IWearableRights.markLost, (tokenId)));
        if (_is(then, "clear_lost")) {
            return (player, abi.encodeCall(IWearableRights.askClearLost, (tokenId)));
        }
        if (_is(then, "revise")) {
            return (player, abi.encodeCall(IWearableRights.acceptRevision, (tokenId, "revised")));
        }
        if (_is(then, "revoke")) return (brand, abi.encodeCall(IWearableRights.revoke, (tokenId, 2)));
        vm.assertTrue(_is(then, "delegate_acts"), then);
        return (stranger, abi.encodeCall(IWearableRights.give, (tokenId, stranger)));
    }

    function _errorSignature(string memory name) private pure returns (string memory) {
        bool two = _is(name, "NotTokenOwner") || _is(name, "LostNotClearing");
        if (!two) return string.concat(name, "(uint256)");
        return string.concat(name, _is(name, "NotTokenOwner") ? "(uint256,address)" : "(uint256,uint256)");
    }
}
