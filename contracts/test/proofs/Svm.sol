// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The cheatcodes of halmos that our proofs use
interface Svm {
    /// Makes every slot of an account arbitrary, other than those already written.
    function enableSymbolicStorage(address account) external;
    function createUint256(string calldata name) external pure returns (uint256);
    function createAddress(string calldata name) external pure returns (address);
    function createBytes(uint256 length, string calldata name) external pure returns (bytes memory);
    function createBytes32(string calldata name) external pure returns (bytes32);
}
