// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The cheatcodes of halmos that our proofs use
interface Svm {
    /// Makes every slot of an account arbitrary.
    function enableSymbolicStorage(address account) external;
    /// A call with arbitrary arguments of any function of the contract that is not a view.
    function createCalldata(string calldata contractName) external pure returns (bytes memory);
    function createUint256(string calldata name) external pure returns (uint256);
    function createAddress(string calldata name) external pure returns (address);
    function createBytes(uint256 length, string calldata name) external pure returns (bytes memory);
    function createBytes32(string calldata name) external pure returns (bytes32);
}
