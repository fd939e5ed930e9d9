// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC4906} from "@openzeppelin/contracts/interfaces/IERC4906.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";

import {ICollectionFactory} from "../../interfaces/ICollectionFactory.sol";
import {IIssuerRegistry} from "../../interfaces/IIssuerRegistry.sol";
import {ILogAnchor} from "../../interfaces/ILogAnchor.sol";
import {IWearableCollection} from "../../interfaces/IWearableCollection.sol";
import {IWearableRights} from "../../interfaces/IWearableRights.sol";
import {IERC4907} from "../../src/IERC4907.sol";
import {IERC7572} from "../../src/IERC7572.sol";
import {Vm} from "../support/Vm.sol";
import {Words} from "./Words.sol";

/// @title What the events of a collection say of its storage
abstract contract CollectionEvents is Words {
    uint256 private constant BURNED = 1 << 200;
    uint256 private constant LOST = 1 << 201;

    /// Of one token.
    function _readToken(Vm.Log calldata log) internal returns (bool) {
        bytes32 topic = log.topics[0];
        if (topic == IERC721.Transfer.selector) {
            _move(log.topics[1], log.topics[2], log.topics[3]);
        } else if (topic == IERC721.Approval.selector) {
            _set(_of(log.topics[3], _at(4)), uint256(log.topics[2]));
        } else if (topic == IERC4907.UpdateUser.selector) {
            _setBits(_of(log.topics[1], _at(2)), 160, 40, abi.decode(log.data, (uint64)));
            _set(_of(log.topics[1], _at(15)), uint256(log.topics[2]));
        } else if (topic == IWearableRights.RightsChanged.selector) {
            _changeFlags(log.topics[1], abi.decode(log.data, (uint256)));
        } else if (topic == IWearableRights.Offered.selector) {
            bytes32 slot = _of(log.topics[1], _at(17));
            _setBits(slot, 0, 160, uint256(log.topics[3]));
            _setBits(slot, 160, 40, abi.decode(log.data, (uint256)));
        } else if (topic == IWearableRights.LostClearing.selector) {
            _setBits(_of(log.topics[1], _at(17)), 200, 40, abi.decode(log.data, (uint256)));
        } else if (topic == IWearableRights.RevisionAccepted.selector) {
            _set(_of(log.topics[1], _at(19)), abi.decode(log.data, (uint256)));
        } else if (topic == IWearableCollection.ClaimKeyChanging.selector) {
            _changeClaimKey(
                _of(log.topics[1], _at(18)), uint256(log.topics[2]), abi.decode(log.data, (uint256))
            );
        } else {
            // These say what happened, and leave nothing that storage would show.
            return topic == IWearableCollection.Certified.selector
                || topic == IWearableRights.Revoked.selector || topic == IWearableRights.Chosen.selector
                || topic == IWearableRights.Retired.selector || topic == IERC4906.MetadataUpdate.selector;
        }
        return true;
    }

    /// Of the collection and its designs.
    function _readCollection(Vm.Log calldata log) internal returns (bool) {
        bytes32 topic = log.topics[0];
        if (topic == IERC721.ApprovalForAll.selector) {
            bytes32 slot = _of(log.topics[2], _of(log.topics[1], _at(5)));
            _set(slot, abi.decode(log.data, (uint256)));
        } else if (topic == IWearableCollection.CollectionInitialized.selector) {
            (string memory name, string memory symbol) = abi.decode(log.data, (string, string));
            _setBits(_at(8), 0, 64, uint256(log.topics[1]));
            _setText(_at(9), name);
            _setText(_at(10), symbol);
        } else if (topic == IWearableCollection.BaseUriChanged.selector) {
            _setText(_at(11), abi.decode(log.data, (string)));
        } else if (topic == IWearableCollection.RoyaltyChanged.selector) {
            uint256 basisPoints = abi.decode(log.data, (uint256));
            _set(_at(6), basisPoints == 0 ? 0 : uint256(log.topics[1]) | basisPoints << 160);
        } else if (topic == IWearableCollection.MintingPaused.selector) {
            _setBits(_at(8), 128, 40, abi.decode(log.data, (uint256)));
        } else if (topic == IWearableCollection.MinterChanged.selector) {
            _set(_of(log.topics[1], _at(14)), abi.decode(log.data, (uint256)));
        } else if (topic == IWearableCollection.PauserChanged.selector) {
            _set(_of(log.topics[1], _at(22)), abi.decode(log.data, (uint256)));
        } else if (topic == IWearableCollection.DesignOpened.selector) {
            (bytes32 digest, uint256 edition, uint256 terms) =
                abi.decode(log.data, (bytes32, uint256, uint256));
            bytes32 slot = _of(log.topics[1], _at(12));
            _set(slot, edition | 1 << 64 | terms << 128);
            _set(_next(slot, 1), uint256(digest));
            _set(_at(8), _get(_at(8)) + (1 << 64));
        } else if (topic == IWearableCollection.BatchCommitted.selector) {
            (uint256 firstSerial, uint256 count) = abi.decode(log.data, (uint256, uint256));
            _set(_of(log.topics[2], _at(13)), uint256(log.topics[1]) | firstSerial << 64 | count << 128);
            _setBits(_of(log.topics[1], _at(12)), 64, 64, firstSerial + count);
        } else if (topic == IWearableCollection.RevisionProposed.selector) {
            bytes32 slot = _of(log.topics[2], _of(log.topics[1], _at(20)));
            _set(slot, abi.decode(log.data, (uint256)));
        } else if (topic == IWearableRights.CustodianChanged.selector) {
            _set(_of(log.topics[1], _at(23)), uint256(log.topics[2]));
        } else if (topic == IWearableCollection.LicenceStated.selector) {
            _set(_of(log.topics[1], _at(21)), abi.decode(log.data, (uint256)));
        } else {
            return
                topic == IERC4906.BatchMetadataUpdate.selector
                    || topic == IERC7572.ContractURIUpdated.selector;
        }
        return true;
    }

    /// Mint, move, burn: the approval ends; what else ends is said by events of its own.
    function _move(bytes32 from, bytes32 to, bytes32 tokenId) private {
        bytes32 word = _of(tokenId, _at(2));
        _setBits(word, 0, 160, uint256(to));
        if (to == 0) _set(word, _get(word) | BURNED);
        _set(_of(tokenId, _at(4)), 0);
        if (from != 0) _set(_of(from, _at(3)), _get(_of(from, _at(3))) - 1);
        if (to != 0) _set(_of(to, _at(3)), _get(_of(to, _at(3))) + 1);
    }

    /// With the lost flag goes the time at which it was to be cleared.
    function _changeFlags(bytes32 tokenId, uint256 flags) private {
        bytes32 word = _of(tokenId, _at(2));
        bool found = _get(word) & LOST != 0 && flags << 200 & LOST == 0;
        _setBits(word, 200, 56, flags);
        if (found) _setBits(_of(tokenId, _at(17)), 200, 40, 0);
    }

    /// A change that has taken effect is where the next one starts from.
    function _changeClaimKey(bytes32 slot, uint256 newKey, uint256 changesAt) private {
        uint256 present = _get(slot) >> 160;
        if (present != 0 && _time >= present) _set(slot, _get(_next(slot, 1)));
        if (changesAt <= _time) {
            _set(slot, newKey);
            _set(_next(slot, 1), 0);
        } else {
            _setBits(slot, 160, 40, changesAt);
            _set(_next(slot, 1), newKey);
        }
    }
}

