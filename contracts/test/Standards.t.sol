// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {IERC165} from "@openzeppelin/contracts/interfaces/IERC165.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IERC721, IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";

import "../interfaces/Standards.sol" as Ours;
import {IERC4907} from "../src/IERC4907.sol";
import {IERC7572} from "../src/IERC7572.sol";
import {Vm} from "./support/Vm.sol";

/// @title The standards as `sol!` reads them against those that the contracts inherit
contract StandardsTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function test_the_functions_have_the_selectors_of_the_standards() public pure {
        // An interface id is the xor of all selectors, and each set below is the whole interface.
        vm.assertEq(bytes32(type(Ours.IERC165).interfaceId), bytes32(type(IERC165).interfaceId));
        vm.assertEq(
            bytes32(type(Ours.IERC721).interfaceId),
            bytes32(type(IERC721).interfaceId ^ type(IERC721Metadata).interfaceId)
        );
        vm.assertEq(bytes32(type(Ours.IERC2981).interfaceId), bytes32(type(IERC2981).interfaceId));
        vm.assertEq(bytes32(type(Ours.IERC4907).interfaceId), bytes32(type(IERC4907).interfaceId));
        vm.assertEq(bytes32(type(Ours.IERC4907).interfaceId), bytes32(bytes4(0xad092b5c)));
        vm.assertEq(bytes32(type(Ours.IERC7572).interfaceId), bytes32(type(IERC7572).interfaceId));
        vm.assertEq(bytes32(type(Ours.IERC5267).interfaceId), bytes32(type(IERC5267).interfaceId));
        vm.assertEq(bytes32(type(Ours.IERC1271).interfaceId), bytes32(type(IERC1271).interfaceId));
        vm.assertEq(bytes32(Ours.IERC721.ownerOf.selector), bytes32(IERC721.ownerOf.selector));
        vm.assertEq(bytes32(Ours.IERC721.balanceOf.selector), bytes32(IERC721.balanceOf.selector));
        vm.assertEq(bytes32(Ours.IERC721.transferFrom.selector), bytes32(IERC721.transferFrom.selector));
        vm.assertEq(bytes32(Ours.IERC721.approve.selector), bytes32(IERC721.approve.selector));
        vm.assertEq(
            bytes32(Ours.IERC721.setApprovalForAll.selector), bytes32(IERC721.setApprovalForAll.selector)
        );
        vm.assertEq(bytes32(Ours.IERC721.getApproved.selector), bytes32(IERC721.getApproved.selector));
        vm.assertEq(
            bytes32(Ours.IERC721.isApprovedForAll.selector), bytes32(IERC721.isApprovedForAll.selector)
        );
        vm.assertEq(bytes32(Ours.IERC721.name.selector), bytes32(IERC721Metadata.name.selector));
        vm.assertEq(bytes32(Ours.IERC721.symbol.selector), bytes32(IERC721Metadata.symbol.selector));
        vm.assertEq(bytes32(Ours.IERC721.tokenURI.selector), bytes32(IERC721Metadata.tokenURI.selector));
    }

    function test_the_events_have_the_topics_of_the_standards() public pure {
        vm.assertEq(Ours.IERC721.Transfer.selector, IERC721.Transfer.selector);
        vm.assertEq(Ours.IERC721.Approval.selector, IERC721.Approval.selector);
        vm.assertEq(Ours.IERC721.ApprovalForAll.selector, IERC721.ApprovalForAll.selector);
        vm.assertEq(Ours.IERC4906.MetadataUpdate.selector, IERC4906.MetadataUpdate.selector);
        vm.assertEq(Ours.IERC4906.BatchMetadataUpdate.selector, IERC4906.BatchMetadataUpdate.selector);
        vm.assertEq(Ours.IERC4907.UpdateUser.selector, IERC4907.UpdateUser.selector);
        vm.assertEq(Ours.IERC7572.ContractURIUpdated.selector, IERC7572.ContractURIUpdated.selector);
        vm.assertEq(Ours.IERC5267.EIP712DomainChanged.selector, IERC5267.EIP712DomainChanged.selector);
    }
}
