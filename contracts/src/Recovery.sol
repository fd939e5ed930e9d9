// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../interfaces/IEstate.sol";
import {IIssuerRegistry} from "../interfaces/IIssuerRegistry.sol";
import {IRecovery} from "../interfaces/IRecovery.sol";
import {IWearableCollection} from "../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {Guardians} from "./companions/Guardians.sol";
import {SignedActs} from "./companions/SignedActs.sol";
import {OwnerWord} from "./libraries/OwnerWord.sol";
import {VestiaryTypes} from "./libraries/VestiaryTypes.sol";

/// @title Recoveries
/// @dev That a recovery is under way is said by the token's flags alone: a move clears them. What is stored here
/// is of the last one that began, and means nothing without them, other than when it began: that tells what
/// guardians say of it from what they said of another.
contract Recovery is Guardians {
    struct Case {
        address owner;
        uint40 beganAt;
        uint40 readyAt;
        address to;
    }

    /// Between an issuer's word and its effect.
    uint256 private constant ISSUER_NOTICE = 30 days;
    /// After a guardian said that the lost flag is to come off: nothing tells one loss from the next.
    uint256 private constant CLEARING_LAPSES_AFTER = 3 days;

    uint8 private constant RECOVER = 1;
    uint8 private constant STOP = 2;
    uint8 private constant CLEAR_LOST = 3;

    /// Slot 4: collection => token id => the recovery that began last.
    mapping(address => mapping(uint256 => Case)) private _cases;

    // ---- The owner

    /// @inheritdoc IRecovery
    function veto(address collection, uint256[] calldata tokenIds) external {
        _veto(msg.sender, collection, tokenIds);
    }

    function _veto(address owner, address collection, uint256[] memory tokenIds) private {
        bool any;
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            uint256 tokenId = tokenIds[i];
            uint256 word = _word(collection, tokenId);
            if (_ownerIn(word) != owner || word & OwnerWord.RECOVERING == 0) continue;
            require(word & OwnerWord.LOST == 0, TokenLost(tokenId));
            any = true;
            _end(owner, collection, tokenId, owner);
        }
        require(any, NothingToDo());
    }

    // ---- Its guardians

    /// @inheritdoc IRecovery
    function recover(address owner, address collection, uint256[] calldata tokenIds, address to) external {
        _recover(msg.sender, owner, collection, tokenIds, to);
    }

    function _recover(
        address guardian,
        address owner,
        address collection,
        uint256[] memory tokenIds,
        address to
    ) private {
        require(to != address(0) && to != owner, BadReceiver(to));
        bytes32 subject = keccak256(abi.encode(collection, tokenIds, to));
        if (!_decide(guardian, owner, RECOVER, subject, LAPSES_AFTER)) return;
        Circle storage circle = _circleOf(owner);
        (uint40 since, uint40 delay) = (circle.since, circle.delay);
        bool any;
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            uint256 tokenId = tokenIds[i];
            uint256 word = _word(collection, tokenId);
            if (word & OwnerWord.BY_GUARDIANS != 0 || !_haveSay(owner, since, collection, tokenId, word)) {
                continue;
            }
            any = true;
            _begin(owner, collection, tokenId, to, delay, OwnerWord.ANY_RECOVERY);
        }
        require(any, NothingToDo());
    }

    /// @inheritdoc IRecovery
    function stopRecovery(address owner, address collection, uint256[] calldata tokenIds) external {
        _stop(msg.sender, owner, collection, tokenIds);
    }

    function _stop(address guardian, address owner, address collection, uint256[] memory tokenIds) private {
        bytes32 subject = _asTheyStand(collection, tokenIds);
        if (!_decide(guardian, owner, STOP, subject, LAPSES_AFTER)) return;
        uint40 since = _circleOf(owner).since;
        bool any;
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            uint256 tokenId = tokenIds[i];
            uint256 word = _word(collection, tokenId);
            if (word & OwnerWord.RECOVERING == 0 || !_haveSay(owner, since, collection, tokenId, word)) {
                continue;
            }
            any = true;
            _end(owner, collection, tokenId, guardian);
        }
        require(any, NothingToDo());
    }

    /// @inheritdoc IRecovery
    function clearLost(address owner, address collection, uint256[] calldata tokenIds) external {
        _clearLost(msg.sender, owner, collection, tokenIds);
    }

    function _clearLost(address guardian, address owner, address collection, uint256[] memory tokenIds)
        private
    {
        bytes32 subject = _asTheyStand(collection, tokenIds);
        if (!_decide(guardian, owner, CLEAR_LOST, subject, CLEARING_LAPSES_AFTER)) return;
        uint40 since = _circleOf(owner).since;
        bool any;
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            uint256 tokenId = tokenIds[i];
            uint256 word = _word(collection, tokenId);
            bool theirs = word & OwnerWord.LOST != 0 && word & OwnerWord.BY_GUARDIANS == 0;
            if (!theirs || !_haveSay(owner, since, collection, tokenId, word)) continue;
            any = true;
            IWearableRights(collection).changeFor(owner, tokenId, OwnerWord.LOST, 0);
        }
        require(any, NothingToDo());
    }

    /// These tokens, and of each when its last recovery began: what is said of them is said of that one, not of a
    /// later one. It stays when a recovery ends, or whoever ends one could part the voices for all the others.
    function _asTheyStand(address collection, uint256[] memory tokenIds) private view returns (bytes32) {
        uint256[] memory beganAt = new uint256[](tokenIds.length);
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            beganAt[i] = _cases[collection][tokenIds[i]].beganAt;
        }
        return keccak256(abi.encode(collection, tokenIds, beganAt));
    }

    /// Guardians who were named after a recovery began have no say in it: a thief may have named them.
    function _haveSay(address owner, uint40 since, address collection, uint256 tokenId, uint256 word)
        private
        view
        returns (bool)
    {
        if (_ownerIn(word) != owner) return false;
        return word & OwnerWord.RECOVERING == 0 || since <= _cases[collection][tokenId].beganAt;
    }

    // ---- The issuer

    /// @inheritdoc IRecovery
    function recoverAsIssuer(address collection, uint256 tokenId, address to) external {
        _requireIssuer(collection);
        uint256 word = _word(collection, tokenId);
        address owner = _ownerIn(word);
        require(to != address(0) && to != owner, BadReceiver(to));
        require(word & OwnerWord.RECOVERING == 0, TokenRecovering(tokenId));
        uint256 until = _recoveryUntil(collection, tokenId);
        require(block.timestamp + ISSUER_NOTICE <= until, RecoveryIsOver(until));
        _begin(owner, collection, tokenId, to, ISSUER_NOTICE, OwnerWord.RECOVERING);
    }

    /// @inheritdoc IRecovery
    function drop(address collection, uint256 tokenId) external {
        uint256 word = _word(collection, tokenId);
        require(word & OwnerWord.ANY_RECOVERY == OwnerWord.RECOVERING, NotRecovering(tokenId));
        if (block.timestamp <= _recoveryUntil(collection, tokenId)) _requireIssuer(collection);
        _end(_ownerIn(word), collection, tokenId, msg.sender);
    }

    function _requireIssuer(address collection) private view {
        uint64 issuerId = IWearableCollection(collection).issuerId();
        address account = IIssuerRegistry(IWearableCollection(collection).registry()).accountOf(issuerId);
        require(msg.sender == account, NotIssuer(issuerId, msg.sender));
    }

    /// Bits 0–39 of the terms.
    function _recoveryUntil(address collection, uint256 tokenId) private view returns (uint256) {
        // A token that exists is a design's number and a serial, nothing above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(IWearableCollection(collection).designOf(uint64(tokenId >> 64)).terms);
    }

    // ---- Anybody

    /// @inheritdoc IRecovery
    function finish(address collection, uint256 tokenId) external {
        uint256 word = _word(collection, tokenId);
        require(word & OwnerWord.RECOVERING != 0, NotRecovering(tokenId));
        Case memory found = _cases[collection][tokenId];
        require(block.timestamp >= found.readyAt, NotReady(found.readyAt));
        if (word & OwnerWord.BY_GUARDIANS == 0) {
            uint256 until = _recoveryUntil(collection, tokenId);
            require(block.timestamp <= until, RecoveryIsOver(until));
            if (word & OwnerWord.LOST == 0) {
                (, uint40 opened) = IEstate(IWearableRights(collection).estate()).estateOf(found.owner);
                require(opened == 0, EstateIsOpen(found.owner));
            }
        }
        emit Recovered(collection, tokenId, found.owner, found.to);
        IWearableRights(collection).moveFor(found.owner, tokenId, found.to);
    }

    /// @inheritdoc IRecovery
    function recoveryOf(address collection, uint256 tokenId)
        external
        view
        returns (address owner, address to, bool byGuardians, uint40 beganAt, uint40 readyAt)
    {
        uint256 word = _word(collection, tokenId);
        if (word & OwnerWord.RECOVERING == 0) return (owner, to, byGuardians, beganAt, readyAt);
        Case memory found = _cases[collection][tokenId];
        return (found.owner, found.to, word & OwnerWord.BY_GUARDIANS != 0, found.beganAt, found.readyAt);
    }

    function _begin(
        address owner,
        address collection,
        uint256 tokenId,
        address to,
        uint256 delay,
        uint256 flags
    ) private {
        // Times of blocks fit 40 bits.
        // forge-lint: disable-start(unsafe-typecast)
        uint40 readyAt = uint40(block.timestamp + delay);
        _cases[collection][tokenId] = Case(owner, uint40(block.timestamp), readyAt, to);
        // forge-lint: disable-end(unsafe-typecast)
        emit RecoveryBegan(collection, tokenId, owner, to, flags & OwnerWord.BY_GUARDIANS != 0, readyAt);
        IWearableRights(collection).changeFor(owner, tokenId, 0, flags);
    }

    function _end(address owner, address collection, uint256 tokenId, address by) private {
        emit RecoveryStopped(collection, tokenId, by);
        IWearableRights(collection).changeFor(owner, tokenId, OwnerWord.ANY_RECOVERY, 0);
    }

    function _word(address collection, uint256 tokenId) private view returns (uint256) {
        return IWearableRights(collection).wordOf(tokenId);
    }

    function _ownerIn(uint256 word) private pure returns (address) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return address(uint160(word));
    }

    // ---- By signature

    function _typed(bytes4 selector, bytes calldata arguments)
        internal
        pure
        override
        returns (bytes32, bytes memory)
    {
        if (selector == IRecovery.setGuardians.selector) {
            (address[] memory guardians, uint8 threshold, uint40 delay) =
                abi.decode(arguments, (address[], uint8, uint40));
            return (
                VestiaryTypes.SET_GUARDIANS_TYPEHASH,
                abi.encode(keccak256(abi.encodePacked(guardians)), threshold, delay)
            );
        }
        if (selector == IRecovery.keepGuardians.selector) return (VestiaryTypes.KEEP_GUARDIANS_TYPEHASH, "");
        if (selector == IRecovery.veto.selector) {
            (address collection, uint256[] memory tokenIds) = abi.decode(arguments, (address, uint256[]));
            return
                (VestiaryTypes.VETO_TYPEHASH, abi.encode(collection, keccak256(abi.encodePacked(tokenIds))));
        }
        if (selector == IRecovery.recover.selector) {
            (address owner, address collection, uint256[] memory tokenIds, address to) =
                abi.decode(arguments, (address, address, uint256[], address));
            return (
                VestiaryTypes.RECOVER_TYPEHASH,
                abi.encode(owner, collection, keccak256(abi.encodePacked(tokenIds)), to)
            );
        }
        bool stops = selector == IRecovery.stopRecovery.selector;
        require(stops || selector == IRecovery.clearLost.selector, NotAnAct(selector));
        return (
            stops ? VestiaryTypes.STOP_RECOVERY_TYPEHASH : VestiaryTypes.CLEAR_LOST_TYPEHASH,
            _ownersTokens(arguments)
        );
    }

    function _ownersTokens(bytes calldata arguments) private pure returns (bytes memory) {
        (address owner, address collection, uint256[] memory tokenIds) =
            abi.decode(arguments, (address, address, uint256[]));
        return abi.encode(owner, collection, keccak256(abi.encodePacked(tokenIds)));
    }

    function _do(address account, bytes4 selector, bytes calldata arguments) internal override {
        if (selector == IRecovery.setGuardians.selector) {
            (address[] memory guardians, uint8 threshold, uint40 delay) =
                abi.decode(arguments, (address[], uint8, uint40));
            _setGuardians(account, guardians, threshold, delay);
        } else if (selector == IRecovery.keepGuardians.selector) {
            _keepGuardians(account);
        } else if (selector == IRecovery.veto.selector) {
            (address collection, uint256[] memory tokenIds) = abi.decode(arguments, (address, uint256[]));
            _veto(account, collection, tokenIds);
        } else if (selector == IRecovery.recover.selector) {
            (address owner, address collection, uint256[] memory tokenIds, address to) =
                abi.decode(arguments, (address, address, uint256[], address));
            _recover(account, owner, collection, tokenIds, to);
        } else {
            (address owner, address collection, uint256[] memory tokenIds) =
                abi.decode(arguments, (address, address, uint256[]));
            if (selector == IRecovery.stopRecovery.selector) _stop(account, owner, collection, tokenIds);
            else _clearLost(account, owner, collection, tokenIds);
        }
    }
}
