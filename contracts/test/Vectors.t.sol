// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {VestiaryTypes} from "../src/libraries/VestiaryTypes.sol";
import {WearableCollection} from "../src/WearableCollection.sol";
import {World} from "./support/World.sol";

/// @title The typed-data library at an address of a vector's choice
contract TypedData {
    function commitBatch(IWearableCollection.Batch calldata batch, uint256 deadline)
        external
        view
        returns (bytes32)
    {
        return VestiaryTypes.commitBatch(batch, deadline);
    }

    function claim(uint256 tokenId, bytes32 digest, address to, uint256 deadline)
        external
        view
        returns (bytes32)
    {
        return VestiaryTypes.claim(tokenId, digest, to, deadline);
    }
}

/// @title What ethers and @openzeppelin/merkle-tree made, read by the contracts
contract VectorsTest is World {
    string private constant COMMIT_BATCH = "../fixtures/typed-data/commit-batch.json";
    string private constant CLAIM = "../fixtures/typed-data/claim.json";

    string private _json;

    function _case(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".cases[", vm.toString(index), "].", field);
    }

    function _uint(uint256 index, string memory field) private view returns (uint256) {
        return vm.parseJsonUint(_json, _case(index, field));
    }

    function _bytes32(uint256 index, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, _case(index, field));
    }

    function _address(uint256 index, string memory field) private view returns (address) {
        return vm.parseJsonAddress(_json, _case(index, field));
    }

    /// The contract of the case's domain, with the given code, on the case's chain.
    function _enter(uint256 index, bytes memory code) private returns (address contract_) {
        vm.chainId(_uint(index, "typedData.domain.chainId"));
        contract_ = _address(index, "typedData.domain.verifyingContract");
        vm.etch(contract_, code);
    }

    function _batchOfCase(uint256 index) private view returns (IWearableCollection.Batch memory) {
        return IWearableCollection.Batch({
            designId: uint64(_uint(index, "typedData.message.designId")),
            firstSerial: uint64(_uint(index, "typedData.message.firstSerial")),
            count: uint64(_uint(index, "typedData.message.count")),
            edition: uint64(_uint(index, "typedData.message.edition")),
            terms: _uint(index, "typedData.message.terms"),
            designDigest: _bytes32(index, "typedData.message.designDigest"),
            root: _bytes32(index, "typedData.message.root")
        });
    }

    function test_commits_hash_as_in_ethers() public {
        _json = vm.readFile(COMMIT_BATCH);
        vm.assertEq(VestiaryTypes.COMMIT_BATCH_TYPEHASH, keccak256(bytes(vm.parseJsonString(_json, ".type"))));
        bytes memory code = address(new TypedData()).code;
        uint256 index;
        for (; vm.keyExistsJson(_json, _case(index, "signingHash")); ++index) {
            TypedData typed = TypedData(_enter(index, code));
            bytes32 hash = typed.commitBatch(_batchOfCase(index), _uint(index, "typedData.message.deadline"));
            vm.assertEq(hash, _bytes32(index, "signingHash"));
            vm.assertEq(_domain(address(typed)), _bytes32(index, "domainSeparator"));
        }
        vm.assertEq(index, 2);
    }

    function test_claims_hash_as_in_ethers() public {
        _json = vm.readFile(CLAIM);
        vm.assertEq(VestiaryTypes.CLAIM_TYPEHASH, keccak256(bytes(vm.parseJsonString(_json, ".type"))));
        bytes memory code = address(new TypedData()).code;
        uint256 index;
        for (; vm.keyExistsJson(_json, _case(index, "signingHash")); ++index) {
            TypedData typed = TypedData(_enter(index, code));
            bytes32 hash = typed.claim(
                _uint(index, "typedData.message.tokenId"),
                _bytes32(index, "typedData.message.certificateDigest"),
                _address(index, "typedData.message.to"),
                _uint(index, "typedData.message.deadline")
            );
            vm.assertEq(hash, _bytes32(index, "signingHash"));
        }
        vm.assertEq(index, 2);
    }

    function _collectionOfCase(address issuer) private returns (WearableCollection made) {
        made = WearableCollection(_enter(0, address(collection).code));
        vm.prank(issuer);
        uint64 id = registry.register("");
        made.initialize(id, "Vectors", "VEC", "", address(0));
    }

    function test_the_contract_takes_a_batch_that_ethers_signed() public {
        _json = vm.readFile(COMMIT_BATCH);
        WearableCollection made = _collectionOfCase(_address(0, "signer"));
        made.commitBatchBySignature(
            _batchOfCase(0),
            _uint(0, "typedData.message.deadline"),
            vm.parseJsonBytes(_json, _case(0, "signature"))
        );
        vm.assertEq(made.designOf(1).nextSerial, 201);
    }

    function test_the_contract_takes_a_claim_that_ethers_signed() public {
        _json = vm.readFile(CLAIM);
        WearableCollection made = _collectionOfCase(brand);
        uint256 tokenId = _uint(0, "typedData.message.tokenId");
        bytes32 digest = _bytes32(0, "typedData.message.certificateDigest");
        address claimKey = _address(0, "signer");
        bytes32 root = keccak256(bytes.concat(keccak256(abi.encode(tokenId, digest, claimKey))));
        vm.prank(brand);
        made.commitBatch(_batch(1, 1, 1, root));
        address to = _address(0, "typedData.message.to");
        made.claim(
            root,
            tokenId,
            digest,
            claimKey,
            to,
            _uint(0, "typedData.message.deadline"),
            new bytes32[](0),
            vm.parseJsonBytes(_json, _case(0, "signature"))
        );
        vm.assertEq(made.ownerOf(tokenId), to);
    }

    // ---- Batch trees: every leaf of every file is minted with the foreign proof.

    function test_the_contract_opens_every_leaf_of_the_foreign_trees() public {
        string[7] memory names = [
            "one-leaf",
            "two-leaves",
            "three-leaves",
            "five-leaves-without-claim-keys",
            "seven-serials-with-holes-at-2-and-5",
            "leaves-in-reverse-order",
            "thirty-three-leaves"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            collection = _createCollection(bytes32(i + 1));
            _openTree(string.concat("../fixtures/batch-trees/", names[i], ".json"));
        }
    }

    function _openTree(string memory path) private {
        _json = vm.readFile(path);
        bytes32 root = vm.parseJsonBytes32(_json, ".root");
        uint64 designId = uint64(vm.parseJsonUint(_json, ".leaves[0].tokenId") >> 64);
        IWearableCollection.Batch memory batch = _batch(designId, 1, 33, root);
        vm.prank(brand);
        collection.commitBatch(batch);
        uint256 index;
        for (; vm.keyExistsJson(_json, _leaf(index, "tokenId")); ++index) {
            _mintLeaf(root, index);
        }
        vm.assertEq(collection.balanceOf(player), index);
        vm.assertTrue(index != 0, "has leaves");
    }

    function _leaf(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".leaves[", vm.toString(index), "].", field);
    }

    /// The claim key of a leaf is the hash of a sentence, see contracts/scripts/vectors.
    function _mintLeaf(bytes32 root, uint256 index) private {
        uint256 tokenId = vm.parseJsonUint(_json, _leaf(index, "tokenId"));
        bytes32 digest = vm.parseJsonBytes32(_json, _leaf(index, "certificateDigest"));
        address claimKey = vm.parseJsonAddress(_json, _leaf(index, "claimKey"));
        bytes32[] memory proof = vm.parseJsonBytes32Array(_json, _leaf(index, "proof"));
        if (claimKey == address(0)) {
            vm.prank(service);
            collection.mint(root, tokenId, digest, player, proof);
            return;
        }
        uint256 key = uint256(
            keccak256(
                bytes(
                    string.concat(
                        "vestiary test key: claim key of token ",
                        vm.toString(tokenId >> 64),
                        "/",
                        vm.toString(tokenId & type(uint64).max)
                    )
                )
            )
        );
        bytes memory signature = _signClaim(address(collection), key, tokenId, digest, player, NOW);
        collection.claim(root, tokenId, digest, claimKey, player, NOW, proof, signature);
    }
}
