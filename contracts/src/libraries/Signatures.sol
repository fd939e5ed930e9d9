// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title Signatures of keys, which have no code and are never asked
library Signatures {
    /// Whether `key`, which is not zero, signed `hash`: 65 bytes r ‖ s ‖ v with s in the lower half.
    function isBy(address key, bytes32 hash, bytes calldata signature) internal pure returns (bool) {
        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecoverCalldata(hash, signature);
        return failure == ECDSA.RecoverError.NoError && signer == key && key != address(0);
    }
}
