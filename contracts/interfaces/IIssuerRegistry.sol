// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Issuers, their accounts, their keys, the logs they accept
/// @notice An issuer is a number, given once and never again. It has one account, which acts for it
/// and which it can change in two steps. Collections keep the number, never the address, so an issuer
/// that rotates its account keeps its collections.
/// @dev Here the chain decides which Ed25519 key speaks for an issuer, at which position of which log.
/// A domain decides only the name: a DID is a claim, not unique, and is to be shown as verified only
/// when the document of that DID names the issuer's account.
///
/// Trusts: the log anchor given at construction, for the last anchored size of a log.
/// Does not check: that a key is a valid Ed25519 key (readers refuse weak ones), that a DID exists.
///
/// Nobody stands above an issuer: no owner, no pause, no recovery of a lost account, no renouncing.
/// An account that can no longer sign leaves the issuer as it stands, for ever.
interface IIssuerRegistry {
    /// @notice What a key is in a log.
    enum KeyState {
        None,
        Active,
        Retired
    }

    /// @notice A new issuer. `did` is its claim, possibly empty.
    event IssuerRegistered(uint64 indexed issuerId, address indexed account, string did);

    /// @notice The issuer now claims `did`; empty takes the claim back.
    event DidClaimed(uint64 indexed issuerId, string did);

    /// @notice The issuer offers itself to `proposed`; the zero address withdraws the offer.
    event AccountProposed(uint64 indexed issuerId, address indexed proposed);

    /// @notice From here on `current` acts for the issuer and `previous` does not.
    event AccountChanged(uint64 indexed issuerId, address indexed previous, address indexed current);

    /// @notice `key` signs certificates for the issuer in the log from entry `fromIndex` on.
    event KeyAdded(
        uint64 indexed issuerId, bytes32 indexed key, bytes32 indexed originHash, uint64 fromIndex
    );

    /// @notice `key` signs for the issuer in the log before entry `untilIndex` only.
    event KeyRetired(
        uint64 indexed issuerId, bytes32 indexed key, bytes32 indexed originHash, uint64 untilIndex
    );

    /// @notice The issuer accepts certificates from this log, anchored by `anchoringAccount`.
    event LogAccepted(uint64 indexed issuerId, bytes32 indexed originHash, address anchoringAccount);

    /// @notice The issuer adds no more keys for this log. Intervals of keys stay as they are.
    event LogRemoved(uint64 indexed issuerId, bytes32 indexed originHash);

    /// @notice From `effectiveFrom` (seconds) on, what `key` signed in the log at entry `fromIndex` and
    /// after it counts for nothing. Certificates hit by it read *repudiated*; ownership is untouched.
    event KeyCompromised(
        uint64 indexed issuerId,
        bytes32 indexed key,
        bytes32 indexed originHash,
        uint64 fromIndex,
        uint64 effectiveFrom
    );

    /// @notice `accreditor` vouches for the issuer. `evidence` is SHA-256 of what it says about it, or 0.
    event IssuerAccredited(uint64 indexed issuerId, address indexed accreditor, bytes32 evidence);

    /// @notice `accreditor` no longer vouches for the issuer.
    event AccreditationWithdrawn(uint64 indexed issuerId, address indexed accreditor);

    /// @notice No issuer has this number.
    error UnknownIssuer(uint64 issuerId);

    /// @notice `caller` is not the account of issuer `issuerId`.
    error NotIssuer(uint64 issuerId, address caller);

    /// @notice `caller` is not the account that was proposed for issuer `issuerId`.
    error NotProposed(uint64 issuerId, address caller);

    /// @notice A DID has at most `limit` bytes.
    error DidTooLong(uint256 length, uint256 limit);

    /// @notice The zero address cannot anchor.
    error ZeroAnchoringAccount();

    /// @notice The log was accepted before with another anchoring account, which is kept for good.
    error AnchoringAccountFixed(bytes32 originHash, address anchoringAccount);

