// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title How a wearable comes back to an owner who lost the account
/// @notice Two ways, in every collection whose implementation names this contract: the owner's guardians,
/// accounts of whom a threshold must agree; and the issuer, only until recoveryUntil in the terms of the
/// design. Both name the new account, show as recovering, and take effect after a delay.
///
/// Who may do what:
/// - an owner: name guardians, their threshold and delay (each change takes effect after the present delay,
///   7 days at least, and can be called off until then); veto any recovery, unless it marked the token lost;
///   each also by a signature that anybody submits;
/// - its guardians, the threshold of them: recover tokens, stop a recovery (the issuer's too), take the lost
///   flag off; each guardian also by signature;
/// - the issuer's account: recover a token with 30 days' notice that ends before recoveryUntil, and drop that;
/// - anybody: finish a recovery whose time has come, drop one of an issuer whose time is over.
///
/// What wins, and whom that protects:
/// - The owner comes first: its veto protects it from guardians and issuer.
/// - A token marked lost lifts the veto: that protects the owner from a thief, who signs for the owner.
///   Marking lost is therefore to believe one's guardians, and until recoveryUntil the issuer, more than one's
///   own account. For a token that is not marked lost the veto gives a thief nothing: it can move the token.
/// - Lost does not come off while a recovery is under way, and the end of one calls off what was asked for, so a
///   thief gains nothing by asking first: whoever asks again waits for 7 days again.
/// - Guardians named after a recovery began have no say in it. So a thief who names guardians, or calls off
///   the change that the owner made, neither ends a recovery nor clears the lost flag in it.
/// - Guardians come before executors and issuer, and executors before the issuer: an open estate stops the
///   issuer's recovery, unless the token is marked lost, for then a thief may have made the will.
/// A thief who moves the wearable before it is marked lost is not stopped by any of this.
///
/// Trusts: guardians, the threshold of them, not to collude against an owner who marked a token lost or no
/// longer looks; the issuer's account, within its date, in the same case; a collection that a call names,
/// only for what it says of itself: which registry, estate, issuer, terms and owner it has.
/// @dev Typed data: SetGuardians(address[] guardians,uint8 threshold,uint40 delay,address account,uint256
/// nonce,uint256 deadline), KeepGuardians(address account,uint256 nonce,uint256 deadline), Veto(address
/// collection,uint256[] tokenIds,address account,uint256 nonce,uint256 deadline), Recover(address
/// owner,address collection,uint256[] tokenIds,address to,address account,uint256 nonce,uint256 deadline),
/// StopRecovery(address owner,address collection,uint256[] tokenIds,address account,uint256 nonce,uint256
/// deadline), ClearLost(address owner,address collection,uint256[] tokenIds,address account,uint256
/// nonce,uint256 deadline); see ISignedActs.
interface IRecovery {
    /// @notice From second `from` on, these are the guardians of `owner`, unless it calls that off; none: it
    /// has no guardians then.
    event GuardiansChanging(
        address indexed owner, address[] guardians, uint8 threshold, uint40 delay, uint256 from
    );

    /// @notice `owner` called off the change of guardians that was under way.
    event GuardiansKept(address indexed owner);

    /// @notice `guardian` of `owner` is for the decision with this key: act 1 recover, 2 stop a recovery, 3 clear
    /// lost.
    /// @dev The key is keccak256(abi.encode(owner, circle, act, subject)). The circle is the number of the guardians
    /// in force: those of the owner's first GuardiansChanging are 1, and so on. The subject of act 1 is
    /// keccak256(abi.encode(collection, tokenIds, to)); of 2 and 3, keccak256(abi.encode(collection, tokenIds,
    /// beganAt)), a uint256[] with, of each token, the time of its last RecoveryBegan, over or not; 0: none ever.
    event GuardianAgreed(address indexed owner, address indexed guardian, uint8 act, bytes32 indexed key);

    /// @notice From second `readyAt` on the token can be moved from `owner` to `to`; by guardians or the issuer.
    event RecoveryBegan(
        address indexed collection,
        uint256 indexed tokenId,
        address indexed owner,
        address to,
        bool byGuardians,
        uint256 readyAt
    );

    /// @notice A recovery ended without effect: `by` is the owner, who vetoed it, or who stopped or dropped it.
    event RecoveryStopped(address indexed collection, uint256 indexed tokenId, address indexed by);

    /// @notice The token went from `owner` to `to`.
    event Recovered(
        address indexed collection, uint256 indexed tokenId, address indexed owner, address to
    );

    /// @notice A delay below 7 or above 90 days.
    error BadDelay(uint256 delay);

    /// @notice No change of guardians is under way.
    error NothingChanging(address owner);

    /// @notice The new account is zero, or the owner's present one.
    error BadReceiver(address to);

    /// @notice None of the tokens is one of which the caller has this to say: not the owner's, not lost, not
    /// recovering, or recovering since before the guardians were in force.
    error NothingToDo();