/// @title What the events of the registry say of its storage
abstract contract RegistryEvents is Words {
    uint256 private constant ACTIVE = 1;
    uint256 private constant RETIRED = 2;

    function _readRegistry(Vm.Log calldata log) internal returns (bool) {
        bytes32 topic = log.topics[0];
        bytes32 issuer = log.topics.length > 1 ? _of(log.topics[1], _at(1)) : bytes32(0);
        if (topic == IIssuerRegistry.IssuerRegistered.selector) {
            _set(_at(0), uint256(log.topics[1]));
            _set(issuer, uint256(log.topics[2]));
            _setText(_next(issuer, 2), abi.decode(log.data, (string)));
        } else if (topic == IIssuerRegistry.DidClaimed.selector) {
            _setText(_next(issuer, 2), abi.decode(log.data, (string)));
        } else if (topic == IIssuerRegistry.AccountProposed.selector) {
            _set(_next(issuer, 1), uint256(log.topics[2]));
        } else if (topic == IIssuerRegistry.AccountChanged.selector) {
            _set(issuer, uint256(log.topics[3]));
            _set(_next(issuer, 1), 0);
        } else if (topic == IIssuerRegistry.LogAccepted.selector) {
            _set(_log(log), abi.decode(log.data, (uint256)) | 1 << 160);
        } else if (topic == IIssuerRegistry.LogRemoved.selector) {
            _setBits(_log(log), 160, 8, 0);
        } else if (topic == IIssuerRegistry.KeyAdded.selector) {
            uint256 fromIndex = abi.decode(log.data, (uint256));
            _set(_key(log), fromIndex | uint256(type(uint64).max) << 64 | ACTIVE << 128);
        } else if (topic == IIssuerRegistry.KeyRetired.selector) {
            _setBits(_key(log), 64, 64, abi.decode(log.data, (uint256)));
            _setBits(_key(log), 128, 8, RETIRED);
        } else if (topic == IIssuerRegistry.KeyCompromised.selector) {
            (uint256 fromIndex, uint256 effectiveFrom) = abi.decode(log.data, (uint256, uint256));
            _setBits(_key(log), 136, 64, fromIndex);
            _setBits(_key(log), 200, 40, effectiveFrom);
        } else if (topic == IIssuerRegistry.IssuerAccredited.selector) {
            _set(_of(log.topics[2], _of(log.topics[1], _at(4))), _time);
        } else if (topic == IIssuerRegistry.AccreditationWithdrawn.selector) {
            _set(_of(log.topics[2], _of(log.topics[1], _at(4))), 0);
        } else {
            return false;
        }
        return true;
    }

    /// Issuer, origin hash.
    function _log(Vm.Log calldata log) private pure returns (bytes32) {
        return _of(log.topics[2], _of(log.topics[1], _at(2)));
    }

    /// Issuer, key, origin hash.
    function _key(Vm.Log calldata log) private pure returns (bytes32) {
        return _of(log.topics[2], _of(log.topics[3], _of(log.topics[1], _at(3))));
    }
}

/// @title What the events of factory and anchors say of their storage, and nonces, which several contracts keep
abstract contract OtherEvents is Words {
    function _readOther(Vm.Log calldata log) internal returns (bool) {
        bytes32 topic = log.topics[0];
        if (topic == ICollectionFactory.CollectionCreated.selector) {
            uint256 index = abi.decode(log.data, (uint256));
            _set(_at(0), index + 1);
            _set(_next(keccak256(abi.encode(0)), index), uint256(log.topics[1]));
            _set(_of(log.topics[1], _at(1)), 1);
        } else if (topic == ILogAnchor.Anchored.selector) {
            (uint256 size, bytes32 root) = abi.decode(log.data, (uint256, bytes32));
            _set(
                _of(bytes32(size), _of(log.topics[2], _of(log.topics[1], _at(0)))),
                uint256(keccak256(abi.encode(root, _time)))
            );
            _set(_of(log.topics[2], _of(log.topics[1], _at(1))), size);
        } else if (topic == IWearableRights.NonceUsed.selector) {
            _useNonce(log, 16);
        } else {
            return false;
        }
        return true;
    }
}
