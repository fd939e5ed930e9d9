// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title ERC-7572, which OpenZeppelin lacks
interface IERC7572 {
    event ContractURIUpdated();

    function contractURI() external view returns (string memory);
}
