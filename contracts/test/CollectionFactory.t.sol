// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollectionFactory} from "../interfaces/ICollectionFactory.sol";
import {IIssuerRegistry} from "../interfaces/IIssuerRegistry.sol";
import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {CollectionFactory} from "../src/CollectionFactory.sol";
import {IssuerRegistry} from "../src/IssuerRegistry.sol";
import {World} from "./support/World.sol";

contract CollectionFactoryTest is World {
    function test_a_collection_is_created_initialised_and_listed_in_one_call() public {
        address predicted = factory.predictCollection(brandId, "Second", "TWO", "", address(0), "salt");
        vm.assertEq(predicted.code.length, 0);
        vm.expectEmit(address(factory));
        emit ICollectionFactory.CollectionCreated(predicted, brandId, 1);
        vm.expectEmit(predicted);
        emit IWearableCollection.CollectionInitialized(brandId, "Second", "TWO");
        vm.prank(brand);
        address created = factory.createCollection(brandId, "Second", "TWO", "", address(0), "salt");

        vm.assertEq(created, predicted);
        vm.assertEq(factory.collectionCount(), 2);
        vm.assertEq(factory.collectionAt(0), address(collection));
        vm.assertEq(factory.collectionAt(1), created);
        vm.assertEq(factory.isCollection(created), true);
        IWearableCollection second = IWearableCollection(created);
        vm.assertEq(second.issuerId(), brandId);
        vm.assertEq(second.registry(), address(registry));
        vm.assertEq(second.isMinter(address(0)), false);
        vm.expectRevert(abi.encodeWithSelector(ICollectionFactory.NoSuchCollection.selector, 2));
        factory.collectionAt(2);
    }

    function test_every_clone_is_the_45_bytes_of_erc1167() public view {
        vm.assertEq(
            address(collection).code,
            abi.encodePacked(hex"363d3d373d3d3d363d73", implementation, hex"5af43d82803e903d91602b57fd5bf3")
        );
    }

    function test_equal_arguments_give_one_collection_only() public {
        vm.prank(brand);
        vm.expectRevert(
            abi.encodeWithSelector(ICollectionFactory.CollectionExists.selector, address(collection))
        );
        factory.createCollection(brandId, "Maison Nuit", "NUIT", BASE_URI, service, 0);
        vm.assertEq(factory.collectionCount(), 1);
    }

    function test_every_argument_moves_the_address() public view {
        address base = factory.predictCollection(1, "a", "b", "c", player, 0);
        vm.assertTrue(base != factory.predictCollection(2, "a", "b", "c", player, 0), "issuer");
        vm.assertTrue(base != factory.predictCollection(1, "ab", "", "c", player, 0), "name and symbol");
        vm.assertTrue(base != factory.predictCollection(1, "a", "bc", "", player, 0), "symbol and base");
        vm.assertTrue(base != factory.predictCollection(1, "a", "b", "c", friend, 0), "minter");
        vm.assertTrue(base != factory.predictCollection(1, "a", "b", "c", player, "x"), "salt");
    }

    function test_only_the_issuers_account_creates_its_collections() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(ICollectionFactory.NotIssuer.selector, brandId, stranger));
        factory.createCollection(brandId, "Maison Nuit", "NUIT", "", stranger, "fake");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.UnknownIssuer.selector, 9));
        factory.createCollection(9, "Nobody", "NO", "", stranger, "fake");
    }

    function test_attack_factory_front_run_leads_to_another_address() public {
        address wanted = factory.predictCollection(brandId, "Autumn", "AUT", "", service, "salt");
        vm.startPrank(stranger);
        uint64 strangersId = registry.register("did:web:maison.example");
        address taken = factory.createCollection(strangersId, "Autumn", "AUT", "", service, "salt");
        vm.assertTrue(taken != wanted, "own address");
        CollectionFactory other = new CollectionFactory(registry, implementation);
        vm.assertTrue(
            other.predictCollection(brandId, "Autumn", "AUT", "", service, "salt") != wanted, "own factory"
        );
        vm.stopPrank();
        vm.prank(brand);
        vm.assertEq(factory.createCollection(brandId, "Autumn", "AUT", "", service, "salt"), wanted);
    }

    function test_a_collection_is_initialised_once_and_the_implementation_never() public {
        vm.startPrank(brand);
        vm.expectRevert(IWearableCollection.AlreadyInitialized.selector);
        collection.initialize(brandId, "Again", "AG", "", brand);
        vm.expectRevert(IWearableCollection.AlreadyInitialized.selector);
        implementation.initialize(brandId, "Mine", "MINE", "", brand);
        vm.expectRevert(abi.encodeWithSelector(IIssuerRegistry.UnknownIssuer.selector, type(uint64).max));
        implementation.commitBatch(_batch(1, 1, 1, "root"));
    }

    function test_a_factory_and_an_implementation_of_different_registries_are_refused() public {
        IssuerRegistry other = new IssuerRegistry(logAnchor);
        vm.expectRevert(
            abi.encodeWithSelector(
                ICollectionFactory.RegistryMismatch.selector, address(other), address(registry)
            )
        );
        new CollectionFactory(other, implementation);
    }
}
