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
/// @dev One door for all of it, or the crowd would do little else. Who may is judged; whether the act is
/// otherwise in order is for the unit tests.
contract Registrars is Guards {
    CollectionFactory private immutable _FACTORY;

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
        _watch(address(factory_));
        _minters[actor(2)] = true; // the service, since the collection was made
    }

    /// `what` chooses the act, `which` among a few issuers, logs and keys.
    function register(uint256 who, uint8 what, uint8 which, uint64 index, bool long) external {
        bytes32 originHash = keccak256(bytes(_origin(which)));
        string memory did = long ? "did:web:a.rather.long.name.of.a.maison.example" : "did:web:m.example";
        uint64 issuer = which % 4 == 0 ? issuerId : which % 4;
        if (who % 4 != 0 && issuer <= registry.issuerCount()) who = _seatOf(registry.accountOf(issuer));
        bytes32 keyId = keccak256(abi.encode("key", which % 2));
        index %= 64;
        if (what % 12 == 0) _tryAt(address(registry), who, abi.encodeCall(IIssuerRegistry.register, (did)));
        if (what % 12 == 1) _asIssuer(issuer, who, abi.encodeCall(IIssuerRegistry.claimDid, (issuer, did)));
        if (what % 12 == 2) {
            _asIssuer(issuer, who, abi.encodeCall(IIssuerRegistry.acceptLog, (issuer, originHash, actor(2))));
        }
        if (what % 12 == 3) {
            _asIssuer(issuer, who, abi.encodeCall(IIssuerRegistry.removeLog, (issuer, originHash)));
        }
        if (what % 12 == 4 || what % 12 == 5) {
            _asIssuer(issuer, who, abi.encodeCall(IIssuerRegistry.addKey, (issuer, keyId, originHash, index)));
        }
        if (what % 12 == 6) {
            bytes memory call = abi.encodeCall(IIssuerRegistry.retireKey, (issuer, keyId, originHash, index));
            _asIssuer(issuer, who, call);
        }
        if (what % 12 == 7) {
            bytes memory call =
                abi.encodeCall(IIssuerRegistry.declareCompromised, (issuer, keyId, originHash, index));
            _asIssuer(issuer, who, call);
        }
        if (what % 12 == 8) {
            _tryAt(address(registry), who, abi.encodeCall(IIssuerRegistry.accredit, (issuer, originHash)));
        }
        if (what % 12 == 9) {
            _tryAt(address(registry), who, abi.encodeCall(IIssuerRegistry.withdrawAccreditation, (issuer)));
        }
        if (what % 12 == 10) {
            bytes memory call = abi.encodeCall(ILogAnchor.anchor, (_origin(which), index, originHash));
            _tryAt(registry.logAnchor(), who, call);
        }
        if (what % 12 == 11) _createCollection(issuer, who, which);
    }

    function _origin(uint8 which) private pure returns (string memory) {
        return which % 3 == 0 ? "log.example/1" : "log.example/2";
    }

    function _createCollection(uint64 issuer, uint256 who, uint8 which) private {
        bytes memory call = abi.encodeCall(
            ICollectionFactory.createCollection,
            (issuer, "Nuit", "N", "", actor(which), bytes32(uint256(which)))
        );
        bool done = _tryAt(address(_FACTORY), who, call);
        if (!done) return;
        _expect(_isAccountOf(issuer, who), "somebody else made a collection for an issuer");
        address made = _FACTORY.collectionAt(_FACTORY.collectionCount() - 1);
        (, bytes32[] memory written) = vm.accesses(made);
        _expect(_chronicle.isTrue(made, written), "storage is not what events tell");
    }

    function _asIssuer(uint64 issuer, uint256 who, bytes memory call) private {
        bool done = _tryAt(address(registry), who, call);
        _expect(!done || _isAccountOf(issuer, who), "somebody else acted for an issuer");
    }

    function _isAccountOf(uint64 issuer, uint256 who) private view returns (bool) {
        return issuer <= registry.issuerCount() && registry.accountOf(issuer) == actor(who);
    }
}
