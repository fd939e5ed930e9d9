// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IERC4907} from "../IERC4907.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";
import {Designs} from "./Designs.sol";

/// @title Every owner's act, by signature
/// @dev The arguments of an act are whole words, and the ABI encodes them as EIP-712 does. So what was
/// signed is hashed from the call itself, and no act can be signed and another one done.
abstract contract OwnerSignatures is Designs {
    /// @inheritdoc IWearableRights
    function actBySignature(bytes calldata act, uint256 nonce, uint256 deadline, bytes calldata signature)
        external
    {
        _requireInTime(deadline);
        bytes4 selector = bytes4(act);
        require(act.length >= 36, NotAnAct(selector)); // a selector and a token id
        bytes calldata arguments = act[4:];
        uint256 tokenId = abi.decode(arguments, (uint256));
        address owner = _requireOwned(tokenId);
        bytes32 hash = VestiaryTypes.act(_typeOf(selector), arguments, owner, nonce, deadline);
        require(SignatureChecker.isValidSignatureNowCalldata(owner, hash, signature), BadSignature());
        _useNonce(owner, nonce);

        if (selector == IWearableRights.give.selector) {
            (, address to) = abi.decode(arguments, (uint256, address));
            _transfer(owner, to, tokenId);
        } else if (selector == IWearableRights.burn.selector) {
            _destroy(tokenId);
        } else if (selector == IERC4907.setUser.selector) {
            (, address user, uint64 expires) = abi.decode(arguments, (uint256, address, uint64));
            _lend(tokenId, user, expires);
        } else if (selector == IWearableRights.offer.selector) {
            (, address key, uint64 until) = abi.decode(arguments, (uint256, address, uint64));
            _offer(owner, tokenId, key, until);
        } else if (selector == IWearableRights.markLost.selector) {
            _markLost(tokenId);
        } else if (selector == IWearableRights.askClearLost.selector) {
            _askClearLost(tokenId);
        } else if (selector == IWearableRights.choose.selector) {
            (, uint8 kept) = abi.decode(arguments, (uint256, uint8));
            _choose(owner, tokenId, kept);
        } else {
            (, bytes32 designDigest) = abi.decode(arguments, (uint256, bytes32));
            _acceptRevision(tokenId, designDigest);
        }
    }

    /// @inheritdoc IWearableRights
    function cancelNonce(uint256 nonce) external {
        _useNonce(msg.sender, nonce);
    }

    /// @inheritdoc IWearableRights
    function isNonceUsed(address account, uint256 nonce) external view returns (bool) {
        return _usedNonces[account][nonce >> 8] & 1 << (nonce & 255) != 0;
    }

    function _useNonce(address account, uint256 nonce) private {
        uint256 used = _usedNonces[account][nonce >> 8];
        uint256 bit = 1 << (nonce & 255);
        require(used & bit == 0, NonceAlreadyUsed(account, nonce));
        _usedNonces[account][nonce >> 8] = used | bit;
        emit NonceUsed(account, nonce);
    }

    function _typeOf(bytes4 selector) private pure returns (bytes32) {
        if (selector == IWearableRights.give.selector) return VestiaryTypes.GIVE_TYPEHASH;
        if (selector == IWearableRights.burn.selector) return VestiaryTypes.BURN_TYPEHASH;
        if (selector == IERC4907.setUser.selector) return VestiaryTypes.SET_USER_TYPEHASH;
        if (selector == IWearableRights.offer.selector) return VestiaryTypes.OFFER_TYPEHASH;
        if (selector == IWearableRights.markLost.selector) return VestiaryTypes.MARK_LOST_TYPEHASH;
        if (selector == IWearableRights.askClearLost.selector) return VestiaryTypes.ASK_CLEAR_LOST_TYPEHASH;
        if (selector == IWearableRights.choose.selector) return VestiaryTypes.CHOOSE_TYPEHASH;
        require(selector == IWearableRights.acceptRevision.selector, NotAnAct(selector));
        return VestiaryTypes.ACCEPT_REVISION_TYPEHASH;
    }
}
