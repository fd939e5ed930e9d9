// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {Trees} from "./support/Trees.sol";
import {World} from "./support/World.sol";

/// @title OpenZeppelin's token as it is, to compare a transfer with
contract PlainToken is ERC721("", "") {
    function mint(address to, uint256 tokenId) external {
        _mint(to, tokenId);
    }
}

/// @title Gas of whole transactions through a clone; scripts/gas holds the limits beside it
/// @dev Meaningful with `--isolate` only, when every call is a transaction of its own: see scripts/gas.
contract GasTest is World {
    /// Writes snapshots/gas.json, or compares with it when FORGE_SNAPSHOT_CHECK is set.
    function _measure(string memory name) private {
        vm.snapshotGasLastCall("gas", name);
    }

    function _commitMeasured(string memory name, uint64 count, bool signed) private {
        IWearableCollection.Batch memory batch = _batch(1, 1, count, keccak256("first"));
        batch.edition = 10_000_000;
        batch.terms = 1_900_000_000 | 1_850_000_000 << 40 | 2 << 80;
        _send(batch, signed);
        _measure(string.concat("commit first, ", name));
        batch.firstSerial += count;
        batch.root = keccak256("later");
        _send(batch, signed);
        _measure(string.concat("commit later, ", name));
    }

    function _send(IWearableCollection.Batch memory batch, bool signed) private {
        if (signed) {
            bytes memory signature = _signCommit(address(collection), _key("brand"), batch, NOW);
            vm.prank(service);
            collection.commitBatchBySignature(batch, NOW, signature);
        } else {
            vm.prank(brand);
            collection.commitBatch(batch);
        }
    }

    function test_gas_of_a_commit_of_one() public {
        _commitMeasured("1 serial", 1, false);
    }

    function test_gas_of_a_commit_of_a_thousand() public {
        _commitMeasured("1,000 serials", 1000, false);
    }

    function test_gas_of_a_commit_of_a_million() public {
        _commitMeasured("1,000,000 serials", 1_000_000, false);
    }

    function test_gas_of_a_commit_by_signature() public {
        _commitMeasured("1,000 serials, by signature", 1000, true);
    }

    /// Claims the first serial of a batch whose tree is `depth` levels deep.
    function _claimMeasured(string memory name, uint256 depth) private {
        uint256 tokenId = _tokenId(1, 1);
        address claimKey = vm.addr(_claimKey(tokenId));
        bytes32[] memory proof = new bytes32[](depth);
        bytes32 root = Trees.leafHash(Trees.Leaf(tokenId, _digest(tokenId), claimKey));
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = keccak256(abi.encode("sibling", i));
            root = Trees.pairHash(root, proof[i]);
        }
        IWearableCollection.Batch memory batch = _batch(1, 1, uint64(2 ** depth), root);
        batch.edition = 0;
        vm.prank(brand);
        collection.commitBatch(batch);
        bytes memory signature =
            _signClaim(address(collection), _claimKey(tokenId), tokenId, _digest(tokenId), player, NOW);
        vm.prank(service);
        collection.claim(root, tokenId, _digest(tokenId), claimKey, player, NOW, proof, signature);
        _measure(name);
    }

    function test_gas_of_a_claim_out_of_a_hundred_thousand() public {
        _claimMeasured("claim, depth 17", 17);
    }

    function test_gas_of_a_claim_out_of_a_million() public {
        _claimMeasured("claim, depth 20", 20);
    }

    function test_gas_of_a_minters_mint() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        bytes32 root = _commit(1, 1, leaves);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        vm.prank(service);
        collection.mint(root, leaves[0].tokenId, leaves[0].digest, player, proof);
        _measure("mint, depth 2");
    }

    function test_gas_of_a_transfer_to_a_new_holder() public {
        PlainToken plain = new PlainToken();
        plain.mint(player, 1);
        plain.mint(player, 2);
        vm.prank(player);
        plain.transferFrom(player, friend, 1);
        _measure("transfer to a new holder, OpenZeppelin alone");

        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, true);
        _commit(1, 1, leaves);
        _claim(leaves, 0, player);
        _claim(leaves, 1, player);
        vm.prank(player);
        collection.transferFrom(player, friend, leaves[0].tokenId);
        _measure("transfer to a new holder");
    }

    function test_gas_of_a_burn() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, true);
        _commit(1, 1, leaves);
        _claim(leaves, 0, player);
        _claim(leaves, 1, player);
        vm.prank(player);
        collection.burn(leaves[0].tokenId);
        _measure("burn");
    }

    /// Two wearables of design 1, both the player's.
    function _two() private returns (uint256 tokenId) {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 2, true);
        _commit(1, 1, leaves);
        _claim(leaves, 0, player);
        _claim(leaves, 1, player);
        return leaves[0].tokenId;
    }

    function test_gas_of_a_voucher() public {
        Trees.Leaf[] memory leaves = _leaves(1, 1, 4, false);
        bytes32 root = _commit(1, 1, leaves);
        (, bytes32[] memory proof) = Trees.open(leaves, 0);
        uint256 tokenId = leaves[0].tokenId;
        bytes memory signature =
            _signVoucher(address(collection), _key("service"), tokenId, leaves[0].digest, player, NOW);
        collection.mintByVoucher(root, tokenId, leaves[0].digest, player, service, NOW, proof, signature);
        _measure("mint by voucher, depth 2");
    }

    function test_gas_of_a_loan() public {
        uint256 tokenId = _two();
        vm.prank(player);
        collection.setUser(tokenId, friend, uint64(NOW + 1 days));
        _measure("lend");
    }

    function test_gas_of_marking_lost() public {
        uint256 tokenId = _two();
        vm.prank(player);
        collection.markLost(tokenId);
        _measure("mark lost");
    }

    function test_gas_of_an_offer_and_its_taking() public {
        uint256 tokenId = _two();
        uint64 until = uint64(NOW + 1 days);
        vm.prank(player);
        collection.offer(tokenId, vm.addr(_key("link")), until);
        _measure("offer");
        bytes memory signature = _signTake(address(collection), _key("link"), tokenId, player, friend, until);
        vm.prank(service);
        collection.take(tokenId, friend, signature);
        _measure("take");
    }

    function test_gas_of_a_gift_by_signature() public {
        uint256 tokenId = _two();
        bytes memory act = abi.encodeCall(collection.give, (tokenId, friend));
        bytes32 hash = _actHash(
            address(collection),
            "Give(uint256 tokenId,address to,address account,uint256 nonce,uint256 deadline)",
            abi.encode(tokenId, friend),
            player,
            1,
            NOW
        );
        bytes memory signature = _sign(_key("player"), hash);
        vm.prank(service);
        collection.actBySignature(act, 1, NOW, signature);
        _measure("give by signature, first nonce");
    }

    function test_gas_of_an_anchor() public {
        vm.startPrank(service);
        logAnchor.anchor(ORIGIN, 1000, keccak256("first"));
        logAnchor.anchor(ORIGIN, 2000, keccak256("second"));
        _measure("anchor, with history");
    }
}
