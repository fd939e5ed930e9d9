// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../interfaces/IEstate.sol";
import {IRecovery} from "../interfaces/IRecovery.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {IERC4907} from "../src/IERC4907.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {People} from "./support/People.sol";

/// @title Every cell of fixtures/rights.json, played on chain: what is allowed, refused or has to wait
contract RightsTableTest is People {
    string private constant TABLE = "../fixtures/rights.json";
    uint64 private constant UNTIL = uint64(NOW + 60 days);
    uint64 private constant ATTEMPTS = 21;
    uint256 private constant CELLS = 210;
    /// After every delay of the table, and before the date of the issuer's help.
    uint256 private constant MUCH_LATER = NOW + 50 days;

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

    function test_every_cell_of_the_table_is_what_the_contracts_do() public {
        _json = vm.readFile(TABLE);
        uint256[] memory ids;
        uint256 index;
        for (; vm.keyExistsJson(_json, _path(index, "when")); ++index) {
            vm.warp(NOW);
            vm.prank(player);
            estate.stillHere(); // the last cell may have opened it
            uint64 designId = uint64(2 + index / ATTEMPTS);
            if (index % ATTEMPTS == 0) {
                ids = _pieces(designId, ATTEMPTS, PIECE);
                vm.startPrank(brand);
                collection.proposeRevision(designId, "revised", true);
                collection.setCustodian(designId, custodian);
                vm.stopPrank();
            }
            _play(index, ids[index % ATTEMPTS]);
        }
        vm.assertEq(index, CELLS);
    }

    function _play(uint256 index, uint256 tokenId) private {
        string memory when = _text(index, "when");
        string memory then = _text(index, "then");
        string memory cell = string.concat(when, " x ", then);
        // A taker needs an offer, a market that sells an approval, a veto something to veto, before anything
        // else is true.
        if (_is(then, "take")) _begin("offered", tokenId);
        if (_is(then, "sell")) _begin("approved", tokenId);
        if (_is(then, "veto") && !_is(when, "in_issuer_recovery")) _begin("in_guardian_recovery", tokenId);
        if (!_holds(when, tokenId) || _is(when, "delegated")) _begin(when, tokenId);
        vm.assertTrue(_holds(when, tokenId), string.concat(cell, ": was not so before"));
        if (_is(then, "settle")) vm.warp(CHOOSE_BY + 1);

        string memory outcome = _text(index, "outcome");
        bytes32 refusal = bytes32(_selectorOf(_text(index, "error")));
        if (_is(outcome, "pending")) {
            uint256 wait = vm.parseJsonUint(_json, _path(index, "after_s"));
            (bool asked,) = _attempt(then, tokenId);
            vm.assertTrue(asked, string.concat(cell, ": could not be asked for"));
            vm.warp(NOW + wait - 1);
            (bool done, bytes memory answer) = _complete(then, tokenId);
            vm.assertTrue(!done, string.concat(cell, ": was done early"));
            vm.assertEq(bytes32(bytes4(answer)), refusal, cell);
            vm.warp(NOW + wait);
            (done,) = _complete(then, tokenId);
            vm.assertTrue(done, string.concat(cell, ": was not done in the end"));
        } else {
            (bool done, bytes memory answer) = _attempt(then, tokenId);
            if (done && _takesTime(then)) {
                vm.warp(MUCH_LATER);
                (done, answer) = _complete(then, tokenId);
            }
            vm.assertTrue(done == _is(outcome, "allowed"), string.concat(cell, ": other outcome"));
            if (!done) vm.assertEq(bytes32(bytes4(answer)), refusal, cell);
        }
        vm.warp(NOW);
        bool ends = vm.parseJsonBool(_json, _path(index, "ends"));
        vm.assertTrue(_holds(when, tokenId) == !ends, string.concat(cell, ": other end"));
    }

    // ---- What is so before

    function _begin(string memory when, uint256 tokenId) private {
        if (_is(when, "in_issuer_recovery")) _issuerRecovers(tokenId, fresh);
        if (_is(when, "in_guardian_recovery")) _guardiansRecover(tokenId, fresh, 2);
        if (_is(when, "in_estate")) _executorsOpen(heirs[0]);
        if (_is(when, "revoked")) {
            vm.prank(brand);
            collection.revoke(tokenId, 1);
        }
        vm.startPrank(player);
        if (_is(when, "lent")) collection.setUser(tokenId, friend, UNTIL);
        if (_is(when, "lost")) collection.markLost(tokenId);
        if (_is(when, "offered")) collection.offer(tokenId, _link, UNTIL);
        if (_is(when, "approved")) collection.approve(_market, tokenId);
        if (_is(when, "choosing")) collection.choose(tokenId, WEARABLE);
        vm.stopPrank();
        // A delegate is named elsewhere: here there is nothing to begin.
    }

    function _holds(string memory when, uint256 tokenId) private view returns (bool) {
        uint256 word = collection.wordOf(tokenId);
        address owner = address(uint160(word));
        uint256 recovered = word & OwnerWord.ANY_RECOVERY;
        if (_is(when, "lent")) return collection.userOf(tokenId) == friend;
        if (_is(when, "delegated")) return owner == player;
        if (_is(when, "lost")) return word & OwnerWord.LOST != 0;
        if (_is(when, "revoked")) return word & OwnerWord.REVOKED != 0;
        if (_is(when, "choosing")) return word & OwnerWord.CHOOSING != 0;
        if (_is(when, "in_issuer_recovery")) return recovered == OwnerWord.RECOVERING;
        if (_is(when, "in_guardian_recovery")) return recovered == OwnerWord.ANY_RECOVERY;
        if (_is(when, "approved")) return owner != address(0) && collection.getApproved(tokenId) == _market;
        if (_is(when, "in_estate")) {
            (, uint40 readyAt) = estate.estateOf(player);
            return readyAt != 0 && owner == player;
        }
        vm.assertTrue(_is(when, "offered"), when);
        (address offeredTo,,) = collection.begunOf(tokenId);
        return offeredTo == _link;
    }

    // ---- What is tried

    function _attempt(string memory then, uint256 tokenId) private returns (bool done, bytes memory answer) {
        uint256[] memory ids = _only(tokenId);
        address of_ = address(collection);
        if (_is(then, "attest")) {
            bytes memory call = abi.encodeCall(IWearableRights.attestRetired, (tokenId, "evidence"));
            (done, answer) = _by(brand, of_, call);
            return done ? _by(custodian, of_, call) : (done, answer);
        }
        if (_is(then, "guardians_recover")) {
            return _byTwo(
                guardians, address(recovery), abi.encodeCall(IRecovery.recover, (player, of_, ids, fresh))
            );
        }
        if (_is(then, "guardians_stop")) {
            return
                _byTwo(
                    guardians, address(recovery), abi.encodeCall(IRecovery.stopRecovery, (player, of_, ids))
                );
        }
        if (_is(then, "guardians_clear_lost")) {
            return
                _byTwo(guardians, address(recovery), abi.encodeCall(IRecovery.clearLost, (player, of_, ids)));
        }
        if (_is(then, "issuer_recovers")) {
            return
                _by(
                    brand, address(recovery), abi.encodeCall(IRecovery.recoverAsIssuer, (of_, tokenId, fresh))
                );
        }
        if (_is(then, "inherit")) {
            (, uint40 readyAt) = estate.estateOf(player);
            if (readyAt != 0) return (true, ""); // it is open: that is the state
            return _byTwo(executors, address(estate), abi.encodeCall(IEstate.openEstate, (player, heirs[0])));
        }
        if (_is(then, "veto")) {
            return _by(player, address(recovery), abi.encodeCall(IRecovery.veto, (of_, ids)));
        }
        if (_is(then, "still_here")) {
            return _by(player, address(estate), abi.encodeCall(IEstate.stillHere, ()));
        }
        (address by, bytes memory own) = _callOf(then, tokenId);
        return _by(by, of_, own);
    }

    function _takesTime(string memory then) private pure returns (bool) {
        return _is(then, "inherit") || _is(then, "issuer_recovers") || _is(then, "guardians_recover");
    }

    /// What anybody may do when the time of an attempt has come.
    function _complete(string memory then, uint256 tokenId) private returns (bool, bytes memory) {
        if (_is(then, "clear_lost")) {
            return _by(stranger, address(collection), abi.encodeCall(IWearableRights.clearLost, (tokenId)));
        }
        if (_is(then, "inherit")) {
            bytes memory call =
                abi.encodeCall(IEstate.bequeath, (player, address(collection), _only(tokenId)));
            return _by(stranger, address(estate), call);
        }
        vm.assertTrue(_takesTime(then), then);
        bytes memory finish = abi.encodeCall(IRecovery.finish, (address(collection), tokenId));
        return _by(stranger, address(recovery), finish);
    }

    function _by(address who, address to, bytes memory call) private returns (bool, bytes memory) {
        vm.prank(who);
        return to.call(call);
    }

    /// The threshold of a council, one after the other.
    function _byTwo(address[] storage council, address to, bytes memory call)
        private
        returns (bool done, bytes memory answer)
    {
        (done, answer) = _by(council[0], to, call);
        return done ? _by(council[1], to, call) : (done, answer);
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
        if (_is(then, "choose")) return (player, abi.encodeCall(IWearableRights.choose, (tokenId, PIECE)));
        if (_is(then, "settle")) return (stranger, abi.encodeCall(IWearableRights.settle, (tokenId)));
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

    function _selectorOf(string memory name) private pure returns (bytes4) {
        string memory arguments = "(uint256)";
        if (_is(name, "NotTokenOwner")) arguments = "(uint256,address)";
        if (_is(name, "LostNotClearing")) arguments = "(uint256,uint256)";
        if (_is(name, "EstateIsOpen")) arguments = "(address)";
        if (_is(name, "NothingToDo") || _is(name, "NothingToBequeath")) arguments = "()";
        return bytes4(keccak256(bytes(string.concat(name, arguments))));
    }
}
