// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {OwnerWord} from "../src/libraries/OwnerWord.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

/// @title The slots of README.md, read by hand
contract StorageTest is World {
    function _at(address account, bytes32 slot) private view returns (uint256) {
        return uint256(vm.load(account, slot));
    }

    function _mapping(bytes32 key, bytes32 slot) private pure returns (bytes32) {
        return keccak256(abi.encode(key, slot));
    }

    function _plus(bytes32 slot, uint256 words) private pure returns (bytes32) {
        return bytes32(uint256(slot) + words);
    }

    function _text(string memory short) private pure returns (uint256) {
        return uint256(bytes32(bytes(short))) | bytes(short).length * 2;
    }

    function test_slots_of_the_owner_word_and_the_balance() public {
        uint256 tokenId = _wearableOf(player);
        vm.assertEq(
            _at(address(collection), _mapping(bytes32(tokenId), bytes32(uint256(2)))),
            uint256(uint160(player))
        );
        vm.assertEq(
            _at(address(collection), _mapping(bytes32(uint256(uint160(player))), bytes32(uint256(3)))), 1
        );
        vm.prank(player);
        collection.burn(tokenId);
        vm.assertEq(_at(address(collection), _mapping(bytes32(tokenId), bytes32(uint256(2)))), 1 << 200);
    }

    function test_slots_of_the_collection_itself() public {
        Trees.Leaf[] memory leaves = _leaves(9, 1, 3, true);
        bytes32 root = _commit(9, 1, leaves);
        address account = address(collection);
        vm.assertEq(_at(account, bytes32(uint256(8))), uint256(brandId) | uint256(1) << 64);
        vm.assertEq(_at(account, bytes32(uint256(9))), _text("Maison Nuit"));
        vm.assertEq(_at(account, bytes32(uint256(10))), _text("NUIT"));
        vm.assertEq(_at(account, bytes32(uint256(11))), _text(BASE_URI));
        bytes32 design = _mapping(bytes32(uint256(9)), bytes32(uint256(12)));
        vm.assertEq(_at(account, design), uint256(EDITION) | uint256(4) << 64);
        vm.assertEq(vm.load(account, _plus(design, 1)), keccak256(abi.encode("design", uint64(9))));
        vm.assertEq(
            _at(account, _mapping(root, bytes32(uint256(13)))),
            uint256(9) | uint256(1) << 64 | uint256(3) << 128
        );
        vm.assertEq(_at(account, _mapping(bytes32(uint256(uint160(service))), bytes32(uint256(14)))), 1);
    }

    function test_terms_stand_above_edition_and_next_serial() public {
        uint256 terms = 2 << 80 | 7 << 40 | 5;
        IWearableCollection.Batch memory batch = _batch(1, 1, 2, "root");
        batch.terms = terms;
        vm.prank(brand);
        collection.commitBatch(batch);
        bytes32 design = _mapping(bytes32(uint256(1)), bytes32(uint256(12)));
        vm.assertEq(_at(address(collection), design), uint256(EDITION) | uint256(3) << 64 | terms << 128);
    }

    function test_slots_of_what_owners_and_issuer_do_with_a_token() public {
        uint256 tokenId = _wearableOf(player);
        address account = address(collection);
        bytes32 id = bytes32(tokenId);
        vm.startPrank(player);
        collection.setUser(tokenId, friend, uint64(NOW + 5));
        collection.offer(tokenId, stranger, uint64(NOW + 7));
        collection.cancelNonce(257);
        vm.stopPrank();
        uint256 word = uint256(uint160(player)) | (NOW + 5) << 160 | uint256(1) << 205;
        vm.assertEq(_at(account, _mapping(id, bytes32(uint256(2)))), word);
        vm.assertEq(_at(account, _mapping(id, bytes32(uint256(15)))), uint256(uint160(friend)));
        bytes32 nonces =
            _mapping(bytes32(uint256(1)), _mapping(bytes32(uint256(uint160(player))), bytes32(uint256(16))));
        vm.assertEq(_at(account, nonces), 2);
        bytes32 begun = _mapping(id, bytes32(uint256(17)));
        vm.assertEq(_at(account, begun), uint256(uint160(stranger)) | (NOW + 7) << 160);

        vm.startPrank(brand);
        collection.revoke(tokenId, 3);
        collection.proposeRevision(1, "revised", true);
        collection.stateLicence(1, "licence");
        collection.setPauser(friend, true);
        collection.setCustodian(1, friend);
        collection.pauseMinting(uint40(NOW + 9));
        collection.replaceClaimKey(tokenId + 1, friend);
        vm.stopPrank();
        vm.startPrank(player);
        collection.acceptRevision(tokenId, "revised");
        collection.markLost(tokenId);
        collection.askClearLost(tokenId);
        vm.stopPrank();
        word = uint256(uint160(player)) | (NOW + 5) << 160 | uint256(3) << 201;
        vm.assertEq(_at(account, _mapping(id, bytes32(uint256(2)))), word);
        vm.assertEq(_at(account, begun) >> 200, NOW + 7 days);
        vm.assertEq(vm.load(account, _mapping(id, bytes32(uint256(19)))), "revised");
        bytes32 revisions = _mapping(bytes32(uint256(1)), bytes32(uint256(20)));
        vm.assertEq(_at(account, _mapping("revised", revisions)), 1);
        vm.assertEq(vm.load(account, _mapping(bytes32(uint256(1)), bytes32(uint256(21)))), "licence");
        vm.assertEq(_at(account, _mapping(bytes32(uint256(uint160(friend))), bytes32(uint256(22)))), 1);
        bytes32 custodian = _mapping(bytes32(uint256(1)), bytes32(uint256(23)));
        vm.assertEq(_at(account, custodian), uint256(uint160(friend)));
        vm.assertEq(_at(account, bytes32(uint256(8))) >> 128, NOW + 9);
        bytes32 change = _mapping(bytes32(tokenId + 1), bytes32(uint256(18)));
        vm.assertEq(_at(account, change), (NOW + 7 days) << 160);
        vm.assertEq(_at(account, _plus(change, 1)), uint256(uint160(friend)));
    }

    function test_each_flag_has_the_bit_that_readers_know() public pure {
        vm.assertEq(OwnerWord.BURNED, 1 << 200);
        vm.assertEq(OwnerWord.LOST, 1 << 201);
        vm.assertEq(OwnerWord.REVOKED, 1 << 202);
        vm.assertEq(OwnerWord.RECOVERING, 1 << 203);
        vm.assertEq(OwnerWord.CHOOSING, 1 << 204);
        vm.assertEq(OwnerWord.OFFERED, 1 << 205);
        vm.assertEq(OwnerWord.BY_GUARDIANS, 1 << 206);
        vm.assertEq(OwnerWord.KEPT, 1 << 207);
        vm.assertEq(OwnerWord.ISSUER_ATTESTED, 1 << 208);
        vm.assertEq(OwnerWord.CUSTODIAN_ATTESTED, 1 << 209);
    }

    function test_slots_of_the_factory_list() public view {
        address account = address(factory);
        vm.assertEq(_at(account, 0), 1);
        vm.assertEq(_at(account, keccak256(abi.encode(0))), uint256(uint160(address(collection))));
        vm.assertEq(
            _at(account, _mapping(bytes32(uint256(uint160(address(collection)))), bytes32(uint256(1)))), 1
        );
    }

    function test_slots_of_an_anchor() public {
        vm.prank(service);
        logAnchor.anchor(ORIGIN, 7, "root");
        bytes32 byAccount = _mapping(bytes32(uint256(uint160(service))), 0);
        bytes32 byLog = _mapping(ORIGIN_HASH, byAccount);
        vm.assertEq(
            vm.load(address(logAnchor), _mapping(bytes32(uint256(7)), byLog)),
            keccak256(abi.encode(bytes32("root"), NOW))
        );
        bytes32 last =
            _mapping(ORIGIN_HASH, _mapping(bytes32(uint256(uint160(service))), bytes32(uint256(1))));
        vm.assertEq(_at(address(logAnchor), last), 7);
    }

    function test_slots_of_the_registry() public {
        bytes32 key = keccak256("an Ed25519 key");
        vm.startPrank(brand);
        registry.acceptLog(brandId, ORIGIN_HASH, service);
        registry.addKey(brandId, key, ORIGIN_HASH, 3);
        registry.proposeAccount(brandId, friend);
        vm.stopPrank();
        address account = address(registry);
        bytes32 id = bytes32(uint256(brandId));
        vm.assertEq(_at(account, 0), 1);
        bytes32 issuer = _mapping(id, bytes32(uint256(1)));
        vm.assertEq(_at(account, issuer), uint256(uint160(brand)));
        vm.assertEq(_at(account, _plus(issuer, 1)), uint256(uint160(friend)));
        vm.assertEq(_at(account, _plus(issuer, 2)), _text("did:web:maison.example"));
        bytes32 log = _mapping(ORIGIN_HASH, _mapping(id, bytes32(uint256(2))));
        vm.assertEq(_at(account, log), uint256(uint160(service)) | 1 << 160);
        bytes32 interval = _mapping(key, _mapping(ORIGIN_HASH, _mapping(id, bytes32(uint256(3)))));
        vm.assertEq(_at(account, interval), uint256(3) | uint256(type(uint64).max) << 64 | uint256(1) << 128);
        vm.startPrank(brand);
        registry.declareCompromised(brandId, key, ORIGIN_HASH, 5);
        registry.retireKey(brandId, key, ORIGIN_HASH, 9);
        registry.accredit(brandId, 0);
        vm.assertEq(
            _at(account, interval),
            uint256(3) | uint256(9) << 64 | uint256(2) << 128 | uint256(5) << 136 | (NOW + 7 days) << 200
        );
        bytes32 accreditor = bytes32(uint256(uint160(brand)));
        vm.assertEq(_at(account, _mapping(accreditor, _mapping(id, bytes32(uint256(4))))), NOW);
    }

    // ---- OpenZeppelin writes the owner, we write the flags: neither may touch the other's bits.

    function testFuzz_a_transfer_ends_loan_and_offer_and_leaves_all_other_bits_alone(uint96 upper) public {
        upper &= ~uint96(OwnerWord.LOST >> 160); // which would stop it
        uint96 kept = upper & ~uint96(OwnerWord.ENDS_WITH_OWNER >> 160);
        uint256 tokenId = _wearableOf(player);
        bytes32 slot = _mapping(bytes32(tokenId), bytes32(OwnerWord.OWNERS_SLOT));
        vm.store(address(collection), slot, bytes32(uint256(upper) << 160 | uint256(uint160(player))));
        vm.assertEq(collection.ownerOf(tokenId), player);
        vm.prank(player);
        collection.transferFrom(player, friend, tokenId);
        vm.assertEq(_at(address(collection), slot), uint256(kept) << 160 | uint256(uint160(friend)));
        vm.prank(friend);
        collection.burn(tokenId);
        vm.assertEq(_at(address(collection), slot), uint256(kept) << 160 | OwnerWord.BURNED);
    }

    function testFuzz_setting_a_flag_leaves_owner_and_other_flags_alone(
        uint256 tokenId,
        uint256 word,
        uint8 flag
    ) public {
        flag = flag % 56 + 200;
        vm.store(address(this), _mapping(bytes32(tokenId), bytes32(OwnerWord.OWNERS_SLOT)), bytes32(word));
        OwnerWord.change(tokenId, 0, uint256(1) << flag);
        vm.assertEq(OwnerWord.load(tokenId), word | uint256(1) << flag);
    }
}
