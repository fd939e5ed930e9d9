// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IIssuerRegistry} from "../interfaces/IIssuerRegistry.sol";
import {ILogAnchor} from "../interfaces/ILogAnchor.sol";

/// @title Issuers, their accounts, their keys, the logs they accept
contract IssuerRegistry is IIssuerRegistry {
    struct Issuer {
        address account;
        address proposed;
        string did;
    }

    /// The anchoring account outlives `accepted`: it is fixed at the first acceptance.
    struct Log {
        address anchoringAccount;
        bool accepted;
    }

    /// One slot. A time of zero: not compromised.
    struct Key {
        uint64 fromIndex;
        uint64 untilIndex;
        KeyState state;
        uint64 compromisedFrom;
        uint40 compromiseTime;
    }

    /// Long enough for did:web with a path, short enough to be read by anything.
    uint256 private constant MAX_DID_BYTES = 256;

    /// Between the word that a key is compromised and its effect.
    uint256 private constant COMPROMISE_NOTICE = 7 days;

    ILogAnchor private immutable _LOG_ANCHOR;

    /// Slot 0.
    uint64 public issuerCount;
    /// Slot 1: issuer id => issuer.
    mapping(uint64 => Issuer) private _issuers;
    /// Slot 2: issuer id => origin hash => log.
    mapping(uint64 => mapping(bytes32 => Log)) private _logs;
    /// Slot 3: issuer id => origin hash => key => interval.
    mapping(uint64 => mapping(bytes32 => mapping(bytes32 => Key))) private _keys;
    /// Slot 4: issuer id => accreditor => since when, in seconds.
    mapping(uint64 => mapping(address => uint64)) private _accreditations;

    constructor(ILogAnchor logAnchor_) {
        _LOG_ANCHOR = logAnchor_;
    }

    modifier onlyIssuer(uint64 issuerId) {
        require(msg.sender == accountOf(issuerId), NotIssuer(issuerId, msg.sender));
        _;
    }

    /// @inheritdoc IIssuerRegistry
    function register(string calldata did) external returns (uint64 issuerId) {
        _checkDid(did);
        issuerId = ++issuerCount;
        _issuers[issuerId].account = msg.sender;
        _issuers[issuerId].did = did;
        emit IssuerRegistered(issuerId, msg.sender, did);
    }

    /// @inheritdoc IIssuerRegistry
    function claimDid(uint64 issuerId, string calldata did) external onlyIssuer(issuerId) {
        _checkDid(did);
        _issuers[issuerId].did = did;
        emit DidClaimed(issuerId, did);
    }

    /// @inheritdoc IIssuerRegistry
    function proposeAccount(uint64 issuerId, address proposed) external onlyIssuer(issuerId) {
        _issuers[issuerId].proposed = proposed;
        emit AccountProposed(issuerId, proposed);
    }

    /// @inheritdoc IIssuerRegistry
    function acceptAccount(uint64 issuerId) external {
        address previous = accountOf(issuerId);
        require(msg.sender == _issuers[issuerId].proposed, NotProposed(issuerId, msg.sender));
        _issuers[issuerId].account = msg.sender;
        delete _issuers[issuerId].proposed;
        emit AccountChanged(issuerId, previous, msg.sender);
    }

    /// @inheritdoc IIssuerRegistry
    function acceptLog(uint64 issuerId, bytes32 originHash, address anchoringAccount)
        external
        onlyIssuer(issuerId)
    {
        require(anchoringAccount != address(0), ZeroAnchoringAccount());
        Log storage log = _logs[issuerId][originHash];
        require(!log.accepted, LogAlreadyAccepted(originHash));
        address fixedAccount = log.anchoringAccount;
        require(
            fixedAccount == address(0) || fixedAccount == anchoringAccount,
            AnchoringAccountFixed(originHash, fixedAccount)
        );
        log.anchoringAccount = anchoringAccount;
        log.accepted = true;
        emit LogAccepted(issuerId, originHash, anchoringAccount);
    }

    /// @inheritdoc IIssuerRegistry
    function removeLog(uint64 issuerId, bytes32 originHash) external onlyIssuer(issuerId) {
        Log storage log = _logs[issuerId][originHash];
        require(log.accepted, LogNotAccepted(originHash));
        log.accepted = false;
        emit LogRemoved(issuerId, originHash);
    }

    /// @inheritdoc IIssuerRegistry
    function addKey(uint64 issuerId, bytes32 key, bytes32 originHash, uint64 fromIndex)
        external
        onlyIssuer(issuerId)
    {
        require(key != 0, ZeroKey());
        Log storage log = _logs[issuerId][originHash];
        require(log.accepted, LogNotAccepted(originHash));
        require(_keys[issuerId][originHash][key].state == KeyState.None, KeyAlreadyAdded(key, originHash));
        _checkNotBelow(fromIndex, _LOG_ANCHOR.lastSizeOf(log.anchoringAccount, originHash));

        _keys[issuerId][originHash][key] = Key(fromIndex, type(uint64).max, KeyState.Active, 0, 0);
        emit KeyAdded(issuerId, key, originHash, fromIndex);
    }

    /// @inheritdoc IIssuerRegistry
    function retireKey(uint64 issuerId, bytes32 key, bytes32 originHash, uint64 untilIndex)
        external
        onlyIssuer(issuerId)
    {
        Key storage interval = _keys[issuerId][originHash][key];
        require(interval.state == KeyState.Active, KeyNotActive(key, originHash));
        _checkNotBelow(untilIndex, interval.fromIndex);
        address anchoringAccount = _logs[issuerId][originHash].anchoringAccount;
        _checkNotBelow(untilIndex, _LOG_ANCHOR.lastSizeOf(anchoringAccount, originHash));

        interval.untilIndex = untilIndex;
        interval.state = KeyState.Retired;
        emit KeyRetired(issuerId, key, originHash, untilIndex);
    }

    /// @inheritdoc IIssuerRegistry
    function declareCompromised(uint64 issuerId, bytes32 key, bytes32 originHash, uint64 fromIndex)
        external
        onlyIssuer(issuerId)
    {
        Key storage interval = _keys[issuerId][originHash][key];
        require(interval.state != KeyState.None, KeyUnknown(key, originHash));
        require(interval.compromiseTime == 0, KeyAlreadyCompromised(key, originHash));
        _checkNotBelow(fromIndex, interval.fromIndex);
        require(fromIndex < interval.untilIndex, IndexNotCovered(fromIndex, interval.untilIndex));

        // Fits for 34,000 years.
        // forge-lint: disable-next-line(unsafe-typecast)
        uint40 effectiveFrom = uint40(block.timestamp + COMPROMISE_NOTICE);
        interval.compromisedFrom = fromIndex;
        interval.compromiseTime = effectiveFrom;
        emit KeyCompromised(issuerId, key, originHash, fromIndex, effectiveFrom);
    }

    /// @inheritdoc IIssuerRegistry
    function accredit(uint64 issuerId, bytes32 evidence) external {
        accountOf(issuerId); // reverts for an issuer that does not exist
        require(_accreditations[issuerId][msg.sender] == 0, AlreadyAccredited(issuerId, msg.sender));
        // Fits for 500 billion years.
        // forge-lint: disable-next-line(unsafe-typecast)
        _accreditations[issuerId][msg.sender] = uint64(block.timestamp);
        emit IssuerAccredited(issuerId, msg.sender, evidence);
    }

    /// @inheritdoc IIssuerRegistry
    function withdrawAccreditation(uint64 issuerId) external {
        require(_accreditations[issuerId][msg.sender] != 0, NotAccredited(issuerId, msg.sender));
        delete _accreditations[issuerId][msg.sender];
        emit AccreditationWithdrawn(issuerId, msg.sender);
    }

    /// @inheritdoc IIssuerRegistry
    function accountOf(uint64 issuerId) public view returns (address account) {
        account = _issuers[issuerId].account;
        require(account != address(0), UnknownIssuer(issuerId));
    }

    /// @inheritdoc IIssuerRegistry
    function proposedAccountOf(uint64 issuerId) external view returns (address) {
        return _issuers[issuerId].proposed;
    }

    /// @inheritdoc IIssuerRegistry
    function didOf(uint64 issuerId) external view returns (string memory) {
        return _issuers[issuerId].did;
    }

    /// @inheritdoc IIssuerRegistry
    function logOf(uint64 issuerId, bytes32 originHash) external view returns (bool, address) {
        Log storage log = _logs[issuerId][originHash];
        return (log.accepted, log.anchoringAccount);
    }

    /// @inheritdoc IIssuerRegistry
    function keyOf(uint64 issuerId, bytes32 key, bytes32 originHash)
        external
        view
        returns (KeyState, uint64, uint64)
    {
        Key storage interval = _keys[issuerId][originHash][key];
        return (interval.state, interval.fromIndex, interval.untilIndex);
    }

    /// @inheritdoc IIssuerRegistry
    function compromiseOf(uint64 issuerId, bytes32 key, bytes32 originHash)
        external
        view
        returns (bool, uint64, uint64)
    {
        Key storage interval = _keys[issuerId][originHash][key];
        return (interval.compromiseTime != 0, interval.compromisedFrom, interval.compromiseTime);
    }

    /// @inheritdoc IIssuerRegistry
    function accreditedSince(uint64 issuerId, address accreditor) external view returns (uint64) {
        return _accreditations[issuerId][accreditor];
    }

    /// @inheritdoc IIssuerRegistry
    function logAnchor() external view returns (address) {
        return address(_LOG_ANCHOR);
    }

    function _checkDid(string calldata did) private pure {
        require(bytes(did).length <= MAX_DID_BYTES, DidTooLong(bytes(did).length, MAX_DID_BYTES));
    }

    function _checkNotBelow(uint64 index, uint64 floor) private pure {
        require(index >= floor, IndexBelowFloor(index, floor));
    }
}
