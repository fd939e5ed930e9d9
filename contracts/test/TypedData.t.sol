// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {VestiaryTypes} from "../src/libraries/VestiaryTypes.sol";
import {World} from "./support/World.sol";

/// @title The library at an address of a vector's choice: the hash that is signed, from the words of a message
contract Messages {
    function voucher(uint256 tokenId, bytes32 digest, address to, uint256 deadline)
        external
        view
        returns (bytes32)
    {
        return VestiaryTypes.voucher(tokenId, digest, to, deadline);
    }

    function replaceClaimKey(uint256 tokenId, address newKey, uint256 deadline)
        external
        view
        returns (bytes32)
    {
        return VestiaryTypes.replaceClaimKey(tokenId, newKey, deadline);
    }

    function take(uint256 tokenId, address from, address to, uint256 until) external view returns (bytes32) {
        return VestiaryTypes.take(tokenId, from, to, until);
    }

    /// The last three words are account, nonce and deadline.
    function act(bytes32 typeHash, bytes calldata words) external view returns (bytes32) {
        uint256 end = words.length - 96;
        (address account, uint256 nonce, uint256 deadline) =
            abi.decode(words[end:], (address, uint256, uint256));
        return VestiaryTypes.act(typeHash, words[:end], account, nonce, deadline);
    }
}

/// @title Every message but those of Vectors.t.sol, hashed by the library as ethers hashed it
contract TypedDataTest is World {
    string private _json;

    function _case(uint256 index, string memory field) private pure returns (string memory) {
        return string.concat(".cases[", vm.toString(index), "].", field);
    }

    /// Plays both cases of a file. `selector` takes the words; zero: it is an act, which takes the type too.
    function _check(string memory file, bytes32 typeHash, bytes4 selector) private {
        _json = vm.readFile(string.concat("../fixtures/typed-data/", file, ".json"));
        vm.assertEq(typeHash, keccak256(bytes(vm.parseJsonString(_json, ".type"))));
        bytes memory code = address(new Messages()).code;
        for (uint256 index = 0; index < 2; ++index) {
            bytes memory words = vm.parseJsonBytes(_json, _case(index, "words"));
            vm.chainId(vm.parseJsonUint(_json, _case(index, "typedData.domain.chainId")));
            address target = vm.parseJsonAddress(_json, _case(index, "typedData.domain.verifyingContract"));
            vm.etch(target, code);
            bytes32 hash;
            if (selector == 0) {
                hash = Messages(target).act(typeHash, words);
            } else {
                (bool ok, bytes memory result) = target.call(bytes.concat(selector, words));
                vm.assertTrue(ok, file);
                hash = abi.decode(result, (bytes32));
            }
            vm.assertEq(hash, vm.parseJsonBytes32(_json, _case(index, "signingHash")));
        }
    }

    function test_messages_of_keys_and_minters_hash_as_in_ethers() public {
        _check("voucher", VestiaryTypes.VOUCHER_TYPEHASH, Messages.voucher.selector);
        _check(
            "replace-claim-key", VestiaryTypes.REPLACE_CLAIM_KEY_TYPEHASH, Messages.replaceClaimKey.selector
        );
        _check("take", VestiaryTypes.TAKE_TYPEHASH, Messages.take.selector);
    }

    function test_acts_of_owners_hash_as_in_ethers() public {
        _check("give", VestiaryTypes.GIVE_TYPEHASH, 0);
        _check("burn", VestiaryTypes.BURN_TYPEHASH, 0);
        _check("set-user", VestiaryTypes.SET_USER_TYPEHASH, 0);
        _check("offer", VestiaryTypes.OFFER_TYPEHASH, 0);
        _check("mark-lost", VestiaryTypes.MARK_LOST_TYPEHASH, 0);
        _check("ask-clear-lost", VestiaryTypes.ASK_CLEAR_LOST_TYPEHASH, 0);
        _check("accept-revision", VestiaryTypes.ACCEPT_REVISION_TYPEHASH, 0);
        _check("choose", VestiaryTypes.CHOOSE_TYPEHASH, 0);
    }

    function test_messages_to_estate_and_recovery_hash_as_in_ethers() public {
        _check("set-will", VestiaryTypes.SET_WILL_TYPEHASH, 0);
        _check("still-here", VestiaryTypes.STILL_HERE_TYPEHASH, 0);
        _check("open-estate", VestiaryTypes.OPEN_ESTATE_TYPEHASH, 0);
        _check("set-guardians", VestiaryTypes.SET_GUARDIANS_TYPEHASH, 0);
        _check("keep-guardians", VestiaryTypes.KEEP_GUARDIANS_TYPEHASH, 0);
        _check("veto", VestiaryTypes.VETO_TYPEHASH, 0);
        _check("recover", VestiaryTypes.RECOVER_TYPEHASH, 0);
        _check("stop-recovery", VestiaryTypes.STOP_RECOVERY_TYPEHASH, 0);
        _check("clear-lost", VestiaryTypes.CLEAR_LOST_TYPEHASH, 0);
    }
}
