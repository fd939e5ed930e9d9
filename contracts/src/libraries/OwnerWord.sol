// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The storage word that proves the rights of a token
/// @dev OpenZeppelin's ERC-721 keeps the owner of a token in `_owners[tokenId]`, an address in a word
/// of its own: it reads and writes the low 160 bits and leaves the upper 96 alone. They are ours, so
/// that one storage proof shows owner and rights together, and a transfer pays for one word:
///
///   bits   0–159  owner; zero: not minted, or burned
///   bits 160–199  user's expiry, seconds, that second included; zero: not lent
///   bits 200–255  flags, below; those without a name are zero
///
/// A test pins the slot, and that neither side ever disturbs the other's bits.
library OwnerWord {
    /// The slot of `_owners` in OpenZeppelin's ERC721, which stands first in our storage.
    uint256 internal constant OWNERS_SLOT = 2;

    uint256 internal constant EXPIRY_SHIFT = 160;
    uint256 internal constant EXPIRY = uint256(type(uint40).max) << EXPIRY_SHIFT;
    uint256 internal constant FLAGS_SHIFT = 200;

    /// Destroyed; the serial is never minted again.
    uint256 internal constant BURNED = 1 << 200;
    /// The owner says that somebody else has the account: nothing moves.
    uint256 internal constant LOST = 1 << 201;
    /// The issuer says so, for a reason that its event names.
    uint256 internal constant REVOKED = 1 << 202;
    /// A recovery has begun: somebody else claims the token for its owner.
    uint256 internal constant RECOVERING = 1 << 203;
    /// The wearable was chosen over its piece, which is not yet attested to be retired.
    uint256 internal constant CHOOSING = 1 << 204;
    /// Offered to a key.
    uint256 internal constant OFFERED = 1 << 205;
    /// The recovery that has begun is that of the owner's guardians; without it, the issuer's.
    uint256 internal constant BY_GUARDIANS = 1 << 206;
    /// The wearable was chosen over its piece, and the piece is retired.
    uint256 internal constant KEPT = 1 << 207;
    /// The issuer attests that the piece is retired.
    uint256 internal constant ISSUER_ATTESTED = 1 << 208;
    /// The custodian attests that the piece is retired.
    uint256 internal constant CUSTODIAN_ATTESTED = 1 << 209;

    /// Either kind of recovery, whole.
    uint256 internal constant ANY_RECOVERY = RECOVERING | BY_GUARDIANS;
    /// What ends when a wearable goes to another owner.
    uint256 internal constant ENDS_WITH_OWNER = EXPIRY | OFFERED | ANY_RECOVERY;

    /// The whole word; zero if the token was never minted.
    function load(uint256 tokenId) internal view returns (uint256 word) {
        bytes32 slot = _slot(tokenId);
        assembly ("memory-safe") {
            word := sload(slot)
        }
    }

    /// Clears the bits `cleared`, then sets the bits `set`; all others stay, the owner among them.
    function change(uint256 tokenId, uint256 cleared, uint256 set) internal returns (uint256 word) {
        bytes32 slot = _slot(tokenId);
        assembly ("memory-safe") {
            word := or(and(sload(slot), not(cleared)), set)
            sstore(slot, word)
        }
    }

    function _slot(uint256 tokenId) private pure returns (bytes32) {
        return keccak256(abi.encode(tokenId, OWNERS_SLOT));
    }
}
