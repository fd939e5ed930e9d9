// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Anchors of append-only logs
/// @notice Keeps, for each account and each log, the sizes and roots that this account has anchored,
/// with the time of the block. Whoever knows (size, root, time) of an anchor proves it with one
/// storage slot, however old it is, so the earliest anchor that contains an entry stays provable.
/// @dev A log is named by the pair (account, originHash), where originHash = keccak256(bytes(origin))
/// and origin is the first line of the log's checkpoints. Whose anchors count is not decided here:
/// an issuer names the anchoring account of each log in the registry, and entry 0 of the log names it
/// too.
///
/// Trusts: the clock of the chain (`block.timestamp`), within what validators may shift it.
/// Does not check: that root is the root of a log of that size, nor that it extends the one before.
/// A false anchor is proof against its sender, for anybody who holds the log.
///
/// Nobody has rights over another account's list: no owner, no pause, no removal.
interface ILogAnchor {
    /// @notice `account` anchored its log `originHash` at `size` entries with Merkle root `root`.
    /// @dev The anchor's time is the timestamp of the block that holds this event.
    event Anchored(address indexed account, bytes32 indexed originHash, uint64 size, bytes32 root);

    /// @notice The origin is empty: it would name no log.
    error EmptyOrigin();

    /// @notice Sizes grow strictly: `size` is not above the last anchored one.
    /// @param lastSize The last size that the sender has anchored for this origin, 0 if none.
    /// @param size The size that was refused.
    error SizeNotGrowing(uint64 lastSize, uint64 size);

    /// @notice Anchors the sender's log.
    /// @dev Anybody may call; only the list of (sender, origin) is touched, so a stranger who anchors
    /// a giant size harms nobody but himself. An account that anchors a size larger than its log has
    /// closed that list for good: the log continues under a new origin.
    /// Reverts: EmptyOrigin, SizeNotGrowing.
    /// @param origin The origin line of the log's checkpoints, without line end. Not empty.
    /// @param size Number of entries, above the last anchored size of this list, so at least 1.
    /// @param root The RFC 6962 Merkle root of the first `size` entries.
    function anchor(string calldata origin, uint64 size, bytes32 root) external;

    /// @notice The last size that `account` has anchored for the log `originHash`; 0 if none.
    function lastSizeOf(address account, bytes32 originHash) external view returns (uint64 size);

    /// @notice What is kept of an anchor: keccak256(abi.encode(bytes32 root, uint256 timestamp)), 64
    /// bytes hashed, the timestamp in seconds; 0 if `account` never anchored exactly this size.
    function anchorOf(address account, bytes32 originHash, uint64 size) external view returns (bytes32 digest);
}