    /// @notice The token is marked lost, which lifts the owner's veto.
    error TokenLost(uint256 tokenId);

    /// @notice A recovery of the token is under way.
    error TokenRecovering(uint256 tokenId);

    /// @notice No recovery of the token is under way.
    error NotRecovering(uint256 tokenId);

    /// @notice The recovery waits until second `readyAt`.
    error NotReady(uint256 readyAt);

    /// @notice The issuer's help ends, or ended, with second `recoveryUntil` of the terms, before this takes effect.
    error RecoveryIsOver(uint256 recoveryUntil);

    /// @notice Executors have opened the estate of the owner: the issuer's recovery waits for its end.
    error EstateIsOpen(address owner);

    /// @notice `caller` is not the account of the collection's issuer.
    error NotIssuer(uint64 issuerId, address caller);

    /// @notice Names the sender's guardians, in place of those before; with none and two zeros it has none. In
    /// force after the delay of the present guardians, without any after 7 days: a thief of the account needs
    /// as long as for the lost flag, and the present guardians have that time to act.
    /// @dev A change under way is replaced. Reverts: BadCouncil, BadDelay.
    /// @param guardians 1 to 16 accounts.
    /// @param threshold How many of them must agree.
    /// @param delay Seconds between their decision to recover and its effect, 7 to 90 days.
    function setGuardians(address[] calldata guardians, uint8 threshold, uint40 delay) external;

    /// @notice Calls off the change of guardians that the sender, or who has its key, has under way.
    /// @dev Reverts: NothingChanging.
    function keepGuardians() external;

    /// @notice Ends recoveries of tokens of the sender, whoever began them. Tokens that are not the sender's, or
    /// not recovering, are passed over.
    /// @dev So nobody spoils a veto of many by finishing one in front of it. Reverts: TokenLost, NothingToDo.
    function veto(address collection, uint256[] calldata tokenIds) external;

    /// @notice Says, as a guardian of `owner`, that these tokens are to go to its new account `to`. When the
    /// threshold has said exactly this, their recovery begins, in place of the issuer's.
    /// @dev Tokens that are not the owner's, that guardians are recovering already, or that the issuer has been
    /// recovering since before these guardians were in force, are passed over.
    /// Reverts: BadReceiver, NotInCouncil, NothingToDo.
    function recover(address owner, address collection, uint256[] calldata tokenIds, address to) external;

    /// @notice Says, as a guardian of `owner`, that the recovery of these tokens is to end, whoever began it.
    /// @dev Only guardians who were in force when it began have this say. It is said of the recoveries under way
    /// when the call is made, not of later ones: a signature that waits is said of what it finds until its
    /// deadline, so a near one. Reverts: NotInCouncil, NothingToDo.
    function stopRecovery(address owner, address collection, uint256[] calldata tokenIds) external;

    /// @notice Says, as a guardian of `owner`, that the lost flag is to come off: the account is the owner's
    /// again. At once when the threshold has said it.
    /// @dev Tokens that guardians are recovering, or that the issuer has been recovering since before these
    /// guardians were in force, are passed over. Nothing tells one loss from the next, so what is said here
    /// lapses 3 days after the first said it, and when another recovery of one of the tokens begins; a signature
    /// that waits counts until its deadline, so a near one. Reverts: NotInCouncil, NothingToDo.
    function clearLost(address owner, address collection, uint256[] calldata tokenIds) external;

    /// @notice Begins, as the issuer's account, the recovery of a token to its owner's new account `to`, in 30
    /// days. It must end up to and including second recoveryUntil of the design's terms.
    /// @dev Reverts: NotIssuer, BadReceiver, TokenRecovering, RecoveryIsOver, as the collection does for a token
    /// that does not exist.
    function recoverAsIssuer(address collection, uint256 tokenId, address to) external;

    /// @notice Ends the issuer's recovery of a token without effect: the issuer's account at any time, anybody
    /// when recoveryUntil is over.
    /// @dev Reverts: NotRecovering, NotIssuer.
    function drop(address collection, uint256 tokenId) external;

    /// @notice Moves the token to the new account, when the delay is over. Anybody may. Takes the lost flag off.
    /// @dev Reverts: NotRecovering, NotReady; of the issuer's, RecoveryIsOver and, unless the token is marked
    /// lost, EstateIsOpen.
    function finish(address collection, uint256 tokenId) external;

    /// @notice The guardians of `owner` now, and since when (0: it has none, or has none any more).
    function guardiansOf(address owner)
        external
        view
        returns (address[] memory guardians, uint8 threshold, uint40 delay, uint40 since);

    /// @notice The guardians that `owner` will have from second `from` on; 0: no change is under way.
    function changeOf(address owner)
        external
        view
        returns (address[] memory guardians, uint8 threshold, uint40 delay, uint40 from);

    /// @notice The recovery of a token that is under way; zeros: none.
    function recoveryOf(address collection, uint256 tokenId)
        external
        view
        returns (address owner, address to, bool byGuardians, uint40 beganAt, uint40 readyAt);
}
