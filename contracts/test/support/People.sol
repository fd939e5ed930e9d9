// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {Trees} from "./Trees.sol";
import {World} from "./World.sol";

/// @title A world with guardians, executors and heirs, and a wearable of the player whose terms have everything
abstract contract People is World {
    uint40 internal constant RECOVERY_UNTIL = uint40(NOW + 365 days);
    uint40 internal constant CHOOSE_BY = uint40(NOW + 10 days);
    uint40 internal constant DELAY = 7 days;
    uint40 internal constant MORATORIUM = 30 days;
    uint40 internal constant ISSUER_NOTICE = 30 days;
    uint8 internal constant PIECE = 1;
    uint8 internal constant WEARABLE = 2;

    address[] internal guardians;
    address[] internal executors;
    address[] internal heirs;
    address internal thief = _actor("thief");
    address internal fresh = _actor("fresh"); // the owner's new account
    address internal custodian = _actor("custodian");
    uint256 internal token;

    function setUp() public virtual override {
        super.setUp();
        for (uint256 i = 1; i <= 3; ++i) {
            guardians.push(_actor(string.concat("guardian ", vm.toString(i))));
            executors.push(_actor(string.concat("executor ", vm.toString(i))));
            heirs.push(_actor(string.concat("heir ", vm.toString(i))));
        }
        // Named long ago, two of three, and in force.
        vm.warp(NOW - 100 days);
        vm.startPrank(player);
        recovery.setGuardians(guardians, 2, DELAY);
        estate.setWill(heirs, executors, 2, MORATORIUM);
        vm.stopPrank();
        vm.warp(NOW);
        token = _pieces(1, 3, PIECE)[0];
        vm.prank(brand);
        collection.setCustodian(1, custodian);
    }

    /// `count` wearables of a new design, the player's, with a choice to make and help to get.
    function _pieces(uint64 designId, uint64 count, uint8 byDefault) internal returns (uint256[] memory ids) {
        Trees.Leaf[] memory leaves = _leaves(designId, 1, count, false);
        IWearableCollection.Batch memory batch = _batch(designId, 1, count, Trees.root(leaves));
        batch.terms = uint256(RECOVERY_UNTIL) | uint256(CHOOSE_BY) << 40 | uint256(byDefault) << 80;
        vm.prank(brand);
        collection.commitBatch(batch);
        ids = new uint256[](count);
        for (uint64 i = 0; i < count; ++i) {
            _mint(leaves, i, player);
            ids[i] = leaves[i].tokenId;
        }
    }

    function _only(uint256 tokenId) internal pure returns (uint256[] memory ids) {
        ids = new uint256[](1);
        ids[0] = tokenId;
    }

    function _lost(uint256 tokenId) internal {
        vm.prank(player);
        collection.markLost(tokenId);
    }

    /// Two of the three guardians, or as many as `voices`.
    function _guardiansRecover(uint256 tokenId, address to, uint256 voices) internal {
        for (uint256 i = 0; i < voices; ++i) {
            vm.prank(guardians[i]);
            recovery.recover(player, address(collection), _only(tokenId), to);
        }
    }

    function _guardiansStop(uint256 tokenId) internal {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(guardians[i]);
            recovery.stopRecovery(player, address(collection), _only(tokenId));
        }
    }

    function _guardiansClear(uint256 tokenId) internal {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(guardians[i]);
            recovery.clearLost(player, address(collection), _only(tokenId));
        }
    }

    function _issuerRecovers(uint256 tokenId, address to) internal {
        vm.prank(brand);
        recovery.recoverAsIssuer(address(collection), tokenId, to);
    }

    function _executorsOpen(address heir) internal {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(executors[i]);
            estate.openEstate(player, heir);
        }
    }

    function _veto(address by, uint256 tokenId) internal {
        vm.prank(by);
        recovery.veto(address(collection), _only(tokenId));
    }

    function _flags(uint256 tokenId) internal view returns (uint256) {
        return collection.wordOf(tokenId) >> 200 << 200;
    }

    /// An act on a companion, as `account` would sign it: arrays stand as the hash of their words.
    function _signAct(
        string memory account,
        address companion,
        string memory typeText,
        bytes memory words,
        uint256 nonce,
        uint256 deadline
    ) internal view returns (bytes memory) {
        address named = vm.addr(_key(account));
        return _sign(_key(account), _actHash(companion, typeText, words, named, nonce, deadline));
    }

    /// What the key of `name` signs for an account with code that asks it, with nonce 1.
    function _signFor(
        address account,
        string memory name,
        address companion,
        string memory typeText,
        bytes memory words
    ) internal view returns (bytes memory) {
        return _sign(_key(name), _actHash(companion, typeText, words, account, 1, block.timestamp));
    }
}
