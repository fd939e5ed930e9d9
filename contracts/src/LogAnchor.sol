// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILogAnchor} from "../interfaces/ILogAnchor.sol";

/// @title Anchors of append-only logs
contract LogAnchor is ILogAnchor {
    /// Slot 0: account => origin hash => size => keccak256(abi.encode(root, timestamp)).
    mapping(address => mapping(bytes32 => mapping(uint64 => bytes32))) private _anchors;
    /// Slot 1: account => origin hash => last size.
    mapping(address => mapping(bytes32 => uint64)) private _lastSizes;

    /// @inheritdoc ILogAnchor
    function anchor(string calldata origin, uint64 size, bytes32 root) external {
        require(bytes(origin).length != 0, EmptyOrigin());
        bytes32 originHash = keccak256(bytes(origin));
        uint64 lastSize = _lastSizes[msg.sender][originHash];
        require(size > lastSize, SizeNotGrowing(lastSize, size));

        _lastSizes[msg.sender][originHash] = size;
        _anchors[msg.sender][originHash][size] = keccak256(abi.encode(root, block.timestamp));
        emit Anchored(msg.sender, originHash, size, root);
    }

    /// @inheritdoc ILogAnchor
    function lastSizeOf(address account, bytes32 originHash) external view returns (uint64) {
        return _lastSizes[account][originHash];
    }

    /// @inheritdoc ILogAnchor
    function anchorOf(address account, bytes32 originHash, uint64 size) external view returns (bytes32) {
        return _anchors[account][originHash][size];
    }
}
