// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {People} from "./support/People.sol";

/// @title Gas of choices, wills and recoveries; see Gas.t.sol
contract CompanionsGasTest is People {
    function _measure(string memory name) private {
        vm.snapshotGasLastCall("gas", name);
    }

    function test_gas_of_a_choice() public {
        vm.startPrank(player);
        collection.choose(token, PIECE);
        _measure("choose the piece");
        collection.choose(token + 1, WEARABLE);
        _measure("choose the wearable");
    }

    function test_gas_of_a_will_and_of_an_inheritance() public {
        uint256[] memory ids = _pieces(2, 10, PIECE);
        vm.prank(friend);
        estate.setWill(heirs, executors, 2, MORATORIUM);
        _measure("make a will, three heirs, three executors");
        _executorsOpen(heirs[0]);
        _measure("open an estate, last voice");
        vm.warp(NOW + MORATORIUM);
        estate.bequeath(player, address(collection), ids);
        _measure("inherit 10 wearables");
    }

    function test_gas_of_guardians_and_of_a_recovery() public {
        uint256[] memory ids = _pieces(2, 10, PIECE);
        vm.prank(friend);
        recovery.setGuardians(guardians, 2, DELAY);
        _measure("name three guardians");
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(guardians[i]);
            recovery.recover(player, address(collection), ids, fresh);
        }
        _measure("recover 10 wearables, last voice of two");
        vm.warp(NOW + DELAY);
        recovery.finish(address(collection), ids[0]);
        _measure("finish a recovery");
    }
}