    /// @notice The log is accepted already.
    error LogAlreadyAccepted(bytes32 originHash);

    /// @notice The issuer does not accept this log now.
    error LogNotAccepted(bytes32 originHash);

    /// @notice The zero key.
    error ZeroKey();

    /// @notice This key has, or had, an interval in this log. A key is added once for a log.
    error KeyAlreadyAdded(bytes32 key, bytes32 originHash);

    /// @notice This key has no open interval in this log.
    error KeyNotActive(bytes32 key, bytes32 originHash);

    /// @notice The issuer never added this key for this log.
    error KeyUnknown(bytes32 key, bytes32 originHash);

    /// @notice The key was declared compromised in this log before. That is said once and never undone.
    error KeyAlreadyCompromised(bytes32 key, bytes32 originHash);

    /// @notice The key may not sign at `index`: its interval ends at `untilIndex`.
    error IndexNotCovered(uint64 index, uint64 untilIndex);

    /// @notice `accreditor` vouches for this issuer already.
    error AlreadyAccredited(uint64 issuerId, address accreditor);

    /// @notice `accreditor` does not vouch for this issuer.
    error NotAccredited(uint64 issuerId, address accreditor);

    /// @notice `index` lies below `floor`: entries that are anchored, or that precede the key's own
    /// interval, keep the meaning they had.
    error IndexBelowFloor(uint64 index, uint64 floor);

    /// @notice Registers the sender as a new issuer.
    /// @dev Anybody may call, any number of times; nobody can register another account.
    /// Reverts: DidTooLong.
    /// @param did The DID that the issuer claims, at most 256 bytes, possibly empty.
    /// @return issuerId The new number, from 1, contiguous.
    function register(string calldata did) external returns (uint64 issuerId);

    /// @notice Replaces the issuer's DID claim. Issuer's account only.
    /// @dev Reverts: UnknownIssuer, NotIssuer, DidTooLong.
    function claimDid(uint64 issuerId, string calldata did) external;

    /// @notice First step of a change of account. Issuer's account only.
    /// @dev Reverts: UnknownIssuer, NotIssuer.
    /// @param proposed The account that may accept; the zero address withdraws an open offer.
    function proposeAccount(uint64 issuerId, address proposed) external;

    /// @notice Second step, by the proposed account itself. From this call on every right of the
    /// issuer is that account's, and no signature of another account counts.
    /// @dev One that the previous account made and nobody used is dead while another account acts, and counts
    /// again should that account return: its deadline, or a commit at its serial, ends it for good.
    /// Reverts: UnknownIssuer, NotProposed.
    function acceptAccount(uint64 issuerId) external;

    /// @notice Accepts a log. Issuer's account only.
    /// @dev The anchoring account of a log is fixed at its first acceptance, for this issuer, for ever:
    /// otherwise an issuer could name a fresh account without anchors, and then add or retire keys
    /// below entries that are anchored. A log removed by mistake may be accepted again with the same
    /// account. A log whose anchoring account is lost, or has anchored nonsense, continues under a new
    /// origin. Reverts: UnknownIssuer, NotIssuer, ZeroAnchoringAccount, LogAlreadyAccepted, AnchoringAccountFixed.
    /// @param originHash keccak256 of the log's origin line.
    /// @param anchoringAccount The account whose anchors count; entry 0 of the log names it.
    function acceptLog(uint64 issuerId, bytes32 originHash, address anchoringAccount) external;

    /// @notice Stops adding keys for a log. Issuer's account only. Keys with an open interval keep it
    /// until they are retired, which stays possible.
    /// @dev Reverts: UnknownIssuer, NotIssuer, LogNotAccepted.
    function removeLog(uint64 issuerId, bytes32 originHash) external;

