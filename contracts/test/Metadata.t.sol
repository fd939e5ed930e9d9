// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ERC2981} from "@openzeppelin/contracts/token/common/ERC2981.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {WearableCollection} from "../src/WearableCollection.sol";
import {IERC7572} from "../src/IERC7572.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

contract MetadataTest is World {
    function test_links_follow_the_base_uri_and_name_chain_collection_and_token() public {
        // At an address of our choice, so that the expected text can be written out.
        vm.chainId(137);
        address place = 0x00000000219ab540356cBB839Cbe05303d7705Fa;
        vm.etch(place, address(collection).code);
        collection = WearableCollection(place);
        collection.initialize(brandId, "Maison Nuit", "NUIT", BASE_URI, service);
        _wearableOf(player);
        vm.assertEq(
            collection.tokenURI(18446744073709551618),
            "https://vestiary.example/metadata/137/0x00000000219ab540356cbb839cbe05303d7705fa/18446744073709551618"
        );
        vm.assertEq(
            collection.contractURI(),
            "https://vestiary.example/contract-metadata/137/0x00000000219ab540356cbb839cbe05303d7705fa"
        );
    }

    function test_without_base_uri_the_link_is_the_content_address_of_the_design() public {
        IWearableCollection.Batch memory batch = _batch(1, 1, 1, 0);
        Trees.Leaf[] memory leaves = _leaves(1, 1, 1, true);
        batch.root = Trees.root(leaves);
        // SHA-256 of "abc", from FIPS 180-4.
        batch.designDigest = 0xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad;
        vm.startPrank(brand);
        collection.commitBatch(batch);
        collection.setBaseUri("");
        vm.stopPrank();
        _claim(leaves, 0, player);
        string memory expected =
            "ipfs://f01551220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        vm.assertEq(collection.tokenURI(leaves[0].tokenId), expected);
        vm.assertEq(collection.designUri(1), expected);
        vm.assertEq(collection.designUri(2), "");
        vm.assertEq(collection.contractURI(), "");
    }

    function test_a_new_base_uri_is_announced_to_marketplaces() public {
        vm.expectEmit(address(collection));
        emit IWearableCollection.BaseUriChanged("ipns://elsewhere/");
        vm.expectEmit(address(collection));
        emit IERC4906.BatchMetadataUpdate(0, type(uint256).max);
        vm.expectEmit(address(collection));
        emit IERC7572.ContractURIUpdated();
        vm.prank(brand);
        collection.setBaseUri("ipns://elsewhere/");
    }

    function test_a_token_that_does_not_exist_has_no_link() public {
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 1));
        collection.tokenURI(1);
    }

    function test_name_and_symbol_are_the_clones_own() public view {
        vm.assertEq(collection.name(), "Maison Nuit");
        vm.assertEq(collection.symbol(), "NUIT");
        vm.assertEq(implementation.name(), "");
    }

    function test_the_issuer_sets_and_removes_the_royalty() public {
        vm.expectEmit(address(collection));
        emit IWearableCollection.RoyaltyChanged(friend, 750);
        vm.prank(brand);
        collection.setRoyalty(friend, 750);
        (address receiver, uint256 amount) = collection.royaltyInfo(1, 10_000);
        vm.assertEq(receiver, friend);
        vm.assertEq(amount, 750);
        vm.prank(brand);
        collection.setRoyalty(address(0), 0);
        (receiver, amount) = collection.royaltyInfo(1, 10_000);
        vm.assertEq(receiver, address(0));
        vm.assertEq(amount, 0);
        vm.prank(brand);
        vm.expectRevert(abi.encodeWithSelector(ERC2981.ERC2981InvalidDefaultRoyalty.selector, 10_001, 10_000));
        collection.setRoyalty(friend, 10_001);
    }

    function test_the_standards_are_announced_by_erc165() public view {
        // The ids as the standards print them: 165, 721, its metadata, 2981, 4906, 4907; then our own.
        bytes4[8] memory ids = [
            bytes4(0x01ffc9a7),
            0x80ac58cd,
            0x5b5e139f,
            0x2a55205a,
            0x49064906,
            0xad092b5c,
            type(IWearableCollection).interfaceId,
            type(IWearableRights).interfaceId
        ];
        for (uint256 i = 0; i < ids.length; ++i) {
            vm.assertEq(collection.supportsInterface(ids[i]), true);
        }
        vm.assertEq(collection.supportsInterface(0xffffffff), false);
    }

    function test_the_domain_tells_what_is_signed_for() public view {
        (bytes1 fields, string memory name, string memory version, uint256 chainId, address place,,) =
            collection.eip712Domain();
        vm.assertEq(bytes32(fields), bytes32(hex"0f"));
        vm.assertEq(name, "Vestiary");
        vm.assertEq(version, "1");
        vm.assertEq(chainId, block.chainid);
        vm.assertEq(place, address(collection));
    }
}
