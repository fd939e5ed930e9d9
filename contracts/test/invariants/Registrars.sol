// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICollectionFactory} from "../../interfaces/ICollectionFactory.sol";
import {IIssuerRegistry} from "../../interfaces/IIssuerRegistry.sol";
import {ILogAnchor} from "../../interfaces/ILogAnchor.sol";
import {CollectionFactory} from "../../src/CollectionFactory.sol";
import {IssuerRegistry} from "../../src/IssuerRegistry.sol";
import {WearableCollection} from "../../src/WearableCollection.sol";
import {Chronicle} from "./Chronicle.sol";
import {Crowd} from "./Crowd.sol";
import {Families} from "./Families.sol";
import {Guards} from "./Guards.sol";

/// @title The same crowd at the registry, the factory and the anchors
/// @dev One door for all of it, or the crowd would do little else. Three issuers, two logs, two keys, so that it
/// meets; and a record of all that is said there, which the views of the contracts are compared with.
contract Registrars is Guards {
    uint64 private constant NEVER = type(uint64).max;

    struct Log {
        address anchoringAccount;
        bool accepted;
    }

    struct Key {
        IIssuerRegistry.KeyState state;
        uint64 fromIndex;
        uint64 untilIndex;
        uint64 compromisedFrom;
        uint256 compromisedAt;
    }

    /// Who asks, about what.
    struct Ask {
        uint256 who;
        uint64 issuer;
        bool exists;
        bool isAccount;
        string origin;
        bytes32 originHash;
        bytes32 key;
        uint64 index;
    }

    CollectionFactory private immutable _FACTORY;
    ILogAnchor private immutable _ANCHOR;
    uint64 private _issuers;
    mapping(uint64 => string) private _dids;
    mapping(uint64 => mapping(bytes32 => Log)) private _logs;
    mapping(uint64 => mapping(bytes32 => mapping(bytes32 => Key))) private _issuerKeys;
    mapping(uint64 => mapping(address => uint256)) private _accredited;
    mapping(address => mapping(bytes32 => uint64)) private _sizes;
    mapping(bytes32 => bool) private _made;
    uint256 private _collections;

    constructor(
        WearableCollection collection_,
        IssuerRegistry registry_,
        uint64 issuerId_,
        CollectionFactory factory_,
        Chronicle chronicle
    )
        Crowd(collection_, registry_, issuerId_, chronicle)
        Families(collection_.estate())
        Guards(collection_.recovery())
    {
        _FACTORY = factory_;
        _ANCHOR = ILogAnchor(registry_.logAnchor());
        _watch(address(factory_));
        _minters[actor(2)] = true; // the service, since the collection was made
        _issuers = registry_.issuerCount();
        _dids[issuerId_] = registry_.didOf(issuerId_);
        _collections = factory_.collectionCount();
    }

    /// Six acts after one another, so that short sequences get somewhere.
    function register(uint256 seed) external {
        for (uint256 i = 0; i < 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            _register(seed >> 128, uint8(seed), uint8(seed >> 8), uint64(seed >> 16), seed >> 80 & 1 == 0);
        }
    }

    /// `what` chooses the act, `which` among a few issuers, logs and keys: mostly the first of each.
    function _register(uint256 who, uint8 what, uint8 which, uint64 index, bool long) private {
        Ask memory ask;
        ask.issuer = which & 3 == 3 ? 2 + (which >> 2 & 1) : 1;
        ask.exists = ask.issuer <= _issuers;
        if (who % 4 != 0 && ask.exists) who = _seatOf(_accounts[ask.issuer]);
        ask.who = who;
        ask.isAccount = ask.exists && _accounts[ask.issuer] == actor(who);
        ask.origin = which >> 3 & 3 == 3 ? "log.example/2" : "log.example/1";
        ask.originHash = keccak256(bytes(ask.origin));
        ask.key = which >> 5 & 3 == 3 ? keccak256("another key") : keccak256("one key");
        if (index >> 32 & 15 == 15) ask.key = 0;
        ask.index = index;
        what %= 20;
        bool done;
        if (what < 2) done = _name(ask, what == 0, _did(index, long));
        else if (what < 5) done = _acceptOrRemove(ask, what != 2);
        else if (what < 8) done = _add(ask);
        else if (what < 10) done = _retire(ask);
        else if (what == 10) done = _compromise(ask);
        else if (what < 13) done = _vouch(ask, what == 11);
        else if (what < 16) done = _anchor(ask);
        else if (what == 16) _createCollection(ask, which % 6);
        else done = _rotate(ask, what != 19, which);
        if (done && ask.issuer <= _issuers) {
            _expect(_isAnswered(ask), "the registry is not what it was told");
        }
    }

    /// One in 16 is too long.
    function _did(uint64 index, bool long) private pure returns (string memory) {
        if (index >> 40 & 15 == 0) return string(new bytes(257));
        return long ? "did:web:a.rather.long.name.of.a.maison.example" : "did:web:m.example";
    }

    function _name(Ask memory ask, bool isNew, string memory did) private returns (bool done) {
        bool may = bytes(did).length <= 256 && (isNew || ask.isAccount);
        bytes memory call = isNew
            ? abi.encodeCall(IIssuerRegistry.register, (did))
            : abi.encodeCall(IIssuerRegistry.claimDid, (ask.issuer, did));
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "a name was refused" : "named by somebody, or too long");
        if (!done) return false;
        if (isNew) {
            ask.issuer = ++_issuers;
            _accounts[ask.issuer] = actor(ask.who);
        }
        _dids[ask.issuer] = did;
        _expect(keccak256(bytes(registry.didOf(ask.issuer))) == keccak256(bytes(did)), "another name");
    }

    /// One in eight names nobody as the anchoring account, and two another than the others.
    function _acceptOrRemove(Ask memory ask, bool accepts) private returns (bool done) {
        Log storage log = _logs[ask.issuer][ask.originHash];
        uint256 named = ask.index & 7;
        address anchoring = named == 7 ? address(0) : actor(named > 4 ? 3 : 2);
        bool may = ask.isAccount && log.accepted != accepts;
        if (accepts) {
            bool fits = log.anchoringAccount == address(0) || log.anchoringAccount == anchoring;
            may = may && anchoring != address(0) && fits;
        }
        bytes memory call = accepts
            ? abi.encodeCall(IIssuerRegistry.acceptLog, (ask.issuer, ask.originHash, anchoring))
            : abi.encodeCall(IIssuerRegistry.removeLog, (ask.issuer, ask.originHash));
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "a log was refused" : "a log was accepted or removed");
        if (!done) return false;
        log.accepted = accepts;
        if (accepts) log.anchoringAccount = anchoring;
    }

    function _add(Ask memory ask) private returns (bool done) {
        ask.index = _around(ask.index, _sizeFor(ask));
        Key storage found = _issuerKeys[ask.issuer][ask.originHash][ask.key];
        bool may = ask.isAccount && ask.key != 0 && _logs[ask.issuer][ask.originHash].accepted
            && found.state == IIssuerRegistry.KeyState.None && ask.index >= _sizeFor(ask);
        bytes memory call =
            abi.encodeCall(IIssuerRegistry.addKey, (ask.issuer, ask.key, ask.originHash, ask.index));
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "a key was refused" : "a key was added that may not be");
        if (done) {
            (found.state, found.fromIndex, found.untilIndex) =
            (IIssuerRegistry.KeyState.Active, ask.index, NEVER);
        }
    }

    function _retire(Ask memory ask) private returns (bool done) {
        Key storage found = _issuerKeys[ask.issuer][ask.originHash][ask.key];
        // At the key's own beginning as often: what is anchored above it is not for the issuer to change.
        ask.index = _around(ask.index, ask.index >> 60 & 1 == 0 ? _sizeFor(ask) : found.fromIndex);
        bool may = ask.isAccount && found.state == IIssuerRegistry.KeyState.Active
            && ask.index >= found.fromIndex && ask.index >= _sizeFor(ask);
        bytes memory call =
            abi.encodeCall(IIssuerRegistry.retireKey, (ask.issuer, ask.key, ask.originHash, ask.index));
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "a key was not retired" : "a key was retired that may not be");
        if (done) (found.state, found.untilIndex) = (IIssuerRegistry.KeyState.Retired, ask.index);
    }

    function _compromise(Ask memory ask) private returns (bool done) {
        Key storage found = _issuerKeys[ask.issuer][ask.originHash][ask.key];
        ask.index = _around(ask.index, found.fromIndex);
        bool may = ask.isAccount && found.state != IIssuerRegistry.KeyState.None && found.compromisedAt == 0
            && ask.index >= found.fromIndex && ask.index < found.untilIndex;
        bytes memory call = abi.encodeCall(
            IIssuerRegistry.declareCompromised, (ask.issuer, ask.key, ask.originHash, ask.index)
        );
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "a compromise was refused" : "a key was called compromised");
        if (done) (found.compromisedFrom, found.compromisedAt) = (ask.index, block.timestamp + 7 days);
    }

    function _vouch(Ask memory ask, bool vouches) private returns (bool done) {
        address by = actor(ask.who);
        bool may = ask.exists && (_accredited[ask.issuer][by] == 0) == vouches;
        bytes memory call = vouches
            ? abi.encodeCall(IIssuerRegistry.accredit, (ask.issuer, ask.originHash))
            : abi.encodeCall(IIssuerRegistry.withdrawAccreditation, (ask.issuer));
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "a word for an issuer was refused" : "a word for an issuer was counted");
        if (done) _accredited[ask.issuer][by] = vouches ? block.timestamp : 0;
    }

    /// Mostly by an account that anchors.
    function _anchor(Ask memory ask) private returns (bool done) {
        if (ask.index >> 48 & 3 != 0) ask.who = 2 + (ask.index >> 50 & 1);
        address by = actor(ask.who);
        ask.index = _around(ask.index, _sizes[by][ask.originHash]);
        bool may = ask.index > _sizes[by][ask.originHash];
        bytes memory call = abi.encodeCall(ILogAnchor.anchor, (ask.origin, ask.index, ask.originHash));
        done = _tryAt(address(_ANCHOR), ask.who, call);
        _expect(done == may, may ? "an anchor was refused" : "an anchor went back");
        if (!done) return false;
        _sizes[by][ask.originHash] = ask.index;
        bytes32 expected = keccak256(abi.encode(ask.originHash, block.timestamp));
        _expect(_ANCHOR.anchorOf(by, ask.originHash, ask.index) == expected, "an anchor says another time");
    }

    /// The brand goes between its two accounts only, see rotate.
    function _rotate(Ask memory ask, bool proposes, uint8 which) private returns (bool done) {
        address to = actor(ask.issuer == issuerId ? which % 2 : which);
        if (!proposes && which % 2 == 0) ask.who = _seatOf(_offers[ask.issuer]);
        bool may = proposes ? ask.isAccount : ask.exists && _offers[ask.issuer] == actor(ask.who);
        bytes memory call = proposes
            ? abi.encodeCall(IIssuerRegistry.proposeAccount, (ask.issuer, to))
            : abi.encodeCall(IIssuerRegistry.acceptAccount, (ask.issuer));
        done = _tryAt(address(registry), ask.who, call);
        _expect(done == may, may ? "an account could not change" : "somebody changed an account");
        if (!done) return false;
        if (proposes) _offers[ask.issuer] = to;
        else (_accounts[ask.issuer], _offers[ask.issuer]) = (actor(ask.who), address(0));
    }

    /// Minter and salt follow from `variant`, so that the same arguments come again.
    function _createCollection(Ask memory ask, uint256 variant) private {
        bytes32 salt = bytes32(variant);
        bytes32 arguments = keccak256(abi.encode(ask.issuer, variant));
        bool may = ask.isAccount && !_made[arguments];
        bytes memory call = abi.encodeCall(
            ICollectionFactory.createCollection, (ask.issuer, "Nuit", "N", "", actor(variant), salt)
        );
        bool done = _tryAt(address(_FACTORY), ask.who, call);
        _expect(done == may, may ? "a collection was refused" : "a collection was made for an issuer");
        if (!done) return;
        _made[arguments] = true;
        _expect(_FACTORY.collectionCount() == ++_collections, "not one collection more");
        address made = _FACTORY.collectionAt(_collections - 1);
        (, bytes32[] memory written) = vm.accesses(made);
        _expect(_chronicle.isTrue(made, written), "storage is not what events tell");
        bool isListed = made == _predicted(ask.issuer, variant) && _FACTORY.isCollection(made);
        _expect(isListed, "another collection is listed");
        WearableCollection fresh = WearableCollection(made);
        _expect(
            fresh.issuerId() == ask.issuer && fresh.isMinter(actor(variant)) && fresh.designCount() == 0
                && fresh.registry() == address(registry),
            "a collection is not what was asked for"
        );
    }

    function _predicted(uint64 issuer, uint256 variant) private view returns (address) {
        return _FACTORY.predictCollection(issuer, "Nuit", "N", "", actor(variant), bytes32(variant));
    }

    /// Mostly at a bound or a little above it.
    function _around(uint64 index, uint64 bound) private pure returns (uint64) {
        return index & 7 == 0 ? index >> 8 & 63 : bound + (index >> 8 & 7);
    }

    /// The last anchored size that counts for the issuer.
    function _sizeFor(Ask memory ask) private view returns (uint64) {
        return _sizes[_logs[ask.issuer][ask.originHash].anchoringAccount][ask.originHash];
    }

    // ---- What the views say

    /// Whether registry and anchors say of all issuers what the crowd told them.
    function isRegistryAsSaid() external view returns (bool) {
        if (registry.issuerCount() != _issuers || _FACTORY.collectionCount() != _collections) return false;
        for (uint64 issuer = 1; issuer <= _issuers && issuer <= 3; ++issuer) {
            if (!_isAsSaid(issuer)) return false;
        }
        return true;
    }

    /// What an act may have touched, or should have left alone; the end of a run looks at the rest.
    function _isAnswered(Ask memory ask) private view returns (bool) {
        uint64 issuer = ask.issuer;
        address by = actor(ask.who);
        return registry.accountOf(issuer) == _accounts[issuer]
            && registry.proposedAccountOf(issuer) == _offers[issuer]
            && registry.accreditedSince(issuer, by) == _accredited[issuer][by]
            && _isLogAsSaid(issuer, ask.originHash);
    }

    function _isAsSaid(uint64 issuer) private view returns (bool) {
        if (
            registry.accountOf(issuer) != _accounts[issuer]
                || registry.proposedAccountOf(issuer) != _offers[issuer]
                || keccak256(bytes(registry.didOf(issuer))) != keccak256(bytes(_dids[issuer]))
        ) return false;
        for (uint256 i = 0; i < 6; ++i) {
            if (registry.accreditedSince(issuer, actor(i)) != _accredited[issuer][actor(i)]) return false;
        }
        return
            _isLogAsSaid(issuer, keccak256("log.example/1"))
                && _isLogAsSaid(issuer, keccak256("log.example/2"));
    }

    function _isLogAsSaid(uint64 issuer, bytes32 originHash) private view returns (bool) {
        Log storage log = _logs[issuer][originHash];
        (bool accepted, address anchoring) = registry.logOf(issuer, originHash);
        return accepted == log.accepted && anchoring == log.anchoringAccount
            && _ANCHOR.lastSizeOf(anchoring, originHash) == _sizes[anchoring][originHash]
            && _isKeyAsSaid(issuer, originHash, keccak256("one key"))
            && _isKeyAsSaid(issuer, originHash, keccak256("another key"))
            && _isKeyAsSaid(issuer, originHash, 0);
    }

    function _isKeyAsSaid(uint64 issuer, bytes32 originHash, bytes32 keyId) private view returns (bool) {
        Key storage found = _issuerKeys[issuer][originHash][keyId];
        (IIssuerRegistry.KeyState state, uint64 fromIndex, uint64 untilIndex) =
            registry.keyOf(issuer, keyId, originHash);
        if (state != found.state || fromIndex != found.fromIndex || untilIndex != found.untilIndex) {
            return false;
        }
        (bool declared, uint64 from, uint64 since) = registry.compromiseOf(issuer, keyId, originHash);
        return declared == (found.compromisedAt != 0) && from == found.compromisedFrom
            && since == found.compromisedAt;
    }
}