    /// @notice Gives a key an interval [fromIndex, ∞) in an accepted log. Issuer's account only.
    /// @dev Reverts: UnknownIssuer, NotIssuer, ZeroKey, LogNotAccepted, KeyAlreadyAdded, IndexBelowFloor.
    /// @param key The 32 bytes of an Ed25519 public key, not zero.
    /// @param fromIndex First entry that the key may sign, not below the log's last anchored size.
    function addKey(uint64 issuerId, bytes32 key, bytes32 originHash, uint64 fromIndex) external;

    /// @notice Ends a key's interval: it becomes [fromIndex, untilIndex), for good. Issuer's account
    /// only; works in a removed log too.
    /// @dev Reverts: UnknownIssuer, NotIssuer, KeyNotActive, IndexBelowFloor.
    /// @param untilIndex First entry that the key may no longer sign, not below the log's last
    /// anchored size, nor below fromIndex.
    function retireKey(uint64 issuerId, bytes32 key, bytes32 originHash, uint64 untilIndex) external;

    /// @notice Says that somebody else may have signed with a key from entry `fromIndex` on. Issuer's
    /// account only; works for retired keys and in a removed log too. Counts 7 days from now on, so that
    /// owners and readers hear of it first. Said once for a key in a log, and never undone: name the
    /// lowest entry that may be concerned.
    /// @dev It may reach below the log's last anchored size, which addKey and retireKey never do: anchored
    /// entries stay, and what they say of the issuer is repudiated. It does not retire the key, nor
    /// does it need to: whatever the key signs later stands at higher entries. Not on an account that was
    /// stolen: nobody stands above the issuer's account, so its thief can declare what it likes.
    ///
    /// Reverts: NotIssuer, UnknownIssuer, KeyUnknown, KeyAlreadyCompromised, IndexBelowFloor,
    /// IndexNotCovered.
    /// @param fromIndex First entry that is repudiated, within the key's interval.
    function declareCompromised(uint64 issuerId, bytes32 key, bytes32 originHash, uint64 fromIndex) external;

    /// @notice Vouches for an issuer, in the sender's name. Anybody may; each reader chooses whose word
    /// counts for it. Nothing on chain depends on it.
    /// @dev Reverts: UnknownIssuer, AlreadyAccredited.
    /// @param evidence SHA-256 of a document that says what was checked, or 0.
    function accredit(uint64 issuerId, bytes32 evidence) external;

    /// @notice Takes the sender's word for an issuer back. Reverts with NotAccredited.
    function withdrawAccreditation(uint64 issuerId) external;

    /// @notice How many issuers there are; the last one has this number.
    function issuerCount() external view returns (uint64 count);

    /// @notice The account that acts for the issuer. Reverts with UnknownIssuer.
    function accountOf(uint64 issuerId) external view returns (address account);

    /// @notice The account that may accept the issuer now; zero if none.
    function proposedAccountOf(uint64 issuerId) external view returns (address proposed);

    /// @notice The DID that the issuer claims. A claim, not a fact.
    function didOf(uint64 issuerId) external view returns (string memory did);

    /// @notice Whether the issuer accepts the log, and whose anchors count for it (kept after removal).
    function logOf(uint64 issuerId, bytes32 originHash)
        external
        view
        returns (bool accepted, address anchoringAccount);

    /// @notice The interval of a key in a log: entries fromIndex ≤ i < untilIndex. An active key reads
    /// untilIndex = 2^64 − 1.
    function keyOf(uint64 issuerId, bytes32 key, bytes32 originHash)
        external
        view
        returns (KeyState state, uint64 fromIndex, uint64 untilIndex);

    /// @notice Whether the key was declared compromised in the log, from which entry on, and the second
    /// from which that counts. All zero if it was not.
    function compromiseOf(uint64 issuerId, bytes32 key, bytes32 originHash)
        external
        view
        returns (bool declared, uint64 fromIndex, uint64 effectiveFrom);

    /// @notice Since when `accreditor` vouches for the issuer, in seconds; 0 if it does not.
    function accreditedSince(uint64 issuerId, address accreditor) external view returns (uint64 since);

    /// @notice The log anchor that this registry reads.
    function logAnchor() external view returns (address);
}
