// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The storage word that proves the rights of a token
/// @dev OpenZeppelin's ERC-721 keeps the owner of a token in `_owners[tokenId]`, an address in a word
/// of its own: it reads and writes the low 160 bits and leaves the upper 96 alone. They are ours, so
/// that one storage proof shows owner and rights together, and a transfer pays for one word:
///
///   bits   0–159  owner; zero: not minted, or burned
///   bits 160–199  user's expiry, seconds; reserved, zero
///   bits 200–255  flags: 200 burned; 201 lost, 202 revoked, 203 recovering, 204 choosing are
///                 reserved, the rest unassigned; all zero but 200
///
/// A test pins the slot, and that neither side ever disturbs the other's bits.
library OwnerWord {
    /// The slot of `_owners` in OpenZeppelin's ERC721, which stands first in our storage.
    uint256 internal constant OWNERS_SLOT = 2;

    uint256 internal constant BURNED = 1 << 200;

    /// The whole word; zero if the token was never minted.
    function load(uint256 tokenId) internal view returns (uint256 word) {
        bytes32 slot = _slot(tokenId);
        assembly ("memory-safe") {
            word := sload(slot)
        }
    }

    /// Sets flags; the owner, the expiry and the other flags stay.
    function setFlags(uint256 tokenId, uint256 flags) internal {
        bytes32 slot = _slot(tokenId);
        assembly ("memory-safe") {
            sstore(slot, or(sload(slot), flags))
        }
    }

    function _slot(uint256 tokenId) private pure returns (bytes32) {
        return keccak256(abi.encode(tokenId, OWNERS_SLOT));
    }
}
