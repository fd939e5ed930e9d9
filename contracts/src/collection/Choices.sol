// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {OwnerWord} from "../libraries/OwnerWord.sol";
import {Rights} from "./Rights.sol";

/// @title Piece or wearable: the choice, its default, and the end of the piece
abstract contract Choices is Rights {
    uint8 private constant PIECE = 1;
    uint8 private constant WEARABLE = 2;

    uint256 private constant MADE = OwnerWord.CHOOSING | OwnerWord.KEPT;
    uint256 private constant ATTESTED = OwnerWord.ISSUER_ATTESTED | OwnerWord.CUSTODIAN_ATTESTED;

    /// @inheritdoc IWearableRights
    function choose(uint256 tokenId, uint8 kept) external onlyOwner(tokenId) {
        _choose(msg.sender, tokenId, kept);
    }

    function _choose(address owner, uint256 tokenId, uint8 kept) internal {
        (uint256 chooseBy,) = _choiceOf(tokenId);
        require(chooseBy != 0 && (kept == PIECE || kept == WEARABLE), NothingToChoose(tokenId));
        require(block.timestamp <= chooseBy, NotTheTime(chooseBy));
        _keep(owner, tokenId, kept, false);
    }

    /// @inheritdoc IWearableRights
    function settle(uint256 tokenId) external {
        address owner = _requireOwned(tokenId);
        (uint256 chooseBy, uint8 byDefault) = _choiceOf(tokenId);
        require(chooseBy != 0 && byDefault != 0, NothingToChoose(tokenId));
        require(block.timestamp > chooseBy, NotTheTime(chooseBy));
        // Anybody could burn what guardians are about to bring back.
        _requireNotRecovering(tokenId, OwnerWord.load(tokenId));
        _keep(owner, tokenId, byDefault, true);
    }

    /// @inheritdoc IWearableRights
    function attestRetired(uint256 tokenId, bytes32 evidence) external {
        uint256 word = _wordOfOwned(tokenId);
        require(word & OwnerWord.CHOOSING != 0, NotChoosing(tokenId));
        uint256 attested;
        if (msg.sender == _issuerAccount()) attested = OwnerWord.ISSUER_ATTESTED;
        if (msg.sender == custodianOf[_designOf(tokenId)]) attested |= OwnerWord.CUSTODIAN_ATTESTED;
        _requireAllowed(attested != 0);
        emit Retired(tokenId, msg.sender, evidence);
        if ((word | attested) & ATTESTED == ATTESTED) {
            _changeFlags(tokenId, OwnerWord.CHOOSING, OwnerWord.KEPT | attested);
        } else {
            _changeFlags(tokenId, 0, attested);
        }
    }

    /// @inheritdoc IWearableRights
    function setCustodian(uint64 designId, address custodian) external {
        address present = custodianOf[designId];
        _requireAllowed(
            custodian != address(0) && msg.sender == (present == address(0) ? _issuerAccount() : present)
        );
        custodianOf[designId] = custodian;
        emit CustodianChanged(designId, custodian);
    }

    /// @inheritdoc IWearableRights
    function saleStatus(uint256 tokenId)
        external
        view
        returns (bool lost, bool revoked, bool recovering, bool lent, bool choosing)
    {
        uint256 word = _wordOfOwned(tokenId);
        lost = word & OwnerWord.LOST != 0;
        revoked = word & OwnerWord.REVOKED != 0;
        recovering = word & OwnerWord.RECOVERING != 0;
        lent = userExpires(tokenId) >= block.timestamp;
        (uint256 chooseBy, uint8 byDefault) = _choiceOf(tokenId);
        bool due = chooseBy != 0 && byDefault != 0 && block.timestamp > chooseBy;
        choosing = word & OwnerWord.CHOOSING != 0 || (due && word & OwnerWord.KEPT == 0);
    }

    function _keep(address owner, uint256 tokenId, uint8 kept, bool byDefault) private {
        uint256 word = OwnerWord.load(tokenId);
        _requireNotLost(tokenId, word);
        require(word & MADE == 0, AlreadyChosen(tokenId));
        emit Chosen(tokenId, owner, kept, byDefault);
        if (kept == PIECE) _destroy(tokenId);
        else _changeFlags(tokenId, 0, OwnerWord.CHOOSING);
    }

    /// Bits 40–79 and 80–87 of the terms.
    function _choiceOf(uint256 tokenId) private view returns (uint256 chooseBy, uint8 byDefault) {
        uint256 terms = _designs[_designOf(tokenId)].terms;
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint40(terms >> 40), uint8(terms >> 80));
    }
}
