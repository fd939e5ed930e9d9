// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IEstate} from "../interfaces/IEstate.sol";
import {IWearableRights} from "../interfaces/IWearableRights.sol";
import {SignedActs} from "./companions/SignedActs.sol";
import {OwnerWord} from "./libraries/OwnerWord.sol";
import {VestiaryTypes} from "./libraries/VestiaryTypes.sol";

/// @title Wills
contract Estate is SignedActs, IEstate {
    struct Will {
        address[] heirs;
        address[] executors;
        uint8 threshold;
        uint40 moratorium;
        /// Zero: the estate is not open.
        uint40 readyAt;
        /// Goes up with each sign of life, so that what executors said before is void.
        uint64 round;
        address heir;
    }

    uint40 private constant SHORTEST = 30 days;
    uint40 private constant LONGEST = 3650 days;

    /// Slot 2: owner => will.
    mapping(address => Will) private _wills;

    /// @inheritdoc IEstate
    function setWill(
        address[] calldata heirs,
        address[] calldata executors,
        uint8 threshold,
        uint40 moratorium
    ) external {
        _setWill(msg.sender, heirs, executors, threshold, moratorium);
    }

    /// @inheritdoc IEstate
    function stillHere() external {
        _close(msg.sender);
    }

    /// @inheritdoc IEstate
    function openEstate(address owner, address heir) external {
        _open(msg.sender, owner, heir);
    }

    /// @inheritdoc IEstate
    function bequeath(address owner, address collection, uint256[] calldata tokenIds) external {
        Will storage will = _wills[owner];
        uint256 readyAt = will.readyAt;
        require(readyAt != 0, NotOpen(owner));
        require(block.timestamp >= readyAt, InMoratorium(readyAt));
        address heir = will.heir;
        bool any;
        for (uint256 i = 0; i < tokenIds.length; ++i) {
            uint256 tokenId = tokenIds[i];
            if (!_isInherited(owner, IWearableRights(collection).wordOf(tokenId))) continue;
            any = true;
            emit Bequeathed(owner, heir, collection, tokenId);
            IWearableRights(collection).moveFor(owner, tokenId, heir);
        }
        require(any, NothingToBequeath());
    }

    /// @inheritdoc IEstate
    function willOf(address owner) external view returns (address[] memory, address[] memory, uint8, uint40) {
        Will storage will = _wills[owner];
        return (will.heirs, will.executors, will.threshold, will.moratorium);
    }

    /// @inheritdoc IEstate
    function estateOf(address owner) external view returns (address heir, uint40 readyAt) {
        readyAt = _wills[owner].readyAt;
        if (readyAt != 0) heir = _wills[owner].heir;
    }

    function _setWill(
        address owner,
        address[] memory heirs,
        address[] memory executors,
        uint8 threshold,
        uint40 moratorium
    ) private {
        if (heirs.length + executors.length + threshold + moratorium != 0) {
            _checkCouncil(owner, executors, threshold);
            require(
                heirs.length != 0 && heirs.length <= MOST_MEMBERS && _areDistinct(owner, heirs)
                    && moratorium >= SHORTEST && moratorium <= LONGEST
                    && (heirs.length == 1 || threshold > 1),
                BadWill()
            );
        }
        _close(owner);
        Will storage will = _wills[owner];
        (will.heirs, will.executors, will.threshold, will.moratorium) =
        (heirs, executors, threshold, moratorium);
        emit WillChanged(owner, heirs, executors, threshold, moratorium);
    }

    function _close(address owner) private {
        Will storage will = _wills[owner];
        ++will.round;
        will.readyAt = 0;
        emit EstateClosed(owner);
    }

    function _open(address executor, address owner, address heir) private {
        Will storage will = _wills[owner];
        bytes32 key = keccak256(abi.encode(owner, will.round, heir));
        bool decided = _agree(key, will.executors, will.threshold, executor, LAPSES_AFTER);
        require(_isHeir(will, heir), NotHeir(heir));
        require(will.readyAt == 0 || will.heir != heir, AlreadyOpen(owner));
        emit ExecutorAgreed(owner, executor, heir);
        if (!decided) return;
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 readyAt = uint40(block.timestamp) + will.moratorium;
        (will.heir, will.readyAt) = (heir, readyAt);
        emit EstateOpened(owner, heir, readyAt);
    }

    function _isHeir(Will storage will, address heir) private view returns (bool) {
        for (uint256 i = 0; i < will.heirs.length; ++i) {
            if (will.heirs[i] == heir) return true;
        }
        return false;
    }

    /// Guardians say that the owner lives; of what is lost and being recovered, a thief may have made the will.
    function _isInherited(address owner, uint256 word) private pure returns (bool) {
        // The low bits are the owner.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (address(uint160(word)) != owner) return false;
        if (word & OwnerWord.BY_GUARDIANS != 0) return false;
        return word & OwnerWord.RECOVERING == 0 || word & OwnerWord.LOST == 0;
    }

    function _typed(bytes4 selector, bytes calldata arguments)
        internal
        pure
        override
        returns (bytes32, bytes memory)
    {
        if (selector == this.setWill.selector) {
            (address[] memory heirs, address[] memory executors, uint8 threshold, uint40 moratorium) =
                abi.decode(arguments, (address[], address[], uint8, uint40));
            return (
                VestiaryTypes.SET_WILL_TYPEHASH,
                abi.encode(
                    keccak256(abi.encodePacked(heirs)),
                    keccak256(abi.encodePacked(executors)),
                    threshold,
                    moratorium
                )
            );
        }
        if (selector == this.stillHere.selector) return (VestiaryTypes.STILL_HERE_TYPEHASH, "");
        require(selector == this.openEstate.selector, NotAnAct(selector));
        (address owner, address heir) = abi.decode(arguments, (address, address));
        return (VestiaryTypes.OPEN_ESTATE_TYPEHASH, abi.encode(owner, heir));
    }

    function _do(address account, bytes4 selector, bytes calldata arguments) internal override {
        if (selector == this.setWill.selector) {
            (address[] memory heirs, address[] memory executors, uint8 threshold, uint40 moratorium) =
                abi.decode(arguments, (address[], address[], uint8, uint40));
            _setWill(account, heirs, executors, threshold, moratorium);
        } else if (selector == this.stillHere.selector) {
            _close(account);
        } else {
            (address owner, address heir) = abi.decode(arguments, (address, address));
            _open(account, owner, heir);
        }
    }
}
