// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";
import {Choices} from "./Choices.sol";

/// @title The two doors for Estate and Recovery
/// @dev Who may do what, and when, is written in these two contracts, which no collection can change.
abstract contract Companions is Choices {
    uint256 private constant THEIRS = OwnerWord.LOST | OwnerWord.ANY_RECOVERY;

    /// @inheritdoc IWearableRights
    function moveFor(address owner, uint256 tokenId, address to) external {
        _requireAllowed(msg.sender == recovery || msg.sender == estate);
        _requireOwnedBy(tokenId, owner);
        // It leaves the account that was lost.
        if (OwnerWord.load(tokenId) & OwnerWord.LOST != 0) _clearLost(tokenId);
        _transfer(owner, to, tokenId);
    }

    /// @inheritdoc IWearableRights
    function changeFor(address owner, uint256 tokenId, uint256 cleared, uint256 set) external {
        _requireAllowed(msg.sender == recovery && (cleared | set) & ~THEIRS == 0 && set & OwnerWord.LOST == 0);
        _requireOwnedBy(tokenId, owner);
        // Guardians did it at once, or a recovery ended: what was asked for before or meanwhile, perhaps by a thief,
        // would be ripe that moment.
        if (cleared != 0) _callOffClearing(tokenId);
        _changeFlags(tokenId, cleared, set);
    }
}
