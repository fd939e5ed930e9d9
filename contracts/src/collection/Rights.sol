// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IERC4907} from "../IERC4907.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {VestiaryTypes} from "../libraries/VestiaryTypes.sol";
import {CollectionBase} from "./CollectionBase.sol";

/// @title What owners do with a wearable, and what moves with it
/// @dev Each act has an internal twin, which takes the owner as found and checked by its caller: the
/// function itself finds that the sender owns the token, actBySignature that the owner signed.
abstract contract Rights is CollectionBase {
    /// Between the wish to take the lost flag off and its effect.
    uint256 private constant CLEARING = 7 days;

    modifier onlyOwner(uint256 tokenId) {
        _requireOwnedBy(tokenId, msg.sender);
        _;
    }

    // ---- Moving

    /// @inheritdoc IWearableRights
    function give(uint256 tokenId, address to) external onlyOwner(tokenId) {
        _transfer(msg.sender, to, tokenId);
    }

    /// @inheritdoc IWearableRights
    function burn(uint256 tokenId) external onlyOwner(tokenId) {
        _destroy(tokenId);
    }

    function _destroy(uint256 tokenId) internal {
        _burn(tokenId);
        OwnerWord.change(tokenId, 0, OwnerWord.BURNED);
    }

    // ---- Lending

    /// @inheritdoc IERC4907
    function setUser(uint256 tokenId, address user, uint64 expires) external onlyOwner(tokenId) {
        _lend(tokenId, user, expires);
    }

    function _lend(uint256 tokenId, address user, uint64 expires) internal {
        _requireNotLost(tokenId, OwnerWord.load(tokenId));
        if (user == address(0)) expires = 0;
        else _checkTime(expires);
        _users[tokenId] = user;
        OwnerWord.change(tokenId, OwnerWord.EXPIRY, uint256(expires) << OwnerWord.EXPIRY_SHIFT);
        emit UpdateUser(tokenId, user, expires);
    }

    /// @inheritdoc IERC4907
    function userOf(uint256 tokenId) external view returns (address) {
        return userExpires(tokenId) >= block.timestamp ? _users[tokenId] : address(0);
    }

    /// @inheritdoc IERC4907
    function userExpires(uint256 tokenId) public view returns (uint256) {
        return (OwnerWord.load(tokenId) & OwnerWord.EXPIRY) >> OwnerWord.EXPIRY_SHIFT;
    }

    // ---- Offers

    /// @inheritdoc IWearableRights
    function offer(uint256 tokenId, address key, uint64 until) external onlyOwner(tokenId) {
        _offer(msg.sender, tokenId, key, until);
    }

    function _offer(address owner, uint256 tokenId, address key, uint64 until) internal {
        _requireNotLost(tokenId, OwnerWord.load(tokenId));
        if (key == address(0)) until = 0;
        else _checkTime(until);
        _begun[tokenId].offeredTo = key;
        // Fits: checked.
        // forge-lint: disable-next-line(unsafe-typecast)
        _begun[tokenId].offerUntil = uint40(until);
        _changeFlags(tokenId, OwnerWord.OFFERED, key == address(0) ? 0 : OwnerWord.OFFERED);
        emit Offered(tokenId, owner, key, until);
    }

    /// @inheritdoc IWearableRights
    function take(uint256 tokenId, address to, bytes calldata signature) external {
        uint256 word = _wordOfOwned(tokenId);
        // What was offered by an earlier owner has lost its flag.
        require(word & OwnerWord.OFFERED != 0, NotOffered(tokenId));
        Begun storage begun = _begun[tokenId];
        require(block.timestamp <= begun.offerUntil, NotOffered(tokenId));
        // The low bits are the owner.
        // forge-lint: disable-next-line(unsafe-typecast)
        address from = address(uint160(word));
        bytes32 hash = VestiaryTypes.take(tokenId, from, to, begun.offerUntil);
        require(Signatures.isBy(begun.offeredTo, hash, signature), BadSignature());
        _transfer(from, to, tokenId);
    }

    // ---- Lost

    /// @inheritdoc IWearableRights
    function markLost(uint256 tokenId) external onlyOwner(tokenId) {
        _markLost(tokenId);
    }

    function _markLost(uint256 tokenId) internal {
        _callOffClearing(tokenId);
        _changeFlags(tokenId, OwnerWord.OFFERED, OwnerWord.LOST);
    }

    function _callOffClearing(uint256 tokenId) internal {
        if (_begun[tokenId].lostClearsAt != 0) {
            _begun[tokenId].lostClearsAt = 0;
            emit LostClearing(tokenId, 0);
        }
    }

    /// @inheritdoc IWearableRights
    function askClearLost(uint256 tokenId) external onlyOwner(tokenId) {
        _askClearLost(tokenId);
    }

    function _askClearLost(uint256 tokenId) internal {
        require(OwnerWord.load(tokenId) & OwnerWord.LOST != 0, TokenNotLost(tokenId));
        uint256 clearsAt = block.timestamp + CLEARING;
        // forge-lint: disable-next-line(unsafe-typecast)
        _begun[tokenId].lostClearsAt = uint40(clearsAt);
        emit LostClearing(tokenId, clearsAt);
    }

    /// @inheritdoc IWearableRights
    function clearLost(uint256 tokenId) external {
        uint256 word = OwnerWord.load(tokenId);
        require(word & OwnerWord.LOST != 0, TokenNotLost(tokenId));
        uint256 clearsAt = _begun[tokenId].lostClearsAt;
        require(clearsAt != 0 && block.timestamp >= clearsAt, LostNotClearing(tokenId, clearsAt));
        // Or a thief would wait for the 7 days and end the recovery.
        _requireNotRecovering(tokenId, word);
        _clearLost(tokenId);
    }

    function _clearLost(uint256 tokenId) internal {
        _begun[tokenId].lostClearsAt = 0;
        _changeFlags(tokenId, OwnerWord.LOST, 0);
    }

    // ---- For readers

    /// @inheritdoc IWearableRights
    function wordOf(uint256 tokenId) external view returns (uint256) {
        return OwnerWord.load(tokenId);
    }

    /// @inheritdoc IWearableRights
    function begunOf(uint256 tokenId) external view returns (address, uint40, uint40) {
        Begun storage begun = _begun[tokenId];
        return OwnerWord.load(tokenId) & OwnerWord.OFFERED == 0
            ? (address(0), 0, begun.lostClearsAt)
            : (begun.offeredTo, begun.offerUntil, begun.lostClearsAt);
    }

    function _requireNotRecovering(uint256 tokenId, uint256 word) internal pure {
        require(word & OwnerWord.RECOVERING == 0, TokenRecovering(tokenId));
    }

    /// A time that is not over and fits into 40 bits.
    function _checkTime(uint64 time) private view {
        require(time >= block.timestamp && time <= type(uint40).max, BadTime(time));
    }
}
