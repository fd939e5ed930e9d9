// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title An ERC-1271 account of one key, which can change its mind
contract ContractAccount {
    address private immutable _OWNER;
    bool private _trusting = true;

    constructor(address owner) {
        _OWNER = owner;
    }

    function setTrusting(bool trusting) external {
        _trusting = trusting;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        return
            _trusting && ECDSA.recover(hash, signature) == _OWNER ? this.isValidSignature.selector : bytes4(0);
    }
}
