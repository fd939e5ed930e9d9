// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Batch trees for tests, written without looking at the contract's own hashing
library Trees {
    struct Leaf {
        uint256 tokenId;
        bytes32 digest;
        address claimKey;
    }

    function leafHash(Leaf memory leaf) internal pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                keccak256(abi.encodePacked(leaf.tokenId, leaf.digest, uint256(uint160(leaf.claimKey))))
            )
        );
    }

    function pairHash(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encodePacked(a, b)) : keccak256(abi.encodePacked(b, a));
    }

    function root(Leaf[] memory leaves) internal pure returns (bytes32 value) {
        (value,) = open(leaves, 0);
    }

    /// The root, and the proof of the leaf at `index`. An odd node rises alone.
    function open(Leaf[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32 value, bytes32[] memory proof)
    {
        bytes32[] memory level = new bytes32[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            level[i] = leafHash(leaves[i]);
        }
        bytes32[] memory siblings = new bytes32[](64);
        uint256 depth;
        for (uint256 width = level.length; width > 1; width = (width + 1) / 2) {
            if (index ^ 1 < width) siblings[depth++] = level[index ^ 1];
            for (uint256 i = 0; i < width; i += 2) {
                level[i / 2] = i + 1 < width ? pairHash(level[i], level[i + 1]) : level[i];
            }
            index /= 2;
        }
        proof = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            proof[i] = siblings[i];
        }
        value = level[0];
    }
}
